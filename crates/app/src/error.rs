//! What a use case can answer instead of success. `http` maps each variant to a status and a stable code.

use std::sync::Arc;

use boobook_model::SchemaError;
use boobook_store::StoreError;

/// A use case refused or failed. Each variant is something the caller can act on.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AppError {
    /// Key missing, wrong, expired or revoked.
    #[error("Unauthorized")]
    Unauthorized,
    /// The key is good but may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// No such team, or the key may not see it.
    #[error("Team Not Found")]
    TeamNotFound,
    /// No such database, or the key may not see it.
    #[error("Database Not Found")]
    DatabaseNotFound,
    /// No such table.
    #[error("Table Not Found")]
    TableNotFound,
    /// No such field, where a path names one.
    #[error("Field Not Found")]
    FieldNotFound,
    /// No such view or report.
    #[error("View Not Found")]
    ViewNotFound,
    /// The record has no such file, or the caller may not see it.
    #[error("File Not Found")]
    FileNotFound,
    /// The file is of no kind that thumbnails are made of.
    #[error("{0}")]
    NoThumbnail(String),
    /// The range lies outside the file.
    #[error("the range lies outside the file, which has {size} bytes")]
    Range {
        /// Size of the whole file.
        size: u64,
    },
    /// There is a view or file, but nobody shares it.
    #[error("Not shared")]
    NotShared,
    /// A link that leads nowhere: never made, ended, past its time, or to what its maker may not see any more.
    #[error("Share Not Found")]
    ShareNotFound,
    /// A share asks for its password.
    #[error("{}", if *.wrong { "The password is wrong" } else { "This share needs its password: header nx-password" })]
    PasswordNeeded {
        /// One came, but not the right one.
        wrong: bool,
    },
    /// No such record; in a list, which element asked for it.
    #[error("{}Record Not Found", .place.as_ref().map(|p| format!("{p}: ")).unwrap_or_default())]
    RecordNotFound {
        /// `records[3]`, `None` where the request names one record only.
        place: Option<String>,
    },
    /// The request cannot be carried out as it stands.
    #[error("{}", place_and_message(.place, .message))]
    BadInput {
        /// Where in the request: `records[3].fields.Age`; empty for the whole.
        place: String,
        /// What is wrong and what was expected.
        message: String,
    },
    /// The caller's own reading of the request refused it; this goes back to the caller as it came.
    #[error("{0}")]
    Refused(Refusal),
    /// A script does not compile, may not run here, or failed.
    #[error("{}", .0.message)]
    Script(crate::ScriptError),
    /// A script that a change of the schema brings cannot be read.
    #[error("{place}: {}", .error.message)]
    SchemaScript {
        /// Where in the schema: `types.A.fields.C.fn`.
        place: String,
        /// What is wrong with it.
        error: crate::ScriptError,
    },
    /// `If-Match` named another sequence than the record has.
    #[error("the record has moved on: its sequence is {actual}, not {expected}")]
    PreconditionFailed {
        /// What the request named.
        expected: u64,
        /// What the record has.
        actual: u64,
    },
    /// An `Idempotency-Key` came again with another request.
    #[error("this Idempotency-Key was used for another request; use a new key for a new request")]
    IdempotencyKeyReused,
    /// What is there stands in the way (a name taken, a newer version).
    #[error("{0}")]
    Conflict(String),
    /// Something is larger than a limit allows.
    #[error("{0}")]
    TooLarge(String),
    /// Too much is waiting already; try again.
    #[error("{0}")]
    Busy(String),
    /// The store cannot be reached, is full, or this database cannot be read.
    #[error("{0}")]
    Unavailable(String),
    /// A bug. The text goes to the log, not to the client.
    #[error("internal error")]
    Internal(String),
}

/// Why a [`crate::Prepare`] refused a request: an error type of the caller's, which alone can tell what it means.
#[derive(Debug, Clone)]
pub struct Refusal(pub Arc<dyn std::error::Error + Send + Sync>);

impl PartialEq for Refusal {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_string() == other.0.to_string()
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

fn place_and_message(place: &str, message: &str) -> String {
    if place.is_empty() { message.to_owned() } else { format!("{place}: {message}") }
}

impl AppError {
    /// Bad input at a place.
    pub fn bad(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::BadInput { place: place.into(), message: message.into() }
    }
}

/// The one mapping of store errors. Nothing that a client did causes one, so all are "unavailable".
pub(crate) fn from_store(error: StoreError) -> AppError {
    match error {
        StoreError::NotFound(_) => AppError::Unavailable(format!(
            "{error}; the catalogue knows it: restore its file from a back-up, or delete the database"
        )),
        StoreError::Conflict => {
            AppError::Busy("the database was changed elsewhere meanwhile; try again".into())
        }
        StoreError::NotCommitted(reason) => {
            AppError::Unavailable(format!("nothing was stored: {reason}; try again later"))
        }
        StoreError::Unknown(reason) => AppError::Unavailable(format!(
            "it is not known whether this was stored: {reason}; read before you write it again"
        )),
        other => AppError::Unavailable(other.to_string()),
    }
}

/// A schema edit that does not hold together is the client's.
pub(crate) fn from_schema(error: SchemaError) -> AppError {
    AppError::BadInput { place: error.place, message: error.message }
}
