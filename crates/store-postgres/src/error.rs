//! From the server's and the network's errors to what a caller can do about them. The only place that decides it.

use std::time::Duration;

use boobook_store::StoreError;
use tokio_postgres::error::{DbError, Severity, SqlState};

/// What was going on when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum During {
    /// Something that is written whole or not at all, or that may be done again.
    Writing,
    /// Anything that changes nothing.
    Reading,
}

impl During {
    /// The error that says so.
    pub(crate) fn error(self, text: String) -> StoreError {
        match self {
            Self::Writing => StoreError::NotCommitted(text),
            Self::Reading => StoreError::Failed(text),
        }
    }
}

/// Why one attempt failed.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// What the server or the client library says.
    Postgres(tokio_postgres::Error),
    /// No answer in time, not even to a cancel request.
    Silent,
    /// A server took a connection, or did not even that, and did not let us in for so long.
    NotLetIn(Duration),
    /// Nothing that another attempt would change.
    Final(StoreError),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Final(error)
    }
}

/// States after which the same may be tried again at once: nothing was done.
const TRANSIENT: &[SqlState] = &[
    SqlState::T_R_SERIALIZATION_FAILURE,
    SqlState::T_R_DEADLOCK_DETECTED,
    // The server is starting, stopping, or not the primary any more: another host may be.
    SqlState::CANNOT_CONNECT_NOW,
    SqlState::READ_ONLY_SQL_TRANSACTION,
    // A plan or a statement of this connection that is out of date.
    SqlState::FEATURE_NOT_SUPPORTED,
    SqlState::INVALID_SQL_STATEMENT_NAME,
    SqlState::DUPLICATE_PSTATEMENT,
];

impl Trouble {
    fn db(&self) -> Option<&DbError> {
        match self {
            Self::Postgres(error) => error.as_db_error(),
            Self::Silent | Self::NotLetIn(_) | Self::Final(_) => None,
        }
    }

    /// Whether nobody can tell what the server did with what it was sent: it went away, or is silent.
    pub(crate) fn is_ambiguous(&self) -> bool {
        match (self, self.db()) {
            (Self::Final(_) | Self::NotLetIn(_), _) => false,
            (_, Some(db)) => {
                let code = db.code().code();
                // Connection trouble, shut-downs, "statement completion unknown".
                code.starts_with("08")
                    || code == "40003"
                    || (code.starts_with("57P") && *db.code() != SqlState::CANNOT_CONNECT_NOW)
                    || matches!(db.parsed_severity(), Some(Severity::Fatal | Severity::Panic))
            }
            (_, None) => true,
        }
    }

    /// Whether the same may be tried again, given that doing it twice is the same as doing it once.
    pub(crate) fn is_transient(&self) -> bool {
        match (self, self.db()) {
            (Self::Final(_), _) => false,
            (_, Some(db)) => {
                // A refusal to let us in is as final as it gets, though the connection ends with it.
                let refused = ["28", "3D", "42"].iter().any(|class| db.code().code().starts_with(class));
                TRANSIENT.contains(db.code()) || (self.is_ambiguous() && !refused)
            }
            // Whoever was silent for the whole of a time-out is not asked again by the same caller.
            (Self::Silent | Self::NotLetIn(_), None) => false,
            (Self::Postgres(error), None) => !is_timeout(error),
        }
    }

    /// Whether the connection is not to be used again.
    pub(crate) fn spoils_connection(&self) -> bool {
        match self {
            Self::Final(_) | Self::NotLetIn(_) => false,
            Self::Silent => true,
            Self::Postgres(error) => match error.as_db_error() {
                None => true,
                Some(db) => {
                    self.is_ambiguous()
                        || (TRANSIENT.contains(db.code())
                            && *db.code() != SqlState::T_R_SERIALIZATION_FAILURE
                            && *db.code() != SqlState::T_R_DEADLOCK_DETECTED)
                }
            },
        }
    }

    /// Whether a table or schema is not there.
    pub(crate) fn is_undefined(&self) -> bool {
        self.db()
            .is_some_and(|db| [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME].contains(db.code()))
    }

    /// Whether somebody else was about to define the same.
    pub(crate) fn is_race_of_definitions(&self) -> bool {
        self.db().is_some_and(|db| {
            [
                SqlState::UNIQUE_VIOLATION,
                SqlState::DUPLICATE_TABLE,
                SqlState::DUPLICATE_OBJECT,
                SqlState::DUPLICATE_SCHEMA,
            ]
            .contains(db.code())
        })
    }

    /// What becomes of it when nothing more is tried.
    pub(crate) fn into_store_error(self, place: &str, during: During) -> StoreError {
        match self {
            Self::Final(error) => error,
            other => during.error(format!("{place}: {}", other.describe())),
        }
    }

    /// The same of something whose outcome matters: where it is open, it is `Unknown`.
    pub(crate) fn after_commit_was_sent(self, place: &str) -> Self {
        if self.is_ambiguous() {
            Self::Final(StoreError::Unknown(format!("{place}: {}", self.describe())))
        } else {
            self
        }
    }

    /// What happened, and what an operator can do.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Final(error) => error.to_string(),
            Self::Silent => "no answer within the statement time-out; the connection is given up".into(),
            Self::NotLetIn(limit) => {
                format!("a server did not let us in within {} s (`connect_timeout`)", limit.as_secs())
            }
            Self::Postgres(error) => match error.as_db_error() {
                Some(db) => {
                    format!("{} ({}){}", db.message(), db.code().code(), advice(db.code()))
                }
                None => match std::error::Error::source(error) {
                    Some(source) => format!("{error}: {source}"),
                    None => error.to_string(),
                },
            },
        }
    }
}

/// Whether a server did not even answer the attempt to connect. The next attempt would take as long.
fn is_timeout(error: &tokio_postgres::Error) -> bool {
    std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<std::io::Error>())
        .is_some_and(|source| source.kind() == std::io::ErrorKind::TimedOut)
}

fn advice(code: &SqlState) -> &'static str {
    match code.code() {
        "53100" => "; make room on the server's disk, nothing else needs to be done",
        "53300" => "; raise the server's `max_connections`, or lower `connections` in the store's URL",
        "28P01" | "28000" => "; look at user and password in the store's URL, and at pg_hba.conf",
        "3D000" => "; create the database first, or name another in the store's URL",
        "42501" => {
            "; the user needs the right to use the schema, or to create tables in it at the first start"
        }
        "42P01" => "; the tables are not there, was the schema dropped? A restart makes new, empty ones",
        "57014" => "; it took longer than `statement_timeout` in the store's URL allows",
        "26000" | "42P05" | "0A000" => {
            "; if a pooler in transaction mode is between, add `prepare=off` to the store's URL"
        }
        "25006" => "; the server takes no writes: is it a replica? Name all hosts in the store's URL",
        "22021" | "22P05" => "; a text that PostgreSQL cannot hold",
        _ => "",
    }
}
