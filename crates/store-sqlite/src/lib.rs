//! boobook's embedded store: SQLite, one file for each database and one for the catalogue.
//!
//! ```text
//! DIR/                  0700
//!   lock                held by the server that serves DIR; holds its process id
//!   catalogue.db        teams, users, keys, databases
//!   databases/<id>.db   records, history, schema, counters of one database
//! ```
//!
//! It is *not* a query engine: every question about records is answered from memory, this crate streams a
//! database into it and makes batches durable. It does *not* look into record bodies, and it is not meant for
//! several servers on one directory ([`DirectoryLock`]); back-ups and catalogue commands of other processes may
//! run beside the server, as SQLite's locks keep each transaction whole. It is the only crate that speaks
//! SQLite's SQL. The decisions and the figures behind them: `docs/design/002-store.md`.
//!
//! Main type: [`SqliteStore`].
//!
//! ```
//! use boobook_model::Sq;
//! use boobook_store::{Batch, Store};
//! use boobook_store_sqlite::SqliteStore;
//!
//! # let dir = tempfile::tempdir().unwrap();
//! let store = SqliteStore::open(dir.path()).unwrap();
//! let _lock = store.lock_exclusive().unwrap();
//! let id = "crm".parse().unwrap();
//! store.create_database(&id, b"{}", 0).unwrap();
//! let database = store.open_database(&id).unwrap();
//! database.commit(&Batch { tx_id: 1, base: Sq(1), seq: Sq(2), ..Batch::default() }).unwrap();
//! assert_eq!(database.is_committed(Sq(2), 1), Ok(true));
//! ```

mod backup;
mod catalogue;
mod commit;
mod connection;
mod database;
mod directory;
mod error;
mod export;
mod forget;
mod format;
#[cfg(test)]
mod full_disk;
mod lock;
mod log;

use std::path::Path;

use boobook_model::DatabaseId;
use boobook_store::{CatalogueChange, CatalogueState, DatabaseStore, Store, StoreError};

pub use backup::{BackupReport, backup};
pub use lock::DirectoryLock;

use catalogue::Catalogue;
use database::SqliteDatabase;
use directory::Directory;

/// The version of the SQLite inside.
pub fn engine_version() -> &'static str {
    rusqlite::version()
}

/// A data directory.
pub struct SqliteStore {
    directory: Directory,
    catalogue: Catalogue,
}

impl SqliteStore {
    /// Opens a data directory, making it and an empty catalogue where there is none. Takes no lock on the
    /// directory; a server calls [`Self::lock_exclusive`] next.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let directory = Directory::prepare(dir)?;
        let catalogue = Catalogue::open(directory.catalogue())?;
        directory.sync()?;
        Ok(Self { directory, catalogue })
    }

    /// Takes the directory for this process alone, until the answer is dropped. See [`DirectoryLock`].
    pub fn lock_exclusive(&self) -> Result<DirectoryLock, StoreError> {
        DirectoryLock::acquire(self.directory.root())
    }
}

impl Store for SqliteStore {
    fn load_catalogue(&self) -> Result<CatalogueState, StoreError> {
        self.catalogue.load()
    }

    fn catalogue_version(&self) -> Result<u64, StoreError> {
        self.catalogue.version()
    }

    fn commit_catalogue(&self, base: u64, changes: &[CatalogueChange]) -> Result<u64, StoreError> {
        self.catalogue.commit(base, changes)
    }

    fn create_database(&self, id: &DatabaseId, schema: &[u8], at_ms: i64) -> Result<(), StoreError> {
        database::create(&self.directory, id, schema, at_ms)
    }

    fn open_database(&self, id: &DatabaseId) -> Result<Box<dyn DatabaseStore>, StoreError> {
        Ok(Box::new(SqliteDatabase::open(&self.directory, id)?))
    }

    fn delete_database(&self, id: &DatabaseId) -> Result<(), StoreError> {
        self.directory.remove_database(id)
    }
}
