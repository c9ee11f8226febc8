//! Records to commit: the fields of a contact, 8 of them and 200 bytes.

use boobook_model::{Cell, DatabaseId, FieldId, RecordId, Sq, TableId};
use boobook_store::{
    Batch, DatabaseStore, Head, HistoryKind, HistoryRow, LoadSink, Record, Store, StoreError, codec,
};
use boobook_store_sqlite::SqliteStore;

/// A data directory that goes away.
pub(crate) struct Data {
    /// Where.
    pub(crate) directory: tempfile::TempDir,
    /// What is in it.
    pub(crate) store: SqliteStore,
}

/// What a batch does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Changes records at random.
    Update,
    /// Adds records.
    Create,
}

impl Data {
    /// An empty directory.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&directory.path().join("data")).unwrap();
        Self { directory, store }
    }

    /// A new database of that many records.
    pub(crate) fn filled(&self, records: u32) -> DatabaseId {
        let id: DatabaseId = format!("filled{records}").parse().unwrap();
        self.store.create_database(&id, b"{}", 1).unwrap();
        let database = self.store.open_database(&id).unwrap();
        let mut batches = Batches::after(&*database, 0);
        for _ in 0..records.div_ceil(10_000) {
            database.commit(batches.next(Work::Create, records.min(10_000))).unwrap();
        }
        id
    }
}

/// Makes batches that fit one after another.
pub(crate) struct Batches {
    batch: Batch,
    records: u32,
    random: u64,
}

/// Counts what a load brings.
#[derive(Default)]
pub(crate) struct Counted {
    /// Where the database stands.
    pub(crate) head: Head,
    /// Records and tombstones.
    pub(crate) records: u64,
}

impl LoadSink for Counted {
    fn head(&mut self, head: Head) -> Result<(), StoreError> {
        self.head = head;
        Ok(())
    }
    fn record(&mut self, _: TableId, _: RecordId, _: Sq, _: bool, body: &[u8]) -> Result<(), StoreError> {
        self.records += u64::from(!body.is_empty());
        Ok(())
    }
}

impl Batches {
    /// Batches for a database that holds at least the records 1 to `records`.
    pub(crate) fn after(database: &dyn DatabaseStore, records: u32) -> Self {
        let mut counted = Counted::default();
        database.load(&mut counted).unwrap();
        let records = u32::try_from(counted.records).unwrap().max(records);
        let seq = counted.head.seq;
        Self { batch: Batch { base: seq, seq, ..Batch::default() }, records, random: 88_172_645_463_325_252 }
    }

    fn random_record(&mut self) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random % u64::from(self.records)) as u32 + 1
    }

    /// The next batch of `size` records with as many rows of history.
    pub(crate) fn next(&mut self, work: Work, size: u32) -> &Batch {
        let tid = TableId::nth(0).unwrap();
        let base = self.batch.seq;
        let mut sq = base;
        let mut rids: Vec<u32> = match work {
            Work::Create => (self.records + 1..=self.records + size).collect(),
            Work::Update => (0..size).map(|_| self.random_record()).collect(),
        };
        rids.sort_unstable();
        rids.dedup();
        self.batch.bytes.clear();
        self.batch.records.clear();
        self.batch.history.clear();
        for rid in rids {
            let rid = RecordId::new(u64::from(rid)).unwrap();
            sq = Sq(sq.0 + 1);
            let from = self.batch.bytes.len();
            let kind = if work == Work::Create { HistoryKind::Created } else { HistoryKind::Updated };
            if work == Work::Update {
                let before = (FieldId::nth(1).unwrap(), Cell::Text("Wagner-Schmidt"));
                codec::encode_fields(std::iter::once(before), &mut self.batch.bytes);
            }
            let before = from..self.batch.bytes.len();
            let body = encode(rid, &mut self.batch.bytes);
            self.batch.records.push(Record { tid, rid, sq, deleted: false, body });
            let actor = "jane7".to_owned();
            let prev = Sq(0);
            self.batch.history.push(HistoryRow { sq, prev, at_ms: 5, actor, tid, rid, kind, before });
        }
        self.batch.base = base;
        self.batch.seq = sq;
        self.batch.tx_id = u128::from(sq.0);
        self.batch.clock_ms = 5;
        if work == Work::Create {
            self.records += size;
            self.batch.counters = vec![(tid, u64::from(self.records) + 1)];
        }
        &self.batch
    }
}

fn encode(rid: RecordId, out: &mut Vec<u8>) -> std::ops::Range<usize> {
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
    let from = out.len();
    let fields = cells.iter().enumerate().map(|(n, cell)| (FieldId::nth(n as u32).unwrap(), *cell));
    codec::encode_row(&meta, fields, out);
    from..out.len()
}
