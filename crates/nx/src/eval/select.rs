//! `select` (nx-language.md §5.1): what the host can test goes to its columns and indexes, the rest is tested record by
//! record.

use boobook_model::{Field, RecordId, StorageClass, Value as Stored};

use super::{Evaluator, Outcome, Stop};
use crate::{
    Condition, Summary, Test, Value,
    ir::{Aggregate, Comparison, Expr, FieldAt, Kind, Known, Planned, Select},
};

impl Evaluator<'_, '_> {
    pub(super) fn select(&mut self, select: &Select) -> Outcome {
        let found = self.found(select)?;
        self.cx.charge(found.len() * size_of::<RecordId>())?;
        Ok(Value::Records(select.table, found.into()))
    }

    /// `cnt(select …)`: without a residual nothing but a number comes from the host.
    pub(super) fn count(&mut self, select: &Select) -> Outcome {
        if select.residual.is_some() {
            return Ok(Value::Number(self.select(select)?.item_count() as f64));
        }
        let (conditions, by_record) = match self.conditions(select)? {
            Some(conditions) => conditions,
            None => return Ok(Value::Number(0.0)),
        };
        if by_record.is_empty() {
            self.cx.step(1)?;
            return Ok(Value::Number(self.cx.host.count(select.table, &conditions) as f64));
        }
        Ok(Value::Number(self.found(select)?.len() as f64))
    }

    /// `sum(x.Field)`: the host adds up what its columns hold. The numbers are added in the order of the records, as
    /// the function itself would do it.
    pub(super) fn aggregate(&mut self, which: Aggregate, of: &Expr, at: FieldAt) -> Outcome {
        let summary = match &of.kind {
            Kind::Select(select) if select.residual.is_none() => {
                let Some((conditions, by_record)) = self.conditions(select)? else {
                    return Ok(aggregated(which, &Summary::of(&[])));
                };
                if by_record.is_empty() {
                    self.cx.step(1)?;
                    self.cx.host.summary(at.table, &conditions, usize::from(at.slot))
                } else {
                    let found = self.found(select)?;
                    self.summary(&found, at)?
                }
            }
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

    fn summary(&mut self, records: &[RecordId], at: FieldAt) -> Result<Summary, Stop> {
        self.cx.step(1 + records.len() as u64 / 16)?;
        let mut numbers = Vec::with_capacity(records.len());
        self.cx.host.numbers(at.table, usize::from(at.slot), records, &mut numbers);
        Ok(Summary::of(&numbers))
    }

    fn found(&mut self, select: &Select) -> Result<Vec<RecordId>, Stop> {
        let Some((conditions, by_record)) = self.conditions(select)? else { return Ok(Vec::new()) };
        let mut found = self.cx.host.select(select.table, &conditions);
        self.cx.step(1 + found.len() as u64 / 64)?;
        if by_record.is_empty() && select.residual.is_none() {
            return Ok(found);
        }
        let mut kept = 0;
        for at in 0..found.len() {
            let record = found[at];
            self.cx.step(1)?;
            if self.passes(select, &by_record, record)? {
                found[kept] = record;
                kept += 1;
            }
        }
        found.truncate(kept);
        Ok(found)
    }

    fn passes(
        &mut self,
        select: &Select,
        by_record: &[(&Planned, Value)],
        record: RecordId,
    ) -> Result<bool, Stop> {
        for (planned, value) in by_record {
            let at = crate::ir::FieldAt { table: select.table, slot: planned.slot };
            let ty = self.cx.schema.table(select.table).and_then(|table| {
                let field = table.fields.get(usize::from(planned.slot))?;
                Some(crate::Type::of_field(select.table, field))
            });
            let base = ty.map_or(crate::Base::Any, |ty| ty.base);
            let left = super::records::field(self.cx, select.table, record, at, base);
            if !crate::compare::holds(self.cx, planned.comparison, &left, value) {
                return Ok(false);
            }
        }
        match &select.residual {
            Some(residual) => {
                self.frame[usize::from(select.item)] = Value::Record(select.table, record);
                self.is_true(residual)
            }
            None => Ok(true),
        }
    }

    /// The conditions with their values: those for the host, and those that must be tested record by record
    /// because of what the value turned out to be. `None`: no record passes.
    #[allow(clippy::type_complexity, reason = "two lists")]
    fn conditions<'s>(
        &mut self,
        select: &'s Select,
    ) -> Result<Option<(Vec<Condition>, Vec<(&'s Planned, Value)>)>, Stop> {
        let (mut conditions, mut by_record) = (Vec::new(), Vec::new());
        for planned in &select.conditions {
            let value = self.eval(&planned.value)?;
            let schema = std::sync::Arc::clone(&self.cx.schema);
            let field =
                schema.table(select.table).and_then(|table| table.fields.get(usize::from(planned.slot)));
            match field.map_or(Known::ByRecord, |field| known(field, planned.comparison, &value)) {
                Known::Test(test) => conditions.push(Condition { slot: usize::from(planned.slot), test }),
                Known::Never => return Ok(None),
                Known::Always => {}
                Known::ByRecord => by_record.push((planned, value)),
            }
        }
        Ok(Some((conditions, by_record)))
    }
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
                Known::Test(Test::Like(std::sync::Arc::clone(text)))
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
