//! The suite every store passes, on SQLite.

use boobook_store::Store;
use boobook_store_sqlite::SqliteStore;

/// A new directory; each call of the closure opens it as a restart does.
#[expect(clippy::unwrap_used, reason = "a test")]
fn make() -> impl Fn() -> Box<dyn Store> {
    let directory = tempfile::tempdir().unwrap();
    move || Box::new(SqliteStore::open(&directory.path().join("data")).unwrap())
}

boobook_store::conformance_tests!(make());
