//! Reaching from a record, an object or an array to what belongs to it (nx-language.md §5).

use std::sync::Arc;

use boobook_model::{Cell, FieldId, RecordId, TableId};

use super::{Evaluator, Outcome, Stop};
use crate::{
    Base, Context, RunError, Type, Value,
    convert::number_of,
    functions::arrays::utf16_slice,
    ir::{Expr, FieldAt, Kind, Local, Slice, SystemField},
};

impl Evaluator<'_, '_> {
    pub(super) fn reach(&mut self, kind: &Kind, ty: Type) -> Outcome {
        match kind {
            Kind::Field(of, at) => {
                let of = self.eval(of)?;
                self.fields(&of, *at, ty)
            }
            Kind::Formula(of, at) => {
                let of = self.eval(of)?;
                let value = |this: &mut Self, table, record| {
                    Ok(if this.cx.shows(table, record, at.slot)? {
                        this.cx.formula(table, record, *at)?
                    } else {
                        Value::Null
                    })
                };
                self.each_record(&of, matches!(ty.base, Base::Record(_)), value)
            }
            Kind::Reverse(of, at) => {
                let of = self.eval(of)?;
                self.reverse(&of, *at)
            }
            Kind::System(of, which) => {
                let of = self.eval(of)?;
                self.each_record(&of, false, |this, table, record| {
                    Ok(system_field(this.cx, table, record, *which))
                })
            }
            Kind::Key(of, key, otherwise) => {
                let of = self.eval(of)?;
                self.key(&of, key, otherwise.as_deref())
            }
            Kind::Item(of, at) => {
                let of = self.first_of(of, at.saturating_add(1))?;
                Ok(match &of {
                    Value::Text(text) => {
                        let character = utf16_slice(text, *at, at.saturating_add(1));
                        if character.is_empty() { Value::Null } else { character.into() }
                    }
                    of => of.item(*at).unwrap_or_default(),
                })
            }
            Kind::Filter(of, item, predicate) => {
                let of = self.eval(of)?;
                self.filter(&of, *item, predicate)
            }
            Kind::Map(of, item, body) => {
                let of = self.eval(of)?;
                self.map(&of, *item, body)
            }
            Kind::Order(order) => self.order(order, usize::MAX),
            Kind::Slice(slice) => self.slice(slice),
            Kind::Get(parts) => {
                let of = self.eval(&parts.0)?;
                let name = self.eval(&parts.1)?;
                let Value::Text(name) = name else { return Ok(Value::Null) };
                self.key(&of, &name, None)
            }
            Kind::Record(table, number) => {
                let number = self.eval(number)?;
                Ok(record(*table, &number))
            }
            _ => Ok(Value::Null),
        }
    }

    /// A stored field of a record, or of each of many.
    pub(super) fn fields(&mut self, of: &Value, at: FieldAt, ty: Type) -> Outcome {
        let value = |this: &mut Self, table, record| {
            Ok(if this.cx.shows(table, record, at.slot)? {
                field(this.cx, table, record, at, ty.base)
            } else {
                Value::Null
            })
        };
        self.each_record(of, matches!(ty.base, Base::Record(_)), value)
    }

    /// A value of a record, or of each of many, nulls kept; nothing for null. Links of many records are one set,
    /// without the empty ones (§9-26).
    fn each_record(
        &mut self,
        of: &Value,
        is_link: bool,
        mut value: impl FnMut(&mut Self, TableId, RecordId) -> Outcome,
    ) -> Outcome {
        let mut one = |this: &mut Self, of: &Value| match of {
            Value::Record(table, record) if this.cx.sees(*table, *record)? => value(this, *table, *record),
            _ => Ok(Value::Null),
        };
        if !of.is_array() {
            return one(self, of);
        }
        self.cx.step(of.item_count() as u64)?;
        self.cx.charge(of.item_count() * size_of::<Value>())?;
        let mut values = Vec::with_capacity(of.item_count());
        for item in of.items() {
            flatten(one(self, &item)?, &mut values);
        }
        if is_link {
            values.retain(|value| !value.is_null());
        }
        Ok(Value::from_items(values))
    }

    pub(super) fn reverse(&mut self, of: &Value, at: FieldAt) -> Outcome {
        let mut found = Vec::new();
        for item in of.items() {
            if let Value::Record(_, record) = item {
                self.cx.step(1)?;
                self.cx.host.reverse(at.table, usize::from(at.slot), record, &mut found);
            }
        }
        self.cx.step(found.len() as u64)?;
        self.cx.charge(found.len() * 4)?;
        self.cx.retain_seen(at.table, &mut found)?;
        Ok(Value::Records(at.table, found.into()))
    }

    fn key(&mut self, of: &Value, key: &Arc<str>, otherwise: Option<&Expr>) -> Outcome {
        match of {
            Value::Object(object) => match object.get(key) {
                Some(value) => Ok(value.clone()),
                None => otherwise.map_or(Ok(Value::Null), |expr| self.eval(expr)),
            },
            Value::Array(items) => {
                self.cx.step(items.len() as u64)?;
                let mut values = Vec::with_capacity(items.len());
                for item in items.iter() {
                    flatten(self.key(item, key, None)?, &mut values);
                }
                Ok(Value::from_items(values))
            }
            // What comes from JSON or a branch may hold a record after all: its field of that name.
            Value::Record(table, record) => Ok(self.cx.named_field(*table, *record, key)?),
            Value::Records(table, records) => {
                self.cx.step(records.len() as u64)?;
                let mut values = Vec::with_capacity(records.len());
                for record in records.iter() {
                    flatten(self.cx.named_field(*table, *record, key)?, &mut values);
                }
                Ok(Value::from_items(values))
            }
            _ => otherwise.map_or(Ok(Value::Null), |expr| self.eval(expr)),
        }
    }

    fn filter(&mut self, of: &Value, item: Local, predicate: &Expr) -> Outcome {
        self.cx.step(of.item_count() as u64)?;
        if let Value::Records(table, records) = of {
            let mut kept = Vec::new();
            for &record in records.iter() {
                self.frame[usize::from(item)] = Value::Record(*table, record);
                if self.is_true(predicate)? {
                    kept.push(record);
                }
            }
            self.cx.charge(kept.len() * 4)?;
            return Ok(Value::Records(*table, kept.into()));
        }
        let mut kept = Vec::new();
        for value in of.items() {
            self.frame[usize::from(item)] = value.clone();
            if self.is_true(predicate)? {
                kept.push(value);
            }
        }
        self.cx.charge(kept.len() * size_of::<Value>())?;
        Ok(Value::from_items(kept))
    }

    /// `x.(block)`: of one thing one value, of many an array, of nothing nothing.
    fn map(&mut self, of: &Value, item: Local, body: &Expr) -> Outcome {
        if !of.is_array() {
            if of.is_null() {
                return Ok(Value::Null);
            }
            self.frame[usize::from(item)] = of.clone();
            return self.eval(body);
        }
        self.cx.step(of.item_count() as u64)?;
        self.cx.charge(of.item_count() * size_of::<Value>())?;
        let mut values = Vec::with_capacity(of.item_count());
        for value in of.items() {
            self.frame[usize::from(item)] = value;
            flatten(self.eval(body)?, &mut values);
        }
        Ok(Value::from_items(values))
    }

    /// `… from a to b limit n` (§9-5): items from a place up to another, which is left out.
    fn slice(&mut self, slice: &Slice) -> Outcome {
        let of = self.first_of(&slice.of, written_end(slice))?;
        let (mut from, mut to) = (0, of.item_count());
        if let Some((first, end)) = &slice.range {
            from = self.place(first)?.min(to);
            to = self.place(end)?.clamp(from, to);
        }
        if let Some(limit) = &slice.limit {
            to = to.min(from.saturating_add(self.place(limit)?));
        }
        if let Value::Records(table, records) = &of {
            return Ok(Value::Records(*table, records[from..to].into()));
        }
        Ok(Value::from_items((from..to).filter_map(|at| of.item(at)).collect()))
    }

    fn place(&mut self, expr: &Expr) -> Result<usize, Stop> {
        Ok(number_of(&self.eval(expr)?).map_or(0, |n| n.max(0.0) as usize))
    }
}

/// How many of the first items a slice may need, as far as that is written in the script.
fn written_end(slice: &Slice) -> usize {
    let written = |expr: &Expr| match expr.kind {
        Kind::Constant(Value::Number(n)) => Some(n.max(0.0) as usize),
        _ => None,
    };
    let Slice { range, limit, .. } = slice;
    let to = range.as_ref().and_then(|(_, to)| written(to));
    let limit = limit.as_ref().filter(|_| range.is_none()).and_then(written);
    to.or(limit).unwrap_or(usize::MAX)
}

/// Adds a value to results, the items of an array one by one: there are no arrays of arrays.
fn flatten(value: Value, results: &mut Vec<Value>) {
    if value.is_array() { results.extend(value.items()) } else { results.push(value) }
}

/// `record(T, n)`: a reference, whether the record exists or not. From an array, references to all.
fn record(table: TableId, number: &Value) -> Value {
    let one = |number: &Value| {
        let n = number_of(number).filter(|n| n.fract() == 0.0 && *n >= 1.0 && *n < 4_294_967_296.0)?;
        RecordId::new(n as u64)
    };
    if number.is_array() {
        let records: Vec<RecordId> = number.items().filter_map(|number| one(&number)).collect();
        return Value::Records(table, records.into());
    }
    one(number).map_or(Value::Null, |record| Value::Record(table, record))
}

/// A stored field's value. `base` is the field's type.
pub(crate) fn field(cx: &Context<'_>, table: TableId, record: RecordId, at: FieldAt, base: Base) -> Value {
    match cx.host.cell(table, record, usize::from(at.slot)) {
        Cell::Empty => Value::Null,
        Cell::Bool(b) => Value::Bool(b),
        Cell::Number(n) => Value::number(n),
        Cell::Time(ms) => match base {
            Base::Date => Value::Date(ms),
            Base::Time => Value::Time(ms),
            Base::Interval => Value::Interval(ms),
            _ => Value::DateTime(ms),
        },
        Cell::Reference(target) => match base {
            Base::Record(table) => Value::Record(table, target),
            _ => Value::Number(f64::from(target.get())),
        },
        Cell::Choice(option) => match base {
            Base::Choice(Some(field)) => Value::Choice(field, option),
            _ => Value::Number(f64::from(option)),
        },
        Cell::Choices(ids) => match base {
            Base::Multi(Some(field)) => Value::Choices(field, ids.into()),
            _ => Value::array(ids.iter().map(|&id| Value::Number(f64::from(id))).collect::<Vec<_>>()),
        },
        Cell::Text(text) => match base {
            Base::User => Value::User(text.into()),
            Base::File => Value::File(table, record, text.into()),
            Base::Appointment => appointment(text),
            _ => Value::Text(text.into()),
        },
    }
}

/// An appointment from the text it is stored as.
fn appointment(text: &str) -> Value {
    let Some((from, to)) = text.split_once(" - ") else { return Value::Null };
    let parse = boobook_model::field::parse_timestamp;
    parse(from).zip(parse(to)).map_or(Value::Null, |(from, to)| Value::Appointment(from, to))
}

fn system_field(cx: &Context<'_>, table: TableId, record: RecordId, which: SystemField) -> Value {
    if matches!(which, SystemField::Id | SystemField::Number) {
        if !cx.host.exists(table, record) {
            return Value::Null;
        }
        return match which {
            SystemField::Id => Value::Record(table, record),
            _ => Value::Number(f64::from(record.get())),
        };
    }
    let Some(meta) = cx.host.meta(table, record) else { return Value::Null };
    match which {
        SystemField::CreatedAt => Value::DateTime(meta.created_at_ms),
        SystemField::CreatedBy => Value::User(meta.created_by),
        SystemField::ModifiedAt => Value::DateTime(meta.modified_at_ms),
        SystemField::ModifiedBy => Value::User(meta.modified_by),
        _ => Value::Number(meta.sq as f64),
    }
}

impl Context<'_> {
    /// What a record has in a stored field, whoever asks.
    pub fn stored(&self, table: TableId, record: RecordId, slot: u16) -> Value {
        let Some(schema) = self.schema.table(table) else { return Value::Null };
        let Some(of) = schema.fields.get(usize::from(slot)) else { return Value::Null };
        field(self, table, record, FieldAt { table, slot }, Type::of_field(table, of).base)
    }

    /// A field by its name, where a record turned up in a place whose type was not known.
    fn named_field(&mut self, table: TableId, record: RecordId, name: &str) -> Result<Value, RunError> {
        let schema = Arc::clone(&self.schema);
        let Some(at) = schema.table(table) else { return Ok(Value::Null) };
        let Some(slot) = crate::names::field_slot(at, name) else { return Ok(Value::Null) };
        let place = FieldAt { table, slot: slot as u16 };
        if !self.host.may_read(table, slot)
            || !self.sees(table, record)?
            || !self.shows(table, record, place.slot)?
        {
            return Ok(Value::Null);
        }
        let field_schema = &at.fields[slot];
        if field_schema.is_stored() {
            return Ok(field(self, table, record, place, Type::of_field(table, field_schema).base));
        }
        match field_schema.target.zip(field_schema.pair) {
            Some((target, pair)) => self.linked(record, target, pair),
            None => self.formula(table, record, place),
        }
    }

    /// The many side of a relation: records of `target` whose field `pair` refers to a record.
    pub(crate) fn linked(
        &mut self,
        record: RecordId,
        target: TableId,
        pair: FieldId,
    ) -> Result<Value, RunError> {
        let Some(slot) = self.schema.table(target).and_then(|t| t.slot(pair)) else { return Ok(Value::Null) };
        let mut found = Vec::new();
        self.host.reverse(target, slot, record, &mut found);
        self.retain_seen(target, &mut found)?;
        Ok(Value::Records(target, found.into()))
    }
}
