//! Forgetting old deletions.

use boobook_store::{Forget, StoreError};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::commit::key;
use crate::error::{DataFile, During};

/// Removes tombstones and raises `sq_min`, in one transaction.
///
/// Where COMMIT itself fails it is not found out what became of it, as it is for batches: it is the same to
/// readers, and to be done again either way.
pub(crate) fn forget(conn: &mut Connection, file: &DataFile, forget: &Forget) -> Result<(), StoreError> {
    let writing = |e: rusqlite::Error| file.error(&e, During::Writing);
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(writing)?;
    if !write(&tx, forget).map_err(writing)? {
        return Err(StoreError::Conflict);
    }
    tx.commit().map_err(|e| StoreError::Unknown(format!("{}: {e}", file.path.display())))
}

/// `false` if the database does not stand at `base`.
fn write(tx: &Transaction<'_>, forget: &Forget) -> rusqlite::Result<bool> {
    let upto = forget.upto.0 as i64;
    let stands: Option<i64> = tx
        .prepare_cached("select 1 from meta where key = 'seq' and value = ?1")?
        .query_row([forget.base.0 as i64], |row| row.get(0))
        .optional()?;
    if stands.is_none() {
        return Ok(false);
    }
    // In key order each page is touched once, however small the cache.
    let mut keys: Vec<i64> = forget.tombstones.iter().map(|&(tid, rid)| key(tid, rid)).collect();
    keys.sort_unstable();
    let mut delete = tx.prepare_cached("delete from record where key = ?1 and deleted = 1 and sq <= ?2")?;
    for key in keys {
        delete.execute(params![key, upto])?;
    }
    tx.prepare_cached("update meta set value = ?1 where key = 'sq_min' and value < ?1")?.execute([upto])?;
    Ok(true)
}
