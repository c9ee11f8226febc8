//! Why a transaction is refused.

use boobook_model::{RecordId, TableId};

/// The working state moved on since a transaction began: it is to be run again on the present one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the state this transaction was run on is not the working state any more: run it again")]
pub struct StaleWrites;

/// A transaction cannot do what was asked. After an error it is to be dropped: it may have done a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TxError {
    /// There is no such table (pages hold no records).
    #[error("there is no table {table}")]
    TableNotFound {
        /// The table asked for.
        table: TableId,
    },
    /// The record does not exist.
    #[error("table {table} has no record {rid}")]
    RecordNotFound {
        /// Its table.
        table: TableId,
        /// The record asked for.
        rid: RecordId,
    },
    /// A value went to a field that stores nothing (formula, 1:N), stores another class, or does not exist.
    #[error("a value does not fit the field in slot {slot} of table {table}")]
    FieldMismatch {
        /// The table.
        table: TableId,
        /// The field's slot.
        slot: usize,
    },
    /// A reference names a record that does not exist.
    #[error(
        "record {rid} of table {table} refers to record {missing} of table {target}, which does not exist"
    )]
    NoSuchReference {
        /// Table of the record that refers.
        table: TableId,
        /// The record that refers.
        rid: RecordId,
        /// Slot of the reference field.
        slot: usize,
        /// The table referred to.
        target: TableId,
        /// The record that is missing.
        missing: RecordId,
    },
    /// All record ids of the table have been given out.
    #[error("table {table} has no record ids left")]
    RecordIdsExhausted {
        /// The table.
        table: TableId,
    },
    /// The transaction touches too many records, compositions deleted along included.
    #[error("a transaction changes at most {max} records")]
    TooManyChanges {
        /// The limit.
        max: usize,
    },
}
