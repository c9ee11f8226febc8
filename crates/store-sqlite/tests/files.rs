//! What is peculiar to files: damage, formats, modes, back-ups.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{fs, path::PathBuf};

use boobook_model::{DatabaseId, Sq};
use boobook_store::{Batch, DatabaseStore, Head, LoadSink, Store, StoreError};
use boobook_store_sqlite::SqliteStore;
use tempfile::TempDir;

struct Place {
    directory: TempDir,
    store: SqliteStore,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&directory.path().join("data")).unwrap();
        for id in ["good", "other"] {
            store.create_database(&id.parse().unwrap(), b"{}", 1).unwrap();
        }
        Self { directory, store }
    }

    fn file(&self, id: &str) -> PathBuf {
        self.directory.path().join("data/databases").join(format!("{id}.db"))
    }
}

/// Keeps the head, forgets the rest.
struct Heads(Option<Head>);

impl LoadSink for Heads {
    fn head(&mut self, head: Head) -> Result<(), StoreError> {
        self.0 = Some(head);
        Ok(())
    }
    fn record(
        &mut self,
        _: boobook_model::TableId,
        _: boobook_model::RecordId,
        _: Sq,
        _: bool,
        _: &[u8],
    ) -> Result<(), StoreError> {
        Ok(())
    }
}

fn load(store: &dyn Store, id: &str) -> Result<Head, StoreError> {
    let id: DatabaseId = id.parse().unwrap();
    let mut heads = Heads(None);
    store.open_database(&id)?.load(&mut heads)?;
    Ok(heads.0.unwrap())
}

fn write(database: &dyn DatabaseStore, base: u64, bytes: usize) -> Result<(), StoreError> {
    let batch = Batch {
        tx_id: u128::from(base),
        base: Sq(base),
        seq: Sq(base + 1),
        clock_ms: 5,
        schema: Some((Sq(base + 1), vec![b' '; bytes])),
        ..Batch::default()
    };
    database.commit(&batch)
}

#[test]
fn damage_is_told_by_name_and_others_serve() {
    for damage in [&b"this is no database at all, whatever it is called"[..], &[0u8; 8_192][..]] {
        let place = Place::new();
        fs::write(place.file("good"), damage).unwrap();
        let error = load(&place.store, "good").unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
        assert!(error.to_string().contains("good"), "{error}");
        assert!(load(&place.store, "other").is_ok());
    }
}

#[test]
fn a_file_cut_short_is_told() {
    let place = Place::new();
    let id: DatabaseId = "good".parse().unwrap();
    let database = place.store.open_database(&id).unwrap();
    write(&*database, 1, 200_000).unwrap();
    database.maintain(&boobook_store::Retention { history_before_ms: 0, idempotency_before_ms: 0 }).unwrap();
    drop(database);
    let whole = fs::read(place.file("good")).unwrap();
    assert!(whole.len() > 100_000);
    fs::write(place.file("good"), &whole[..whole.len() / 2]).unwrap();
    let error = load(&place.store, "good").unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}

/// What a crash leaves: the file, and a log with commits in it and room ahead of them.
#[test]
fn a_log_with_room_ahead_is_read_to_its_last_commit() {
    let place = Place::new();
    let id: DatabaseId = "good".parse().unwrap();
    let database = place.store.open_database(&id).unwrap();
    let log = place.file("good").with_extension("db-wal");
    let crashed = place.file("other").with_extension("db-wal");
    for base in 1..=80 {
        write(&*database, base, 30_000).unwrap();
        fs::copy(place.file("good"), place.file("other")).unwrap();
        fs::copy(&log, &crashed).unwrap();
        assert!(fs::read(&crashed).unwrap().ends_with(&[0; 10_000]), "zeros at {base}");
        assert_eq!(load(&place.store, "other").unwrap().seq, Sq(base + 1));
    }
    // It grew several times meanwhile.
    let length_bytes = fs::metadata(&log).unwrap().len();
    assert!(length_bytes > 600_000, "{length_bytes}");
}

#[test]
fn a_newer_format_is_refused() {
    let place = Place::new();
    let path = place.file("good");
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 9_999).unwrap();
    let error = load(&place.store, "good").unwrap_err();
    assert!(matches!(error, StoreError::NewerFormat { found: 9_999, .. }), "{error:?}");
    assert!(load(&place.store, "other").is_ok());
}

#[test]
fn a_missing_file_is_told() {
    let place = Place::new();
    fs::remove_file(place.file("good")).unwrap();
    assert!(matches!(load(&place.store, "good"), Err(StoreError::NotFound(_))));
}

#[cfg(unix)]
#[test]
fn files_are_their_owners_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let data = place.directory.path().join("data");
    assert_eq!(mode(data.join("databases")), 0o700);
    assert_eq!(mode(data.join("catalogue.db")), 0o600);
    assert_eq!(mode(place.file("good")), 0o600);
}

#[test]
fn a_back_up_made_while_it_is_written_to_opens() {
    let place = Place::new();
    let id: DatabaseId = "good".parse().unwrap();
    let database = place.store.open_database(&id).unwrap();
    let copy = place.directory.path().join("copy");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for base in 1..200 {
                write(&*database, base, 10_000).unwrap();
            }
        });
        let data = place.directory.path().join("data");
        boobook_store_sqlite::backup(&data, &copy, &mut |_, _, _| {}).unwrap();
    });
    let copied = SqliteStore::open(&copy).unwrap();
    let head = load(&copied, "good").unwrap();
    assert!((1..=200).contains(&head.seq.0));
    assert_eq!(head.schema_sq, head.seq);
    assert!(load(&copied, "other").is_ok());
    let again = boobook_store_sqlite::backup(&copy, &copy, &mut |_, _, _| {});
    assert!(again.is_err(), "a directory that holds something is not written over");
}
