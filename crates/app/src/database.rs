//! One open database: the published snapshot readers take, and the queue its writer empties.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
};

use arc_swap::ArcSwap;
use boobook_engine::Snapshot;
use boobook_model::{DatabaseId, Schema, Sq};
use boobook_nx::Library;
use boobook_store::DatabaseStore;
use parking_lot::Mutex;
use rustc_hash::FxHashSet;
use tokio::sync::{oneshot, watch};

use crate::{
    AppError, Limits,
    apart::Task,
    cluster,
    error::from_store,
    script::{CompiledScripts, Memos, Parked},
    stored::read_state,
    transaction::Transaction,
    writer::{self, WriterPool},
};

/// An open database. At most one exists per id at a time; it publishes, nobody else does.
pub struct Database {
    /// Its id.
    pub id: DatabaseId,
    head: ArcSwap<Snapshot>,
    published: watch::Sender<Sq>,
    store: Box<dyn DatabaseStore>,
    queue: Mutex<Queue>,
    pool: Arc<WriterPool>,
    limits: Arc<Limits>,
    /// Set when it is unknown what the store holds: reads go on, writes are refused until it is opened anew.
    poisoned: AtomicBool,
    pub(crate) last_used_ms: AtomicI64,
    pub(crate) last_commit_ms: AtomicI64,
    pub(crate) has_handles: AtomicBool,
    pub(crate) needs_maintenance: AtomicBool,
    /// The state is no older than of then (ms since the epoch), where other nodes write too.
    pub(crate) fresh_at_ms: AtomicI64,
    /// When old deletions were looked for last.
    pub(crate) expiry_looked_at_ms: AtomicI64,
    heap_bytes: AtomicUsize,
    /// Work put off that was found when it was opened, until somebody takes it.
    found_put_off: Mutex<Vec<(u128, Vec<u8>)>>,
    /// Ids of work that was found, here or among what another node left, so that none is done twice.
    found: Mutex<FxHashSet<u128>>,
    /// Work put off until a time that is still to come.
    parked: Mutex<Vec<Parked>>,
    /// Work put off that waits until the store takes something again.
    stalled: Mutex<Vec<Box<dyn Transaction>>>,
    /// Idempotency keys of transactions that run apart.
    pub(crate) keys_apart: Mutex<FxHashSet<Vec<u8>>>,
    /// Scripts of requests.
    pub(crate) scripts: CompiledScripts,
    /// Results of formulas.
    pub(crate) memos: Memos,
    /// The scripts of the schema that was asked for last.
    library: Mutex<Option<Arc<Library>>>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Task>,
    bytes: usize,
    /// Whether the pool knows of this database (so that it is handed to one thread at a time).
    scheduled: bool,
    /// Whether the writer is to forget old deletions when nothing waits any more.
    forgetting: bool,
    /// Where other nodes were seen to have brought the database.
    following: Sq,
    /// Who waits until a sequence is published that another node committed.
    awaiting: Vec<Awaiting>,
}

struct Awaiting {
    sequence: Sq,
    answer: oneshot::Sender<Result<(), AppError>>,
}

/// How long a request waits for what another node committed.
const REACH_WAIT: std::time::Duration = std::time::Duration::from_secs(10);

/// Before any time a clock shows, yet not so far back that differences overflow.
pub(crate) const NEVER_MS: i64 = i64::MIN / 2;

impl Database {
    /// Reads a database from its store. Blocks; a million records take about a second.
    pub(crate) fn open(
        id: DatabaseId,
        store: Box<dyn DatabaseStore>,
        pool: Arc<WriterPool>,
        limits: Arc<Limits>,
        now_ms: i64,
    ) -> Result<Self, AppError> {
        let snapshot = read_state(&id, &*store)?;
        let heap_bytes = snapshot.heap_bytes();
        if heap_bytes > limits.cache_bytes_max {
            return Err(AppError::Unavailable(format!(
                "database {id} needs {} MB of memory, more than the {} MB allowed for all \
                 (limits.cache_bytes_max): raise the limit or split the database",
                heap_bytes >> 20,
                limits.cache_bytes_max >> 20
            )));
        }
        let found_put_off = store.put_off().map_err(from_store)?;
        let (published, _) = watch::channel(snapshot.sq);
        let memos = Memos::new(limits.formula_bytes_max);
        Ok(Self {
            id,
            head: ArcSwap::from_pointee(snapshot),
            published,
            store,
            queue: Mutex::default(),
            pool,
            limits,
            poisoned: AtomicBool::new(false),
            last_used_ms: AtomicI64::new(now_ms),
            last_commit_ms: AtomicI64::new(0),
            has_handles: AtomicBool::new(true),
            needs_maintenance: AtomicBool::new(false),
            fresh_at_ms: AtomicI64::new(NEVER_MS),
            expiry_looked_at_ms: AtomicI64::new(NEVER_MS),
            heap_bytes: AtomicUsize::new(heap_bytes),
            found: Mutex::new(found_put_off.iter().map(|(id, _)| *id).collect()),
            found_put_off: Mutex::new(found_put_off),
            parked: Mutex::default(),
            stalled: Mutex::default(),
            keys_apart: Mutex::default(),
            scripts: CompiledScripts::default(),
            memos,
            library: Mutex::default(),
        })
    }

    /// The newest durable state.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.head.load_full()
    }

    /// Tells of each publication, by the sequence published.
    pub fn subscribe(&self) -> watch::Receiver<Sq> {
        self.published.subscribe()
    }

    pub(crate) fn store(&self) -> &dyn DatabaseStore {
        &*self.store
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Makes a durable state the one readers see.
    pub(crate) fn publish(&self, snapshot: Arc<Snapshot>) {
        let sq = snapshot.sq;
        self.head.store(snapshot);
        self.published.send_replace(sq);
        self.answer_awaiting(sq);
        self.needs_maintenance.store(true, Ordering::Relaxed);
        self.has_handles.store(true, Ordering::Relaxed);
    }

    /// Answers those who wait for a sequence that is published now.
    fn answer_awaiting(&self, published: Sq) {
        let mut queue = self.queue.lock();
        if queue.awaiting.is_empty() {
            return;
        }
        let reached: Vec<_> =
            queue.awaiting.extract_if(.., |awaiting| awaiting.sequence <= published).collect();
        drop(queue);
        for awaiting in reached {
            // Whoever does not wait any more is not told.
            let _ = awaiting.answer.send(Ok(()));
        }
    }

    /// Waits until a sequence is published that the store was seen at.
    pub(crate) async fn reach(self: &Arc<Self>, sequence: Sq) -> Result<(), AppError> {
        if self.snapshot().sq >= sequence {
            return Ok(());
        }
        let (answer, answered) = oneshot::channel();
        let schedule = {
            let mut queue = self.queue.lock();
            // A publication answers with the lock held: what it made current is seen here.
            if self.snapshot().sq >= sequence {
                return Ok(());
            }
            queue.awaiting.push(Awaiting { sequence, answer });
            !std::mem::replace(&mut queue.scheduled, true)
        };
        if schedule {
            self.pool.schedule(Arc::clone(self));
        }
        match tokio::time::timeout(REACH_WAIT, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(AppError::Unavailable("the database is being closed; try again".into())),
            Err(_) => Err(AppError::Unavailable(format!(
                "what other nodes wrote to database {} is not read yet; try again in a moment",
                self.id
            ))),
        }
    }

    /// Has the writer read what other nodes committed, up to a sequence at least.
    pub(crate) fn request_catch_up(self: &Arc<Self>, sequence: Sq) {
        self.ask_writer(|queue| queue.following = queue.following.max(sequence));
    }

    /// Changes the queue, and sees to it that a thread looks at it.
    fn ask_writer(self: &Arc<Self>, change: impl FnOnce(&mut Queue)) {
        let schedule = {
            let mut queue = self.queue.lock();
            change(&mut queue);
            !std::mem::replace(&mut queue.scheduled, true)
        };
        if schedule {
            self.pool.schedule(Arc::clone(self));
        }
    }

    /// Called by the writer thread: reads what other nodes committed, if anybody asked for that.
    pub(crate) fn follow_if_asked(&self) {
        let awaiting = {
            let mut queue = self.queue.lock();
            let known = self.snapshot().sq;
            let is_asked = std::mem::take(&mut queue.following) > known;
            // What this node wrote itself meanwhile has been published, and its readers answered.
            if !is_asked && queue.awaiting.is_empty() {
                return;
            }
            std::mem::take(&mut queue.awaiting)
        };
        let caught_up = catch_unwind(AssertUnwindSafe(|| cluster::catch_up(self)));
        let result = caught_up.unwrap_or_else(|panic| Err(writer::panicked(self, &*panic)));
        if let Err(error) = &result {
            tracing::warn!(database = %self.id, "what other nodes wrote could not be read: {error}");
        }
        let known = self.snapshot().sq;
        for Awaiting { sequence, answer } in awaiting {
            let reached = match &result {
                Ok(()) if known < sequence => Err(AppError::Unavailable(
                    "the store has gone back to an earlier state; try again".into(),
                )),
                other => other.clone(),
            };
            // Whoever does not wait any more is not told.
            let _ = answer.send(reached);
        }
    }

    pub(crate) fn poison(&self) {
        self.poisoned.store(true, Ordering::Release);
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.poisoned.load(Ordering::Acquire)
    }

    /// Refuses to write where it is not known what is stored.
    pub(crate) fn require_sound(&self) -> Result<(), AppError> {
        if !self.is_poisoned() {
            return Ok(());
        }
        Err(AppError::Unavailable(
            "the outcome of an earlier write to this database is not known yet; try again in a moment".into(),
        ))
    }

    /// The compiled scripts of a schema version. Compiling takes milliseconds, so that who comes second waits for it.
    pub(crate) fn library(&self, schema: &Arc<Schema>) -> Arc<Library> {
        let mut library = self.library.lock();
        match &*library {
            Some(known) if Arc::ptr_eq(&known.schema, schema) => Arc::clone(known),
            _ => {
                let compiled = Arc::new(Library::compile(Arc::clone(schema)));
                *library = Some(Arc::clone(&compiled));
                compiled
            }
        }
    }

    /// Memory, as of the last [`Self::measure`].
    pub(crate) fn heap_bytes(&self) -> usize {
        self.heap_bytes.load(Ordering::Relaxed)
    }

    /// Measures memory again.
    pub(crate) fn measure(&self) -> usize {
        let bytes = self.head.load().heap_bytes() + self.memos.heap_bytes();
        self.heap_bytes.store(bytes, Ordering::Relaxed);
        bytes
    }

    /// Whether nothing waits to be written and no thread is writing.
    pub(crate) fn is_quiet(&self) -> bool {
        let queue = self.queue.lock();
        queue.waiting.is_empty() && !queue.scheduled
    }

    /// Hands a transaction to the writer. It is answered through its own channel.
    pub(crate) fn submit(self: &Arc<Self>, transaction: Box<dyn Transaction>) -> Result<(), AppError> {
        self.require_sound()?;
        {
            let queue = self.queue.lock();
            let size = transaction.size_bytes();
            let full = queue.waiting.len() >= self.limits.queue_transactions_max
                || (queue.bytes + size > self.limits.queue_bytes_max && !queue.waiting.is_empty());
            if full {
                return Err(AppError::Busy("too many writes wait for this database; try again".into()));
            }
        }
        self.submit_own(transaction);
        Ok(())
    }

    /// Hands a transaction of the server's own to the writer, however many wait.
    pub(crate) fn submit_own(self: &Arc<Self>, transaction: Box<dyn Transaction>) {
        self.enqueue(Task::new(transaction), VecDeque::push_back);
    }

    /// Hands a transaction back to the writer, before those that came later.
    pub(crate) fn submit_again(self: &Arc<Self>, task: Task) {
        self.enqueue(task, VecDeque::push_front);
    }

    fn enqueue(self: &Arc<Self>, task: Task, push: fn(&mut VecDeque<Task>, Task)) {
        self.ask_writer(|queue| {
            queue.bytes += task.transaction.size_bytes();
            push(&mut queue.waiting, task);
        });
    }

    /// Keeps work that could not be stored for when the store takes something again.
    pub(crate) fn stall(&self, work: Box<dyn Transaction>) {
        self.stalled.lock().push(work);
    }

    /// The work that was kept.
    pub(crate) fn stalled(&self) -> Vec<Box<dyn Transaction>> {
        std::mem::take(&mut self.stalled.lock())
    }

    /// Keeps work until its time.
    pub(crate) fn park(&self, work: impl IntoIterator<Item = Parked>) {
        self.parked.lock().extend(work);
    }

    /// The work whose time has come.
    pub(crate) fn due(&self, now_ms: i64) -> Vec<Parked> {
        self.parked.lock().extract_if(.., |work| work.at_ms <= now_ms).collect()
    }

    /// Work put off that was found when the database was opened; the first who asks gets it.
    pub(crate) fn found_put_off(&self) -> Vec<(u128, Vec<u8>)> {
        std::mem::take(&mut self.found_put_off.lock())
    }

    /// Whether work is seen for the first time that is found among what another node left.
    pub(crate) fn is_first_found(&self, id: u128) -> bool {
        self.found.lock().insert(id)
    }

    /// The next group: at most the batch limits, one alone if it is larger than they allow.
    pub(crate) fn take_batch(&self) -> Vec<Task> {
        let mut queue = self.queue.lock();
        let mut batch = Vec::with_capacity(queue.waiting.len().min(self.limits.batch_transactions_max));
        let mut bytes = 0;
        while let Some(next) = queue.waiting.front() {
            let size = next.transaction.size_bytes();
            let full = batch.len() >= self.limits.batch_transactions_max
                || bytes + size > self.limits.batch_bytes_max;
            if full && !batch.is_empty() {
                break;
            }
            bytes += size;
            batch.extend(queue.waiting.pop_front());
        }
        queue.bytes = queue.bytes.saturating_sub(bytes);
        batch
    }

    /// Has the writer forget old deletions as soon as nothing waits.
    pub(crate) fn request_forgetting(self: &Arc<Self>) {
        self.ask_writer(|queue| queue.forgetting = true);
    }

    /// Called by the writer thread after a batch: whether it is time to forget old deletions.
    pub(crate) fn takes_forgetting(&self) -> bool {
        let mut queue = self.queue.lock();
        queue.waiting.is_empty() && std::mem::take(&mut queue.forgetting)
    }

    /// Called by the writer thread when a batch is done: whether it must be scheduled again.
    pub(crate) fn finish_batch(&self) -> bool {
        let mut queue = self.queue.lock();
        queue.scheduled = !queue.waiting.is_empty()
            || queue.forgetting
            || !queue.awaiting.is_empty()
            || queue.following > self.snapshot().sq;
        queue.scheduled
    }
}
