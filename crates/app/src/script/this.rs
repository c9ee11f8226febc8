//! The record that is `this` in a script of a request.

use boobook_model::{RecordId, Schema, TableId};
use boobook_nx::{Context, Value};

use super::{ScriptRequest, failed};
use crate::AppError;

/// A record of a table.
pub(super) type This = (TableId, RecordId);

/// The record that a request names as scripts answer them, `A6`; `None` where it names none. Whether there is one with
/// that number is [`arguments`]' to find out.
pub(super) fn named(request: &ScriptRequest, schema: &Schema) -> Result<Option<This>, AppError> {
    let Some(text) = &request.this else { return Ok(None) };
    let of = |table: TableId| {
        let number = text.strip_prefix(table.to_string().as_str())?;
        Some((table, number.parse::<RecordId>().ok()?))
    };
    // Ids may end in digits: where there are tables C and C2, C21 is the first record of the latter.
    let found = schema.tables.iter().filter_map(|table| of(table.id));
    let named = found.max_by_key(|(table, _)| table.to_string().len());
    let Some(this) = named else {
        let expected = format!("expected a record such as \"A6\", of a table of this database, got {text:?}");
        return Err(AppError::bad("this", expected));
    };
    Ok(Some(this))
}

/// What a compiled script is called with. A record that the caller may not know of is not there.
pub(super) fn arguments(
    this: Option<This>,
    source: &str,
    cx: &mut Context<'_>,
) -> Result<Vec<Value>, AppError> {
    let Some((table, record)) = this else { return Ok(Vec::new()) };
    if cx.host.exists(table, record) && cx.sees(table, record).map_err(|error| failed(source, &error))? {
        return Ok(vec![Value::Record(table, record)]);
    }
    Err(AppError::RecordNotFound { place: None })
}
