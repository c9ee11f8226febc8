//! A store in memory with the semantics of a shared one: for tests and simulations.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use boobook_model::{DatabaseId, RecordId, Sq, TableId};
use parking_lot::Mutex;

use crate::{
    Batch, CatalogueChange, CatalogueEntry, CatalogueState, DatabaseStore, Forget, Head, History,
    Idempotency, LoadSink, Retention, Store, StoreError,
};

/// A store in memory. Clones are handles to the same data: a "restart" drops everything built on one handle and
/// starts again on another; several nodes on one store are several handles. Commits are compare-and-set, as in
/// any store. Durable as long as a handle lives.
///
/// ```
/// use boobook_store::{MemStore, Store};
/// let store = MemStore::new();
/// let id = "db1".parse().unwrap();
/// store.create_database(&id, b"{}", 0).unwrap();
/// let after_restart = store.clone();
/// assert!(after_restart.open_database(&id).is_ok());
/// ```
#[derive(Clone, Default)]
pub struct MemStore {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    catalogue_seq: u64,
    catalogue: BTreeMap<(String, String), Vec<u8>>,
    databases: BTreeMap<DatabaseId, Arc<Mutex<Data>>>,
}

/// One database's rows.
#[derive(Default)]
struct Data {
    deleted: bool,
    head: Head,
    counters: BTreeMap<TableId, u64>,
    records: BTreeMap<(TableId, RecordId), Row>,
    history: BTreeMap<Sq, History>,
    txs: HashMap<u128, i64>,
    idempotency: BTreeMap<Vec<u8>, Idempotency>,
    put_off: Vec<(u128, Vec<u8>)>,
}

struct Row {
    sq: Sq,
    deleted: bool,
    body: Vec<u8>,
}

struct MemDatabase {
    id: DatabaseId,
    data: Arc<Mutex<Data>>,
}

impl MemStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Store for MemStore {
    fn load_catalogue(&self) -> Result<CatalogueState, StoreError> {
        let shared = self.shared.lock();
        let entries = shared
            .catalogue
            .iter()
            .map(|((kind, id), body)| CatalogueEntry {
                kind: kind.clone(),
                id: id.clone(),
                body: body.clone(),
            })
            .collect();
        Ok(CatalogueState { seq: shared.catalogue_seq, entries })
    }

    fn catalogue_version(&self) -> Result<u64, StoreError> {
        Ok(self.shared.lock().catalogue_seq)
    }

    fn commit_catalogue(&self, base: u64, changes: &[CatalogueChange]) -> Result<u64, StoreError> {
        let mut shared = self.shared.lock();
        if shared.catalogue_seq != base {
            return Err(StoreError::Conflict);
        }
        for change in changes {
            match change {
                CatalogueChange::Put(entry) => {
                    shared.catalogue.insert((entry.kind.clone(), entry.id.clone()), entry.body.clone());
                }
                CatalogueChange::Delete { kind, id } => {
                    shared.catalogue.remove(&(kind.clone(), id.clone()));
                }
            }
        }
        shared.catalogue_seq += 1;
        Ok(shared.catalogue_seq)
    }

    fn create_database(&self, id: &DatabaseId, schema: &[u8], at_ms: i64) -> Result<(), StoreError> {
        self.shared.lock().databases.entry(id.clone()).or_insert_with(|| {
            let head = Head {
                seq: Sq(1),
                schema_sq: Sq(1),
                clock_ms: at_ms,
                schema: schema.to_vec(),
                ..Head::default()
            };
            Arc::new(Mutex::new(Data { head, ..Data::default() }))
        });
        Ok(())
    }

    fn open_database(&self, id: &DatabaseId) -> Result<Box<dyn DatabaseStore>, StoreError> {
        match self.shared.lock().databases.get(id) {
            Some(data) => Ok(Box::new(MemDatabase { id: id.clone(), data: data.clone() })),
            None => Err(StoreError::NotFound(id.clone())),
        }
    }

    fn delete_database(&self, id: &DatabaseId) -> Result<(), StoreError> {
        if let Some(data) = self.shared.lock().databases.remove(id) {
            *data.lock() = Data { deleted: true, ..Data::default() };
        }
        Ok(())
    }
}

impl MemDatabase {
    fn with<T>(&self, f: impl FnOnce(&mut Data) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut data = self.data.lock();
        if data.deleted {
            return Err(StoreError::NotFound(self.id.clone()));
        }
        f(&mut data)
    }
}

impl DatabaseStore for MemDatabase {
    fn load(&self, sink: &mut dyn LoadSink) -> Result<(), StoreError> {
        self.with(|data| {
            let mut head = data.head.clone();
            head.counters = data.counters.iter().map(|(&tid, &next)| (tid, next)).collect();
            sink.head(head)?;
            for (&(tid, rid), row) in &data.records {
                sink.record(tid, rid, row.sq, row.deleted, &row.body)?;
            }
            Ok(())
        })
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        assert!(batch.seq > batch.base, "a batch moves its database on");
        self.with(|data| {
            if data.head.seq != batch.base {
                return Err(StoreError::Conflict);
            }
            data.apply(batch);
            Ok(())
        })
    }

    fn is_committed(&self, tx_id: u128) -> Result<bool, StoreError> {
        self.with(|data| Ok(data.txs.contains_key(&tx_id)))
    }

    fn history(&self, newest: Sq, since: Sq, limit: usize) -> Result<Vec<History>, StoreError> {
        self.with(|data| {
            let mut rows = Vec::new();
            let mut next = newest;
            while next > since && rows.len() < limit {
                let Some(row) = data.history.get(&next) else { break };
                next = row.prev;
                rows.push(row.clone());
            }
            Ok(rows)
        })
    }

    fn idempotency(&self, key: &[u8], not_before_ms: i64) -> Result<Option<Idempotency>, StoreError> {
        self.with(|data| Ok(data.idempotency.get(key).filter(|known| known.at_ms >= not_before_ms).cloned()))
    }

    fn put_off(&self) -> Result<Vec<(u128, Vec<u8>)>, StoreError> {
        self.with(|data| Ok(data.put_off.clone()))
    }

    fn maintain(&self, limits: &Retention) -> Result<bool, StoreError> {
        self.with(|data| {
            data.history.retain(|_, row| row.at_ms >= limits.history_before_ms);
            data.idempotency.retain(|_, known| known.at_ms >= limits.idempotency_before_ms);
            data.txs.retain(|_, at_ms| *at_ms >= limits.idempotency_before_ms);
            Ok(false)
        })
    }

    fn forget(&self, forget: &Forget) -> Result<(), StoreError> {
        self.with(|data| {
            if data.head.seq != forget.base {
                return Err(StoreError::Conflict);
            }
            for key in &forget.tombstones {
                if data.records.get(key).is_some_and(|row| row.deleted && row.sq <= forget.upto) {
                    data.records.remove(key);
                }
            }
            data.head.sq_min = data.head.sq_min.max(forget.upto);
            Ok(())
        })
    }

    fn release(&self) {}
}

impl Data {
    fn apply(&mut self, batch: &Batch) {
        for record in &batch.records {
            let body = batch.body(&record.body).to_vec();
            self.records
                .insert((record.tid, record.rid), Row { sq: record.sq, deleted: record.deleted, body });
        }
        for row in &batch.history {
            let row = History {
                sq: row.sq,
                prev: row.prev,
                at_ms: row.at_ms,
                actor: row.actor.clone(),
                tid: row.tid,
                rid: row.rid,
                kind: row.kind,
                before: batch.body(&row.before).to_vec(),
            };
            self.history.insert(row.sq, row);
        }
        self.counters.extend(batch.counters.iter().copied());
        for (key, known) in &batch.idempotency {
            self.idempotency.insert(key.clone(), known.clone());
        }
        self.put_off.retain(|(id, _)| !batch.done.contains(id));
        self.put_off.extend(batch.put_off.iter().cloned());
        if let Some((sq, schema)) = &batch.schema {
            self.head.schema_sq = *sq;
            self.head.schema.clone_from(schema);
        }
        self.head.seq = batch.seq;
        self.head.clock_ms = self.head.clock_ms.max(batch.clock_ms);
        self.txs.insert(batch.tx_id, batch.clock_ms);
    }
}
