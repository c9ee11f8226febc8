//! Files of records: their contents, their names, their thumbnails.
//!
//! * [`Blobs`]: contents by SHA-256, in a directory or an object store, streamed both ways in constant memory,
//!   durable before an upload is answered.
//! * [`FileName`]: which names a file may have, what type a name tells, the `Content-Disposition` header.
//! * [`Thumbnails`]: small JPEGs of pictures and PDFs, made on threads of their own and kept.
//!
//! It does *not* know records, users or HTTP: which file a record has is state of the record, and who may see it is
//! the caller's matter. It never counts references; the caller tells [`Blobs::collect`] what is referred to.
//! It reads no clock: what is too old is told to it.
//!
//! ```
//! use boobook_files::{Blobs, ByteRange, Hash};
//! use bytes::Bytes;
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let (blobs, database) = (Blobs::memory(), "abc123def456".parse().unwrap());
//! let content = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from("Hello, ")), Ok("owl".into())]);
//! let stored = blobs.put(&database, content, 1 << 20).await.unwrap();
//! assert_eq!((stored.hash, stored.size), (Hash::of(b"Hello, owl"), 10));
//!
//! let end = blobs.get(&database, &stored.hash, ByteRange::Last(3)).await.unwrap();
//! assert_eq!((end.size(), end.range()), (10, 7..10));
//! assert_eq!(end.bytes().await.unwrap(), "owl");
//! # });
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot go on fails"))]

mod blobs;
mod error;
mod faults;
mod file_name;
mod hash;
mod thumbnail;

pub use blobs::{Blobs, ByteRange, Collected, Copied, Download, Stored};
pub use error::{BlobError, NameError, ThumbnailError};
pub use faults::{Fault, Faults, Step};
pub use file_name::{Disposition, FileName, NAME_BYTES_MAX};
pub use hash::{Hash, HashError};
pub use thumbnail::{PdfTool, ThumbnailOptions, ThumbnailSize, Thumbnails};
