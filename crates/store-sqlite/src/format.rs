//! The tables of our files, and how older files become newer ones.
//!
//! `application_id` says that a file is ours and of which kind, `user_version` its format: the number of steps that
//! were applied. Format 0 is an empty file. A change of tables is a new step at the end of the list; steps that
//! were released never change.

use boobook_store::StoreError;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::error::{DataFile, During};

/// Brings a file from one format to the next.
pub(crate) type Step = fn(&Transaction<'_>) -> rusqlite::Result<()>;

/// A kind of file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Format {
    /// SQLite's `application_id`.
    pub(crate) application_id: i32,
    /// Step *n* makes format *n + 1* of format *n*.
    pub(crate) steps: &'static [Step],
}

/// `catalogue.db`; the id reads `bbct`.
pub(crate) const CATALOGUE: Format = Format { application_id: 0x6262_6374, steps: &[catalogue_1] };

/// `databases/<id>.db`; the id reads `bbdb`.
pub(crate) const DATABASE: Format = Format { application_id: 0x6262_6462, steps: &[database_1] };

fn catalogue_1(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.execute_batch(
        "create table meta(key text primary key, value any not null) strict, without rowid;
         insert into meta(key, value) values ('seq', 0);
         create table entry(kind text not null, id text not null, body blob not null, primary key(kind, id))
             strict, without rowid;",
    )
}

/// Records lie in a table with a numeric key, table and record id in one: that is 8 % smaller than a composite
/// primary key without rowid, and faster to load and to write (docs/design/002-store.md). `tid` and `rid` are
/// computed columns, for people who look into the file.
fn database_1(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.execute_batch(
        "create table meta(key text primary key, value any not null) strict, without rowid;
         create table counter(tid integer primary key, next integer not null) strict;
         create table record(
             key integer primary key,
             sq integer not null,
             deleted integer not null,
             body blob not null,
             tid integer as ((key >> 32) & 0xffffffff) virtual,
             rid integer as (key & 0xffffffff) virtual
         ) strict;
         create table history(
             sq integer primary key,
             prev integer not null,
             at integer not null,
             actor text not null,
             tid integer not null,
             rid integer not null,
             kind integer not null,
             before blob not null
         ) strict;
         create table tx(seq integer primary key, tx_id blob not null, at integer not null) strict;
         create table idempotency(
             n integer primary key,
             key blob not null unique,
             at integer not null,
             request_hash blob not null,
             tid integer not null,
             rids blob not null
         ) strict;",
    )
}

/// What is in a file, before anything of it is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing yet.
    Empty,
    /// One of ours, of that format.
    Ours(u32),
}

/// Looks at a file: whether it is ours, and not newer than this code.
pub(crate) fn inspect(conn: &Connection, file: &DataFile, format: &Format) -> Result<Found, StoreError> {
    let read = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0));
    let reading = |e: rusqlite::Error| file.error(&e, During::Reading);
    let application_id = read("pragma application_id").map_err(reading)?;
    let version = read("pragma user_version").map_err(reading)?;
    if application_id == 0
        && version == 0
        && read("select count(*) from sqlite_schema").map_err(reading)? == 0
    {
        return Ok(Found::Empty);
    }
    if application_id != i64::from(format.application_id) {
        return Err(file.corrupt("it is an SQLite file, but not one of boobook's of this kind"));
    }
    match u32::try_from(version) {
        Ok(found) if found as usize <= format.steps.len() && found > 0 => Ok(Found::Ours(found)),
        Ok(found) if found > 0 => Err(StoreError::NewerFormat {
            database: file.name.clone(),
            found,
            supported: format.steps.len() as u32,
        }),
        _ => Err(file.corrupt(format_args!("its format number is {version}"))),
    }
}

/// Brings a file to the newest format, all steps in one transaction. `fill` writes the first rows of a file that
/// was empty, in the same transaction.
pub(crate) fn migrate(
    conn: &mut Connection,
    file: &DataFile,
    format: &Format,
    fill: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
) -> Result<(), StoreError> {
    let newest = format.steps.len() as u32;
    if inspect(conn, file, format)? == Found::Ours(newest) {
        return Ok(());
    }
    let writing = |e: rusqlite::Error| file.error(&e, During::Writing);
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(writing)?;
    // Another process may have done it while this one waited for the lock.
    let found = match inspect(&tx, file, format)? {
        Found::Empty => 0,
        Found::Ours(found) => found,
    };
    for step in &format.steps[found as usize..] {
        step(&tx).map_err(writing)?;
    }
    tx.pragma_update(None, "application_id", format.application_id).map_err(writing)?;
    tx.pragma_update(None, "user_version", newest).map_err(writing)?;
    if found == 0 {
        fill(&tx).map_err(writing)?;
    }
    tx.commit().map_err(writing)
}
