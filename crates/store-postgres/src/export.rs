//! Reading a database with what a load does not read: history, remembered answers and work put off.

use boobook_model::DatabaseId;
use boobook_store::ExportSink;
use futures_util::{StreamExt as _, TryFutureExt as _};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::connection::{Connection, Param};
use crate::database::read_history;
use crate::error::Trouble;
use crate::load::{self, Wanted, column};
use crate::{cluster, idempotency, sql};

/// Reads in a transaction of its own that sees one moment.
pub(crate) fn export(
    connection: &mut Connection,
    db: &DatabaseId,
    sink: &mut dyn ExportSink,
) -> Result<(), Trouble> {
    connection.set_open(true);
    load::read(connection, db, Wanted::ALL, Some(sql::BEGIN_SNAPSHOT), sink)?;
    each_row(connection, db, sql::ALL_HISTORY, |row| Ok(sink.history(read_history(row, db)?)?))?;
    each_row(connection, db, sql::ALL_IDEMPOTENCY, |row| {
        Ok(sink.answer(column(row, 4, db)?, idempotency::read_row(row, db)?)?)
    })?;
    each_row(connection, db, sql::ALL_DEFERRED, |row| {
        Ok(sink.put_off(cluster::work_id(row, 0, db)?, column(row, 1, db)?)?)
    })?;
    connection.leave_snapshot();
    Ok(())
}

/// Takes the rows of a statement as they come, some hundred at a time.
fn each_row(
    connection: &mut Connection,
    db: &DatabaseId,
    sql: &str,
    mut take: impl FnMut(&Row) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let name = db.as_str();
    let params: [Param<'_>; 1] = [(&name, Type::TEXT)];
    let query = connection.query(sql, &params)?;
    let mut stream = connection
        .wait(async |client| query.send(client, &params).map_ok(|rows| Box::pin(rows.fuse())).await)?;
    loop {
        let rows = connection.chunk(&mut stream)?;
        if rows.is_empty() {
            return Ok(());
        }
        rows.iter().try_for_each(&mut take)?;
    }
}
