//! What the end-to-end tests stand on: the real `boobook` binary started on a port of its own, an HTTP client that
//! sends exactly the bytes it is told, and the runner of `conformance/api/*.md`.
//!
//! It is for tests only and depends on no crate of the server: what it knows about the server is what a stranger
//! knows, the command line and the REST API. It holds no async runtime and no HTTP library, so that a fault in the
//! server's own cannot hide itself here.
//!
//! The main types are [`Installation`] (a binary and a data directory), [`Server`] (a running one), [`Client`],
//! [`SeaweedFs`] (an object store), [`Network`] (machines that lose sight of each other), [`transcript::run_folder`], and
//! [`manual`], which reads `conformance/nx`.
//!
//! ```no_run
//! use boobook_testkit::Installation;
//! use serde_json::json;
//!
//! // In an integration test of the binary's crate: env!("CARGO_BIN_EXE_boobook")
//! let place = Installation::new("target/debug/boobook");
//! let team = place.team("Werkstatt");
//! let key = place.key(&team, &["--role", "admin"]);
//! let server = place.serve();
//! let client = server.client(&key);
//! let db = client.create_database(&team, "Lager", &json!({}));
//! assert_eq!(client.get(&format!("/v1/teams/{team}/databases/{db}/tables")).json(), json!([]));
//! ```
#![allow(clippy::disallowed_methods, reason = "a test harness reads its environment and the clock")]
#![allow(clippy::print_stderr, reason = "what is skipped is told on the terminal")]

mod http;
pub mod manual;
mod network;
pub mod pattern;
#[cfg(unix)]
mod postgres;
mod proxy;
mod seaweedfs;
mod server;
#[cfg(unix)]
mod standby;
pub mod transcript;
mod wire;

use std::{
    env,
    path::{Path, PathBuf},
};

pub use http::{BodyReader, Client, Head, Response, percent_encode};
pub use network::{Machine, Network};
#[cfg(unix)]
pub use postgres::{Bouncer, Postgres};
pub use proxy::RoundRobin;
pub use seaweedfs::SeaweedFs;
pub use server::{Installation, Server};
#[cfg(unix)]
pub use standby::Frozen;
pub use wire::{Way, Wire};

/// A folder under the tools' cache (`ninoxjs`, `data`, `seaweedfs`), as `cargo xtask test` fills it.
///
/// `None` where it is not installed; then a reason is printed. Panics instead where the tests were told that it
/// must be there: `BOOBOOK_REQUIRE` names `requirement`, or `CI` is set.
pub fn client_dir(folder: &str, requirement: &str) -> Option<PathBuf> {
    let base = env::var_os("BOOBOOK_CLIENTS_DIR").map(PathBuf::from).or_else(|| {
        let cache = env::var_os("BOOBOOK_CACHE").map(PathBuf::from);
        let home = || Some(Path::new(&env::var_os("HOME")?).join(".cache").join("boobook"));
        Some(cache.or_else(home)?.join("clients"))
    });
    let dir = base.map(|base| base.join(folder)).filter(|dir| dir.join(".installed").is_file());
    if dir.is_none() {
        assert!(
            !is_required(requirement),
            "{folder} is required but not installed; `cargo xtask test` installs it"
        );
        eprintln!("skipped: {folder} is not installed; `cargo xtask test` installs it");
    }
    dir
}

/// Whether the tests were told that something must be there: `BOOBOOK_REQUIRE` names it, or `CI` is set.
pub fn is_required(requirement: &str) -> bool {
    let required = env::var("BOOBOOK_REQUIRE").unwrap_or_default();
    let ci = env::var_os("CI").is_some_and(|ci| !ci.is_empty());
    ci || required.split(',').any(|name| name == requirement)
}
