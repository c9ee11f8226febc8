//! Several nodes on one store, and what must hold when parts of that fail: what was acknowledged is there, once; what
//! was not happened wholly or not at all; nobody waits for ever, and nobody has to be started again.
//!
//! Nodes, PostgreSQL servers and clients are real. What happens between nodes in any order is the simulation's business
//! (`crates/app/src/cluster/simulation.rs`).
#![cfg(unix)]
#![allow(clippy::print_stdout, reason = "a run tells its seed and its figures")]
#![allow(clippy::disallowed_methods, reason = "tests read their environment and the clock")]

mod away;
mod cluster;
mod deferred;
mod ledger;
mod network;
mod partition;
mod primary;
mod reads;
