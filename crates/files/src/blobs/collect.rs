//! Removes what no record refers to, and copies and deletes the blobs of whole databases.

use std::time::SystemTime;

use boobook_model::DatabaseId;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{
    Backend, Blobs, ByteRange, Stored, blocking, going,
    keys::{Entry, Place},
};
use crate::{BlobError, Hash};

/// Contents on their way to a back-up at a time.
const COPIES_AT_ONCE: usize = 8;

/// What [`Blobs::collect`] found and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Collected {
    /// Blobs that records refer to.
    pub kept: u64,
    /// Their bytes.
    pub kept_bytes: u64,
    /// Blobs that none refers to, too young to be removed.
    pub young: u64,
    /// Blobs removed.
    pub removed: u64,
    /// Their bytes.
    pub removed_bytes: u64,
    /// Leftovers of uploads and of other collectors removed.
    pub temporaries: u64,
    /// Their bytes.
    pub temporaries_bytes: u64,
    /// Thumbnails of blobs without a reference removed.
    pub thumbnails: u64,
}

/// What [`Blobs::copy_database`] or [`Blobs::copy_out`] copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Copied {
    /// Blobs.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Blobs {
    /// Removes the blobs and thumbnails of a database that are not `referenced`, and leftovers of uploads, as far as
    /// they were last written before `before`.
    ///
    /// `before` is the grace period: now less the longest time between an upload's answer and the commit of its
    /// record. It must be taken *before* the snapshot that `referenced` looks into, or a blob that was uploaded
    /// and referred to since would seem to be lost property. History counts as reference too, where it can be
    /// brought back. An upload of equal content makes a blob young again.
    pub async fn collect(
        &self,
        database: &DatabaseId,
        referenced: &(dyn Fn(&Hash) -> bool + Sync),
        before: SystemTime,
    ) -> Result<Collected, BlobError> {
        let mut sum = Collected::default();
        for folder in self.backend.folders(database).await? {
            // A folder is a 256th of the blobs, so the list stays small.
            let mut entries = self.backend.list(database, &folder).await?;
            entries.retain(|entry| sum.may_go(entry, referenced, before));
            if !entries.is_empty() {
                for entry in self.backend.remove(database, folder, entries, before).await? {
                    sum.count_removed(&entry);
                }
            }
        }
        Ok(sum)
    }

    /// Gives all blobs of a database to another one, as a copy of the database needs them. In a directory they are
    /// shared on disk and take no room. They keep their age: do not collect the copy before its records refer to them.
    /// May be repeated after a failure.
    pub async fn copy_database(&self, from: &DatabaseId, to: &DatabaseId) -> Result<Copied, BlobError> {
        let mut sum = Copied::default();
        for folder in self.backend.folders(from).await? {
            for entry in self.backend.copy(from, to, folder).await? {
                sum.blobs += 1;
                sum.bytes += entry.size;
            }
        }
        Ok(sum)
    }

    /// Gives all blobs of a database to another place, as a back-up needs them; what is there already is not sent
    /// again. Each is hashed on its way: those that are not what their names say are answered, and are not blobs of that
    /// name there. One that goes meanwhile is left out.
    pub async fn copy_out(&self, database: &DatabaseId, to: &Self) -> Result<(Copied, Vec<Hash>), BlobError> {
        let (mut sum, mut damaged) = (Copied::default(), Vec::new());
        for folder in self.backend.folders(database).await? {
            let entries = self.backend.list(database, &folder).await?;
            let blobs = entries.iter().filter_map(|entry| match entry.place {
                Place::Blob(hash) => Some((hash, entry.size)),
                _ => None,
            });
            let copies = blobs.map(|(hash, size)| async move {
                Ok::<_, BlobError>((hash, self.copy_one(database, hash, size, to).await?))
            });
            let mut copies = stream::iter(copies).buffer_unordered(COPIES_AT_ONCE);
            while let Some((hash, copied)) = copies.try_next().await? {
                match copied {
                    None => {}
                    Some(stored) if stored.hash == hash => {
                        sum.blobs += 1;
                        sum.bytes += stored.size;
                    }
                    Some(_) => damaged.push(hash),
                }
            }
        }
        Ok((sum, damaged))
    }

    /// `None` where it is gone.
    async fn copy_one(
        &self,
        database: &DatabaseId,
        hash: Hash,
        size: u64,
        to: &Self,
    ) -> Result<Option<Stored>, BlobError> {
        if to.size(database, &hash).await? == Some(size) {
            return Ok(Some(Stored { hash, size }));
        }
        match self.get(database, &hash, ByteRange::Whole).await {
            Ok(content) => to.put(database, content, u64::MAX).await.map(Some),
            Err(BlobError::NotFound { .. }) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Removes all blobs of a database. Succeeds where there are none; may be repeated after a failure.
    pub async fn delete_database(&self, database: &DatabaseId) -> Result<(), BlobError> {
        match &self.backend {
            Backend::Local(local) => {
                let (local, database) = (local.clone(), database.clone());
                blocking(move || local.delete_database(&database)).await
            }
            Backend::Remote(remote) => remote.delete_database(database).await,
        }
    }
}

impl Backend {
    async fn remove(
        &self,
        database: &DatabaseId,
        folder: String,
        entries: Vec<Entry>,
        before: SystemTime,
    ) -> Result<Vec<Entry>, BlobError> {
        match self {
            Self::Local(local) => {
                let (local, database) = (local.clone(), database.clone());
                blocking(move || local.remove(&database, &folder, entries, before)).await
            }
            Self::Remote(remote) => remote.remove(database, &folder, entries, before).await,
        }
    }

    async fn copy(
        &self,
        from: &DatabaseId,
        to: &DatabaseId,
        folder: String,
    ) -> Result<Vec<Entry>, BlobError> {
        match self {
            Self::Local(local) => {
                let (local, from, to) = (local.clone(), from.clone(), to.clone());
                blocking(move || local.copy(&from, &to, &folder)).await
            }
            Self::Remote(remote) => remote.copy(from, to, &folder).await,
        }
    }
}

impl Collected {
    /// Whether an entry is to be removed; counts those that are not.
    fn may_go(&mut self, entry: &Entry, referenced: &dyn Fn(&Hash) -> bool, before: SystemTime) -> bool {
        let is_old = entry.modified < before;
        match entry.place {
            Place::Strange => false,
            Place::Temporary => is_old,
            Place::Flag => entry.modified + going::FLAG_MAX < before,
            Place::Thumbnail(hash) => is_old && !referenced(&hash),
            Place::Blob(hash) if referenced(&hash) => {
                self.kept += 1;
                self.kept_bytes += entry.size;
                false
            }
            Place::Blob(_) => {
                self.young += u64::from(!is_old);
                is_old
            }
        }
    }

    fn count_removed(&mut self, entry: &Entry) {
        match entry.place {
            Place::Blob(_) => {
                self.removed += 1;
                self.removed_bytes += entry.size;
            }
            Place::Temporary | Place::Flag => {
                self.temporaries += 1;
                self.temporaries_bytes += entry.size;
            }
            Place::Thumbnail(_) => self.thumbnails += 1,
            Place::Strange => {}
        }
    }
}
