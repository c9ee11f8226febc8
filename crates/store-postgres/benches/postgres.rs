//! What a node asks of the server: commits by size, a load, what changed since, where things stand. The server is on
//! this machine, with its default settings, and syncs every commit.
//!
//! Records a second are in divan's throughput column. `round_trip_…` is what any statement costs at least.
#![allow(clippy::unwrap_used, reason = "a bench")]

use std::sync::OnceLock;

use boobook_model::{Cell, DatabaseId, FieldId, RecordId, Sq, TableId};
use boobook_store::{
    Batch, DatabaseStore, Head, HistoryKind, HistoryRow, LoadSink, Record, Store, StoreError, codec,
};
use boobook_store_postgres::PostgresStore;
use boobook_testkit::Postgres;
use divan::{Bencher, counter::ItemsCount};

fn main() {
    if server().is_some() {
        divan::main();
    }
}

fn server() -> Option<&'static Postgres> {
    static SERVER: OnceLock<Option<Postgres>> = OnceLock::new();
    SERVER.get_or_init(Postgres::start).as_ref()
}

/// New tables.
fn store() -> PostgresStore {
    PostgresStore::open(&server().unwrap().url()).unwrap()
}

fn id(n: usize) -> DatabaseId {
    format!("database{n}").parse().unwrap()
}

/// A new database of that many records.
fn filled(store: &PostgresStore, n: usize, records: u32) -> Box<dyn DatabaseStore> {
    store.create_database(&id(n), b"{}", 1).unwrap();
    let database = store.open_database(&id(n)).unwrap();
    let mut batches = Batches::new(0);
    for _ in 0..records.div_ceil(10_000) {
        database.commit(&batches.creates(10_000)).unwrap();
    }
    database
}

/// Makes batches that fit one after another.
struct Batches {
    seq: u64,
    records: u32,
    random: u64,
}

impl Batches {
    /// For a database that was filled with that many.
    fn new(records: u32) -> Self {
        Self { seq: 1 + u64::from(records), records, random: 88_172_645_463_325_252 }
    }

    fn creates(&mut self, size: u32) -> Batch {
        let rids = (self.records + 1..=self.records + size).collect();
        self.records += size;
        let mut batch = self.batch(rids, HistoryKind::Created);
        batch.counters = vec![(TableId::nth(0).unwrap(), u64::from(self.records) + 1)];
        batch
    }

    fn updates(&mut self, size: u32) -> Batch {
        let mut rids: Vec<u32> = (0..size).map(|_| self.random_record()).collect();
        rids.sort_unstable();
        rids.dedup();
        self.batch(rids, HistoryKind::Updated)
    }

    fn random_record(&mut self) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random % u64::from(self.records)) as u32 + 1
    }

    fn batch(&mut self, rids: Vec<u32>, kind: HistoryKind) -> Batch {
        let tid = TableId::nth(0).unwrap();
        let mut batch = Batch { base: Sq(self.seq), clock_ms: 5, ..Batch::default() };
        for rid in rids {
            let rid = RecordId::new(u64::from(rid)).unwrap();
            self.seq += 1;
            let sq = Sq(self.seq);
            let from = batch.bytes.len();
            if kind == HistoryKind::Updated {
                let before = (FieldId::nth(1).unwrap(), Cell::Text("Wagner-Schmidt"));
                codec::encode_fields(std::iter::once(before), &mut batch.bytes);
            }
            let before = from..batch.bytes.len();
            encode(rid, &mut batch.bytes);
            let body = before.end..batch.bytes.len();
            batch.records.push(Record { tid, rid, sq, deleted: false, body });
            let actor = "jane7".to_owned();
            batch.history.push(HistoryRow { sq, prev: Sq(0), at_ms: 5, actor, tid, rid, kind, before });
        }
        batch.seq = Sq(self.seq);
        batch.tx_id = u128::from(self.seq);
        batch
    }
}

/// The fields of a contact, 8 of them and 190 bytes.
fn encode(rid: RecordId, out: &mut Vec<u8>) {
    const NOTES: &str =
        "Asked for an offer in spring; call again when the new catalogue is out. Likes the trail.";
    let meta = codec::RowMeta {
        created_at_ms: 1_760_000_000_000,
        created_by: "jane7",
        modified_at_ms: 1_760_000_360_000,
        modified_by: "jane7",
    };
    let cells = [
        Cell::Text("Katharina"),
        Cell::Text("Wagner-Schmidt"),
        Cell::Text("katharina.wagner@example.com"),
        Cell::Number(f64::from(rid.get())),
        Cell::Bool(true),
        Cell::Time(1_760_000_000_000),
        Cell::Choice(3),
        Cell::Text(NOTES),
    ];
    let fields = cells.iter().enumerate().map(|(n, cell)| (FieldId::nth(n as u32).unwrap(), *cell));
    codec::encode_row(&meta, fields, out);
}

#[derive(Default)]
struct Counted(u64);

impl LoadSink for Counted {
    fn head(&mut self, _: Head) -> Result<(), StoreError> {
        Ok(())
    }
    fn record(&mut self, _: TableId, _: RecordId, _: Sq, _: bool, body: &[u8]) -> Result<(), StoreError> {
        self.0 += u64::from(!body.is_empty());
        Ok(())
    }
}

#[divan::bench(args = [1, 10, 100, 1_000], sample_count = 100, sample_size = 1)]
fn commit_creates(bencher: Bencher, size: u32) {
    let store = store();
    let database = filled(&store, 0, 10_000);
    let mut batches = Batches::new(10_000);
    bencher
        .counter(ItemsCount::new(size))
        .with_inputs(|| batches.creates(size))
        .bench_local_refs(|batch| database.commit(batch).unwrap());
}

/// The same without waiting for the disk: what the statement costs.
#[divan::bench(args = [1, 10, 100, 1_000], sample_count = 100, sample_size = 1)]
fn commit_creates_unsynced(bencher: Bencher, size: u32) {
    let url = format!("{}&options=-c%20synchronous_commit%3Doff", server().unwrap().url());
    let store = PostgresStore::open(&url).unwrap();
    let database = filled(&store, 0, 10_000);
    let mut batches = Batches::new(10_000);
    bencher
        .counter(ItemsCount::new(size))
        .with_inputs(|| batches.creates(size))
        .bench_local_refs(|batch| database.commit(batch).unwrap());
}

#[divan::bench(args = [1, 10, 100, 1_000], sample_count = 100, sample_size = 1)]
fn commit_updates_of_100k(bencher: Bencher, size: u32) {
    let store = store();
    let database = filled(&store, 0, 100_000);
    let mut batches = Batches::new(100_000);
    bencher
        .counter(ItemsCount::new(size))
        .with_inputs(|| batches.updates(size))
        .bench_local_refs(|batch| database.commit(batch).unwrap());
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn load_100k(bencher: Bencher) {
    let store = store();
    let database = filled(&store, 0, 100_000);
    filled(&store, 1, 20_000);
    bencher.counter(ItemsCount::new(100_000u32)).bench_local(|| {
        let mut counted = Counted::default();
        database.load(&mut counted).unwrap();
        assert_eq!(counted.0, 100_000);
    });
}

#[divan::bench(args = [1, 100, 10_000], sample_count = 20, sample_size = 1)]
fn load_since_of_100k(bencher: Bencher, changes: u32) {
    let store = store();
    let database = filled(&store, 0, 100_000);
    bencher.counter(ItemsCount::new(changes)).bench_local(|| {
        let mut counted = Counted::default();
        let shared = database.shared().unwrap();
        shared.load_since(Sq(u64::from(100_001 - changes)), &mut counted).unwrap();
        assert_eq!(counted.0, u64::from(changes));
    });
}

#[divan::bench(args = [1, 10, 100])]
fn look(bencher: Bencher, databases: usize) {
    let store = store();
    let ids: Vec<DatabaseId> = (0..databases).map(id).collect();
    for id in &ids {
        store.create_database(id, b"{}", 1).unwrap();
    }
    bencher.bench_local(|| store.cluster().unwrap().look(&ids).unwrap());
}

/// 100 changes of one record among 100,000 others.
#[divan::bench]
fn history_of_100(bencher: Bencher) {
    let store = store();
    let database = filled(&store, 0, 100_000);
    let mut batches = Batches::new(100_000);
    let mut newest = Sq(0);
    for _ in 0..100 {
        let mut batch = batches.updates(20);
        batch.history[0].prev = newest;
        newest = batch.history[0].sq;
        database.commit(&batch).unwrap();
    }
    bencher.counter(ItemsCount::new(100u32)).bench_local(|| {
        assert_eq!(database.history(newest, Sq(0), 1_000).unwrap().len(), 100);
    });
}

/// As connections are driven here: by the thread that waits.
#[divan::bench]
fn round_trip_own_runtime(bencher: Bencher) {
    round_trip(bencher, &mut tokio::runtime::Builder::new_current_thread());
}

/// As they would be by a runtime of two threads.
#[divan::bench]
fn round_trip_two_threads(bencher: Bencher) {
    round_trip(bencher, tokio::runtime::Builder::new_multi_thread().worker_threads(2));
}

fn round_trip(bencher: Bencher, builder: &mut tokio::runtime::Builder) {
    let runtime = builder.enable_all().build().unwrap();
    let config = format!("host=127.0.0.1 user=postgres port={}", server().unwrap().port());
    let (client, connection) =
        runtime.block_on(tokio_postgres::connect(&config, tokio_postgres::NoTls)).unwrap();
    let driver = runtime.spawn(connection);
    let statement = runtime.block_on(client.prepare("select 1")).unwrap();
    bencher.bench_local(|| runtime.block_on(client.query(&statement, &[])).unwrap());
    drop((statement, client));
    runtime.block_on(driver).unwrap().unwrap();
}
