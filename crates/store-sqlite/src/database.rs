//! One database's file.

use std::io::ErrorKind;

use boobook_model::{DatabaseId, RecordId, Sq, TableId};
use boobook_store::{
    Batch, DatabaseStore, ExportSink, Forget, Head, History, HistoryKind, Idempotency, LoadSink, Retention,
    StoreError,
};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::commit;
use crate::connection::{connect, make_writer};
use crate::directory::{Directory, sync_dir};
use crate::error::{DataFile, During, io_error};
use crate::format::{self, Found};
use crate::log;

/// Rows purged of each table in one call of `maintain`: some ten milliseconds of work.
const PURGE_ROWS_MAX: usize = 5_000;

/// Makes a database's file and its first rows; completes one that an interrupted call began.
pub(crate) fn create(
    directory: &Directory,
    id: &DatabaseId,
    schema: &[u8],
    at_ms: i64,
) -> Result<(), StoreError> {
    let file = directory.database(id.as_str());
    directory.create_database_file(&file)?;
    let mut conn = connect(&file)?;
    format::inspect(&conn, &file, &format::DATABASE)?;
    make_writer(&conn, &file)?;
    format::migrate(&mut conn, &file, &format::DATABASE, |tx| {
        let mut insert = tx.prepare("insert into meta(key, value) values (?1, ?2)")?;
        for (key, value) in [("seq", 1), ("schema_sq", 1), ("clock_ms", at_ms), ("sq_min", 0)] {
            insert.execute(params![key, value])?;
        }
        insert.execute(params!["schema", schema])?;
        Ok(())
    })?;
    drop(conn);
    sync_dir(directory.databases())
}

/// An open database: one connection that writes and one that reads, so that neither waits for the other.
pub(crate) struct SqliteDatabase {
    id: DatabaseId,
    file: DataFile,
    writer: Mutex<Option<Connection>>,
    reader: Mutex<Option<Connection>>,
}

/// What reading met: SQLite's errors and the sink's are told apart by the caller.
pub(crate) enum LoadError {
    Sqlite(rusqlite::Error),
    Bad(&'static str),
    Sink(StoreError),
}

impl SqliteDatabase {
    /// Opens the file and brings it to the newest format.
    pub(crate) fn open(directory: &Directory, id: &DatabaseId) -> Result<Self, StoreError> {
        let file = directory.database(id.as_str());
        let this = Self { id: id.clone(), file, writer: Mutex::new(None), reader: Mutex::new(None) };
        this.with_writer(|_| Ok(()))?;
        Ok(this)
    }

    fn check_exists(&self) -> Result<(), StoreError> {
        match self.file.path.metadata() {
            Ok(_) => Ok(()),
            Err(e) if e.kind() == ErrorKind::NotFound => Err(StoreError::NotFound(self.id.clone())),
            Err(e) => Err(io_error(&self.file.path, "be opened", &e)),
        }
    }

    fn connect_writer(&self) -> Result<Connection, StoreError> {
        self.check_exists()?;
        let mut conn = connect(&self.file)?;
        if format::inspect(&conn, &self.file, &format::DATABASE)? == Found::Empty {
            return Err(self.file.corrupt("the file is empty"));
        }
        make_writer(&conn, &self.file)?;
        format::migrate(&mut conn, &self.file, &format::DATABASE, |_| Ok(()))?;
        log::keep_long(&mut conn, &self.file).map_err(|e| self.file.error(&e, During::Writing))?;
        Ok(conn)
    }

    fn connect_reader(&self) -> Result<Connection, StoreError> {
        self.check_exists()?;
        let conn = connect(&self.file)?;
        conn.execute_batch("pragma query_only = on").map_err(|e| self.file.error(&e, During::Reading))?;
        Ok(conn)
    }

    pub(crate) fn with_writer<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut slot = self.writer.lock();
        let conn = match &mut *slot {
            Some(conn) => conn,
            empty => empty.insert(self.connect_writer()?),
        };
        let done = work(conn);
        if !conn.is_autocommit() {
            // Not even a rollback worked. A new connection starts from what is in the file.
            *slot = None;
        }
        done
    }

    fn with_reader<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, LoadError>,
    ) -> Result<T, StoreError> {
        let mut slot = self.reader.lock();
        let conn = match &mut *slot {
            Some(conn) => conn,
            empty => empty.insert(self.connect_reader()?),
        };
        work(conn).map_err(|error| match error {
            LoadError::Sqlite(e) => self.file.error(&e, During::Reading),
            LoadError::Bad(what) => self.file.corrupt(what),
            LoadError::Sink(e) => e,
        })
    }
}

impl DatabaseStore for SqliteDatabase {
    fn load(&self, sink: &mut dyn LoadSink) -> Result<(), StoreError> {
        self.with_reader(|conn| {
            // One transaction, so that the head and the rows are of one moment.
            let tx = conn.transaction().map_err(LoadError::Sqlite)?;
            load(&tx, sink)
        })
    }

    fn export(&self, sink: &mut dyn ExportSink) -> Result<(), StoreError> {
        self.with_reader(|conn| {
            let tx = conn.transaction().map_err(LoadError::Sqlite)?;
            load(&tx, sink)?;
            crate::export::export(&tx, sink)
        })
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        assert!(batch.seq > batch.base, "a batch moves its database on");
        self.with_writer(|conn| commit::commit(conn, &self.file, batch)).map_err(|e| match e {
            // The connection could not be opened: nothing was written.
            StoreError::Failed(text) => StoreError::NotCommitted(text),
            e => e,
        })
    }

    fn is_committed(&self, seq: Sq, tx_id: u128) -> Result<bool, StoreError> {
        const SQL: &str = "select 1 from tx where seq = ?1 and tx_id = ?2";
        self.with_reader(|conn| {
            conn.query_row(SQL, params![seq.0 as i64, &tx_id.to_be_bytes()[..]], |_| Ok(()))
                .optional()
                .map(|found| found.is_some())
                .map_err(LoadError::Sqlite)
        })
    }

    fn history(&self, newest: Sq, since: Sq, limit: usize) -> Result<Vec<History>, StoreError> {
        self.with_reader(|conn| {
            let tx = conn.transaction().map_err(LoadError::Sqlite)?;
            read_history(&tx, newest, since, limit)
        })
    }

    fn idempotency(
        &self,
        keys: &[&[u8]],
        not_before_ms: i64,
    ) -> Result<Vec<Option<Idempotency>>, StoreError> {
        self.with_reader(|conn| keys.iter().map(|key| read_idempotency(conn, key, not_before_ms)).collect())
    }

    fn put_off(&self) -> Result<Vec<(u128, Vec<u8>)>, StoreError> {
        self.with_reader(|conn| read_put_off(conn))
    }

    fn maintain(&self, limits: &Retention) -> Result<bool, StoreError> {
        self.with_writer(|conn| maintain(conn, limits).map_err(|e| self.file.error(&e, During::Writing)))
    }

    fn forget(&self, forget: &Forget) -> Result<(), StoreError> {
        self.with_writer(|conn| crate::forget::forget(conn, &self.file, forget))
    }

    fn release(&self) {
        // The last connection to close moves the log into the file and removes it.
        *self.reader.lock() = None;
        *self.writer.lock() = None;
    }
}

/// A number that must not be negative.
pub(crate) fn unsigned(n: i64) -> Result<u64, LoadError> {
    u64::try_from(n).map_err(|_| LoadError::Bad("a number is negative that cannot be"))
}

fn table_id(n: i64) -> Result<TableId, LoadError> {
    u32::try_from(n).map(TableId::from_packed).map_err(|_| LoadError::Bad("a table id is out of range"))
}

fn record_id(n: u64) -> Result<RecordId, LoadError> {
    RecordId::new(n).ok_or(LoadError::Bad("a record id is out of range"))
}

/// A column's number, straight from SQLite's row.
pub(crate) fn number(row: &Row<'_>, column: usize) -> Result<i64, LoadError> {
    let value = row.get_ref(column).map_err(LoadError::Sqlite)?;
    value.as_i64().map_err(|_| LoadError::Bad("a column holds no number"))
}

fn read_head(conn: &Connection) -> Result<Head, LoadError> {
    let meta = |key: &str| -> Result<i64, LoadError> {
        let sql = "select value from meta where key = ?1";
        conn.prepare_cached(sql)
            .and_then(|mut select| select.query_row([key], |row| row.get(0)))
            .map_err(LoadError::Sqlite)
    };
    let schema = conn
        .query_row("select value from meta where key = 'schema'", [], |row| row.get(0))
        .map_err(LoadError::Sqlite)?;
    let mut head = Head {
        seq: Sq(unsigned(meta("seq")?)?),
        schema_sq: Sq(unsigned(meta("schema_sq")?)?),
        clock_ms: meta("clock_ms")?,
        sq_min: Sq(unsigned(meta("sq_min")?)?),
        schema,
        counters: Vec::new(),
    };
    let mut select =
        conn.prepare_cached("select tid, next from counter order by tid").map_err(LoadError::Sqlite)?;
    let mut rows = select.query([]).map_err(LoadError::Sqlite)?;
    while let Some(row) = rows.next().map_err(LoadError::Sqlite)? {
        head.counters.push((table_id(number(row, 0)?)?, unsigned(number(row, 1)?)?));
    }
    Ok(head)
}

fn load(conn: &Connection, sink: &mut dyn LoadSink) -> Result<(), LoadError> {
    sink.head(read_head(conn)?).map_err(LoadError::Sink)?;
    load_records(conn, "select key, sq, deleted, body from record where key >= 0 order by key", sink)?;
    load_records(conn, "select key, sq, deleted, body from record where key < 0 order by key", sink)
}

fn load_records(conn: &Connection, sql: &str, sink: &mut dyn LoadSink) -> Result<(), LoadError> {
    let mut select = conn.prepare_cached(sql).map_err(LoadError::Sqlite)?;
    let mut rows = select.query([]).map_err(LoadError::Sqlite)?;
    while let Some(row) = rows.next().map_err(LoadError::Sqlite)? {
        let key = number(row, 0)? as u64;
        let tid = TableId::from_packed((key >> 32) as u32);
        let rid = record_id(key & 0xffff_ffff)?;
        let sq = Sq(unsigned(number(row, 1)?)?);
        let deleted = number(row, 2)? != 0;
        let body = row.get_ref(3).map_err(LoadError::Sqlite)?;
        let body = body.as_blob().map_err(|_| LoadError::Bad("a record's body is no blob"))?;
        sink.record(tid, rid, sq, deleted, body).map_err(LoadError::Sink)?;
    }
    Ok(())
}

fn read_history(conn: &Connection, newest: Sq, since: Sq, limit: usize) -> Result<Vec<History>, LoadError> {
    let sql = "select prev, at, actor, tid, rid, kind, before from history where sq = ?1";
    let mut select = conn.prepare_cached(sql).map_err(LoadError::Sqlite)?;
    let mut found = Vec::new();
    let mut next = newest;
    while next > since && found.len() < limit {
        let mut rows = select.query([next.0 as i64]).map_err(LoadError::Sqlite)?;
        // A row that is missing was purged, and all before it.
        let Some(row) = rows.next().map_err(LoadError::Sqlite)? else { break };
        let entry = history_row(next, row)?;
        if entry.prev >= entry.sq {
            return Err(LoadError::Bad("the history of a record runs in a circle"));
        }
        next = entry.prev;
        found.push(entry);
    }
    Ok(found)
}

pub(crate) fn history_row(sq: Sq, row: &Row<'_>) -> Result<History, LoadError> {
    let kind = u8::try_from(number(row, 5)?).ok().and_then(HistoryKind::from_u8);
    Ok(History {
        sq,
        prev: Sq(unsigned(number(row, 0)?)?),
        at_ms: number(row, 1)?,
        actor: row.get(2).map_err(LoadError::Sqlite)?,
        tid: table_id(number(row, 3)?)?,
        rid: record_id(unsigned(number(row, 4)?)?)?,
        kind: kind.ok_or(LoadError::Bad("a kind of change is unknown"))?,
        before: row.get(6).map_err(LoadError::Sqlite)?,
    })
}

pub(crate) fn read_put_off(conn: &Connection) -> Result<Vec<(u128, Vec<u8>)>, LoadError> {
    let mut select =
        conn.prepare_cached("select id, body from put_off order by n").map_err(LoadError::Sqlite)?;
    let rows = select
        .query_map([], |row| Ok((row.get::<_, [u8; 16]>(0)?, row.get(1)?)))
        .map_err(LoadError::Sqlite)?;
    rows.map(|row| row.map(|(id, body)| (u128::from_be_bytes(id), body)).map_err(LoadError::Sqlite)).collect()
}

fn read_idempotency(
    conn: &Connection,
    key: &[u8],
    not_before_ms: i64,
) -> Result<Option<Idempotency>, LoadError> {
    let sql = "select at, request_hash, tid, rids from idempotency where key = ?1 and at >= ?2";
    let mut select = conn.prepare_cached(sql).map_err(LoadError::Sqlite)?;
    let row = select
        .query_row(params![key, not_before_ms], |row| {
            Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?, row.get(2)?, row.get::<_, Vec<u8>>(3)?))
        })
        .optional()
        .map_err(LoadError::Sqlite)?;
    row.map(|(at_ms, hash, tid, rids)| commit::unpack_idempotency(at_ms, &hash, tid, &rids))
        .map(|known| known.ok_or(LoadError::Bad("a remembered answer cannot be read")))
        .transpose()
}

/// Purges a bounded number of rows and moves the log into the file; `true` if more rows are due.
///
/// All three tables grow at their end, with clocks that never run backwards: what is due lies at the beginning, and
/// one look at the first row tells whether there is anything.
fn maintain(conn: &mut Connection, limits: &Retention) -> rusqlite::Result<bool> {
    let tables = [
        ("history", "sq", limits.history_before_ms),
        ("tx", "seq", limits.idempotency_before_ms),
        ("idempotency", "n", limits.idempotency_before_ms),
    ];
    let mut more = false;
    for (table, key, before_ms) in tables {
        let first = format!("select at from {table} order by {key} limit 1");
        let first: Option<i64> = conn.prepare_cached(&first)?.query_row([], |row| row.get(0)).optional()?;
        if first.is_none_or(|at_ms| at_ms >= before_ms) {
            continue;
        }
        let delete = format!(
            "delete from {table} where at < ?1 and {key} in (select {key} from {table} order by {key} limit ?2)"
        );
        let gone = conn.prepare_cached(&delete)?.execute(params![before_ms, PURGE_ROWS_MAX as i64])?;
        more |= gone == PURGE_ROWS_MAX;
    }
    // Passive: copies what it can without waiting for anybody.
    conn.query_row("pragma wal_checkpoint(passive)", [], |_| Ok(()))?;
    Ok(more)
}
