//! Each fault does what its docs say.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::{Duration, Instant};

use boobook_model::{DatabaseId, RecordId, Sq, TableId};
use boobook_store::{
    Batch, CatalogueChange, CatalogueEntry, DatabaseStore, Fault, FaultCounts, FaultStore, Faults, Forget,
    Head, LoadSink, MemStore, Store, StoreError,
};

fn database_id() -> DatabaseId {
    "faulty".parse().unwrap()
}

fn open() -> (Faults, FaultStore<MemStore>, Box<dyn DatabaseStore>) {
    let faults = Faults::new();
    let store = FaultStore::new(MemStore::new(), faults.clone());
    store.create_database(&database_id(), b"{}", 0).unwrap();
    let database = store.open_database(&database_id()).unwrap();
    (faults, store, database)
}

fn batch(base: u64) -> Batch {
    Batch { tx_id: u128::from(base), base: Sq(base), seq: Sq(base + 1), ..Batch::default() }
}

/// Commits 1, 2, … until one fails; answers which, and how.
fn first_failure(database: &dyn DatabaseStore) -> (u64, StoreError) {
    (1..100).find_map(|base| database.commit(&batch(base)).err().map(|e| (base, e))).expect("one fails")
}

#[test]
fn before_commit_nothing_is_written() {
    let (faults, _, database) = open();
    faults.fail_after(3, Fault::BeforeCommit);
    let (base, error) = first_failure(&*database);
    assert_eq!(base, 4, "three go through");
    assert!(matches!(error, StoreError::NotCommitted(_)));
    assert_eq!(database.is_committed(Sq(5), 4), Ok(false));
    database.commit(&batch(4)).unwrap();
    assert_eq!(faults.counts(), FaultCounts { commits: 5, catalogue_commits: 0, struck: 1 });
}

#[test]
fn after_commit_it_is_in_though_unknown() {
    let (faults, _, database) = open();
    faults.fail_after(0, Fault::AfterCommit);
    assert!(matches!(database.commit(&batch(1)), Err(StoreError::Unknown(_))));
    faults.fail_lookups(1);
    assert!(matches!(database.is_committed(Sq(2), 1), Err(StoreError::Failed(_))));
    assert_eq!(database.is_committed(Sq(2), 1), Ok(true));
    assert_eq!(database.commit(&batch(1)), Err(StoreError::Conflict));
}

#[test]
fn unknown_and_not_in() {
    let (faults, _, database) = open();
    faults.fail_after(0, Fault::UnknownNotCommitted);
    assert!(matches!(database.commit(&batch(1)), Err(StoreError::Unknown(_))));
    assert_eq!(database.is_committed(Sq(2), 1), Ok(false));
    database.commit(&batch(1)).unwrap();
}

#[test]
fn unknown_and_in_later() {
    let (faults, _, database) = open();
    faults.fail_after(0, Fault::UnknownLandsLate);
    assert!(matches!(database.commit(&batch(1)), Err(StoreError::Unknown(_))));
    assert_eq!(database.is_committed(Sq(2), 1), Ok(false));
    assert_eq!(database.commit(&batch(1)), Err(StoreError::Conflict), "the retry loses to the first try");
    assert_eq!(database.is_committed(Sq(2), 1), Ok(true));
}

#[test]
fn a_full_disk_stays_full_until_cleared() {
    let (faults, store, database) = open();
    faults.fail_after(1, Fault::Persistent);
    database.commit(&batch(1)).unwrap();
    for _ in 0..3 {
        assert!(matches!(database.commit(&batch(2)), Err(StoreError::NotCommitted(_))));
    }
    assert!(matches!(store.commit_catalogue(0, &[]), Err(StoreError::NotCommitted(_))));
    let other = "other".parse().unwrap();
    assert!(matches!(store.create_database(&other, b"", 0), Err(StoreError::NotCommitted(_))));
    faults.clear();
    database.commit(&batch(2)).unwrap();
    store.create_database(&other, b"", 0).unwrap();
}

#[test]
fn a_delay_succeeds() {
    let (faults, _, database) = open();
    faults.fail_after(0, Fault::Delay(Duration::from_millis(20)));
    #[expect(clippy::disallowed_methods, reason = "measures the delay")]
    let start = Instant::now();
    database.commit(&batch(1)).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(20));
}

#[test]
fn the_catalogue_fails_on_its_own_script() {
    let (faults, store, database) = open();
    let put =
        CatalogueChange::Put(CatalogueEntry { kind: "team".into(), id: "t".into(), body: b"{}".to_vec() });
    faults.fail_catalogue_after(0, Fault::BeforeCommit);
    faults.fail_catalogue_after(1, Fault::AfterCommit);
    database.commit(&batch(1)).unwrap();
    assert!(matches!(
        store.commit_catalogue(0, std::slice::from_ref(&put)),
        Err(StoreError::NotCommitted(_))
    ));
    assert_eq!(store.catalogue_version(), Ok(0));
    assert!(matches!(store.commit_catalogue(0, &[put]), Err(StoreError::Unknown(_))));
    assert_eq!(store.load_catalogue().unwrap().entries.len(), 1);
}

#[test]
fn forgetting_fails_as_a_commit_does_and_can_be_done_again() {
    for (fault, stored_at_once, landed) in [
        (Fault::BeforeCommit, false, false),
        (Fault::UnknownNotCommitted, false, false),
        (Fault::AfterCommit, true, true),
        (Fault::UnknownLandsLate, false, true),
    ] {
        let (faults, store, database) = open();
        database.commit(&batch(1)).unwrap();
        let forget = Forget { base: Sq(2), upto: Sq(2), tombstones: Vec::new() };
        faults.fail_after(0, fault);
        let error = database.forget(&forget).unwrap_err();
        assert_eq!(matches!(error, StoreError::NotCommitted(_)), fault == Fault::BeforeCommit);
        assert_eq!(sq_min(&store) == Sq(2), stored_at_once, "{fault:?}");
        database.commit(&batch(2)).unwrap();
        assert_eq!(sq_min(&store) == Sq(2), landed, "{fault:?}");
        database.forget(&Forget { base: Sq(3), ..forget }).unwrap();
        assert_eq!(sq_min(&store), Sq(2));
    }
}

struct SqMin(Sq);

impl LoadSink for SqMin {
    fn head(&mut self, head: Head) -> Result<(), StoreError> {
        self.0 = head.sq_min;
        Ok(())
    }
    fn record(&mut self, _: TableId, _: RecordId, _: Sq, _: bool, _: &[u8]) -> Result<(), StoreError> {
        Ok(())
    }
}

fn sq_min(store: &FaultStore<MemStore>) -> Sq {
    let mut head = SqMin(Sq(0));
    store.inner().open_database(&database_id()).unwrap().load(&mut head).unwrap();
    head.0
}
