//! The catalogue: a table of documents, and its version in `bb_database`.

use std::collections::BTreeMap;
use std::sync::Arc;

use boobook_store::{CatalogueChange, CatalogueEntry, CatalogueState, StoreError};
use futures_util::future::try_join3;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::connection::{Connection, Param};
use crate::error::{During, Trouble};
use crate::pool::Pool;
use crate::sql;

/// The row that holds the version is not there.
pub(crate) fn missing() -> Trouble {
    bad(&"the row of its version is missing in `bb_database`")
}

fn bad(reason: &dyn std::fmt::Display) -> Trouble {
    Trouble::Final(StoreError::Corrupt {
        database: "catalogue".into(),
        reason: reason.to_string(),
        remedy: "Restore the tables from a back-up".into(),
    })
}

fn read_version(rows: &[Row]) -> Result<u64, Trouble> {
    let version: i64 = rows.first().ok_or_else(missing)?.try_get(0).map_err(|e| bad(&e))?;
    u64::try_from(version).map_err(|_| bad(&"its version is negative"))
}

/// The version alone.
pub(crate) fn version(pool: &Arc<Pool>) -> Result<u64, StoreError> {
    pool.run(During::Reading, |connection| read_version(&connection.rows(sql::CATALOGUE_VERSION, &[])?))
}

/// Version and entries of one moment.
pub(crate) fn load(pool: &Arc<Pool>) -> Result<CatalogueState, StoreError> {
    pool.run(During::Reading, |connection| {
        let version = connection.query(sql::CATALOGUE_VERSION, &[])?;
        let entries = connection.query(sql::CATALOGUE, &[])?;
        connection.set_open(true);
        let ((), version, entries) = connection.wait(async |client| {
            try_join3(
                client.batch_execute(sql::BEGIN_SNAPSHOT),
                version.rows(client, &[]),
                entries.rows(client, &[]),
            )
            .await
        })?;
        connection.leave_snapshot();
        let mut entries = entries.iter().map(read_entry).collect::<Result<Vec<_>, _>>()?;
        // Here, not there: the order is that of bytes, whatever the server's language.
        entries.sort_unstable_by(|a, b| (&a.kind, &a.id).cmp(&(&b.kind, &b.id)));
        Ok(CatalogueState { seq: read_version(&version)?, entries })
    })
}

fn read_entry(row: &Row) -> Result<CatalogueEntry, Trouble> {
    let read = || {
        Ok::<_, tokio_postgres::Error>(CatalogueEntry {
            kind: row.try_get(0)?,
            id: row.try_get(1)?,
            body: row.try_get(2)?,
        })
    };
    read().map_err(|e| bad(&e))
}

/// Applies changes on top of `base`.
pub(crate) fn commit(pool: &Arc<Pool>, base: u64, changes: &[CatalogueChange]) -> Result<u64, StoreError> {
    // The last change of an entry is what stays.
    let mut last: BTreeMap<(&str, &str), Option<&[u8]>> = BTreeMap::new();
    for change in changes {
        match change {
            CatalogueChange::Put(entry) => last.insert((&entry.kind, &entry.id), Some(&entry.body)),
            CatalogueChange::Delete { kind, id } => last.insert((kind, id), None),
        };
    }
    pool.run(During::Writing, |connection| {
        connection.begin()?;
        if let Err(trouble) = write(connection, base, &last) {
            connection.roll_back();
            return Err(trouble);
        }
        let committed = connection.simple(sql::COMMIT);
        connection.set_open(committed.is_err());
        committed.map_err(|e| e.after_commit_was_sent(pool.place()))?;
        Ok(base + 1)
    })
}

fn write(
    connection: &mut Connection,
    base: u64,
    last: &BTreeMap<(&str, &str), Option<&[u8]>>,
) -> Result<(), Trouble> {
    let base = i64::try_from(base).map_err(|_| StoreError::Conflict)?;
    if connection.execute(sql::MOVE_CATALOGUE, &[(&base, Type::INT8)])? == 0 {
        return Err(StoreError::Conflict.into());
    }
    let (mut kinds, mut ids, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
    let (mut gone_kinds, mut gone_ids) = (Vec::new(), Vec::new());
    for (&(kind, id), body) in last {
        if let Some(body) = body {
            kinds.push(kind);
            ids.push(id);
            bodies.push(*body);
        } else {
            gone_kinds.push(kind);
            gone_ids.push(id);
        }
    }
    if !kinds.is_empty() {
        let params: [Param<'_>; 3] =
            [(&kinds, Type::TEXT_ARRAY), (&ids, Type::TEXT_ARRAY), (&bodies, Type::BYTEA_ARRAY)];
        connection.execute(sql::PUT_ENTRIES, &params)?;
    }
    if !gone_kinds.is_empty() {
        let params: [Param<'_>; 2] = [(&gone_kinds, Type::TEXT_ARRAY), (&gone_ids, Type::TEXT_ARRAY)];
        connection.execute(sql::DELETE_ENTRIES, &params)?;
    }
    Ok(())
}
