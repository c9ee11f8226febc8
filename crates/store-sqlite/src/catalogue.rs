//! The catalogue's file.

use boobook_store::{CatalogueChange, CatalogueEntry, CatalogueState, StoreError};
use parking_lot::Mutex;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::connection::{connect, make_writer};
use crate::error::{DataFile, During};
use crate::format;

const SEQ: &str = "select value from meta where key = 'seq'";

/// The catalogue, open.
pub(crate) struct Catalogue {
    file: DataFile,
    main: Mutex<Connection>,
    /// Asked several times a second; never waits behind a load or a commit. It reads `seq` itself: SQLite's
    /// `data_version` would not show what this process writes.
    version: Mutex<Connection>,
}

fn seq(conn: &Connection) -> rusqlite::Result<u64> {
    conn.prepare_cached(SEQ)?.query_row([], |row| row.get::<_, i64>(0)).map(|seq| seq as u64)
}

impl Catalogue {
    /// Opens it, in the newest format.
    pub(crate) fn open(file: DataFile) -> Result<Self, StoreError> {
        let mut main = connect(&file)?;
        format::inspect(&main, &file, &format::CATALOGUE)?;
        make_writer(&main, &file)?;
        format::migrate(&mut main, &file, &format::CATALOGUE, |_| Ok(()))?;
        let version = connect(&file)?;
        Ok(Self { file, main: Mutex::new(main), version: Mutex::new(version) })
    }

    pub(crate) fn version(&self) -> Result<u64, StoreError> {
        seq(&self.version.lock()).map_err(|e| self.file.error(&e, During::Reading))
    }

    pub(crate) fn load(&self) -> Result<CatalogueState, StoreError> {
        let mut main = self.main.lock();
        read(&mut main).map_err(|e| self.file.error(&e, During::Reading))
    }

    pub(crate) fn commit(&self, base: u64, changes: &[CatalogueChange]) -> Result<u64, StoreError> {
        let mut main = self.main.lock();
        let writing = |e: rusqlite::Error| self.file.error(&e, During::Writing);
        let tx = main.transaction_with_behavior(TransactionBehavior::Immediate).map_err(writing)?;
        if seq(&tx).map_err(writing)? != base {
            return Err(StoreError::Conflict);
        }
        apply(&tx, base + 1, changes).map_err(writing)?;
        match tx.commit() {
            Ok(()) => Ok(base + 1),
            // `seq` tells whether it is in; only if it moved, it might have been moved by somebody else.
            Err(e) => Err(match seq(&main) {
                Ok(now) if now == base => self.file.error(&e, During::Writing),
                _ => StoreError::Unknown(e.to_string()),
            }),
        }
    }
}

fn apply(tx: &Transaction<'_>, seq: u64, changes: &[CatalogueChange]) -> rusqlite::Result<()> {
    let mut put = tx.prepare_cached(
        "insert into entry(kind, id, body) values (?1, ?2, ?3)
         on conflict(kind, id) do update set body = excluded.body",
    )?;
    let mut delete = tx.prepare_cached("delete from entry where kind = ?1 and id = ?2")?;
    for change in changes {
        match change {
            CatalogueChange::Put(entry) => put.execute(params![entry.kind, entry.id, entry.body])?,
            CatalogueChange::Delete { kind, id } => delete.execute(params![kind, id])?,
        };
    }
    tx.prepare_cached("update meta set value = ?1 where key = 'seq'")?.execute([seq as i64])?;
    Ok(())
}

fn read(conn: &mut Connection) -> rusqlite::Result<CatalogueState> {
    let tx = conn.transaction()?;
    let seq = seq(&tx)?;
    let mut select = tx.prepare_cached("select kind, id, body from entry order by kind, id")?;
    let entries = select
        .query_map([], |row| Ok(CatalogueEntry { kind: row.get(0)?, id: row.get(1)?, body: row.get(2)? }))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(CatalogueState { seq, entries })
}
