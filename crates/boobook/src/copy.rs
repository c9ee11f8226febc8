//! A whole store copied into another: `boobook store copy`.
//!
//! The catalogue comes last, so that no server serves a database before it is whole. Until then the copy's catalogue has
//! one entry, of a kind that servers do not know: it says that what lies there is a copy that is not finished, and of
//! what. Done again, the same copy leaves what is there whole, and makes the rest anew. A store that is in use is never
//! written to: it has no such entry.

use std::collections::BTreeMap;

use boobook_app::{DatabaseEntry, DatabaseState, Host as _, SystemHost};
use boobook_model::DatabaseId;
use boobook_store::{
    CatalogueChange, CatalogueEntry, CatalogueState, Store, StoreError, Summary, copy_database,
};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// Kind, and id, of the catalogue's entry in a copy that is not finished.
const KIND: &str = "copy";

/// A store and how it is called.
#[derive(Clone, Copy)]
pub(crate) struct Side<'a> {
    /// The store.
    pub(crate) store: &'a dyn Store,
    /// Its name in messages.
    pub(crate) shown: &'a str,
}

impl Side<'_> {
    fn failed(&self, error: StoreError) -> anyhow::Error {
        Failure::new(
            format!("{}: {error}", self.shown),
            "nothing is lost: run the same command again, it goes on with what is missing",
        )
    }
}

/// What an unfinished copy says of itself.
#[derive(Debug, Serialize, Deserialize)]
struct Unfinished {
    from: String,
    databases: Vec<String>,
}

/// A database that the copy has.
pub(crate) struct Copied {
    /// What the catalogue says of it.
    pub(crate) entry: DatabaseEntry,
    /// What is in it, on both sides.
    pub(crate) summary: Summary,
    /// Whether this run has written it; it was there otherwise.
    pub(crate) is_new: bool,
}

/// A copy under way.
pub(crate) struct StoreCopy<'a> {
    from: Side<'a>,
    to: Side<'a>,
    source: CatalogueState,
    /// Databases in use. The data of others, half made or half deleted, is nothing to anybody.
    databases: Vec<DatabaseEntry>,
    /// Where the copy's catalogue stands.
    base: u64,
    /// It was finished before: nothing may be written.
    is_finished: bool,
    done: BTreeMap<String, Copied>,
}

impl<'a> StoreCopy<'a> {
    /// Looks at both sides, and says in the copy that it is one, unless it was finished before.
    pub(crate) fn begin(from: Side<'a>, to: Side<'a>) -> anyhow::Result<Self> {
        let source = from.store.load_catalogue().map_err(|e| from.failed(e))?;
        if source.entries.iter().all(|entry| entry.kind == KIND) {
            return Err(Failure::new(
                format!("{} holds no teams and no databases: there is nothing to copy", from.shown),
                "look at the path, or at database and `schema` in the URL",
            ));
        }
        if let Some(unfinished) = unfinished(&source, from)? {
            return Err(Failure::new(
                format!("{} is a copy of {} that is not finished", from.shown, unfinished.from),
                "finish that copy first, or copy its original",
            ));
        }
        let target = to.store.load_catalogue().map_err(|e| to.failed(e))?;
        let known = unfinished(&target, to)?;
        let is_finished = target.entries == source.entries;
        let mut copy = Self {
            from,
            to,
            databases: in_use(&source, from)?,
            source,
            base: target.seq,
            is_finished,
            done: BTreeMap::new(),
        };
        if !is_finished {
            copy.check_target(&target, known.as_ref())?;
            copy.mark(&known.map(|known| known.databases).unwrap_or_default())?;
        }
        Ok(copy)
    }

    /// Refuses to write where something else is.
    fn check_target(&self, target: &CatalogueState, known: Option<&Unfinished>) -> anyhow::Result<()> {
        let others = target.entries.iter().filter(|entry| entry.kind != KIND).count();
        if others > 0 {
            return Err(Failure::new(
                format!("{} holds other teams and databases: nothing was written", self.to.shown),
                "name a directory that is new or empty, or a `schema` in the URL that is",
            ));
        }
        // Ids of databases are random: who has one of them is that very store, whatever it is called today.
        let Some(known) = known.filter(|known| !known.databases.is_empty()) else { return Ok(()) };
        if known.databases.iter().any(|id| self.databases.iter().any(|entry| entry.id == *id)) {
            return Ok(());
        }
        Err(Failure::new(
            format!("{} holds a copy of {} that is not finished", self.to.shown, known.from),
            "finish that one first; or remove it, or name another directory or schema, if it is not needed",
        ))
    }

    /// Says in the copy what is being copied. What was begun of databases that are gone by now is removed.
    fn mark(&mut self, begun: &[String]) -> anyhow::Result<()> {
        let databases: Vec<String> = self.databases.iter().map(|entry| entry.id.clone()).collect();
        for id in begun.iter().filter(|id| !databases.contains(id)) {
            self.to.store.delete_database(&id.parse()?).map_err(|e| self.to.failed(e))?;
        }
        let body = serde_json::to_vec(&Unfinished { from: self.from.shown.to_owned(), databases })?;
        let entry = CatalogueEntry { kind: KIND.into(), id: KIND.into(), body };
        let changes = [CatalogueChange::Put(entry)];
        let marked = self.to.store.commit_catalogue(self.base, &changes);
        self.base = marked.map_err(|e| self.to.failed(e))?;
        Ok(())
    }

    /// The databases that are copied.
    pub(crate) fn databases(&self) -> &[DatabaseEntry] {
        &self.databases
    }

    /// Copies, and verifies, each database that this run has not copied yet. `tell` hears of each database, and of the
    /// rows written of it.
    pub(crate) fn copy_databases(&mut self, tell: &mut dyn FnMut(&str, u64)) -> anyhow::Result<()> {
        for entry in &self.databases {
            if !self.done.contains_key(&entry.id) {
                let copied = self.copy_one(entry, tell)?;
                self.done.insert(entry.id.clone(), copied);
            }
        }
        Ok(())
    }

    fn copy_one(&self, entry: &DatabaseEntry, tell: &mut dyn FnMut(&str, u64)) -> anyhow::Result<Copied> {
        let (from, to) = (self.from, self.to);
        let id: DatabaseId = entry.id.parse()?;
        tell(&entry.name, 0);
        let original = from.store.open_database(&id).map_err(|e| from.failed(e))?;
        let copied = |summary: Summary, is_new: bool| Copied { entry: entry.clone(), summary, is_new };
        let there = match to.store.open_database(&id).and_then(|there| Summary::of(&*there)) {
            Err(StoreError::NotFound(_)) => None,
            there => Some(there),
        };
        if let Some(Ok(there)) = &there {
            let summary = Summary::of(&*original).map_err(|e| from.failed(e))?;
            if summary == *there {
                return Ok(copied(summary, false));
            }
        }
        if self.is_finished {
            return Err(Failure::new(
                format!(
                    "{} is a copy of {} that was finished, and database {:?} ({id}) is not the same any more: \
                     nothing was written",
                    to.shown, from.shown, entry.name
                ),
                "one of them has been used since; to begin anew, name a new directory or schema",
            ));
        }
        if there.is_some() {
            to.store.delete_database(&id).map_err(|e| to.failed(e))?;
        }
        let mut salt = [0; 16];
        SystemHost.random(&mut salt);
        let salt = u128::from_le_bytes(salt);
        let written = copy_database(&*original, to.store, &id, salt, &mut |rows| tell(&entry.name, rows));
        let written = written.map_err(|e| {
            let between = Side { shown: &format!("{} to {}, database {id}", from.shown, to.shown), ..to };
            between.failed(e)
        })?;
        original.release();
        let read = to.store.open_database(&id).and_then(|copy| Summary::of(&*copy));
        let read = read.map_err(|e| to.failed(e))?;
        if read == written {
            return Ok(copied(written, true));
        }
        Err(Failure::new(
            format!("{}: database {id} does not read back as it was written", to.shown),
            "`boobook doctor --store URL` tells whether that store can be relied on",
        ))
    }

    /// Ends the copy by giving it the catalogue; `false` if the original has moved on meanwhile, so that some databases
    /// are to be copied again.
    pub(crate) fn finish(&mut self) -> anyhow::Result<bool> {
        if self.has_moved()? {
            return Ok(false);
        }
        if !self.is_finished {
            let entries = self.source.entries.iter().cloned().map(CatalogueChange::Put);
            let unmark = CatalogueChange::Delete { kind: KIND.into(), id: KIND.into() };
            let changes: Vec<_> = entries.chain([unmark]).collect();
            let committed = self.to.store.commit_catalogue(self.base, &changes);
            self.base = committed.map_err(|e| self.to.failed(e))?;
            self.is_finished = true;
        }
        // Work put off is for those who serve the copy.
        self.to.store.cluster().map_or(Ok(()), |cluster| cluster.leave()).map_err(|e| self.to.failed(e))?;
        Ok(true)
    }

    /// Looks whether somebody has written to the original since it was read; forgets what was copied of that.
    fn has_moved(&mut self) -> anyhow::Result<bool> {
        let from = self.from;
        let failed = |e| from.failed(e);
        let ids = self.databases.iter().map(|entry| entry.id.parse()).collect::<Result<Vec<_>, _>>()?;
        let mut has_moved = false;
        if let Some(cluster) = from.store.cluster() {
            let look = cluster.look(&ids).map_err(failed)?;
            for (id, sequence) in ids.iter().zip(look.sequences) {
                let copied = self.done.get(id.as_str()).map(|copied| copied.summary.seq);
                if sequence != copied {
                    has_moved |= self.done.remove(id.as_str()).is_some();
                }
            }
        }
        if from.store.catalogue_version().map_err(failed)? != self.source.seq {
            has_moved = true;
            self.source = from.store.load_catalogue().map_err(failed)?;
            let begun: Vec<String> = self.databases.iter().map(|entry| entry.id.clone()).collect();
            self.databases = in_use(&self.source, from)?;
            self.done.retain(|id, _| self.databases.iter().any(|entry| entry.id == *id));
            if !self.is_finished {
                self.mark(&begun)?;
            }
        }
        Ok(has_moved)
    }

    /// What the copy has, by id.
    pub(crate) fn copied(&self) -> impl Iterator<Item = &Copied> {
        self.done.values()
    }
}

/// What a catalogue says of a copy that is not finished.
fn unfinished(state: &CatalogueState, side: Side<'_>) -> anyhow::Result<Option<Unfinished>> {
    let entry = state.entries.iter().find(|entry| entry.kind == KIND);
    entry.map(|entry| read_entry(entry, side)).transpose()
}

fn in_use(state: &CatalogueState, side: Side<'_>) -> anyhow::Result<Vec<DatabaseEntry>> {
    let entries = state.entries.iter().filter(|entry| entry.kind == DatabaseEntry::KIND);
    let all: Vec<DatabaseEntry> = entries.map(|entry| read_entry(entry, side)).collect::<Result<_, _>>()?;
    Ok(all.into_iter().filter(|entry| entry.state == DatabaseState::Active).collect())
}

fn read_entry<T: serde::de::DeserializeOwned>(entry: &CatalogueEntry, side: Side<'_>) -> anyhow::Result<T> {
    serde_json::from_slice(&entry.body).map_err(|error| {
        Failure::new(
            format!("{}: the catalogue's {} {} cannot be read: {error}", side.shown, entry.kind, entry.id),
            "a newer version of boobook may have written it: use that one; or bring the catalogue back from a back-up",
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use boobook_model::{RecordId, Sq, TableId};
    use boobook_store::{Batch, Fault, FaultStore, Faults, MemStore, Record};

    use super::*;

    fn change(store: &dyn Store, id: &str) {
        let database = store.open_database(&id.parse().unwrap()).unwrap();
        let base = Summary::of(&*database).unwrap().seq;
        let seq = Sq(base.0 + 1);
        let (tid, rid) = (TableId::from_packed(1), RecordId::new(seq.0).unwrap());
        let records = vec![Record { tid, rid, sq: seq, deleted: false, body: 0..0 }];
        let put_off = vec![(seq.0.into(), b"work".to_vec())];
        let tx_id = seq.0.into();
        database.commit(&Batch { tx_id, base, seq, records, put_off, ..Batch::default() }).unwrap();
    }

    fn put_entry(store: &dyn Store, kind: &str, id: &str, body: &str) {
        let base = store.catalogue_version().unwrap();
        let entry = CatalogueEntry { kind: kind.into(), id: id.into(), body: body.into() };
        store.commit_catalogue(base, &[CatalogueChange::Put(entry)]).unwrap();
    }

    fn put_database(store: &dyn Store, id: &str, state: &str) {
        let body = format!(r#"{{"id":"{id}","team":"t","name":"{id}","state":"{state}","created_at_ms":0}}"#);
        put_entry(store, DatabaseEntry::KIND, id, &body);
        if state == "active" {
            store.create_database(&id.parse().unwrap(), b"{}", 0).unwrap();
            change(store, id);
        }
    }

    fn original() -> MemStore {
        let store = MemStore::new();
        put_entry(&store, "team", "t", "{}");
        put_entry(&store, "of a later version", "x", "?");
        put_database(&store, "first1", "active");
        put_database(&store, "second1", "active");
        put_database(&store, "half1", "creating");
        store
    }

    fn begin<'a>(from: &'a dyn Store, to: &'a dyn Store) -> anyhow::Result<StoreCopy<'a>> {
        StoreCopy::begin(Side { store: from, shown: "here" }, Side { store: to, shown: "there" })
    }

    /// Copies to the end; which databases were written.
    fn run(from: &dyn Store, to: &dyn Store) -> anyhow::Result<Vec<String>> {
        let mut copy = begin(from, to)?;
        copy.copy_databases(&mut |_, _| {})?;
        assert!(copy.finish()?, "nothing moved");
        Ok(copy.copied().filter(|copied| copied.is_new).map(|copied| copied.entry.id.clone()).collect())
    }

    fn summary(store: &dyn Store, id: &str) -> Summary {
        Summary::of(&*store.open_database(&id.parse().unwrap()).unwrap()).unwrap()
    }

    fn told(result: anyhow::Result<Vec<String>>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn a_copy_has_all_and_is_left_when_it_is_made_again() {
        let (from, to) = (original(), MemStore::new());
        assert_eq!(run(&from, &to).unwrap(), ["first1", "second1"]);
        assert_eq!(to.load_catalogue().unwrap().entries, from.load_catalogue().unwrap().entries);
        for id in ["first1", "second1"] {
            assert_eq!(summary(&to, id), summary(&from, id));
        }
        let half = "half1".parse().unwrap();
        assert_eq!(to.open_database(&half).err(), Some(StoreError::NotFound(half)), "nobody was told of it");
        let version = to.catalogue_version().unwrap();
        assert_eq!(run(&from, &to).unwrap(), [""; 0]);
        assert_eq!(to.catalogue_version().unwrap(), version, "nothing was written");
    }

    #[test]
    fn a_store_in_use_is_never_written_to() {
        let (from, to) = (original(), MemStore::new());
        run(&from, &to).unwrap();
        change(&to, "second1");
        let used = summary(&to, "second1");
        assert!(told(run(&from, &to)).contains("not the same any more"));
        assert_eq!(summary(&to, "second1"), used);
        put_entry(&to, "team", "t2", "{}");
        let error = told(run(&from, &to));
        assert!(error.contains("there holds other teams and databases"), "{error}");
        assert_eq!(summary(&to, "second1"), used);
    }

    #[test]
    fn what_was_broken_off_goes_on() {
        let (from, inner) = (original(), MemStore::new());
        let to = FaultStore::new(inner.clone(), Faults::new());
        to.faults().fail_after(1, Fault::Persistent);
        let error = told(run(&from, &to));
        assert!(error.contains("database second1: not stored: injected"), "{error}");
        let entries = inner.load_catalogue().unwrap().entries;
        assert_eq!(entries.iter().map(|entry| &*entry.kind).collect::<Vec<_>>(), [KIND], "nothing to serve");
        to.faults().clear();
        assert_eq!(run(&from, &to).unwrap(), ["second1"], "the first one was whole");
        assert_eq!(summary(&inner, "second1"), summary(&from, "second1"));
    }

    #[test]
    fn what_was_begun_of_a_database_that_is_gone_is_removed() {
        let (from, to) = (original(), MemStore::new());
        let mut copy = begin(&from, &to).unwrap();
        copy.copy_databases(&mut |_, _| {}).unwrap();
        let gone = CatalogueChange::Delete { kind: DatabaseEntry::KIND.into(), id: "first1".into() };
        from.commit_catalogue(from.catalogue_version().unwrap(), &[gone]).unwrap();
        assert_eq!(run(&from, &to).unwrap(), [""; 0]);
        assert!(to.open_database(&"first1".parse().unwrap()).is_err());
    }

    #[test]
    fn what_moves_meanwhile_is_copied_again() {
        let shared = original();
        let (from, to) = (shared.node(), MemStore::new());
        let mut copy = begin(&from, &to).unwrap();
        copy.copy_databases(&mut |_, _| {}).unwrap();
        change(&from, "second1");
        put_database(&from, "third1", "active");
        assert!(!copy.finish().unwrap());
        let mut named = Vec::new();
        copy.copy_databases(&mut |name, _| named.push(name.to_owned())).unwrap();
        named.dedup();
        assert_eq!(named, ["second1", "third1"], "the first one did not move");
        assert!(copy.finish().unwrap());
        for id in ["first1", "second1", "third1"] {
            assert_eq!(summary(&to, id), summary(&from, id));
        }
        assert_eq!(to.load_catalogue().unwrap().entries, from.load_catalogue().unwrap().entries);
    }

    #[test]
    fn one_copy_does_not_go_on_with_another() {
        let (from, other, to) = (original(), MemStore::new(), MemStore::new());
        put_database(&other, "elsewhere", "active");
        drop(begin(&other, &to).unwrap());
        let error = told(run(&from, &to));
        assert!(error.contains("there holds a copy of here that is not finished"), "{error}");
        assert!(told(run(&to, &MemStore::new())).contains("nothing to copy"));
        put_entry(&to, "team", "t", "{}");
        assert!(told(run(&to, &MemStore::new())).contains("here is a copy of here that is not finished"));
        assert!(told(run(&MemStore::new(), &to)).contains("here holds no teams and no databases"));
    }

    /// A copy of nodes leaves its work to whoever serves it.
    #[test]
    fn work_put_off_is_there_to_be_taken() {
        let (from, shared) = (original(), MemStore::new());
        run(&from, &shared.node()).unwrap();
        let server = shared.node();
        let taken = server.cluster().unwrap().take_over().unwrap();
        assert_eq!(taken.len(), 2, "one of each database");
    }
}
