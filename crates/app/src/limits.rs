//! Every bound of the server in one place. Each has its own message where it is hit.

use std::time::Duration;

/// Bounds, with their defaults. All are settings (`boobook.toml`, `[limits]`).
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Largest request body, in bytes.
    pub body_bytes_max: usize,
    /// Most records one request may write.
    pub records_per_request_max: usize,
    /// Most transactions one group commit takes.
    pub batch_transactions_max: usize,
    /// A group commit takes no further transaction past this many bytes of request bodies.
    pub batch_bytes_max: usize,
    /// Transactions that may wait for one database's writer.
    pub queue_transactions_max: usize,
    /// Bytes of request bodies that may wait for one database's writer.
    pub queue_bytes_max: usize,
    /// Memory for open databases; beyond it idle ones are closed.
    pub cache_bytes_max: usize,
    /// Results of formulas that one open database remembers, in bytes; 0 for none.
    pub formula_bytes_max: usize,
    /// Databases that may hold store handles at a time.
    pub handles_max: usize,
    /// Databases being opened at a time.
    pub opening_max: usize,
    /// Most items one `changes` answer holds.
    pub changes_max: usize,
    /// Days a record's history is kept.
    pub history_days: u32,
    /// Days a deletion stays in the change feed; a client that asks from before is given the whole state.
    pub tombstone_days: u32,
    /// Largest file, in bytes.
    pub file_bytes_max: u64,
    /// Seconds that a content which no record names is kept: longer than any upload takes to be named.
    pub files_grace_s: u64,
    /// Most rows of a view that is evaluated.
    pub view_rows_max: usize,
    /// How old what a read answers may be where several nodes share a store, in ms. 0: every answer is of no earlier than
    /// its request.
    pub read_staleness_ms: u64,
    /// Scripts: `/query`, formulas.
    pub script: crate::ScriptLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 64 << 20,
            records_per_request_max: 200_000,
            batch_transactions_max: 256,
            batch_bytes_max: 4 << 20,
            queue_transactions_max: 10_000,
            queue_bytes_max: 256 << 20,
            cache_bytes_max: 4 << 30,
            formula_bytes_max: 256 << 20,
            handles_max: 256,
            opening_max: 4,
            changes_max: 100_000,
            history_days: 365,
            tombstone_days: 90,
            file_bytes_max: 10 << 30,
            files_grace_s: 60 * 60,
            view_rows_max: 200_000,
            read_staleness_ms: 0,
            script: crate::ScriptLimits::default(),
        }
    }
}

pub(crate) const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How long an `Idempotency-Key` is remembered (rest-api.md §4).
pub(crate) const IDEMPOTENCY_MS: i64 = DAY_MS;
/// How often the catalogue is checked for changes made by another process (architecture.md §7: within a second).
pub(crate) const CATALOGUE_POLL: Duration = Duration::from_millis(250);
