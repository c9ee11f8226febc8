//! From SQLite's and the system's errors to what a caller can do about them. The only place that decides it.

use std::{
    io,
    path::{Path, PathBuf},
};

use boobook_store::StoreError;
use rusqlite::ErrorCode;

/// A file and the name of what is in it, for messages.
#[derive(Debug, Clone)]
pub(crate) struct DataFile {
    /// The database's id, or `catalogue`.
    pub(crate) name: String,
    /// Where.
    pub(crate) path: PathBuf,
}

/// What was going on when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum During {
    /// A transaction that is rolled back now.
    Writing,
    /// Anything that changes nothing.
    Reading,
}

impl DataFile {
    /// The file's content makes no sense.
    pub(crate) fn corrupt(&self, reason: impl std::fmt::Display) -> StoreError {
        let path = self.path.display();
        StoreError::Corrupt {
            database: self.name.clone(),
            reason: format!("{path}: {reason}"),
            remedy: format!("Restore {path} from a back-up, and remove {path}-wal and {path}-shm with it"),
        }
    }

    /// Says what an error of SQLite means.
    pub(crate) fn error(&self, error: &rusqlite::Error, during: During) -> StoreError {
        use rusqlite::Error as E;
        let code = error.sqlite_error_code();
        match (error, code) {
            (_, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)) => self.corrupt(error),
            // What we wrote does not come back as we wrote it.
            (
                E::FromSqlConversionFailure(..)
                | E::IntegralValueOutOfRange(..)
                | E::InvalidColumnType(..)
                | E::QueryReturnedNoRows
                | E::Utf8Error(..),
                _,
            ) => self.corrupt(error),
            _ => {
                let text = format!("{}: {error}{}", self.path.display(), advice(code));
                match during {
                    During::Writing => StoreError::NotCommitted(text),
                    During::Reading => StoreError::Failed(text),
                }
            }
        }
    }
}

fn advice(code: Option<ErrorCode>) -> &'static str {
    match code {
        Some(ErrorCode::DiskFull) => " (make room on the disk; nothing else needs to be done)",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => " (another process is writing)",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            " (the server must be able to write the file)"
        }
        Some(ErrorCode::CannotOpen) => " (permissions, or too many open files)",
        _ => "",
    }
}

/// A file could not be made, synced or removed. `what` completes "cannot".
pub(crate) fn not_written(path: &Path, what: &str, error: &io::Error) -> StoreError {
    StoreError::NotCommitted(format!("{} cannot {what}: {error}", path.display()))
}

/// A file could not be looked at. `what` completes "cannot".
pub(crate) fn io_error(path: &Path, what: &str, error: &io::Error) -> StoreError {
    StoreError::Failed(format!("{} cannot {what}: {error}", path.display()))
}
