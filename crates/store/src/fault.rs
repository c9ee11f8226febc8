//! A wrapper that makes a store fail on a script, as disks and networks do.

use std::{sync::Arc, time::Duration};

use boobook_model::{DatabaseId, Sq};
use parking_lot::Mutex;

use crate::{
    Batch, CatalogueChange, CatalogueState, Cluster, DatabaseStore, ExportSink, Forget, Held, History,
    Idempotency, LoadSink, Retention, SharedDatabase, Store, StoreError,
};

/// What goes wrong with a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is written, and the store knows: `NotCommitted`.
    BeforeCommit,
    /// It is written, but the answer is lost: `Unknown`.
    AfterCommit,
    /// It is not written, but nobody knows: `Unknown`.
    UnknownNotCommitted,
    /// `Unknown`, and not written *yet*: it lands just before the next commit of that database (a COMMIT that was
    /// still on its way to the server). Of the catalogue: as `UnknownNotCommitted`.
    UnknownLandsLate,
    /// This and every later commit fails with `NotCommitted` until [`Faults::clear`]: the disk is full. Creating a
    /// database fails as well.
    Persistent,
    /// The commit takes that much longer, then succeeds.
    Delay(Duration),
}

/// How many operations a [`FaultStore`] has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FaultCounts {
    /// Commits of databases, failed ones and forgettings included.
    pub commits: u64,
    /// Commits of the catalogue, failed ones included.
    pub catalogue_commits: u64,
    /// Faults that have struck (every refusal while the disk is full counts).
    pub struck: u64,
}

/// The script of a [`FaultStore`]. Clones share it; safe to change from any thread while the store works.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    script: Arc<Mutex<Script>>,
}

#[derive(Debug, Default)]
struct Script {
    commits: Vec<Planned>,
    catalogue: Vec<Planned>,
    full: bool,
    lookups_failing: u64,
    counts: FaultCounts,
}

#[derive(Debug)]
struct Planned {
    countdown: u64,
    fault: Fault,
}

/// Counts every plan down by one; takes out the one that is due. Plans made for the same commit strike one a
/// commit, in the order they were made.
fn take_due(plans: &mut Vec<Planned>) -> Option<Fault> {
    let due = plans.iter().position(|plan| plan.countdown == 0);
    let fault = due.map(|at| plans.remove(at).fault);
    for plan in plans {
        plan.countdown = plan.countdown.saturating_sub(1);
    }
    fault
}

impl Faults {
    /// A script without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets `n` more commits of databases pass, then makes the next one fail so. Plans add up.
    pub fn fail_after(&self, n: u64, fault: Fault) {
        self.script.lock().commits.push(Planned { countdown: n, fault });
    }

    /// Lets `n` more commits of the catalogue pass, then makes the next one fail so. Plans add up.
    pub fn fail_catalogue_after(&self, n: u64, fault: Fault) {
        self.script.lock().catalogue.push(Planned { countdown: n, fault });
    }

    /// Makes the next `n` calls of [`DatabaseStore::is_committed`] fail: the outcome stays unknown for a while.
    pub fn fail_lookups(&self, n: u64) {
        self.script.lock().lookups_failing = n;
    }

    /// Forgets everything planned; a full disk has room again. A commit that lands late still does.
    pub fn clear(&self) {
        let mut script = self.script.lock();
        script.commits.clear();
        script.catalogue.clear();
        script.full = false;
        script.lookups_failing = 0;
    }

    /// What was seen so far.
    pub fn counts(&self) -> FaultCounts {
        self.script.lock().counts
    }

    fn on_commit(&self) -> Option<Fault> {
        let mut script = self.script.lock();
        script.counts.commits += 1;
        let due = take_due(&mut script.commits);
        script.strike(due)
    }

    fn on_catalogue_commit(&self) -> Option<Fault> {
        let mut script = self.script.lock();
        script.counts.catalogue_commits += 1;
        let due = take_due(&mut script.catalogue);
        script.strike(due)
    }

    fn on_create(&self) -> Option<Fault> {
        self.script.lock().strike(None)
    }

    fn on_lookup(&self) -> Result<(), StoreError> {
        let mut script = self.script.lock();
        if script.lookups_failing == 0 {
            return Ok(());
        }
        script.lookups_failing -= 1;
        script.counts.struck += 1;
        Err(StoreError::Failed("injected: no answer".into()))
    }
}

impl Script {
    fn strike(&mut self, due: Option<Fault>) -> Option<Fault> {
        self.full |= due == Some(Fault::Persistent);
        let fault = if self.full { Some(Fault::Persistent) } else { due };
        self.counts.struck += u64::from(fault.is_some());
        fault
    }
}

fn not_committed(why: &str) -> StoreError {
    StoreError::NotCommitted(format!("injected: {why}"))
}

fn unknown() -> StoreError {
    StoreError::Unknown("injected: connection lost".into())
}

/// Runs `commit` with the fault around it.
fn with_fault<T>(
    fault: Option<Fault>,
    commit: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    match fault {
        None => commit(),
        Some(Fault::BeforeCommit) => Err(not_committed("I/O error")),
        Some(Fault::Persistent) => Err(not_committed("disk full")),
        Some(Fault::AfterCommit) => commit().and_then(|_| Err(unknown())),
        Some(Fault::UnknownNotCommitted | Fault::UnknownLandsLate) => Err(unknown()),
        Some(Fault::Delay(time)) => {
            std::thread::sleep(time);
            commit()
        }
    }
}

/// A store that fails as its [`Faults`] say; everything else goes through to the inner store.
///
/// ```
/// use boobook_store::{Batch, Fault, FaultStore, Faults, MemStore, Store, StoreError};
/// use boobook_model::Sq;
/// let faults = Faults::new();
/// let store = FaultStore::new(MemStore::new(), faults.clone());
/// let id = "db1".parse().unwrap();
/// store.create_database(&id, b"{}", 0).unwrap();
/// let database = store.open_database(&id).unwrap();
///
/// faults.fail_after(0, Fault::AfterCommit);
/// let batch = Batch { tx_id: 7, base: Sq(1), seq: Sq(2), ..Batch::default() };
/// assert!(matches!(database.commit(&batch), Err(StoreError::Unknown(_))));
/// assert_eq!(database.is_committed(batch.seq, 7), Ok(true));
/// ```
#[derive(Debug, Clone)]
pub struct FaultStore<S> {
    inner: S,
    faults: Faults,
}

impl<S> FaultStore<S> {
    /// Wraps a store.
    pub fn new(inner: S, faults: Faults) -> Self {
        Self { inner, faults }
    }

    /// The script, to be changed.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The store inside, which does not fail.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S: Store> Store for FaultStore<S> {
    fn load_catalogue(&self) -> Result<CatalogueState, StoreError> {
        self.inner.load_catalogue()
    }

    fn catalogue_version(&self) -> Result<u64, StoreError> {
        self.inner.catalogue_version()
    }

    fn commit_catalogue(&self, base: u64, changes: &[CatalogueChange]) -> Result<u64, StoreError> {
        with_fault(self.faults.on_catalogue_commit(), || self.inner.commit_catalogue(base, changes))
    }

    fn create_database(&self, id: &DatabaseId, schema: &[u8], at_ms: i64) -> Result<(), StoreError> {
        with_fault(self.faults.on_create(), || self.inner.create_database(id, schema, at_ms))
    }

    fn open_database(&self, id: &DatabaseId) -> Result<Box<dyn DatabaseStore>, StoreError> {
        let inner = self.inner.open_database(id)?;
        Ok(Box::new(FaultDatabase { inner, faults: self.faults.clone(), late: Mutex::new(None) }))
    }

    fn delete_database(&self, id: &DatabaseId) -> Result<(), StoreError> {
        self.inner.delete_database(id)
    }

    fn cluster(&self) -> Option<&dyn Cluster> {
        self.inner.cluster()
    }
}

struct FaultDatabase {
    inner: Box<dyn DatabaseStore>,
    faults: Faults,
    late: Mutex<Option<Late>>,
}

/// What is still on its way.
enum Late {
    Commit(Batch),
    Forget(Forget),
}

impl FaultDatabase {
    /// What is late competes as any commit does; losing is fine.
    fn land_late(&self) {
        let _ = match self.late.lock().take() {
            Some(Late::Commit(batch)) => self.inner.commit(&batch),
            Some(Late::Forget(forget)) => self.inner.forget(&forget),
            None => Ok(()),
        };
    }
}

impl DatabaseStore for FaultDatabase {
    fn load(&self, sink: &mut dyn LoadSink) -> Result<(), StoreError> {
        self.inner.load(sink)
    }

    fn export(&self, sink: &mut dyn ExportSink) -> Result<(), StoreError> {
        self.inner.export(sink)
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.land_late();
        let fault = self.faults.on_commit();
        if fault == Some(Fault::UnknownLandsLate) {
            *self.late.lock() = Some(Late::Commit(batch.clone()));
        }
        with_fault(fault, || self.inner.commit(batch))
    }

    fn is_committed(&self, seq: Sq, tx_id: u128) -> Result<bool, StoreError> {
        self.faults.on_lookup()?;
        self.inner.is_committed(seq, tx_id)
    }

    fn history(&self, newest: Sq, since: Sq, limit: usize) -> Result<Vec<History>, StoreError> {
        self.inner.history(newest, since, limit)
    }

    fn idempotency(
        &self,
        keys: &[&[u8]],
        not_before_ms: i64,
    ) -> Result<Vec<Option<Idempotency>>, StoreError> {
        self.inner.idempotency(keys, not_before_ms)
    }

    fn put_off(&self) -> Result<Vec<(u128, Vec<u8>)>, StoreError> {
        self.inner.put_off()
    }

    fn maintain(&self, limits: &Retention) -> Result<bool, StoreError> {
        self.inner.maintain(limits)
    }

    fn forget(&self, forget: &Forget) -> Result<(), StoreError> {
        self.land_late();
        let fault = self.faults.on_commit();
        if fault == Some(Fault::UnknownLandsLate) {
            *self.late.lock() = Some(Late::Forget(forget.clone()));
        }
        with_fault(fault, || self.inner.forget(forget))
    }

    fn release(&self) {
        self.inner.release();
    }

    fn shared(&self) -> Option<&dyn SharedDatabase> {
        self.inner.shared().map(|_| self as &dyn SharedDatabase)
    }
}

impl FaultDatabase {
    fn shared_inner(&self) -> Result<&dyn SharedDatabase, StoreError> {
        self.inner.shared().ok_or_else(|| StoreError::Failed("this store is not shared".into()))
    }
}

impl SharedDatabase for FaultDatabase {
    fn load_since(&self, since: Sq, sink: &mut dyn LoadSink) -> Result<(), StoreError> {
        self.shared_inner()?.load_since(since, sink)
    }

    fn hold(&self) -> Result<Box<dyn Held + '_>, StoreError> {
        self.land_late();
        Ok(Box::new(FaultHeld { inner: self.shared_inner()?.hold()?, database: self }))
    }

    fn all_put_off(&self) -> Result<Vec<(u128, Vec<u8>)>, StoreError> {
        self.shared_inner()?.all_put_off()
    }

    fn are_put_off(&self, ids: &[u128]) -> Result<Vec<bool>, StoreError> {
        self.faults.on_lookup()?;
        self.shared_inner()?.are_put_off(ids)
    }
}

struct FaultHeld<'a> {
    inner: Box<dyn Held + 'a>,
    database: &'a FaultDatabase,
}

impl Held for FaultHeld<'_> {
    fn load_since(&mut self, since: Sq, sink: &mut dyn LoadSink) -> Result<(), StoreError> {
        self.inner.load_since(since, sink)
    }

    fn commit(self: Box<Self>, batch: &Batch) -> Result<(), StoreError> {
        let Self { inner, database } = *self;
        let fault = database.faults.on_commit();
        if fault == Some(Fault::UnknownLandsLate) {
            *database.late.lock() = Some(Late::Commit(batch.clone()));
        }
        with_fault(fault, || inner.commit(batch))
    }
}
