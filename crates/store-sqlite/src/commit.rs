//! Making a batch durable.

use boobook_model::{RecordId, TableId};
use boobook_store::{Batch, Idempotency, StoreError};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, ffi, params};

use crate::error::{DataFile, During};

/// Table and record id in one number: the primary key of `record`. Table ids beyond 2³¹ (a number above 65,535
/// behind the letters) come out negative: a load reads those last, to keep the order of the unsigned numbers.
pub(crate) fn key(tid: TableId, rid: RecordId) -> i64 {
    ((u64::from(tid.packed()) << 32) | u64::from(rid.get())) as i64
}

/// Commits a batch. Whatever the answer, the connection is outside a transaction afterwards, unless SQLite could
/// not roll back (the caller drops the connection then).
pub(crate) fn commit(conn: &mut Connection, file: &DataFile, batch: &Batch) -> Result<(), StoreError> {
    let writing = |e: rusqlite::Error| file.error(&e, During::Writing);
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(writing)?;
    if !advance(&tx, batch).map_err(writing)? {
        return Err(StoreError::Conflict);
    }
    write(&tx, batch).map_err(writing)?;
    match tx.commit() {
        Ok(()) => Ok(()),
        Err(e) => settle(conn, file, batch, &e),
    }
}

/// COMMIT itself failed: finds out where that leaves us.
///
/// A failed write leaves a log without a commit mark: surely not in. A failed *sync* leaves one that is complete,
/// though SQLite goes on as if it was not: after a crash it might be replayed. And pages whose sync failed count as
/// clean for the system, so that a later sync proves nothing. In both cases copying the log into the file and
/// emptying it settles the matter, as that writes everything anew and leaves no log.
pub(crate) fn settle(
    conn: &Connection,
    file: &DataFile,
    batch: &Batch,
    error: &rusqlite::Error,
) -> Result<(), StoreError> {
    let unknown = || StoreError::Unknown(format!("{}: {error}", file.path.display()));
    if !conn.is_autocommit() {
        return Err(unknown());
    }
    let found: Option<Vec<u8>> = conn
        .query_row("select tx_id from tx where seq = ?1", [batch.seq.0 as i64], |row| row.get(0))
        .optional()
        .map_err(|_| unknown())?;
    let is_in = found.is_some_and(|tx_id| tx_id == batch.tx_id.to_be_bytes());
    let write_failed_cleanly = !is_in && !is_sync_failure(error);
    if !write_failed_cleanly && !empty_log(conn) {
        return Err(unknown());
    }
    if is_in { Ok(()) } else { Err(file.error(error, During::Writing)) }
}

fn is_sync_failure(error: &rusqlite::Error) -> bool {
    let extended = error.sqlite_error().map(|e| e.extended_code);
    error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) && extended != Some(ffi::SQLITE_IOERR_WRITE)
}

fn empty_log(conn: &Connection) -> bool {
    conn.query_row("pragma wal_checkpoint(truncate)", [], |row| row.get::<_, i64>(0))
        .is_ok_and(|busy| busy == 0)
}

/// Moves the head from `base` to `seq`; `false` if it does not stand at `base`.
fn advance(tx: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<bool> {
    let moved = tx
        .prepare_cached("update meta set value = ?1 where key = 'seq' and value = ?2")?
        .execute([batch.seq.0 as i64, batch.base.0 as i64])?;
    Ok(moved == 1)
}

fn write(tx: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    write_head(tx, batch)?;
    write_records(tx, batch)?;
    write_history(tx, batch)?;
    let mut remember = tx.prepare_cached(
        "insert or replace into idempotency(key, at, request_hash, tid, rids) values (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (key, known) in &batch.idempotency {
        let hash = &known.request_hash[..];
        remember.execute(params![key, known.at_ms, hash, known.tid.packed(), pack_rids(&known.rids)])?;
    }
    write_put_off(tx, batch)
}

fn write_put_off(tx: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    for id in &batch.done {
        tx.prepare_cached("delete from put_off where id = ?1")?.execute([&id.to_be_bytes()[..]])?;
    }
    for (id, body) in &batch.put_off {
        let mut insert = tx.prepare_cached("insert into put_off(id, body) values (?1, ?2)")?;
        insert.execute(params![&id.to_be_bytes()[..], body])?;
    }
    Ok(())
}

fn write_head(tx: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    tx.prepare_cached("insert into tx(seq, tx_id, at) values (?1, ?2, ?3)")?.execute(params![
        batch.seq.0 as i64,
        &batch.tx_id.to_be_bytes()[..],
        batch.clock_ms
    ])?;
    tx.prepare_cached("update meta set value = ?1 where key = 'clock_ms' and value < ?1")?
        .execute([batch.clock_ms])?;
    if let Some((sq, schema)) = &batch.schema {
        let mut set = tx.prepare_cached("update meta set value = ?2 where key = ?1")?;
        set.execute(params!["schema_sq", sq.0 as i64])?;
        set.execute(params!["schema", schema])?;
    }
    let mut count = tx.prepare_cached(
        "insert into counter(tid, next) values (?1, ?2) on conflict(tid) do update set next = excluded.next",
    )?;
    for &(tid, next) in &batch.counters {
        count.execute(params![tid.packed(), next as i64])?;
    }
    Ok(())
}

fn write_records(tx: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    // `replace` writes over the old row where `on conflict do update` reads it first and seeks twice.
    let mut upsert =
        tx.prepare_cached("replace into record(key, sq, deleted, body) values (?1, ?2, ?3, ?4)")?;
    // In key order each page is touched once, however small the cache.
    let mut order: Vec<(i64, u32)> =
        batch.records.iter().zip(0u32..).map(|(record, n)| (key(record.tid, record.rid), n)).collect();
    order.sort_unstable();
    for (key, n) in order {
        let record = &batch.records[n as usize];
        upsert.execute(params![key, record.sq.0 as i64, record.deleted, batch.body(&record.body)])?;
    }
    Ok(())
}

fn write_history(tx: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    let mut insert = tx.prepare_cached(
        "insert into history(sq, prev, at, actor, tid, rid, kind, before)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for row in &batch.history {
        insert.execute(params![
            row.sq.0 as i64,
            row.prev.0 as i64,
            row.at_ms,
            row.actor,
            row.tid.packed(),
            row.rid.get(),
            row.kind as u8,
            batch.body(&row.before),
        ])?;
    }
    Ok(())
}

/// Four bytes for each id, 0 for none.
fn pack_rids(rids: &[Option<RecordId>]) -> Vec<u8> {
    rids.iter().flat_map(|rid| rid.map_or(0, RecordId::get).to_le_bytes()).collect()
}

/// Puts an idempotency row together; `None` if it is not what [`write`] writes.
pub(crate) fn unpack_idempotency(at_ms: i64, hash: &[u8], tid: u32, rids: &[u8]) -> Option<Idempotency> {
    let (chunks, rest) = rids.as_chunks::<4>();
    let rids = chunks
        .iter()
        .map(|four| match u32::from_le_bytes(*four) {
            0 => Some(None),
            n => RecordId::new(u64::from(n)).map(Some),
        })
        .collect::<Option<Vec<_>>>()?;
    let request_hash = hash.try_into().ok()?;
    rest.is_empty().then_some(Idempotency { request_hash, tid: TableId::from_packed(tid), rids, at_ms })
}
