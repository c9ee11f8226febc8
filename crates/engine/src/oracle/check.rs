//! Every look at a snapshot, compared with the model.

use std::{
    cmp::{Ordering, Reverse},
    collections::BTreeSet,
    hash::{DefaultHasher, Hasher as _},
};

use boobook_model::{Field, Lane, RecordId, Sieve, Sq, StorageClass, Value};

use super::model::{Key, Model, Record, USERS, key, rid, tid};
use crate::{Condition, Order, RecordMeta, Row, Select, Snapshot, Test, Tx};

/// A selection whose fields and values are picked once a schema is there.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) table: u32,
    pub(super) filters: Vec<Filter>,
    pub(super) order: u32,
    pub(super) after_id: Option<u32>,
    pub(super) after_sq: Option<u32>,
    pub(super) page: (usize, usize),
    pub(super) count: bool,
}

/// A condition in the same way: a field, a kind of test, what it compares with.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    pub(super) field: u32,
    pub(super) kind: u32,
    pub(super) seeds: Vec<Option<u32>>,
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
        check_sieve(snapshot, model, at);
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

/// Keeps records by the values of all fields that a sieve can read, with no order or meaning in it.
struct ByChance {
    slots: Vec<usize>,
    is_text: Vec<bool>,
}

impl ByChance {
    fn of(model: &Model, at: usize) -> Self {
        let can_read =
            |class| !matches!(class, StorageClass::Choice | StorageClass::Choices | StorageClass::Reference);
        let classes = model.table(at).fields.iter().map(|field| field.kind.storage());
        let slots =
            classes.enumerate().filter_map(|(slot, class)| Some((slot, class.filter(|c| can_read(*c))?)));
        let (slots, is_text) = slots.map(|(slot, class)| (slot, class == StorageClass::Text)).unzip();
        Self { slots, is_text }
    }

    fn keeps<'v>(&self, values: impl Iterator<Item = Result<f64, &'v str>>) -> bool {
        let mut hasher = DefaultHasher::new();
        values.for_each(|value| match value {
            // -0 is 0, and whatever is no number is as good as any other.
            Ok(n) if !n.is_finite() => hasher.write_u8(1),
            Ok(n) => hasher.write_u64((n + 0.0).to_bits()),
            Err(text) => hasher.write(text.as_bytes()),
        });
        !hasher.finish().is_multiple_of(3)
    }
}

impl Sieve for ByChance {
    fn slots(&self) -> &[usize] {
        &self.slots
    }

    fn test(&self, lanes: &[Lane<'_>], keep: &mut [bool]) {
        for (at, keep) in keep.iter_mut().enumerate() {
            *keep = self.keeps(lanes.iter().map(|lane| match lane {
                Lane::Numbers(numbers) => Ok(numbers[at]),
                Lane::Texts(texts) => Err(texts.get(at)),
            }));
        }
    }
}

fn check_sieve(snapshot: &Snapshot, model: &Model, at: usize) {
    let sieve = ByChance::of(model, at);
    let fields = &model.table(at).fields;
    let is_kept = |r: &u32| {
        let values = &model.records[&(at, *r)].values;
        sieve.keeps(sieve.slots.iter().zip(&sieve.is_text).map(|(&slot, &is_text)| {
            match values.get(&fields[slot].id) {
                Some(Value::Text(text)) => Err(&**text),
                Some(Value::Number(n)) => Ok(*n),
                Some(Value::Time(ms)) => Ok(*ms as f64),
                Some(Value::Bool(yes)) => Ok(f64::from(*yes)),
                _ if is_text => Err(""),
                _ => Ok(f64::NAN),
            }
        }))
    };
    let expected: Vec<u32> = model.ids(at).into_iter().filter(is_kept).collect();
    let found: Vec<u32> = snapshot.ids(tid(at), &[], &[&sieve]).into_iter().map(RecordId::get).collect();
    assert_eq!(found, expected, "sieve over table {at}");
}

/// What a transaction sees of its own writes.
pub(super) fn check_overlay(tx: &Tx<'_>, before: &Model, now: &Model, touched: &[Key], by: (i64, usize)) {
    let touched: BTreeSet<&Key> = touched.iter().collect();
    for at in 0..now.tables() {
        for r in now.known(at) {
            let old = before.records.get(&(at, r));
            let meta = now.records.contains_key(&(at, r)).then(|| {
                let created = old.map_or(by, |record| record.created);
                let modified = old.filter(|_| !touched.contains(&(at, r))).map_or(by, |r| r.modified);
                RecordMeta {
                    sq: Sq(old.map_or(0, |record| record.sq)),
                    created_at_ms: created.0,
                    created_by: USERS[created.1],
                    modified_at_ms: modified.0,
                    modified_by: USERS[modified.1],
                }
            });
            assert_eq!(tx.meta(tid(at), rid(r)), meta, "{at}/{r} in the transaction");
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

/// Who refers to whom, a transaction's own writes included.
pub(super) fn check_overlay_references(tx: &Tx<'_>, now: &Model) {
    for (at, field, _, target) in now.references() {
        for r in now.known(target) {
            let mut found = vec![rid(9)];
            tx.reverse(tid(at), now.slot(at, field), rid(r), &mut found);
            let found: Vec<u32> = found[1..].iter().map(|id| id.get()).collect();
            assert_eq!(found, now.reverse(at, field, r), "records of {at} that refer to {target}/{r}");
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

fn passes(model: &Model, at: usize, record: &Record, condition: &Condition) -> bool {
    let field = model.table(at).fields.get(condition.slot);
    passes_test(field.and_then(|field| record.values.get(&field.id)), &condition.test)
}

fn passes_test(has: Option<&Value>, test: &Test) -> bool {
    let number = number(has);
    match test {
        Test::AnyOf(wanted) => wanted.iter().any(|wanted| wanted.as_ref() == has),
        Test::ContainsAll(wanted) => wanted.iter().any(|wanted| match (wanted, has) {
            (Some(Value::Choices(wanted)), Some(Value::Choices(has))) => {
                wanted.iter().all(|w| has.contains(w))
            }
            (wanted, has) => wanted.as_ref() == has,
        }),
        Test::Less(bound) => number.is_some_and(|n| n < *bound),
        Test::LessOrEqual(bound) => number.is_some_and(|n| n <= *bound),
        Test::Greater(bound) => number.is_some_and(|n| n > *bound),
        Test::GreaterOrEqual(bound) => number.is_some_and(|n| n >= *bound),
        Test::Like(needle) => match has {
            Some(Value::Text(text)) => text.to_lowercase().contains(&needle.to_lowercase()),
            has => has.is_none() && needle.is_empty(),
        },
        Test::Not(test) => !passes_test(has, test),
    }
}

pub(super) fn number(value: Option<&Value>) -> Option<f64> {
    match value {
        Some(Value::Number(n)) => Some(*n),
        Some(Value::Time(time)) => Some(*time as f64),
        _ => None,
    }
}

impl Filter {
    fn condition(&self, model: &Model, at: usize) -> Condition {
        let fields = &model.table(at).fields;
        let slot = self.field as usize % (fields.len() + 1);
        let field = fields.get(slot);
        let values = || {
            let value = |seed: u32| field.and_then(|field| model.value(field, seed));
            self.seeds.iter().map(|seed| seed.and_then(value)).collect::<Vec<_>>()
        };
        // Most bounds are values there are, or a little beside.
        let seed = self.seeds.iter().flatten().next().copied().unwrap_or(0);
        let bound = match values().iter().find_map(|value| number(value.as_ref())) {
            Some(n) => n + [0.0, 0.0, 0.5, -0.5][self.kind as usize / 16 % 4],
            None => [0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY][seed as usize % 4],
        };
        let test = match self.kind % 8 {
            0 | 1 => Test::AnyOf(values()),
            2 => Test::ContainsAll(values()),
            3 => Test::Less(bound),
            4 => Test::LessOrEqual(bound),
            5 => Test::Greater(bound),
            6 => Test::GreaterOrEqual(bound),
            _ => Test::Like(["T1", "", "Ä", "b", "9", "t"][seed as usize % 6].into()),
        };
        let test = if (self.kind / 8).is_multiple_of(2) { test } else { Test::Not(Box::new(test)) };
        let test = if self.kind.is_multiple_of(97) { Test::Not(Box::new(test)) } else { test };
        Condition { slot, test }
    }
}

impl Query {
    fn select(&self, model: &Model, at: usize) -> Select {
        let fields = &model.table(at).fields;
        Select {
            filters: self.filters.iter().map(|filter| filter.condition(model, at)).collect(),
            within: None,
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
    let mut select = query.select(model, at);
    if let Some(table) = snapshot.table(tid(at)).filter(|_| query.page.0 % 4 == 1) {
        // Every other record.
        let ids = model.records.range((at, 0)..(at + 1, 0)).map(|(key, _)| rid(key.1)).step_by(2);
        select.within = Some(ids.map(|id| table.row(id).unwrap()).collect());
    }
    check_select(snapshot, model, at, &select);
    check_conditions(snapshot, model, at, &select.filters);
}

/// The records that pass, ascending by id.
fn matching<'m>(model: &'m Model, at: usize, conditions: &[Condition]) -> Vec<(RecordId, &'m Record)> {
    let records = model.records.range((at, 0)..(at + 1, 0)).map(|(key, record)| (rid(key.1), record));
    records.filter(|(_, r)| conditions.iter().all(|condition| passes(model, at, r, condition))).collect()
}

/// Ids, number and summaries of what passes.
fn check_conditions(snapshot: &Snapshot, model: &Model, at: usize, conditions: &[Condition]) {
    let wanted = matching(model, at, conditions);
    let ids: Vec<RecordId> = wanted.iter().map(|(id, _)| *id).collect();
    assert_eq!(snapshot.ids(tid(at), conditions, &[]), ids, "{conditions:?}");
    assert_eq!(snapshot.count(tid(at), conditions, &[]), ids.len(), "{conditions:?}");
    check_first_by(snapshot, model, at, conditions);
    check_first_of_each(snapshot, model, at, conditions);
    let table = snapshot.table(tid(at)).unwrap();
    let rows: Vec<Row> = ids.iter().map(|id| table.row(*id).unwrap()).collect();
    for slot in 0..=model.table(at).fields.len() {
        let field = model.table(at).fields.get(slot);
        let value = |record: &Record| field.and_then(|field| number(record.values.get(&field.id)));
        let values: Vec<Option<f64>> = wanted.iter().map(|(_, record)| value(record)).collect();
        let numbers: Vec<f64> = values.iter().flatten().copied().collect();
        let summary = snapshot.summary(tid(at), conditions, &[], slot);
        // From +0, as a loop starts.
        let sum = numbers.iter().fold(0.0, |sum, n| sum + n);
        assert_eq!((summary.count, summary.sum), (numbers.len(), sum), "{slot} {conditions:?}");
        let bounds = (numbers.iter().copied().reduce(f64::min), numbers.iter().copied().reduce(f64::max));
        assert_eq!((real(summary.min), real(summary.max)), bounds, "{slot} {conditions:?}");
        let mut gathered = vec![1.0];
        table.numbers(slot, &rows, &mut gathered);
        let gathered: Vec<Option<f64>> = gathered[1..].iter().map(|n| real(*n)).collect();
        assert_eq!(gathered, values, "{slot}");
    }
    let mut listed = Vec::new();
    table.record_ids(&rows, &mut listed);
    assert_eq!(listed, ids);
}

/// The first records by each field, both ways.
fn check_first_by(snapshot: &Snapshot, model: &Model, at: usize, conditions: &[Condition]) {
    let fields = &model.table(at).fields;
    for (slot, desc) in (0..=fields.len()).flat_map(|slot| [(slot, false), (slot, true)]) {
        let mut wanted = matching(model, at, conditions);
        if let Some(field) = fields.get(slot) {
            wanted.sort_by(|(_, a), (_, b)| {
                let up = order(field, a.values.get(&field.id), b.values.get(&field.id));
                if desc { up.reverse() } else { up }
            });
        }
        for take in [1, 5] {
            let first: Vec<RecordId> = wanted.iter().take(take).map(|(id, _)| *id).collect();
            let found = snapshot.first_by(tid(at), (conditions, &[]), (slot, desc), take);
            assert_eq!(found, first, "first {take} by {slot} {desc} of {conditions:?}");
        }
    }
}

/// The first record of each value.
fn check_first_of_each(snapshot: &Snapshot, model: &Model, at: usize, conditions: &[Condition]) {
    for (slot, field) in model.table(at).fields.iter().enumerate() {
        let Some(found) = snapshot.first_of_each(tid(at), conditions, &[], slot) else { continue };
        let mut seen: Vec<Option<&Value>> = Vec::new();
        let mut first = matching(model, at, conditions);
        first.retain(|(_, record)| {
            let value = record.values.get(&field.id);
            let is_new = !seen.contains(&value);
            seen.push(value);
            is_new
        });
        let first: Vec<RecordId> = first.into_iter().map(|(id, _)| id).collect();
        assert_eq!(found, first, "the first of each {slot} of {conditions:?}");
    }
}

fn real(n: f64) -> Option<f64> {
    (!n.is_nan()).then_some(n)
}

/// What a transaction finds, its own writes included.
pub(super) fn check_overlay_query(tx: &Tx<'_>, now: &Model, query: &Query) {
    let at = query.table as usize % now.tables();
    let conditions: Vec<_> = query.filters.iter().map(|filter| filter.condition(now, at)).collect();
    let ids: Vec<RecordId> = matching(now, at, &conditions).into_iter().map(|(id, _)| id).collect();
    assert_eq!(tx.select(tid(at), &conditions), ids, "{conditions:?} in the transaction");
    assert_eq!(tx.count(tid(at), &conditions), ids.len(), "{conditions:?} in the transaction");
}

pub(super) fn check_select(snapshot: &Snapshot, model: &Model, at: usize, select: &Select) {
    let table = snapshot.table(tid(at));
    let is_within = |id: u32, rows: &[Row]| table.is_some_and(|t| rows.contains(&t.row(rid(id)).unwrap()));
    let is_hit = |id: u32, record: &Record| {
        select.within.as_ref().is_none_or(|rows| is_within(id, rows))
            && select.after_id.is_none_or(|bound| u64::from(id) > bound)
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
