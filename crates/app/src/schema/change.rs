//! Changing and deleting one table or field, in the public shape of rest-api.md §2.1.

use std::sync::Arc;

use boobook_model::{Field, FieldId, JsonMap, Schema, TableId, TableSchema, field_kind};
use serde_json::Value as Json;

use super::{
    Edited,
    add::add_choices,
    patch::{edit_table, finish, merge_field},
};
use crate::{AppError, error::from_schema};

/// Words of the public shape that are no keys of the schema.
const PUBLIC: [&str; 9] = [
    "id",
    "name",
    "type",
    "choices",
    "fields",
    "referenceToTable",
    "reverseField",
    "referenceFromTable",
    "referenceFromField",
];

/// Changes keys of a table: `{"name":…}` and any schema key; `null` clears one. Fields have requests of their own.
pub(crate) fn change_table(
    schema: &Schema,
    id: TableId,
    body: &JsonMap,
    uuid: &dyn Fn() -> String,
) -> Result<(Schema, Edited), AppError> {
    let table = schema.table(id).ok_or(AppError::TableNotFound)?;
    if body.contains_key("fields") {
        return Err(AppError::bad(
            "fields",
            "a field is changed by `PATCH …/fields/{fid}`, many at once by `PATCH …/schema`",
        ));
    }
    let Json::Object(mut known) = table.to_json() else { return Err(AppError::TableNotFound) };
    let patch = with_caption(body)?;
    for (key, value) in &patch {
        if value.is_null() {
            known.remove(key);
        } else {
            known.insert(key.clone(), value.clone());
        }
    }
    let next = TableSchema::from_json(id, Json::Object(known), "table").map_err(from_schema)?;
    let is_taken = |other: &Arc<TableSchema>| other.id != id && other.caption == next.caption;
    if next.caption != table.caption && schema.tables.iter().any(is_taken) {
        return Err(AppError::Conflict(format!("there is a table {:?} already", next.caption)));
    }
    let mut changed = schema.clone();
    replace(&mut changed, next);
    finish(schema, changed, uuid).map(|schema| (schema, Edited::table(id)))
}

/// Changes keys of a field: name, type, choices, script, any schema key.
pub(crate) fn change_field(
    schema: &Schema,
    table_id: TableId,
    field_id: FieldId,
    body: &JsonMap,
    uuid: &dyn Fn() -> String,
) -> Result<(Schema, Edited), AppError> {
    let table = schema.table(table_id).ok_or(AppError::TableNotFound)?;
    let field = table.field(field_id).ok_or(AppError::FieldNotFound)?;
    let Json::Object(mut known) = field.to_json() else { return Err(AppError::TableNotFound) };
    let mut patch = with_caption(body)?;
    if let Some(base) = body.get("type") {
        let kind = base.as_str().and_then(field_kind).ok_or_else(|| {
            let kinds: Vec<&str> = boobook_model::FIELD_KINDS.iter().map(|kind| kind.base()).collect();
            AppError::bad("type", format!("there is no field type {base}; there are {}", kinds.join(", ")))
        })?;
        patch.insert("base".into(), kind.base().into());
    }
    if let Some(target) = body.get("referenceToTable") {
        let name = target.as_str().unwrap_or_default();
        let target = schema
            .table_by_key(name)
            .ok_or_else(|| AppError::bad("referenceToTable", format!("there is no table {target}")))?;
        patch.insert("refTypeId".into(), target.id.to_string().into());
    }
    merge_field(&mut known, &patch, "field")?;
    if known.get("base").and_then(Json::as_str) == Some("fn") && !known.get("fn").is_some_and(Json::is_string)
    {
        return Err(AppError::bad("fn", "a formula field needs its formula"));
    }
    let mut next = Field::from_json(field_id, Json::Object(known), "field").map_err(from_schema)?;
    change_choices(&mut next, body)?;
    let is_taken = |other: &Arc<Field>| other.id != field_id && other.caption == next.caption;
    if table.fields.iter().any(is_taken) {
        return Err(AppError::Conflict(format!(
            "there is a field {:?} already in table {:?}",
            next.caption, table.caption
        )));
    }
    let mut changed = schema.clone();
    edit_table(&mut changed, table_id, |table| {
        for field in table.fields.iter_mut().filter(|field| field.id == field_id) {
            *field = Arc::new(next.clone());
        }
    })?;
    finish(schema, changed, uuid).map(|schema| (schema, Edited::field(table_id, field_id)))
}

/// `choices` of a change: one with the id of an option changes it, one without is a new option; the others stay.
fn change_choices(field: &mut Field, body: &JsonMap) -> Result<(), AppError> {
    let choices = match body.get("choices") {
        None | Some(Json::Null) => return Ok(()),
        Some(Json::Array(choices)) => choices,
        Some(_) => return Err(AppError::bad("choices", "expected an array such as [{\"caption\":\"new\"}]")),
    };
    if !matches!(field.kind.base(), "choice" | "multi") {
        return Err(AppError::bad("choices", "only choice and multi fields have options"));
    }
    let mut new = Vec::new();
    for (at, choice) in choices.iter().enumerate() {
        let id = choice.get("id").and_then(|id| id.as_u64().or_else(|| id.as_str()?.parse().ok()));
        let known = field.options.iter_mut().find(|option| Some(u64::from(option.id)) == id);
        let (Some(option), Json::Object(keys)) = (known, choice) else {
            new.push(choice.clone());
            continue;
        };
        for (key, value) in keys {
            match (key.as_str(), value) {
                ("id", _) => {}
                ("caption", Json::String(caption)) if !caption.is_empty() => {
                    option.caption.clone_from(caption);
                }
                ("caption", _) => {
                    return Err(AppError::bad(format!("choices[{at}].caption"), "an option needs a caption"));
                }
                ("order", value) => option.order = value.as_f64().unwrap_or(option.order),
                ("captions", Json::Object(captions)) => option.captions.clone_from(captions),
                (_, Json::Null) => {
                    option.rest.remove(key);
                }
                (_, value) => {
                    option.rest.insert(key.clone(), value.clone());
                }
            }
        }
    }
    let mut captions: Vec<&str> = field.options.iter().map(|option| &*option.caption).collect();
    captions.sort_unstable();
    let twice = captions.iter().zip(captions.iter().skip(1)).find(|(one, next)| one == next);
    if let Some((caption, _)) = twice {
        return Err(AppError::bad("choices", format!("two options would have the caption {caption:?}")));
    }
    add_choices(field, Some(&Json::Array(new)), "choices")
}

/// Deletes a table with its records, the fields of other tables that refer to it, and its views.
pub(crate) fn delete_table(
    schema: &Schema,
    id: TableId,
    uuid: &dyn Fn() -> String,
) -> Result<(Schema, Edited), AppError> {
    schema.table(id).ok_or(AppError::TableNotFound)?;
    let mut next = schema.clone();
    next.tables.retain(|table| table.id != id);
    next.views.retain(|view| view.table != Some(id));
    let referring: Vec<TableId> = next
        .tables
        .iter()
        .filter(|table| table.fields.iter().any(|field| field.target == Some(id)))
        .map(|table| table.id)
        .collect();
    for table in referring {
        edit_table(&mut next, table, |table| table.fields.retain(|field| field.target != Some(id)))?;
    }
    finish(schema, next, uuid).map(|schema| (schema, Edited::table(id)))
}

/// Deletes a field with its values; of a relation, both sides.
pub(crate) fn delete_field(
    schema: &Schema,
    table_id: TableId,
    field_id: FieldId,
    uuid: &dyn Fn() -> String,
) -> Result<(Schema, Edited), AppError> {
    let table = schema.table(table_id).ok_or(AppError::TableNotFound)?;
    let field = table.field(field_id).ok_or(AppError::FieldNotFound)?;
    if field.kind.base() == "rev" {
        let other = field.target.and_then(|target| schema.table(target));
        let name = |(other, pair): (&Arc<TableSchema>, FieldId)| {
            other.field(pair).map(|pair| format!("{:?} of table {:?}", pair.caption, other.caption))
        };
        let name = other.zip(field.pair).and_then(name).unwrap_or_default();
        return Err(AppError::Conflict(format!(
            "this is the many side of the relation that field {name} makes: delete that one"
        )));
    }
    let mut next = schema.clone();
    edit_table(&mut next, table_id, |table| {
        table.fields.retain(|field| field.id != field_id);
        if table.master_ref == Some(field_id) {
            table.master_ref = None;
            table.rest.remove("masterRef");
        }
    })?;
    finish(schema, next, uuid).map(|schema| (schema, Edited::table(table_id)))
}

fn replace(schema: &mut Schema, table: TableSchema) {
    for known in schema.tables.iter_mut().filter(|known| known.id == table.id) {
        *known = Arc::new(table.clone());
    }
}

/// The body with `name` as `caption`, and without other words of the public shape.
fn with_caption(body: &JsonMap) -> Result<JsonMap, AppError> {
    let mut keys = body.clone();
    if let Some(name) = body.get("name") {
        if name.as_str().is_none_or(|name| name.trim().is_empty()) {
            return Err(AppError::bad("name", "a name is needed"));
        }
        keys.insert("caption".into(), name.clone());
    }
    keys.retain(|key, _| !PUBLIC.contains(&key.as_str()));
    Ok(keys)
}
