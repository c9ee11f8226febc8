//! An object store that fails at each call in turn, or lets others go first.

use std::{
    fmt, future,
    sync::atomic::{AtomicUsize, Ordering},
    task::Poll,
};

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use futures_util::stream;
use object_store::{
    CopyOptions, ListResult, ObjectMeta, PutMultipartOptions, PutOptions, PutResult, Result, UploadPart,
    memory::InMemory,
};

use super::*;
use crate::{
    Blobs,
    blobs::{Backend, Collected},
};

/// What goes wrong with the n-th call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::blobs) enum Fault {
    /// It is not done.
    Before,
    /// It is done, but the answer is lost.
    After,
    /// Neither it nor any later one is done.
    Gone,
}

#[derive(Debug, Default)]
pub(in crate::blobs) struct Script {
    pub(in crate::blobs) calls: AtomicUsize,
    pub(in crate::blobs) fails_at: Option<(usize, Fault)>,
    /// Each call is pending once before it is done.
    pub(in crate::blobs) gives_way: bool,
    /// Flags of collectors seem to be of yesterday.
    pub(in crate::blobs) flags_are_old: bool,
}

impl Script {
    async fn call<T>(&self, done: impl Future<Output = Result<T>>) -> Result<T> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let mut gives_way = self.gives_way;
        future::poll_fn(|context| {
            context.waker().wake_by_ref();
            if mem::take(&mut gives_way) { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        let lost = || StoreError::Generic { store: "test", source: "the connection broke".into() };
        match self.fails_at {
            Some((at, Fault::Before)) if at == call => Err(lost()),
            Some((at, Fault::Gone)) if at <= call => Err(lost()),
            Some((at, Fault::After)) if at == call => {
                let _ = done.await;
                Err(lost())
            }
            _ => done.await,
        }
    }
}

#[derive(Debug)]
struct Faulty {
    store: Arc<InMemory>,
    script: Arc<Script>,
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty")
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.script.call(self.store.put_opts(path, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let upload = self.script.call(self.store.put_multipart_opts(path, options)).await?;
        Ok(Box::new(FaultyUpload { upload, script: self.script.clone() }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let mut found = self.script.call(self.store.get_opts(path, options)).await?;
        if self.script.flags_are_old && path.as_ref().contains("/going/") {
            found.meta.last_modified -= Duration::from_hours(24);
        }
        Ok(found)
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (store, script) = (self.store.clone(), self.script.clone());
        let deleted = paths.then(move |path| {
            let (store, script) = (store.clone(), script.clone());
            async move {
                let path = path?;
                script.call(store.delete(&path)).await.map(|()| path)
            }
        });
        deleted.boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.store.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.script.call(self.store.copy_opts(from, to, options)).await
    }
}

#[derive(Debug)]
struct FaultyUpload {
    upload: Box<dyn MultipartUpload>,
    script: Arc<Script>,
}

#[async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, part: PutPayload) -> UploadPart {
        let (sent, script) = (self.upload.put_part(part), self.script.clone());
        Box::pin(async move { script.call(sent).await })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.script.call(self.upload.complete()).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.script.call(self.upload.abort()).await
    }
}

fn blobs(store: &Arc<InMemory>, fails_at: Option<(usize, Fault)>) -> (Blobs, Arc<Script>) {
    let script = Arc::new(Script { fails_at, ..Script::default() });
    (blobs_by(store, &script), script)
}

/// The blobs of a server that is like `script`; each has its own way to the one store.
pub(in crate::blobs) fn blobs_by(store: &Arc<InMemory>, script: &Arc<Script>) -> Blobs {
    let faulty = Faulty { store: store.clone(), script: script.clone() };
    let mut remote = Remote::new(Arc::new(faulty), Path::from("some/prefix"));
    remote.look_every = Duration::ZERO;
    Backend::Remote(remote.into()).into()
}

pub(in crate::blobs) async fn put(
    blobs: &Blobs,
    database: &DatabaseId,
    content: &Bytes,
) -> std::result::Result<Stored, BlobError> {
    blobs.put(database, stream::iter([Ok::<_, BlobError>(content.clone())]), u64::MAX).await
}

/// How many blobs there are, after a look that each is what its name says.
async fn whole_blobs(store: &InMemory) -> u64 {
    let mut blobs = 0;
    for object in store.list(None).try_collect::<Vec<_>>().await.unwrap() {
        let name = object.location.filename().unwrap();
        if !object.location.as_ref().contains("/tmp/") {
            let content = store.get(&object.location).await.unwrap().bytes().await.unwrap();
            assert_eq!(Hash::of(&content).to_string(), name);
            blobs += 1;
        }
    }
    blobs
}

#[tokio::test]
async fn no_failure_leaves_half_a_blob_or_is_swallowed() {
    let database: DatabaseId = "abc123def456".parse().unwrap();
    let tomorrow = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365 * 1000);
    // One put; two parts, begun and completed, a copy, two looks, a deletion.
    for (length, calls_min) in [(100_000, 1), (PART_BYTES + 1, 8)] {
        let content: Bytes = (0..length).map(|n| (n % 251) as u8).collect();
        for fault in [Fault::Before, Fault::After, Fault::Gone] {
            for call in 0.. {
                let store = Arc::new(InMemory::new());
                let (faulty, script) = blobs(&store, Some((call, fault)));
                let done = put(&faulty, &database, &content).await;
                let stored = whole_blobs(&store).await;
                if done.is_ok() {
                    assert_eq!(stored, 1, "{fault:?} at {call}");
                    // The last call takes the temporary away: what it leaves is swept.
                    assert!(call + 1 >= calls_min, "{fault:?} at {call} was swallowed");
                } else {
                    assert!(matches!(done, Err(BlobError::Failed { .. })), "{done:?}");
                }
                let (blobs, _) = blobs(&store, None);
                let swept = blobs.collect(&database, &|_| true, tomorrow).await.unwrap();
                assert_eq!(swept.kept, stored);
                let clean = blobs.collect(&database, &|_| true, tomorrow).await.unwrap();
                assert_eq!(
                    clean,
                    Collected { kept: stored, kept_bytes: stored * length as u64, ..Collected::default() }
                );
                assert_eq!(put(&blobs, &database, &content).await.unwrap().hash, Hash::of(&content));
                assert_eq!(whole_blobs(&store).await, 1);
                if script.calls.load(Ordering::Relaxed) <= call {
                    assert!(call >= calls_min);
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn errors_of_reading_are_told() {
    let database: DatabaseId = "abc123def456".parse().unwrap();
    let store = Arc::new(InMemory::new());
    let (sound, _) = blobs(&store, None);
    let hash = put(&sound, &database, &Bytes::from("content")).await.unwrap().hash;
    let (broken, _) = blobs(&store, Some((0, Fault::Gone)));
    for range in [ByteRange::Whole, ByteRange::Last(3)] {
        let failed = broken.get(&database, &hash, range).await.map(drop);
        assert!(matches!(failed, Err(BlobError::Failed { .. })), "{failed:?}");
    }
    assert!(broken.size(&database, &hash).await.is_err());
    assert!(broken.missing(&database, [hash]).await.is_err());
    assert!(broken.collect(&database, &|_| false, SystemTime::UNIX_EPOCH).await.is_ok(), "nothing to remove");
    assert!(broken.delete_database(&database).await.is_err());
    let copy = "copy00000000".parse().unwrap();
    assert!(broken.copy_database(&database, &copy).await.is_err());
}

#[tokio::test]
async fn what_is_too_large_for_the_store_is_copied_by_parts() {
    let (database, copy) = ("abc123def456".parse().unwrap(), "copy00000000".parse().unwrap());
    let content: Bytes = (0..2 * PART_BYTES + 7).map(|n| (n % 251) as u8).collect();
    for max in [content.len() as u64, 1000, 0] {
        let store = Arc::new(InMemory::new());
        let mut remote = Remote::new(store.clone(), Path::default());
        remote.copy_bytes_max = max;
        let blobs: Blobs = Backend::Remote(remote.into()).into();
        let hash = put(&blobs, &database, &content).await.unwrap().hash;
        blobs.copy_database(&database, &copy).await.unwrap();
        let got = blobs.get(&copy, &hash, ByteRange::Whole).await.unwrap().bytes().await.unwrap();
        assert!(got == content, "at most {max}");
        assert_eq!(whole_blobs(&store).await, 2);
        assert_eq!(store.list(None).count().await, 2, "no temporary is left");
    }
}

#[tokio::test]
async fn more_parts_than_stores_take_are_refused() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut parts = Parts::begin(&store, Path::from("x")).await.unwrap();
    parts.sent = PARTS_MAX - 1;
    parts.send(&mut vec![1]).await.unwrap();
    let refused = parts.send(&mut vec![1]).await;
    assert_eq!(refused, Err(BlobError::TooLarge { limit: 52_428_800_000 }));
}

#[tokio::test]
async fn an_upload_that_is_dropped_gives_its_parts_back() {
    let store = Arc::new(InMemory::new());
    let (blobs, script) = blobs(&store, None);
    let content = Bytes::from(vec![7; PART_BYTES + 1]);
    let endless = stream::iter([Ok::<_, BlobError>(content)]).chain(stream::pending());
    let database = "abc123def456".parse().unwrap();
    let mut upload = Box::pin(blobs.put(&database, endless, u64::MAX));
    assert!(futures_util::poll!(&mut upload).is_pending());
    let sent = script.calls.load(Ordering::Relaxed);
    assert_eq!(sent, 2, "begun, and a part sent");
    drop(upload);
    while script.calls.load(Ordering::Relaxed) < sent + 2 {
        tokio::task::yield_now().await;
    }
}
