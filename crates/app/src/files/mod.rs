//! Files of records (rest-api.md §7): the content first, durable, then the transaction in which the record's list of
//! files names it. So no order of crashes leaves a record that names a content which is not there, and what no record
//! names is collected after a while (architecture.md §7, "Files").

mod collect;
mod documents;
mod requests;
mod transaction;

use std::time::Duration;

use boobook_files::{BlobError, Blobs, NameError, ThumbnailError, Thumbnails};
use boobook_model::{FileList, RecordId, TableId};
use tokio::runtime::Handle;

use crate::AppError;

pub use collect::{FilesReport, check_files};
pub(crate) use documents::BACKGROUND;
pub use documents::DocumentFile;
pub use requests::{FileDownload, NewFile};
pub(crate) use requests::{hash_of, is_content_type, may_name};
pub(crate) use transaction::{FileChange, FileTransaction};

/// Where contents lie, and who draws thumbnails of them.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) blobs: Blobs,
    pub(crate) thumbnails: Thumbnails,
    /// Where threads of scripts have contents read and stored.
    pub(crate) runtime: Handle,
}

/// How often open databases are looked through for contents that no record names any more.
pub(crate) const COLLECT_EVERY: Duration = Duration::from_mins(10);

pub(crate) fn no_files() -> AppError {
    AppError::Unavailable("this server has no place for files; `files` in its settings names one".into())
}

/// A list that cannot be read would lose files if it were written anew.
pub(crate) fn damaged_list(table: TableId, record: RecordId) -> AppError {
    AppError::Unavailable(format!(
        "the list of files of record {table}{record} is damaged; restore the database from a back-up"
    ))
}

pub(crate) fn list_of(table: TableId, record: RecordId, stored: Option<&str>) -> Result<FileList, AppError> {
    FileList::from_stored(stored.unwrap_or_default()).ok_or_else(|| damaged_list(table, record))
}

/// The one mapping of what can go wrong with contents.
pub(crate) fn from_blob(error: BlobError) -> AppError {
    match error {
        BlobError::TooLarge { limit } => AppError::TooLarge(format!(
            "the file is larger than {limit} bytes, the most this server takes (limits.file_bytes_max)"
        )),
        BlobError::Upload(reason) => AppError::bad("file", format!("the upload broke off: {reason}")),
        BlobError::Range { size } => AppError::Range { size },
        other => AppError::Unavailable(other.to_string()),
    }
}

pub(crate) fn from_name(error: NameError) -> AppError {
    AppError::bad("file", error.to_string())
}

/// Pictures that are none have no thumbnail: that is not found, not a mistake.
pub(crate) fn from_thumbnail(error: ThumbnailError) -> AppError {
    match error {
        ThumbnailError::Size { .. } => AppError::bad("size", error.to_string()),
        ThumbnailError::Busy => AppError::Busy(error.to_string()),
        ThumbnailError::Blob(error) => from_blob(error),
        ThumbnailError::PdfTool(_) => AppError::Unavailable(error.to_string()),
        other => AppError::NoThumbnail(other.to_string()),
    }
}
