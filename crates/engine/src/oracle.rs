//! The engine against a model of maps: random transactions, every look at the result compared.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use boobook_model::{RecordId, Schema, Sq, TableId, Value};
use proptest::prelude::*;

use crate::{
    ChangeKind, FieldFilter, Head, Loader, Order, RecordMeta, Select, Snapshot, TxError, changes::ChangeItem,
};

const P: usize = 0;
const Q: usize = 1;
/// Slots of `P`: text, number, choice, choices, yes/no, a reference to `P` itself; of `Q`: text, reference, reference
/// of a composition. The rest are the other sides.
const STORED: [&[usize]; 2] = [&[0, 1, 2, 3, 4, 5], &[0, 1, 2]];
/// Table, slot, whether a composition; all refer to `P`.
const REFERENCES: [(usize, usize, bool); 3] = [(P, 5, false), (Q, 1, false), (Q, 2, true)];

fn schema() -> Arc<Schema> {
    let json = serde_json::json!({"types": {
        "A": {"caption": "P", "fields": {
            "A": {"base": "string", "caption": "text"}, "B": {"base": "number", "caption": "number"},
            "C": {"base": "choice", "caption": "choice", "values": {
                "1": {"caption": "one", "order": 3}, "2": {"caption": "two", "order": 1}, "3": {"caption": "three", "order": 2}}},
            "D": {"base": "multi", "caption": "choices", "values": {
                "1": {"caption": "one"}, "2": {"caption": "two"}, "3": {"caption": "three"}}},
            "E": {"base": "boolean", "caption": "flag"},
            "F": {"base": "ref", "caption": "parent", "refTypeId": "A", "refFieldId": "G"},
            "G": {"base": "rev", "caption": "children", "refTypeId": "A", "refFieldId": "F"},
            "H": {"base": "rev", "caption": "qs", "refTypeId": "B", "refFieldId": "B"},
            "I": {"base": "rev", "caption": "parts", "refTypeId": "B", "refFieldId": "C"}}},
        "B": {"caption": "Q", "fields": {
            "A": {"base": "string", "caption": "text"},
            "B": {"base": "ref", "caption": "p", "refTypeId": "A", "refFieldId": "H"},
            "C": {"base": "ref", "caption": "whole", "refTypeId": "A", "refFieldId": "I", "cascade": true}}}}});
    Arc::new(Schema::from_json(json).unwrap())
}

fn tid(table: usize) -> TableId {
    TableId::nth(table as u32).unwrap()
}

fn rid(n: u32) -> RecordId {
    RecordId::new(u64::from(n)).unwrap()
}

type Values = Vec<(usize, Option<Value>)>;

#[derive(Clone, Debug)]
enum Op {
    Create(usize, Values),
    Update(usize, u32, Values),
    Upsert(usize, u32, Values),
    Delete(usize, u32),
}

#[derive(Clone, Debug)]
enum Step {
    Transaction { ops: Vec<Op>, abort: bool },
    Vacuum,
    Reload,
}

fn value(table: usize, slot: usize) -> BoxedStrategy<Option<Value>> {
    let some: BoxedStrategy<Value> = match (table, slot) {
        (_, 0) => prop_oneof![
            prop::sample::select(vec!["", "a", "B", "ä", "long text that repeats"])
                .prop_map(|t| Value::Text(t.into())),
            "[a-z]{1,4}".prop_map(|t| Value::Text(t.as_str().into())),
        ]
        .boxed(),
        (P, 1) => {
            prop_oneof![(-3i32..4).prop_map(f64::from), Just(0.5), Just(-0.0)].prop_map(Value::Number).boxed()
        }
        (P, 2) => (1u16..4).prop_map(Value::Choice).boxed(),
        (P, 3) => prop::collection::btree_set(1u32..4, 1..3)
            .prop_map(|set| Value::Choices(set.into_iter().collect::<Vec<_>>().into()))
            .boxed(),
        (P, 4) => any::<bool>().prop_map(Value::Bool).boxed(),
        _ => (1u32..10).prop_map(|n| Value::Reference(rid(n))).boxed(),
    };
    prop_oneof![3 => some.prop_map(Some), 1 => Just(None)].boxed()
}

fn values(table: usize) -> impl Strategy<Value = Values> {
    let one = prop::sample::select(STORED[table].to_vec())
        .prop_flat_map(move |slot| value(table, slot).prop_map(move |v| (slot, v)));
    prop::collection::vec(one, 0..4)
}

fn op() -> impl Strategy<Value = Op> {
    (0usize..2).prop_flat_map(|table| {
        prop_oneof![
            4 => values(table).prop_map(move |v| Op::Create(table, v)),
            3 => (1u32..12, values(table)).prop_map(move |(r, v)| Op::Update(table, r, v)),
            2 => (prop_oneof![9 => 1u32..16, 1 => Just(70_000u32)], values(table))
                .prop_map(move |(r, v)| Op::Upsert(table, r, v)),
            2 => (1u32..12).prop_map(move |r| Op::Delete(table, r)),
        ]
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (prop::collection::vec(op(), 1..6), prop::bool::weighted(0.1))
            .prop_map(|(ops, abort)| Step::Transaction { ops, abort }),
        1 => Just(Step::Vacuum),
        1 => Just(Step::Reload),
    ]
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Record {
    values: BTreeMap<usize, Value>,
    sq: u64,
    created_ms: i64,
    modified_ms: i64,
}

/// Everything in maps.
#[derive(Clone, Debug, Default)]
struct Model {
    records: BTreeMap<(usize, u32), Record>,
    gone: BTreeMap<(usize, u32), u64>,
    next: [u64; 2],
    sq: u64,
}

impl Model {
    fn put(&mut self, key: (usize, u32), values: &Values) {
        let record = self.records.entry(key).or_default();
        for (slot, value) in values {
            match value {
                Some(value) => record.values.insert(*slot, value.clone()),
                None => record.values.remove(slot),
            };
        }
    }

    /// Runs one operation; notes what it touched. `false`: refused.
    fn run(&mut self, op: &Op, touched: &mut BTreeSet<(usize, u32)>) -> bool {
        match op {
            Op::Create(table, values) => {
                let key = (*table, self.next[*table] as u32);
                self.next[*table] += 1;
                self.put(key, values);
                touched.insert(key);
            }
            Op::Update(table, r, values) => {
                if !self.records.contains_key(&(*table, *r)) {
                    return false;
                }
                self.put((*table, *r), values);
                touched.insert((*table, *r));
            }
            Op::Upsert(table, r, values) => {
                self.next[*table] = self.next[*table].max(u64::from(*r) + 1);
                self.put((*table, *r), values);
                touched.insert((*table, *r));
            }
            Op::Delete(table, r) => {
                if !self.records.contains_key(&(*table, *r)) {
                    return false;
                }
                self.delete((*table, *r), touched);
            }
        }
        true
    }

    fn delete(&mut self, key: (usize, u32), touched: &mut BTreeSet<(usize, u32)>) {
        let mut stack = vec![key];
        while let Some(key) = stack.pop() {
            if self.records.remove(&key).is_none() {
                continue;
            }
            touched.insert(key);
            if key.0 != P {
                continue;
            }
            let gone = Value::Reference(rid(key.1));
            for (table, slot, composition) in REFERENCES {
                let refer = |(k, r): (&(usize, u32), &Record)| {
                    (k.0 == table && r.values.get(&slot) == Some(&gone)).then_some(*k)
                };
                let referrers: Vec<_> = self.records.iter().filter_map(refer).collect();
                for referrer in referrers {
                    if composition {
                        stack.push(referrer);
                    } else if let Some(record) = self.records.get_mut(&referrer) {
                        record.values.remove(&slot);
                        touched.insert(referrer);
                    }
                }
            }
        }
    }

    fn has_dangling_reference(&self) -> bool {
        self.records.iter().any(|((table, _), record)| {
            REFERENCES.iter().filter(|r| r.0 == *table).any(|(_, slot, _)| match record.values.get(slot) {
                Some(Value::Reference(target)) => !self.records.contains_key(&(P, target.get())),
                _ => false,
            })
        })
    }

    fn reverse(&self, table: usize, slot: usize, target: u32) -> Vec<u32> {
        let wanted = Value::Reference(rid(target));
        let all = self.records.iter().filter(|(k, r)| k.0 == table && r.values.get(&slot) == Some(&wanted));
        all.map(|(k, _)| k.1).collect()
    }

    fn changes(&self, table: Option<usize>, since: u64) -> Vec<(usize, u32, u64, bool)> {
        let live = self.records.iter().map(|(k, r)| (k.0, k.1, r.sq, false));
        let gone = self.gone.iter().map(|(k, sq)| (k.0, k.1, *sq, true));
        let mut all: Vec<_> =
            live.chain(gone).filter(|c| c.2 > since && table.is_none_or(|t| t == c.0)).collect();
        all.sort_by_key(|c| c.2);
        all
    }
}

fn compare(snapshot: &Snapshot, model: &Model) {
    assert_eq!(snapshot.sq.0, model.sq);
    for table in [P, Q] {
        let t = snapshot.table(tid(table)).unwrap();
        let wanted: Vec<u32> = model.records.keys().filter(|k| k.0 == table).map(|k| k.1).collect();
        assert_eq!(t.len(), wanted.len());
        assert_eq!(t.next_id(), model.next[table]);
        let all = snapshot.select(tid(table), &Select::default()).rows;
        let found: Vec<u32> = all.iter().map(|row| t.record_id(*row).get()).collect();
        assert_eq!(found, wanted, "ids of table {table}");
        for r in 1..20 {
            let record = model.records.get(&(table, r));
            assert_eq!(t.row(rid(r)).is_some(), record.is_some(), "{table}/{r}");
            let last = record.map(|r| r.sq).or_else(|| model.gone.get(&(table, r)).copied());
            assert_eq!(t.last_sq(rid(r)).map(|sq| sq.0), last, "last change of {table}/{r}");
            let Some((record, row)) = record.zip(t.row(rid(r))) else { continue };
            let meta = t.meta(row);
            assert_eq!(
                (meta.sq.0, meta.created_at_ms, meta.modified_at_ms),
                (record.sq, record.created_ms, record.modified_ms)
            );
            for slot in STORED[table] {
                assert_eq!(
                    t.cell(*slot, row).to_value().as_ref(),
                    record.values.get(slot),
                    "{table}/{r}/{slot}"
                );
            }
        }
    }
    for target in 1..16 {
        for (table, slot, _) in REFERENCES {
            let mut found = Vec::new();
            snapshot.reverse(tid(table), slot, rid(target), &mut found);
            assert_eq!(
                found,
                model.reverse(table, slot, target),
                "records of {table}/{slot} that refer to {target}"
            );
        }
    }
}

fn compare_changes(snapshot: &Snapshot, model: &Model, since: u64, limit: usize) {
    for table in [None, Some(P), Some(Q)] {
        let wanted = model.changes(table, since);
        let page = snapshot.changes(table.map(tid), Sq(since), limit);
        let shape =
            |i: &ChangeItem| (i.table.ordinal().unwrap() as usize, i.rid.get(), i.sq.0, i.row.is_none());
        let found: Vec<_> = page.items.iter().map(shape).collect();
        assert_eq!(found, wanted[..wanted.len().min(limit)], "changes of {table:?} since {since}");
        assert_eq!(page.more, wanted.len() > limit);
    }
}

fn rank(choice: u16) -> u32 {
    [0, 2, 0, 1][choice as usize]
}

fn compare_values(a: Option<&Value>, b: Option<&Value>) -> std::cmp::Ordering {
    match (a, b) {
        (None, _) | (_, None) => a.is_some().cmp(&b.is_some()),
        (Some(a), Some(b)) => match (a, b) {
            (Value::Text(a), Value::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            // A number is stored as it came; -0 and 0 are equal to people and to this order's users.
            (Value::Number(a), Value::Number(b)) => (a + 0.0).total_cmp(&(b + 0.0)),
            (Value::Choice(a), Value::Choice(b)) => rank(*a).cmp(&rank(*b)),
            (Value::Choices(a), Value::Choices(b)) => a.cmp(b),
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Reference(a), Value::Reference(b)) => a.cmp(b),
            _ => std::cmp::Ordering::Equal,
        },
    }
}

fn passes(record: &Record, filter: &FieldFilter) -> bool {
    let cell = record.values.get(&filter.slot);
    filter.any_of.iter().any(|wanted| match (wanted, cell) {
        (None, None) => true,
        (Some(Value::Choices(wanted)), Some(Value::Choices(has))) => wanted.iter().all(|w| has.contains(w)),
        (Some(Value::Number(a)), Some(Value::Number(b))) => a == b,
        (Some(wanted), Some(has)) => wanted == has,
        _ => false,
    })
}

fn compare_select(snapshot: &Snapshot, model: &Model, select: &Select) {
    let t = snapshot.table(tid(P)).unwrap();
    let mut wanted: Vec<(u32, &Record)> = model
        .records
        .iter()
        .filter(|(k, r)| {
            k.0 == P
                && select.after_id.is_none_or(|id| u64::from(k.1) > id)
                && select.after_sq.is_none_or(|sq| r.sq > sq.0)
                && select.filters.iter().all(|f| passes(r, f))
        })
        .map(|(k, r)| (k.1, r))
        .collect();
    match select.order {
        Order::IdAsc => {}
        Order::IdDesc => wanted.reverse(),
        Order::SequenceAsc => wanted.sort_by_key(|(_, r)| r.sq),
        Order::SequenceDesc => wanted.sort_by_key(|(_, r)| std::cmp::Reverse(r.sq)),
        Order::CreatedAsc => wanted.sort_by_key(|(_, r)| r.created_ms),
        Order::CreatedDesc => wanted.sort_by_key(|(_, r)| std::cmp::Reverse(r.created_ms)),
        Order::ModifiedAsc => wanted.sort_by_key(|(_, r)| r.modified_ms),
        Order::ModifiedDesc => wanted.sort_by_key(|(_, r)| std::cmp::Reverse(r.modified_ms)),
        Order::Newest => wanted.sort_by_key(|(id, r)| std::cmp::Reverse((r.created_ms, *id))),
        Order::Field { slot, desc } => wanted.sort_by(|(_, a), (_, b)| {
            let order = compare_values(a.values.get(&slot), b.values.get(&slot));
            if desc { order.reverse() } else { order }
        }),
    }
    let total = wanted.len();
    let wanted: Vec<u32> = wanted.into_iter().map(|(id, _)| id).skip(select.skip).take(select.take).collect();
    let selected = snapshot.select(tid(P), select);
    let found: Vec<u32> = selected.rows.iter().map(|row| t.record_id(*row).get()).collect();
    assert_eq!(found, wanted, "{select:?}");
    assert_eq!(selected.total, select.count.then_some(total));
}

fn a_select() -> impl Strategy<Value = Select> {
    let filter = prop::sample::select(STORED[P].to_vec()).prop_flat_map(|slot| {
        prop::collection::vec(value(P, slot), 1..4).prop_map(move |any_of| FieldFilter { slot, any_of })
    });
    let field = (prop::sample::select(STORED[P].to_vec()), any::<bool>());
    let order = prop_oneof![
        prop::sample::select(vec![
            Order::IdAsc,
            Order::IdDesc,
            Order::SequenceAsc,
            Order::SequenceDesc,
            Order::CreatedAsc,
            Order::CreatedDesc,
            Order::ModifiedAsc,
            Order::ModifiedDesc,
            Order::Newest,
        ]),
        field.prop_map(|(slot, desc)| Order::Field { slot, desc }),
    ];
    (
        prop::collection::vec(filter, 0..3),
        prop::option::weighted(0.2, 0u64..10),
        prop::option::weighted(0.2, 0u64..30),
        order,
        0usize..4,
        0usize..20,
        any::<bool>(),
    )
        .prop_map(|(filters, after_id, after_sq, order, skip, take, count)| Select {
            filters,
            after_id,
            after_sq: after_sq.map(Sq),
            order,
            skip,
            take,
            count,
        })
}

/// Runs a transaction on both; both refuse or both do the same.
fn transact(head: &mut Head, model: &mut Model, ops: &[Op], abort: bool, now_ms: i64) {
    let mut tx = head.begin("u8K2mQ".parse().unwrap(), now_ms);
    let (mut next, mut touched, mut refused) = (model.clone(), BTreeSet::new(), false);
    for op in ops {
        let outcome = match op.clone() {
            Op::Create(table, values) => tx.create(tid(table), values).map(|_| ()),
            Op::Update(table, r, values) => tx.update(tid(table), rid(r), values),
            Op::Upsert(table, r, values) => tx.upsert(tid(table), rid(r), values).map(|_| ()),
            Op::Delete(table, r) => tx.delete(tid(table), rid(r)),
        };
        let allowed = next.run(op, &mut touched);
        assert_eq!(outcome.is_ok(), allowed, "{op:?}: {outcome:?}");
        if !allowed {
            refused = true;
            break;
        }
    }
    if refused || abort {
        return;
    }
    let writes = match tx.finish() {
        Err(TxError::NoSuchReference { .. }) => return assert!(next.has_dangling_reference()),
        other => other.unwrap(),
    };
    assert!(!next.has_dangling_reference());
    let applied = head.apply(writes);
    // Made and deleted in one transaction: nothing is left to tell.
    touched.retain(|k| {
        next.records.contains_key(k)
            || model.records.contains_key(k)
            || model.gone.contains_key(k) && next.records.contains_key(k)
    });
    let told: BTreeSet<_> =
        applied.changes.iter().map(|c| (c.table.ordinal().unwrap() as usize, c.rid.get())).collect();
    assert_eq!(told, touched);
    let mut last = model.sq;
    for change in &applied.changes {
        let key = (change.table.ordinal().unwrap() as usize, change.rid.get());
        assert!(change.sq.0 > last, "sequences ascend");
        last = change.sq.0;
        let before = model.records.get(&key);
        let prev = before.map(|r| r.sq).or_else(|| model.gone.get(&key).copied()).unwrap_or(0);
        assert_eq!(change.prev.0, prev, "{key:?}");
        match (before, next.records.get_mut(&key)) {
            (_, None) => {
                assert_eq!(change.kind, ChangeKind::Deleted);
                next.gone.insert(key, change.sq.0);
            }
            (None, Some(record)) => {
                assert_eq!(change.kind, ChangeKind::Created);
                next.gone.remove(&key);
                (record.sq, record.created_ms, record.modified_ms) = (change.sq.0, now_ms, now_ms);
            }
            (Some(before), Some(record)) => {
                if change.kind == ChangeKind::Updated {
                    for (slot, old) in &change.before {
                        assert_eq!(old.as_ref(), before.values.get(slot), "old value of {key:?}/{slot}");
                    }
                    record.created_ms = before.created_ms;
                } else {
                    record.created_ms = now_ms;
                }
                (record.sq, record.modified_ms) = (change.sq.0, now_ms);
            }
        }
    }
    next.sq = head.snapshot().sq.0;
    assert!(next.sq >= last);
    *model = next;
}

/// The same state through the loader.
fn reload(snapshot: &Snapshot, model: &Model) -> Snapshot {
    let counters = [(tid(P), model.next[P]), (tid(Q), model.next[Q])].to_vec();
    let mut loader =
        Loader::new(schema(), snapshot.sq, snapshot.schema_sq, snapshot.sq_min, snapshot.clock_ms, counters);
    for table in [P, Q] {
        let mut keys: Vec<(u32, bool)> =
            model.records.keys().filter(|k| k.0 == table).map(|k| (k.1, false)).collect();
        keys.extend(model.gone.keys().filter(|k| k.0 == table).map(|k| (k.1, true)));
        keys.sort_unstable();
        for (r, deleted) in keys {
            let record = model.records.get(&(table, r)).cloned().unwrap_or_default();
            let sq = if deleted { model.gone[&(table, r)] } else { record.sq };
            let meta = RecordMeta {
                sq: Sq(sq),
                created_at_ms: record.created_ms,
                created_by: "u8K2mQ",
                modified_at_ms: record.modified_ms,
                modified_by: "u8K2mQ",
            };
            let mut row = loader.record(tid(table), rid(r), deleted, &meta);
            for (slot, value) in &record.values {
                let field = schema().table(tid(table)).unwrap().fields[*slot].id;
                row.field(field, value.as_cell());
            }
        }
    }
    loader.finish()
}

fn start() -> (Head, Model) {
    let empty = Loader::new(schema(), Sq(1), Sq(1), Sq(0), 0, Vec::new()).finish();
    (Head::new(Arc::new(empty)), Model { next: [1, 1], sq: 1, ..Model::default() })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_is_the_model(
        steps in prop::collection::vec(step(), 1..25),
        selects in prop::collection::vec(a_select(), 1..6),
        since in 0u64..40,
        limit in 1usize..12,
    ) {
        let (mut head, mut model) = start();
        let mut kept = Vec::new();
        for (n, step) in steps.iter().enumerate() {
            match step {
                Step::Transaction { ops, abort } => {
                    transact(&mut head, &mut model, ops, *abort, 1_000 + n as i64 / 3);
                }
                Step::Vacuum => {
                    head.vacuum_above(0);
                }
                Step::Reload => head = Head::new(Arc::new(reload(head.snapshot(), &model))),
            }
            let published = head.publish();
            compare(&published, &model);
            compare_changes(&published, &model, since, limit);
            for select in &selects {
                compare_select(&published, &model, select);
            }
            kept.push((published, model.clone()));
        }
        for (snapshot, model) in &kept {
            compare(snapshot, model);
        }
    }
}

/// Over 4,096 rows pages by a field come from an index that lives through writes.
#[test]
fn ordered_indexes_live_through_writes() {
    let (mut head, mut model) = start();
    let names = ["delta", "alpha", "", "Zulu", "bravo"];
    let create = |n: usize| {
        let text = Some(Value::Text(names[n % 5].into()));
        Op::Create(
            P,
            vec![
                (0, text),
                (1, Some(Value::Number((n * 7919 % 1000) as f64))),
                (2, Some(Value::Choice(1 + (n % 3) as u16))),
            ],
        )
    };
    let ops: Vec<Op> = (0..6_000).map(create).collect();
    transact(&mut head, &mut model, &ops, false, 1_000);
    for round in 0..6usize {
        let snapshot = head.publish();
        for slot in [0, 1, 2] {
            for desc in [false, true] {
                for filters in [vec![], vec![FieldFilter { slot: 2, any_of: vec![Some(Value::Choice(2))] }]] {
                    let order = Order::Field { slot, desc };
                    compare_select(
                        &snapshot,
                        &model,
                        &Select {
                            filters,
                            order,
                            skip: 90 * round,
                            take: 50,
                            count: true,
                            ..Select::default()
                        },
                    );
                }
            }
        }
        let mut ops: Vec<Op> = (0..40 * round).map(create).collect();
        ops.extend((1..30).map(|k| {
            Op::Update(
                P,
                (k * 191 + round * 37) as u32 % 5_990 + 1,
                vec![(0, Some(Value::Text("charlie".into()))), (1, None)],
            )
        }));
        transact(&mut head, &mut model, &ops, false, 1_001 + round as i64);
        let deletes: Vec<Op> = (0..20u32).map(|k| Op::Delete(P, 6_000 - (round as u32) * 20 - k)).collect();
        transact(&mut head, &mut model, &deletes, false, 1_001 + round as i64);
    }
}
