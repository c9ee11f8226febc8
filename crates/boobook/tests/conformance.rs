//! Runs `conformance/api/*.md` against the real binary.
//!
//! `BOOBOOK_CONFORMANCE=filter` runs only the files whose name contains that.
#![allow(clippy::disallowed_methods, reason = "tests read their environment")]

use std::{
    env,
    path::{Path, PathBuf},
};

use boobook_testkit::{Postgres, transcript};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/api")
}

#[test]
fn transcripts() {
    let filter = env::var("BOOBOOK_CONFORMANCE").unwrap_or_default();
    let report = transcript::run_folder(env!("CARGO_BIN_EXE_boobook"), &folder(), &filter);
    assert!(report.failures.is_empty(), "\n{report}");
    println!("{report}");
}

/// The same against two nodes over PostgreSQL, each request going to the other one: what one has acknowledged, the other
/// knows.
#[cfg(unix)]
#[test]
fn transcripts_on_two_nodes() {
    let Some(postgres) = Postgres::shared() else { return };
    let filter = env::var("BOOBOOK_CONFORMANCE").unwrap_or_default();
    let binary = env!("CARGO_BIN_EXE_boobook");
    let report = transcript::run_folder_on_nodes(binary, &postgres.url(), &folder(), &filter);
    assert!(report.failures.is_empty(), "\n{report}");
    println!("{report}");
}
