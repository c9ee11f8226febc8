//! The change feed: what changed after a sequence number.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, binary_heap::PeekMut},
};

use boobook_model::{RecordId, Sq, TableId};

use crate::{Row, Snapshot, Table, gone::Deletion, table::record_id};

/// A page of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangePage {
    /// Ascending by sequence; each record once, with its newest change.
    pub items: Vec<ChangeItem>,
    /// Whether there are more than were asked for.
    pub more: bool,
    /// What to ask for next: the last item's sequence, or the snapshot's when there are no more.
    pub seq: Sq,
}

/// The newest change of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeItem {
    /// Its table.
    pub table: TableId,
    /// Its id.
    pub rid: RecordId,
    /// Sequence of the change.
    pub sq: Sq,
    /// Where it is; `None` if it was deleted.
    pub row: Option<Row>,
}

/// One table's changes from some sequence on.
struct Feed<'a> {
    id: TableId,
    table: &'a Table,
    log_at: usize,
    gone_at: usize,
}

impl Feed<'_> {
    /// `None` for tables that have not changed since, which most have not.
    fn new(id: TableId, table: &Table, since: Sq) -> Option<Feed<'_>> {
        let is_newer = table.log.last() > since || table.gone.last() > since;
        is_newer.then(|| Feed { id, table, log_at: table.log.after(since), gone_at: table.gone.after(since) })
    }

    fn next(&mut self) -> Option<ChangeItem> {
        let table = self.table;
        let logged = loop {
            if self.log_at == table.log.len() {
                break None;
            }
            match table.log.current(self.log_at, &table.meta) {
                Some(current) => break Some(current),
                None => self.log_at += 1,
            }
        };
        let gone = loop {
            match table.gone.get(self.gone_at) {
                // It came back: its row tells the rest.
                Some(gone) if table.rows.row_of(gone.rid, &table.meta).is_some() => self.gone_at += 1,
                other => break other,
            }
        };
        match (logged, gone) {
            (None, None) => None,
            (Some((sq, row)), gone) if gone.is_none_or(|gone| sq < gone.sq) => {
                self.log_at += 1;
                let live = table.rows.is_live(row).then_some(Row(row));
                Some(ChangeItem { table: self.id, rid: record_id(table.meta.rid(row)), sq, row: live })
            }
            (_, gone) => {
                self.gone_at += 1;
                gone.map(|gone| ChangeItem {
                    table: self.id,
                    rid: record_id(gone.rid),
                    sq: gone.sq,
                    row: None,
                })
            }
        }
    }
}

pub(crate) fn page(snapshot: &Snapshot, table: Option<TableId>, since: Sq, limit: usize) -> ChangePage {
    let tables = match table {
        Some(id) => snapshot.place(id).map_or(&[][..], |at| &snapshot.tables[at..=at]),
        None => &snapshot.tables[..],
    };
    let mut feeds: Vec<Feed<'_>> =
        tables.iter().filter_map(|(id, table)| Feed::new(*id, table, since)).collect();
    let mut heads = BinaryHeap::with_capacity(feeds.len());
    let mut firsts = Vec::with_capacity(feeds.len());
    for (at, feed) in feeds.iter_mut().enumerate() {
        let first = feed.next();
        heads.extend(first.map(|item| Reverse((item.sq, at))));
        firsts.push(first);
    }
    let mut items = Vec::new();
    while items.len() < limit {
        let Some(mut head) = heads.peek_mut() else { break };
        let at = head.0.1;
        let next = feeds[at].next();
        items.extend(std::mem::replace(&mut firsts[at], next));
        match next {
            Some(next) => *head = Reverse((next.sq, at)),
            None => {
                PeekMut::pop(head);
            }
        }
    }
    let more = !heads.is_empty();
    let seq = if more { items.last().map_or(since, |item| item.sq) } else { snapshot.sq };
    ChangePage { items, more, seq }
}

/// Deletions old enough to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expired {
    /// All deletions up to here are among them.
    pub upto: Sq,
    /// The records.
    pub tombstones: Vec<(TableId, RecordId)>,
    /// Whether there are more than were asked for.
    pub more: bool,
}

/// See [`Snapshot::expired`].
pub(crate) fn expired(snapshot: &Snapshot, before_ms: i64, limit: usize) -> Option<Expired> {
    let mut all: Vec<(Deletion, TableId)> = Vec::new();
    for (id, table) in &snapshot.tables {
        table.for_each_deletion(|deletion| all.push((deletion, *id)));
    }
    all.sort_unstable();
    // By sequence, which is what is forgotten by; a younger one ends it, whatever comes behind.
    let due = all.iter().take_while(|(deletion, _)| deletion.at_ms < before_ms).count();
    let taken = &all[..due.min(limit)];
    Some(Expired {
        upto: taken.last()?.0.sq,
        tombstones: taken.iter().map(|(deletion, table)| (*table, record_id(deletion.rid))).collect(),
        more: due > limit,
    })
}
