//! Tables large enough for every threshold as it is in earnest: several leaves and chunks, ordered indexes built
//! lazily and kept through writes, a vacuum. Compared with a plain vector of records.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{cmp::Reverse, sync::Arc};

use boobook_engine::{Condition, Head, Loader, Order, RecordMeta, Select, Snapshot, Test};
use boobook_model::{Lane, RecordId, Schema, Sieve, Sq, TableId, Value};

const NAME: usize = 0;
const AMOUNT: usize = 1;
const STATUS: usize = 2;
const ROWS: u32 = 11_000;

#[derive(Clone, Debug, PartialEq)]
struct Record {
    name: Option<String>,
    amount: Option<i32>,
    status: u16,
    sq: u64,
    created_ms: i64,
    modified_ms: i64,
}

/// By id; `None` was deleted or never was.
type Model = Vec<Option<Record>>;

fn schema() -> Arc<Schema> {
    let json = serde_json::json!({"types": {"A": {"caption": "Contact", "fields": {
        "A": {"base": "string"}, "B": {"base": "number"},
        "C": {"base": "choice", "values": {
            "1": {"caption": "one", "order": 2}, "2": {"caption": "two", "order": 1}, "3": {"caption": "three", "order": 3}}}}}}});
    Arc::new(Schema::from_json(json).unwrap())
}

fn table() -> TableId {
    TableId::nth(0).unwrap()
}

fn rid(n: usize) -> RecordId {
    RecordId::new(n as u64).unwrap()
}

fn scatter(n: u32) -> u32 {
    n.wrapping_mul(0x9E37_79B1).rotate_left(13).wrapping_mul(0x85EB_CA6B)
}

fn values(n: u32) -> (Record, Vec<(usize, Option<Value>)>) {
    let s = scatter(n);
    let name = (!s.is_multiple_of(9)).then(|| format!("name {}", s % 3_000));
    let amount = (!s.is_multiple_of(7)).then_some((s % 500) as i32 - 250);
    let status = (s % 3) as u16 + 1;
    let values = vec![
        (NAME, name.as_deref().map(|name| Value::Text(name.into()))),
        (AMOUNT, amount.map(|n| Value::Number(f64::from(n)))),
        (STATUS, Some(Value::Choice(status))),
    ];
    (Record { name, amount, status, sq: 0, created_ms: 0, modified_ms: 0 }, values)
}

enum Change {
    Create(u32),
    Put { id: usize, seed: u32 },
    Delete(usize),
}

/// One transaction on both.
fn transact(head: &mut Head, model: &mut Model, now_ms: i64, changes: &[Change]) {
    let mut tx = head.begin("u8K2mQ".parse().unwrap(), now_ms);
    for change in changes {
        match *change {
            Change::Create(seed) => {
                let (record, values) = values(seed);
                assert_eq!(tx.create(table(), values).unwrap(), rid(model.len()));
                model.push(Some(Record { created_ms: now_ms, ..record }));
            }
            Change::Put { id, seed } => {
                let (record, values) = values(seed);
                let is_new = tx.upsert(table(), rid(id), values).unwrap();
                model.resize(model.len().max(id + 1), None);
                let created_ms = model[id].as_ref().map_or(now_ms, |record| record.created_ms);
                assert_eq!(is_new, model[id].replace(Record { created_ms, ..record }).is_none());
            }
            Change::Delete(id) => {
                tx.delete(table(), rid(id)).unwrap();
                assert!(model[id].take().is_some());
            }
        }
    }
    let writes = tx.finish().unwrap();
    for change in head.apply(&writes).unwrap().changes {
        if let Some(record) = &mut model[change.rid.get() as usize] {
            (record.sq, record.modified_ms) = (change.sq.0, now_ms);
        }
    }
}

/// Amounts that are odd, or the tenth letter of the name is.
struct Odd;

impl Odd {
    fn is(amount: Option<i32>, name: &str) -> bool {
        amount.is_some_and(|n| n % 2 != 0) || name.as_bytes().get(9).is_some_and(|byte| byte % 2 != 0)
    }
}

impl Sieve for Odd {
    fn slots(&self) -> &[usize] {
        &[NAME, AMOUNT]
    }

    fn test(&self, lanes: &[Lane<'_>], keep: &mut [bool]) {
        let [Lane::Texts(names), Lane::Numbers(amounts)] = lanes else { panic!("{lanes:?}") };
        assert_eq!(amounts.len(), keep.len());
        for (at, (keep, n)) in keep.iter_mut().zip(amounts).enumerate() {
            let name = names.get(at);
            *keep = Self::is((!n.is_nan()).then_some(*n as i32), name);
        }
    }
}

fn check(snapshot: &Snapshot, model: &Model) {
    let contacts = snapshot.table(table()).unwrap();
    assert_eq!(contacts.len(), model.iter().flatten().count());
    let is_odd = |(id, record): (usize, &Option<Record>)| {
        let record = record.as_ref()?;
        Odd::is(record.amount, record.name.as_deref().unwrap_or_default()).then_some(id)
    };
    let odd: Vec<usize> = model.iter().enumerate().filter_map(is_odd).collect();
    let found = snapshot.ids(table(), &[], &[&Odd]);
    assert!(odd.len() > 1_000 && found.iter().map(|id| id.get() as usize).eq(odd));
    let pages = [(0, 50), (100, 40), (3_000, 10), (6_000, 30), (0, usize::MAX)];
    let filters = [None, Some(2u16)];
    let orders = [
        Order::IdAsc,
        Order::IdDesc,
        Order::SequenceDesc,
        Order::CreatedDesc,
        Order::ModifiedAsc,
        Order::Newest,
        Order::Field { slot: NAME, desc: false },
        Order::Field { slot: NAME, desc: true },
        Order::Field { slot: AMOUNT, desc: true },
        Order::Field { slot: STATUS, desc: false },
    ];
    for order in orders {
        let mut all: Vec<(usize, &Record)> =
            model.iter().enumerate().filter_map(|(id, record)| Some((id, record.as_ref()?))).collect();
        match order {
            Order::IdDesc => all.reverse(),
            Order::SequenceDesc => all.sort_by_key(|(_, r)| Reverse(r.sq)),
            Order::CreatedDesc => all.sort_by_key(|(_, r)| Reverse(r.created_ms)),
            Order::ModifiedAsc => all.sort_by_key(|(_, r)| r.modified_ms),
            Order::Newest => all.sort_by_key(|(id, r)| Reverse((r.created_ms, *id))),
            Order::Field { slot: NAME, desc: false } => all.sort_by_key(|(_, r)| &r.name),
            Order::Field { slot: NAME, .. } => all.sort_by_key(|(_, r)| Reverse(&r.name)),
            Order::Field { slot: AMOUNT, .. } => all.sort_by_key(|(_, r)| Reverse(r.amount)),
            Order::Field { .. } => all.sort_by_key(|(_, r)| [1, 0, 2][usize::from(r.status) - 1]),
            _ => {}
        }
        for status in filters {
            let wanted = all.iter().filter(|(_, r)| status.is_none_or(|status| r.status == status));
            let wanted: Vec<usize> = wanted.map(|(id, _)| *id).collect();
            for (skip, take) in pages {
                let any_of = status.map(|status| vec![Some(Value::Choice(status))]);
                let filters = any_of
                    .map(|any_of| Condition { slot: STATUS, test: Test::AnyOf(any_of) })
                    .into_iter()
                    .collect();
                let select = Select { filters, order, skip, take, count: true, ..Select::default() };
                let selected = snapshot.select(table(), &select);
                let found: Vec<usize> =
                    selected.rows.iter().map(|row| contacts.record_id(*row).get() as usize).collect();
                let page: Vec<usize> = wanted.iter().copied().skip(skip).take(take).collect();
                assert!(found == page, "{select:?}");
                assert_eq!(selected.total, Some(wanted.len()));
            }
        }
    }
}

/// The same state from its rows.
fn reload(snapshot: &Snapshot) -> Snapshot {
    let contacts = snapshot.table(table()).unwrap();
    let (sq, counters) = (snapshot.sq, vec![(table(), contacts.next_id())]);
    let mut loader = Loader::new(schema(), sq, snapshot.schema_sq, Sq(0), snapshot.clock_ms, counters);
    for row in snapshot.select(table(), &Select::default()).rows {
        let meta: RecordMeta<'_> = contacts.meta(row);
        let mut writer = loader.record(table(), contacts.record_id(row), false, &meta);
        for (slot, field) in contacts.schema().fields.iter().enumerate() {
            writer.field(field.id, contacts.cell(slot, row));
        }
    }
    loader.finish()
}

#[test]
fn indexes_live_through_writes_and_old_snapshots_stay_as_they_were() {
    let empty = Loader::new(schema(), Sq(0), Sq(0), Sq(0), 0, Vec::new()).finish();
    let mut head = Head::new(Arc::new(empty));
    let mut model: Model = vec![None];
    let create: Vec<Change> = (0..ROWS).map(Change::Create).collect();
    transact(&mut head, &mut model, 1_000, &create);
    let first = (head.publish(), model.clone());
    check(&first.0, &first.1);
    for round in 1..4u32 {
        // Few enough that indexes are kept, the last time so many that they are built anew.
        let count = if round == 3 { 2_000 } else { 150 };
        let put = |n: u32| Change::Put { id: 1 + scatter(n + round) as usize % 10_000, seed: n * 31 + round };
        let mut changes: Vec<Change> = (0..count).map(put).collect();
        changes.extend((0..20).map(|n| Change::Create(n + 7 * round)));
        transact(&mut head, &mut model, 1_000 + i64::from(round), &changes);
        let deletes: Vec<Change> = (0..50).map(|n| Change::Delete(n * 37 + 1 + round as usize)).collect();
        transact(&mut head, &mut model, 1_010 + i64::from(round), &deletes);
        check(&head.publish(), &model);
    }
    // Older than the indexes that have been built since.
    check(&first.0, &first.1);
    check(&reload(&head.publish()), &model);
    // A gap, so that ids are searched for; then ids out of order, old ones revived among them.
    let gap = [Change::Put { id: 100_000, seed: 5 }, Change::Create(6), Change::Create(7)];
    transact(&mut head, &mut model, 1_020, &gap);
    let aside: Vec<Change> =
        (0..60).map(|n| Change::Put { id: (n * 37 + 2) as usize, seed: n + 4 }).collect();
    transact(&mut head, &mut model, 1_021, &aside);
    check(&head.publish(), &model);
    let deletes: Vec<Change> = (500..5_000).filter(|&id| model[id].is_some()).map(Change::Delete).collect();
    transact(&mut head, &mut model, 1_022, &deletes);
    let before = head.publish();
    assert!(head.vacuum());
    check(&head.publish(), &model);
    check(&before, &model);
    let changes = |snapshot: &Snapshot| {
        let items = snapshot.changes(None, Sq(0), usize::MAX).items;
        items.into_iter().map(|item| (item.rid, item.sq, item.row.is_none())).collect::<Vec<_>>()
    };
    assert!(changes(&before) == changes(&head.publish()), "a vacuum changes nothing of the feed");
}
