//! Making, changing and deleting records (nx-language.md §2.3, §3.2 "Assigning", §5.2, §5.4).

use std::sync::Arc;

use boobook_model::{Field, RecordId, StorageClass, TableId, Value as Stored};

use super::{Evaluator, Outcome, Stop};
use crate::{
    Object, Right, RunError, Value,
    convert::number_of,
    ir::{FieldAt, Kind},
};

impl Evaluator<'_, '_> {
    pub(super) fn write(&mut self, kind: &Kind) -> Outcome {
        match kind {
            Kind::Create(table) => {
                self.cx.step(1)?;
                let record = self.cx.create(*table)?;
                Ok(Value::Record(*table, record))
            }
            Kind::Delete(of) => {
                let of = self.eval(of)?;
                for item in of.items() {
                    if let Value::Record(table, record) = item {
                        self.cx.step(1)?;
                        self.cx.delete(table, record)?;
                    }
                }
                Ok(Value::Null)
            }
            Kind::Duplicate(of) => {
                let of = self.eval(of)?;
                let copies: Result<Vec<Value>, Stop> = of
                    .items()
                    .map(|item| match item {
                        Value::Record(table, record) => self.duplicate(table, record),
                        _ => Ok(Value::Null),
                    })
                    .collect();
                let copies = copies?;
                Ok(if of.is_array() {
                    Value::from_items(copies)
                } else {
                    copies.into_iter().next().unwrap_or_default()
                })
            }
            Kind::SetField(parts, at) => {
                let of = self.eval(&parts.0)?;
                let value = self.eval(&parts.1)?;
                let schema = Arc::clone(&self.cx.schema);
                let Some(field) = schema.table(at.table).and_then(|t| t.fields.get(usize::from(at.slot)))
                else {
                    return Ok(Value::Null);
                };
                let stored = stored(field, &value)?;
                for item in of.items() {
                    if let Value::Record(table, record) = item {
                        self.cx.step(1)?;
                        self.cx.assign(table, record, *at, &value, stored.clone())?;
                    }
                }
                Ok(value)
            }
            Kind::Set(parts) => {
                let [of, name, value] = &**parts;
                let (of, name, value) = (self.eval(of)?, self.eval(name)?, self.eval(value)?);
                let Value::Text(name) = name else {
                    return Err(RunError::other("set() needs the name of a field").into());
                };
                for item in of.items() {
                    if let Value::Record(table, record) = item {
                        self.set_named(table, record, &name, &value)?;
                    }
                }
                Ok(Value::Null)
            }
            Kind::SetKey(local, path, value) => {
                let value = self.eval(value)?;
                let target = &mut self.frame[usize::from(*local)];
                *target = with_key(std::mem::take(target), path, value.clone())?;
                Ok(value)
            }
            Kind::Deferred(block) => {
                let variables = self.frame[..usize::from(block.program.parameters)].to_vec();
                self.cx.put_off(block, variables)?;
                Ok(Value::Null)
            }
            _ => Ok(Value::Null),
        }
    }

    fn set_named(&mut self, table: TableId, record: RecordId, name: &str, value: &Value) -> Result<(), Stop> {
        let schema = Arc::clone(&self.cx.schema);
        let found = schema.table(table).and_then(|of| Some((of, crate::names::field_slot(of, name)?)));
        let Some((of, slot)) = found else {
            return Err(RunError::other(format!("Field not found: {name}")).into());
        };
        let stored = stored(&of.fields[slot], value)?;
        self.cx.step(1)?;
        Ok(self.cx.assign(table, record, FieldAt { table, slot: slot as u16 }, value, stored)?)
    }

    /// A copy of a record with all its stored fields and files, and copies of its parts (compositions).
    fn duplicate(&mut self, table: TableId, record: RecordId) -> Outcome {
        if !self.cx.host.exists(table, record) || !self.cx.sees(table, record)? {
            return Ok(Value::Null);
        }
        let schema = Arc::clone(&self.cx.schema);
        // Parts of parts: a list of our own, as chains may be long. Each with the copy it belongs to.
        let mut todo = vec![(table, record, None::<(usize, RecordId)>)];
        let mut first = None;
        while let Some((table, record, part_of)) = todo.pop() {
            let Some(of) = schema.table(table) else { continue };
            self.cx.step(1)?;
            let copy = self.cx.host.create(table).map_err(RunError::from)?;
            first.get_or_insert(copy);
            for (slot, _) in of.fields.iter().enumerate().filter(|(_, field)| field.is_stored()) {
                let value = match part_of {
                    Some((owner_slot, owner)) if owner_slot == slot => Some(Stored::Reference(owner)),
                    _ => self.cx.host.cell(table, record, slot).to_value(),
                };
                if value.is_some() {
                    self.cx.host.set(table, copy, slot, value).map_err(RunError::from)?;
                }
            }
            self.cx.require(Right::Create(table), table, copy)?;
            for part in &schema.tables {
                for (slot, field) in part.fields.iter().enumerate() {
                    let owns = field.cascade || part.master_ref == Some(field.id);
                    if owns && field.target == Some(table) && field.is_stored() {
                        let mut parts = Vec::new();
                        self.cx.host.reverse(part.id, slot, record, &mut parts);
                        todo.extend(parts.into_iter().rev().map(|rid| (part.id, rid, Some((slot, copy)))));
                    }
                }
            }
        }
        Ok(first.map_or(Value::Null, |copy| Value::Record(table, copy)))
    }
}

/// `object.key.key := value` on a value: objects on the way that are not there are made.
fn with_key(target: Value, path: &[Arc<str>], value: Value) -> Result<Value, RunError> {
    let Some((key, rest)) = path.split_first() else { return Ok(value) };
    let mut object = match target {
        Value::Object(object) => object,
        Value::Null => Arc::new(Object::default()),
        _ => return Err(RunError::other(format!("cannot set the key {key:?} of what is no object"))),
    };
    let keys = Arc::make_mut(&mut object);
    let inner = keys.get_mut(key).map(std::mem::take).unwrap_or_default();
    let inner = with_key(inner, rest, value)?;
    keys.insert(Arc::clone(key), inner);
    Ok(Value::Object(object))
}

/// A value as a field stores it; an error says what the field takes.
pub(crate) fn stored(field: &Field, value: &Value) -> Result<Option<Stored>, RunError> {
    let refuse = |expected: &str| {
        RunError::other(format!("the field {:?} takes {expected}, not {}", field.caption, describe(value)))
    };
    // `[]`, `""` and `0` clear a link as `null` does (§5.2).
    if value.is_empty() || value.is_array() && value.item_count() == 0 {
        return Ok(None);
    }
    let Some(class) = field.kind.storage() else {
        return Err(RunError::other(format!("the field {:?} is computed; it cannot be set", field.caption)));
    };
    let one = match value {
        Value::Array(_) | Value::Records(..) if value.item_count() == 1 && class != StorageClass::Choices => {
            value.item(0).unwrap_or_default()
        }
        other => other.clone(),
    };
    Ok(Some(match class {
        StorageClass::Bool => Stored::Bool(match one {
            Value::Bool(b) => b,
            Value::Number(n) => n != 0.0,
            _ => return Err(refuse("yes or no")),
        }),
        StorageClass::Number => Stored::Number(number_of(&one).ok_or_else(|| refuse("a number"))?),
        StorageClass::Time => {
            Stored::Time(time(field, &one).ok_or_else(|| refuse(&format!("a {}", field.kind.base())))?)
        }
        StorageClass::Reference => match &one {
            Value::Record(table, record) if field.target.is_none_or(|target| target == *table) => {
                Stored::Reference(*record)
            }
            Value::Number(n) if *n == 0.0 => return Ok(None),
            Value::Number(n) if n.fract() == 0.0 && *n > 0.0 => {
                Stored::Reference(RecordId::new(*n as u64).ok_or_else(|| refuse("a record or its number"))?)
            }
            _ => return Err(refuse("a record or its number")),
        },
        StorageClass::Choice => {
            Stored::Choice(option(field, &one).ok_or_else(|| refuse("one of its options, by caption or id"))?)
        }
        StorageClass::Choices => {
            let mut ids = Vec::with_capacity(value.item_count());
            let is_own = field.kind.base() == "multi";
            match value {
                Value::Choices(_, options) => ids.extend_from_slice(options),
                other => {
                    for item in other.items() {
                        ids.push(match &item {
                            item if is_own => u32::from(
                                option(field, item)
                                    .ok_or_else(|| refuse("options of it, by caption or id"))?,
                            ),
                            item => number_of(item)
                                .filter(|n| n.fract() == 0.0 && (1.0..4_294_967_295.0).contains(n))
                                .ok_or_else(|| refuse("numbers of records"))?
                                as u32,
                        });
                    }
                }
            }
            ids.sort_unstable();
            ids.dedup();
            Stored::Choices(ids.into())
        }
        StorageClass::Text => match (&one, field.kind.base()) {
            (Value::Appointment(..), "appointment") => {
                let mut out = String::new();
                crate::moment::write_iso(&one, &mut out);
                Stored::Text(out.into())
            }
            (_, "appointment") => return Err(refuse("an appointment")),
            (Value::Text(text) | Value::User(text) | Value::File(.., text), _) => {
                Stored::Text(Arc::clone(text))
            }
            (Value::Number(n), _) => {
                let mut out = String::new();
                crate::convert::write_number(*n, &mut out);
                Stored::Text(out.into())
            }
            _ => return Err(refuse("text")),
        },
    }))
}

/// Milliseconds for a field of a kind of time; a number is taken as such (§3.2).
fn time(field: &Field, value: &Value) -> Option<i64> {
    const DAY_MS: i64 = 86_400_000;
    let ms = match (field.kind.base(), value) {
        ("date", Value::Date(ms) | Value::DateTime(ms)) => ms - ms.rem_euclid(DAY_MS),
        ("timestamp", Value::Date(ms) | Value::DateTime(ms)) => *ms,
        ("time", Value::Time(ms)) => *ms,
        ("time", Value::DateTime(ms)) => ms.rem_euclid(DAY_MS),
        ("timeinterval", Value::Interval(ms) | Value::Time(ms)) => *ms,
        ("date", Value::Number(n)) => {
            let ms = *n as i64;
            ms - ms.rem_euclid(DAY_MS)
        }
        ("time", Value::Number(n)) => (*n as i64).rem_euclid(DAY_MS),
        (_, Value::Number(n)) => *n as i64,
        _ => return None,
    };
    Some(ms)
}

/// The option a value names: by id, or by a caption in any language.
fn option(field: &Field, value: &Value) -> Option<u16> {
    match value {
        Value::Number(n) if n.fract() == 0.0 && (1.0..=65_535.0).contains(n) => {
            field.option(*n as u16).map(|option| option.id)
        }
        Value::Text(caption) => field.option_by_caption(caption).map(|option| option.id),
        Value::Choice(_, id) => field.option(*id).map(|option| option.id),
        _ => None,
    }
}

/// A value for a message, short.
pub(crate) fn describe(value: &Value) -> String {
    let mut out = String::new();
    crate::json::write(value, &mut out);
    if out.chars().count() > 60 {
        out = out.chars().take(60).collect();
        out.push('…');
    }
    out
}
