//! The writer's working state.

use std::sync::Arc;

use boobook_model::{RecordId, Sq, TableId, UserId, Value};

use crate::{
    Row, Snapshot, StaleWrites, Table, Tx, Writes, meta::Stamp, snapshot::State, table::Made, tx::Touched,
};

/// Tables up to this many rows are left as they are however many are dead.
const VACUUM_ROWS_MIN: u32 = 4096;

/// The state the one writer of a database works on, ahead of what readers see until it is published.
pub struct Head {
    pub(crate) working: Snapshot,
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
        Self { working: Snapshot { is_published: false, ..Arc::unwrap_or_clone(snapshot) } }
    }

    /// The working state.
    pub fn snapshot(&self) -> &Snapshot {
        &self.working
    }

    /// Starts a transaction. `now_ms` counts unless the database has seen a later time.
    pub fn begin(&self, actor: UserId, now_ms: i64) -> Tx<'_> {
        Tx::new(&self.working, actor, now_ms)
    }

    /// Makes a transaction part of the working state. Sequences are handed out here, in order of first touch; a
    /// schema change takes the first.
    ///
    /// [`StaleWrites`] if the working state is not the one the transaction began on, by another transaction or a
    /// vacuum: its rows may be others' by now. Nothing is changed then. One that was made apart ([`Snapshot::begin`])
    /// is stale only if the schema or a table it looked at has changed.
    pub fn apply(&mut self, writes: &Writes) -> Result<Applied, StaleWrites> {
        if !writes.fit(&self.working) {
            return Err(StaleWrites);
        }
        let mut applied = Applied::default();
        self.working.clock_ms = self.working.clock_ms.max(writes.now_ms);
        if let Some(migrated) = &writes.migrated {
            let sq = Sq(self.working.sq.0 + 1);
            let clock_ms = self.working.clock_ms;
            self.working = Snapshot { sq, schema_sq: sq, clock_ms, ..Snapshot::clone(migrated) };
            applied.schema = Some(sq);
        }
        applied.changes.reserve(writes.touched.len());
        let mut settle = Vec::new();
        // Neighbours mostly are of one table.
        for group in writes.touched.chunk_by(|a, b| a.table == b.table) {
            let Some(at) = self.working.place(group[0].table) else { continue };
            let mut sq = self.working.sq;
            let table = Arc::make_mut(&mut self.working.tables[at].1);
            let by = table.meta.user(writes.actor.as_str());
            for touched in group.iter().filter(|touched| touched.is_live || touched.row.is_some()) {
                sq = Sq(sq.0 + 1);
                let stamp = Stamp { sq, at_ms: self.working.clock_ms, by };
                applied.changes.push(apply_one(table, touched, stamp));
            }
            self.working.sq = sq;
            settle.push(at);
        }
        for &(id, next) in &writes.counters {
            let Some(at) = self.working.place(id) else { continue };
            if self.working.tables[at].1.next_id != next {
                Arc::make_mut(&mut self.working.tables[at].1).next_id = next;
                applied.counters.push((id, next));
            }
        }
        settle.sort_unstable();
        settle.dedup();
        for at in settle {
            Arc::make_mut(&mut self.working.tables[at].1).settle();
        }
        self.working.state = State::default();
        Ok(applied)
    }

    /// Takes the next sequence for something that changes no record.
    pub fn skip(&mut self) {
        self.working.sq = Sq(self.working.sq.0 + 1);
        self.working.state = State::default();
    }

    /// The working state as a snapshot for readers.
    pub fn publish(&self) -> Arc<Snapshot> {
        Arc::new(Snapshot { is_published: true, ..self.working.clone() })
    }

    /// Rewrites tables more than 30 % dead, or with many rows out of order; true if there were any. Records and
    /// sequences stay what they are, rows move.
    pub fn vacuum(&mut self) -> bool {
        self.vacuum_above(VACUUM_ROWS_MIN)
    }

    pub(crate) fn vacuum_above(&mut self, rows_min: u32) -> bool {
        let mut any = false;
        for (_, table) in &mut self.working.tables {
            if table.wants_vacuum(rows_min) {
                *table = Arc::new(table.vacuumed());
                any = true;
            }
        }
        if any {
            self.working.state = State::default();
        }
        any
    }

    /// Forgets deletions at or below a sequence (see [`Snapshot::expired`]), and raises `sq_min` to it.
    pub fn forget_tombstones(&mut self, upto: Sq) {
        self.working.sq_min = self.working.sq_min.max(upto);
        self.working.state = State::default();
        for (_, table) in &mut self.working.tables {
            Arc::make_mut(table).forget_gone(upto);
        }
    }
}

fn apply_one(table: &mut Table, touched: &Touched, stamp: Stamp) -> AppliedChange {
    let rid = touched.rid;
    let (row, prev, kind, before) = match touched.row {
        None => {
            let (row, prev) =
                table.insert(rid, &touched.values, Made { at_ms: stamp.at_ms, by: stamp.by }, stamp);
            (Some(row), prev, ChangeKind::Created, Vec::new())
        }
        Some(row) if touched.is_live => {
            let (prev, before) = table.change(row, rid, &touched.values, stamp);
            (Some(row), prev, ChangeKind::Updated, before)
        }
        Some(row) => {
            let (prev, before) = table.remove(row, rid, stamp);
            (None, prev, ChangeKind::Deleted, before)
        }
    };
    AppliedChange { table: touched.table, rid, row, sq: stamp.sq, prev, kind, before }
}
