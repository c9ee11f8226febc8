//! The writer: group commit (architecture.md §3 and §7, "A batch is many transactions").
//!
//! A bounded pool of threads serves all databases; a database holds a thread only while its queue is not empty,
//! and never two. One batch: take what waits, run each transaction on its own overlay over the working head,
//! make all of it durable in one store transaction, publish, answer. Readers see only durable states; no answer,
//! errors included, leaves before the batch is durable, since an error may rest on an earlier transaction of it.

use std::{
    any::Any,
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
};

use boobook_engine::{ChangeKind, Head, Writes};
use boobook_model::{RecordId, TableId};
use boobook_store::{Batch, HistoryKind, HistoryRow, Idempotency, Record, codec};
use parking_lot::{Condvar, Mutex};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::{
    AppError, Database, Host,
    apart::{self, Task, Turn},
    cluster,
    commit::{Committed, commit, hold},
    error::from_store,
    forget,
    limits::IDEMPOTENCY_MS,
    script::{Leaves, Parked, Place, ScriptThreads, Then},
    transaction::Transaction,
};

/// The threads that write.
pub(crate) struct WriterPool {
    shared: Arc<Shared>,
    threads: Mutex<Vec<thread::JoinHandle<()>>>,
}

struct Shared {
    ready: Mutex<Ready>,
    wake: Condvar,
    host: Arc<dyn Host>,
    /// Where transactions run that would hold up others.
    apart: ScriptThreads,
}

#[derive(Default)]
struct Ready {
    databases: VecDeque<Arc<Database>>,
    stopping: bool,
}

impl WriterPool {
    /// Starts `threads` threads, beside those that transactions run apart on.
    pub(crate) fn start(
        threads: usize,
        host: Arc<dyn Host>,
        apart: ScriptThreads,
    ) -> std::io::Result<Arc<Self>> {
        let shared = Arc::new(Shared { ready: Mutex::default(), wake: Condvar::new(), host, apart });
        let pool = Arc::new(Self { shared: Arc::clone(&shared), threads: Mutex::default() });
        for n in 0..threads {
            let shared = Arc::clone(&shared);
            let handle = thread::Builder::new()
                .name(format!("writer-{n}"))
                .stack_size(crate::script::STACK_BYTES)
                .spawn(move || serve(&shared))?;
            pool.threads.lock().push(handle);
        }
        Ok(pool)
    }

    /// Gives a database to the next free thread.
    pub(crate) fn schedule(&self, database: Arc<Database>) {
        self.shared.ready.lock().databases.push_back(database);
        self.shared.wake.notify_one();
    }

    /// Does what a thread would do next; whether there was anything.
    #[cfg(test)]
    pub(crate) fn step(&self) -> bool {
        let next = self.shared.ready.lock().databases.pop_front();
        let Some(database) = next else { return false };
        turn(&database, &self.shared, &mut Vec::new());
        true
    }

    /// Lets the threads finish what waits, and ends them. What runs apart comes back first; what waits to do so is told
    /// that there is no time left.
    pub(crate) fn stop(&self) {
        self.shared.apart.stop();
        self.shared.ready.lock().stopping = true;
        self.shared.wake.notify_all();
        for handle in self.threads.lock().drain(..) {
            // A writer thread catches what its transactions do; if it died all the same there is nothing to wait for.
            let _ = handle.join();
        }
    }
}

/// The most a writer keeps between batches of the memory that rows are encoded in. Getting megabytes anew for each
/// batch has the kernel clear them each time, a tenth of what a bulk write costs.
const SPARE_BYTES_MAX: usize = 8 << 20;

fn serve(shared: &Shared) {
    let mut spare = Vec::new();
    loop {
        let database = {
            let mut ready = shared.ready.lock();
            loop {
                if let Some(database) = ready.databases.pop_front() {
                    break database;
                }
                if ready.stopping {
                    return;
                }
                shared.wake.wait(&mut ready);
            }
        };
        turn(&database, shared, &mut spare);
    }
}

/// A thread's turn with a database.
fn turn(database: &Arc<Database>, shared: &Shared, spare: &mut Vec<u8>) {
    database.follow_if_asked();
    write_batch(database, shared, spare);
    if database.takes_forgetting() {
        forget::old_deletions(database, &*shared.host);
    }
    if database.finish_batch() {
        shared.ready.lock().databases.push_back(Arc::clone(database));
        shared.wake.notify_one();
    }
}

/// What a transaction of a batch came to before the commit.
enum Outcome {
    /// It is answered when the batch is durable.
    Ends(Result<(), AppError>),
    /// It goes on elsewhere, and nothing of it is in the batch.
    Leaves(Leaves),
}

impl Outcome {
    fn refused(error: AppError) -> Self {
        Self::Ends(Err(error))
    }
}

fn write_batch(database: &Arc<Database>, shared: &Shared, spare: &mut Vec<u8>) {
    let mut tasks = database.take_batch();
    if tasks.is_empty() {
        return;
    }
    match attempt(database, &*shared.host, &mut tasks, spare) {
        Ok(outcomes) => settle(database, shared, tasks, outcomes),
        // Of a batch whose outcome is open each is told that; nothing more is tried.
        Err(error) if tasks.len() == 1 || database.is_poisoned() => {
            let outcomes = tasks.iter().map(|_| Outcome::refused(error.clone())).collect();
            settle(database, shared, tasks, outcomes);
        }
        Err(_) => write_singly(database, shared, tasks, spare),
    }
}

/// How many transactions in a row may fail by themselves until the rest of their batch is refused with them.
const FAILURES_MAX: usize = 3;

/// One of them may be the reason (too large for the disk that is left, a bug): each by itself. Where several in a row are
/// not stored it is the store: the rest does not wait until each has failed.
fn write_singly(database: &Arc<Database>, shared: &Shared, tasks: Vec<Task>, spare: &mut Vec<u8>) {
    let mut failures: Vec<AppError> = Vec::new();
    for task in tasks {
        let mut alone = vec![task];
        let attempted = match failures.get(FAILURES_MAX - 1) {
            Some(error) => Err(error.clone()),
            None => attempt(database, &*shared.host, &mut alone, spare),
        };
        let outcomes = attempted.unwrap_or_else(|error| vec![Outcome::refused(error)]);
        match &outcomes[..] {
            // What is not known of one is nothing to tell the next one.
            [Outcome::Ends(Err(error @ AppError::Unavailable(_)))] if !database.is_poisoned() => {
                failures.push(error.clone());
            }
            _ => failures.clear(),
        }
        settle(database, shared, alone, outcomes);
    }
}

/// What is published by now, those that leave see.
fn settle(database: &Arc<Database>, shared: &Shared, tasks: Vec<Task>, outcomes: Vec<Outcome>) {
    for (task, outcome) in tasks.into_iter().zip(outcomes) {
        match outcome {
            Outcome::Ends(result) => task.answer(database, result),
            Outcome::Leaves(why) => apart::send(database, task, why, &shared.apart, &shared.host),
        }
    }
}

/// Notes a bug. The transaction that has it fails, nothing else.
pub(crate) fn panicked(database: &Database, panic: &(dyn Any + Send)) -> AppError {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic");
    tracing::error!(database = %database.id, "the writer panicked: {text}");
    AppError::Internal(text.to_owned())
}

/// How often a batch may lose the next sequence to other nodes before they wait for it. Few in unit tests, where nodes
/// are stepped and none loses twice.
const LOSSES_MAX: u32 = if cfg!(test) { 1 } else { 3 };

/// Runs and commits a batch, again where another node was faster. `Err`: nothing of it is stored.
fn attempt(
    database: &Arc<Database>,
    host: &dyn Host,
    tasks: &mut [Task],
    spare: &mut Vec<u8>,
) -> Result<Vec<Outcome>, AppError> {
    let mut losses = 0;
    let mut answered = FxHashSet::default();
    loop {
        let held = if losses < LOSSES_MAX { None } else { hold(database)? };
        let bytes = std::mem::take(spare);
        let prepared = catch_unwind(AssertUnwindSafe(|| prepare(database, host, tasks, bytes, &answered)));
        let Prepared { head, mut batch, outcomes, follow_ups, parked } = match prepared {
            Ok(Ok(prepared)) => prepared,
            Ok(Err(Halt::Failed(error))) => return Err(error),
            Ok(Err(Halt::AnsweredElsewhere(keys))) => {
                drop(held);
                cluster::catch_up(database)?;
                answered.extend(keys);
                continue;
            }
            Err(panic) => return Err(panicked(database, &*panic)),
        };
        if batch.seq == batch.base {
            return Ok(outcomes);
        }
        let committed = commit(database, &batch, held);
        if batch.bytes.capacity() <= SPARE_BYTES_MAX {
            *spare = std::mem::take(&mut batch.bytes);
            spare.clear();
        }
        if committed? == Committed::Lost {
            losses += 1;
            cluster::catch_up(database)?;
            continue;
        }
        database.last_commit_ms.store(batch.clock_ms, std::sync::atomic::Ordering::Relaxed);
        database.publish(head.publish());
        database.park(parked);
        for work in follow_ups.into_iter().chain(database.stalled()) {
            database.submit_own(work);
        }
        return Ok(outcomes);
    }
}

/// Why a batch could not be prepared.
enum Halt {
    /// The store could not be asked.
    Failed(AppError),
    /// The store remembers answers under these idempotency keys that another node gave: what they tell of may be newer
    /// than this node's state. Once that has caught up it is not.
    AnsweredElsewhere(Vec<Vec<u8>>),
}

impl From<AppError> for Halt {
    fn from(error: AppError) -> Self {
        Self::Failed(error)
    }
}

fn prepare(
    database: &Arc<Database>,
    host: &dyn Host,
    tasks: &mut [Task],
    bytes: Vec<u8>,
    answered: &FxHashSet<Vec<u8>>,
) -> Result<Prepared, Halt> {
    database.require_sound()?;
    let published = database.snapshot();
    let now_ms = host.now_ms();
    let mut batch = BatchBuilder::new(published.sq, random_tx_id(host), bytes);
    let mut head = Head::new(published);
    head.vacuum();
    let mut outcomes = Vec::with_capacity(tasks.len());
    let known = look_up(database, tasks, now_ms, answered)?;
    for task in tasks {
        outcomes.push(run_one(database, &mut head, &mut batch, task, now_ms, &known)?);
    }
    let (follow_ups, parked) = (std::mem::take(&mut batch.follow_ups), std::mem::take(&mut batch.parked));
    let batch = batch.finish(&head);
    Ok(Prepared { head, batch, outcomes, follow_ups, parked })
}

/// What the store knows of a batch's transactions before they run.
#[derive(Default)]
struct Known {
    /// Answers under their idempotency keys.
    answers: FxHashMap<Vec<u8>, Idempotency>,
    /// Work that was put off and is done already: another node may have taken it over from this one. If it is not by
    /// now, whoever does it meanwhile is faster, and this is asked again.
    done_elsewhere: FxHashSet<u128>,
}

/// Asks the store about all transactions of a batch at once.
fn look_up(
    database: &Database,
    tasks: &[Task],
    now_ms: i64,
    answered: &FxHashSet<Vec<u8>>,
) -> Result<Known, Halt> {
    let (store, mut known) = (database.store(), Known::default());
    let keys: Vec<&[u8]> = tasks.iter().filter_map(|task| Some(task.transaction.idempotency()?.0)).collect();
    if !keys.is_empty() {
        let answers = store.idempotency(&keys, now_ms - IDEMPOTENCY_MS).map_err(from_store)?;
        for (key, answer) in keys.into_iter().zip(answers) {
            let Some(answer) = answer else { continue };
            known.answers.insert(key.to_vec(), answer);
        }
        let is_new = |key: &&Vec<u8>| store.shared().is_some() && !answered.contains(*key);
        let new: Vec<_> = known.answers.keys().filter(is_new).cloned().collect();
        if !new.is_empty() {
            return Err(Halt::AnsweredElsewhere(new));
        }
    }
    let work: Vec<u128> = tasks.iter().filter_map(|task| task.transaction.done()).collect();
    if let Some(shared) = store.shared().filter(|_| !work.is_empty()) {
        let are_put_off = shared.are_put_off(&work).map_err(from_store)?;
        let done = work.into_iter().zip(are_put_off).filter(|(_, is_put_off)| !is_put_off);
        known.done_elsewhere = done.map(|(id, _)| id).collect();
    }
    Ok(known)
}

fn run_one(
    database: &Database,
    head: &mut Head,
    batch: &mut BatchBuilder,
    task: &mut Task,
    now_ms: i64,
    known: &Known,
) -> Result<Outcome, Halt> {
    let transaction = &mut *task.transaction;
    if let Some(work) = transaction.done()
        && (known.done_elsewhere.contains(&work)
            || (database.store().shared().is_some() && batch.batch.done.contains(&work)))
    {
        return Ok(Outcome::Ends(Ok(())));
    }
    let remembered_key = match transaction.idempotency() {
        Some((key, request_hash)) => {
            if let Some(earlier) = batch.remembered(key).or_else(|| known.answers.get(key)) {
                if earlier.request_hash != request_hash {
                    return Ok(Outcome::refused(AppError::IdempotencyKeyReused));
                }
                let earlier = earlier.clone();
                transaction.replay(head.snapshot(), &earlier);
                return Ok(Outcome::Ends(Ok(())));
            }
            Some(key.to_vec())
        }
        None => None,
    };
    let (transaction, turn) = apart::turn(task, head.snapshot(), now_ms);
    let made;
    let writes = match turn {
        Turn::Take(writes) => writes,
        Turn::Leave(why) => return Ok(Outcome::Leaves(why)),
        Turn::Run(place) => match run_here(head, transaction, place, now_ms) {
            Ok(writes) => {
                made = writes;
                &made
            }
            Err(outcome) => return Ok(outcome),
        },
    };
    // Nothing comes between the run, or a look at what it rests on, and this; were it otherwise, the caller runs the
    // batch again.
    let applied = head.apply(writes).map_err(|stale| AppError::Internal(stale.to_string()))?;
    let actor = transaction.actor().clone();
    let at_ms = head.snapshot().clock_ms;
    batch.add(head, &applied, actor.as_str(), at_ms);
    batch.put_off(transaction, head);
    let mut remember = transaction.applied(head.snapshot(), &applied);
    if let (Some(key), Some(mut answer)) = (remembered_key, remember.take()) {
        answer.at_ms = at_ms;
        batch.remember(key, answer);
    }
    Ok(Outcome::Ends(Ok(())))
}

/// Runs a transaction on the working state; `Err` where it came to no writes.
fn run_here(
    head: &Head,
    transaction: &mut dyn Transaction,
    place: Place,
    now_ms: i64,
) -> Result<Writes, Outcome> {
    if let Some(recording) = transaction.recording() {
        recording.begin(place);
    }
    let mut tx = head.begin(transaction.actor().clone(), now_ms);
    let ran = transaction.run(&mut tx);
    // Whatever it came to: it has not run to its end.
    if let Some(why) = transaction.recording().and_then(|recording| recording.leaves()) {
        return Err(Outcome::Leaves(why));
    }
    ran.map_err(Outcome::refused)?;
    tx.finish().map_err(|error| Outcome::refused(transaction.explain(error)))
}

fn random_tx_id(host: &dyn Host) -> u128 {
    let mut bytes = [0u8; 16];
    host.random(&mut bytes);
    u128::from_le_bytes(bytes)
}

/// Collects what a batch changes; a record touched by several transactions is stored once, in its last state.
struct BatchBuilder {
    batch: Batch,
    place: FxHashMap<(TableId, RecordId), usize>,
    actors: Vec<(usize, String)>,
    /// What does the work that was put off.
    follow_ups: Vec<Box<dyn Transaction>>,
    /// Work that was put off until later.
    parked: Vec<Parked>,
}

/// A batch that was run and is not stored yet.
struct Prepared {
    head: Head,
    batch: Batch,
    outcomes: Vec<Outcome>,
    follow_ups: Vec<Box<dyn Transaction>>,
    parked: Vec<Parked>,
}

impl BatchBuilder {
    /// `bytes`: empty, with room from an earlier batch.
    fn new(base: boobook_model::Sq, tx_id: u128, bytes: Vec<u8>) -> Self {
        let batch = Batch { base, seq: base, tx_id, bytes, ..Batch::default() };
        Self {
            batch,
            place: FxHashMap::default(),
            actors: Vec::new(),
            follow_ups: Vec::new(),
            parked: Vec::new(),
        }
    }

    /// Takes over what a transaction put off, and notes what it has done of that.
    fn put_off(&mut self, transaction: &mut dyn Transaction, head: &mut Head) {
        let (put_off, done) = (transaction.put_off(), transaction.done());
        if put_off.is_empty() && done.is_none() {
            return;
        }
        // The store tells batches apart by their sequence.
        if head.snapshot().sq == self.batch.base {
            head.skip();
        }
        self.batch.done.extend(done);
        for work in put_off {
            match work.then {
                Then::Now(transaction) => self.follow_ups.push(transaction),
                Then::At(parked) => self.parked.push(parked),
            }
            self.batch.put_off.push((work.id, work.body));
        }
    }

    fn remembered(&self, key: &[u8]) -> Option<&Idempotency> {
        self.batch.idempotency.iter().find(|(k, _)| k == key).map(|(_, answer)| answer)
    }

    fn remember(&mut self, key: Vec<u8>, answer: Idempotency) {
        self.batch.idempotency.push((key, answer));
    }

    fn add(&mut self, head: &Head, applied: &boobook_engine::Applied, actor: &str, at_ms: i64) {
        self.place.reserve(applied.changes.len());
        for change in &applied.changes {
            let record = Record {
                tid: change.table,
                rid: change.rid,
                sq: change.sq,
                deleted: change.kind == ChangeKind::Deleted,
                body: 0..0,
            };
            let at = *self.place.entry((change.table, change.rid)).or_insert(self.batch.records.len());
            if at == self.batch.records.len() {
                self.batch.records.push(record);
            } else {
                self.batch.records[at] = record;
            }
            if change.kind == ChangeKind::Deleted {
                self.actors.push((at, actor.to_owned()));
            }
            let Some(table) = head.snapshot().table(change.table) else { continue };
            if table.schema().has_history {
                let fields = &table.schema().fields;
                let from = self.batch.bytes.len();
                if change.kind != ChangeKind::Created {
                    let before = change.before.iter().map(|(slot, value)| {
                        let cell = value.as_ref().map_or(boobook_model::Cell::Empty, |v| v.as_cell());
                        (fields[*slot].id, cell)
                    });
                    codec::encode_fields(before, &mut self.batch.bytes);
                }
                self.batch.history.push(HistoryRow {
                    sq: change.sq,
                    prev: change.prev,
                    at_ms,
                    actor: actor.to_owned(),
                    tid: change.table,
                    rid: change.rid,
                    kind: match change.kind {
                        ChangeKind::Created => HistoryKind::Created,
                        ChangeKind::Updated => HistoryKind::Updated,
                        ChangeKind::Deleted => HistoryKind::Deleted,
                    },
                    before: from..self.batch.bytes.len(),
                });
            }
        }
        for &(table, next) in &applied.counters {
            self.batch.counters.retain(|(t, _)| *t != table);
            self.batch.counters.push((table, next));
        }
        if let Some(sq) = applied.schema {
            let stored = head.snapshot().schema.to_stored();
            // A JSON value made of JSON values always prints.
            self.batch.schema = Some((sq, serde_json::to_vec(&stored).unwrap_or_default()));
        }
    }

    /// Encodes each record's last state.
    fn finish(mut self, head: &Head) -> Batch {
        let snapshot = head.snapshot();
        self.batch.seq = snapshot.sq;
        self.batch.clock_ms = snapshot.clock_ms;
        let deleters: FxHashMap<usize, String> = self.actors.into_iter().collect();
        for (at, record) in self.batch.records.iter_mut().enumerate() {
            let from = self.batch.bytes.len();
            let Some(table) = snapshot.table(record.tid) else { continue };
            match table.row(record.rid).filter(|_| !record.deleted) {
                Some(row) => {
                    let meta = table.meta(row);
                    let meta = codec::RowMeta {
                        created_at_ms: meta.created_at_ms,
                        created_by: meta.created_by,
                        modified_at_ms: meta.modified_at_ms,
                        modified_by: meta.modified_by,
                    };
                    let fields = &table.schema().fields;
                    let cells =
                        fields.iter().enumerate().map(|(slot, field)| (field.id, table.cell(slot, row)));
                    codec::encode_row(&meta, cells, &mut self.batch.bytes);
                }
                None => {
                    let by = deleters.get(&at).map_or("", String::as_str);
                    let meta = codec::RowMeta {
                        created_at_ms: snapshot.clock_ms,
                        created_by: by,
                        modified_at_ms: snapshot.clock_ms,
                        modified_by: by,
                    };
                    codec::encode_row(&meta, std::iter::empty(), &mut self.batch.bytes);
                }
            }
            record.body = from..self.batch.bytes.len();
        }
        self.batch
    }
}
