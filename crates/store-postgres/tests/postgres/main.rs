//! The store on real servers. Without PostgreSQL they are skipped, with a printed reason.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod conformance;
mod crash;
mod data;
mod encrypted;
mod limits;
mod random;
