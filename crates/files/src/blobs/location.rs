//! Where the blobs are, as the configuration says it.

use std::{path::PathBuf, sync::Arc};

use object_store::{memory::InMemory, path::Path};
use url::Url;

use super::{Backend, Blobs, disk::Disk, local::Local, remote::Remote};
use crate::{BlobError, Faults};

impl Blobs {
    /// Blobs in a directory (a path, or `file:///…`) or, built with the feature `cloud`, in a bucket:
    /// `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`. `memory:///` forgets with the process.
    ///
    /// `options` are those of the object store, such as `aws_access_key_id` or `aws_endpoint`, the last of a name
    /// counts; what a store does not know is left alone. A directory has none. The environment is not read, and the
    /// bucket is not looked at before it is used; [`Self::check`] does. A process that opens buckets has installed a
    /// provider of `rustls` before.
    pub fn open(
        location: &str,
        options: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, BlobError> {
        if !location.contains("://") {
            return Self::local(location);
        }
        let url = Url::parse(location).map_err(|e| refused(location, &e.to_string()))?;
        match url.scheme() {
            "file" => {
                let reason = "a file: URL must name a directory of this machine, as file:///var/lib/boobook";
                Self::local(url.to_file_path().map_err(|()| refused(location, reason))?)
            }
            "memory" => Ok(Self::memory()),
            _ => Self::cloud(&url, options),
        }
    }

    /// Blobs in a directory, made if it is not there.
    pub fn local(root: impl Into<PathBuf>) -> Result<Self, BlobError> {
        Ok(Backend::Local(Local::new(root.into(), Disk::default())?.into()).into())
    }

    /// As [`Self::local`], on a disk that fails as the script says. For tests.
    pub fn local_with_faults(root: impl Into<PathBuf>, faults: Faults) -> Result<Self, BlobError> {
        Ok(Backend::Local(Local::new(root.into(), Disk::with_faults(faults))?.into()).into())
    }

    /// Blobs in memory. For tests.
    pub fn memory() -> Self {
        Backend::Remote(Remote::new(Arc::new(InMemory::new()), Path::default()).into()).into()
    }

    #[cfg(feature = "cloud")]
    fn cloud(url: &Url, options: impl IntoIterator<Item = (String, String)>) -> Result<Self, BlobError> {
        let (store, prefix) = super::bucket::open(url, options).map_err(|e| {
            // Whoever put a secret there must not find it in a log.
            let mut shown = url.clone();
            let is_hidden = url.password().is_none() || shown.set_password(Some("***")).is_ok();
            refused(if is_hidden { shown.as_str() } else { url.scheme() }, &e)
        })?;
        Ok(Backend::Remote(Remote::new(store, prefix).into()).into())
    }

    #[cfg(not(feature = "cloud"))]
    fn cloud(url: &Url, _options: impl IntoIterator<Item = (String, String)>) -> Result<Self, BlobError> {
        let reason = "this server is built without object stores. Give a directory, or build it with the feature `cloud`";
        Err(refused(url.as_str(), reason))
    }
}

fn refused(location: &str, reason: &str) -> BlobError {
    BlobError::Location { location: location.to_owned(), reason: reason.to_owned() }
}
