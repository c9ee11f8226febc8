//! Runs `conformance/api/*.md` against the real binary.
//!
//! `BOOBOOK_CONFORMANCE=filter` runs only the files whose name contains that.
#![allow(clippy::disallowed_methods, reason = "tests read their environment")]

use std::{env, path::Path};

use boobook_testkit::transcript;

#[test]
fn transcripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/api");
    let filter = env::var("BOOBOOK_CONFORMANCE").unwrap_or_default();
    let report = transcript::run_folder(env!("CARGO_BIN_EXE_boobook"), &folder, &filter);
    assert!(report.failures.is_empty(), "\n{report}");
    println!("{report}");
}
