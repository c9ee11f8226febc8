//! Contents, each under the hash of its bytes.

#[cfg(feature = "cloud")]
mod bucket;
mod collect;
mod disk;
mod going;
mod keys;
mod local;
mod location;
mod range;
mod read;
mod remote;
mod upload;

use std::{panic, sync::Arc};

use boobook_model::DatabaseId;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use self::{keys::Entry, local::Local, remote::Remote};
use crate::{BlobError, Hash};

pub use collect::{Collected, Copied};
pub use range::ByteRange;
pub use read::Download;

/// The contents of all databases' files, by database and hash. Cheap to clone.
///
/// Within a database equal contents are one blob. Who refers to a blob is known by the records alone: nothing is
/// counted here, so no order of crashes can make a count wrong. A transaction that refers to a blob is committed
/// *after* [`Self::put`] has answered, and within the grace period that [`Self::collect`] is given.
#[derive(Debug, Clone)]
pub struct Blobs {
    backend: Backend,
}

/// A content that is stored: durable, and readable by its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// SHA-256 of the content.
    pub hash: Hash,
    /// Its length in bytes.
    pub size: u64,
}

#[derive(Debug, Clone)]
enum Backend {
    Local(Arc<Local>),
    Remote(Arc<Remote>),
}

impl From<Backend> for Blobs {
    fn from(backend: Backend) -> Self {
        Self { backend }
    }
}

impl Blobs {
    /// Whether the place can be used. [`BlobError::Refused`] is a mistake in the settings; any other error may pass.
    pub async fn check(&self) -> Result<(), BlobError> {
        match &self.backend {
            // A directory was made when it was opened.
            Backend::Local(_) => Ok(()),
            Backend::Remote(remote) => remote.check().await,
        }
    }

    /// The size of a blob; `None` where there is none.
    pub async fn size(&self, database: &DatabaseId, hash: &Hash) -> Result<Option<u64>, BlobError> {
        match &self.backend {
            Backend::Local(local) => {
                let (local, database, hash) = (local.clone(), database.clone(), *hash);
                blocking(move || local.size(&database, &hash)).await
            }
            Backend::Remote(remote) => remote.size(database, hash).await,
        }
    }

    /// Whether there is such a blob.
    pub async fn exists(&self, database: &DatabaseId, hash: &Hash) -> Result<bool, BlobError> {
        Ok(self.size(database, hash).await?.is_some())
    }

    /// Those of the hashes that have no blob, in their order: what `boobook doctor` tells of a damaged data
    /// directory. Eight are looked up at a time.
    pub async fn missing(
        &self,
        database: &DatabaseId,
        hashes: impl IntoIterator<Item = Hash>,
    ) -> Result<Vec<Hash>, BlobError> {
        stream::iter(hashes)
            .map(|hash| async move { Ok((hash, self.exists(database, &hash).await?)) })
            .buffered(8)
            .try_filter_map(async |(hash, exists)| Ok((!exists).then_some(hash)))
            .try_collect()
            .await
    }

    pub(crate) async fn read_thumbnail(
        &self,
        database: &DatabaseId,
        name: String,
    ) -> Result<Option<Bytes>, BlobError> {
        match &self.backend {
            Backend::Local(local) => {
                let (local, database) = (local.clone(), database.clone());
                blocking(move || local.read_thumbnail(&database, &name)).await
            }
            Backend::Remote(remote) => remote.read_thumbnail(database, &name).await,
        }
    }

    pub(crate) async fn write_thumbnail(
        &self,
        database: &DatabaseId,
        name: String,
        content: Bytes,
    ) -> Result<(), BlobError> {
        match &self.backend {
            Backend::Local(local) => {
                let (local, database) = (local.clone(), database.clone());
                blocking(move || local.write_thumbnail(&database, &name, &content)).await
            }
            Backend::Remote(remote) => remote.write_thumbnail(database, &name, content).await,
        }
    }
}

impl Backend {
    async fn folders(&self, database: &DatabaseId) -> Result<Vec<String>, BlobError> {
        match self {
            Self::Local(local) => {
                let (local, database) = (local.clone(), database.clone());
                blocking(move || local.folders(&database)).await
            }
            Self::Remote(remote) => remote.folders(database).await,
        }
    }

    async fn list(&self, database: &DatabaseId, folder: &str) -> Result<Vec<Entry>, BlobError> {
        match self {
            Self::Local(local) => {
                let (local, database, folder) = (local.clone(), database.clone(), folder.to_owned());
                blocking(move || local.list(&database, &folder)).await
            }
            Self::Remote(remote) => remote.list(database, folder).await,
        }
    }
}

/// Runs what touches the disk on the blocking pool.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    joined(tokio::task::spawn_blocking(work).await)
}

/// What work on the blocking pool came to.
fn joined<T>(done: Result<Result<T, BlobError>, tokio::task::JoinError>) -> Result<T, BlobError> {
    match done {
        Ok(done) => done,
        Err(e) => match e.try_into_panic() {
            Ok(panicked) => panic::resume_unwind(panicked),
            Err(_) => Err(BlobError::Failed {
                action: "work on the disk",
                path: "the server".to_owned(),
                reason: "it is shutting down".to_owned(),
            }),
        },
    }
}
