//! Checks of forgetting deletions.

use super::*;
use crate::Forget;

/// `A`/1 deleted at 3, `A`/2 alive, `A`/3 deleted at 5 and back at 7, `B`/1 deleted at 6, `B`/2 deleted at 8.
fn with_tombstones(subject: &dyn Subject) -> Box<dyn DatabaseStore> {
    let database = new_database(subject);
    let mut changes = batch(1, 6);
    put(&mut changes, "A", 2, 2, b"alive");
    bury(&mut changes, "A", 1, 3, b"");
    bury(&mut changes, "A", 3, 5, b"who");
    bury(&mut changes, "B", 1, 6, b"who");
    database.commit(&changes).unwrap();
    let mut changes = batch(6, 8);
    put(&mut changes, "A", 3, 7, b"back");
    bury(&mut changes, "B", 2, 8, b"");
    database.commit(&changes).unwrap();
    database
}

fn all(base: u64, upto: u64) -> Forget {
    let records = [("B", 2), ("A", 1), ("A", 2), ("A", 3), ("A", 4), ("B", 1)];
    let tombstones = records.map(|(table, record)| (tid(table), rid(record))).to_vec();
    Forget { base: Sq(base), upto: Sq(upto), tombstones }
}

fn records(database: &dyn DatabaseStore) -> Vec<(String, bool)> {
    let name = |row: &Row| (format!("{}{}", row.tid, row.rid), row.deleted);
    load(database).rows.iter().map(name).collect()
}

/// Tombstones up to the bound go, if they are named; younger ones, and records that live, stay. The bound stays
/// where it was raised to; the sequence is what it was.
pub fn forgetting_takes_old_tombstones_only(subject: &dyn Subject) {
    let database = with_tombstones(subject);
    let before = load(&*database);
    database.forget(&Forget { tombstones: Vec::new(), ..all(8, 2) }).unwrap();
    assert_eq!(load(&*database).rows, before.rows, "none of them was named");
    database.forget(&all(8, 6)).unwrap();
    let left = [("A2", false), ("A3", false), ("B2", true)].map(|(name, gone)| (name.to_owned(), gone));
    assert_eq!(records(&*database), left);

    let database = reopen(subject, database);
    assert_eq!(*load(&*database).head(), Head { sq_min: Sq(6), ..before.head().clone() });
    // Again, and with a lower bound: nothing changes.
    database.forget(&all(8, 6)).unwrap();
    database.forget(&all(8, 3)).unwrap();
    assert_eq!((records(&*database), load(&*database).head().sq_min), (left.to_vec(), Sq(6)));

    // A forgotten record comes back as any other.
    let mut changes = batch(8, 9);
    put(&mut changes, "A", 1, 9, b"back");
    database.commit(&changes).unwrap();
    assert_eq!(load(&*database).rows[0].body, b"back");
    assert_eq!(load(&*database).head().sq_min, Sq(6));
}

/// Whoever does not know the newest state cannot know all tombstones: nothing happens.
pub fn forgetting_on_another_base_is_a_conflict(subject: &dyn Subject) {
    let database = with_tombstones(subject);
    let before = load(&*database);
    for base in [0, 6, 7, 9] {
        assert_eq!(database.forget(&all(base, 6)), Err(StoreError::Conflict), "base {base}");
    }
    assert_eq!(load(&*database), before);
    assert_eq!(load(&*reopen(subject, database)), before);
}
