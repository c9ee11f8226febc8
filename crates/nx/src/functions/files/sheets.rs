//! Values as the sheets of an Excel file.

use std::sync::Arc;

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

use crate::{Context, RunError, Sheet, Value, convert::text_of, json, moment::civil::Local};

/// The sheets of data, each of which is rows or an object of several: `{Sheet: rows, …}`.
pub(super) fn of(cx: &mut Context<'_>, data: &[Value]) -> Result<Vec<Sheet>, RunError> {
    let mut sheets: Vec<Sheet> = Vec::new();
    for value in data {
        match value {
            Value::Object(object) if !object.is_empty() && object.values().all(Value::is_array) => {
                for (name, rows) in object.iter() {
                    sheets.push(Sheet { name: Arc::clone(name), rows: rows_of(cx, rows)? });
                }
            }
            value => {
                let name = format!("Sheet{}", sheets.len() + 1).into();
                sheets.push(Sheet { name, rows: rows_of(cx, value)? });
            }
        }
    }
    Ok(sheets)
}

/// Objects below a row of their keys, arrays and single values as they are.
fn rows_of(cx: &mut Context<'_>, rows: &Value) -> Result<Vec<Vec<Value>>, RunError> {
    let mut keys: IndexSet<Arc<str>, FxBuildHasher> = IndexSet::default();
    for row in rows.items() {
        if let Value::Object(object) = &row {
            cx.step(object.len() as u64)?;
            keys.extend(object.keys().cloned());
        }
    }
    let mut out = Vec::with_capacity(rows.item_count() + 1);
    if !keys.is_empty() {
        out.push(keys.iter().map(|key| Value::Text(Arc::clone(key))).collect());
    }
    for row in rows.items() {
        let cells: Vec<Value> = match &row {
            Value::Object(object) => {
                keys.iter().map(|key| object.get(key).cloned().unwrap_or_default()).collect()
            }
            row => row.items().collect(),
        };
        cx.step(cells.len() as u64)?;
        cx.charge(cells.len() * size_of::<Value>())?;
        let cells: Result<Vec<Value>, RunError> = cells.into_iter().map(|cell| shown(cx, cell)).collect();
        out.push(cells?);
    }
    Ok(out)
}

/// What a cell holds of a value.
fn shown(cx: &mut Context<'_>, value: Value) -> Result<Value, RunError> {
    match value {
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::Text(_)
        | Value::Date(_)
        | Value::Time(_) => Ok(value),
        Value::DateTime(ms) => {
            let local = Local::at(ms, &cx.locale.zone);
            Ok(Value::DateTime(ms.saturating_add(local.offset_s * 1000)))
        }
        Value::Object(_) | Value::Array(_) => {
            let mut out = String::new();
            json::write(&value, &mut out);
            cx.made(out)
        }
        other => {
            let text = text_of(&other, &cx.schema, &cx.locale);
            cx.made(Value::Text(text))
        }
    }
}
