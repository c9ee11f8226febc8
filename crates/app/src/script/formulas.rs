//! Values of formula fields in answers: computed from the state an answer is made of, with the rights of who made
//! the formula, on behalf of the caller (`user()`).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use boobook_engine::{Row, Snapshot};
use boobook_model::{Principal, RecordId, Role, Schema, TableId};
use boobook_nx::{Context, Library, Locale, RunError, Value, json};
use tokio::sync::oneshot;

use super::{Accesses, Contents, Recall, Runner, limits, refused, snapshot::Reader};
use crate::{AppError, Database, app::Inner};

/// The formulas of one table that an answer shows. Owns what it needs, so that a stream can take it along.
#[derive(Clone)]
pub struct Formulas {
    pub(crate) app: Arc<Inner>,
    pub(crate) database: Arc<Database>,
    pub(crate) principal: Arc<Principal>,
    pub(crate) role: Role,
    pub(crate) table: TableId,
    pub(crate) slots: Arc<[u16]>,
}

/// Values of formulas for some records, in their order; and what the caller may see of them, where conditions of the
/// schema decide on that.
#[derive(Debug, Default)]
pub struct Computed {
    slots: Arc<[u16]>,
    /// Fields that show on a condition.
    conditional: Vec<u16>,
    /// Whether they do, as many for each record as there are such fields.
    shows: Vec<bool>,
    /// As many for each record as there are slots.
    pub(crate) values: Vec<Value>,
    /// What captions and languages the values are written in.
    words: Option<(Arc<Schema>, Locale)>,
}

impl Computed {
    /// Which of a record's computed values belongs to a slot.
    pub fn position(&self, slot: usize) -> Option<usize> {
        self.slots.iter().position(|&known| usize::from(known) == slot)
    }

    /// Which of the conditions on fields is the one of a slot.
    pub fn condition(&self, slot: usize) -> Option<usize> {
        self.conditional.iter().position(|&known| usize::from(known) == slot)
    }

    /// Whether the field of a condition shows of the record that came as number `record`.
    pub fn shows(&self, record: usize, condition: usize) -> bool {
        self.shows.get(record * self.conditional.len() + condition).copied().unwrap_or(false)
    }

    /// The value at a position of the record that came as number `record`.
    pub fn value(&self, record: usize, position: usize) -> Option<&Value> {
        self.values.get(record * self.slots.len() + position)
    }

    /// Writes a value as a record's field (rest-api.md §8, "by result type"): records as their numbers, choices as
    /// captions unless `choice_ids`.
    pub fn write(&self, value: &Value, choice_ids: bool, out: &mut Vec<u8>) {
        let mut text = String::new();
        match (value, &self.words) {
            (Value::Record(_, record), _) => text = record.to_string(),
            (Value::Records(_, records), _) => {
                let numbers: Vec<String> = records.iter().map(ToString::to_string).collect();
                text = format!("[{}]", numbers.join(","));
            }
            (value, Some((schema, locale))) if !choice_ids => {
                json::write_with_captions(value, schema, locale, &mut text);
            }
            (value, _) => json::write(value, &mut text),
        }
        out.extend_from_slice(text.as_bytes());
    }
}

impl Formulas {
    /// Computes them for rows of a state. Runs on a thread of scripts, not on the caller's.
    pub async fn compute(&self, snapshot: &Arc<Snapshot>, rows: &[Row]) -> Result<Computed, AppError> {
        if rows.is_empty() || (self.slots.is_empty() && !self.has_conditions(snapshot)) {
            return Ok(Computed::default());
        }
        let mut records = Vec::with_capacity(rows.len());
        if let Some(table) = snapshot.table(self.table) {
            table.record_ids(rows, &mut records);
        }
        let (formulas, snapshot) = (self.clone(), Arc::clone(snapshot));
        let (sender, receiver) = oneshot::channel();
        self.app.scripts.run(Box::new(move || {
            // The client may have gone meanwhile.
            let _ = sender.send(formulas.compute_here(&snapshot, &records, true));
        }))?;
        receiver.await.map_err(|_| AppError::Unavailable("the server is shutting down".into()))?
    }

    /// Computes them on this thread, which has the stack that scripts need; where it may not wait for a disk, a formula
    /// that reads contents of files is empty.
    pub(crate) fn compute_here(
        &self,
        snapshot: &Snapshot,
        records: &[RecordId],
        may_wait: bool,
    ) -> Result<Computed, AppError> {
        if records.is_empty() || (self.slots.is_empty() && !self.has_conditions(snapshot)) {
            return Ok(Computed::default());
        }
        let library = self.database.library(&snapshot.schema);
        let conditions = if self.role.is_admin() { None } else { self.conditions(snapshot, &library) };
        let (conditional, linked) = conditions.unwrap_or_default();
        let mut slots = self.slots.to_vec();
        slots.extend(linked);
        let mut values = Vec::with_capacity(records.len() * slots.len());
        let mut shows = Vec::with_capacity(records.len() * conditional.len());
        // Formulas read with the rights of who made them; the field's own rights guard what they come to.
        let accesses = Accesses::new(&snapshot.schema, &Role::admin(), true);
        let outcome = self.run(snapshot, library, &accesses, may_wait, |cx| {
            if !self.role.is_admin() {
                cx.restrict();
            }
            let failed = |record: RecordId, slot: u16, error: RunError| {
                let field = snapshot.schema.table(self.table).and_then(|t| t.fields.get(usize::from(slot)));
                let caption = field.map_or("", |field| &*field.caption);
                refused(format!("formula {caption:?} of record {record}: {error}"))
            };
            for &record in records {
                for &slot in &slots {
                    let value = cx.computed(self.table, record, slot);
                    values.push(value.map_err(|error| failed(record, slot, error))?);
                }
                for &slot in &conditional {
                    let is_shown = cx.shows(self.table, record, slot);
                    shows.push(is_shown.map_err(|error| failed(record, slot, error))?);
                }
            }
            Ok(())
        });
        outcome?;
        let words = Some((Arc::clone(&snapshot.schema), limits::locale(&snapshot.schema)));
        Ok(Computed { slots: slots.into(), conditional, shows, values, words })
    }

    /// Whether an answer of these records takes a look at conditions of the schema.
    fn has_conditions(&self, snapshot: &Snapshot) -> bool {
        !self.role.is_admin() && self.conditions(snapshot, &self.database.library(&snapshot.schema)).is_some()
    }

    /// Fields of the table that show on a condition, and links from tables whose records do.
    fn conditions(&self, snapshot: &Snapshot, library: &Library) -> Option<(Vec<u16>, Vec<u16>)> {
        if !library.has_read_rights() {
            return None;
        }
        let conditional = library.hidden_fields(self.table);
        let mut linked = Vec::new();
        for (slot, field) in snapshot.schema.table(self.table)?.fields.iter().enumerate() {
            let is_link = !field.is_stored() && field.pair.is_some();
            if is_link && field.target.is_some_and(|target| library.hides_records(target)) {
                linked.push(slot as u16);
            }
        }
        (!conditional.is_empty() || !linked.is_empty()).then_some((conditional, linked))
    }

    /// Runs something over a state within the limits of scripts that read.
    pub(crate) fn run<T>(
        &self,
        snapshot: &Snapshot,
        library: Arc<Library>,
        accesses: &Accesses,
        may_wait: bool,
        work: impl FnOnce(&mut Context<'_>) -> Result<T, AppError>,
    ) -> Result<T, AppError> {
        let runner = Runner::new(&self.app, &self.database.id, &self.principal, &self.role);
        let script = &self.app.limits.script;
        let recall = Recall::new(&self.database.memos, snapshot, &library);
        let mut reader = Reader::new(snapshot, accesses, runner, &*self.app.host).recalling(recall);
        let time_max = Duration::from_millis(script.ms_max);
        if may_wait {
            reader = reader.reading(Contents::new(&self.app, &self.database.id), time_max);
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "how long a script runs is no part of what it computes"
        )]
        let started = Instant::now();
        let is_time_up = || started.elapsed() > time_max;
        let locale = limits::locale(&snapshot.schema);
        let mut cx = Context::new(&mut reader, Arc::clone(&library), locale, script.run(), &is_time_up);
        work(&mut cx)
    }
}
