//! A snapshot as the language sees it.

use std::{sync::Arc, time::Duration};

use boobook_engine::Snapshot;
use boobook_model::{Cell, FileEntry, RecordId, Schema, TableId};
use boobook_nx::{Condition, FieldAtKey, Filter, Host, HostError, RecordMeta, Summary, Test, User, Value};

use super::{Accesses, Contents, Recall, Runner, linked::Links};

/// Reads a snapshot with a caller's rights.
pub(crate) struct Reader<'a> {
    snapshot: &'a Snapshot,
    accesses: &'a Accesses,
    runner: Runner,
    host: &'a dyn crate::Host,
    now_ms: i64,
    links: Links<'a>,
    recall: Option<Recall<'a>>,
    contents: Option<(Contents<'a>, Duration)>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        snapshot: &'a Snapshot,
        accesses: &'a Accesses,
        runner: Runner,
        host: &'a dyn crate::Host,
    ) -> Self {
        let links = Links::new(snapshot);
        Self { snapshot, accesses, runner, host, now_ms: host.now_ms(), links, recall: None, contents: None }
    }

    /// With what is known of formulas.
    pub(crate) fn recalling(self, recall: Recall<'a>) -> Self {
        Self { recall: Some(recall), ..self }
    }

    /// With contents of files, each of which it waits for so long at most: only on a thread that may wait.
    pub(crate) fn reading(self, contents: Contents<'a>, time_max: Duration) -> Self {
        Self { contents: Some((contents, time_max)), ..self }
    }
}

impl Host for Reader<'_> {
    fn schema(&self) -> &Arc<Schema> {
        &self.snapshot.schema
    }

    fn may_read(&self, table: TableId, slot: usize) -> bool {
        self.accesses.of(table).is_some_and(|access| access.may_read(slot))
    }

    fn may_read_table(&self, table: TableId) -> bool {
        self.accesses.of(table).is_some_and(|access| access.require_read().is_ok())
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

    fn select(&self, table: TableId, filter: &Filter<'_>) -> Vec<RecordId> {
        self.snapshot.ids(table, &engine_conditions(filter.conditions), filter.sieves)
    }

    fn count(&self, table: TableId, filter: &Filter<'_>) -> usize {
        self.snapshot.count(table, &engine_conditions(filter.conditions), filter.sieves)
    }

    fn numbers(&self, table: TableId, slot: usize, records: &[RecordId], out: &mut Vec<f64>) {
        let Some(table) = self.snapshot.table(table) else { return };
        let mut rows = Vec::with_capacity(records.len());
        for &record in records {
            match table.row(record) {
                Some(row) => rows.push(row),
                None => {
                    // The numbers stay in step with the records.
                    table.numbers(slot, &rows, out);
                    rows.clear();
                    out.push(f64::NAN);
                }
            }
        }
        table.numbers(slot, &rows, out);
    }

    fn summary(&self, table: TableId, filter: &Filter<'_>, slot: usize) -> Summary {
        let found = self.snapshot.summary(table, &engine_conditions(filter.conditions), filter.sieves, slot);
        Summary { count: found.count, sum: found.sum, min: found.min, max: found.max }
    }

    fn linked(&self, table: TableId, link: usize, record: RecordId, slot: usize) -> Option<Summary> {
        self.links.summary(table, link, record, slot)
    }

    fn recall(&self, at: FieldAtKey, record: RecordId) -> Option<Value> {
        self.recall.as_ref()?.get(at, record)
    }

    fn remember(&self, at: FieldAtKey, record: RecordId, value: &Value) -> bool {
        self.recall.as_ref().is_some_and(|recall| recall.put(at, record, value))
    }

    fn first_by(
        &self,
        table: TableId,
        filter: &Filter<'_>,
        slot: usize,
        desc: bool,
        take: usize,
    ) -> Option<Vec<RecordId>> {
        let conditions = engine_conditions(filter.conditions);
        Some(self.snapshot.first_by(table, (&conditions, filter.sieves), (slot, desc), take))
    }

    fn first_of_each(&self, table: TableId, filter: &Filter<'_>, slot: usize) -> Option<Vec<RecordId>> {
        self.snapshot.first_of_each(table, &engine_conditions(filter.conditions), filter.sieves, slot)
    }

    fn now_ms(&self) -> i64 {
        self.now_ms
    }

    fn random(&mut self) -> f64 {
        random(self.host)
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

    fn public_url(&self) -> &str {
        &self.runner.public_url
    }

    fn load_file(&mut self, file: &FileEntry) -> Result<Vec<u8>, HostError> {
        let (contents, time_max) =
            self.contents.as_ref().ok_or_else(|| HostError::new("contents of files cannot be read here"))?;
        Ok(contents.read(file, *time_max)?.into())
    }

    fn log(&mut self, message: &str) {
        tracing::debug!(database = %self.runner.database, "script: {message}");
    }
}

/// Conditions as the engine has them.
pub(super) fn engine_conditions(conditions: &[Condition]) -> Vec<boobook_engine::Condition> {
    conditions
        .iter()
        .map(|c| boobook_engine::Condition { slot: c.slot, test: engine_test(&c.test) })
        .collect()
}

fn engine_test(test: &Test) -> boobook_engine::Test {
    use boobook_engine::Test as Engine;
    match test {
        Test::AnyOf(values) => Engine::AnyOf(values.clone()),
        Test::Less(bound) => Engine::Less(*bound),
        Test::LessOrEqual(bound) => Engine::LessOrEqual(*bound),
        Test::Greater(bound) => Engine::Greater(*bound),
        Test::GreaterOrEqual(bound) => Engine::GreaterOrEqual(*bound),
        Test::Like(part) => Engine::Like(Arc::clone(part)),
        Test::Not(test) => Engine::Not(Box::new(engine_test(test))),
    }
}

/// From 0 to below 1.
pub(super) fn random(host: &dyn crate::Host) -> f64 {
    let mut bytes = [0; 8];
    host.random(&mut bytes);
    unit(u64::from_le_bytes(bytes))
}

/// A number from 0 to below 1 of random bits.
pub(super) fn unit(bits: u64) -> f64 {
    // The 53 bits that a double holds.
    (bits >> 11) as f64 / (1u64 << 53) as f64
}
