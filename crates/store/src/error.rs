//! What can go wrong in a store, by what the caller can do about it.

use boobook_model::DatabaseId;

/// A store could not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Nothing was written; the same may be tried again (disk full, busy, I/O error).
    #[error("not stored: {0}")]
    NotCommitted(String),
    /// It may or may not be durable; ask for the transaction id.
    #[error("it is not known whether it was stored: {0}")]
    Unknown(String),
    /// Somebody else changed it first.
    #[error("changed by somebody else meanwhile")]
    Conflict,
    /// There is no such database.
    #[error("there is no data of database {0}")]
    NotFound(DatabaseId),
    /// The data cannot be read; says what to do.
    #[error("database {database} cannot be read: {reason}. {remedy}")]
    Corrupt {
        /// Which.
        database: String,
        /// Why.
        reason: String,
        /// What an operator can do.
        remedy: String,
    },
    /// Written by a newer version.
    #[error(
        "database {database} has format {found}, this version reads up to {supported}: \
         start the version of boobook that wrote it, or a newer one"
    )]
    NewerFormat {
        /// Which.
        database: String,
        /// Format of the file.
        found: u32,
        /// Newest format this code knows.
        supported: u32,
    },
    /// Another process holds the data.
    #[error("{0}")]
    InUse(String),
    /// Reading failed for another reason.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// The bytes of a row are not what [`crate::codec`] writes. `at` is the offset in the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Written by a newer version, or not a row.
    #[error("row of version {0}, this version of boobook reads 1")]
    Version(u8),
    /// It ends too early.
    #[error("row ends too early, at byte {at}")]
    Truncated {
        /// Where more was expected.
        at: usize,
    },
    /// A kind of value that is not known.
    #[error("unknown kind of value {tag} at byte {at}")]
    Tag {
        /// The tag found.
        tag: u8,
        /// Where.
        at: usize,
    },
    /// A number out of its range.
    #[error("number out of range at byte {at}")]
    Number {
        /// Where it starts.
        at: usize,
    },
    /// Text that is not UTF-8.
    #[error("text that is not UTF-8 at byte {at}")]
    Text {
        /// Where it starts.
        at: usize,
    },
}
