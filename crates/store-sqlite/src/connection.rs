//! Connections, all with the same settings.

use std::time::Duration;

use boobook_store::StoreError;
use rusqlite::{Connection, OpenFlags};

use crate::error::{DataFile, During};
use crate::log::LOG_BYTES_MAX;

/// How long one waits for another process (a command that changes the catalogue, a back-up that begins).
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Settings that are not stored in the file.
/// * Pages are cached by the system; ours is small, as thousands of databases may be open.
/// * `trusted_schema`: the file may come from anywhere; nothing in it gets to call functions.
const SETTINGS: &str = "pragma synchronous = full;
     pragma cache_size = -2048;
     pragma temp_store = memory;
     pragma trusted_schema = off;";

/// Opens a file that exists, and changes nothing in it.
pub(crate) fn connect(file: &DataFile) -> Result<Connection, StoreError> {
    let reading = |e: rusqlite::Error| file.error(&e, During::Reading);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(&file.path, flags).map_err(reading)?;
    conn.busy_timeout(BUSY_TIMEOUT).map_err(reading)?;
    conn.execute_batch(SETTINGS).map_err(reading)?;
    conn.set_prepared_statement_cache_capacity(32);
    Ok(conn)
}

/// Sets what is stored in the file: page size (while it is empty) and the write-ahead log. Makes the connection
/// one that writes.
pub(crate) fn make_writer(conn: &Connection, file: &DataFile) -> Result<(), StoreError> {
    let writing = |e: rusqlite::Error| file.error(&e, During::Writing);
    // Commits of some records change as many pages, each of which goes into the log whole (docs/design/002-store.md).
    conn.execute_batch("pragma page_size = 4096;").map_err(writing)?;
    let mode: String = conn.query_row("pragma journal_mode = wal", [], |row| row.get(0)).map_err(writing)?;
    if mode != "wal" {
        return Err(StoreError::Failed(format!(
            "{}: SQLite cannot use its write-ahead log here ({mode}); data must be on a local disk",
            file.path.display()
        )));
    }
    conn.pragma_update(None, "journal_size_limit", LOG_BYTES_MAX as i64).map_err(writing)
}
