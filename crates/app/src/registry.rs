//! Which databases are open. Single-flight opening, eviction under a memory budget (architecture.md §5).

use std::sync::{
    Arc, Weak,
    atomic::{AtomicI64, Ordering},
};

use arc_swap::{ArcSwap, ArcSwapOption};
use boobook_model::DatabaseId;
use boobook_store::{Retention, Store};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::sync::Semaphore;

use crate::{
    AppError, Database, Host, Limits,
    error::from_store,
    forget,
    limits::{DAY_MS, IDEMPOTENCY_MS},
    script::Parked,
    writer::WriterPool,
};

/// A database without requests for this long gives its store handles back.
const HANDLES_IDLE_MS: i64 = 60_000;

/// The open databases.
pub(crate) struct Registry {
    store: Arc<dyn Store>,
    host: Arc<dyn Host>,
    limits: Arc<Limits>,
    pool: Arc<WriterPool>,
    slots: ArcSwap<FxHashMap<DatabaseId, Arc<Slot>>>,
    opening: Semaphore,
}

#[derive(Default)]
struct Slot {
    open: ArcSwapOption<Database>,
    /// The same database as long as anybody still holds it after an eviction: it is revived, never opened twice,
    /// for two writers of one database must not be.
    alive: Mutex<Weak<Database>>,
    single_flight: tokio::sync::Mutex<()>,
    /// A database that would not open is not tried again at once by every request.
    failed: Mutex<Option<(AppError, i64)>>,
    retry_at_ms: AtomicI64,
}

/// After a failed opening, requests get the same error for this long without another try.
const REOPEN_AFTER_MS: i64 = 1_000;

impl Registry {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        host: Arc<dyn Host>,
        limits: Arc<Limits>,
        pool: Arc<WriterPool>,
    ) -> Self {
        let opening = Semaphore::new(limits.opening_max.max(1));
        Self { store, host, limits, pool, slots: ArcSwap::default(), opening }
    }

    /// The open database, where it is open.
    pub(crate) fn opened(&self, id: &str) -> Option<Arc<Database>> {
        let database = self.slots.load().get(id)?.open.load_full()?;
        database.last_used_ms.store(self.host.now_ms(), Ordering::Relaxed);
        (!database.is_poisoned()).then_some(database)
    }

    /// The database, opened if need be.
    pub(crate) async fn open(&self, id: &DatabaseId) -> Result<Arc<Database>, AppError> {
        if let Some(database) = self.opened(id.as_str()) {
            return Ok(database);
        }
        let slot = self.slot(id);
        let _one_at_a_time = slot.single_flight.lock().await;
        if let Some(database) = self.opened(id.as_str()) {
            return Ok(database);
        }
        let now_ms = self.host.now_ms();
        if now_ms < slot.retry_at_ms.load(Ordering::Relaxed)
            && let Some((error, _)) = &*slot.failed.lock()
        {
            return Err(error.clone());
        }
        let revived = slot.alive.lock().upgrade().filter(|database| !database.is_poisoned());
        if let Some(database) = revived {
            slot.open.store(Some(Arc::clone(&database)));
            return Ok(database);
        }
        slot.open.store(None);
        self.wait_for_writer(&slot).await;
        let _few_at_a_time =
            self.opening.acquire().await.map_err(|_| AppError::Busy("shutting down".into()))?;
        let opened = self.read(id.clone()).await;
        match opened {
            Ok(database) => {
                *slot.failed.lock() = None;
                *slot.alive.lock() = Arc::downgrade(&database);
                slot.open.store(Some(Arc::clone(&database)));
                Ok(database)
            }
            Err(error) => {
                tracing::error!(database = %id, "cannot be opened: {error}");
                slot.retry_at_ms.store(now_ms + REOPEN_AFTER_MS, Ordering::Relaxed);
                *slot.failed.lock() = Some((error.clone(), now_ms));
                Err(error)
            }
        }
    }

    /// A poisoned database may still have a thread in it; its successor must not start before that is out.
    async fn wait_for_writer(&self, slot: &Slot) {
        loop {
            let old = slot.alive.lock().upgrade();
            match old {
                Some(old) if !old.is_quiet() => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
                _ => return,
            }
        }
    }

    async fn read(&self, id: DatabaseId) -> Result<Arc<Database>, AppError> {
        let (store, pool, limits) =
            (Arc::clone(&self.store), Arc::clone(&self.pool), Arc::clone(&self.limits));
        let now_ms = self.host.now_ms();
        let opening = tokio::task::spawn_blocking(move || {
            let handle = store.open_database(&id).map_err(from_store)?;
            Database::open(id, handle, pool, limits, now_ms).map(Arc::new)
        });
        opening.await.map_err(|e| AppError::Internal(format!("opening: {e}")))?
    }

    fn slot(&self, id: &DatabaseId) -> Arc<Slot> {
        if let Some(slot) = self.slots.load().get(id) {
            return Arc::clone(slot);
        }
        let fresh = Arc::new(Slot::default());
        self.slots.rcu(|slots| {
            let mut slots = FxHashMap::clone(slots);
            slots.entry(id.clone()).or_insert_with(|| Arc::clone(&fresh));
            slots
        });
        self.slots.load().get(id).map_or(fresh, Arc::clone)
    }

    /// Forgets a database that is being deleted; waits until nothing is being written to it.
    pub(crate) async fn close(&self, id: &DatabaseId) {
        let Some(slot) = self.slots.load().get(id).cloned() else { return };
        let _alone = slot.single_flight.lock().await;
        *slot.failed.lock() = None;
        if let Some(database) = slot.open.swap(None) {
            database.poison();
            while !database.is_quiet() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            database.store().release();
        }
    }

    fn all_open(&self) -> Vec<(Arc<Slot>, Arc<Database>)> {
        let slots = self.slots.load();
        let mut open: Vec<_> = Vec::new();
        #[expect(clippy::iter_over_hash_type, reason = "sorted below")]
        for slot in slots.values() {
            if let Some(database) = slot.open.load_full() {
                open.push((Arc::clone(slot), database));
            }
        }
        open.sort_by_key(|(_, database)| database.last_used_ms.load(Ordering::Relaxed));
        open
    }

    /// The open databases, the least recently used first.
    pub(crate) fn open_databases(&self) -> Vec<Arc<Database>> {
        self.all_open().into_iter().map(|(_, database)| database).collect()
    }

    /// Number of open databases and the memory they hold.
    pub(crate) fn usage(&self) -> (usize, usize) {
        let open = self.all_open();
        (open.len(), open.iter().map(|(_, database)| database.heap_bytes()).sum())
    }

    /// Number of databases that could not be opened when they were asked for last.
    pub(crate) fn unreadable(&self) -> usize {
        self.slots.load().values().filter(|slot| slot.failed.lock().is_some()).count()
    }

    /// Work of open databases that was put off until now.
    pub(crate) fn due(&self) -> Vec<(Arc<Database>, Parked)> {
        let now_ms = self.host.now_ms();
        let of = |database: Arc<Database>| {
            database.due(now_ms).into_iter().map(move |work| (Arc::clone(&database), work))
        };
        self.all_open().into_iter().flat_map(|(_, database)| of(database)).collect()
    }

    /// Keeps memory and handles within their limits, and does the stores' idle work. Blocks; called about once a
    /// second.
    pub(crate) fn maintain(&self) {
        let now_ms = self.host.now_ms();
        let open = self.all_open();
        let mut used: usize = open.iter().map(|(_, database)| database.measure()).sum();
        // What is soonest made anew goes first.
        let forget_formulas = |database: &Database| database.memos.clear();
        let drop_indexes = |database: &Database| database.snapshot().drop_indexes();
        for give_back in [&forget_formulas as &dyn Fn(&Database), &drop_indexes] {
            if used > self.limits.cache_bytes_max {
                for (_, database) in &open {
                    give_back(database);
                }
                used = open.iter().map(|(_, database)| database.measure()).sum();
            }
        }
        for (slot, database) in &open {
            if used <= self.limits.cache_bytes_max {
                break;
            }
            if database.is_quiet() {
                used -= database.heap_bytes();
                slot.open.store(None);
                tracing::info!(database = %database.id, "closed to stay within the memory limit");
            }
        }
        let with_handles = open.iter().filter(|(_, d)| d.has_handles.load(Ordering::Relaxed)).count();
        let mut excess = with_handles.saturating_sub(self.limits.handles_max);
        for (_, database) in &open {
            let idle_ms = now_ms - database.last_used_ms.load(Ordering::Relaxed);
            self.maintain_store(database, now_ms);
            forget::look(database, now_ms);
            if database.has_handles.load(Ordering::Relaxed)
                && database.is_quiet()
                && (idle_ms > HANDLES_IDLE_MS || excess > 0)
            {
                database.store().release();
                database.has_handles.store(false, Ordering::Relaxed);
                excess = excess.saturating_sub(1);
            }
        }
    }

    fn maintain_store(&self, database: &Database, now_ms: i64) {
        let rested = now_ms - database.last_commit_ms.load(Ordering::Relaxed) > 1_000;
        if !rested || !database.is_quiet() || !database.needs_maintenance.swap(false, Ordering::Relaxed) {
            return;
        }
        let retention = Retention {
            history_before_ms: now_ms - i64::from(self.limits.history_days) * DAY_MS,
            idempotency_before_ms: now_ms - IDEMPOTENCY_MS,
        };
        match database.store().maintain(&retention) {
            Ok(more) => database.needs_maintenance.store(more, Ordering::Relaxed),
            Err(error) => {
                tracing::warn!(database = %database.id, "idle work failed: {error}");
                database.needs_maintenance.store(true, Ordering::Relaxed);
            }
        }
    }
}
