//! Blobs in an object store: a bucket, or memory. The keys are the paths of [`super::local`] below a prefix.
//!
//! An object appears whole or not at all and is durable when the store says so. A content that fits one part is put
//! under its hash at once; a longer one is sent in parts to a temporary key, for its hash is not known before its
//! end, and copied there by the store.

use std::{mem, sync::Arc, time::SystemTime};

use boobook_model::DatabaseId;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::{
    Error as StoreError, GetOptions, GetRange, GetResult, MultipartUpload, ObjectStore, ObjectStoreExt as _,
    PutPayload, path::Path,
};
use tokio::sync::RwLock;

use super::{
    ByteRange, Stored,
    keys::{Entry, Place, TEMPORARIES, THUMBNAILS, random_name},
};
use crate::{BlobError, Hash, hash::Hasher};

/// What is sent at a time and so held in memory an upload: the least that S3 takes as a part.
const PART_BYTES: usize = 5 << 20;

#[derive(Debug)]
pub(super) struct Remote {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// As `names` of the local store, within this process: shared by uploads, alone for the collector.
    names: RwLock<()>,
}

pub(super) struct RemoteUpload {
    remote: Arc<Remote>,
    database: DatabaseId,
    part: Vec<u8>,
    hasher: Hasher,
    parts: Option<(Path, Box<dyn MultipartUpload>)>,
}

impl Remote {
    pub(super) fn new(store: Arc<dyn ObjectStore>, prefix: Path) -> Self {
        Self { store, prefix, names: RwLock::default() }
    }

    fn database(&self, database: &DatabaseId) -> Path {
        self.prefix.clone().join(database.as_str())
    }

    fn folder(&self, database: &DatabaseId, folder: &str) -> Path {
        self.database(database).join(folder)
    }

    fn blob(&self, database: &DatabaseId, hash: &Hash) -> Path {
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
                if let Some(size) = self.size(database, hash).await? {
                    range.of(size)?;
                }
                Err(failed("be read", &path)(e))
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
            let path = self.folder(database, folder).join(entry.name.as_str());
            let _names = self.names.write().await;
            let is_old = match self.store.head(&path).await {
                Ok(found) => SystemTime::from(found.last_modified) < before,
                Err(StoreError::NotFound { .. }) => false,
                Err(e) => return Err(failed("be looked at", &path)(e)),
            };
            if is_old {
                self.delete(&path).await?;
                removed.push(entry);
            }
        }
        Ok(removed)
    }

    async fn delete(&self, path: &Path) -> Result<(), BlobError> {
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
            self.store.copy(&old, &new).await.map_err(failed("be copied", &old))?;
        }
        Ok(entries)
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

impl RemoteUpload {
    pub(super) async fn write(&mut self, mut bytes: Bytes) -> Result<(), BlobError> {
        self.hasher.update(&bytes);
        while !bytes.is_empty() {
            if self.part.len() == PART_BYTES {
                self.send_part().await?;
            }
            let piece = bytes.split_to(bytes.len().min(PART_BYTES - self.part.len()));
            self.part.extend_from_slice(&piece);
        }
        Ok(())
    }

    async fn send_part(&mut self) -> Result<(), BlobError> {
        let (path, parts) = match &mut self.parts {
            Some(parts) => parts,
            none => {
                let path = self.remote.folder(&self.database, TEMPORARIES).join(random_name());
                let parts =
                    self.remote.store.put_multipart(&path).await.map_err(failed("be begun", &path))?;
                none.insert((path, parts))
            }
        };
        let part = PutPayload::from(mem::take(&mut self.part));
        parts.put_part(part).await.map_err(failed("be written", path))
    }

    /// Makes it the blob of its hash. One of equal content is replaced, which makes it young for the collector.
    pub(super) async fn finish(&mut self) -> Result<Stored, BlobError> {
        if self.parts.is_some() {
            self.send_part().await?;
        }
        let (hash, size) = mem::take(&mut self.hasher).finish();
        let path = self.remote.blob(&self.database, &hash);
        let store = &self.remote.store;
        match &mut self.parts {
            None => {
                let _names = self.remote.names.read().await;
                let payload = PutPayload::from(mem::take(&mut self.part));
                store.put(&path, payload).await.map_err(failed("be written", &path))?;
            }
            Some((temporary, parts)) => {
                parts.complete().await.map_err(failed("be completed", temporary))?;
                let _names = self.remote.names.read().await;
                store.copy(temporary, &path).await.map_err(failed("be copied to its place", temporary))?;
                // If this fails, the collector finds it.
                let _ = store.delete(temporary).await;
            }
        }
        Ok(Stored { hash, size })
    }

    /// Gives back what an upload that failed has sent; what cannot be given back the collector finds.
    pub(super) async fn abort(&mut self) {
        if let Some((path, mut parts)) = self.parts.take() {
            let _ = parts.abort().await;
            let _ = self.remote.store.delete(&path).await;
        }
    }
}

/// The one place where the errors of object stores become ours.
pub(super) fn failed(action: &'static str, path: &Path) -> impl FnOnce(StoreError) -> BlobError {
    let path = path.to_string();
    move |e| BlobError::Failed { action, path, reason: e.to_string() }
}

#[cfg(test)]
#[path = "remote_tests.rs"]
mod tests;
