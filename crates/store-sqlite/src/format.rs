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
pub(crate) const DATABASE: Format = Format { application_id: 0x6262_6462, steps: &[database_1, database_2] };

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

/// Work put off until after a transaction (`do as deferred`).
fn database_2(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.execute_batch(
        "create table put_off(n integer primary key autoincrement, id blob not null unique, body blob not null)
             strict;",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::connect;

    fn next(tx: &Transaction<'_>) -> rusqlite::Result<()> {
        tx.execute_batch(
            "alter table counter add column note text not null default 'from 1';
             insert into counter(tid, next, note) values (2, 20, 'new');",
        )
    }

    fn broken(tx: &Transaction<'_>) -> rusqlite::Result<()> {
        tx.execute_batch("delete from counter; insert into nowhere values (1);")
    }

    const NEXT: Format = Format { steps: &[database_1, next], ..DATABASE };
    const BROKEN: Format = Format { steps: &[database_1, next, broken], ..DATABASE };

    /// A file of format 1 with a row.
    fn format_1() -> (tempfile::TempDir, DataFile, Connection) {
        let directory = tempfile::tempdir().unwrap();
        let file = DataFile { name: "crm".into(), path: directory.path().join("crm.db") };
        std::fs::write(&file.path, b"").unwrap();
        let mut conn = connect(&file).unwrap();
        migrate(&mut conn, &file, &Format { steps: &[database_1], ..DATABASE }, |tx| {
            tx.execute_batch("insert into counter(tid, next) values (1, 10)")
        })
        .unwrap();
        (directory, file, conn)
    }

    fn counters(conn: &Connection) -> Vec<(u32, u32, String)> {
        let mut select = conn.prepare("select tid, next, note from counter order by tid").unwrap();
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        rows.map(Result::unwrap).collect()
    }

    #[test]
    fn a_file_takes_only_the_steps_it_lacks() {
        let (_directory, file, mut conn) = format_1();
        let not_empty = |_: &Transaction<'_>| panic!("it was not empty");
        migrate(&mut conn, &file, &NEXT, not_empty).unwrap();
        let expected = [(1, 10, "from 1".to_owned()), (2, 20, "new".to_owned())];
        assert_eq!(counters(&conn), expected);
        assert_eq!(inspect(&conn, &file, &NEXT), Ok(Found::Ours(2)));
        migrate(&mut conn, &file, &NEXT, not_empty).unwrap();
        assert_eq!(counters(&conn), expected);
    }

    #[test]
    fn what_knows_the_steps_before_refuses_it() {
        let (_directory, file, mut conn) = format_1();
        migrate(&mut conn, &file, &NEXT, |_| Ok(())).unwrap();
        let old = Format { steps: &[database_1], ..DATABASE };
        let refused = Err(StoreError::NewerFormat { database: "crm".into(), found: 2, supported: 1 });
        assert_eq!(migrate(&mut conn, &file, &old, |_| Ok(())), refused);
        assert_eq!(inspect(&conn, &file, &NEXT), Ok(Found::Ours(2)));
    }

    #[test]
    fn a_step_that_fails_changes_nothing_not_even_by_those_before_it() {
        let (_directory, file, mut conn) = format_1();
        let error = migrate(&mut conn, &file, &BROKEN, |_| Ok(())).unwrap_err();
        assert!(matches!(error, StoreError::NotCommitted(_)), "{error:?}");
        assert_eq!(inspect(&conn, &file, &NEXT), Ok(Found::Ours(1)));
        migrate(&mut conn, &file, &NEXT, |_| Ok(())).unwrap();
        assert_eq!(counters(&conn).len(), 2);
    }

    #[test]
    fn a_file_of_the_other_kind_is_refused() {
        let (_directory, file, conn) = format_1();
        assert!(matches!(inspect(&conn, &file, &CATALOGUE), Err(StoreError::Corrupt { .. })));
    }
}
