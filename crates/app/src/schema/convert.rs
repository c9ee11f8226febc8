//! Values follow a field that has another type: each converted record is a change of its own, in the transaction that
//! changes the schema (architecture.md §7, "Schema changes are transactions").

use std::sync::Arc;

use boobook_engine::{Snapshot, Table, Tx, TxError};
use boobook_model::{Cell, Field, Json, RecordId, Schema, TableId, Value, WireStyle};

use crate::AppError;

/// New values of one record, by slots of the new schema.
type Converted = (RecordId, Vec<(usize, Option<Value>)>);

/// What the values of a table become.
pub(super) struct Conversion {
    table: TableId,
    records: Vec<Converted>,
}

/// Works out what values become under the new schema. Refuses where some would be lost, unless `force`.
pub(super) fn plan(snapshot: &Snapshot, schema: &Schema, force: bool) -> Result<Vec<Conversion>, AppError> {
    let mut conversions = Vec::new();
    for new in &schema.tables {
        let Some(table) = snapshot.table(new.id) else { continue };
        if Arc::ptr_eq(table.schema(), new) {
            continue;
        }
        let mut records: Vec<Converted> = Vec::new();
        for (slot, field) in new.fields.iter().enumerate() {
            let Some(old_slot) = table.schema().slot(field.id) else { continue };
            let old = &table.schema().fields[old_slot];
            if !stores_otherwise(old, field) {
                continue;
            }
            let of_field = Field2 { snapshot, table, old_slot, old, new: field };
            let (values, lost) = of_field.converted();
            if lost > 0 && !force {
                let values = if lost == 1 { "1 value".to_owned() } else { format!("{lost} values") };
                return Err(AppError::Conflict(format!(
                    "{values} of field {:?} in table {:?} cannot become {}; `?force=T` empties them",
                    field.caption,
                    new.caption,
                    field.kind.base()
                )));
            }
            merge(&mut records, slot, values);
        }
        if !records.is_empty() {
            conversions.push(Conversion { table: new.id, records });
        }
    }
    Ok(conversions)
}

/// Writes the values, the schema having been changed.
pub(super) fn carry_out(tx: &mut Tx<'_>, conversions: Vec<Conversion>) -> Result<(), TxError> {
    for Conversion { table, records } in conversions {
        for (record, values) in records {
            tx.update(table, record, values)?;
        }
    }
    Ok(())
}

/// Whether values of the one field mean something else in the other.
fn stores_otherwise(old: &Field, new: &Field) -> bool {
    let is_other_kind = old.kind.base() != new.kind.base();
    let is_other_target = new.kind.base() == "ref" && old.target != new.target;
    // An option that is gone takes its values along.
    let lacks_option = || old.options.iter().any(|option| new.option(option.id).is_none());
    is_other_kind || is_other_target || (matches!(new.kind.base(), "choice" | "multi") && lacks_option())
}

/// A field before and after.
struct Field2<'a> {
    snapshot: &'a Snapshot,
    table: &'a Table,
    old_slot: usize,
    old: &'a Field,
    new: &'a Field,
}

impl Field2<'_> {
    /// The new values of all records that hold one, and how many are lost.
    fn converted(&self) -> (Vec<(RecordId, Option<Value>)>, usize) {
        let mut values = Vec::new();
        let mut lost = 0;
        // What is not stored has no values to be lost.
        if !self.old.is_stored() {
            return (values, lost);
        }
        for row in self.table.rows_by_id() {
            let cell = self.table.cell(self.old_slot, row);
            if cell.is_empty() {
                continue;
            }
            let value = self.value(cell);
            lost += usize::from(value.is_none());
            // A field that stores nothing any more has no place for them.
            if self.new.is_stored() {
                values.push((self.table.record_id(row), value));
            }
        }
        (values, lost)
    }

    fn value(&self, cell: Cell<'_>) -> Option<Value> {
        // From what clients would read to what they may write: the one definition of both is that of the kinds.
        let mut text = Vec::new();
        self.old.kind.write(cell, self.old, WireStyle::default(), &mut text);
        let json = Json::parse(&text).ok()?;
        let json = match json {
            Json::Array(mut items) if self.new.kind.base() != "multi" && self.new.kind.base() != "dmulti" => {
                if items.len() == 1 {
                    items.pop()?
                } else {
                    return None;
                }
            }
            // Milliseconds are a number.
            Json::String(_) if self.new.kind.base() == "number" => match cell {
                Cell::Time(ms) => Json::Number(ms as f64),
                Cell::Choice(id) => Json::Number(f64::from(id)),
                _ => json,
            },
            Json::Bool(yes) if self.new.kind.base() == "number" => Json::Number(f64::from(yes)),
            other => other,
        };
        let value = self.new.kind.read(&json, self.new).ok()??;
        match value {
            Value::Reference(record) if self.new.kind.base() == "ref" => {
                let target = self.new.target.and_then(|target| self.snapshot.table(target))?;
                target.row(record).map(|_| value)
            }
            value => Some(value),
        }
    }
}

/// Adds values of a slot to the records that have some already.
fn merge(records: &mut Vec<Converted>, slot: usize, values: Vec<(RecordId, Option<Value>)>) {
    records.extend(values.into_iter().map(|(record, value)| (record, vec![(slot, value)])));
    records.sort_by_key(|(record, _)| *record);
    records.dedup_by(|later, earlier| {
        let is_same = later.0 == earlier.0;
        if is_same {
            earlier.1.append(&mut later.1);
        }
        is_same
    });
}
