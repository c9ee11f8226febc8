//! A transaction as the language sees it: reads see what it wrote, writes ask for the caller's rights.

use std::sync::Arc;

use boobook_engine::{Tx, TxError};
use boobook_model::{Cell, FileEntry, RecordId, Schema, TableId, Value};
use boobook_nx::{FileSource, Filter, Host, HostError, RecordMeta, User, Value as NxValue};

use super::{
    Accesses, Reach, Recording, Runner,
    files::{Maker, renamed},
    snapshot::engine_conditions,
};
use crate::{ShareTarget, TableAccess};

/// Reads and writes a transaction with a caller's rights.
pub(crate) struct Overlay<'a, 'h> {
    tx: &'a mut Tx<'h>,
    schema: Arc<Schema>,
    accesses: &'a Accesses,
    runner: &'a Runner,
    host: &'a dyn crate::Host,
    recording: &'a Recording,
    /// Triggers under way: they write with the rights of who made them.
    triggers: u32,
    reach: Option<Reach<'a>>,
}

impl<'a, 'h> Overlay<'a, 'h> {
    pub(crate) fn new(
        tx: &'a mut Tx<'h>,
        accesses: &'a Accesses,
        runner: &'a Runner,
        host: &'a dyn crate::Host,
        recording: &'a Recording,
    ) -> Self {
        let schema = Arc::clone(tx.schema());
        Self { tx, schema, accesses, runner, host, recording, triggers: 0, reach: None }
    }

    /// With a way out.
    pub(crate) fn reaching(self, reach: Reach<'a>) -> Self {
        Self { reach: Some(reach), ..self }
    }

    fn require(
        &self,
        table: TableId,
        what: &str,
        allowed: impl Fn(&TableAccess) -> bool,
    ) -> Result<(), HostError> {
        match self.accesses.of(table) {
            Some(access) if self.triggers > 0 || allowed(access) => Ok(()),
            Some(access) => {
                Err(HostError::new(format!("this key may not {what} table {:?}", access.schema.caption)))
            }
            None => Err(HostError::new("there is no such table")),
        }
    }
}

fn not_here() -> HostError {
    HostError::new("contents of files are not available here")
}

fn refused(error: TxError) -> HostError {
    HostError::new(error.to_string())
}

impl Host for Overlay<'_, '_> {
    fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    fn may_read(&self, table: TableId, slot: usize) -> bool {
        self.accesses.of(table).is_some_and(|access| access.may_read(slot))
    }

    fn may_read_table(&self, table: TableId) -> bool {
        self.triggers > 0 || self.accesses.of(table).is_some_and(|access| access.require_read().is_ok())
    }

    fn exists(&self, table: TableId, record: RecordId) -> bool {
        self.tx.exists(table, record)
    }

    fn cell(&self, table: TableId, record: RecordId, slot: usize) -> Cell<'_> {
        self.tx.cell(table, record, slot)
    }

    fn meta(&self, table: TableId, record: RecordId) -> Option<RecordMeta> {
        let meta = self.tx.meta(table, record)?;
        Some(RecordMeta {
            created_at_ms: meta.created_at_ms,
            created_by: meta.created_by.into(),
            modified_at_ms: meta.modified_at_ms,
            modified_by: meta.modified_by.into(),
            sq: meta.sq.0,
        })
    }

    fn reverse(&self, table: TableId, slot: usize, record: RecordId, out: &mut Vec<RecordId>) {
        self.tx.reverse(table, slot, record, out);
    }

    fn select(&self, table: TableId, filter: &Filter<'_>) -> Vec<RecordId> {
        let mut found = self.tx.select(table, &engine_conditions(filter.conditions));
        filter.sift(self, table, &mut found);
        found
    }

    fn count(&self, table: TableId, filter: &Filter<'_>) -> usize {
        match filter.sieves {
            [] => self.tx.count(table, &engine_conditions(filter.conditions)),
            _ => self.select(table, filter).len(),
        }
    }

    fn create(&mut self, table: TableId) -> Result<RecordId, HostError> {
        self.require(table, "create records in", |access| access.can_create)?;
        self.tx.create(table, Vec::new()).map_err(refused)
    }

    fn set(
        &mut self,
        table: TableId,
        record: RecordId,
        slot: usize,
        value: Option<Value>,
    ) -> Result<(), HostError> {
        self.require(table, "change records of", |access| access.can_write)?;
        if self.triggers == 0 && !self.accesses.of(table).is_some_and(|access| access.may_write(slot)) {
            let field = self.schema.table(table).and_then(|table| table.fields.get(slot));
            let caption = field.map_or("", |field| &*field.caption);
            return Err(HostError::new(format!("this key may not write field {caption:?}")));
        }
        self.tx.update(table, record, vec![(slot, value)]).map_err(refused)
    }

    fn delete(&mut self, table: TableId, record: RecordId) -> Result<(), HostError> {
        self.require(table, "delete records of", |access| access.can_delete)?;
        if !self.tx.exists(table, record) {
            return Ok(());
        }
        self.tx.delete(table, record).map_err(refused)
    }

    fn trigger(&mut self, begins: bool) {
        self.triggers = if begins { self.triggers + 1 } else { self.triggers.saturating_sub(1) };
    }

    fn now_ms(&self) -> i64 {
        self.recording.now_ms(self.host)
    }

    fn random(&mut self) -> f64 {
        self.recording.random(self.host)
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

    fn log(&mut self, message: &str) {
        tracing::debug!(database = %self.runner.database, "script: {message}");
    }

    fn load_file(&mut self, file: &FileEntry) -> Result<Vec<u8>, HostError> {
        let reach = self.reach.as_ref().ok_or_else(not_here)?;
        Ok(reach.load(self.recording, file)?.into())
    }

    fn make_file(&mut self, name: Option<&str>, source: FileSource<'_>) -> Result<FileEntry, HostError> {
        let reach = self.reach.as_ref().ok_or_else(not_here)?;
        let maker = Maker { user: self.runner.user.id.as_str(), now_ms: self.now_ms() };
        reach.make(self.recording, &maker, name, source)
    }

    fn rename_file(&self, file: &FileEntry, name: &str) -> Result<FileEntry, HostError> {
        renamed(file, name)
    }

    fn file_gone(&mut self, table: TableId, record: RecordId, name: &str) -> Result<(), HostError> {
        let target = ShareTarget::File { table, record, name: name.to_owned() };
        self.reach.as_ref().map_or(Ok(()), |reach| reach.end_share(self.recording, target))
    }

    fn outside(&mut self, function: &'static str, arguments: &[NxValue]) -> Result<NxValue, HostError> {
        match &self.reach {
            Some(reach) => reach.call(self.recording, function, arguments),
            None => Err(HostError::new(format!("{function}() is not available here"))),
        }
    }
}
