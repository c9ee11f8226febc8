//! The use cases over a store in memory, and the same over one that fails.
#![allow(clippy::unwrap_used, clippy::wildcard_imports, unreachable_pub, missing_docs, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "tests join what they spawn")]

/// The suite runs a second time, over a store that never knows what became of a commit (`suite_unknown`).
pub const UNKNOWN_OUTCOMES: bool = false;

mod catalogue;
mod deferred;
mod faults;
mod files;
mod formulas;
mod harness;
mod mail;
mod records;
mod rights;
mod script_files;
mod shares;
mod slow;
mod tombstones;
mod views;
mod web;
