//! Blobs in an object store: a bucket, or memory. The keys are the paths of [`super::local`] below a prefix.
//!
//! An object appears whole or not at all and is durable when the store says so. A content that fits one part is put
//! under its hash at once; a longer one is sent in parts to a temporary key, for its hash is not known before its
//! end, and copied there by the store.
//!
//! Several servers share a bucket. That a collector of one does not remove what another has just found there is the
//! matter of [`super::going`].

use std::{
    mem,
    sync::Arc,
    time::{Duration, SystemTime},
};

use boobook_model::DatabaseId;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::{
    Error as StoreError, GetOptions, GetRange, GetResult, MultipartUpload, ObjectStore, ObjectStoreExt as _,
    PutMode, PutPayload, path::Path,
};

use super::{
    ByteRange, Stored,
    keys::{Entry, Place, TEMPORARIES, THUMBNAILS, random_name},
};
use crate::{BlobError, Hash, hash::Hasher};

/// What is sent at a time and so held in memory an upload: the least that S3 takes as a part.
const PART_BYTES: usize = 5 << 20;
/// The most parts that S3 takes.
const PARTS_MAX: usize = 10_000;
/// The most that the store is asked to copy by itself: S3 refuses more than 5 GB, and others let the connection be
/// silent meanwhile, which must not look as if they were gone.
const COPY_BYTES_MAX: u64 = 1 << 30;
const LOOK_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Remote {
    pub(super) store: Arc<dyn ObjectStore>,
    prefix: Path,
    copy_bytes_max: u64,
    /// How long an upload waits between looks for a collector that is in its way.
    pub(super) look_every: Duration,
}

pub(super) struct RemoteUpload {
    remote: Arc<Remote>,
    database: DatabaseId,
    part: Vec<u8>,
    hasher: Hasher,
    parts: Option<Parts>,
}

/// Where a content is that becomes a blob.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source<'a> {
    Bytes(&'a Bytes),
    /// An object of that many bytes.
    Object(&'a Path, u64),
}

/// Parts of a content that were sent.
struct Parts {
    temporary: Path,
    upload: Box<dyn MultipartUpload>,
    sent: usize,
}

impl Remote {
    pub(super) fn new(store: Arc<dyn ObjectStore>, prefix: Path) -> Self {
        Self { store, prefix, copy_bytes_max: COPY_BYTES_MAX, look_every: LOOK_EVERY }
    }

    /// Whether the bucket is there and may be read. A list of nothing is an answer, too.
    pub(super) async fn check(&self) -> Result<(), BlobError> {
        match self.store.list(Some(&self.prefix)).next().await {
            None | Some(Ok(_)) => Ok(()),
            Some(Err(e)) => Err(match refusal(&e) {
                Some(reason) => BlobError::Refused(reason.to_owned()),
                None => failed("be listed", &self.prefix)(e),
            }),
        }
    }

    fn database(&self, database: &DatabaseId) -> Path {
        self.prefix.clone().join(database.as_str())
    }

    pub(super) fn folder(&self, database: &DatabaseId, folder: &str) -> Path {
        self.database(database).join(folder)
    }

    pub(super) fn blob(&self, database: &DatabaseId, hash: &Hash) -> Path {
        let name = hash.to_string();
        self.folder(database, &name[..2]).join(name)
    }

    pub(super) fn begin(self: &Arc<Self>, database: &DatabaseId) -> RemoteUpload {
        RemoteUpload {
            remote: self.clone(),
            database: database.clone(),
            part: Vec::new(),
            hasher: Hasher::default(),
            parts: None,
        }
    }

    pub(super) async fn get(
        &self,
        database: &DatabaseId,
        hash: &Hash,
        range: ByteRange,
    ) -> Result<GetResult, BlobError> {
        let path = self.blob(database, hash);
        let wanted = match range {
            ByteRange::Whole => None,
            ByteRange::From(first) => Some(GetRange::Offset(first)),
            ByteRange::Between(first, last) => Some(GetRange::Bounded(first..last.saturating_add(1))),
            ByteRange::Last(length) => Some(GetRange::Suffix(length)),
        };
        match self.store.get_opts(&path, GetOptions { range: wanted, ..GetOptions::default() }).await {
            // Stores differ in what they make of a range, so the size decides.
            Ok(found) => range.of(found.meta.size).map(|_| found),
            Err(StoreError::NotFound { .. }) => {
                Err(BlobError::NotFound { database: database.clone(), hash: *hash })
            }
            Err(e) => {
                let size = self.size(database, hash).await?;
                let part = size.map(|size| range.of(size)).transpose()?;
                let Some(part) = part.filter(|_| range != ByteRange::Whole) else {
                    return Err(failed("be read", &path)(e));
                };
                // As the store may have refused the numbers, though there are such bytes.
                let exact = GetOptions { range: Some(GetRange::Bounded(part)), ..GetOptions::default() };
                self.store.get_opts(&path, exact).await.map_err(failed("be read", &path))
            }
        }
    }

    pub(super) async fn size(&self, database: &DatabaseId, hash: &Hash) -> Result<Option<u64>, BlobError> {
        let path = self.blob(database, hash);
        match self.store.head(&path).await {
            Ok(found) => Ok(Some(found.size)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(e) => Err(failed("be looked at", &path)(e)),
        }
    }

    pub(super) async fn folders(&self, database: &DatabaseId) -> Result<Vec<String>, BlobError> {
        let path = self.database(database);
        let listed = self.store.list_with_delimiter(Some(&path)).await.map_err(failed("be listed", &path))?;
        Ok(listed.common_prefixes.iter().filter_map(|p| p.filename().map(str::to_owned)).collect())
    }

    pub(super) async fn list(&self, database: &DatabaseId, folder: &str) -> Result<Vec<Entry>, BlobError> {
        let path = self.folder(database, folder);
        let listed = self.store.list(Some(&path)).try_collect::<Vec<_>>().await;
        let listed = listed.map_err(failed("be listed", &path))?;
        let entries = listed.into_iter().filter_map(|found| {
            let name = found.location.filename()?.to_owned();
            let place = Place::of(folder, &name);
            Some(Entry { place, name, size: found.size, modified: found.last_modified.into() })
        });
        Ok(entries.collect())
    }

    /// Removes what is still older than `before`; answers which are gone.
    pub(super) async fn remove(
        &self,
        database: &DatabaseId,
        folder: &str,
        entries: Vec<Entry>,
        before: SystemTime,
    ) -> Result<Vec<Entry>, BlobError> {
        let mut removed = Vec::with_capacity(entries.len());
        for entry in entries {
            let is_gone = match entry.place {
                Place::Blob(hash) => self.remove_blob(database, &hash, before).await?,
                // Nobody relies on any other.
                _ => {
                    let path = self.folder(database, folder).join(entry.name.as_str());
                    self.remove_if_old(&path, before).await?
                }
            };
            if is_gone {
                removed.push(entry);
            }
        }
        Ok(removed)
    }

    pub(super) async fn remove_if_old(&self, path: &Path, before: SystemTime) -> Result<bool, BlobError> {
        let is_old = match self.modified(path).await? {
            Some(modified) => modified < before,
            None => false,
        };
        if is_old {
            self.delete(path).await?;
        }
        Ok(is_old)
    }

    /// When an object was written, by the store's clock.
    pub(super) async fn modified(&self, path: &Path) -> Result<Option<SystemTime>, BlobError> {
        match self.store.head(path).await {
            Ok(found) => Ok(Some(found.last_modified.into())),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(e) => Err(failed("be looked at", path)(e)),
        }
    }

    pub(super) async fn delete(&self, path: &Path) -> Result<(), BlobError> {
        match self.store.delete(path).await {
            Err(StoreError::NotFound { .. }) => Ok(()),
            deleted => deleted.map_err(failed("be removed", path)),
        }
    }

    pub(super) async fn copy(
        &self,
        from: &DatabaseId,
        to: &DatabaseId,
        folder: &str,
    ) -> Result<Vec<Entry>, BlobError> {
        let (source, target) = (self.folder(from, folder), self.folder(to, folder));
        let mut entries = self.list(from, folder).await?;
        entries.retain(|entry| matches!(entry.place, Place::Blob(_)));
        for entry in &entries {
            let old = source.clone().join(entry.name.as_str());
            let new = target.clone().join(entry.name.as_str());
            self.copy_object(&old, &new, entry.size).await?;
        }
        Ok(entries)
    }

    pub(super) async fn write(&self, path: &Path, source: Source<'_>) -> Result<(), BlobError> {
        match source {
            Source::Bytes(content) => {
                let put = self.store.put(path, content.clone().into()).await;
                put.map(drop).map_err(failed("be written", path))
            }
            Source::Object(from, size) => self.copy_object(from, path, size).await,
        }
    }

    /// Copies an object within the store: by the store, or through this server if it is too large for that.
    async fn copy_object(&self, from: &Path, to: &Path, size: u64) -> Result<(), BlobError> {
        if size <= self.copy_bytes_max {
            return self.store.copy(from, to).await.map_err(failed("be copied", from));
        }
        let mut content = self.store.get(from).await.map_err(failed("be copied", from))?.into_stream();
        let mut parts = Parts::begin(&self.store, to.clone()).await?;
        let sent = async {
            let mut part = Vec::new();
            while let Some(piece) = content.try_next().await.map_err(failed("be copied", from))? {
                parts.gather(&mut part, piece).await?;
            }
            parts.send(&mut part).await?;
            parts.upload.complete().await.map_err(failed("be completed", to))
        };
        match sent.await {
            Ok(_) => Ok(()),
            Err(e) => {
                let _ = parts.upload.abort().await;
                Err(e)
            }
        }
    }

    pub(super) async fn delete_database(&self, database: &DatabaseId) -> Result<(), BlobError> {
        let path = self.database(database);
        let locations = self.store.list(Some(&path)).map_ok(|found| found.location).boxed();
        let mut deleted = self.store.delete_stream(locations);
        while let Some(one) = deleted.next().await {
            match one {
                Err(StoreError::NotFound { .. }) | Ok(_) => {}
                Err(e) => return Err(failed("be removed", &path)(e)),
            }
        }
        Ok(())
    }

    pub(super) async fn read_thumbnail(
        &self,
        database: &DatabaseId,
        name: &str,
    ) -> Result<Option<Bytes>, BlobError> {
        let path = self.folder(database, THUMBNAILS).join(name);
        let read = async { self.store.get(&path).await?.bytes().await };
        match read.await {
            Ok(content) => Ok(Some(content)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(e) => Err(failed("be read", &path)(e)),
        }
    }

    pub(super) async fn write_thumbnail(
        &self,
        database: &DatabaseId,
        name: &str,
        content: Bytes,
    ) -> Result<(), BlobError> {
        let path = self.folder(database, THUMBNAILS).join(name);
        self.store.put(&path, content.into()).await.map_err(failed("be written", &path))?;
        Ok(())
    }
}

impl Parts {
    async fn begin(store: &Arc<dyn ObjectStore>, temporary: Path) -> Result<Self, BlobError> {
        let upload = store.put_multipart(&temporary).await.map_err(failed("be begun", &temporary))?;
        Ok(Self { temporary, upload, sent: 0 })
    }

    /// Adds bytes to the part that is gathered; sends it whenever it is full and more comes.
    async fn gather(&mut self, part: &mut Vec<u8>, mut bytes: Bytes) -> Result<(), BlobError> {
        while !fill(part, &mut bytes) {
            self.send(part).await?;
        }
        Ok(())
    }

    async fn send(&mut self, part: &mut Vec<u8>) -> Result<(), BlobError> {
        if self.sent == PARTS_MAX {
            return Err(BlobError::TooLarge { limit: (PARTS_MAX * PART_BYTES) as u64 });
        }
        self.sent += 1;
        let part = PutPayload::from(mem::take(part));
        self.upload.put_part(part).await.map_err(failed("be written", &self.temporary))
    }
}

/// Moves bytes to a part as far as it has room; whether all had.
fn fill(part: &mut Vec<u8>, bytes: &mut Bytes) -> bool {
    let piece = bytes.split_to(bytes.len().min(PART_BYTES - part.len()));
    part.extend_from_slice(&piece);
    bytes.is_empty()
}

impl RemoteUpload {
    pub(super) async fn write(&mut self, mut bytes: Bytes) -> Result<(), BlobError> {
        self.hasher.update(&bytes);
        if let Some(parts) = &mut self.parts {
            return parts.gather(&mut self.part, bytes).await;
        }
        if fill(&mut self.part, &mut bytes) {
            return Ok(());
        }
        let temporary = self.remote.folder(&self.database, TEMPORARIES).join(random_name());
        let parts = self.parts.insert(Parts::begin(&self.remote.store, temporary).await?);
        parts.gather(&mut self.part, bytes).await
    }

    /// Makes it the blob of its hash. One of equal content is replaced, which makes it young for the collector.
    pub(super) async fn finish(&mut self) -> Result<Stored, BlobError> {
        let (hash, size) = mem::take(&mut self.hasher).finish();
        let (remote, database) = (&self.remote, &self.database);
        let path = remote.blob(database, &hash);
        match &mut self.parts {
            None => {
                let content = Bytes::from(mem::take(&mut self.part));
                let new = remote.store.put_opts(&path, content.clone().into(), PutMode::Create.into()).await;
                match new {
                    Ok(_) => {}
                    // Stores that cannot put what is new alone have no collector either, see `going`.
                    Err(StoreError::AlreadyExists { .. } | StoreError::NotImplemented { .. }) => {
                        remote.replace(database, &hash, Source::Bytes(&content)).await?;
                    }
                    Err(e) => return Err(failed("be written", &path)(e)),
                }
            }
            Some(parts) => {
                parts.send(&mut self.part).await?;
                let temporary = &parts.temporary;
                parts.upload.complete().await.map_err(failed("be completed", temporary))?;
                remote.replace(database, &hash, Source::Object(temporary, size)).await?;
                // If this fails, the collector finds it.
                let _ = remote.store.delete(temporary).await;
                self.parts = None;
            }
        }
        Ok(Stored { hash, size })
    }

    /// Gives back what an upload that failed has sent; what cannot be given back the collector finds.
    pub(super) async fn abort(&mut self) {
        if let Some(parts) = self.parts.take() {
            give_back(self.remote.store.clone(), parts).await;
        }
    }
}

async fn give_back(store: Arc<dyn ObjectStore>, mut parts: Parts) {
    let _ = parts.upload.abort().await;
    let _ = store.delete(&parts.temporary).await;
}

/// A client that goes away drops its upload. The store keeps parts until they are given back, and lists them nowhere.
impl Drop for RemoteUpload {
    fn drop(&mut self) {
        if let Some(parts) = self.parts.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            drop(runtime.spawn(give_back(self.remote.store.clone(), parts)));
        }
    }
}

/// The one place where the errors of object stores become ours.
pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(StoreError) -> BlobError {
    let path = path.to_string();
    move |e| {
        // The whole of it names hosts and keys, which is for the operator alone.
        tracing::debug!("{path} could not {action}: {e}");
        BlobError::Failed { action, path, reason: reason(&e) }
    }
}

/// Why, in words that help.
fn reason(error: &StoreError) -> String {
    let known = refusal(error).or_else(|| connection(error));
    known.map_or_else(|| error.to_string(), str::to_owned)
}

/// Why the store does not serve us, if that is it.
fn refusal(error: &StoreError) -> Option<&'static str> {
    const STRANGER: &str = "the object store refuses the credentials of this server";
    const NO_BUCKET: &str = "there is no such bucket";
    match error {
        StoreError::PermissionDenied { .. } | StoreError::Unauthenticated { .. } => Some(STRANGER),
        StoreError::NotFound { .. } => Some(NO_BUCKET),
        // An error of a list has no kind, only its text.
        error => {
            let text = error.to_string();
            let says = |status| text.contains(status);
            if says("403 Forbidden") || says("401 Unauthorized") {
                Some(STRANGER)
            } else {
                says("404 Not Found").then_some(NO_BUCKET)
            }
        }
    }
}

/// What is wrong with the connection to the store, if that is it.
#[cfg(feature = "cloud")]
fn connection(error: &StoreError) -> Option<&'static str> {
    use object_store::client::{HttpError, HttpErrorKind};

    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<HttpError>() {
            return Some(match error.kind() {
                HttpErrorKind::Connect => "the object store cannot be reached",
                HttpErrorKind::Timeout => "the object store does not answer",
                _ => "the connection to the object store broke",
            });
        }
        cause = error.source();
    }
    None
}

#[cfg(not(feature = "cloud"))]
fn connection(_: &StoreError) -> Option<&'static str> {
    None
}

#[cfg(test)]
#[path = "remote_tests.rs"]
pub(super) mod tests;
