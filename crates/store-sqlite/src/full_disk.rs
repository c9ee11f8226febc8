//! Tests of a disk that is full: told as such, nothing half-written, and all goes on when there is room again.

use boobook_model::{DatabaseId, RecordId, Sq, TableId};
use boobook_store::{Batch, DatabaseStore, Head, LoadSink, Record, Store, StoreError};

use crate::{SqliteStore, database::SqliteDatabase};

#[derive(Debug, Default, PartialEq)]
struct State {
    head: Head,
    records: Vec<(u32, Sq, Vec<u8>)>,
}

impl LoadSink for State {
    fn head(&mut self, head: Head) -> Result<(), StoreError> {
        self.head = head;
        Ok(())
    }
    fn record(&mut self, _: TableId, rid: RecordId, sq: Sq, _: bool, body: &[u8]) -> Result<(), StoreError> {
        self.records.push((rid.get(), sq, body.to_vec()));
        Ok(())
    }
}

fn state(database: &SqliteDatabase) -> State {
    let mut state = State::default();
    database.load(&mut state).unwrap();
    state
}

const BODY_BYTES: usize = 10_000;

/// What is there after all batches before `seq`.
fn assert_acknowledged(state: &State, seq: u64) {
    assert_eq!(state.head.seq, Sq(seq));
    assert_eq!(state.head.counters, [(TableId::nth(0).unwrap(), seq + 1)]);
    let mut records = state.records.iter();
    for n in 2..=seq {
        let (rid, sq, body) = records.next().unwrap();
        assert_eq!((u64::from(*rid), sq.0), (n, n));
        assert_eq!(*body, [n as u8; BODY_BYTES]);
    }
    assert_eq!(records.next(), None);
}

/// Ten new records.
fn batch(base: u64) -> Batch {
    let tid = TableId::nth(0).unwrap();
    let mut batch = Batch {
        tx_id: u128::from(base),
        base: Sq(base),
        seq: Sq(base + 10),
        clock_ms: 5,
        ..Batch::default()
    };
    for n in base + 1..=base + 10 {
        let from = batch.bytes.len();
        batch.bytes.resize(from + BODY_BYTES, n as u8);
        let rid = RecordId::new(n).unwrap();
        batch.records.push(Record { tid, rid, sq: Sq(n), deleted: false, body: from..batch.bytes.len() });
    }
    batch.counters = vec![(tid, base + 11)];
    batch
}

/// Commits until there is no room; answers where the database stands then and what it was told.
fn fill(database: &SqliteDatabase, mut base: u64) -> (u64, StoreError) {
    for _ in 0..1_000 {
        match database.commit(&batch(base)) {
            Ok(()) => base += 10,
            Err(error) => return (base, error),
        }
    }
    panic!("it never got full");
}

fn open(store: &SqliteStore) -> SqliteDatabase {
    let id: DatabaseId = "crm".parse().unwrap();
    store.create_database(&id, b"{}", 1).unwrap();
    SqliteDatabase::open(&store.directory, &id).unwrap()
}

/// How far the file may grow, by SQLite's own limit.
fn allow_pages(database: &SqliteDatabase, pages: u32) {
    database
        .with_writer(|conn| {
            conn.pragma_update(None, "max_page_count", pages).unwrap();
            Ok(())
        })
        .unwrap();
}

/// Fills it, makes room, goes on with the same open database.
fn goes_on(store: &SqliteStore, limit: impl Fn(&SqliteDatabase), make_room: impl Fn(&SqliteDatabase)) {
    let database = open(store);
    limit(&database);
    let (seq, error) = fill(&database, 1);
    assert!(seq > 1, "something fitted");
    assert!(matches!(error, StoreError::NotCommitted(_)), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("disk is full") && text.contains("make room on the disk"), "{text}");
    assert_eq!(database.is_committed(batch(seq).seq, u128::from(seq)), Ok(false));
    // It stays refused, and refusing leaves nothing behind.
    assert_eq!(database.commit(&batch(seq)), Err(error));
    assert_acknowledged(&state(&database), seq);

    make_room(&database);
    database.commit(&batch(seq)).unwrap();
    assert_acknowledged(&state(&database), seq + 10);
}

#[test]
fn a_full_file_needs_no_restart() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    goes_on(&store, |database| allow_pages(database, 100), |database| allow_pages(database, 200));
}

#[test]
fn a_full_file_opens_as_it_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    let database = open(&store);
    allow_pages(&database, 100);
    let (seq, _) = fill(&database, 1);
    drop(database);
    let database = open(&store);
    assert_acknowledged(&state(&database), seq);
    database.commit(&batch(seq)).unwrap();
    assert_acknowledged(&state(&database), seq + 10);
}

/// The same on a file system that is really full: the log runs out of room, not only the file.
#[test]
#[ignore = "needs TMPDIR on a file system of a few megabytes, which it fills"]
fn a_full_file_system_needs_no_restart() {
    let directory = tempfile::tempdir().unwrap();
    let ballast = directory.path().join("ballast");
    std::fs::write(&ballast, vec![1; 1 << 20]).unwrap();
    let store = SqliteStore::open(&directory.path().join("data")).unwrap();
    goes_on(&store, |_| {}, |_| std::fs::remove_file(&ballast).unwrap());
}
