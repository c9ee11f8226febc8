//! Answers that are remembered.

use std::collections::HashMap;

use boobook_model::{DatabaseId, RecordId};
use boobook_store::Idempotency;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::connection::Connection;
use crate::error::Trouble;
use crate::load::{column, corrupt, table_id};
use crate::sql;

/// Four bytes for each id, 0 for none.
pub(crate) fn pack(rids: &[Option<RecordId>]) -> Vec<u8> {
    rids.iter().flat_map(|rid| rid.map_or(0, RecordId::get).to_le_bytes()).collect()
}

/// The ids again; `None` if it is not what [`pack`] writes.
fn unpack(bytes: &[u8]) -> Option<Vec<Option<RecordId>>> {
    let (chunks, rest) = bytes.as_chunks::<4>();
    let rids = chunks.iter().map(|four| match u32::from_le_bytes(*four) {
        0 => Some(None),
        n => RecordId::new(u64::from(n)).map(Some),
    });
    if rest.is_empty() { rids.collect() } else { None }
}

/// The answers remembered for keys, those that are young enough.
pub(crate) fn read(
    connection: &mut Connection,
    db: &DatabaseId,
    keys: &[&[u8]],
    not_before_ms: i64,
) -> Result<Vec<Option<Idempotency>>, Trouble> {
    let params = [(&db.as_str() as _, Type::TEXT), (&keys as _, Type::BYTEA_ARRAY)];
    let rows = connection.rows_planned_anew(sql::IDEMPOTENCY, &params)?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in &rows {
        let answer = read_row(row, db)?;
        if answer.at_ms >= not_before_ms {
            found.insert(column::<&[u8]>(row, 4, db)?, answer);
        }
    }
    Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
}

/// The answer in a row of time, hash, table, ids and key.
pub(crate) fn read_row(row: &Row, db: &DatabaseId) -> Result<Idempotency, Trouble> {
    let hash: &[u8] = column(row, 1, db)?;
    let rids = unpack(column(row, 3, db)?);
    match (hash.try_into(), rids) {
        (Ok(request_hash), Some(rids)) => {
            Ok(Idempotency { request_hash, tid: table_id(row, 2, db)?, rids, at_ms: column(row, 0, db)? })
        }
        _ => Err(corrupt(db, &"a remembered answer cannot be read")),
    }
}
