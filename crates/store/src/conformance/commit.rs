//! Checks of committing and loading.

use boobook_model::RECORD_ID_MAX;

use super::*;
use crate::Idempotency;

/// A new database stands at sequence 1 with the schema it was given, and is empty.
pub fn a_new_database_stands_at_one(subject: &dyn Subject) {
    let database = new_database(subject);
    let expected = Head {
        seq: Sq(1),
        schema_sq: Sq(1),
        clock_ms: CREATED_AT_MS,
        sq_min: Sq(0),
        schema: SCHEMA.to_vec(),
        counters: Vec::new(),
    };
    assert_eq!(load(&*database), Loaded { head: Some(expected), rows: Vec::new() });
}

/// The head takes sequence and clock of the batch, gaps included, and nothing else.
pub fn a_commit_moves_the_head(subject: &dyn Subject) {
    let database = new_database(subject);
    database.commit(&batch(1, 5)).unwrap();
    database.commit(&batch(5, 1_000_000_000_000)).unwrap();
    let loaded = load(&*database);
    assert_eq!(loaded.head().seq, Sq(1_000_000_000_000));
    assert_eq!(loaded.head().clock_ms, CREATED_AT_MS + 1_000_000_000_000);
    assert_eq!((loaded.head().schema_sq, &*loaded.head().schema), (Sq(1), SCHEMA));
}

/// What was committed is there after a restart, all of it.
pub fn a_commit_survives_a_restart(subject: &dyn Subject) {
    let database = new_database(subject);
    let all = full_batch(1, 2);
    database.commit(&all).unwrap();
    let before = load(&*database);
    let history = database.history(Sq(2), Sq(0), 10).unwrap();
    assert_eq!(history.len(), 1);
    let database = reopen(subject, database);
    assert_eq!(load(&*database), before);
    assert_eq!(database.history(Sq(2), Sq(0), 10).unwrap(), history);
    assert!(database.is_committed(all.seq, all.tx_id).unwrap());
    assert_eq!(database.idempotency(&[b"key2"], 0).unwrap(), [Some(all.idempotency[0].1.clone())]);
    database.commit(&batch(2, 3)).unwrap();
}

/// A batch with something of everything, at sequence `seq`.
fn full_batch(base: u64, seq: u64) -> Batch {
    let mut all = batch(base, seq);
    put(&mut all, "A", seq, seq, b"body");
    remember(&mut all, seq, 0, HistoryKind::Created, b"");
    all.counters.push((tid("A"), seq + 1));
    all.schema = Some((Sq(seq), format!("schema {seq}").into_bytes()));
    let known = Idempotency {
        request_hash: [seq as u8; 32],
        tid: tid("A"),
        rids: vec![Some(rid(seq))],
        at_ms: all.clock_ms,
    };
    all.idempotency.push((format!("key{seq}").into_bytes(), known));
    all
}

/// Records come ascending by the numbers of table and record, whatever order they were written in, with the
/// very bytes they had: none, zeros, a megabyte. Table and record ids reach to their limits.
pub fn records_load_in_order_with_their_bytes(subject: &dyn Subject) {
    let database = new_database(subject);
    let long: Vec<u8> = (0..1_000_000u32).map(|n| (n * 7 % 256) as u8).collect();
    let max = u64::from(RECORD_ID_MAX);
    let rows: [(&str, u64, &[u8]); 9] = [
        ("A", 1, b"first"),
        ("A", 2, b""),
        ("A", max, b"\0\xff\0"),
        ("B", 1, &long),
        ("ZZZ", 7, b"z"),
        ("A0", 3, b"numbered"),
        ("C65535", 3, b"still below 2^31"),
        ("A99999", 1, b"beyond it"),
        ("ZZZ99999", max, b"last"),
    ];
    // Written in two batches, neither in order.
    let mut sq = 1;
    for part in 0..2 {
        let mut changes = batch(sq, sq + 9);
        for (n, (table, record, body)) in rows.iter().enumerate().rev() {
            if n % 2 == part {
                sq += 1;
                put(&mut changes, table, *record, sq, body);
            }
        }
        changes.seq = Sq(sq);
        changes.tx_id = tx_id(sq);
        database.commit(&changes).unwrap();
    }
    let database = reopen(subject, database);
    let mut expected: Vec<_> =
        rows.iter().map(|(table, record, body)| (tid(table), rid(*record), *body)).collect();
    expected.sort_unstable_by_key(|(tid, rid, _)| (tid.packed(), rid.get()));
    let loaded = load(&*database);
    let found: Vec<_> = loaded.rows.iter().map(|row| (row.tid, row.rid, &*row.body)).collect();
    assert!(found == expected, "rows or their order differ");
    let mut sqs: Vec<u64> = loaded.rows.iter().map(|row| row.sq.0).collect();
    sqs.sort_unstable();
    assert_eq!(sqs, (2..=10).collect::<Vec<_>>());
}

/// Of a record that was written again, only the newest state loads.
pub fn a_record_keeps_only_its_newest_state(subject: &dyn Subject) {
    let database = new_database(subject);
    for (sq, body) in
        [(2, &b"a much longer body than what comes after it"[..]), (3, b"short"), (4, b"the last")]
    {
        let mut changes = batch(sq - 1, sq);
        put(&mut changes, "A", 1, sq, body);
        database.commit(&changes).unwrap();
    }
    let expected = Row { tid: tid("A"), rid: rid(1), sq: Sq(4), deleted: false, body: b"the last".to_vec() };
    assert_eq!(load(&*database).rows, [expected]);
}

/// A deleted record loads as a tombstone with its body; it may come back.
pub fn tombstones_stay(subject: &dyn Subject) {
    let database = new_database(subject);
    let mut changes = batch(1, 3);
    put(&mut changes, "A", 1, 2, b"alive");
    put(&mut changes, "A", 2, 3, b"alive too");
    database.commit(&changes).unwrap();
    let mut changes = batch(3, 5);
    bury(&mut changes, "A", 1, 4, b"who and when");
    bury(&mut changes, "A", 2, 5, b"");
    database.commit(&changes).unwrap();

    let database = reopen(subject, database);
    let state = |row: &Row| (row.rid.get(), row.sq.0, row.deleted, row.body.clone());
    let rows: Vec<_> = load(&*database).rows.iter().map(state).collect();
    assert_eq!(rows, [(1, 4, true, b"who and when".to_vec()), (2, 5, true, Vec::new())]);

    let mut changes = batch(5, 6);
    put(&mut changes, "A", 1, 6, b"back");
    database.commit(&changes).unwrap();
    assert_eq!(state(&load(&*database).rows[0]), (1, 6, false, b"back".to_vec()));
}

/// Counters are those that moved last, ascending by table; tables without one are absent.
pub fn counters_are_kept(subject: &dyn Subject) {
    let database = new_database(subject);
    let mut changes = batch(1, 2);
    changes.counters = vec![(tid("B"), 7), (tid("A"), 2), (tid("A99999"), 3)];
    database.commit(&changes).unwrap();
    let mut changes = batch(2, 3);
    changes.counters = vec![(tid("A"), u64::from(RECORD_ID_MAX) + 1)];
    database.commit(&changes).unwrap();
    let database = reopen(subject, database);
    let expected = [(tid("A"), u64::from(RECORD_ID_MAX) + 1), (tid("B"), 7), (tid("A99999"), 3)];
    assert_eq!(load(&*database).head().counters, expected);
}

/// The schema is the last one committed, with its own sequence; batches without one leave it.
pub fn schemas_are_kept(subject: &dyn Subject) {
    let database = new_database(subject);
    let long = "schema ".repeat(40_000).into_bytes();
    for (sq, schema) in [(2, Some(long.clone())), (3, None), (4, Some(b"second".to_vec())), (5, None)] {
        let mut changes = batch(sq - 1, sq);
        changes.schema = schema.map(|schema| (Sq(sq), schema));
        database.commit(&changes).unwrap();
        let loaded = load(&*database);
        let expected = if sq < 4 { (Sq(2), &*long) } else { (Sq(4), &b"second"[..]) };
        assert!((loaded.head().schema_sq, &*loaded.head().schema) == expected, "at {sq}");
    }
}

/// A batch with an older clock does not set the database's back.
pub fn the_clock_never_runs_backwards(subject: &dyn Subject) {
    let database = new_database(subject);
    for (sq, clock_ms) in [(2, CREATED_AT_MS + 10), (3, CREATED_AT_MS - 10)] {
        let mut changes = batch(sq - 1, sq);
        changes.clock_ms = clock_ms;
        database.commit(&changes).unwrap();
    }
    assert_eq!(load(&*database).head().clock_ms, CREATED_AT_MS + 10);
}

/// A batch that was computed on another state than the present one is refused, be it older or newer.
pub fn a_commit_on_another_base_is_a_conflict(subject: &dyn Subject) {
    let database = new_database(subject);
    database.commit(&batch(1, 4)).unwrap();
    for base in [1, 2, 3, 5, 100] {
        assert_eq!(database.commit(&batch(base, 200)), Err(StoreError::Conflict), "base {base}");
    }
    database.commit(&batch(4, 5)).unwrap();
}

/// Nothing of a refused batch is visible anywhere.
pub fn a_conflict_leaves_no_trace(subject: &dyn Subject) {
    let database = new_database(subject);
    database.commit(&full_batch(1, 2)).unwrap();
    let before = load(&*database);
    let lost = full_batch(1, 3);
    assert_eq!(database.commit(&lost), Err(StoreError::Conflict));
    for database in [&*database, &*reopen_beside(subject)] {
        assert_eq!(load(database), before);
        assert!(!database.is_committed(lost.seq, lost.tx_id).unwrap());
        assert_eq!(database.history(Sq(3), Sq(0), 10).unwrap(), []);
        assert_eq!(database.idempotency(&[b"key3"], 0).unwrap(), [None]);
    }
}

fn reopen_beside(subject: &dyn Subject) -> Box<dyn DatabaseStore> {
    subject.open().open_database(&database_id()).expect("opens")
}

/// The same batch again is a conflict, and still known as committed: that is how a retry finds out that the
/// first try had succeeded.
pub fn a_batch_commits_once(subject: &dyn Subject) {
    let database = new_database(subject);
    let once = full_batch(1, 2);
    database.commit(&once).unwrap();
    let before = load(&*database);
    assert_eq!(database.commit(&once), Err(StoreError::Conflict));
    assert!(database.is_committed(once.seq, once.tx_id).unwrap());
    assert_eq!(load(&*database), before);
}

/// Every committed batch is known by its sequence and id, no other.
pub fn committed_batches_are_known(subject: &dyn Subject) {
    let database = new_database(subject);
    for sq in 2..20 {
        assert!(!database.is_committed(Sq(sq), tx_id(sq)).unwrap());
        database.commit(&batch(sq - 1, sq)).unwrap();
    }
    let database = reopen(subject, database);
    for sq in 2..20 {
        assert!(database.is_committed(Sq(sq), tx_id(sq)).unwrap());
    }
    for (sq, unknown) in [(2, 0), (3, tx_id(2)), (20, tx_id(19)), (0, tx_id(2)), (19, u128::MAX)] {
        assert!(!database.is_committed(Sq(sq), unknown).unwrap());
    }
}

/// Ten thousand records and their history, a gap in the sequence, twice.
pub fn a_big_batch_is_one_batch(subject: &dyn Subject) {
    const COUNT: u64 = 10_000;
    let database = new_database(subject);
    for round in 0..2u64 {
        let start = 1 + round * COUNT;
        let mut big = batch(start, start + COUNT);
        for n in 1..=COUNT {
            // Scattered: neighbours in the batch are not neighbours in the store.
            let record = n * 7_919 % COUNT + 1;
            put(&mut big, "A", record, start + n, &[round as u8 + b'0'; 100]);
            let kind = if round == 0 { HistoryKind::Created } else { HistoryKind::Updated };
            remember(
                &mut big,
                start + n,
                start + n - round * COUNT,
                kind,
                &[b'x'; 10][..10 * round as usize],
            );
            let row = big.history.last_mut().unwrap();
            row.rid = rid(record);
            row.prev = if round == 0 { Sq(0) } else { Sq(start + n - COUNT) };
        }
        database.commit(&big).unwrap();
    }
    let loaded = load(&*database);
    assert_eq!((loaded.head().seq, loaded.rows.len()), (Sq(1 + 2 * COUNT), COUNT as usize));
    assert!(loaded.rows.iter().all(|row| row.body == [b'1'; 100] && row.sq.0 > 1 + COUNT));
    let last = database.history(Sq(1 + 2 * COUNT), Sq(0), 10).unwrap();
    assert_eq!(last.iter().map(|row| row.sq.0).collect::<Vec<_>>(), [1 + 2 * COUNT, 1 + COUNT]);
}

/// Stops at a record.
struct Stopping(usize);

impl LoadSink for Stopping {
    fn head(&mut self, _: Head) -> Result<(), StoreError> {
        Ok(())
    }
    fn record(&mut self, _: TableId, _: RecordId, _: Sq, _: bool, _: &[u8]) -> Result<(), StoreError> {
        self.0 += 1;
        if self.0 == 3 { Err(StoreError::Failed("enough".into())) } else { Ok(()) }
    }
}

/// An error of the sink ends the load and comes back as it is; the database stays usable.
pub fn a_sink_can_stop_a_load(subject: &dyn Subject) {
    let database = new_database(subject);
    let mut changes = batch(1, 11);
    for n in 1..=10 {
        put(&mut changes, "A", n, n + 1, b"body");
    }
    database.commit(&changes).unwrap();
    let mut sink = Stopping(0);
    assert_eq!(database.load(&mut sink), Err(StoreError::Failed("enough".into())));
    assert_eq!(sink.0, 3);
    database.commit(&batch(11, 12)).unwrap();
    assert_eq!(load(&*database).rows.len(), 10);
}

/// While one thread commits batches that touch every record, what another loads is always of one batch.
pub fn load_sees_one_moment(subject: &dyn Subject) {
    const RECORDS: u64 = 50;
    let database = new_database(subject);
    let round = |n: u64| {
        let base = if n == 0 { 1 } else { 1 + n * RECORDS };
        let mut changes = batch(base, base + RECORDS);
        for record in 1..=RECORDS {
            put(&mut changes, "A", record, base + record, &n.to_le_bytes());
        }
        changes
    };
    database.commit(&round(0)).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 1..30 {
                database.commit(&round(n)).unwrap();
            }
        });
        for _ in 0..30 {
            let loaded = load(&*database);
            let body = &loaded.rows[0].body;
            assert!(loaded.rows.iter().all(|row| row.body == *body), "rows of several batches");
            let newest = loaded.rows.iter().map(|row| row.sq).max();
            assert_eq!(newest, Some(loaded.head().seq), "head and rows of several batches");
        }
    });
    assert_eq!(load(&*database).head().seq, Sq(1 + 30 * RECORDS));
}

/// Work put off is there in its order, restarts included, until a batch says that it is done; a batch that is not
/// committed changes nothing of that.
pub fn work_put_off_waits_until_it_is_done(subject: &dyn Subject) {
    // A node that restarts left its work before that, or its successor has to wait for the end of the lease.
    let reopened = |old: Option<(Box<dyn Store>, Box<dyn DatabaseStore>)>| {
        if let Some((store, database)) = old {
            drop(database);
            store.cluster().map_or(Ok(()), |cluster| cluster.leave()).unwrap();
        }
        let store = subject.open();
        store.create_database(&database_id(), SCHEMA, CREATED_AT_MS).unwrap();
        let database = store.open_database(&database_id()).unwrap();
        (store, database)
    };
    let (store, database) = reopened(None);
    assert_eq!(database.put_off().unwrap(), []);
    let work = |n: u128| (n, format!("work {n}").into_bytes());
    database.commit(&Batch { put_off: vec![work(9), work(3)], ..batch(1, 2) }).unwrap();
    database.commit(&Batch { put_off: vec![work(5)], ..batch(2, 3) }).unwrap();
    let lost = Batch { put_off: vec![work(6)], done: vec![9, 3], ..batch(2, 4) };
    assert!(matches!(database.commit(&lost), Err(StoreError::Conflict)));
    let (store, database) = reopened(Some((store, database)));
    assert_eq!(database.put_off().unwrap(), [work(9), work(3), work(5)]);
    database.commit(&Batch { put_off: vec![work(7)], done: vec![3, 1], ..batch(3, 4) }).unwrap();
    let (_store, database) = reopened(Some((store, database)));
    assert_eq!(database.put_off().unwrap(), [work(9), work(5), work(7)]);
    database.commit(&Batch { done: vec![9, 5, 7], ..batch(4, 5) }).unwrap();
    assert_eq!(database.put_off().unwrap(), []);
}
