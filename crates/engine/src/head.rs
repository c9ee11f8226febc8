//! The writer's working state.

use std::sync::Arc;

use boobook_model::{RecordId, Sq, TableId, UserId, Value};

use crate::{Row, Snapshot, Tx, Writes};

/// The state the one writer of a database works on, ahead of what readers see until it is published.
pub struct Head {
    working: Snapshot,
}

/// What [`Head::apply`] did.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// Records changed, ascending by sequence.
    pub changes: Vec<AppliedChange>,
    /// Next record ids that moved.
    pub counters: Vec<(TableId, u64)>,
    /// Sequence of the schema change, where there was one.
    pub schema: Option<Sq>,
}

/// One record's change.
#[derive(Clone, Debug)]
pub struct AppliedChange {
    /// Its table.
    pub table: TableId,
    /// Its id.
    pub rid: RecordId,
    /// Where it is; `None` if it is gone.
    pub row: Option<Row>,
    /// Sequence of this change.
    pub sq: Sq,
    /// Sequence of the change before; 0 for none. A revived record goes on from its deletion.
    pub prev: Sq,
    /// What happened.
    pub kind: ChangeKind,
    /// Old values of the slots that changed, ascending; all that were not empty for a deleted record, nothing
    /// for a created one.
    pub before: Vec<(usize, Option<Value>)>,
}

/// What happened to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It came into being, or came back by an upsert.
    Created,
    /// It was touched.
    Updated,
    /// It went.
    Deleted,
}

impl Head {
    /// A working state that starts where a snapshot stands.
    pub fn new(snapshot: Arc<Snapshot>) -> Self {
        Self { working: Arc::unwrap_or_clone(snapshot) }
    }

    /// The working state.
    pub fn snapshot(&self) -> &Snapshot {
        &self.working
    }

    /// Starts a transaction. `now_ms` is raised to the newest time in the database if that is later.
    pub fn begin(&self, actor: UserId, now_ms: i64) -> Tx<'_> {
        todo!()
    }

    /// Makes a transaction part of the working state. Sequences are handed out here, in order of first touch.
    pub fn apply(&mut self, writes: Writes) -> Applied {
        todo!()
    }

    /// The working state as a snapshot for readers.
    pub fn publish(&self) -> Arc<Snapshot> {
        Arc::new(self.working.clone())
    }

    /// Rewrites tables more than 30 % dead; true if there were any. Changes no record and no sequence.
    pub fn vacuum(&mut self) -> bool {
        todo!()
    }

    /// Forgets deletions at or below a sequence.
    pub fn forget_tombstones(&mut self, upto: Sq) {
        todo!()
    }
}
