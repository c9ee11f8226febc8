//! Limits, refusals and what they say.

use std::net::TcpListener;

use boobook_model::Sq;
use boobook_store::{Batch, Store, StoreError};
use boobook_store_postgres::PostgresStore;
use boobook_testkit::Postgres;

use crate::data::{batch, database, load};

/// The error's text, of the expected kind.
fn text_of(kind: fn(String) -> StoreError, error: StoreError) -> String {
    let text = error.to_string();
    let inner = match &error {
        StoreError::NotCommitted(inner) | StoreError::Failed(inner) | StoreError::Unknown(inner) => {
            inner.clone()
        }
        other => panic!("{other}"),
    };
    assert_eq!(kind(inner), error);
    text
}

#[test]
fn a_statement_that_takes_too_long_is_cancelled() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.url();
    let holder = PostgresStore::open(&url).unwrap();
    let waiter = PostgresStore::open(&format!("{url}&statement_timeout=1")).unwrap();
    let (held, waiting) = (database(&holder), database(&waiter));
    let hold = held.shared().unwrap().hold().unwrap();
    let commit = text_of(StoreError::NotCommitted, waiting.commit(&batch(1, 1)).unwrap_err());
    assert!(commit.contains("statement_timeout"), "{commit}");
    let second = waiting.shared().unwrap().hold().err().unwrap();
    assert!(text_of(StoreError::NotCommitted, second).contains("statement_timeout"));
    drop(hold);
    assert_eq!(waiting.commit(&batch(1, 1)), Ok(()));
}

/// A node that is frozen, or cut off, in the middle of a transaction.
#[test]
fn who_holds_a_database_and_is_silent_loses_it() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.url();
    let holder = PostgresStore::open(&format!("{url}&statement_timeout=1")).unwrap();
    let waiter = PostgresStore::open(&url).unwrap();
    let (held, waiting) = (database(&holder), database(&waiter));
    let hold = held.shared().unwrap().hold().unwrap();
    assert_eq!(
        waiting.commit(&batch(1, 1)),
        Ok(()),
        "as soon as the server lets go, not after half a minute"
    );
    let late = text_of(StoreError::NotCommitted, hold.commit(&batch(1, 1)).unwrap_err());
    assert!(late.contains("idle-in-transaction"), "{late}");
    assert_eq!(
        held.commit(&batch(1, 1)),
        Err(StoreError::Conflict),
        "it goes on, and is told where things stand"
    );
}

#[test]
fn a_host_that_takes_connections_and_is_silent_is_passed_over() {
    let Some(server) = Postgres::shared() else { return };
    // The kernel takes them; nobody ever says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let url = format!("{}&connect_timeout=1", server.url());
    let both = url.replacen("@127.0.0.1:", &format!("@127.0.0.1:{port},127.0.0.1:"), 1);
    let store = PostgresStore::open(&both).unwrap();
    assert!(store.cluster().unwrap().look(&[]).is_ok());
    let alone = url.replacen(&format!(":{}/", server.port()), &format!(":{port}/"), 1);
    let error = PostgresStore::open(&alone).err().unwrap().to_string();
    assert!(error.contains("did not let us in within 1 s (`connect_timeout`)"), "{error}");
}

#[test]
fn connections_are_bounded() {
    let Some(server) = Postgres::shared() else { return };
    let store = PostgresStore::open(&format!("{}&connections=1&statement_timeout=1", server.url())).unwrap();
    let database = database(&store);
    let hold = database.shared().unwrap().hold().unwrap();
    let writing = text_of(StoreError::NotCommitted, database.commit(&batch(1, 1)).unwrap_err());
    assert!(
        writing.contains("all 1 connections were busy") && writing.contains("`connections`"),
        "{writing}"
    );
    text_of(StoreError::Failed, load(&*database).unwrap_err());
    // The question where things stand does not wait for them.
    assert!(store.cluster().unwrap().look(&[]).is_ok());
    drop(hold);
    let mut hold = database.shared().unwrap().hold().unwrap();
    hold.load_since(Sq(0), &mut crate::data::Loaded::default()).unwrap();
    hold.commit(&batch(1, 1)).unwrap();
    assert_eq!(database.commit(&batch(2, 1)), Ok(()));
}

#[test]
fn tables_of_a_newer_version_are_refused() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.url();
    let (_, schema) = url.split_once("schema=").unwrap();
    drop(PostgresStore::open(&url).unwrap());
    // A newer version that only adds things leaves us running.
    server.psql(&format!("update {schema}.bb_meta set value = 99 where name = 'format'"));
    drop(PostgresStore::open(&url).unwrap());
    server.psql(&format!("update {schema}.bb_meta set value = 98 where name = 'needs'"));
    let error = PostgresStore::open(&url).err().unwrap();
    assert!(matches!(error, StoreError::NewerFormat { found: 98, .. }), "{error}");
}

#[test]
fn tables_of_an_older_version_are_brought_on() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.url();
    let (_, schema) = url.split_once("schema=").unwrap();
    drop(PostgresStore::open(&url).unwrap());
    let indexes = format!(
        "select string_agg(indexname, ' ' order by indexname) from pg_indexes
         where schemaname = '{schema}' and tablename = 'bb_idem'"
    );
    let newest = server.psql(&indexes);
    for old in [
        &*format!("drop index {schema}.idem_old"),
        &format!("create index idem_at on {schema}.bb_idem (db, at_ms)"),
        &format!("update {schema}.bb_meta set value = 1"),
    ] {
        server.psql(old);
    }
    drop(PostgresStore::open(&url).unwrap());
    assert_eq!(server.psql(&indexes), newest);
    let format = format!("select value from {schema}.bb_meta where name = 'format'");
    assert_eq!(server.psql(&format), "2");
}

#[test]
fn nodes_may_start_together() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.url();
    std::thread::scope(|scope| {
        let starts = [0; 4].map(|_| scope.spawn(|| PostgresStore::open(&url).map(drop)));
        for start in starts {
            assert_eq!(start.join().unwrap(), Ok(()));
        }
    });
}

#[test]
fn errors_name_the_place_and_keep_the_secret() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = PostgresStore::open(&format!("postgres://jane:s3cret@{closed}/shop")).err().unwrap();
    let text = text_of(StoreError::NotCommitted, error);
    assert!(text.contains(&format!("PostgreSQL at {closed}/shop")) && text.contains("refused"), "{text}");
    assert!(!text.contains("s3cret"), "{text}");
}

#[test]
fn a_schema_that_was_dropped_is_told() {
    let Some(server) = Postgres::shared() else { return };
    let url = server.url();
    let (_, schema) = url.split_once("schema=").unwrap();
    let store = PostgresStore::open(&url).unwrap();
    let database = database(&store);
    server.psql(&format!("drop schema {schema} cascade"));
    let text = text_of(StoreError::NotCommitted, database.commit(&batch(1, 1)).unwrap_err());
    assert!(text.contains("the tables are not there"), "{text}");
    // A start makes new ones.
    let store = PostgresStore::open(&url).unwrap();
    assert_eq!(store.catalogue_version(), Ok(0));
}

/// More than fits into one statement, all of it or nothing.
#[test]
fn a_batch_of_several_statements_is_whole() {
    let Some(server) = Postgres::shared() else { return };
    let store = PostgresStore::open(&server.url()).unwrap();
    let database = database(&store);
    let mut big = batch(1, 45_000);
    let long: Vec<u8> = (0..18_000_000u32).map(|n| (n % 251) as u8).collect();
    let from = big.bytes.len();
    big.bytes.extend_from_slice(&long);
    big.records[7].body = from..big.bytes.len();
    let lost = Batch { base: Sq(2), ..big.clone() };
    assert_eq!(database.commit(&lost), Err(StoreError::Conflict));
    assert_eq!(load(&*database).unwrap().rows.len(), 0);
    database.commit(&big).unwrap();
    let loaded = load(&*database).unwrap();
    assert_eq!(loaded.rows.len(), 45_000);
    assert!(loaded.rows.values().any(|row| row.2 == long));
    assert_eq!(database.history(Sq(45_001), Sq(0), 9).unwrap().len(), 1);
}

/// Of several hosts the first that answers and takes writes is used.
#[test]
fn the_host_that_takes_writes_is_found() {
    let Some(server) = Postgres::shared() else { return };
    let Some(replica) = Postgres::start_with(&["default_transaction_read_only=on"], &[]) else { return };
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = server.url();
    let hosts = format!("{closed},127.0.0.1:{},127.0.0.1:{}", replica.port(), server.port());
    let store = PostgresStore::open(&url.replace(&format!("127.0.0.1:{}", server.port()), &hosts)).unwrap();
    assert_eq!(database(&store).commit(&batch(1, 1)), Ok(()));
    let text = text_of(StoreError::NotCommitted, PostgresStore::open(&replica.url()).err().unwrap());
    assert!(text.contains("takes no writes"), "{text}");
}
