//! Random batches and questions, on PostgreSQL and in memory: the same answers.

use boobook_model::{RecordId, Sq, TableId};
use boobook_store::{
    Batch, DatabaseStore, Forget, HistoryKind, HistoryRow, Idempotency, MemStore, Record, Retention, Store,
};
use boobook_store_postgres::PostgresStore;
use boobook_testkit::Postgres;
use proptest::prelude::*;

use crate::data::{database, load, load_since};

/// One thing that is done.
#[derive(Debug, Clone)]
enum Step {
    Commit(Changes),
    Forget { back: u64, upto: u64, rids: Vec<u64> },
    Maintain { history_before_ms: i64, idempotency_before_ms: i64 },
    Reopen,
}

/// What goes into a batch. `back`: how far its base lies behind where the database stands.
#[derive(Debug, Clone)]
struct Changes {
    back: u64,
    hold: bool,
    gap: u64,
    clock_ms: i64,
    rids: Vec<(u64, bool, Vec<u8>)>,
    counter: Option<u64>,
    schema: Option<Vec<u8>>,
    key: Option<u8>,
    put_off: u8,
    done: Vec<u8>,
}

fn changes() -> impl Strategy<Value = Changes> {
    let rid = (1..12u64, any::<bool>(), prop::collection::vec(any::<u8>(), 0..20));
    let small = (0..30u64, any::<bool>(), 0..4u64, 0..100i64);
    let rest = (
        prop::option::of(1..9u64),
        prop::option::of(prop::collection::vec(any::<u8>(), 0..9)),
        prop::option::of(0..4u8),
        0..3u8,
        prop::collection::vec(0..20u8, 0..3),
    );
    (small, prop::collection::vec(rid, 0..6), rest).prop_map(|(small, rids, rest)| Changes {
        back: small.0.saturating_sub(28),
        hold: small.1,
        gap: small.2,
        clock_ms: small.3,
        rids,
        counter: rest.0,
        schema: rest.1,
        key: rest.2,
        put_off: rest.3,
        done: rest.4,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => changes().prop_map(Step::Commit),
        1 => (0..2u64, 0..20u64, prop::collection::vec(1..12u64, 0..6))
            .prop_map(|(back, upto, rids)| Step::Forget { back, upto, rids }),
        1 => (0..100i64, 0..100i64)
            .prop_map(|(history_before_ms, idempotency_before_ms)| Step::Maintain {
                history_before_ms,
                idempotency_before_ms
            }),
        1 => Just(Step::Reopen),
    ]
}

fn tid() -> TableId {
    "A99999".parse().unwrap()
}

/// The batch that a step makes of where the database stands. Everything that must not repeat is counted by `n`.
fn batch(changes: &Changes, seq: u64, clock_ms: i64, n: u64) -> Batch {
    let base = seq.saturating_sub(changes.back);
    let mut batch = Batch { tx_id: u128::from(n) << 70, base: Sq(base), ..Batch::default() };
    batch.clock_ms = clock_ms + changes.clock_ms;
    let mut sq = base + changes.gap;
    let mut rids: Vec<u64> = Vec::new();
    for (rid, deleted, body) in &changes.rids {
        if rids.contains(rid) {
            continue;
        }
        rids.push(*rid);
        sq += 1;
        let from = batch.bytes.len();
        batch.bytes.extend_from_slice(body);
        let body = from..batch.bytes.len();
        let rid = RecordId::new(*rid).unwrap();
        batch.records.push(Record { tid: tid(), rid, sq: Sq(sq), deleted: *deleted, body: body.clone() });
        batch.history.push(HistoryRow {
            sq: Sq(sq),
            prev: Sq(sq.saturating_sub(3)),
            at_ms: batch.clock_ms,
            actor: "Jörg".into(),
            tid: tid(),
            rid,
            kind: HistoryKind::Updated,
            before: body,
        });
    }
    batch.seq = Sq(sq + 1);
    batch.counters.extend(changes.counter.map(|next| (tid(), next)));
    batch.schema = changes.schema.clone().map(|schema| (Sq(sq + 1), schema));
    batch.idempotency.extend(changes.key.map(|key| {
        let rids = rids.iter().map(|rid| RecordId::new(*rid)).collect();
        let request_hash = [key; 32];
        (vec![key; 3], Idempotency { request_hash, tid: tid(), rids, at_ms: batch.clock_ms })
    }));
    for k in 0..changes.put_off {
        batch.put_off.push((u128::from(n * 3 + u64::from(k)) % 20 + 20 * u128::from(n), vec![k; 3]));
    }
    batch.done =
        changes.done.iter().map(|id| u128::from(*id) + 20 * u128::from(n.saturating_sub(2))).collect();
    batch
}

fn commit(database: &dyn DatabaseStore, batch: &Batch, hold: bool) -> Result<(), boobook_store::StoreError> {
    if hold { database.shared().unwrap().hold()?.commit(batch) } else { database.commit(batch) }
}

/// Asks both everything there is to ask.
fn compare(found: &dyn DatabaseStore, expected: &dyn DatabaseStore, batches: &[(Sq, u128)]) {
    let head = load(expected).unwrap();
    assert_eq!(load(found).unwrap(), head);
    let seq = head.head.seq.0;
    for since in [0, seq / 2, seq] {
        assert_eq!(load_since(found, since).unwrap(), load_since(expected, since).unwrap(), "since {since}");
        for limit in [1, 100] {
            let history = |of: &dyn DatabaseStore| of.history(Sq(seq - 1), Sq(since), limit).unwrap();
            assert_eq!(history(found), history(expected), "history since {since}, {limit}");
        }
    }
    for &(seq, tx_id) in batches {
        let known = expected.is_committed(seq, tx_id).unwrap();
        assert_eq!(found.is_committed(seq, tx_id), Ok(known), "{tx_id} at {seq:?}");
        assert_eq!(found.is_committed(seq, tx_id + 1), Ok(false));
    }
    for key in 0..4 {
        let answer = |of: &dyn DatabaseStore| of.idempotency(&[&[key; 3]], 0).unwrap();
        assert_eq!(answer(found), answer(expected));
    }
    assert_eq!(found.put_off().unwrap(), expected.put_off().unwrap());
}

fn run(url: &str, steps: &[Step]) {
    let store = PostgresStore::open(url).unwrap();
    store.delete_database(&crate::data::id()).unwrap();
    let memory = MemStore::new().node();
    let (mut found, expected) = (database(&store), database(&memory));
    let mut batches = Vec::new();
    for step in steps {
        let head = load(&*expected).unwrap().head;
        match step {
            Step::Commit(changes) => {
                let batch = batch(changes, head.seq.0, head.clock_ms, batches.len() as u64 + 1);
                batches.push((batch.seq, batch.tx_id));
                let results = [&found, &expected].map(|of| commit(&**of, &batch, changes.hold));
                assert_eq!(results[0], results[1]);
            }
            Step::Forget { back, upto, rids } => {
                let tombstones = rids.iter().map(|rid| (tid(), RecordId::new(*rid).unwrap())).collect();
                let base = Sq(head.seq.0.saturating_sub(*back));
                let forget = Forget { base, upto: Sq(*upto), tombstones };
                assert_eq!(found.forget(&forget), expected.forget(&forget));
            }
            Step::Maintain { history_before_ms, idempotency_before_ms } => {
                let limits = Retention {
                    history_before_ms: *history_before_ms,
                    idempotency_before_ms: *idempotency_before_ms,
                };
                while found.maintain(&limits).unwrap() {}
                expected.maintain(&limits).unwrap();
            }
            Step::Reopen => found = store.open_database(&crate::data::id()).unwrap(),
        }
    }
    compare(&*found, &*expected, &batches);
}

#[test]
fn it_answers_as_memory_does() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.url();
    let cases = if std::env::var_os("BOOBOOK_DEEP").is_some() { 1_000 } else { 40 };
    proptest!(ProptestConfig::with_cases(cases), |(steps in prop::collection::vec(step(), 1..16))| {
        run(&url, &steps);
    });
}
