//! Checks of making, opening, deleting and releasing databases.

use boobook_model::Sq;

use super::*;

/// Creating a database again keeps what is in it.
pub fn creating_twice_changes_nothing(subject: &dyn Subject) {
    let database = new_database(subject);
    let mut first = batch(1, 2);
    put(&mut first, "A", 1, 2, b"kept");
    database.commit(&first).unwrap();
    let before = load(&*database);
    drop(database);
    let store = subject.open();
    store.create_database(&database_id(), b"another schema", CREATED_AT_MS + 99).unwrap();
    assert_eq!(load(&*store.open_database(&database_id()).unwrap()), before);
}

/// Opening what was never made says so.
pub fn a_missing_database_is_not_found(subject: &dyn Subject) {
    let store = subject.open();
    let id = database_id();
    assert_eq!(store.open_database(&id).err(), Some(StoreError::NotFound(id)));
}

/// Deleting twice, or what never was, succeeds; a database made anew under the same id has nothing of the old.
pub fn deleting_is_idempotent_and_thorough(subject: &dyn Subject) {
    let store = subject.open();
    let id = database_id();
    store.delete_database(&id).unwrap();
    drop(store);

    let database = new_database(subject);
    let mut old = batch(1, 2);
    put(&mut old, "A", 1, 2, b"old");
    remember(&mut old, 2, 0, HistoryKind::Created, b"");
    old.counters.push((tid("A"), 2));
    database.commit(&old).unwrap();
    drop(database);

    let store = subject.open();
    store.delete_database(&id).unwrap();
    store.delete_database(&id).unwrap();
    assert_eq!(store.open_database(&id).err(), Some(StoreError::NotFound(id.clone())));

    store.create_database(&id, b"new", CREATED_AT_MS).unwrap();
    let database = store.open_database(&id).unwrap();
    let loaded = load(&*database);
    assert_eq!((loaded.head().seq, &*loaded.head().schema), (Sq(1), &b"new"[..]));
    assert!(loaded.rows.is_empty() && loaded.head().counters.is_empty());
    assert_eq!(database.history(Sq(2), Sq(0), 10).unwrap(), []);
    assert!(!database.is_committed(Sq(2), tx_id(2)).unwrap());
}

/// Databases of one store do not see each other, nor does deleting one touch the other.
pub fn databases_are_apart(subject: &dyn Subject) {
    let store = subject.open();
    let ids: Vec<DatabaseId> = ["d1", "d10", "d_1", "d-1"].iter().map(|id| id.parse().unwrap()).collect();
    for (n, id) in (2..).zip(&ids) {
        store.create_database(id, SCHEMA, CREATED_AT_MS).unwrap();
        let mut changes = batch(1, n);
        put(&mut changes, "A", n, n, id.as_str().as_bytes());
        changes.counters.push((tid("A"), n + 1));
        store.open_database(id).unwrap().commit(&changes).unwrap();
    }
    store.delete_database(&ids[0]).unwrap();
    for (n, id) in (2..).zip(&ids).skip(1) {
        let database = store.open_database(id).unwrap();
        let loaded = load(&*database);
        assert_eq!(loaded.rows.len(), 1);
        assert_eq!(loaded.rows[0].body, id.as_str().as_bytes());
        assert_eq!(loaded.head().counters, [(tid("A"), n + 1)]);
        assert!(!database.is_committed(Sq(2), tx_id(2)).unwrap());
    }
}

/// After a release everything goes on as before, whatever is asked first.
pub fn releasing_is_invisible(subject: &dyn Subject) {
    let database = new_database(subject);
    database.release();
    let mut first = batch(1, 2);
    put(&mut first, "A", 1, 2, b"one");
    remember(&mut first, 2, 0, HistoryKind::Created, b"");
    database.commit(&first).unwrap();
    database.release();
    database.release();
    assert_eq!(load(&*database).rows.len(), 1);
    database.release();
    assert!(database.is_committed(Sq(2), tx_id(2)).unwrap());
    database.release();
    assert_eq!(database.history(Sq(2), Sq(0), 10).unwrap().len(), 1);
    database.release();
    database.commit(&batch(2, 3)).unwrap();
    assert_eq!(load(&*database).head().seq, Sq(3));
}
