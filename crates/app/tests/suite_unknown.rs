//! The use cases again, over a store that commits and then says it does not know whether it did.
#![allow(clippy::unwrap_used, clippy::wildcard_imports, unreachable_pub, missing_docs, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "tests join what they spawn")]

/// See `suite`.
pub const UNKNOWN_OUTCOMES: bool = true;

#[path = "suite/catalogue.rs"]
mod catalogue;
#[path = "suite/harness.rs"]
mod harness;
#[path = "suite/records.rs"]
mod records;
#[path = "suite/rights.rs"]
mod rights;
