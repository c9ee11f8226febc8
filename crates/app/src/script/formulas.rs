//! Values of formula fields in answers: computed from the state an answer is made of, with the rights of who made
//! the formula, on behalf of the caller (`user()`).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use boobook_engine::{Row, Snapshot};
use boobook_model::{Principal, RecordId, Role, Schema, TableId};
use boobook_nx::{Context, Library, Locale, Value, json};
use tokio::sync::oneshot;

use super::{Accesses, Runner, ScriptError, limits, snapshot::Reader};
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

/// Values of formulas for some records, in their order.
#[derive(Debug, Default)]
pub struct Computed {
    slots: Arc<[u16]>,
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
        if self.slots.is_empty() || rows.is_empty() {
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
            let _ = sender.send(formulas.compute_here(&snapshot, &records));
        }))?;
        receiver.await.map_err(|_| AppError::Unavailable("the server is shutting down".into()))?
    }

    /// Computes them on this thread, which has the stack that scripts need.
    pub(crate) fn compute_here(
        &self,
        snapshot: &Snapshot,
        records: &[RecordId],
    ) -> Result<Computed, AppError> {
        if self.slots.is_empty() || records.is_empty() {
            return Ok(Computed::default());
        }
        let library = self.database.library(&snapshot.schema);
        let mut values = Vec::with_capacity(records.len() * self.slots.len());
        // Formulas read with the rights of who made them; the field's own rights guard what they come to.
        let accesses = Accesses::new(&snapshot.schema, &Role::admin(), true);
        let outcome = self.run(snapshot, library, &accesses, |cx| {
            for &record in records {
                for &slot in self.slots.iter() {
                    values.push(cx.computed(self.table, record, slot).map_err(|error| {
                        let field =
                            snapshot.schema.table(self.table).and_then(|t| t.fields.get(usize::from(slot)));
                        let caption = field.map_or("", |field| &*field.caption);
                        let message = format!("formula {caption:?} of record {record}: {error}");
                        AppError::Script(ScriptError { message, line: None, column: None, is_syntax: false })
                    })?);
                }
            }
            Ok(())
        });
        outcome?;
        let words = Some((Arc::clone(&snapshot.schema), limits::locale(&snapshot.schema)));
        Ok(Computed { slots: Arc::clone(&self.slots), values, words })
    }

    /// Runs something over a state within the limits of scripts that read.
    pub(crate) fn run<T>(
        &self,
        snapshot: &Snapshot,
        library: Arc<Library>,
        accesses: &Accesses,
        work: impl FnOnce(&mut Context<'_>) -> Result<T, AppError>,
    ) -> Result<T, AppError> {
        let runner = Runner::new(&self.app, &self.database.id, &self.principal, &self.role);
        let script = &self.app.limits.script;
        let mut reader = Reader::new(snapshot, accesses, runner, &*self.app.host);
        #[expect(
            clippy::disallowed_methods,
            reason = "how long a script runs is no part of what it computes"
        )]
        let started = Instant::now();
        let time_max = Duration::from_millis(script.ms_max);
        let is_time_up = || started.elapsed() > time_max;
        let locale = limits::locale(&snapshot.schema);
        let mut cx = Context::new(&mut reader, library, locale, script.run(), &is_time_up);
        work(&mut cx)
    }
}
