//! Reading what a load does not: history, remembered answers and work put off.

use boobook_model::Sq;
use boobook_store::ExportSink;
use rusqlite::Connection;

use crate::commit::unpack_idempotency;
use crate::database::{LoadError, history_row, number, read_put_off, unsigned};

/// Streams it, inside the transaction that the records were read in.
pub(crate) fn export(conn: &Connection, sink: &mut dyn ExportSink) -> Result<(), LoadError> {
    export_history(conn, sink)?;
    export_answers(conn, sink)?;
    for (id, body) in read_put_off(conn)? {
        sink.put_off(id, body).map_err(LoadError::Sink)?;
    }
    Ok(())
}

fn export_history(conn: &Connection, sink: &mut dyn ExportSink) -> Result<(), LoadError> {
    let sql = "select prev, at, actor, tid, rid, kind, before, sq from history order by sq";
    let mut select = conn.prepare_cached(sql).map_err(LoadError::Sqlite)?;
    let mut rows = select.query([]).map_err(LoadError::Sqlite)?;
    while let Some(row) = rows.next().map_err(LoadError::Sqlite)? {
        let sq = Sq(unsigned(number(row, 7)?)?);
        sink.history(history_row(sq, row)?).map_err(LoadError::Sink)?;
    }
    Ok(())
}

fn export_answers(conn: &Connection, sink: &mut dyn ExportSink) -> Result<(), LoadError> {
    let sql = "select at, request_hash, tid, rids, key from idempotency order by at, key";
    let mut select = conn.prepare_cached(sql).map_err(LoadError::Sqlite)?;
    let mut rows = select.query([]).map_err(LoadError::Sqlite)?;
    while let Some(row) = rows.next().map_err(LoadError::Sqlite)? {
        let blob = |column: usize| row.get::<_, Vec<u8>>(column).map_err(LoadError::Sqlite);
        let tid = row.get(2).map_err(LoadError::Sqlite)?;
        let known = unpack_idempotency(number(row, 0)?, &blob(1)?, tid, &blob(3)?);
        let known = known.ok_or(LoadError::Bad("a remembered answer cannot be read"))?;
        sink.answer(blob(4)?, known).map_err(LoadError::Sink)?;
    }
    Ok(())
}
