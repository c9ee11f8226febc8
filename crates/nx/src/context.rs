//! What a running script has at hand: the host, the schema's scripts, its limits and what it has used of them.

use std::sync::Arc;

use boobook_model::{RecordId, Schema, TableId, Value as Stored};
use rustc_hash::FxHashMap;

use crate::{
    Host, Library, Locale, Right, RunError, RunErrorKind, Selection, Value,
    deferred::PutOff,
    eval::{EVAL_DEPTH_MAX, stored},
    ir::{FieldAt, Program},
    library::{FieldAtKey, Trigger},
    regex::RegexCache,
};

/// What a run may use. Each has an error of its own.
#[derive(Clone, Debug)]
pub struct RunLimits {
    /// Calls, turns of loops, records looked at.
    pub steps_max: u64,
    /// Bytes of text, arrays and objects made in all.
    pub bytes_max: u64,
    /// Calls of functions within calls.
    pub depth_max: u32,
    /// Steps a regular expression may take back in one search.
    pub regex_backtracks_max: usize,
}

impl Default for RunLimits {
    /// §6.6: 10⁷ steps, depth 200, 50 MB.
    fn default() -> Self {
        Self { steps_max: 10_000_000, bytes_max: 50 << 20, depth_max: 200, regex_backtracks_max: 1_000_000 }
    }
}

/// Triggers that set off triggers, so deep (§6.2). What lies deeper does not run, and is logged.
const TRIGGER_DEPTH_MAX: usize = 16;
/// Values of formulas that one run keeps.
const MEMO_MAX: usize = 100_000;
/// How many steps lie between two looks at the clock.
const STEPS_PER_LOOK: u64 = 4096;

/// The state of one run.
pub struct Context<'h> {
    /// Records, users, time.
    pub host: &'h mut dyn Host,
    /// The schema, here so that it can be read while the host is used.
    pub schema: Arc<Schema>,
    /// Language and zone of the database.
    pub locale: Locale,
    /// What it may use.
    pub limits: RunLimits,
    /// Work put off until the transaction is done.
    pub deferred: Vec<PutOff>,
    /// Whether scripts that are compiled while it runs (`eval`) may write and reach outside. Formulas and conditions
    /// only read whatever this says.
    pub may_write: bool,
    pub(crate) calls: u32,
    /// Scripts of `eval`, with the table of their `this`.
    pub(crate) evaluated: FxHashMap<(Arc<str>, Option<TableId>), Arc<Program>>,
    library: Arc<Library>,
    is_time_up: &'h dyn Fn() -> bool,
    steps: u64,
    bytes: u64,
    depth: u32,
    memo: FxHashMap<(FieldAt, RecordId), Value>,
    /// How it selects, where that was asked for.
    pub(crate) selections: Option<Vec<Selection>>,
    /// Conditions of the schema decide what it may read.
    pub(crate) is_restricted: bool,
    /// Scripts of the schema under way, which need not ask.
    pub(crate) trusted: u32,
    /// Records that conditions were asked about.
    pub(crate) seen: FxHashMap<(TableId, RecordId), bool>,
    pub(crate) regexes: RegexCache,
    /// What `set(name, value)` keeps for `get(name)`.
    pub(crate) kept: FxHashMap<Arc<str>, Value>,
    /// Triggers under way, with their records.
    triggers: Vec<(Trigger, RecordId)>,
}

impl<'h> Context<'h> {
    /// The start of a run. `is_time_up` is asked every few thousand steps; the clock is the host's.
    pub fn new(
        host: &'h mut dyn Host,
        library: Arc<Library>,
        locale: Locale,
        limits: RunLimits,
        is_time_up: &'h dyn Fn() -> bool,
    ) -> Self {
        let locale = locale.with_users(host.users().iter().chain([host.user()]));
        Self {
            host,
            schema: Arc::clone(&library.schema),
            locale,
            limits,
            deferred: Vec::new(),
            may_write: false,
            calls: 0,
            evaluated: FxHashMap::default(),
            library,
            is_time_up,
            steps: 0,
            bytes: 0,
            depth: 0,
            memo: FxHashMap::default(),
            selections: None,
            is_restricted: false,
            trusted: 0,
            seen: FxHashMap::default(),
            regexes: RegexCache::default(),
            kept: FxHashMap::default(),
            triggers: Vec::new(),
        }
    }

    /// After a write what was worked out before may not hold any more.
    pub(crate) fn forget(&mut self) {
        self.memo.clear();
        self.seen.clear();
    }

    /// The scripts of the schema.
    pub(crate) fn library(&self) -> Arc<Library> {
        Arc::clone(&self.library)
    }

    /// Notes work done.
    pub fn step(&mut self, steps: u64) -> Result<(), RunError> {
        let before = self.steps / STEPS_PER_LOOK;
        self.steps += steps;
        if self.steps > self.limits.steps_max {
            return Err(RunError::new(RunErrorKind::Steps(self.limits.steps_max)));
        }
        if self.steps / STEPS_PER_LOOK != before && (self.is_time_up)() {
            return Err(RunError::new(RunErrorKind::Time));
        }
        Ok(())
    }

    /// Notes memory that a value takes, before or after it is made.
    pub fn charge(&mut self, bytes: usize) -> Result<(), RunError> {
        self.bytes += bytes as u64;
        if self.bytes > self.limits.bytes_max {
            return Err(RunError::new(RunErrorKind::Memory(self.limits.bytes_max)));
        }
        Ok(())
    }

    /// A value whose memory is noted.
    pub fn made(&mut self, value: impl Into<Value>) -> Result<Value, RunError> {
        let value = value.into();
        self.charge(value.heap_bytes())?;
        Ok(value)
    }

    pub(crate) fn enter(&mut self) -> Result<(), RunError> {
        self.depth += 1;
        if self.depth > EVAL_DEPTH_MAX {
            self.depth -= 1;
            return Err(RunError::new(RunErrorKind::Depth(self.limits.depth_max)));
        }
        Ok(())
    }

    pub(crate) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// A formula of a record. One that fails is empty (§6.3); one that takes too much ends the run.
    pub(crate) fn formula(
        &mut self,
        table: TableId,
        record: RecordId,
        at: FieldAt,
    ) -> Result<Value, RunError> {
        let key = FieldAtKey(at.table, at.slot);
        let is_steady = at.table == table && self.library.is_steady(at);
        if is_steady && let Some(known) = self.host.recall(key, record) {
            return Ok(known);
        }
        if let Some(known) = self.memo.get(&(at, record)) {
            return Ok(known.clone());
        }
        let Some(program) = self.library.formula(at) else { return Ok(Value::Null) };
        if !self.host.exists(table, record) {
            return Ok(Value::Null);
        }
        self.step(1)?;
        let value = match self.reading(|cx| program.run(cx, vec![Value::Record(table, record)])) {
            Ok(value) => value,
            Err(error) if error.is_of_run() => return Err(error),
            Err(_) => Value::Null,
        };
        let is_kept = is_steady && self.host.remember(key, record, &value);
        if !is_kept && self.memo.len() < MEMO_MAX {
            self.memo.insert((at, record), value.clone());
        }
        Ok(value)
    }

    /// What the formula in a slot of a record comes to, empty where it fails; or the many side of a relation.
    pub fn computed(&mut self, table: TableId, record: RecordId, slot: u16) -> Result<Value, RunError> {
        let field = self.schema.table(table).and_then(|of| of.fields.get(usize::from(slot)));
        match field.and_then(|field| field.target.zip(field.pair)) {
            Some((target, pair)) => {
                let linked = self.linked(record, target, pair)?;
                Ok(if linked.item_count() == 0 { Value::Null } else { linked })
            }
            None => self.formula(table, record, FieldAt { table, slot }),
        }
    }

    /// Gives a new record the defaults of its fields but those `given` (§6.3). One that fails or does not fit the
    /// field leaves it empty.
    pub fn defaults(&mut self, table: TableId, record: RecordId, given: &[u16]) -> Result<(), RunError> {
        let Some(defaults) = self.library.defaults(table) else { return Ok(()) };
        let schema = Arc::clone(&self.schema);
        for (slot, program) in defaults.iter().filter(|(slot, _)| !given.contains(slot)) {
            self.step(1)?;
            let value = match self.reading(|cx| program.run(cx, vec![Value::Record(table, record)])) {
                Ok(value) => value,
                Err(error) if error.is_of_run() => return Err(error),
                Err(_) => continue,
            };
            let field = schema.table(table).and_then(|table| table.fields.get(usize::from(*slot)));
            // A new record has no file that a field could name.
            let field = field.filter(|field| !field.holds_file_name());
            let stored = field.and_then(|field| stored(field, &value).ok().flatten());
            if stored.is_some() {
                self.forget();
                self.host.trigger(true);
                let outcome = self.host.set(table, record, usize::from(*slot), stored);
                self.host.trigger(false);
                outcome?;
            }
        }
        Ok(())
    }

    /// Makes a record and sets off what happens then.
    pub(crate) fn create(&mut self, table: TableId) -> Result<RecordId, RunError> {
        self.forget();
        let record = self.host.create(table)?;
        self.defaults(table, record, &[])?;
        self.require(Right::Create(table), table, record)?;
        self.set_off(Trigger::Created(table), table, record)?;
        Ok(record)
    }

    /// Sets a field and sets off what happens then.
    pub(crate) fn set(
        &mut self,
        table: TableId,
        record: RecordId,
        at: FieldAt,
        value: Option<Stored>,
    ) -> Result<(), RunError> {
        self.require(Right::Write(table), table, record)?;
        self.require(Right::WriteField(FieldAtKey(table, at.slot)), table, record)?;
        self.forget();
        self.host.set(table, record, usize::from(at.slot), value)?;
        self.updated(table, record, &[at.slot])
    }

    pub(crate) fn delete(&mut self, table: TableId, record: RecordId) -> Result<(), RunError> {
        self.require(Right::Delete(table), table, record)?;
        self.forget();
        self.host.delete(table, record)?;
        Ok(())
    }

    /// What a record written from outside sets off once it is stored: made, or changed in some fields.
    pub fn written(
        &mut self,
        table: TableId,
        record: RecordId,
        is_new: bool,
        slots: &[u16],
    ) -> Result<(), RunError> {
        if is_new {
            return self.set_off(Trigger::Created(table), table, record);
        }
        self.updated(table, record, slots)
    }

    /// Triggers of fields in the order written, then that of the table (§6.2).
    fn updated(&mut self, table: TableId, record: RecordId, slots: &[u16]) -> Result<(), RunError> {
        for &slot in slots {
            self.set_off(Trigger::FieldUpdated(FieldAtKey(table, slot)), table, record)?;
        }
        self.set_off(Trigger::Updated(table), table, record)
    }

    fn set_off(&mut self, trigger: Trigger, table: TableId, record: RecordId) -> Result<(), RunError> {
        let Some(program) = self.library.trigger(trigger) else { return Ok(()) };
        if self.triggers.contains(&(trigger, record)) {
            return Ok(());
        }
        if self.triggers.len() >= TRIGGER_DEPTH_MAX {
            self.host.log("a trigger was left out: triggers set off triggers too deeply");
            return Ok(());
        }
        self.step(1)?;
        self.triggers.push((trigger, record));
        self.host.trigger(true);
        let outcome = self.trusted(|cx| program.run(cx, vec![Value::Record(table, record)]));
        self.host.trigger(false);
        self.triggers.pop();
        outcome.map(|_| ())
    }
}
