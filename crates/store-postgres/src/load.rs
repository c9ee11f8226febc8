//! Reading a database: its head and its records, all of one moment, row by row.

use boobook_model::{DatabaseId, RecordId, Sq, TableId};
use boobook_store::{Head, LoadSink, StoreError};
use futures_util::future::try_join4;
use futures_util::{FutureExt as _, StreamExt as _, TryFutureExt as _, future};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};

use crate::connection::{Connection, Param, Rows};
use crate::error::Trouble;
use crate::sql;

/// A column, or why it cannot be had: what we wrote does not come back as we wrote it.
pub(crate) fn column<'a, T: FromSql<'a>>(row: &'a Row, n: usize, db: &DatabaseId) -> Result<T, Trouble> {
    row.try_get(n).map_err(|e| corrupt(db, &e))
}

/// The data of a database makes no sense.
pub(crate) fn corrupt(db: &DatabaseId, reason: &dyn std::fmt::Display) -> Trouble {
    Trouble::Final(StoreError::Corrupt {
        database: db.as_str().into(),
        reason: reason.to_string(),
        remedy: "Restore the database from a back-up".into(),
    })
}

/// A number that must not be negative.
pub(crate) fn unsigned(n: i64, db: &DatabaseId) -> Result<u64, Trouble> {
    u64::try_from(n).map_err(|_| corrupt(db, &"a number is negative that cannot be"))
}

/// A sequence of the server.
pub(crate) fn sq(row: &Row, n: usize, db: &DatabaseId) -> Result<Sq, Trouble> {
    unsigned(column(row, n, db)?, db).map(Sq)
}

/// A sequence for the server; those that no database will ever reach are all the same.
pub(crate) fn signed(sq: Sq) -> i64 {
    i64::try_from(sq.0).unwrap_or(i64::MAX)
}

/// A table id of the server.
pub(crate) fn table_id(row: &Row, n: usize, db: &DatabaseId) -> Result<TableId, Trouble> {
    let id = u32::try_from(column::<i64>(row, n, db)?);
    id.map(TableId::from_packed).map_err(|_| corrupt(db, &"a table id is out of range"))
}

/// A record id of the server.
pub(crate) fn record_id(row: &Row, n: usize, db: &DatabaseId) -> Result<RecordId, Trouble> {
    let id = unsigned(column(row, n, db)?, db)?;
    RecordId::new(id).ok_or_else(|| corrupt(db, &"a record id is out of range"))
}

fn read_head(db: &DatabaseId, head: &[Row], counters: &[Row]) -> Result<Head, Trouble> {
    let row = head.first().ok_or_else(|| StoreError::NotFound(db.clone()))?;
    Ok(Head {
        seq: sq(row, 0, db)?,
        clock_ms: column(row, 1, db)?,
        sq_min: sq(row, 2, db)?,
        schema_sq: sq(row, 3, db)?,
        schema: column(row, 4, db)?,
        counters: counters
            .iter()
            .map(|row| Ok((table_id(row, 0, db)?, unsigned(column(row, 1, db)?, db)?)))
            .collect::<Result<_, Trouble>>()?,
    })
}

/// What a load reads.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    /// The statement for the records; it takes the database and, where it reads changes, the sequence.
    records: &'static str,
    since: Option<Sq>,
}

impl Wanted {
    /// Everything, ascending by table and record.
    pub(crate) const ALL: Self = Self { records: sql::RECORDS, since: None };

    /// What changed since, ascending by sequence.
    pub(crate) fn since(since: Sq) -> Self {
        Self { records: sql::CHANGES, since: Some(since) }
    }
}

/// Reads in a transaction of its own that sees one moment. Everything is asked in one round trip.
pub(crate) fn load(
    connection: &mut Connection,
    db: &DatabaseId,
    wanted: Wanted,
    sink: &mut dyn LoadSink,
) -> Result<(), Trouble> {
    connection.set_open(true);
    read(connection, db, wanted, Some(sql::BEGIN_SNAPSHOT), sink)?;
    connection.leave_snapshot();
    Ok(())
}

/// Reads head and records, after `begin` if it is given. An error leaves the stream unread: the caller gives the
/// connection up.
pub(crate) fn read(
    connection: &mut Connection,
    db: &DatabaseId,
    wanted: Wanted,
    begin: Option<&str>,
    sink: &mut dyn LoadSink,
) -> Result<(), Trouble> {
    let name = db.as_str();
    let since = wanted.since.map_or(0, signed);
    let head_params: [Param<'_>; 2] = [(&name, Type::TEXT), (&since, Type::INT8)];
    let record_params = &head_params[..=usize::from(wanted.since.is_some())];
    let head = connection.query(sql::HEAD, &head_params)?;
    let counters = connection.query(sql::COUNTERS, &head_params[..1])?;
    let records = connection.query(wanted.records, record_params)?;
    let ((), head, counters, stream) = connection.wait(async |client| {
        let begin = match begin {
            Some(begin) => client.batch_execute(begin).left_future(),
            None => future::ready(Ok(())).right_future(),
        };
        try_join4(
            begin,
            head.rows(client, &head_params),
            counters.rows(client, &head_params[..1]),
            records.send(client, record_params).map_ok(|rows| Box::pin(rows.fuse())),
        )
        .await
    })?;
    sink.head(read_head(db, &head, &counters)?)?;
    read_records(connection, db, stream, sink)
}

fn read_records(
    connection: &mut Connection,
    db: &DatabaseId,
    mut stream: Rows,
    sink: &mut dyn LoadSink,
) -> Result<(), Trouble> {
    loop {
        let rows = connection.chunk(&mut stream)?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in &rows {
            let (tid, rid) = (table_id(row, 0, db)?, record_id(row, 1, db)?);
            let deleted = column(row, 3, db)?;
            sink.record(tid, rid, sq(row, 2, db)?, deleted, column(row, 4, db)?)?;
        }
    }
}
