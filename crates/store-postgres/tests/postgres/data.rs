//! Batches, and what a load brings.

use std::collections::BTreeMap;

use boobook_model::{DatabaseId, RecordId, Sq, TableId};
use boobook_store::{
    Batch, DatabaseStore, Head, HistoryKind, HistoryRow, LoadSink, Record, Store, StoreError,
};

pub(crate) fn id() -> DatabaseId {
    "db1".parse().unwrap()
}

/// The database of [`id`], made where it is missing.
pub(crate) fn database(store: &dyn Store) -> Box<dyn DatabaseStore> {
    store.create_database(&id(), b"{}", 1).unwrap();
    store.open_database(&id()).unwrap()
}

/// A batch that moves from `base` to `base + count` and writes as many records of table `A` from `base` on, each with
/// a row of history.
pub(crate) fn batch(base: u64, count: u64) -> Batch {
    let tid: TableId = "A".parse().unwrap();
    let mut batch = Batch {
        tx_id: u128::from(base) << 64 | 7,
        base: Sq(base),
        seq: Sq(base + count),
        clock_ms: 1_000 + base as i64,
        counters: vec![(tid, base + count + 1)],
        ..Batch::default()
    };
    for n in base..base + count {
        let (rid, sq) = (RecordId::new(n).unwrap(), Sq(n + 1));
        let from = batch.bytes.len();
        batch.bytes.extend_from_slice(format!("record {n}").as_bytes());
        let body = from..batch.bytes.len();
        batch.records.push(Record { tid, rid, sq, deleted: false, body });
        let (kind, actor) = (HistoryKind::Created, "jane7".to_owned());
        let (prev, at_ms) = (Sq(0), batch.clock_ms);
        batch.history.push(HistoryRow { sq, prev, at_ms, actor, tid, rid, kind, before: from..from });
    }
    batch
}

/// A record as it is loaded: its sequence, whether it is a tombstone, its body.
pub(crate) type Row = (u64, bool, Vec<u8>);

/// What a load brought.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Loaded {
    pub(crate) head: Head,
    pub(crate) rows: BTreeMap<(TableId, RecordId), Row>,
}

impl LoadSink for Loaded {
    fn head(&mut self, head: Head) -> Result<(), StoreError> {
        assert_eq!(self.head, Head::default(), "the head comes once");
        self.head = head;
        Ok(())
    }

    fn record(
        &mut self,
        tid: TableId,
        rid: RecordId,
        sq: Sq,
        deleted: bool,
        body: &[u8],
    ) -> Result<(), StoreError> {
        let before = self.rows.insert((tid, rid), (sq.0, deleted, body.to_vec()));
        assert_eq!(before, None, "{tid}/{rid} comes once");
        Ok(())
    }
}

pub(crate) fn load(database: &dyn DatabaseStore) -> Result<Loaded, StoreError> {
    let mut loaded = Loaded::default();
    database.load(&mut loaded).map(|()| loaded)
}

pub(crate) fn load_since(database: &dyn DatabaseStore, since: u64) -> Result<Loaded, StoreError> {
    let mut loaded = Loaded::default();
    let shared = database.shared().expect("the store is shared");
    shared.load_since(Sq(since), &mut loaded).map(|()| loaded)
}
