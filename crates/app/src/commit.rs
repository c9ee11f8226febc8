//! Making a batch durable, and finding out what became of one where the store cannot say (architecture.md §4 and §7).

use std::{thread, time::Duration};

use boobook_store::{Batch, Held, StoreError};

use crate::{AppError, Database, cluster, error::from_store};

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Committed {
    /// It is stored.
    Yes,
    /// Nothing of it is, as another node was faster.
    Lost,
}

/// How often a batch is sent again of which nobody knew whether it was stored.
const DOUBTS_MAX: u32 = 3;

/// Commits, and finds out what happened where the store cannot say. A batch that is not there is sent again as it is:
/// from the same base the store takes it once, even if the first one lands late.
pub(crate) fn commit(
    database: &Database,
    batch: &Batch,
    held: Option<Box<dyn Held + '_>>,
) -> Result<Committed, AppError> {
    let mut outcome = match held {
        Some(held) => held.commit(batch),
        None => database.store().commit(batch),
    };
    let mut doubts = 0;
    loop {
        let reason = match outcome {
            Ok(()) => return Ok(Committed::Yes),
            Err(StoreError::Conflict) if doubts > 0 && is_committed(database, batch)? => {
                return Ok(Committed::Yes);
            }
            Err(StoreError::Conflict) if database.store().shared().is_some() => return Ok(Committed::Lost),
            Err(StoreError::Conflict) => {
                database.poison();
                return Err(from_store(StoreError::Conflict));
            }
            Err(StoreError::Unknown(reason)) => reason,
            // The first one may land yet.
            Err(StoreError::NotCommitted(reason)) if doubts > 0 => reason,
            Err(error) => return Err(from_store(error)),
        };
        tracing::warn!(database = %database.id, "outcome of a commit unknown ({reason}); asking the store");
        if is_committed(database, batch)? {
            return Ok(Committed::Yes);
        }
        if doubts == DOUBTS_MAX {
            database.poison();
            return Err(from_store(StoreError::Unknown(reason)));
        }
        doubts += 1;
        outcome = database.store().commit(batch);
    }
}

/// Whether the store has a batch. Where it does not answer, only opening the database anew can tell what it holds.
fn is_committed(database: &Database, batch: &Batch) -> Result<bool, AppError> {
    for wait_ms in [0u64, 10, 50, 200, 1000] {
        thread::sleep(Duration::from_millis(wait_ms));
        match database.store().is_committed(batch.seq, batch.tx_id) {
            Ok(known) => return Ok(known),
            Err(error) => tracing::warn!(database = %database.id, "the store does not answer: {error}"),
        }
    }
    database.poison();
    Err(from_store(StoreError::Unknown("the store does not answer".into())))
}

/// Keeps other nodes from committing, and catches up with them.
pub(crate) fn hold(database: &Database) -> Result<Option<Box<dyn Held + '_>>, AppError> {
    let Some(shared) = database.store().shared() else { return Ok(None) };
    let mut held = shared.hold().map_err(from_store)?;
    cluster::catch_up_from(database, &mut |since, sink| held.load_since(since, sink))?;
    Ok(Some(held))
}
