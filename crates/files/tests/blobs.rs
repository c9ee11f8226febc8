//! What every place for blobs does, what the local disk is made to suffer, and a real bucket.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use boobook_files::{BlobError, Blobs, ByteRange, Collected, Copied, Fault, Faults, Hash, Step, Stored};
use boobook_model::DatabaseId;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, future::join_all, stream};
use tempfile::TempDir;

const NO_LIMIT: u64 = u64::MAX;
const HOUR: Duration = Duration::from_hours(1);

fn database() -> DatabaseId {
    "abc123def456".parse().unwrap()
}

/// Bytes that no compression and no copy of a piece would make by chance.
fn content(seed: u64, length: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes = std::iter::repeat_with(next).take(length.div_ceil(8)).collect::<Vec<_>>().concat();
    bytes.truncate(length);
    bytes.into()
}

fn pieces(content: &Bytes, length: usize) -> impl Stream<Item = io::Result<Bytes>> + use<> {
    let content = content.clone();
    let starts = (0..content.len()).step_by(length);
    stream::iter(
        starts.map(move |at| Ok(content.slice(at..(at + length).min(content.len())))).collect::<Vec<_>>(),
    )
}

async fn put(blobs: &Blobs, content: &Bytes) -> Stored {
    blobs.put(&database(), pieces(content, 50_000), NO_LIMIT).await.unwrap()
}

async fn read(blobs: &Blobs, hash: &Hash, range: ByteRange) -> Result<Bytes, BlobError> {
    blobs.get(&database(), hash, range).await?.bytes().await
}

/// Checks that hold for every place: a test each on disk and in memory, and all of them in a bucket.
macro_rules! everywhere {
    ($($name:ident),+ $(,)?) => {
        mod everywhere {
            use super::*;

            $(#[tokio::test]
            async fn $name() {
                let folder = TempDir::new().unwrap();
                super::$name(Blobs::local(folder.path()).unwrap()).await;
                super::$name(Blobs::memory()).await;
            })+
        }

        /// Each below a prefix of its own.
        async fn check_all(open: impl Fn(&str) -> Blobs) {
            $($name(open(stringify!($name))).await;)+
        }
    };
}

everywhere! {
    what_is_stored_can_be_read,
    the_cut_of_the_pieces_does_not_matter,
    parts_are_read_as_they_are_asked_for,
    too_much_is_refused_and_leaves_nothing,
    an_upload_that_breaks_off_leaves_nothing,
    the_collector_takes_what_is_old_and_not_referred_to,
    whole_databases,
}

fn tomorrow() -> SystemTime {
    SystemTime::now() + 24 * HOUR
}

/// All files below a directory.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(files(&path)),
            path => found.push(path),
        }
    }
    found
}

fn is_temporary(path: &Path) -> bool {
    path.parent().unwrap().file_name().unwrap() == "tmp"
}

/// Every blob on disk, after a look that each is what its name says.
fn whole_blobs(root: &Path) -> BTreeSet<Hash> {
    let blobs = files(root).into_iter().filter(|path| !is_temporary(path));
    blobs
        .map(|path| {
            let hash: Hash = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
            assert_eq!(Hash::of(&fs::read(&path).unwrap()), hash, "{} is no whole blob", path.display());
            hash
        })
        .collect()
}

async fn what_is_stored_can_be_read(blobs: Blobs) {
    for length in [0, 1, 1000, 256 << 10, (256 << 10) + 1, 700_000, (10 << 20) + 1] {
        let content = content(length as u64, length);
        let stored = put(&blobs, &content).await;
        assert_eq!(stored, Stored { hash: Hash::of(&content), size: length as u64 });
        assert_eq!(blobs.size(&database(), &stored.hash).await, Ok(Some(length as u64)));
        let whole = blobs.get(&database(), &stored.hash, ByteRange::Whole).await.unwrap();
        assert_eq!((whole.size(), whole.range()), (length as u64, 0..length as u64));
        assert!(whole.bytes().await.unwrap() == content, "{length} bytes");
    }
}

async fn the_cut_of_the_pieces_does_not_matter(blobs: Blobs) {
    let content = content(1, 600_000);
    for length in [1000, 65_536, 256 << 10, 600_000] {
        let stored = blobs.put(&database(), pieces(&content, length), NO_LIMIT).await.unwrap();
        assert_eq!(stored.hash, Hash::of(&content));
    }
    let sparse = pieces(&content, 250_000).flat_map(|piece| stream::iter([Ok(Bytes::new()), piece]));
    assert_eq!(blobs.put(&database(), sparse, NO_LIMIT).await.unwrap().hash, Hash::of(&content));
}

async fn parts_are_read_as_they_are_asked_for(blobs: Blobs) {
    let content = content(2, 900_001);
    let Stored { hash, size } = put(&blobs, &content).await;
    for (range, part) in [
        (ByteRange::Whole, 0..size),
        (ByteRange::From(0), 0..size),
        (ByteRange::From(300_000), 300_000..size),
        (ByteRange::From(size - 1), size - 1..size),
        (ByteRange::Between(0, 0), 0..1),
        (ByteRange::Between(262_143, 262_144), 262_143..262_145),
        (ByteRange::Between(5, 800_000), 5..800_001),
        (ByteRange::Between(899_999, NO_LIMIT), 899_999..size),
        (ByteRange::Last(1), size - 1..size),
        (ByteRange::Last(500_000), size - 500_000..size),
        (ByteRange::Last(NO_LIMIT), 0..size),
    ] {
        let download = blobs.get(&database(), &hash, range).await.unwrap();
        assert_eq!((download.size(), download.range()), (size, part.clone()), "{range:?}");
        let got = download.bytes().await.unwrap();
        assert!(got == content[part.start as usize..part.end as usize], "{range:?}");
    }
    for range in [ByteRange::From(size), ByteRange::Between(size, size + 5), ByteRange::Last(0)] {
        let refused = blobs.get(&database(), &hash, range).await.map(drop);
        assert_eq!(refused, Err(BlobError::Range { size }), "{range:?}");
    }
}

#[tokio::test]
async fn equal_contents_are_one_blob() {
    let folder = TempDir::new().unwrap();
    let blobs = Blobs::local(folder.path()).unwrap();
    let content = content(3, 400_000);
    let stored = join_all((0..12).map(|_| put(&blobs, &content))).await;
    assert!(stored.iter().all(|one| *one == stored[0]));
    assert_eq!(files(folder.path()).len(), 1);
    let other: DatabaseId = "other0000000".parse().unwrap();
    assert_eq!(blobs.exists(&other, &stored[0].hash).await, Ok(false));
    let refused = blobs.get(&other, &stored[0].hash, ByteRange::Whole).await.map(drop);
    assert_eq!(refused, Err(BlobError::NotFound { database: other, hash: stored[0].hash }));
}

async fn too_much_is_refused_and_leaves_nothing(blobs: Blobs) {
    let content = content(4, 6 << 20);
    let size = content.len() as u64;
    let put = async |limit| blobs.put(&database(), pieces(&content, 100_000), limit).await;
    assert_eq!(put(size - 1).await, Err(BlobError::TooLarge { limit: size - 1 }));
    assert_eq!(put(0).await, Err(BlobError::TooLarge { limit: 0 }));
    assert_eq!(blobs.collect(&database(), &|_| true, tomorrow()).await, Ok(Collected::default()));
    assert_eq!(put(size).await.unwrap().size, size);
}

async fn an_upload_that_breaks_off_leaves_nothing(blobs: Blobs) {
    let content = content(5, 6 << 20);
    let broken = pieces(&content, 300_000).chain(stream::iter([Err(io::Error::other("reset by peer"))]));
    let refused = blobs.put(&database(), broken, NO_LIMIT).await;
    assert_eq!(refused, Err(BlobError::Upload("reset by peer".to_owned())));
    assert_eq!(blobs.collect(&database(), &|_| true, tomorrow()).await, Ok(Collected::default()));
    assert_eq!(blobs.exists(&database(), &Hash::of(&content)).await, Ok(false));
}

#[tokio::test]
async fn an_upload_that_is_dropped_leaves_at_most_a_temporary() {
    let folder = TempDir::new().unwrap();
    let blobs = Blobs::local(folder.path()).unwrap();
    for read in [0, 1, 3, 9] {
        let endless = pieces(&content(6, 300_000 * read), 300_000).chain(stream::pending());
        let database = database();
        let mut upload = Box::pin(blobs.put(&database, endless, NO_LIMIT));
        for _ in 0..50 {
            assert!(futures_util::poll!(&mut upload).is_pending());
            tokio::task::yield_now().await;
        }
        drop(upload);
        assert!(whole_blobs(folder.path()).is_empty());
    }
    let swept = blobs.collect(&database(), &|_| true, tomorrow()).await.unwrap();
    assert_eq!((swept.kept, swept.removed), (0, 0));
}

async fn the_collector_takes_what_is_old_and_not_referred_to(blobs: Blobs) {
    let [kept, loose] = [put(&blobs, &content(7, 1000)).await, put(&blobs, &content(8, 2000)).await];
    let referenced = |hash: &Hash| *hash == kept.hash;
    let found = Collected { kept: 1, kept_bytes: 1000, ..Collected::default() };

    let early = blobs.collect(&database(), &referenced, SystemTime::now() - HOUR).await;
    assert_eq!(early, Ok(Collected { young: 1, ..found }));
    assert_eq!(blobs.exists(&database(), &loose.hash).await, Ok(true));

    let late = blobs.collect(&database(), &referenced, tomorrow()).await;
    assert_eq!(late, Ok(Collected { removed: 1, removed_bytes: 2000, ..found }));
    assert_eq!(blobs.missing(&database(), [kept.hash, loose.hash]).await, Ok(vec![loose.hash]));
    assert_eq!(blobs.collect(&database(), &referenced, tomorrow()).await, Ok(found));
}

fn make_old(path: &Path) {
    fs::File::options().write(true).open(path).unwrap().set_modified(SystemTime::now() - 48 * HOUR).unwrap();
}

#[tokio::test]
async fn an_equal_upload_makes_a_blob_young_again() {
    let folder = TempDir::new().unwrap();
    let blobs = Blobs::local(folder.path()).unwrap();
    let content = content(9, 1000);
    put(&blobs, &content).await;
    make_old(&files(folder.path())[0]);
    put(&blobs, &content).await;
    let found = blobs.collect(&database(), &|_| false, SystemTime::now() - HOUR).await.unwrap();
    assert_eq!((found.young, found.removed), (1, 0));
    make_old(&files(folder.path())[0]);
    let found = blobs.collect(&database(), &|_| false, SystemTime::now() - HOUR).await.unwrap();
    assert_eq!((found.young, found.removed), (0, 1));
}

#[tokio::test]
async fn what_a_crash_left_is_swept_and_what_is_strange_is_left_alone() {
    let folder = TempDir::new().unwrap();
    let blobs = Blobs::local(folder.path()).unwrap();
    let stored = put(&blobs, &content(10, 500)).await;
    let home = folder.path().join(database().as_str());
    fs::write(home.join("tmp/0123"), "half an upl").unwrap();
    let strange = [home.join("note.txt"), home.join(&stored.hash.to_string()[..2]).join("README")];
    for path in &strange {
        fs::write(path, "not ours").unwrap();
    }
    let found = blobs.collect(&database(), &|_| false, SystemTime::now() - HOUR).await.unwrap();
    assert_eq!(found, Collected { young: 1, ..Collected::default() });
    let found = blobs.collect(&database(), &|_| false, tomorrow()).await.unwrap();
    let swept = Collected { removed: 1, removed_bytes: 500, temporaries: 1, temporaries_bytes: 11, ..found };
    assert_eq!(found, swept);
    assert_eq!(files(folder.path()).into_iter().collect::<BTreeSet<_>>(), strange.into_iter().collect());
}

async fn whole_databases(blobs: Blobs) {
    let copy: DatabaseId = "copy00000000".parse().unwrap();
    assert_eq!(blobs.copy_database(&database(), &copy).await, Ok(Copied::default()));
    blobs.delete_database(&database()).await.unwrap();
    let contents = [content(11, 1000), content(12, 300_000)];
    let hashes = [put(&blobs, &contents[0]).await.hash, put(&blobs, &contents[1]).await.hash];
    for _ in 0..2 {
        assert_eq!(blobs.copy_database(&database(), &copy).await, Ok(Copied { blobs: 2, bytes: 301_000 }));
    }
    blobs.delete_database(&database()).await.unwrap();
    assert_eq!(blobs.missing(&database(), hashes).await.unwrap(), hashes);
    assert_eq!(blobs.missing(&copy, hashes).await, Ok(vec![]));
    let got = blobs.get(&copy, &hashes[1], ByteRange::Whole).await.unwrap().bytes().await.unwrap();
    assert!(got == contents[1]);
    // A database may be deleted and made again under the eyes of the same process.
    assert_eq!(put(&blobs, &contents[0]).await.hash, hashes[0]);
    assert_eq!(read(&blobs, &hashes[0], ByteRange::Whole).await.unwrap(), contents[0]);
}

#[tokio::test]
async fn a_blob_that_lost_its_end_is_an_error_not_an_end() {
    let folder = TempDir::new().unwrap();
    let blobs = Blobs::local(folder.path()).unwrap();
    let stored = put(&blobs, &content(13, 700_000)).await;
    let mut download = blobs.get(&database(), &stored.hash, ByteRange::Whole).await.unwrap();
    fs::File::options().write(true).open(&files(folder.path())[0]).unwrap().set_len(400_000).unwrap();
    assert!(download.next().await.unwrap().is_ok());
    let damaged = download.next().await.unwrap().unwrap_err();
    assert!(matches!(damaged, BlobError::Damaged { found: 400_000, size: 700_000, .. }), "{damaged:?}");
    assert!(download.next().await.is_none());
}

#[tokio::test]
async fn places_that_cannot_be_used_say_why() {
    let options = Vec::new;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for location in [file.to_str().unwrap(), "ftp://host/x", "file://host:1/x"] {
        let refused = Blobs::open(location, options()).unwrap_err();
        assert!(matches!(refused, BlobError::Location { .. }), "{refused:?}");
    }
    let _ = rustls::crypto::ring::default_provider().install_default();
    let bucket = Blobs::open("s3://bucket/prefix", [("aws_region".to_owned(), "eu-central-1".to_owned())]);
    if cfg!(feature = "cloud") {
        bucket.unwrap();
    } else {
        let refused = bucket.unwrap_err().to_string();
        assert!(refused.contains("feature `cloud`"), "{refused}");
    }
    let url = format!("file://{}/blobs", folder.path().display());
    put(&Blobs::open(&url, options()).unwrap(), &content(1, 10)).await;
    assert!(folder.path().join("blobs/abc123def456").is_dir());
    assert!(Blobs::open("memory:///", options()).is_ok());
}

#[tokio::test]
async fn a_new_root_has_a_durable_name() {
    let folder = TempDir::new().unwrap();
    let faults = Faults::default();
    let above = folder.path().join("srv");
    Blobs::local_with_faults(above.join("blobs"), faults.clone()).unwrap();
    let wanted = [
        Step::MakeDir(above.clone()),
        Step::SyncDir(folder.path().into()),
        Step::MakeDir(above.join("blobs")),
        Step::SyncDir(above.clone()),
    ];
    assert_eq!(faults.steps(), wanted);
    Blobs::local_with_faults(above.join("blobs"), faults.clone()).unwrap();
    assert_eq!(faults.steps(), wanted);
    faults.plan(1, Fault::Fails);
    let refused = Blobs::local_with_faults(above.join("others"), faults).map(drop);
    assert!(matches!(refused, Err(BlobError::Location { .. })), "{refused:?}");
}

/// Lets each step of an upload fail in turn, and each be the last before the process dies.
#[tokio::test]
async fn no_failure_leaves_half_a_blob_or_is_swallowed() {
    let content = content(14, 600_000);
    for fault in [Fault::Fails, Fault::Cut] {
        let mut steps = 0;
        loop {
            let folder = TempDir::new().unwrap();
            let faults = Faults::default();
            let blobs = Blobs::local_with_faults(folder.path(), faults.clone()).unwrap();
            faults.plan(steps, fault);
            let done = blobs.put(&database(), pieces(&content, 200_000), NO_LIMIT).await;
            let on_disk = whole_blobs(folder.path());
            if faults.steps().len() <= steps {
                assert_eq!(done.unwrap().hash, Hash::of(&content), "nothing went wrong");
                break;
            }
            assert!(
                matches!(done, Err(BlobError::Failed { .. })),
                "{fault:?} at {:?}: {done:?}",
                faults.steps()[steps]
            );
            if fault == Fault::Fails {
                assert!(!files(folder.path()).iter().any(|path| is_temporary(path)), "a temporary is left");
            }
            // A new process, on a disk that works.
            let blobs = Blobs::local(folder.path()).unwrap();
            let swept = blobs.collect(&database(), &|_| true, tomorrow()).await.unwrap();
            assert_eq!(swept.kept, on_disk.len() as u64);
            assert!(!files(folder.path()).iter().any(|path| is_temporary(path)), "a temporary is not swept");
            assert_eq!(put(&blobs, &content).await.hash, Hash::of(&content));
            assert_eq!(whole_blobs(folder.path()).len(), 1);
            steps += 1;
        }
        assert!(steps >= 13, "an upload into a new database takes more steps than {steps}");
    }
}

/// A power cut loses what was not synced. So a name is given only to what is synced, in a directory whose own name is
/// synced, and the answer comes after the sync of the name.
#[tokio::test]
async fn an_answer_means_durable() {
    let folder = TempDir::new().unwrap();
    let faults = Faults::default();
    let blobs = Blobs::local_with_faults(folder.path(), faults.clone()).unwrap();
    for seed in [15, 16, 16] {
        faults.clear();
        let Stored { hash, .. } = put(&blobs, &content(seed, 600_000)).await;
        let steps = faults.steps();
        let last = |is_it: &dyn Fn(&Step) -> bool| steps.iter().rposition(is_it);
        let (from, to) = steps
            .iter()
            .find_map(|step| match step {
                Step::Rename(from, to) => Some((from.clone(), to.clone())),
                _ => None,
            })
            .unwrap();
        assert_eq!(to.file_name().unwrap().to_str().unwrap(), hash.to_string());
        let written = last(&|step| matches!(step, Step::Write(path, _) if *path == from)).unwrap();
        let synced = last(&|step| *step == Step::Sync(from.clone())).unwrap();
        let renamed = last(&|step| matches!(step, Step::Rename(..))).unwrap();
        let named = last(&|step| *step == Step::SyncDir(to.parent().unwrap().into())).unwrap();
        assert!(written < synced && synced < renamed && renamed < named, "{steps:?}");
        for made in steps.iter().filter_map(|step| match step {
            Step::MakeDir(path) => Some(path),
            _ => None,
        }) {
            let at = last(&|step| *step == Step::MakeDir(made.clone())).unwrap();
            let above = Step::SyncDir(made.parent().unwrap().into());
            let is_synced = steps[at..renamed].contains(&above);
            assert!(is_synced, "{} has no durable name: {steps:?}", made.display());
        }
    }
    // A known directory costs one sync of the file and one of the name.
    let syncs = faults.steps().iter().filter(|s| matches!(s, Step::Sync(_) | Step::SyncDir(_))).count();
    assert_eq!(syncs, 2);
}

#[tokio::test]
async fn a_copy_or_deletion_that_fails_can_be_repeated() {
    let copy: DatabaseId = "copy00000000".parse().unwrap();
    let contents = [content(17, 1000), content(18, 1000)];
    for steps in 0.. {
        let folder = TempDir::new().unwrap();
        let faults = Faults::default();
        let blobs = Blobs::local_with_faults(folder.path(), faults.clone()).unwrap();
        for content in &contents {
            put(&blobs, content).await;
        }
        faults.plan(steps, Fault::Fails);
        let copied = blobs.copy_database(&database(), &copy).await;
        let is_done = faults.steps().len() <= steps;
        // Where no link can be made, the bytes are copied.
        let is_link = matches!(faults.steps().get(steps), Some(Step::Link(..)));
        assert_eq!(copied.is_ok(), is_done || is_link, "{:?}", faults.steps().get(steps));
        blobs.copy_database(&database(), &copy).await.unwrap();
        blobs.delete_database(&database()).await.unwrap();
        assert_eq!(blobs.missing(&copy, contents.iter().map(|c| Hash::of(c))).await, Ok(vec![]));
        assert_eq!(whole_blobs(folder.path()).len(), 2);
        if is_done {
            break;
        }
    }
}

#[cfg(feature = "cloud")]
#[tokio::test]
async fn everywhere_in_a_bucket() {
    let Some(store) = boobook_testkit::SeaweedFs::start() else { return };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let bucket = boobook_testkit::SeaweedFs::BUCKET;
    check_all(|name| Blobs::open(&format!("s3://{bucket}/{name}"), store.options()).unwrap()).await;
}
