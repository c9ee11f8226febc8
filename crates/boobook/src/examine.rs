//! Tries out the engine that data is, or will be, kept in: `boobook doctor`.
//!
//! The properties are those of the suite that every store passes in our own tests; here they are held against the
//! operator's own server, or disk. All of it happens in a place of its own, which is removed afterwards.

use std::{
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use boobook_app::{Host as _, SystemHost};
use boobook_files::{BlobError, Blobs, ByteRange, Hash};
use boobook_model::{DatabaseId, RecordId, Sq, TableId};
use boobook_store::{
    Batch, Record, Store, StoreError,
    conformance::{CHECKS, Subject},
};
use boobook_store_postgres::{PostgresStore, Scratch};
use boobook_store_sqlite::SqliteStore;
use bytes::Bytes;
use futures_util::stream;

/// Bytes of a record's body in what is timed: some ten fields.
const BODY_BYTES: usize = 200;
/// Records of a big batch.
const BATCH_RECORDS: u64 = 1_000;
/// Bytes of a small content.
const SMALL_BYTES: usize = 64 << 10;
/// Bytes of a big content: more than object stores are given in one part.
const BIG_BYTES: usize = 24 << 20;
/// One measurement ends after that long, however few tries it had.
const PATIENCE: Duration = Duration::from_secs(5);

/// Something that was tried, and what was wrong with it.
pub(crate) struct Property {
    pub(crate) name: &'static str,
    pub(crate) problem: Option<String>,
}

/// How long something took.
pub(crate) struct Latency {
    pub(crate) name: &'static str,
    pub(crate) median_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) tries: usize,
}

/// Where the engine is tried out.
pub(crate) enum Place {
    /// A schema of a server.
    Schema(Scratch),
    /// A folder of a disk.
    Folder(PathBuf),
}

/// Characters that a name ends with, such that nothing else has it.
pub(crate) fn random_name() -> String {
    let mut bytes = [0; 6];
    SystemHost.random(&mut bytes);
    bytes.iter().map(|byte| char::from(b'a' + byte % 26)).collect()
}

impl Place {
    /// What is tried out, and what it says of itself.
    pub(crate) fn engine(&self) -> Result<(String, String), StoreError> {
        match self {
            Self::Schema(scratch) => {
                let server = scratch.server()?;
                Ok((server.version, server.isolation))
            }
            Self::Folder(_) => {
                let version = boobook_store_sqlite::engine_version();
                Ok((format!("SQLite {version}"), "serializable".to_owned()))
            }
        }
    }

    /// Empties it.
    pub(crate) fn clear(&self) -> Result<(), StoreError> {
        match self {
            Self::Schema(scratch) => scratch.clear(),
            Self::Folder(folder) => match std::fs::remove_dir_all(folder) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                    Err(StoreError::Failed(format!("{} cannot be removed: {e}", folder.display())))
                }
                _ => Ok(()),
            },
        }
    }

    /// Removes it.
    pub(crate) fn remove(self) -> Result<(), StoreError> {
        match self {
            Self::Schema(scratch) => scratch.remove(),
            Self::Folder(_) => self.clear(),
        }
    }

    fn try_open(&self) -> Result<Box<dyn Store>, StoreError> {
        Ok(match self {
            Self::Schema(scratch) => Box::<PostgresStore>::new(scratch.open()?),
            Self::Folder(folder) => Box::new(SqliteStore::open(folder)?),
        })
    }
}

impl Subject for Place {
    /// Panics where it cannot be opened, as a check does that fails.
    fn open(&self) -> Box<dyn Store> {
        match self.try_open() {
            Ok(store) => store,
            Err(error) => panic!("the store cannot be opened: {error}"),
        }
    }
}

/// Holds every property of the suite against a subject, which `clear` empties before each.
pub(crate) fn properties(
    subject: &dyn Subject,
    clear: &dyn Fn() -> Result<(), StoreError>,
    tell: &mut dyn FnMut(&str),
) -> Vec<Property> {
    let said = Arc::new(Mutex::new(Vec::new()));
    let hearing = Arc::clone(&said);
    let before = panic::take_hook();
    // What a check says is part of the report, not of the terminal.
    panic::set_hook(Box::new(move |info| {
        let text = info.payload_as_str().unwrap_or("it panicked").to_owned();
        let place = info.location().map(|at| format!(" ({}:{})", at.file(), at.line())).unwrap_or_default();
        hearing.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{text}{place}"));
    }));
    let checked = CHECKS.iter().map(|&(name, check)| {
        tell(name);
        said.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let done = clear().map_err(|error| error.to_string()).and_then(|()| {
            panic::catch_unwind(AssertUnwindSafe(|| check(subject))).map_err(|_| {
                // The first one is the cause: threads that waited for it panic after it.
                let said = said.lock().unwrap_or_else(PoisonError::into_inner);
                said.first().cloned().unwrap_or_else(|| "it panicked".to_owned())
            })
        });
        Property { name, problem: done.err() }
    });
    let checked = checked.collect();
    panic::set_hook(before);
    checked
}

/// Median and 99th percentile of at most `tries`.
#[expect(clippy::disallowed_methods, reason = "it measures")]
fn timed<E>(
    name: &'static str,
    tries: usize,
    mut work: impl FnMut(usize) -> Result<(), E>,
) -> Result<Latency, E> {
    let begin = std::time::Instant::now();
    let mut times = Vec::with_capacity(tries);
    for n in 0..tries {
        let start = std::time::Instant::now();
        work(n)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        if begin.elapsed() > PATIENCE {
            break;
        }
    }
    times.sort_by(f64::total_cmp);
    let at = |part: f64| times.get((times.len() as f64 * part) as usize).copied().unwrap_or_default();
    Ok(Latency { name, median_ms: at(0.5), p99_ms: at(0.99), tries: times.len() })
}

/// Measures how long the engine takes for what servers ask of it.
pub(crate) fn latencies(place: &Place) -> Result<Vec<Latency>, StoreError> {
    place.clear()?;
    let store = place.try_open()?;
    let id: DatabaseId = "latencies".parse().map_err(|_| StoreError::Failed("an id is none".into()))?;
    store.create_database(&id, b"{}", 0)?;
    let database = store.open_database(&id)?;
    let mut next = Sq(1);
    let mut commit = |records: u64| {
        let (base, seq) = (next, Sq(next.0 + records));
        let tid = TableId::from_packed(1);
        let record = |sq: u64| {
            let rid = RecordId::new(sq)?;
            Some(Record { tid, rid, sq: Sq(sq), deleted: false, body: 0..BODY_BYTES })
        };
        let records = (base.0 + 1..=seq.0).filter_map(record).collect();
        let tx_id = seq.0.into();
        let bytes = vec![b'x'; BODY_BYTES];
        database.commit(&Batch { tx_id, base, seq, records, bytes, ..Batch::default() })?;
        next = seq;
        Ok(())
    };
    Ok(vec![
        timed("round trip", 300, |_| match store.cluster() {
            Some(cluster) => cluster.look(std::slice::from_ref(&id)).map(drop),
            None => store.catalogue_version().map(drop),
        })?,
        timed("commit of 1 record", 200, |_| commit(1))?,
        timed("commit of 1,000 records", 20, |_| commit(BATCH_RECORDS))?,
    ])
}

/// What was found about a place for files.
#[derive(Default)]
pub(crate) struct FilesFound {
    pub(crate) properties: Vec<Property>,
    pub(crate) latencies: Vec<Latency>,
}

/// Tries out a place for files, under the name of a database that is none.
pub(crate) fn files(blobs: &Blobs, runtime: &tokio::runtime::Runtime) -> FilesFound {
    let mut trial = Trial {
        blobs,
        runtime,
        id: None,
        contents: (0..20u8).map(|n| content(n, SMALL_BYTES)).collect(),
        found: FilesFound::default(),
    };
    trial.id = format!("doctor{}", random_name()).parse().ok();
    trial.run();
    trial.found
}

fn content(n: u8, length: usize) -> Bytes {
    let mut seed = [n; 1_021];
    SystemHost.random(&mut seed);
    seed.iter().copied().cycle().take(length).collect()
}

struct Trial<'a> {
    blobs: &'a Blobs,
    runtime: &'a tokio::runtime::Runtime,
    id: Option<DatabaseId>,
    contents: Vec<Bytes>,
    found: FilesFound,
}

impl Trial<'_> {
    fn run(&mut self) {
        let Some(id) = self.id.clone() else { return };
        let (blobs, contents) = (self.blobs, std::mem::take(&mut self.contents));
        let hashes: Vec<Hash> = contents.iter().map(|content| Hash::of(content)).collect();
        self.each("put of 64 KiB", contents.len(), async |n| put(blobs, &id, &contents[n], &hashes[n]).await);
        self.each("get of 64 KiB", contents.len(), async |n| {
            same(get(blobs, &id, &hashes[n], ByteRange::Whole).await?, &contents[n])
        });
        self.each("get of a range of 1,000 bytes", contents.len(), async |n| {
            let range = get(blobs, &id, &hashes[n], ByteRange::Last(1_000)).await?;
            same(range, &contents[n][SMALL_BYTES - 1_000..])
        });
        self.each("list", 1, async |_| {
            let kept = blobs.collect(&id, &|_| true, std::time::UNIX_EPOCH).await.map_err(text)?.kept;
            let expected = contents.len() as u64;
            (kept == expected)
                .then_some(())
                .ok_or_else(|| format!("{kept} of {expected} contents are listed"))
        });
        let big = content(99, BIG_BYTES);
        let hash = Hash::of(&big);
        self.each("put of 24 MiB", 1, async |_| put(blobs, &id, &big, &hash).await);
        self.each("get of 24 MiB", 1, async |_| same(get(blobs, &id, &hash, ByteRange::Whole).await?, &big));
        self.each("delete", 1, async |_| {
            blobs.delete_database(&id).await.map_err(text)?;
            match blobs.get(&id, &hash, ByteRange::Whole).await {
                Err(BlobError::NotFound { .. }) => Ok(()),
                Err(error) => Err(error.to_string()),
                Ok(_) => Err("a content can be read after it was deleted".to_owned()),
            }
        });
    }

    /// Does something some times; what goes wrong is the problem, what does not is timed.
    fn each(&mut self, name: &'static str, tries: usize, work: impl AsyncFn(usize) -> Result<(), String>) {
        let done = timed(name, tries, |n| self.runtime.block_on(work(n)));
        self.found.properties.push(Property { name, problem: done.as_ref().err().cloned() });
        self.found.latencies.extend(done.ok());
    }
}

fn text(error: BlobError) -> String {
    error.to_string()
}

async fn put(blobs: &Blobs, id: &DatabaseId, content: &Bytes, hash: &Hash) -> Result<(), String> {
    let pieces = content.chunks(SMALL_BYTES).map(|piece| Ok::<_, BlobError>(content.slice_ref(piece)));
    let stored = blobs.put(id, stream::iter(pieces), u64::MAX).await.map_err(text)?;
    let is_right = stored.hash == *hash && stored.size == content.len() as u64;
    is_right.then_some(()).ok_or_else(|| format!("{} bytes were stored as {stored:?}", content.len()))
}

async fn get(blobs: &Blobs, id: &DatabaseId, hash: &Hash, range: ByteRange) -> Result<Bytes, String> {
    blobs.get(id, hash, range).await.map_err(text)?.bytes().await.map_err(text)
}

fn same(found: Bytes, expected: &[u8]) -> Result<(), String> {
    let is_same = found == expected;
    is_same.then_some(()).ok_or_else(|| "what comes back is not what was stored".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use boobook_store::{Fault, FaultStore, Faults, MemStore};

    use super::*;

    fn failing(found: &[Property]) -> Vec<(&str, &str)> {
        let failing = found.iter().filter_map(|property| Some((property.name, property.problem.as_deref()?)));
        failing.collect()
    }

    #[test]
    fn a_good_store_has_every_property_and_a_bad_one_is_told_what_it_lacks() {
        let store = Mutex::new(MemStore::new());
        let clear = || {
            *store.lock().unwrap() = MemStore::new();
            Ok(())
        };
        let good = || Box::new(store.lock().unwrap().clone()) as Box<dyn Store>;
        let mut named = Vec::new();
        let found = properties(&good, &clear, &mut |name| named.push(name.to_owned()));
        assert_eq!((failing(&found), found.len(), named.len()), (vec![], CHECKS.len(), CHECKS.len()));

        let bad = || {
            let faults = Faults::new();
            faults.fail_after(0, Fault::Persistent);
            Box::new(FaultStore::new(store.lock().unwrap().clone(), faults)) as Box<dyn Store>
        };
        let found = properties(&bad, &clear, &mut |_| {});
        let failing = failing(&found);
        let (_, problem) = failing.iter().find(|(name, _)| *name == "a_commit_moves_the_head").unwrap();
        assert!(problem.contains("disk full") && problem.contains(".rs:"), "{problem}");
        assert!(failing.len() < CHECKS.len(), "the catalogue of that store is good");
    }

    #[test]
    fn a_folder_is_tried_out_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("doctor");
        let place = Place::Folder(folder.clone());
        assert!(place.engine().unwrap().0.starts_with("SQLite 3."));
        let measured = latencies(&place).unwrap();
        assert!(measured.iter().all(|latency| latency.tries > 0 && latency.median_ms <= latency.p99_ms));
        place.clear().unwrap();
        assert!(place.open().load_catalogue().unwrap().entries.is_empty());
        place.remove().unwrap();
        assert!(!folder.exists());
    }

    #[test]
    fn a_place_for_files_is_tried_out() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let found = files(&Blobs::memory(), &runtime);
        assert_eq!(failing(&found.properties), []);
        let names: Vec<_> = found.latencies.iter().map(|latency| latency.name).collect();
        assert_eq!(names.len(), 7, "{names:?}");

        let dir = tempfile::tempdir().unwrap();
        let faults = boobook_files::Faults::default();
        let blobs = Blobs::local_with_faults(dir.path(), faults.clone()).unwrap();
        faults.plan(0, boobook_files::Fault::Cut);
        let found = files(&blobs, &runtime);
        assert!(failing(&found.properties)[0].0.starts_with("put of"));
    }
}
