//! How uploads and collectors of several servers get along in one bucket, which knows no locks.
//!
//! A collector finds a content old, then removes it: two requests, and between them somebody may upload the same
//! content and be answered. So it raises a *flag* first (an object `going/<hash>`), then looks at the age, removes,
//! and takes the flag down. An upload writes first and looks for the flag then. Whatever the order of these four, one
//! of the two sees the other:
//!
//! * the flag was raised after the upload looked: then the collector sees that the content is young;
//! * the upload sees the flag: it waits until the flag is down or its content is gone, and then writes again;
//! * the flag was taken down before the upload looked: what was removed is gone by then, which the upload sees, too.
//!
//! Only one collector can raise a flag, for it is put as new. Hence an upload that *made* the object is safe without
//! a look: a collector that saw an older one has removed that before. The usual upload remains one request.
//!
//! Time is the store's: ages of objects are compared with each other. What is asked of the store is what S3, Google
//! and Azure promise: whoever reads after a write sees it, and an object can be put as new. A store that refuses the
//! latter has nothing collected.

use std::time::{Duration, SystemTime};

use boobook_model::DatabaseId;
use object_store::{Error as StoreError, ObjectStore as _, PutMode, PutPayload, path::Path};

use super::{
    keys::GOING,
    remote::{Remote, Source, failed},
};
use crate::{BlobError, Hash};

/// A collector whose requests take longer gives up: it may not remove under a flag that nobody believes any more.
const REMOVING_MAX: Duration = Duration::from_mins(1);
/// A flag that is older belongs to a server that died.
pub(super) const FLAG_MAX: Duration = Duration::from_mins(10);
/// How often an upload looks whether a flag that is in its way is down.
const LOOKS_MAX: u32 = 100;

impl Remote {
    fn flag(&self, database: &DatabaseId, hash: &Hash) -> Path {
        self.folder(database, GOING).join(hash.to_string())
    }

    /// Removes a blob if it is still older than `before`, and no other server is at it; whether it is gone.
    pub(super) async fn remove_blob(
        &self,
        database: &DatabaseId,
        hash: &Hash,
        before: SystemTime,
    ) -> Result<bool, BlobError> {
        let (path, flag) = (self.blob(database, hash), self.flag(database, hash));
        let removing = async {
            match self.store.put_opts(&flag, PutPayload::new(), PutMode::Create.into()).await {
                Ok(_) => self.remove_if_old(&path, before).await.map(Some),
                Err(StoreError::AlreadyExists { .. }) => Ok(None),
                Err(e) => Err(failed("be marked as going", &path)(e)),
            }
        };
        let removed = tokio::time::timeout(REMOVING_MAX, removing).await.unwrap_or_else(|_| {
            let reason = format!("the object store took more than {} seconds", REMOVING_MAX.as_secs());
            Err(BlobError::Failed { action: "be removed", path: path.to_string(), reason })
        })?;
        // The flag of another is not ours to take down. After a failure it stays: whether the content is being removed
        // is not known.
        let Some(removed) = removed else { return Ok(false) };
        self.delete(&flag).await?;
        Ok(removed)
    }

    /// Writes a blob that may be there already, and be about to go.
    pub(super) async fn replace(
        &self,
        database: &DatabaseId,
        hash: &Hash,
        source: Source<'_>,
    ) -> Result<(), BlobError> {
        let (path, flag) = (self.blob(database, hash), self.flag(database, hash));
        self.write(&path, source).await?;
        for _ in 0..LOOKS_MAX {
            // In this order: a flag that is taken down between the two has done its work by the second.
            let raised = self.modified(&flag).await?;
            let Some(written) = self.modified(&path).await? else {
                // Only a collector that looked at its age before we wrote takes it, only one can have a flag at that
                // time, and it removes once: nobody will remove it again.
                return self.write(&path, source).await;
            };
            match raised {
                None => return Ok(()),
                Some(raised) if raised + FLAG_MAX < written => return Ok(()),
                Some(_) => tokio::time::sleep(self.look_every).await,
            }
        }
        let reason = "an older one of equal content is just being removed. Try again later".to_owned();
        Err(BlobError::Failed { action: "be written", path: path.to_string(), reason })
    }
}

#[cfg(test)]
#[path = "going_tests.rs"]
mod tests;
