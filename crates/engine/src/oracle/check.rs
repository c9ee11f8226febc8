//! Every look at a snapshot, compared with the model.

use std::cmp::{Ordering, Reverse};

use boobook_model::{Field, Sq, Value};

use super::model::{Model, Record, USERS, key, rid, tid};
use crate::{FieldFilter, Order, RecordMeta, Select, Snapshot, Tx};

/// A selection whose fields and values are picked once a schema is there.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) table: u32,
    pub(super) filters: Vec<(u32, Vec<Option<u32>>)>,
    pub(super) order: u32,
    pub(super) after_id: Option<u32>,
    pub(super) after_sq: Option<u32>,
    pub(super) page: (usize, usize),
    pub(super) count: bool,
}

/// Records, metadata, ids, counters, reverse lists.
pub(super) fn check_state(snapshot: &Snapshot, model: &Model) {
    assert_eq!(
        (snapshot.sq.0, snapshot.schema_sq.0, snapshot.sq_min.0, snapshot.clock_ms),
        (model.sq, model.schema_sq, model.sq_min, model.clock_ms)
    );
    assert!(snapshot.heap_bytes() < 1 << 24, "{} bytes", snapshot.heap_bytes());
    for at in 0..model.tables() {
        let table = snapshot.table(tid(at)).unwrap();
        let ids = model.ids(at);
        assert_eq!((table.len(), table.is_empty()), (ids.len(), ids.is_empty()));
        assert_eq!(table.next_id(), model.next[at]);
        let all = snapshot.select(tid(at), &Select::default()).rows;
        let found: Vec<u32> = all.iter().map(|row| table.record_id(*row).get()).collect();
        assert_eq!(found, ids, "ids of table {at}");
        for r in model.known(at) {
            let record = model.records.get(&(at, r));
            let last = record.map(|r| r.sq).or_else(|| model.gone.get(&(at, r)).copied());
            assert_eq!(table.last_sq(rid(r)).map(|sq| sq.0), last, "last change of {at}/{r}");
            let row = table.row(rid(r));
            assert_eq!(row.is_some(), record.is_some(), "{at}/{r}");
            let Some((record, row)) = record.zip(row) else { continue };
            assert_eq!(table.record_id(row).get(), r);
            let (created, modified) = (record.created, record.modified);
            let meta = RecordMeta {
                sq: Sq(record.sq),
                created_at_ms: created.0,
                created_by: USERS[created.1],
                modified_at_ms: modified.0,
                modified_by: USERS[modified.1],
            };
            assert_eq!(table.meta(row), meta, "{at}/{r}");
            for (slot, field) in model.table(at).fields.iter().enumerate() {
                let found = table.cell(slot, row).to_value();
                assert_eq!(found.as_ref(), record.values.get(&field.id), "{at}/{r}/{slot}");
            }
        }
    }
    for (at, field, _, target) in model.references() {
        for r in model.known(target) {
            let mut found = Vec::new();
            snapshot.reverse(tid(at), model.slot(at, field), rid(r), &mut found);
            assert_eq!(found, model.reverse(at, field, r), "records of {at} that refer to {target}/{r}");
        }
    }
}

/// What a transaction sees of its own writes.
pub(super) fn check_overlay(tx: &Tx<'_>, before: &Model, now: &Model) {
    for at in 0..now.tables() {
        for r in now.known(at) {
            assert_eq!(tx.exists(tid(at), rid(r)), now.records.contains_key(&(at, r)), "{at}/{r}");
            let sq = before.records.get(&(at, r)).map(|record| Sq(record.sq));
            assert_eq!(tx.sequence(tid(at), rid(r)), sq, "{at}/{r}");
            for (slot, field) in now.table(at).fields.iter().enumerate() {
                let found = tx.cell(tid(at), rid(r), slot).to_value();
                assert_eq!(found.as_ref(), now.cell(at, r, field.id), "{at}/{r}/{slot} in the transaction");
            }
        }
    }
}

pub(super) fn check_changes(snapshot: &Snapshot, model: &Model, since: u64, limit: usize) {
    let gone = model.changes(None, 0).into_iter().filter(|(_, _, is_gone)| *is_gone);
    let gone: Vec<_> = gone.map(|(key, ..)| key).collect();
    let expired = snapshot.expired(i64::MAX, usize::MAX).map_or(Vec::new(), |all| all.tombstones);
    assert_eq!(expired.into_iter().map(|(table, rid)| key(table, rid)).collect::<Vec<_>>(), gone);
    for table in (0..model.tables()).map(Some).chain([None]) {
        let wanted = model.changes(table, since);
        let page = snapshot.changes(table.map(tid), Sq(since), limit);
        let found: Vec<_> = page
            .items
            .iter()
            .map(|item| {
                if let Some(row) = item.row {
                    assert_eq!(snapshot.table(item.table).unwrap().record_id(row), item.rid);
                }
                (key(item.table, item.rid), item.sq.0, item.row.is_none())
            })
            .collect();
        assert_eq!(found, wanted[..wanted.len().min(limit)], "changes of {table:?} since {since}");
        assert_eq!(page.more, wanted.len() > limit);
        let last = found.last().map_or(since, |(_, sq, _)| *sq);
        assert_eq!(page.seq.0, if page.more { last } else { model.sq });
    }
}

/// An option's place among its field's.
fn rank(field: &Field, option: u16) -> usize {
    let mut options: Vec<_> = field.options.iter().map(|o| (o.order as i64, o.id)).collect();
    options.sort_unstable();
    options.iter().position(|(_, id)| *id == option).unwrap_or(usize::MAX)
}

fn order(field: &Field, a: Option<&Value>, b: Option<&Value>) -> Ordering {
    match (a, b) {
        (Some(Value::Text(a)), Some(Value::Text(b))) => a.as_bytes().cmp(b.as_bytes()),
        (Some(Value::Number(a)), Some(Value::Number(b))) => a.partial_cmp(b).unwrap(),
        (Some(Value::Choice(a)), Some(Value::Choice(b))) => rank(field, *a).cmp(&rank(field, *b)),
        (Some(Value::Choices(a)), Some(Value::Choices(b))) => a.cmp(b),
        (Some(Value::Bool(a)), Some(Value::Bool(b))) => a.cmp(b),
        (Some(Value::Time(a)), Some(Value::Time(b))) => a.cmp(b),
        (Some(Value::Reference(a)), Some(Value::Reference(b))) => a.get().cmp(&b.get()),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

fn passes(model: &Model, at: usize, record: &Record, filter: &FieldFilter) -> bool {
    let has = record.values.get(&model.table(at).fields[filter.slot].id);
    filter.any_of.iter().any(|wanted| match (wanted, has) {
        (Some(Value::Choices(wanted)), Some(Value::Choices(has))) => wanted.iter().all(|w| has.contains(w)),
        (wanted, has) => wanted.as_ref() == has,
    })
}

impl Query {
    fn select(&self, model: &Model, at: usize) -> Select {
        let fields = &model.table(at).fields;
        let pick = |pick: u32| pick as usize % fields.len();
        let filters = if fields.is_empty() { &[][..] } else { &self.filters };
        let filters = filters.iter().map(|(field, seeds)| {
            let slot = pick(*field);
            let values = seeds.iter().map(|seed| seed.and_then(|seed| model.value(&fields[slot], seed)));
            FieldFilter { slot, any_of: values.collect() }
        });
        Select {
            filters: filters.collect(),
            after_id: self.after_id.map(|id| if id > 60 { u64::from(id) << 30 } else { u64::from(id) }),
            after_sq: self.after_sq.map(|sq| Sq(u64::from(sq) % (model.sq + 2))),
            order: match self.order {
                0 => Order::IdAsc,
                1 => Order::IdDesc,
                2 => Order::SequenceAsc,
                3 => Order::SequenceDesc,
                4 => Order::CreatedAsc,
                5 => Order::CreatedDesc,
                6 => Order::ModifiedAsc,
                7 => Order::ModifiedDesc,
                8 => Order::Newest,
                n => Order::Field { slot: n as usize / 2 % (fields.len() + 1), desc: n % 2 == 0 },
            },
            skip: self.page.0,
            take: self.page.1,
            count: self.count,
        }
    }
}

pub(super) fn check_query(snapshot: &Snapshot, model: &Model, query: &Query) {
    let at = query.table as usize % model.tables();
    check_select(snapshot, model, at, &query.select(model, at));
}

pub(super) fn check_select(snapshot: &Snapshot, model: &Model, at: usize, select: &Select) {
    let is_hit = |id: u32, record: &Record| {
        select.after_id.is_none_or(|bound| u64::from(id) > bound)
            && select.after_sq.is_none_or(|sq| record.sq > sq.0)
            && select.filters.iter().all(|filter| passes(model, at, record, filter))
    };
    let records = model.records.range((at, 0)..(at + 1, 0)).map(|(key, record)| (key.1, record));
    let mut wanted: Vec<(u32, &Record)> = records.filter(|(id, record)| is_hit(*id, record)).collect();
    match select.order {
        Order::IdAsc => {}
        Order::IdDesc => wanted.reverse(),
        Order::SequenceAsc => wanted.sort_by_key(|(_, r)| r.sq),
        Order::SequenceDesc => wanted.sort_by_key(|(_, r)| Reverse(r.sq)),
        Order::CreatedAsc => wanted.sort_by_key(|(_, r)| r.created.0),
        Order::CreatedDesc => wanted.sort_by_key(|(_, r)| Reverse(r.created.0)),
        Order::ModifiedAsc => wanted.sort_by_key(|(_, r)| r.modified.0),
        Order::ModifiedDesc => wanted.sort_by_key(|(_, r)| Reverse(r.modified.0)),
        Order::Newest => wanted.sort_by_key(|(id, r)| Reverse((r.created.0, *id))),
        Order::Field { slot, desc } => {
            if let Some(field) = model.table(at).fields.get(slot) {
                wanted.sort_by(|(_, a), (_, b)| {
                    let up = order(field, a.values.get(&field.id), b.values.get(&field.id));
                    if desc { up.reverse() } else { up }
                });
            }
        }
    }
    let total = wanted.len();
    let page = wanted.into_iter().map(|(id, _)| id).skip(select.skip).take(select.take);
    let selected = snapshot.select(tid(at), select);
    let table = snapshot.table(tid(at)).unwrap();
    let found: Vec<u32> = selected.rows.iter().map(|row| table.record_id(*row).get()).collect();
    assert_eq!(found, page.collect::<Vec<_>>(), "{select:?}");
    assert_eq!(selected.total, select.count.then_some(total), "{select:?}");
}
