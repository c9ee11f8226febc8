//! A store in memory with the semantics of a shared one: for tests and simulations.

use std::{collections::BTreeMap, sync::Arc};

use boobook_model::{DatabaseId, RecordId, Sq, TableId};
use parking_lot::{Mutex, MutexGuard};

use crate::{
    Batch, CatalogueChange, CatalogueEntry, CatalogueState, Cluster, DatabaseStore, ExportSink, Forget, Head,
    Held, History, Idempotency, LEASE_MS, LoadSink, Look, Retention, SharedDatabase, Store, StoreError, Work,
};

/// A store in memory. Clones are handles to the same data: a "restart" drops everything built on one handle and
/// starts again on another. [`Self::node`] gives a handle of one of several nodes that share the data; its clones are
/// the same node. Commits are compare-and-set, as in any store. Durable as long as a handle lives.
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
    /// 0: it has the data alone.
    node: u32,
}

#[derive(Default)]
struct Shared {
    after_commit: Option<Hook>,
    nodes: u32,
    now_ms: i64,
    catalogue_seq: u64,
    catalogue: BTreeMap<(String, String), Vec<u8>>,
    databases: BTreeMap<DatabaseId, Arc<Contents>>,
}

type Hook = Arc<dyn Fn(&DatabaseId) + Send + Sync>;

/// A database: its rows, and the right to commit, which a node can keep for a while.
#[derive(Default)]
struct Contents {
    turn: Mutex<()>,
    data: Mutex<Data>,
}

/// One database's rows.
#[derive(Default)]
struct Data {
    deleted: bool,
    head: Head,
    counters: BTreeMap<TableId, u64>,
    records: BTreeMap<(TableId, RecordId), Row>,
    history: BTreeMap<Sq, History>,
    /// By sequence: id and time.
    txs: BTreeMap<Sq, (u128, i64)>,
    idempotency: BTreeMap<Vec<u8>, Idempotency>,
    put_off: Vec<PutOff>,
}

struct PutOff {
    id: u128,
    body: Vec<u8>,
    node: u32,
    leased_until_ms: i64,
}

struct Row {
    sq: Sq,
    deleted: bool,
    body: Vec<u8>,
}

struct MemDatabase {
    id: DatabaseId,
    contents: Arc<Contents>,
    store: MemStore,
}

/// How long a node waits for another that holds a database.
const HOLD_WAIT: std::time::Duration = std::time::Duration::from_secs(10);

impl MemStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// A handle of one more node of a cluster on the same data.
    pub fn node(&self) -> Self {
        let node = {
            let mut shared = self.shared.lock();
            shared.nodes += 1;
            shared.nodes
        };
        Self { shared: Arc::clone(&self.shared), node }
    }

    /// Has a look taken after each commit, whoever made it: no later state is there by then.
    pub fn after_commit(&self, look: impl Fn(&DatabaseId) + Send + Sync + 'static) {
        self.shared.lock().after_commit = Some(Arc::new(look));
    }

    /// Lets the store's clock, which ends leases, run on.
    pub fn pass_time(&self, ms: i64) {
        self.shared.lock().now_ms += ms;
    }

    fn lease(&self) -> Lease {
        let now_ms = self.shared.lock().now_ms;
        Lease { node: self.node, now_ms, until_ms: now_ms + LEASE_MS }
    }
}

/// What a node needs to take work.
#[derive(Clone, Copy)]
struct Lease {
    node: u32,
    now_ms: i64,
    until_ms: i64,
}

impl Cluster for MemStore {
    fn look(&self, databases: &[DatabaseId]) -> Result<Look, StoreError> {
        let shared = self.shared.lock();
        let sequence = |id| shared.databases.get(id).map(|contents| contents.data.lock().head.seq);
        Ok(Look { catalogue: shared.catalogue_seq, sequences: databases.iter().map(sequence).collect() })
    }

    fn take_over(&self) -> Result<Vec<Work>, StoreError> {
        let lease = self.lease();
        let databases = self.shared.lock().databases.clone();
        let mut taken = Vec::new();
        for (id, contents) in databases {
            for work in &mut contents.data.lock().put_off {
                let is_own = work.node == lease.node;
                if is_own || work.leased_until_ms <= lease.now_ms {
                    (work.node, work.leased_until_ms) = (lease.node, lease.until_ms);
                }
                if !is_own && work.node == lease.node {
                    taken.push(Work { database: id.clone(), id: work.id, body: work.body.clone() });
                }
            }
        }
        Ok(taken)
    }

    fn leave(&self) -> Result<(), StoreError> {
        let databases = self.shared.lock().databases.clone();
        for contents in databases.into_values() {
            for work in contents.data.lock().put_off.iter_mut().filter(|work| work.node == self.node) {
                work.leased_until_ms = i64::MIN;
            }
        }
        Ok(())
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
            let data = Mutex::new(Data { head, ..Data::default() });
            Arc::new(Contents { data, ..Contents::default() })
        });
        Ok(())
    }

    fn open_database(&self, id: &DatabaseId) -> Result<Box<dyn DatabaseStore>, StoreError> {
        match self.shared.lock().databases.get(id) {
            Some(contents) => {
                let (id, contents, store) = (id.clone(), Arc::clone(contents), self.clone());
                Ok(Box::new(MemDatabase { id, contents, store }))
            }
            None => Err(StoreError::NotFound(id.clone())),
        }
    }

    fn delete_database(&self, id: &DatabaseId) -> Result<(), StoreError> {
        if let Some(contents) = self.shared.lock().databases.remove(id) {
            *contents.data.lock() = Data { deleted: true, ..Data::default() };
        }
        Ok(())
    }

    fn cluster(&self) -> Option<&dyn Cluster> {
        (self.node != 0).then_some(self)
    }
}

impl MemDatabase {
    fn with<T>(&self, f: impl FnOnce(&mut Data) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut data = self.contents.data.lock();
        if data.deleted {
            return Err(StoreError::NotFound(self.id.clone()));
        }
        f(&mut data)
    }

    /// Commits on behalf of who has the turn.
    fn commit_in_turn(&self, batch: &Batch) -> Result<(), StoreError> {
        assert!(batch.seq > batch.base, "a batch moves its database on");
        let lease = self.store.lease();
        self.with(|data| {
            if data.head.seq != batch.base {
                return Err(StoreError::Conflict);
            }
            data.apply(batch, lease);
            Ok(())
        })?;
        // The turn to commit is still taken.
        let look = self.store.shared.lock().after_commit.clone();
        if let Some(look) = look {
            look(&self.id);
        }
        Ok(())
    }

    fn take_turn(&self) -> Result<MutexGuard<'_, ()>, StoreError> {
        let turn = self.contents.turn.try_lock_for(HOLD_WAIT);
        turn.ok_or_else(|| StoreError::NotCommitted("another node holds this database".into()))
    }
}

impl SharedDatabase for MemDatabase {
    fn load_since(&self, since: Sq, sink: &mut dyn LoadSink) -> Result<(), StoreError> {
        self.with(|data| {
            let mut head = data.head();
            if head.schema_sq <= since {
                head.schema.clear();
            }
            sink.head(head)?;
            let mut changed: Vec<_> = data.records.iter().filter(|(_, row)| row.sq > since).collect();
            changed.sort_unstable_by_key(|(_, row)| row.sq);
            for (&(tid, rid), row) in changed {
                sink.record(tid, rid, row.sq, row.deleted, &row.body)?;
            }
            Ok(())
        })
    }

    fn hold(&self) -> Result<Box<dyn Held + '_>, StoreError> {
        Ok(Box::new(MemHeld { database: self, _turn: self.take_turn()? }))
    }

    fn all_put_off(&self) -> Result<Vec<(u128, Vec<u8>)>, StoreError> {
        self.with(|data| Ok(data.put_off.iter().map(|work| (work.id, work.body.clone())).collect()))
    }

    fn are_put_off(&self, ids: &[u128]) -> Result<Vec<bool>, StoreError> {
        self.with(|data| Ok(ids.iter().map(|id| data.put_off.iter().any(|work| work.id == *id)).collect()))
    }
}

struct MemHeld<'a> {
    database: &'a MemDatabase,
    _turn: MutexGuard<'a, ()>,
}

impl Held for MemHeld<'_> {
    fn load_since(&mut self, since: Sq, sink: &mut dyn LoadSink) -> Result<(), StoreError> {
        self.database.load_since(since, sink)
    }

    fn commit(self: Box<Self>, batch: &Batch) -> Result<(), StoreError> {
        self.database.commit_in_turn(batch)
    }
}

impl DatabaseStore for MemDatabase {
    fn load(&self, sink: &mut dyn LoadSink) -> Result<(), StoreError> {
        self.with(|data| data.load(sink))
    }

    fn export(&self, sink: &mut dyn ExportSink) -> Result<(), StoreError> {
        self.with(|data| {
            data.load(sink)?;
            data.history.values().try_for_each(|row| sink.history(row.clone()))?;
            let mut answers: Vec<_> = data.idempotency.iter().collect();
            answers.sort_by_key(|(_, known)| known.at_ms);
            answers.into_iter().try_for_each(|(key, known)| sink.answer(key.clone(), known.clone()))?;
            data.put_off.iter().try_for_each(|work| sink.put_off(work.id, work.body.clone()))
        })
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let _turn = self.take_turn()?;
        self.commit_in_turn(batch)
    }

    fn is_committed(&self, seq: Sq, tx_id: u128) -> Result<bool, StoreError> {
        self.with(|data| Ok(data.txs.get(&seq).is_some_and(|(known, _)| *known == tx_id)))
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

    fn idempotency(
        &self,
        keys: &[&[u8]],
        not_before_ms: i64,
    ) -> Result<Vec<Option<Idempotency>>, StoreError> {
        self.with(|data| {
            let young = |key: &&[u8]| data.idempotency.get(*key).filter(|known| known.at_ms >= not_before_ms);
            Ok(keys.iter().map(|key| young(key).cloned()).collect())
        })
    }

    fn put_off(&self) -> Result<Vec<(u128, Vec<u8>)>, StoreError> {
        let lease = self.store.lease();
        self.with(|data| {
            let mut own = Vec::new();
            for work in &mut data.put_off {
                let is_free = work.node == lease.node || work.leased_until_ms <= lease.now_ms;
                if lease.node == 0 || is_free {
                    (work.node, work.leased_until_ms) = (lease.node, lease.until_ms);
                    own.push((work.id, work.body.clone()));
                }
            }
            Ok(own)
        })
    }

    fn maintain(&self, limits: &Retention) -> Result<bool, StoreError> {
        self.with(|data| {
            data.history.retain(|_, row| row.at_ms >= limits.history_before_ms);
            data.idempotency.retain(|_, known| known.at_ms >= limits.idempotency_before_ms);
            data.txs.retain(|_, (_, at_ms)| *at_ms >= limits.idempotency_before_ms);
            Ok(false)
        })
    }

    fn forget(&self, forget: &Forget) -> Result<(), StoreError> {
        let _turn = self.take_turn()?;
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

    fn shared(&self) -> Option<&dyn SharedDatabase> {
        (self.store.node != 0).then_some(self)
    }
}

impl Data {
    fn head(&self) -> Head {
        let counters = self.counters.iter().map(|(&tid, &next)| (tid, next)).collect();
        Head { counters, ..self.head.clone() }
    }

    fn load(&self, sink: &mut (impl LoadSink + ?Sized)) -> Result<(), StoreError> {
        sink.head(self.head())?;
        for (&(tid, rid), row) in &self.records {
            sink.record(tid, rid, row.sq, row.deleted, &row.body)?;
        }
        Ok(())
    }

    fn apply(&mut self, batch: &Batch, lease: Lease) {
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
        self.put_off.retain(|work| !batch.done.contains(&work.id));
        self.put_off.extend(batch.put_off.iter().map(|(id, body)| PutOff {
            id: *id,
            body: body.clone(),
            node: lease.node,
            leased_until_ms: lease.until_ms,
        }));
        if let Some((sq, schema)) = &batch.schema {
            self.head.schema_sq = *sq;
            self.head.schema.clone_from(schema);
        }
        self.head.seq = batch.seq;
        self.head.clock_ms = self.head.clock_ms.max(batch.clock_ms);
        self.txs.insert(batch.seq, (batch.tx_id, batch.clock_ms));
    }
}
