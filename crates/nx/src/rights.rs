//! Rights that rest on conditions of the schema: `canRead`, `canWrite`, `canCreate`, `canDelete` (nx-language.md §6.3).
//!
//! A condition reads everything: it is the schema's, not the caller's. So do formulas and triggers, which are trusted
//! like that. What a caller's own script reads goes through [`Context::sees`] and [`Context::shows`] once the run is
//! restricted ([`Context::restrict`]).

use std::sync::Arc;

use boobook_model::{RecordId, Schema, TableId};

use crate::{
    Context, FieldAtKey, RunError, Value,
    ir::{FieldAt, Program},
};

/// What a condition in the schema allows or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Right {
    /// `canRead` of a table: which records there are.
    Read(TableId),
    /// `canRead` of a field ("display only if").
    ReadField(FieldAtKey),
    /// `canWrite` of a table.
    Write(TableId),
    /// `canCreate` of a table; `this` is the new record.
    Create(TableId),
    /// `canDelete` of a table.
    Delete(TableId),
    /// `canWrite` of a field.
    WriteField(FieldAtKey),
}

/// The condition of a [`Right`].
#[derive(Clone, Debug)]
pub(crate) enum Guard {
    Condition(Arc<Program>),
    /// It does not compile.
    Broken,
}

impl Right {
    /// The table it is about.
    pub fn table(self) -> TableId {
        match self {
            Self::Read(table) | Self::Write(table) | Self::Create(table) | Self::Delete(table) => table,
            Self::ReadField(FieldAtKey(table, _)) | Self::WriteField(FieldAtKey(table, _)) => table,
        }
    }

    /// Whether it is a right to read.
    pub fn is_to_read(self) -> bool {
        matches!(self, Self::Read(_) | Self::ReadField(_))
    }

    /// What a condition that fails comes to: nobody may do what it guards, but what is only not displayed shows.
    fn when_failed(self) -> bool {
        matches!(self, Self::ReadField(_))
    }

    /// What to tell somebody whom a condition does not allow something.
    pub fn refusal(self, schema: &Schema, record: RecordId) -> String {
        let table = self.table();
        let of_table = schema.table(table);
        let caption = of_table.map_or("", |table| &*table.caption);
        let (what, key) = match self {
            Self::Read(_) => return format!("there is no record {record} in table {caption:?}"),
            Self::Write(_) => (format!("record {record} cannot be changed"), "canWrite"),
            Self::Create(_) => ("such a record cannot be made".to_owned(), "canCreate"),
            Self::Delete(_) => (format!("record {record} cannot be deleted"), "canDelete"),
            Self::ReadField(FieldAtKey(_, slot)) | Self::WriteField(FieldAtKey(_, slot)) => {
                let field = of_table.and_then(|table| table.fields.get(usize::from(slot)));
                let caption = field.map_or("", |field| &*field.caption);
                let (verb, key) =
                    if self.is_to_read() { ("read", "canRead") } else { ("changed", "canWrite") };
                (format!("field {caption:?} of record {record} cannot be {verb}"), key)
            }
        };
        format!("{what}: a condition of table {caption:?} does not allow it ({key})")
    }
}

impl Context<'_> {
    /// From now on the run reads with the rights of who runs it, as far as the schema's conditions decide on them.
    pub fn restrict(&mut self) {
        self.is_restricted = self.library().has_read_rights();
    }

    /// Does something with the rights of who made the schema.
    pub(crate) fn trusted<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        self.trusted += 1;
        let done = work(self);
        self.trusted -= 1;
        done
    }

    /// As [`Self::trusted`], for what only reads: formulas, conditions, defaults.
    pub(crate) fn reading<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        let may_write = std::mem::replace(&mut self.may_write, false);
        let done = self.trusted(work);
        self.may_write = may_write;
        done
    }

    /// The condition on reading, where the run has to ask for one now.
    pub(crate) fn read_guard(&self, right: Right) -> Option<Guard> {
        if self.is_restricted && self.trusted == 0 { self.library().guard(right) } else { None }
    }

    /// Whether the run may know of a record.
    pub fn sees(&mut self, table: TableId, record: RecordId) -> Result<bool, RunError> {
        if self.read_guard(Right::Read(table)).is_none() {
            return Ok(true);
        }
        if let Some(known) = self.seen.get(&(table, record)) {
            return Ok(*known);
        }
        let is_seen = self.allows(Right::Read(table), table, record)?;
        self.seen.insert((table, record), is_seen);
        Ok(is_seen)
    }

    /// Leaves the records of a table that the run may know of.
    pub(crate) fn retain_seen(
        &mut self,
        table: TableId,
        records: &mut Vec<RecordId>,
    ) -> Result<(), RunError> {
        if self.read_guard(Right::Read(table)).is_none() {
            return Ok(());
        }
        let mut kept = 0;
        for at in 0..records.len() {
            if self.sees(table, records[at])? {
                records[kept] = records[at];
                kept += 1;
            }
        }
        records.truncate(kept);
        Ok(())
    }

    /// Whether the run may know what a record has in a field.
    pub fn shows(&mut self, table: TableId, record: RecordId, slot: u16) -> Result<bool, RunError> {
        let right = Right::ReadField(FieldAtKey(table, slot));
        Ok(self.read_guard(right).is_none() || self.allows(right, table, record)?)
    }

    /// The fields of a table that the run may not read from all records alike.
    pub(crate) fn hidden_fields(&self, table: TableId) -> Vec<u16> {
        if self.is_restricted && self.trusted == 0 { self.library().hidden_fields(table) } else { Vec::new() }
    }

    /// Whether reading a field of a table's records takes a look at each record.
    pub(crate) fn reads_by_record(&self, at: FieldAt) -> bool {
        self.read_guard(Right::Read(at.table)).is_some()
            || self.read_guard(Right::ReadField(FieldAtKey(at.table, at.slot))).is_some()
    }

    /// Whether the schema's condition, if there is one, allows something with a record. One that fails does not,
    /// but for fields that show on a condition (§6.3).
    pub fn allows(&mut self, right: Right, table: TableId, record: RecordId) -> Result<bool, RunError> {
        let program = match self.library().guard(right) {
            None => return Ok(true),
            Some(Guard::Broken) => return Ok(right.when_failed()),
            Some(Guard::Condition(program)) => program,
        };
        self.step(1)?;
        match self.reading(|cx| program.run(cx, vec![Value::Record(table, record)])) {
            Ok(Value::Null) => Ok(right.when_failed()),
            Ok(value) => Ok(value.is_true()),
            Err(error) if error.is_of_run() => Err(error),
            Err(_) => Ok(right.when_failed()),
        }
    }

    /// As [`Self::allows`], as an error. What is trusted need not ask; a record that cannot be seen is not there.
    pub(crate) fn require(&mut self, right: Right, table: TableId, record: RecordId) -> Result<(), RunError> {
        if self.trusted > 0 {
            return Ok(());
        }
        let right = match right {
            Right::Write(_) | Right::Delete(_) if !self.sees(table, record)? => Right::Read(table),
            right if self.allows(right, table, record)? => return Ok(()),
            right => right,
        };
        let schema = Arc::clone(&self.schema);
        Err(RunError::other(right.refusal(&schema, record)))
    }
}
