//! Running a transaction apart from its database's writer (architecture.md §7, "Slow scripts never hold the writer";
//! decisions and figures in docs/design/006-slow-scripts.md).
//!
//! Every transaction runs on the writer first. One that asks the web, or takes longer than others can wait, leaves:
//! nothing of it is kept, it is not answered, and it runs again on a thread of its own, on the newest published
//! snapshot. It comes back with what it writes, which the writer takes if no table that it looked at has changed since.
//! If one has, it runs once more: on the writer, with the answers it has got, or apart again where it is slow.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use boobook_engine::{Snapshot, Writes};

use crate::{
    AppError, Database, Host,
    script::{Leaves, Place, ScriptThreads},
    transaction::Transaction,
};

/// How often a transaction may leave again to ask for something new.
const BACK_MAX: u32 = 3;
/// How often one may lose to others before they wait for it.
const LOSSES_MAX: u32 = 3;

/// A transaction on its way to be stored.
pub(crate) struct Task {
    pub(crate) transaction: Box<dyn Transaction>,
    trip: Trip,
}

/// What became of a transaction so far.
#[derive(Default)]
struct Trip {
    /// What it came to apart.
    writes: Option<Writes>,
    /// How often it left to ask outside.
    left_to_ask: u32,
    /// How often others changed what its writes rest on.
    lost: u32,
    is_slow: bool,
    /// Its idempotency key is among those under way.
    holds_key: bool,
}

/// What the writer does with a transaction.
pub(crate) enum Turn<'t> {
    /// Takes what it came to apart.
    Take(&'t Writes),
    /// Runs it.
    Run(Place),
    /// Sends it away at once: it would only be found to be slow again.
    Leave(Leaves),
}

impl Task {
    pub(crate) fn new(transaction: Box<dyn Transaction>) -> Self {
        Self { transaction, trip: Trip::default() }
    }

    /// Answers it.
    pub(crate) fn answer(self, database: &Database, result: Result<(), AppError>) {
        if let (true, Some((key, _))) = (self.trip.holds_key, self.transaction.idempotency()) {
            database.keys_apart.lock().remove(key);
        }
        self.transaction.answer(result);
    }

    /// Whether no other request with the same key is apart; it is then kept so.
    fn hold_key(&mut self, database: &Database) -> bool {
        if let (false, Some((key, _))) = (self.trip.holds_key, self.transaction.idempotency()) {
            self.trip.holds_key = database.keys_apart.lock().insert(key.to_vec());
            return self.trip.holds_key;
        }
        true
    }
}

/// The writer's turn on a transaction: with the state it works on, and the time of what it stores.
pub(crate) fn turn<'t>(
    task: &'t mut Task,
    state: &Snapshot,
    now_ms: i64,
) -> (&'t mut dyn Transaction, Turn<'t>) {
    let Task { transaction, trip } = task;
    let turn = match trip.writes.take() {
        Some(writes) if writes.fit(state) => Turn::Take(trip.writes.insert(writes.at(now_ms))),
        Some(_) => {
            trip.lost += 1;
            match trip {
                Trip { lost: LOSSES_MAX.., .. } => Turn::Run(Place::WriterAtLast),
                Trip { is_slow: true, .. } => Turn::Leave(Leaves::Slow),
                _ => Turn::Run(Place::Writer),
            }
        }
        None if trip.lost >= LOSSES_MAX => Turn::Run(Place::WriterAtLast),
        None => Turn::Run(Place::Writer),
    };
    (&mut **transaction, turn)
}

/// Takes a transaction that cannot go on at the writer, and brings it back there.
pub(crate) fn send(
    database: &Arc<Database>,
    mut task: Task,
    why: Leaves,
    threads: &ScriptThreads,
    host: &Arc<dyn Host>,
) {
    match why {
        Leaves::ToAsk => task.trip.left_to_ask += 1,
        Leaves::Slow => task.trip.is_slow = true,
    }
    if task.trip.left_to_ask > 1 + BACK_MAX {
        let message = format!(
            "the records changed {BACK_MAX} times while the script waited for the web or for files, and it asks for something else each \
             time; nothing was stored: try again"
        );
        return task.answer(database, Err(AppError::Conflict(message)));
    }
    if !task.hold_key(database) {
        let message = "a request with this Idempotency-Key is still under way; try again in a moment";
        return task.answer(database, Err(AppError::Conflict(message.into())));
    }
    // Work that was put off is stored already: it is not refused, and there is no more of it than was let in.
    let waiting_max = if task.transaction.done().is_some() { usize::MAX } else { threads.waiting_max };
    let (to, host) = (Arc::clone(database), Arc::clone(host));
    if let Err((error, task)) = threads.run_with(task, waiting_max, move |task| run(&to, &*host, task)) {
        task.answer(database, Err(error));
    }
}

fn run(database: &Arc<Database>, host: &dyn Host, mut task: Task) {
    let ran = catch_unwind(AssertUnwindSafe(|| work_out(database, host, &mut *task.transaction)));
    match ran.unwrap_or_else(|panic| Err(crate::writer::panicked(database, &*panic))) {
        Ok(writes) => {
            task.trip.writes = Some(writes);
            database.submit_again(task);
        }
        // It rests on a published state: nothing can take that back.
        Err(error) => task.answer(database, Err(error)),
    }
}

fn work_out(
    database: &Database,
    host: &dyn Host,
    transaction: &mut dyn Transaction,
) -> Result<Writes, AppError> {
    database.require_sound()?;
    let snapshot = database.snapshot();
    let mut tx = snapshot.begin(transaction.actor().clone(), host.now_ms());
    if let Some(recording) = transaction.recording() {
        recording.begin(Place::Apart);
    }
    transaction.run(&mut tx)?;
    tx.finish().map_err(|error| transaction.explain(error))
}
