//! Checks of the catalogue.

use super::Subject;
use crate::{CatalogueChange, CatalogueEntry, CatalogueState, StoreError};

fn entry(kind: &str, id: &str, body: &str) -> CatalogueEntry {
    CatalogueEntry { kind: kind.into(), id: id.into(), body: body.into() }
}

fn put(kind: &str, id: &str, body: &str) -> CatalogueChange {
    CatalogueChange::Put(entry(kind, id, body))
}

fn delete(kind: &str, id: &str) -> CatalogueChange {
    CatalogueChange::Delete { kind: kind.into(), id: id.into() }
}

/// A new store has a catalogue without entries, at 0.
pub fn catalogue_begins_empty(subject: &dyn Subject) {
    let store = subject.open();
    assert_eq!(store.load_catalogue().unwrap(), CatalogueState::default());
}

/// Entries come back ascending by kind and id, byte by byte; putting one again replaces it.
pub fn catalogue_keeps_entries_in_order(subject: &dyn Subject) {
    let store = subject.open();
    let changes =
        [put("user", "u2", "{}"), put("team", "b", "2"), put("user", "U1", "3"), put("team", "a", "ä\0")];
    let seq = store.commit_catalogue(0, &changes).unwrap();
    assert_eq!(seq, 1);
    assert_eq!(store.commit_catalogue(1, &[put("team", "b", "two")]).unwrap(), 2);
    let expected = [
        entry("team", "a", "ä\0"),
        entry("team", "b", "two"),
        entry("user", "U1", "3"),
        entry("user", "u2", "{}"),
    ];
    assert_eq!(store.load_catalogue().unwrap(), CatalogueState { seq: 2, entries: expected.into() });
}

/// A commit on another base than where the catalogue stands is a conflict and changes nothing.
pub fn catalogue_compares_and_sets(subject: &dyn Subject) {
    let store = subject.open();
    store.commit_catalogue(0, &[put("team", "a", "first")]).unwrap();
    for base in [0, 2, 7] {
        assert_eq!(store.commit_catalogue(base, &[put("team", "a", "lost")]), Err(StoreError::Conflict));
    }
    let state = store.load_catalogue().unwrap();
    assert_eq!(state, CatalogueState { seq: 1, entries: vec![entry("team", "a", "first")] });
}

/// The version moves with each commit, and only then.
pub fn catalogue_version_moves_with_every_commit(subject: &dyn Subject) {
    let store = subject.open();
    let mut seen = vec![store.catalogue_version().unwrap()];
    for base in 0..5 {
        store.commit_catalogue(base, &[put("team", "a", "same")]).unwrap();
        seen.push(store.catalogue_version().unwrap());
        assert_eq!(store.catalogue_version().unwrap(), *seen.last().unwrap(), "still where nothing changes");
    }
    let _ = store.commit_catalogue(0, &[put("team", "a", "lost")]);
    assert_eq!(store.catalogue_version().unwrap(), *seen.last().unwrap(), "a conflict is no change");
    let all = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), all, "every version is new");
}

/// What was committed is there after a restart.
pub fn catalogue_survives_a_restart(subject: &dyn Subject) {
    let store = subject.open();
    store.commit_catalogue(0, &[put("team", "a", "1"), put("key", "k", "2")]).unwrap();
    let before = store.load_catalogue().unwrap();
    drop(store);
    let store = subject.open();
    assert_eq!(store.load_catalogue().unwrap(), before);
    assert_eq!(store.commit_catalogue(1, &[]).unwrap(), 2, "a commit without changes is one");
}

/// Of several changes to one entry the last one wins; deleting what is not there is fine.
pub fn catalogue_changes_apply_in_order(subject: &dyn Subject) {
    let store = subject.open();
    let changes = [
        put("team", "a", "1"),
        delete("team", "a"),
        put("team", "b", "1"),
        put("team", "b", "2"),
        delete("team", "none"),
        delete("team", "c"),
        put("team", "c", "3"),
        // Another kind, the same id.
        put("user", "a", "u"),
    ];
    store.commit_catalogue(0, &changes).unwrap();
    let expected = vec![entry("team", "b", "2"), entry("team", "c", "3"), entry("user", "a", "u")];
    assert_eq!(store.load_catalogue().unwrap().entries, expected);
}
