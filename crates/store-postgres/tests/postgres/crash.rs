//! Servers and connections that die: nothing acknowledged is lost, nothing is done twice, and the store goes on by
//! itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use boobook_model::{RecordId, Sq, TableId};
use boobook_store::{Batch, DatabaseStore, Head, LoadSink, Store, StoreError};
use boobook_store_postgres::PostgresStore;
use boobook_testkit::Postgres;

use crate::data::{Loaded, batch, database, id, load, load_since};

/// How often something is killed.
fn rounds() -> u32 {
    std::env::var("BOOBOOK_KILL_ROUNDS").ok().and_then(|n| n.parse().ok()).map_or(3, |n: u32| n.clamp(3, 50))
}

/// Commits a batch as the writer of a database does: until it is known to be in. Answers how often that was unknown.
fn commit_surely(database: &dyn DatabaseStore, batch: &Batch) -> u32 {
    let mut unknown = 0;
    for _ in 0..2_000 {
        match database.commit(batch) {
            Ok(()) => return unknown,
            Err(StoreError::NotCommitted(_)) => thread::sleep(Duration::from_millis(10)),
            Err(StoreError::Unknown(_) | StoreError::Conflict) => {
                unknown += 1;
                loop {
                    match database.is_committed(batch.seq, batch.tx_id) {
                        Ok(true) => return unknown,
                        Ok(false) => break,
                        Err(StoreError::Failed(_)) => thread::sleep(Duration::from_millis(10)),
                        Err(other) => panic!("{other}"),
                    }
                }
            }
            Err(other) => panic!("{other}"),
        }
    }
    panic!("the store does not come back");
}

/// Writes until told to stop; answers where the database must stand then.
fn write(database: &dyn DatabaseStore, stop: &AtomicBool) -> u64 {
    let mut seq = 1;
    while !stop.load(Ordering::Relaxed) {
        commit_surely(database, &batch(seq, 3));
        seq += 3;
    }
    seq
}

fn check(database: &dyn DatabaseStore, seq: u64) {
    let loaded = load(database).unwrap();
    assert_eq!(loaded.head.seq, Sq(seq));
    let sqs: Vec<u64> = loaded.rows.values().map(|row| row.0).collect();
    assert!(sqs.iter().copied().eq(2..=seq), "every record of every batch, once");
    for base in (1..seq).step_by(3) {
        let batch = batch(base, 3);
        assert!(database.is_committed(batch.seq, batch.tx_id).unwrap());
        assert_eq!(database.history(Sq(base + 2), Sq(0), 9).unwrap().len(), 1);
    }
}

#[test]
fn a_server_that_is_killed_loses_nothing() {
    let Some(server) = Postgres::start() else { return };
    let store = PostgresStore::open(&server.url()).unwrap();
    let database = database(&store);
    let stop = AtomicBool::new(false);
    let seq = thread::scope(|scope| {
        let writer = scope.spawn(|| write(&*database, &stop));
        for _ in 0..rounds() {
            thread::sleep(Duration::from_millis(200));
            server.kill9();
            assert!(matches!(store.cluster().unwrap().look(&[id()]), Err(StoreError::Failed(_)) | Ok(_)));
            server.restart();
        }
        thread::sleep(Duration::from_millis(100));
        stop.store(true, Ordering::Relaxed);
        writer.join().unwrap()
    });
    assert!(seq > 10, "it got on: {seq}");
    check(&*database, seq);
    assert_eq!(store.cluster().unwrap().look(&[id()]).unwrap().sequences, [Some(Sq(seq))]);
}

#[test]
fn connections_that_are_ended_lose_nothing() {
    let Some(server) = Postgres::shared() else { return };
    let name = format!("ended_{}", std::process::id());
    let store = PostgresStore::open(&format!("{}&application_name={name}", server.url())).unwrap();
    let database = database(&store);
    let stop = AtomicBool::new(false);
    let seq = thread::scope(|scope| {
        let writer = scope.spawn(|| write(&*database, &stop));
        for _ in 0..10 * rounds() {
            end_connections(&server, &name);
        }
        stop.store(true, Ordering::Relaxed);
        writer.join().unwrap()
    });
    check(&*database, seq);
}

fn end_connections(server: &Postgres, name: &str) {
    server.psql(&format!(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = '{name}'"
    ));
}

/// A connection that died while nobody used it is no reason for doubt.
#[test]
fn connections_that_died_idle_are_not_used() {
    let Some(server) = Postgres::shared() else { return };
    let name = format!("idle_{}", std::process::id());
    let store = PostgresStore::open(&format!("{}&application_name={name}", server.url())).unwrap();
    let database = database(&store);
    for base in 1..6 {
        assert!(store.cluster().unwrap().look(&[]).is_ok());
        end_connections(&server, &name);
        while server.psql(&format!("select count(*) from pg_stat_activity where application_name = '{name}'"))
            != "0"
        {
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(database.commit(&batch(base, 1)), Ok(()));
    }
}

/// What requests ask is the same, and asked again on a new connection where the server has ended the old one.
#[test]
fn looking_without_blocking_survives_the_end_of_its_connections() {
    let Some(server) = Postgres::shared() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for (n, prepare) in ["on", "off"].into_iter().enumerate() {
        let name = format!("soon_{}_{n}", std::process::id());
        let url = format!("{}&application_name={name}&prepare={prepare}", server.url());
        let store = PostgresStore::open(&url).unwrap();
        let database = database(&store);
        let ids = [id(), "nowhere".parse().unwrap()];
        let cluster = store.cluster().unwrap();
        for base in 1..6 {
            commit_surely(&*database, &batch(base, 1));
            let look = runtime.block_on(cluster.look_soon(&ids)).unwrap();
            assert_eq!(look.sequences, [Some(Sq(base + 1)), None]);
            assert_eq!(look, cluster.look(&ids).unwrap());
            end_connections(&server, &name);
        }
        server.psql(&format!("drop schema {} cascade", url.split(['=', '&']).nth(1).unwrap()));
        let gone = runtime.block_on(cluster.look_soon(&ids)).unwrap_err();
        assert!(gone.to_string().contains("the tables are not there"), "{gone}");
    }
}

/// Ends the connections at its thousandth record.
struct Ending<'a> {
    loaded: Loaded,
    end: &'a dyn Fn(),
}

impl LoadSink for Ending<'_> {
    fn head(&mut self, head: Head) -> Result<(), StoreError> {
        self.loaded.head(head)
    }

    fn record(
        &mut self,
        tid: TableId,
        rid: RecordId,
        sq: Sq,
        deleted: bool,
        body: &[u8],
    ) -> Result<(), StoreError> {
        if self.loaded.rows.len() == 1_000 {
            (self.end)();
        }
        self.loaded.record(tid, rid, sq, deleted, body)
    }
}

/// What a sink has taken it must not get again: a load that breaks off is an error, and the next one is whole.
#[test]
fn a_load_that_breaks_off_says_so() {
    // More than the sockets between can hold.
    const RECORDS: u64 = 20_000;
    let Some(server) = Postgres::shared() else { return };
    let name = format!("load_{}", std::process::id());
    let store = PostgresStore::open(&format!("{}&application_name={name}", server.url())).unwrap();
    let database = database(&store);
    let mut long = batch(1, RECORDS);
    long.history.clear();
    long.bytes = vec![b'x'; 1_500];
    long.records.iter_mut().for_each(|record| record.body = 0..1_500);
    database.commit(&long).unwrap();
    let mut sink = Ending { loaded: Loaded::default(), end: &|| end_connections(&server, &name) };
    let broken = database.load(&mut sink);
    assert!(matches!(broken, Err(StoreError::Failed(_))), "{broken:?}");
    let whole = load(&*database).unwrap();
    assert_eq!((whole.head.seq, whole.rows.len() as u64), (Sq(1 + RECORDS), RECORDS));
    assert_eq!(load_since(&*database, RECORDS - 9).unwrap().rows.len(), 10);
}
