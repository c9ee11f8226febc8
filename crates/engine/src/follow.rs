//! What other nodes committed becomes part of the working state (architecture.md §7, "Catch-up reads one store
//! snapshot").

use std::sync::Arc;

use boobook_model::{FieldId, RecordId, Schema, Sq, TableId, Value};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    Head, RecordMeta, Row, Table,
    gone::{Deletion, Gone},
    load::fits,
    meta::Stamp,
    snapshot::State,
    table::{Made, SlotValues},
};

/// Takes the newest state of each record that changed since the working state, ascending by sequence.
///
/// Rows of unknown tables, unknown fields and values of another class than their field's are skipped, as
/// [`crate::Loader`] does.
pub struct Follower<'h> {
    head: &'h mut Head,
    /// Deletions of records that have no row here, by the table's place.
    gone: FxHashMap<usize, Vec<Deletion>>,
    touched: FxHashSet<usize>,
}

impl Head {
    /// Goes on to where the store stands: under another schema if there is a newer one, at other sequences. Records
    /// follow one by one; the state is whole when the follower is finished. Not for a state below the store's `sq_min`:
    /// deletions it has not seen may be forgotten there.
    pub fn follow(
        &mut self,
        schema: Option<(Sq, Arc<Schema>)>,
        sq: Sq,
        sq_min: Sq,
        clock_ms: i64,
        counters: &[(TableId, u64)],
    ) -> Follower<'_> {
        let working = &mut self.working;
        if let Some((schema_sq, schema)) = schema {
            *working = crate::Snapshot { schema_sq, ..working.with_schema(schema) };
        }
        working.sq = sq;
        working.clock_ms = working.clock_ms.max(clock_ms);
        working.state = State::default();
        for &(id, next) in counters {
            let Some(at) = working.place(id) else { continue };
            if working.tables[at].1.next_id < next {
                Arc::make_mut(&mut working.tables[at].1).next_id = next;
            }
        }
        if working.sq_min < sq_min {
            self.forget_tombstones(sq_min);
        }
        Follower { head: self, gone: FxHashMap::default(), touched: FxHashSet::default() }
    }
}

impl Follower<'_> {
    /// A record's newest state: its values, or `None` if it was deleted.
    pub fn record(
        &mut self,
        table: TableId,
        rid: RecordId,
        values: Option<Vec<(FieldId, Value)>>,
        meta: &RecordMeta<'_>,
    ) {
        let Some(at) = self.head.working.place(table) else { return };
        self.touched.insert(at);
        let table = Arc::make_mut(&mut self.head.working.tables[at].1);
        let by = table.meta.user(meta.modified_by);
        let stamp = Stamp { sq: meta.sq, at_ms: meta.modified_at_ms, by };
        let found = table.row(rid);
        match values {
            Some(values) => {
                let made = Made { at_ms: meta.created_at_ms, by: table.meta.user(meta.created_by) };
                let values = table.by_slot(values);
                match found {
                    Some(row) if table.is_made(row, meta) => {
                        table.change(row, rid, &values, stamp);
                    }
                    found => {
                        // Deleted and made anew meanwhile: it is another row, as it would be had this node seen both.
                        if let Some(row) = found {
                            table.remove(row, rid, stamp);
                        }
                        table.insert(rid, &values, made, stamp);
                    }
                }
            }
            None => match found.or_else(|| table.rows.row_of(rid.get(), &table.meta).map(Row)) {
                Some(row) => table.bury(row, rid, stamp),
                None => {
                    let deletion = Deletion { sq: meta.sq, rid: rid.get(), at_ms: meta.modified_at_ms };
                    self.gone.entry(at).or_default().push(deletion);
                    table.next_id = table.next_id.max(u64::from(rid.get()) + 1);
                }
            },
        }
    }

    /// The state is whole.
    pub fn finish(self) {
        let tables = &mut self.head.working.tables;
        let mut touched: Vec<usize> = self.touched.into_iter().collect();
        touched.sort_unstable();
        for at in touched {
            let table = Arc::make_mut(&mut tables[at].1);
            if let Some(new) = self.gone.get(&at) {
                let again: FxHashSet<u32> = new.iter().map(|deletion| deletion.rid).collect();
                let old = table.gone.iter().filter(|deletion| !again.contains(&deletion.rid));
                table.gone = Arc::new(Gone::of(old.chain(new.iter().copied()).collect()));
            }
            table.settle();
        }
    }
}

impl Table {
    /// A value for each slot that stores one: what a record does not have is empty.
    fn by_slot(&self, values: Vec<(FieldId, Value)>) -> SlotValues {
        let class = |slot: usize| self.columns[slot].as_ref().map(|column| column.class());
        let stored = (0..self.columns.len()).filter(|&slot| class(slot).is_some());
        let mut by_slot: SlotValues = stored.map(|slot| (slot, None)).collect();
        for (field, value) in values {
            let Some(slot) = self.schema.slot(field) else { continue };
            let Ok(at) = by_slot.binary_search_by_key(&slot, |(slot, _)| *slot) else { continue };
            if class(slot).is_some_and(|class| fits(value.as_cell(), class)) {
                by_slot[at].1 = Some(value);
            }
        }
        by_slot
    }

    /// Whether the record in a row is the one that was made then.
    fn is_made(&self, row: Row, meta: &RecordMeta<'_>) -> bool {
        let known = self.meta(row);
        (known.created_at_ms, known.created_by) == (meta.created_at_ms, meta.created_by)
    }

    /// The record of a row, dead or alive, was deleted.
    fn bury(&mut self, row: Row, rid: RecordId, stamp: Stamp) {
        if self.rows.is_live(row.0) {
            self.remove(row, rid, stamp);
        } else {
            self.touch(row, stamp);
        }
    }
}
