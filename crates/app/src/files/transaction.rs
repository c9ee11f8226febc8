//! A change of a record's list of files: a write of the record like any other, with its rights and triggers.

use boobook_engine::{Applied, Snapshot, Tx, TxError};
use boobook_model::{Cell, FILES_MAX, FieldId, FileEntry, RecordId, TableId, TableSchema, UserId, Value};
use boobook_nx::{FieldAtKey, PutOff, Right};
use boobook_store::Idempotency;
use tokio::sync::oneshot;

use super::list_of;
use crate::{
    AppError, TableAccess,
    access::table_access,
    script::{Behalf, Deferred, Recording, deferred},
    transaction::Transaction,
};

/// What becomes of the files of a record.
#[derive(Debug, Clone)]
pub(crate) enum FileChange {
    /// Adds a file, in the place of one with the same name.
    Put {
        /// What is known of it.
        entry: FileEntry,
        /// The file or image field that is to name it.
        field: Option<String>,
    },
    /// Takes one out.
    Remove {
        /// Its name.
        name: String,
    },
}

pub(crate) struct FileTransaction {
    behalf: Behalf,
    actor: UserId,
    table: String,
    record: RecordId,
    change: FileChange,
    recording: Recording,
    /// Work that triggers put off.
    put_off: Vec<PutOff>,
    answer: Option<oneshot::Sender<Result<(), AppError>>>,
}

impl FileTransaction {
    pub(crate) fn new(
        behalf: Behalf,
        table: String,
        record: RecordId,
        change: FileChange,
        answer: oneshot::Sender<Result<(), AppError>>,
    ) -> Self {
        let actor = behalf.principal.user.clone();
        Self {
            behalf,
            actor,
            table,
            record,
            change,
            recording: Recording::default(),
            put_off: Vec::new(),
            answer: Some(answer),
        }
    }

    /// The fields that change with the list: the one that is to name the file, those that named one that goes.
    fn fields(
        &self,
        naming: &[usize],
        access: &TableAccess,
    ) -> Result<Vec<(usize, Option<Value>)>, AppError> {
        match &self.change {
            FileChange::Put { entry, field: Some(key) } => {
                let slot = file_field(&access.schema, key)?;
                if !access.may_write(slot) {
                    let caption = &access.schema.fields[slot].caption;
                    return Err(AppError::Forbidden(format!("this key may not write field {caption:?}")));
                }
                Ok(vec![(slot, Some(Value::Text(entry.name.as_str().into())))])
            }
            FileChange::Put { field: None, .. } => Ok(Vec::new()),
            FileChange::Remove { .. } => Ok(naming.iter().map(|slot| (*slot, None)).collect()),
        }
    }

    /// The fields that name the file already, all of which the caller must be allowed to write: what they name changes.
    fn naming(&self, tx: &Tx<'_>, access: &TableAccess) -> Result<Vec<usize>, AppError> {
        let (FileChange::Put { entry: FileEntry { name, .. }, .. } | FileChange::Remove { name }) =
            &self.change;
        let fields = access.schema.fields.iter().enumerate();
        let names = |slot: usize| tx.cell(access.id(), self.record, slot) == Cell::Text(name);
        let naming = fields.filter(|(slot, field)| field.holds_file_name() && names(*slot));
        let naming: Vec<usize> = naming.map(|(slot, _)| slot).collect();
        if let Some(slot) = naming.iter().find(|slot| !access.may_write(**slot)) {
            let caption = &access.schema.fields[*slot].caption;
            return Err(AppError::Forbidden(format!(
                "this key may not write field {caption:?}, which names this file"
            )));
        }
        Ok(naming)
    }

    /// The record's list as it is to be.
    fn list(&self, tx: &Tx<'_>, table: TableId, slot: usize) -> Result<Option<Value>, AppError> {
        let stored = match tx.cell(table, self.record, slot) {
            Cell::Text(text) => Some(text),
            _ => None,
        };
        let mut list = list_of(table, self.record, stored)?;
        match &self.change {
            FileChange::Put { entry, .. } => {
                if list.0.len() >= FILES_MAX && list.find(&entry.name).is_none() {
                    return Err(AppError::bad("file", format!("a record has at most {FILES_MAX} files")));
                }
                list.put(entry.clone());
            }
            FileChange::Remove { name } => {
                if !list.remove(name) {
                    return Err(AppError::FileNotFound);
                }
            }
        }
        Ok(list.to_stored().map(|text| Value::Text(text.into())))
    }
}

/// The file or image field of a name or id.
fn file_field(table: &TableSchema, key: &str) -> Result<usize, AppError> {
    let slot = table.slot_by_key(key).ok_or_else(|| {
        AppError::bad("fieldName", format!("there is no field {key:?} in table {:?}", table.caption))
    })?;
    if table.fields[slot].holds_file_name() {
        return Ok(slot);
    }
    Err(AppError::bad("fieldName", format!("field {key:?} holds no file; file and image fields do")))
}

impl Transaction for FileTransaction {
    fn actor(&self) -> &UserId {
        &self.actor
    }

    fn size_bytes(&self) -> usize {
        1024
    }

    fn recording(&mut self) -> Option<&mut Recording> {
        Some(&mut self.recording)
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), AppError> {
        let read_only = self.behalf.principal.read_only;
        if read_only {
            return Err(AppError::Forbidden("this key is read-only".into()));
        }
        let access = table_access(tx.schema(), &self.table, &self.behalf.role, read_only)?;
        let table = access.id();
        access.require(access.can_write, "change records of")?;
        if !tx.exists(table, self.record) {
            return Err(AppError::RecordNotFound { place: None });
        }
        let naming = self.naming(tx, &access)?;
        let mut values = self.fields(&naming, &access)?;
        let slots: Vec<u16> = values.iter().map(|(slot, _)| *slot as u16).collect();
        let mut asked = Vec::new();
        if self.behalf.hides_records(tx, table) {
            asked.push((Right::Read(table), self.record));
        }
        if self.behalf.has_rights(tx, table) {
            asked.push((Right::Write(table), self.record));
            let fields = slots.iter().copied().chain(naming.iter().map(|slot| *slot as u16));
            let fields = fields.map(|slot| Right::WriteField(FieldAtKey(table, slot)));
            asked.extend(fields.map(|right| (right, self.record)));
        }
        if !asked.is_empty() {
            self.behalf.require(tx, &self.recording, table, &asked)?;
        }
        let files = access.schema.slot(FieldId::FILES).ok_or(AppError::TableNotFound)?;
        values.push((files, self.list(tx, table, files)?));
        tx.update(table, self.record, values).map_err(|error| self.explain(error))?;
        self.put_off.clear();
        if self.behalf.are_there(tx, table) {
            let written = [(self.record, false, slots)];
            self.put_off = self.behalf.set_off(tx, &self.recording, table, &written)?;
        }
        Ok(())
    }

    fn put_off(&mut self) -> Vec<Deferred> {
        deferred(&self.behalf, &self.put_off, &self.recording)
    }

    fn explain(&self, error: TxError) -> AppError {
        match error {
            TxError::RecordNotFound { .. } => AppError::RecordNotFound { place: None },
            other => AppError::bad("", other.to_string()),
        }
    }

    fn applied(&mut self, _snapshot: &Snapshot, _applied: &Applied) -> Option<Idempotency> {
        None
    }

    fn replay(&mut self, _snapshot: &Snapshot, _earlier: &Idempotency) {}

    fn answer(mut self: Box<Self>, result: Result<(), AppError>) {
        if let Some(sender) = self.answer.take() {
            // The client may have gone; the change stands all the same.
            let _ = sender.send(result);
        }
    }
}
