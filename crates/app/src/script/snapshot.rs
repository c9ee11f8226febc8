//! A snapshot as the language sees it.

use std::sync::Arc;

use boobook_engine::{FieldFilter, Select, Snapshot};
use boobook_model::{Cell, RecordId, Schema, TableId};
use boobook_nx::{Condition, Host, RecordMeta, Test, User};

use super::{Accesses, Runner};

/// Reads a snapshot with a caller's rights.
pub(crate) struct Reader<'a> {
    snapshot: &'a Snapshot,
    accesses: &'a Accesses,
    runner: Runner,
    host: &'a dyn crate::Host,
    now_ms: i64,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        snapshot: &'a Snapshot,
        accesses: &'a Accesses,
        runner: Runner,
        host: &'a dyn crate::Host,
    ) -> Self {
        Self { snapshot, accesses, runner, host, now_ms: host.now_ms() }
    }
}

impl Host for Reader<'_> {
    fn schema(&self) -> &Arc<Schema> {
        &self.snapshot.schema
    }

    fn may_read(&self, table: TableId, slot: usize) -> bool {
        self.accesses.of(table).is_some_and(|access| access.may_read(slot))
    }

    fn exists(&self, table: TableId, record: RecordId) -> bool {
        self.snapshot.table(table).is_some_and(|table| table.row(record).is_some())
    }

    fn cell(&self, table: TableId, record: RecordId, slot: usize) -> Cell<'_> {
        let Some(table) = self.snapshot.table(table) else { return Cell::Empty };
        table.row(record).map_or(Cell::Empty, |row| table.cell(slot, row))
    }

    fn meta(&self, table: TableId, record: RecordId) -> Option<RecordMeta> {
        let table = self.snapshot.table(table)?;
        let meta = table.meta(table.row(record)?);
        Some(RecordMeta {
            created_at_ms: meta.created_at_ms,
            created_by: meta.created_by.into(),
            modified_at_ms: meta.modified_at_ms,
            modified_by: meta.modified_by.into(),
            sq: meta.sq.0,
        })
    }

    fn reverse(&self, table: TableId, slot: usize, record: RecordId, out: &mut Vec<RecordId>) {
        let mut found = Vec::new();
        self.snapshot.reverse(table, slot, record, &mut found);
        out.extend(found.into_iter().filter_map(|id| RecordId::new(u64::from(id))));
    }

    fn select(&self, table: TableId, conditions: &[Condition]) -> Vec<RecordId> {
        let Some(records) = self.snapshot.table(table) else { return Vec::new() };
        let (probes, others): (Vec<_>, Vec<_>) =
            conditions.iter().partition(|condition| matches!(condition.test, Test::AnyOf(_)));
        let filters = probes.into_iter().filter_map(|condition| match &condition.test {
            Test::AnyOf(values) => Some(FieldFilter { slot: condition.slot, any_of: values.clone() }),
            _ => None,
        });
        let select = Select { filters: filters.collect(), ..Select::default() };
        let rows = self.snapshot.select(table, &select).rows;
        rows.into_iter()
            .filter(|&row| others.iter().all(|c| passes(&c.test, records.cell(c.slot, row))))
            .map(|row| records.record_id(row))
            .collect()
    }

    fn now_ms(&self) -> i64 {
        self.now_ms
    }

    fn random(&mut self) -> f64 {
        let mut bytes = [0; 8];
        self.host.random(&mut bytes);
        // The 53 bits that a double holds.
        (u64::from_le_bytes(bytes) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn user(&self) -> &User {
        &self.runner.user
    }

    fn users(&self) -> &[User] {
        &self.runner.users
    }

    fn place(&self) -> (&str, &str) {
        (&self.runner.team, &self.runner.database)
    }

    fn log(&mut self, message: &str) {
        tracing::debug!(database = %self.runner.database, "script: {message}");
    }
}

/// What a condition says of a cell.
fn passes(test: &Test, cell: Cell<'_>) -> bool {
    let number = match cell {
        Cell::Number(n) => n,
        Cell::Time(ms) => ms as f64,
        // No comparison with it holds.
        _ => f64::NAN,
    };
    match test {
        Test::AnyOf(values) => {
            values.iter().any(|value| value.as_ref().map_or(Cell::Empty, |value| value.as_cell()) == cell)
        }
        Test::Less(bound) => number < *bound,
        Test::LessOrEqual(bound) => number <= *bound,
        Test::Greater(bound) => number > *bound,
        Test::GreaterOrEqual(bound) => number >= *bound,
        Test::Like(part) => {
            matches!(cell, Cell::Text(text) if text.to_lowercase().contains(&part.to_lowercase()))
        }
        Test::Not(test) => !passes(test, cell),
    }
}
