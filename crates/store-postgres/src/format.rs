//! The tables and how they change between versions.
//!
//! Each step is a statement of its own that may be done again, and adds (expand) or, a version later, removes what
//! nothing uses any more (contract): nodes of the version before run on beside it. Two numbers are kept: `format` is the
//! newest step done, `needs` the oldest format of a program that may still work with the tables.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use boobook_store::StoreError;
use tokio_postgres::types::Type;

use crate::connection::{Connection, Param};
use crate::error::{During, Trouble};
use crate::pool::Pool;
use crate::sql;

/// The format this program writes.
const FORMAT: i64 = 2;
/// The oldest format whose programs can work with tables of [`FORMAT`].
const NEEDS: i64 = 1;

/// Statements that lead to each format, from 1 on.
const STEPS: &[&[&str]] = &[
    &[
        sql::MAKE_CATALOGUE,
        sql::MAKE_DATABASE,
        sql::FILL_CATALOGUE,
        sql::MAKE_SCHEMA,
        sql::MAKE_COUNTER,
        sql::MAKE_RECORD,
        sql::MAKE_RECORD_SQ,
        sql::MAKE_HISTORY,
        sql::MAKE_TX,
        sql::MAKE_IDEM,
        sql::MAKE_DEFERRED,
    ],
    &[sql::MAKE_IDEM_OLD],
];
/// An index of format 1. Programs of that format do without.
const IDEM_AT: &str = "idem_at";

/// Attempts at a definition that another node makes at the same time.
const ATTEMPTS: usize = 20;

/// Brings the tables to the newest format; refuses those of a newer program.
pub(crate) fn prepare(pool: &Arc<Pool>) -> Result<(), StoreError> {
    pool.run(During::Writing, |connection| {
        check_encoding(connection)?;
        let (format, needs) = read(connection)?;
        if needs > FORMAT {
            return Err(Trouble::Final(StoreError::NewerFormat {
                database: format!("{}, schema {}", pool.place(), pool.schema()),
                found: needs as u32,
                supported: FORMAT as u32,
            }));
        }
        if format < FORMAT { migrate(connection, pool.schema(), format) } else { Ok(()) }
    })
}

/// Whether the tables were made.
pub(crate) fn is_there(pool: &Arc<Pool>) -> Result<bool, StoreError> {
    pool.run(During::Reading, |connection| Ok(read(connection)?.0 > 0))
}

/// Text is UTF-8 here; another encoding would refuse names as they come, one day.
fn check_encoding(connection: &mut Connection) -> Result<(), Trouble> {
    let rows = connection.rows(sql::ENCODING, &[])?;
    let encoding: &str = rows.first().and_then(|row| row.try_get(0).ok()).unwrap_or("unknown");
    if encoding.eq_ignore_ascii_case("utf8") {
        return Ok(());
    }
    Err(Trouble::Final(StoreError::Failed(format!(
        "the database's encoding is {encoding}; make one with `create database … encoding 'UTF8' template template0`"
    ))))
}

/// `format` and `needs`, 0 where there are no tables.
fn read(connection: &mut Connection) -> Result<(i64, i64), Trouble> {
    let rows = match connection.rows(sql::FORMAT, &[]) {
        Err(trouble) if trouble.is_undefined() => return Ok((0, 0)),
        rows => rows?,
    };
    let value = |name: &str| {
        let row = rows.iter().find(|row| row.try_get(0).is_ok_and(|found: &str| found == name));
        row.and_then(|row| row.try_get(1).ok()).unwrap_or(0)
    };
    Ok((value("format"), value("needs")))
}

fn migrate(connection: &mut Connection, schema: &str, from: i64) -> Result<(), Trouble> {
    if from == 0 {
        if connection.rows(sql::HAS_SCHEMA, &[(&schema, Type::TEXT)])?.is_empty() {
            define(connection, &sql::make_schema(schema))?;
        }
        define(connection, sql::MAKE_META)?;
        connection.execute(sql::FILL_META, &[])?;
    }
    for statement in STEPS.iter().skip(from as usize).copied().flatten() {
        define(connection, statement)?;
    }
    if from == 1 {
        define(connection, &sql::drop_index(schema, IDEM_AT))?;
    }
    for (name, value) in [("needs", NEEDS), ("format", FORMAT)] {
        let params: [Param<'_>; 2] = [(&name, Type::TEXT), (&value, Type::INT8)];
        connection.execute(sql::RAISE_META, &params)?;
    }
    Ok(())
}

/// "If not exists" looks before it leaps: of two nodes that start together one may still be told that it exists.
fn define(connection: &mut Connection, statement: &str) -> Result<(), Trouble> {
    let mut tried = 0;
    loop {
        match connection.simple(statement) {
            Err(trouble) if trouble.is_race_of_definitions() && tried < ATTEMPTS => {
                tried += 1;
                thread::sleep(Duration::from_millis(20));
            }
            done => return done,
        }
    }
}
