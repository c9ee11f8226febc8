//! Checks of history, remembered answers and retention.

use super::*;
use crate::{History, Idempotency, Retention};

/// Five changes of record `A`/1 at 2, 4, … 10; the odd ones are another record's.
fn with_history(subject: &dyn Subject) -> Box<dyn DatabaseStore> {
    let database = new_database(subject);
    let mut first = batch(1, 5);
    remember(&mut first, 2, 0, HistoryKind::Created, b"");
    remember(&mut first, 3, 0, HistoryKind::Created, b"");
    remember(&mut first, 4, 2, HistoryKind::Updated, b"before 4");
    remember(&mut first, 5, 3, HistoryKind::Updated, b"other");
    database.commit(&first).unwrap();
    for sq in [6, 8, 10] {
        let mut changes = batch(sq - 1, sq + 1);
        let kind = if sq == 10 { HistoryKind::Deleted } else { HistoryKind::Updated };
        remember(&mut changes, sq, sq - 2, kind, format!("before {sq}").as_bytes());
        remember(&mut changes, sq + 1, sq - 1, HistoryKind::Updated, b"other");
        database.commit(&changes).unwrap();
    }
    database
}

fn sqs(rows: &[History]) -> Vec<u64> {
    rows.iter().map(|row| row.sq.0).collect()
}

/// History follows `prev`, newest first, and meets only rows of the chain.
pub fn history_is_a_chain_newest_first(subject: &dyn Subject) {
    let database = with_history(subject);
    assert_eq!(sqs(&database.history(Sq(10), Sq(0), 100).unwrap()), [10, 8, 6, 4, 2]);
    assert_eq!(sqs(&database.history(Sq(6), Sq(0), 100).unwrap()), [6, 4, 2]);
    assert_eq!(sqs(&database.history(Sq(11), Sq(0), 100).unwrap()), [11, 9, 7, 5, 3]);
    let database = reopen(subject, database);
    assert_eq!(sqs(&database.history(Sq(10), Sq(0), 100).unwrap()), [10, 8, 6, 4, 2]);
}

/// `since` is exclusive, `limit` counts rows.
pub fn history_ends_at_since_and_limit(subject: &dyn Subject) {
    let database = with_history(subject);
    for (since, limit, expected) in [
        (0, 2, &[10, 8][..]),
        (4, 100, &[10, 8, 6]),
        (5, 100, &[10, 8, 6]),
        (3, 100, &[10, 8, 6, 4]),
        (2, 1, &[10]),
        (10, 100, &[]),
        (99, 100, &[]),
        (0, 0, &[]),
        (0, usize::MAX, &[10, 8, 6, 4, 2]),
    ] {
        let found = database.history(Sq(10), Sq(since), limit).unwrap();
        assert_eq!(sqs(&found), expected, "since {since}, limit {limit}");
    }
}

/// Every column comes back as it was written.
pub fn history_keeps_what_was_written(subject: &dyn Subject) {
    let database = new_database(subject);
    let mut changes = batch(1, 3);
    remember(&mut changes, 2, 0, HistoryKind::Created, b"");
    remember(&mut changes, 3, 2, HistoryKind::Deleted, b"\0\xffold");
    let row = changes.history.last_mut().unwrap();
    row.actor = "Jörg 'O''Neil'".into();
    (row.tid, row.rid, row.at_ms) = (tid("ZZZ99999"), rid(u64::from(boobook_model::RECORD_ID_MAX)), -5);
    database.commit(&changes).unwrap();
    let found = database.history(Sq(3), Sq(0), 9).unwrap();
    let expected: Vec<History> = changes
        .history
        .iter()
        .rev()
        .map(|row| History {
            sq: row.sq,
            prev: row.prev,
            at_ms: row.at_ms,
            actor: row.actor.clone(),
            tid: row.tid,
            rid: row.rid,
            kind: row.kind,
            before: changes.body(&row.before).to_vec(),
        })
        .collect();
    assert_eq!(found, expected);
}

/// A sequence without a row of history (it was off, or is purged) gives no rows and no error.
pub fn history_of_nothing_is_empty(subject: &dyn Subject) {
    let database = with_history(subject);
    for newest in [0, 1, 12, 1_000_000] {
        assert_eq!(database.history(Sq(newest), Sq(0), 100).unwrap(), []);
    }
}

fn answer(hash: u8, rids: Vec<Option<RecordId>>, at_ms: i64) -> Idempotency {
    Idempotency { request_hash: [hash; 32], tid: tid("C99999"), rids, at_ms }
}

/// An answer comes back under its key, whole; a later one replaces it.
pub fn idempotency_remembers_answers(subject: &dyn Subject) {
    let database = new_database(subject);
    let long =
        answer(1, (1..=1_000).map(|n| (n % 3 != 0).then(|| rid(n * 4_000_000))).collect(), CREATED_AT_MS);
    let empty = answer(2, Vec::new(), CREATED_AT_MS);
    let mut changes = batch(1, 2);
    changes.idempotency = vec![(b"jane7\0key".to_vec(), long.clone()), (b"jane7".to_vec(), empty.clone())];
    database.commit(&changes).unwrap();
    let database = reopen(subject, database);
    let keys: [&[u8]; 6] = [b"jane7\0key", b"jane7\0", b"jane7", b"", b"jane7\0key", b"JANE7"];
    let expected = [Some(long.clone()), None, Some(empty), None, Some(long), None];
    assert_eq!(database.idempotency(&keys, 0).unwrap(), expected, "in the order of the keys");
    assert_eq!(database.idempotency(&[], 0).unwrap(), []);
    let newer = answer(3, vec![None], CREATED_AT_MS + 5);
    let mut changes = batch(2, 3);
    changes.idempotency = vec![(b"jane7".to_vec(), newer.clone())];
    database.commit(&changes).unwrap();
    assert_eq!(database.idempotency(&[b"jane7"], 0).unwrap(), [Some(newer)]);
}

/// An answer older than asked for is none.
pub fn idempotency_forgets_old_answers(subject: &dyn Subject) {
    let database = new_database(subject);
    let known = answer(1, vec![Some(rid(1))], CREATED_AT_MS);
    let mut changes = batch(1, 2);
    changes.idempotency = vec![(b"key".to_vec(), known.clone())];
    database.commit(&changes).unwrap();
    assert_eq!(database.idempotency(&[b"key"], CREATED_AT_MS).unwrap(), [Some(known)]);
    assert_eq!(database.idempotency(&[b"key"], CREATED_AT_MS + 1).unwrap(), [None]);
}

fn maintain_to_the_end(database: &dyn DatabaseStore, limits: Retention) {
    for _ in 0..1_000 {
        if !database.maintain(&limits).expect("maintains") {
            return;
        }
    }
    panic!("maintain never gets to an end");
}

/// Purging takes rows older than the limits, and no others; records stay whatever their age.
pub fn maintain_purges_only_what_is_old(subject: &dyn Subject) {
    let database = with_history(subject);
    let mut changes = batch(11, 12);
    put(&mut changes, "A", 1, 12, b"body");
    bury(&mut changes, "A", 2, 12, b"tombstone");
    changes.idempotency = vec![
        (b"old".to_vec(), answer(1, Vec::new(), CREATED_AT_MS)),
        (b"new".to_vec(), answer(2, Vec::new(), CREATED_AT_MS + 12)),
    ];
    database.commit(&changes).unwrap();
    let before = load(&*database);

    // Limits that nothing is older than.
    maintain_to_the_end(&*database, Retention { history_before_ms: 0, idempotency_before_ms: 0 });
    assert_eq!(sqs(&database.history(Sq(10), Sq(0), 100).unwrap()), [10, 8, 6, 4, 2]);
    assert!(database.is_committed(Sq(5), tx_id(5)).unwrap());

    let limits = Retention { history_before_ms: CREATED_AT_MS + 6, idempotency_before_ms: CREATED_AT_MS + 9 };
    maintain_to_the_end(&*database, limits);
    let database = reopen(subject, database);
    assert_eq!(sqs(&database.history(Sq(10), Sq(0), 100).unwrap()), [10, 8, 6], "those before 6 are gone");
    for (sq, kept) in [(5, false), (7, false), (9, true), (11, true), (12, true)] {
        assert_eq!(database.is_committed(Sq(sq), tx_id(sq)).unwrap(), kept, "transaction at {sq}");
    }
    assert_eq!(database.idempotency(&[b"old"], 0).unwrap(), [None]);
    assert!(database.idempotency(&[b"new"], 0).unwrap()[0].is_some());
    assert_eq!(load(&*database), before);
}

/// However much is due, calling again while there is more purges all of it.
pub fn maintain_gets_to_an_end(subject: &dyn Subject) {
    const COUNT: u64 = 12_000;
    let database = new_database(subject);
    let mut big = batch(1, 1 + COUNT);
    for sq in 2..=1 + COUNT {
        remember(&mut big, sq, 0, HistoryKind::Created, b"");
    }
    database.commit(&big).unwrap();
    let all = Retention { history_before_ms: i64::MAX, idempotency_before_ms: i64::MAX };
    maintain_to_the_end(&*database, all);
    for sq in [2, COUNT / 2, 1 + COUNT] {
        assert_eq!(database.history(Sq(sq), Sq(0), 10).unwrap(), []);
    }
    assert!(!database.is_committed(Sq(1 + COUNT), tx_id(1 + COUNT)).unwrap());
    database.commit(&batch(1 + COUNT, 2 + COUNT)).unwrap();
}
