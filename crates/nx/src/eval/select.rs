//! `select` (nx-language.md §5.1): what the host can test goes to its columns and indexes, the rest is tested record by
//! record.

use std::sync::Arc;

use boobook_model::{Field, RecordId, Sieve, StorageClass, TableId, Value as Stored};

use super::{Evaluator, Outcome, Stop, by_value::ByValue};
use crate::{
    Condition, FieldAtKey, Filter, Right, Summary, Test, Tested, Value,
    ir::{Aggregate, Comparison, Expr, FieldAt, Kind, Known, Planned, Select},
    kernel::{Compiler, Kernel},
    rights::Guard,
};

impl Evaluator<'_, '_> {
    pub(super) fn select(&mut self, select: &Select) -> Outcome {
        match self.plan(select)? {
            Some(mut plan) => self.select_by(select, &mut plan),
            None => Ok(Value::Records(select.table, [].into())),
        }
    }

    /// As [`Self::select`], with a plan made before.
    pub(super) fn select_by(&mut self, select: &Select, plan: &mut Plan<'_>) -> Outcome {
        let found = self.carry_out(select, plan)?;
        self.cx.charge(found.len() * size_of::<RecordId>())?;
        Ok(Value::Records(select.table, found.into()))
    }

    /// `cnt(select …)`: where the host can test everything, nothing but a number comes from it.
    pub(super) fn count(&mut self, select: &Select) -> Outcome {
        let Some(mut plan) = self.plan(select)? else { return Ok(Value::Number(0.0)) };
        let count = if plan.is_for_host() {
            self.cx.step(1)?;
            plan.filter(|filter| self.cx.host.count(select.table, filter))
        } else {
            self.carry_out(select, &mut plan)?.len()
        };
        if plan.is_for_host() {
            self.cx.note_found(select, count);
        }
        Ok(Value::Number(count as f64))
    }

    /// `sum(x.Field)`: the host adds up what its columns hold. The numbers are added in the order of the records, as
    /// the function itself would do it.
    pub(super) fn aggregate(&mut self, which: Aggregate, of: &Expr, at: FieldAt) -> Outcome {
        let summary = match &of.kind {
            Kind::Select(select) => {
                let Some(mut plan) = self.plan(select)? else {
                    return Ok(aggregated(which, &Summary::of(&[])));
                };
                let shows_always = {
                    let right = Right::ReadField(FieldAtKey(at.table, at.slot));
                    self.cx.read_guard(right).is_none()
                };
                if plan.is_for_host() && shows_always {
                    self.cx.step(1)?;
                    let summary =
                        plan.filter(|filter| self.cx.host.summary(at.table, filter, usize::from(at.slot)));
                    self.cx.note_found(select, summary.count);
                    summary
                } else {
                    let found = self.carry_out(select, &mut plan)?;
                    self.summary(&found, at)?
                }
            }
            Kind::Reverse(of, link) if link.table == at.table => self.linked(of, *link, at)?,
            _ => match self.eval(of)? {
                Value::Records(_, records) => self.summary(&records, at)?,
                other => {
                    let record = |item| match item {
                        Value::Record(_, record) => Some(record),
                        _ => None,
                    };
                    let records: Vec<RecordId> = other.items().filter_map(record).collect();
                    self.summary(&records, at)?
                }
            },
        };
        Ok(aggregated(which, &summary))
    }

    /// Of the many side of a relation.
    fn linked(&mut self, of: &Expr, link: FieldAt, at: FieldAt) -> Result<Summary, Stop> {
        let of = self.eval(of)?;
        if let Value::Record(_, record) = of
            && !self.cx.reads_by_record(at)
            && let Some(summary) =
                self.cx.host.linked(at.table, usize::from(link.slot), record, usize::from(at.slot))
        {
            self.cx.step(2 + summary.count as u64)?;
            return Ok(summary);
        }
        match self.reverse(&of, link)? {
            Value::Records(_, records) => self.summary(&records, at),
            _ => Ok(Summary::of(&[])),
        }
    }

    fn summary(&mut self, records: &[RecordId], at: FieldAt) -> Result<Summary, Stop> {
        self.cx.step(1 + records.len() as u64 / 16)?;
        let mut numbers = Vec::with_capacity(records.len());
        self.cx.host.numbers(at.table, usize::from(at.slot), records, &mut numbers);
        if self.cx.reads_by_record(at) {
            for (number, &record) in numbers.iter_mut().zip(records) {
                if !self.cx.sees(at.table, record)? || !self.cx.shows(at.table, record, at.slot)? {
                    *number = f64::NAN;
                }
            }
        }
        Ok(Summary::of(&numbers))
    }

    fn carry_out(&mut self, select: &Select, plan: &mut Plan<'_>) -> Result<Vec<RecordId>, Stop> {
        let mut found = plan.filter(|filter| self.cx.host.select(select.table, filter));
        self.cx.step(1 + found.len() as u64 / 64)?;
        if plan.is_for_host() {
            self.cx.note_found(select, found.len());
            return Ok(found);
        }
        let mut kept = 0;
        for at in 0..found.len() {
            let record = found[at];
            self.cx.step(1)?;
            if self.passes(select, plan, record)? {
                found[kept] = record;
                kept += 1;
            }
        }
        found.truncate(kept);
        self.cx.note_found(select, kept);
        Ok(found)
    }

    fn passes(&mut self, select: &Select, plan: &mut Plan<'_>, record: RecordId) -> Result<bool, Stop> {
        if let Some(guard) = &mut plan.guard {
            let is_seen = |this: &mut Self| Ok(this.cx.sees(select.table, record)?);
            if !self.by_value(select.table, record, guard, is_seen)? {
                return Ok(false);
            }
        }
        for (planned, value) in &plan.by_record {
            let at = FieldAt { table: select.table, slot: planned.slot };
            let ty = self.cx.schema.table(select.table).and_then(|table| {
                let field = table.fields.get(usize::from(planned.slot))?;
                Some(crate::Type::of_field(select.table, field))
            });
            let base = ty.map_or(crate::Base::Any, |ty| ty.base);
            let left = if self.cx.shows(select.table, record, planned.slot)? {
                super::records::field(self.cx, select.table, record, at, base)
            } else {
                Value::Null
            };
            if !crate::compare::holds(self.cx, planned.comparison, &left, value) {
                return Ok(false);
            }
        }
        self.frame[usize::from(select.item)] = Value::Record(select.table, record);
        for Walked { condition, by_value } in &mut plan.walked {
            let holds = self.by_value(select.table, record, by_value, |this| this.is_true(condition))?;
            if !holds {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What a condition that depends on one field came to for the same value, else what it comes to.
    fn by_value(
        &mut self,
        table: TableId,
        record: RecordId,
        by_value: &mut ByValue,
        evaluate: impl FnOnce(&mut Self) -> Result<bool, Stop>,
    ) -> Result<bool, Stop> {
        let Some(slot) = by_value.slot else { return evaluate(self) };
        match by_value.find(self.cx.host.cell(table, record, usize::from(slot))) {
            Ok(known) => Ok(known),
            Err(key) => {
                let holds = evaluate(self)?;
                by_value.note(key, holds);
                Ok(holds)
            }
        }
    }

    /// The conditions with their values, each for what tests it best. `None`: no record passes.
    pub(super) fn plan<'s>(&mut self, select: &'s Select) -> Result<Option<Plan<'s>>, Stop> {
        let mut plan = Plan::default();
        if !self.guard(select.table, &mut plan) {
            return Ok(None);
        }
        let hidden = self.cx.hidden_fields(select.table);
        let mut tests = Vec::new();
        let schema = Arc::clone(&self.cx.schema);
        let table = schema.table(select.table);
        for planned in &select.conditions {
            let value = self.eval(&planned.value)?;
            let field = table.and_then(|table| table.fields.get(usize::from(planned.slot)));
            match field.map_or(Known::ByRecord, |field| known(field, planned.comparison, &value)) {
                Known::Test(test) if !hidden.contains(&planned.slot) => {
                    tests.push((Tested::Column, planned.span));
                    plan.conditions.push(Condition { slot: usize::from(planned.slot), test });
                }
                Known::Never => return Ok(None),
                Known::Always => {}
                Known::Test(_) | Known::ByRecord => {
                    tests.push((Tested::Record, planned.span));
                    plan.by_record.push((planned, value));
                }
            }
        }
        let mut parts = Vec::new();
        if let Some(residual) = &select.residual {
            conjuncts(residual, &mut parts);
        }
        let library = self.cx.library();
        for condition in parts {
            let mut fixed = |expr: &Expr| self.eval(expr).ok();
            let compiler = Compiler::new(&library, select.table, select.item, &hidden, &mut fixed);
            match compiler.kernel(condition) {
                Some(kernel) => {
                    tests.push((Tested::Block, condition.span));
                    plan.kernels.push(kernel);
                }
                None => {
                    let field = condition.only_field(select.item).filter(|slot| !hidden.contains(slot));
                    let tested = if field.is_some() { Tested::Value } else { Tested::Record };
                    tests.push((tested, condition.span));
                    plan.walked.push(Walked { condition, by_value: ByValue::of(field) });
                }
            }
        }
        self.cx.note_run(select, tests.into_iter());
        Ok(Some(plan))
    }

    /// Plans the schema's condition on reading a table's records; whether any may be read.
    fn guard(&mut self, table: TableId, plan: &mut Plan<'_>) -> bool {
        match self.cx.read_guard(Right::Read(table)) {
            None => true,
            Some(Guard::Broken) => false,
            Some(Guard::Condition(program)) => {
                let library = self.cx.library();
                let mut frame = vec![Value::Null; usize::from(program.locals)];
                let mut fixed =
                    |expr: &Expr| self.cx.trusted(|cx| Evaluator { cx, frame: &mut frame }.eval(expr).ok());
                match Compiler::new(&library, table, 0, &[], &mut fixed).kernel(&program.body) {
                    Some(kernel) => plan.kernels.push(kernel),
                    None => {
                        plan.guard = Some(ByValue::of(program.body.only_field(0)));
                    }
                }
                true
            }
        }
    }
}

/// The conjuncts of a condition, in their order.
fn conjuncts<'e>(condition: &'e Expr, out: &mut Vec<&'e Expr>) {
    match &condition.kind {
        Kind::And(sides) => {
            conjuncts(&sides.0, out);
            conjuncts(&sides.1, out);
        }
        _ => out.push(condition),
    }
}

/// What tests which condition of a `select`.
#[derive(Default)]
pub(super) struct Plan<'s> {
    /// For the host's columns and indexes.
    conditions: Vec<Condition>,
    /// The schema's condition on reading is asked for each record, or each value of a field.
    guard: Option<ByValue>,
    /// For blocks of records, in the host as well; they come first, as they cannot fail.
    kernels: Vec<Kernel>,
    /// Meant for the host, but for what the value turned out to be.
    by_record: Vec<(&'s Planned, Value)>,
    /// For one record at a time.
    walked: Vec<Walked<'s>>,
}

impl Plan<'_> {
    /// Whether the host can test everything.
    pub(super) fn is_for_host(&self) -> bool {
        self.by_record.is_empty() && self.walked.is_empty() && self.guard.is_none()
    }

    /// Calls with what the host can test.
    pub(super) fn filter<T>(&self, call: impl FnOnce(&Filter<'_>) -> T) -> T {
        let sieves: Vec<&dyn Sieve> = self.kernels.iter().map(|kernel| kernel as &dyn Sieve).collect();
        call(&Filter { conditions: &self.conditions, sieves: &sieves })
    }
}

struct Walked<'s> {
    condition: &'s Expr,
    /// What it came to for values of the one field that it depends on.
    by_value: ByValue,
}

fn aggregated(which: Aggregate, summary: &Summary) -> Value {
    match which {
        Aggregate::Cnt => Value::number(summary.count as f64),
        _ if summary.count == 0 => Value::Null,
        Aggregate::Sum => Value::number(summary.sum),
        Aggregate::Avg => Value::number(summary.sum / summary.count as f64),
        Aggregate::Min => Value::number(summary.min),
        Aggregate::Max => Value::number(summary.max),
    }
}

/// What a comparison of a stored field with a value is for the host. It must say exactly what
/// [`crate::compare::holds`] would say of each record; whatever is not plain is left to that.
fn known(field: &Field, comparison: Comparison, value: &Value) -> Known {
    let Some(class) = field.kind.storage() else { return Known::ByRecord };
    match comparison {
        Comparison::Equal => equals(field, class, value).map_or(Known::ByRecord, Known::Test),
        Comparison::NotEqual => match equals(field, class, value) {
            Some(test) => Known::Test(Test::Not(Box::new(test))),
            None => Known::ByRecord,
        },
        Comparison::Like => match (class, value) {
            (StorageClass::Text, Value::Text(text)) if text.is_empty() => Known::Always,
            (StorageClass::Text, Value::Null) => Known::Always,
            // A user is shown by name, and stored by id.
            (StorageClass::Text, Value::Text(text)) if field.kind.base() != "user" => {
                Known::Test(Test::Like(Arc::clone(text)))
            }
            _ => Known::ByRecord,
        },
        Comparison::Less | Comparison::LessOrEqual | Comparison::Greater | Comparison::GreaterOrEqual => {
            ordering(field, class, comparison, value)
        }
    }
}

fn equals(field: &Field, class: StorageClass, value: &Value) -> Option<Test> {
    let stored = match (class, value) {
        // Empty text is empty (§3.4), and no text that is stored is.
        (_, value) if value.is_empty() => return Some(Test::AnyOf(vec![None])),
        (StorageClass::Text, Value::Text(text)) if is_plain_text(field) => Stored::Text(text.clone()),
        (StorageClass::Number, Value::Number(n)) => Stored::Number(*n),
        (StorageClass::Bool, Value::Bool(b)) => Stored::Bool(*b),
        (StorageClass::Time, _) => Stored::Time(same_moment(field, value)?),
        (StorageClass::Reference, Value::Record(table, record)) if field.target == Some(*table) => {
            Stored::Reference(*record)
        }
        (StorageClass::Choice, Value::Choice(_, option)) => Stored::Choice(*option),
        (StorageClass::Choice, Value::Number(n)) if n.fract() == 0.0 && (1.0..=65_535.0).contains(n) => {
            Stored::Choice(*n as u16)
        }
        (StorageClass::Choice, Value::Text(caption)) => {
            let matching = field.options.iter().filter(|option| {
                option.caption == **caption || option.captions.values().any(|c| c.as_str() == Some(caption))
            });
            return Some(Test::AnyOf(matching.map(|option| Some(Stored::Choice(option.id))).collect()));
        }
        _ => return None,
    };
    Some(Test::AnyOf(vec![Some(stored)]))
}

/// Users compare by name and address too (§3.4), files and places in ways of their own.
fn is_plain_text(field: &Field) -> bool {
    !matches!(field.kind.base(), "user" | "file" | "image" | "signature" | "appointment")
}

/// Milliseconds to compare with, where field and value are of one kind of time.
fn same_moment(field: &Field, value: &Value) -> Option<i64> {
    match (field.kind.base(), value) {
        ("date", Value::Date(ms))
        | ("timestamp", Value::DateTime(ms))
        | ("time", Value::Time(ms))
        | ("timeinterval", Value::Interval(ms)) => Some(*ms),
        _ => None,
    }
}

fn ordering(field: &Field, class: StorageClass, comparison: Comparison, value: &Value) -> Known {
    let bound = match (class, value) {
        (StorageClass::Number, Value::Number(n)) => *n,
        (StorageClass::Time, value) if !value.is_null() => match same_moment(field, value) {
            // Beyond 2⁵³ a double would round; no time is there.
            Some(ms) => ms as f64,
            None => return Known::ByRecord,
        },
        // Ordering with empty never holds, but for two empty ones (§9-7).
        (StorageClass::Number | StorageClass::Time, Value::Null) => {
            return match comparison {
                Comparison::LessOrEqual | Comparison::GreaterOrEqual => Known::Test(Test::AnyOf(vec![None])),
                _ => Known::Never,
            };
        }
        _ => return Known::ByRecord,
    };
    Known::Test(match comparison {
        Comparison::Less => Test::Less(bound),
        Comparison::LessOrEqual => Test::LessOrEqual(bound),
        Comparison::Greater => Test::Greater(bound),
        _ => Test::GreaterOrEqual(bound),
    })
}
