//! The engine against a model of maps: random transactions, every look at the result compared.
//!
//! Leaves, index thresholds and the like are far smaller in unit tests (`cfg!(test)`), so that tables of a few
//! dozen records have many of them. `tests/large.rs` tries the real ones.

mod apart;
mod check;
mod follower;
mod model;
mod versions;

use std::{collections::BTreeSet, sync::Arc};

use boobook_model::{Cell, FieldId, Sq, StorageClass, Value};
use proptest::prelude::*;

use self::{
    check::{
        Filter, Query, check_changes, check_overlay, check_overlay_query, check_overlay_references,
        check_query, check_state,
    },
    model::{Action, FieldValues, Key, Model, Reshape, USERS, key, rid, tid},
};
use crate::{
    AppliedChange, ChangeKind, Expired, Head, Loader, RecordMeta, Select, Snapshot, StaleWrites, TxError,
};

/// An operation whose table, record, fields and values are picked when it runs.
#[derive(Clone, Debug)]
enum Op {
    Create {
        table: u32,
        count: u32,
        values: Picks,
    },
    Update {
        table: u32,
        pick: u32,
        values: Picks,
    },
    Upsert {
        table: u32,
        rid: u32,
        values: Picks,
    },
    /// Upserts a record that was deleted.
    Revive {
        table: u32,
        pick: u32,
        values: Picks,
    },
    Delete {
        table: u32,
        pick: u32,
    },
}

/// Fields and values.
type Picks = Vec<(u32, Option<u32>)>;

#[derive(Clone, Debug)]
enum Step {
    Transaction {
        reshape: Option<Reshape>,
        ops: Vec<Op>,
        abort: bool,
        user: usize,
        now_ms: i64,
    },
    Vacuum,
    Reload,
    DropIndexes,
    /// Some part of the way from the last time to now.
    Forget(u32),
    /// Another node takes over what changed.
    Follow,
}

fn picks() -> impl Strategy<Value = Picks> {
    prop::collection::vec((any::<u32>(), prop::option::weighted(0.75, any::<u32>())), 0..4)
}

fn op() -> impl Strategy<Value = Op> {
    let table = || prop_oneof![4 => Just(0u32), 3 => Just(1u32), 2 => 2u32..4];
    let far = prop_oneof![Just(70_000u32), 200u32..2_000, Just(u32::MAX - 100)];
    prop_oneof![
        6 => (table(), prop_oneof![4 => Just(1u32), 1 => 2u32..30], picks())
            .prop_map(|(table, count, values)| Op::Create { table, count, values }),
        5 => (table(), any::<u32>(), picks())
            .prop_map(|(table, pick, values)| Op::Update { table, pick, values }),
        4 => (table(), prop_oneof![30 => 1u32..60, 1 => far], picks())
            .prop_map(|(table, rid, values)| Op::Upsert { table, rid, values }),
        2 => (table(), any::<u32>(), picks())
            .prop_map(|(table, pick, values)| Op::Revive { table, pick, values }),
        4 => (table(), any::<u32>()).prop_map(|(table, pick)| Op::Delete { table, pick }),
    ]
}

fn reshape() -> impl Strategy<Value = Reshape> {
    prop_oneof![
        (any::<u32>(), any::<u32>()).prop_map(|(table, kind)| Reshape::AddField { table, kind }),
        (any::<u32>(), any::<u32>()).prop_map(|(table, pick)| Reshape::RemoveField { table, pick }),
        (any::<u32>(), any::<u32>(), any::<u32>()).prop_map(|(table, pick, kind)| Reshape::ChangeField {
            table,
            pick,
            kind
        }),
        Just(Reshape::OrderOptions),
        Just(Reshape::AddTable),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let transaction = (
        prop::option::weighted(0.1, reshape()),
        prop::collection::vec(op(), 1..8),
        prop::bool::weighted(0.05),
        0..USERS.len(),
        // Not always later than the one before.
        1_000i64..1_020,
    );
    prop_oneof![
        16 => transaction.prop_map(|(reshape, ops, abort, user, now_ms)| {
            Step::Transaction { reshape, ops, abort, user, now_ms }
        }),
        1 => Just(Step::Vacuum),
        1 => Just(Step::Reload),
        1 => Just(Step::DropIndexes),
        1 => any::<u32>().prop_map(Step::Forget),
        4 => Just(Step::Follow),
    ]
}

fn query() -> impl Strategy<Value = Query> {
    let seeds = prop::collection::vec(prop::option::weighted(0.85, any::<u32>()), 0..4);
    let filter =
        (any::<u32>(), any::<u32>(), seeds).prop_map(|(field, kind, seeds)| Filter { field, kind, seeds });
    (
        any::<u32>(),
        prop_oneof![2 => Just(Vec::new()), 3 => prop::collection::vec(filter, 1..3)],
        0u32..34,
        prop::option::weighted(0.2, 0u32..64),
        prop::option::weighted(0.2, any::<u32>()),
        (prop_oneof![Just(0usize), 0usize..30], prop_oneof![0usize..10, Just(usize::MAX)]),
        any::<bool>(),
    )
        .prop_map(|(table, filters, order, after_id, after_sq, page, count)| Query {
            table,
            filters,
            order,
            after_id,
            after_sq,
            page,
            count,
        })
}

/// The engine and the model side by side.
struct Both {
    head: Head,
    model: Model,
    /// As published, to be looked at again at the end.
    kept: Vec<(Arc<Snapshot>, Model)>,
    /// Of another node.
    follower: Head,
}

impl Both {
    fn start() -> Self {
        let model = Model::start();
        // Each its own: versions of one table share indexes, those of two nodes do not.
        let empty = || {
            let schema = Arc::clone(&model.schema);
            Head::new(Arc::new(Loader::new(schema, Sq(1), Sq(1), Sq(0), 0, Vec::new()).finish()))
        };
        Self { head: empty(), follower: empty(), model, kept: Vec::new() }
    }

    fn step(&mut self, step: &Step, queries: &[Query]) {
        match step {
            Step::Transaction { reshape, ops, abort, user, now_ms } => {
                self.transact_asking(reshape.as_ref(), ops, *abort, (*user, *now_ms), queries);
                // The model empties fields of another class, and gives their records no new sequence.
                if reshape.is_some() {
                    follower::follow(&mut self.follower, &self.model);
                }
            }
            Step::Follow => follower::follow(&mut self.follower, &self.model),
            Step::Vacuum => {
                self.head.vacuum_above(0);
            }
            Step::Reload => self.head = Head::new(Arc::new(reload(&self.model))),
            Step::DropIndexes => self.head.snapshot().drop_indexes(),
            Step::Forget(part) => {
                let (from, to) = (self.model.sq_min, self.model.sq);
                let upto = from + (to - from) * u64::from(part % 4) / 4;
                self.model.forget(upto);
                self.head.forget_tombstones(Sq(upto));
            }
        }
    }

    fn transact(&mut self, reshape: Option<&Reshape>, ops: &[Op], abort: bool, user: usize, now_ms: i64) {
        self.transact_asking(reshape, ops, abort, (user, now_ms), &[]);
    }

    /// Runs a transaction on both: both refuse, or both do the same, and answer the same before the end.
    fn transact_asking(
        &mut self,
        reshape: Option<&Reshape>,
        ops: &[Op],
        abort: bool,
        (user, now_ms): (usize, i64),
        queries: &[Query],
    ) {
        let Self { head, model, .. } = self;
        let mut tx = head.begin(USERS[user].parse().unwrap(), now_ms);
        let (mut next, mut touched) = (model.clone(), Vec::new());
        if let Some(reshape) = reshape {
            next.reshape(reshape);
            tx.change_schema(Arc::clone(&next.schema));
        }
        let base = next.clone();
        let is_ordered = !ops.iter().any(|op| matches!(op, Op::Delete { .. }));
        for op in ops {
            for action in decide(&next, op) {
                let allowed = next.run(&action, &mut touched);
                let outcome = act(&mut tx, &next, &action);
                assert_eq!(outcome.is_ok(), allowed, "{action:?}: {outcome:?}");
                if !allowed {
                    return;
                }
            }
        }
        let by = (model.clock_ms.max(now_ms), user);
        check_overlay(&tx, &base, &next, &touched, by);
        check_overlay_references(&tx, &next);
        for query in queries {
            check_overlay_query(&tx, &next, query);
        }
        let is_sound = !next.has_dangling_reference();
        let writes = match tx.finish() {
            Err(TxError::NoSuchReference { .. }) => return assert!(!is_sound),
            other => other.unwrap(),
        };
        assert!(is_sound);
        if abort {
            return;
        }
        let applied = head.apply(&writes).unwrap();
        next.clock_ms = next.clock_ms.max(now_ms);
        assert_eq!(applied.schema.map(|sq| sq.0), reshape.map(|_| base.sq + 1));
        if let Some(sq) = applied.schema {
            (next.sq, next.schema_sq) = (sq.0, sq.0);
        }
        let moved: Vec<_> = (0..next.tables()).filter(|&at| next.next[at] != base.next[at]).collect();
        let told: BTreeSet<_> = applied.counters.iter().map(|(id, n)| (*id, *n)).collect();
        assert_eq!(told, moved.into_iter().map(|at| (tid(at), next.next[at])).collect());
        follow(&base, &mut next, &applied.changes, touched, is_ordered, user);
        *model = next;
    }

    fn check(&self, queries: &[Query], since: u32, limit: usize) {
        let published = self.head.publish();
        check_state(&published, &self.model);
        for since in [0, u64::from(since) % (self.model.sq + 2)] {
            check_changes(&published, &self.model, since, limit);
        }
        for query in queries {
            check_query(&published, &self.model, query);
        }
    }
}

/// What an operation comes to in a state.
fn decide(model: &Model, op: &Op) -> Vec<Action> {
    let at = |table: u32| table as usize % model.tables();
    let values = |table: u32, picks: &Picks| -> FieldValues {
        let stored: Vec<_> = model.table(at(table)).fields.iter().filter(|field| field.is_stored()).collect();
        let picks = picks.iter().filter(|_| !stored.is_empty()).map(|(field, seed)| {
            let field = stored[*field as usize % stored.len()];
            (field.id, seed.and_then(|seed| model.value(field, seed)))
        });
        picks.collect()
    };
    let target = |table: u32, pick: u32| {
        let ids = model.ids(at(table));
        if ids.is_empty() || pick.is_multiple_of(67) { pick % 30 + 1 } else { ids[pick as usize % ids.len()] }
    };
    match op {
        Op::Create { table, count, values: picks } => {
            (0..*count).map(|_| Action::Create(at(*table), values(*table, picks))).collect()
        }
        Op::Update { table, pick, values: picks } => {
            vec![Action::Update(at(*table), target(*table, *pick), values(*table, picks))]
        }
        Op::Upsert { table, rid, values: picks } => {
            vec![Action::Upsert(at(*table), *rid, values(*table, picks))]
        }
        Op::Revive { table, pick, values: picks } => {
            let gone = model.gone.keys().filter(|key| key.0 == at(*table)).map(|key| key.1);
            let gone: Vec<u32> = gone.collect();
            let found = gone.get(*pick as usize % gone.len().max(1));
            found.map(|r| Action::Upsert(at(*table), *r, values(*table, picks))).into_iter().collect()
        }
        Op::Delete { table, pick } => vec![Action::Delete(at(*table), target(*table, *pick))],
    }
}

fn act(tx: &mut crate::Tx<'_>, model: &Model, action: &Action) -> Result<(), TxError> {
    let slots = |table: usize, values: &FieldValues| -> Vec<(usize, Option<Value>)> {
        values.iter().map(|(field, value)| (model.slot(table, *field), value.clone())).collect()
    };
    match action {
        Action::Create(at, values) => tx.create(tid(*at), slots(*at, values)).map(|_| ()),
        Action::Update(at, r, values) => tx.update(tid(*at), rid(*r), slots(*at, values)),
        Action::Upsert(at, r, values) => tx.upsert(tid(*at), rid(*r), slots(*at, values)).map(|_| ()),
        Action::Delete(at, r) => tx.delete(tid(*at), rid(*r)),
    }
}

/// Checks what is told of a transaction and gives the model its sequences.
fn follow(
    base: &Model,
    next: &mut Model,
    changes: &[AppliedChange],
    mut touched: Vec<Key>,
    is_ordered: bool,
    user: usize,
) {
    // Made and deleted in one transaction: there is nothing to tell.
    touched.retain(|key| next.records.contains_key(key) || base.records.contains_key(key));
    let mut seen = BTreeSet::new();
    touched.retain(|key| seen.insert(*key));
    let mut told: Vec<Key> = changes.iter().map(|change| key(change.table, change.rid)).collect();
    if !is_ordered {
        told.sort_unstable();
        touched.sort_unstable();
    }
    assert_eq!(told, touched);
    let now = (next.clock_ms, user);
    for change in changes {
        next.sq += 1;
        let key = key(change.table, change.rid);
        let before = base.records.get(&key);
        let prev = before.map(|r| r.sq).or_else(|| base.gone.get(&key).copied()).unwrap_or(0);
        assert_eq!((change.sq.0, change.prev.0), (next.sq, prev), "{key:?}");
        let after = next.records.get_mut(&key);
        let kind = match (before, &after) {
            (_, None) => ChangeKind::Deleted,
            (None, _) => ChangeKind::Created,
            (Some(_), _) => ChangeKind::Updated,
        };
        assert_eq!((change.kind, change.row.is_none()), (kind, after.is_none()), "{key:?}");
        let value_after = |field: FieldId| after.as_ref().and_then(|record| record.values.get(&field));
        let fields = base.table(key.0).fields.iter().enumerate();
        let lost: Vec<_> = before.map_or(Vec::new(), |before| {
            let changed = fields.filter(|(_, field)| before.values.get(&field.id) != value_after(field.id));
            changed.map(|(slot, field)| (slot, before.values.get(&field.id).cloned())).collect()
        });
        assert_eq!(change.before, lost, "{key:?}");
        let Some(after) = after else {
            next.gone.insert(key, next.sq);
            continue;
        };
        next.gone.remove(&key);
        (after.sq, after.modified) = (next.sq, now);
        after.created = before.map_or(now, |before| before.created);
    }
}

/// The model's state through the loader, with rows in between that it is to skip.
fn reload(model: &Model) -> Snapshot {
    let counters = (0..model.tables()).map(|at| (tid(at), model.next[at])).collect();
    let (sq, schema_sq, sq_min) = (Sq(model.sq), Sq(model.schema_sq), Sq(model.sq_min));
    let mut loader = Loader::new(Arc::clone(&model.schema), sq, schema_sq, sq_min, model.clock_ms, counters);
    let gone = model.gone.keys().map(|key| (*key, true));
    let all: BTreeSet<(Key, bool)> = model.records.keys().map(|key| (*key, false)).chain(gone).collect();
    for ((at, r), deleted) in all {
        let record = model.records.get(&(at, r)).cloned().unwrap_or_default();
        let meta = RecordMeta {
            sq: Sq(if deleted { model.gone[&(at, r)] } else { record.sq }),
            created_at_ms: record.created.0,
            created_by: USERS[record.created.1],
            modified_at_ms: record.modified.0,
            modified_by: USERS[record.modified.1],
        };
        loader.record(tid(at + 20), rid(r), false, &meta).field(FieldId::nth(0).unwrap(), Cell::Bool(true));
        let mut row = loader.record(tid(at), rid(r), deleted, &meta);
        row.field(FieldId::nth(90).unwrap(), Cell::Number(1.0));
        for field in &model.table(at).fields {
            match record.values.get(&field.id) {
                Some(value) => row.field(field.id, value.as_cell()),
                None if field.kind.storage() == Some(StorageClass::Text) => {
                    row.field(field.id, Cell::Choice(1));
                }
                None => row.field(field.id, Cell::Text("of another class")),
            }
        }
    }
    loader.finish()
}

fn upsert(rid: u32) -> Op {
    Op::Upsert { table: 0, rid, values: Vec::new() }
}

fn create(count: u32) -> Op {
    Op::Create { table: 0, count, values: Vec::new() }
}

/// Runs steps, looking at everything after each.
fn check(steps: &[Step], queries: &[Query], since: u32, limit: usize) {
    let mut both = Both::start();
    for step in steps {
        both.step(step, queries);
        both.check(queries, since, limit);
        both.kept.push((both.head.publish(), both.model.clone()));
    }
    follower::follow(&mut both.follower, &both.model);
    let followed = both.follower.publish();
    check_changes(&followed, &both.model, u64::from(since) % (both.model.sq + 2), limit);
    for query in queries {
        check_query(&followed, &both.model, query);
    }
    for (snapshot, model) in both.kept.iter().step_by(4) {
        check_state(snapshot, model);
        check_changes(snapshot, model, 0, limit);
        for query in queries {
            check_query(snapshot, model, query);
        }
    }
}

fn check_transactions(transactions: &[&[Op]]) {
    let step = |ops: &&[Op]| {
        let ops = ops.to_vec();
        Step::Transaction { reshape: None, ops, abort: false, user: 0, now_ms: 1_000 }
    };
    check(&transactions.iter().map(step).collect::<Vec<_>>(), &[], 0, 10);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 2, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_is_the_model(
        first in prop::option::weighted(0.3, prop_oneof![Just(100u32), Just(70_000), Just(u32::MAX - 100)]),
        mut steps in prop::collection::vec(step(), 1..30),
        queries in prop::collection::vec(query(), 2..10),
        since in any::<u32>(),
        limit in 0usize..12,
    ) {
        // Ids with a gap, which no map of ids to rows spans.
        if let Some(Step::Transaction { ops, .. }) = steps.first_mut() {
            ops.splice(0..0, first.map(upsert));
        }
        check(&steps, &queries, since, limit);
    }
}

/// Records upserted in the same transaction lay between, out of order, and the search for its old row missed it.
#[test]
fn a_revived_record_is_found_behind_others_out_of_order() {
    check_transactions(&[
        &[upsert(70_000), create(5)],
        &[Op::Delete { table: 0, pick: 6 * 8 + 4 }],
        &[upsert(10), upsert(11), upsert(70_004)],
    ]);
}

/// The row of a deleted record stays until a vacuum, and told of a change at sequence 0.
#[test]
fn a_forgotten_deletion_is_not_known_any_more() {
    let mut both = Both::start();
    both.transact(None, &[create(3)], false, 0, 1_000);
    both.transact(None, &[Op::Delete { table: 0, pick: 1 }], false, 0, 1_000);
    let deleted = both.model.gone.keys().next().unwrap().1;
    let head = &mut both.head;
    assert_eq!(head.snapshot().table(tid(0)).unwrap().last_sq(rid(deleted)), Some(head.snapshot().sq));
    head.forget_tombstones(head.snapshot().sq);
    assert_eq!(head.snapshot().table(tid(0)).unwrap().last_sq(rid(deleted)), None);
}

#[test]
fn ids_run_out_at_the_last_one() {
    let head = Both::start().head;
    let mut tx = head.begin("u8K2mQ".parse().unwrap(), 0);
    tx.upsert(tid(0), rid(u32::MAX - 2), Vec::new()).unwrap();
    assert_eq!(tx.create(tid(0), Vec::new()).unwrap(), rid(u32::MAX - 1));
    assert_eq!(tx.create(tid(0), Vec::new()), Err(TxError::RecordIdsExhausted { table: tid(0) }));
}

#[test]
fn values_that_do_not_fit_and_records_that_are_not_there_are_refused() {
    let head = Both::start().head;
    let mut tx = head.begin("u8K2mQ".parse().unwrap(), 0);
    let (table, nowhere) = (tid(0), tid(9));
    for (slot, value) in [(0, Some(Value::Number(1.0))), (6, None), (99, None)] {
        let refused = Err(TxError::FieldMismatch { table, slot });
        assert_eq!(tx.create(table, vec![(slot, value)]), refused);
    }
    assert_eq!(tx.create(nowhere, Vec::new()), Err(TxError::TableNotFound { table: nowhere }));
    assert_eq!(tx.delete(nowhere, rid(1)), Err(TxError::TableNotFound { table: nowhere }));
    assert_eq!(tx.update(table, rid(1), Vec::new()), Err(TxError::RecordNotFound { table, rid: rid(1) }));
    assert_eq!(tx.delete(table, rid(1)), Err(TxError::RecordNotFound { table, rid: rid(1) }));
    assert!(head.snapshot().table(nowhere).is_none());
    let count = Select { count: true, ..Select::default() };
    assert_eq!(head.snapshot().select(nowhere, &count).total, Some(0));
}

fn one_create(head: &Head) -> crate::Writes {
    let mut tx = head.begin("u8K2mQ".parse().unwrap(), 0);
    tx.create(tid(0), Vec::new()).unwrap();
    tx.finish().unwrap()
}

#[test]
fn a_transaction_of_another_state_is_not_applied() {
    let mut head = Both::start().head;
    let (first, second) = (one_create(&head), one_create(&head));
    // The same state, seen by another working copy.
    let mut copy = Head::new(head.publish());
    copy.apply(&one_create(&head)).unwrap();
    head.apply(&first).unwrap();
    assert_eq!(head.apply(&second).unwrap_err(), StaleWrites);
    // As far on, but by another transaction: sequences do not tell.
    assert_eq!(copy.snapshot().sq, head.snapshot().sq);
    assert_eq!(copy.apply(&one_create(&head)).unwrap_err(), StaleWrites);
    assert_eq!(copy.snapshot().table(tid(0)).unwrap().len(), 1);
}

/// A vacuum moves rows and no sequence: what was worked out before it would write to other records.
#[test]
fn a_transaction_from_before_a_vacuum_is_not_applied() {
    let mut both = Both::start();
    both.transact(None, &[create(4)], false, 0, 1_000);
    both.transact(
        None,
        &[Op::Delete { table: 0, pick: 60 }, Op::Delete { table: 0, pick: 60 }],
        false,
        0,
        1_000,
    );
    let update = |head: &Head| {
        let mut tx = head.begin("u8K2mQ".parse().unwrap(), 0);
        tx.update(tid(0), rid(4), Vec::new()).unwrap();
        tx.finish().unwrap()
    };
    let head = &mut both.head;
    let (early, row) = (update(head), head.snapshot().table(tid(0)).unwrap().row(rid(4)));
    assert!(head.vacuum_above(0));
    assert_ne!(head.snapshot().table(tid(0)).unwrap().row(rid(4)), row);
    assert_eq!(head.apply(&early).unwrap_err(), StaleWrites);
    let again = update(head);
    assert_eq!(head.apply(&again).unwrap().changes[0].rid, rid(4));
}

/// Deletions go by sequence, and none that is too young goes along, whether it still has a row or not.
#[test]
fn deletions_expire_in_order() {
    let mut both = Both::start();
    both.transact(None, &[create(6)], false, 0, 100);
    for at_ms in [200, 300, 400] {
        both.transact(None, &[Op::Delete { table: 0, pick: 60 }], false, 0, at_ms);
    }
    let model = both.model.clone();
    let mut gone: Vec<_> = model.gone.iter().map(|((_, r), sq)| (*sq, (tid(0), rid(*r)))).collect();
    gone.sort_unstable();
    let expected = |count: usize, more| {
        let tombstones = gone[..count].iter().map(|(_, key)| *key).collect();
        Some(Expired { upto: Sq(gone[count - 1].0), tombstones, more })
    };
    for _ in 0..2 {
        let snapshot = both.head.publish();
        assert_eq!(snapshot.expired(200, 10), None);
        assert_eq!(snapshot.expired(301, 10), expected(2, false));
        assert_eq!(snapshot.expired(i64::MAX, 2), expected(2, true));
        assert_eq!(snapshot.expired(i64::MAX, 3), expected(3, false));
        both.head.vacuum_above(0);
    }
    let upto = both.head.snapshot().expired(301, 10).unwrap().upto;
    both.head.forget_tombstones(upto);
    let left = both.head.publish();
    assert_eq!((left.sq_min, left.changes(None, upto, 9).items.len()), (upto, 1));
    assert_eq!(left.expired(301, 10), None);
}
