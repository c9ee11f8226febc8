//! Adding tables and fields to a schema, from the public shape of rest-api.md §2.1.

use std::sync::Arc;

use boobook_model::{ChoiceOption, Field, FieldId, JsonMap, Schema, TableId, TableSchema, field_kind};
use serde_json::Value as Json;

use super::Edited;
use crate::{AppError, error::from_schema};

/// Adds a table: `{"name":…,"fields":[{"name":…,"type":…},…]}` plus any schema key.
pub(crate) fn add_table(
    schema: &Schema,
    body: &JsonMap,
    uuid: &dyn Fn() -> String,
) -> Result<(Schema, Edited), AppError> {
    let name = required_name(body, "")?;
    if schema.tables.iter().any(|t| t.caption == name) {
        return Err(AppError::Conflict(format!("there is a table {name:?} already")));
    }
    let id = TableId::nth(schema.next_type_id)
        .filter(|id| schema.table(*id).is_none())
        .ok_or_else(|| AppError::bad("", "no table id is left in this database"))?;
    let mut keys = body.clone();
    for public in ["name", "fields", "id", "caption"] {
        keys.remove(public);
    }
    keys.insert("caption".into(), name.into());
    let mut table = TableSchema::from_json(id, Json::Object(keys), "table").map_err(from_schema)?;
    if table.uuid.is_empty() {
        table.uuid = uuid();
    }
    let mut schema = schema.with_table(table).map_err(from_schema)?;
    schema.next_type_id = schema.next_type_id.max(id.ordinal().unwrap_or(0) + 1);
    match body.get("fields") {
        None | Some(Json::Null) => {}
        Some(Json::Array(fields)) => {
            for (at, field) in fields.iter().enumerate() {
                let place = format!("fields[{at}]");
                let Json::Object(field) = field else {
                    return Err(AppError::bad(place, "expected an object with name and type"));
                };
                schema = add_field(&schema, id, field, &place, uuid)?.0;
            }
        }
        Some(_) => return Err(AppError::bad("fields", "expected an array of fields")),
    }
    Ok((schema, Edited::table(id)))
}

/// Adds a field: `{"name":…,"type":…}` plus choices, link, and any schema key. A `ref` brings its `rev` with it.
pub(crate) fn add_field(
    schema: &Schema,
    table_id: TableId,
    body: &JsonMap,
    place: &str,
    uuid: &dyn Fn() -> String,
) -> Result<(Schema, Edited), AppError> {
    let at = |key: &str| if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") };
    let table = schema.table(table_id).ok_or(AppError::TableNotFound)?;
    let name = required_name(body, place)?;
    if table.fields.iter().any(|f| f.caption == name) {
        return Err(AppError::Conflict(format!(
            "there is a field {name:?} already in table {:?}",
            table.caption
        )));
    }
    let base = match body.get("type").or_else(|| body.get("base")) {
        Some(Json::String(base)) => base.as_str(),
        _ => return Err(AppError::bad(at("type"), "a field needs a type, such as \"string\" or \"number\"")),
    };
    let kind = field_kind(base).ok_or_else(|| {
        let known: Vec<&str> = boobook_model::FIELD_KINDS.iter().map(|k| k.base()).collect();
        AppError::bad(at("type"), format!("there is no field type {base:?}; there are {}", known.join(", ")))
    })?;
    if kind.base() == "rev" {
        return Err(AppError::bad(
            at("type"),
            "a 1:N field comes with its ref field: create that in the referring table, with reverseName",
        ));
    }
    if kind.base() == "fn" && !matches!(body.get("fn"), Some(Json::String(_))) {
        return Err(AppError::bad(at("fn"), "a formula field needs its formula"));
    }
    let mut table = TableSchema::clone(table);
    let id = FieldId::nth(table.next_field_id)
        .filter(|id| table.field(*id).is_none())
        .ok_or_else(|| AppError::bad(place, "no field id is left in this table"))?;
    let mut keys = body.clone();
    const PUBLIC: [&str; 9] = [
        "name",
        "type",
        "id",
        "caption",
        "choices",
        "referenceToTable",
        "reverseField",
        "reverseName",
        "base",
    ];
    for public in PUBLIC {
        keys.remove(public);
    }
    keys.insert("base".into(), kind.base().into());
    keys.insert("caption".into(), name.into());
    if !keys.contains_key("order") {
        let last = table.fields.iter().map(|f| f.order).fold(-1.0, f64::max);
        keys.insert("order".into(), Json::from(last.floor() as i64 + 1));
    }
    let mut field = Field::from_json(id, Json::Object(keys), place).map_err(from_schema)?;
    if field.uuid.is_empty() {
        field.uuid = uuid();
    }
    if matches!(kind.base(), "choice" | "multi") {
        add_choices(&mut field, body.get("choices"), &at("choices"))?;
    }
    let reverse = match kind.base() {
        "ref" => Some(link(schema, &table, &mut field, body, place, uuid)?),
        _ => None,
    };
    let edited = Edited::field(table_id, id);
    table.next_field_id = id.ordinal().unwrap_or(0) + 1;
    table.fields.push(Arc::new(field));
    let mut next = schema.clone();
    next.tables.retain(|t| t.id != table_id);
    match reverse {
        Some((target, reverse)) if target == table_id => {
            table.next_field_id = table.next_field_id.max(reverse.id.ordinal().unwrap_or(0) + 1);
            table.fields.push(Arc::new(reverse));
        }
        Some((target, reverse)) => {
            let other = schema.table(target).ok_or(AppError::TableNotFound)?;
            let mut other = TableSchema::clone(other);
            other.next_field_id = other.next_field_id.max(reverse.id.ordinal().unwrap_or(0) + 1);
            other.fields.push(Arc::new(reverse));
            next.tables.retain(|t| t.id != target);
            next.tables.push(Arc::new(other.index(place).map_err(from_schema)?));
        }
        None => {}
    }
    next.tables.push(Arc::new(table.index(place).map_err(from_schema)?));
    Ok((next.index().map_err(from_schema)?, edited))
}

/// Points a ref field at its target and makes the field of the other side.
fn link(
    schema: &Schema,
    table: &TableSchema,
    field: &mut Field,
    body: &JsonMap,
    place: &str,
    uuid: &dyn Fn() -> String,
) -> Result<(TableId, Field), AppError> {
    let at = |key: &str| if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") };
    let wanted = match body.get("referenceToTable") {
        Some(Json::String(key)) => key.clone(),
        _ => match field.target {
            Some(id) => id.to_string(),
            None => {
                return Err(AppError::bad(
                    at("referenceToTable"),
                    "a ref field names its target table, by id or name",
                ));
            }
        },
    };
    let target = schema
        .table_by_key(&wanted)
        .ok_or_else(|| AppError::bad(at("referenceToTable"), format!("there is no table {wanted:?}")))?;
    let same = target.id == table.id;
    // In its own table the ref itself takes the next id, so the other side takes the one after.
    let ordinal = if same { field.id.ordinal().unwrap_or(0) + 1 } else { target.next_field_id };
    let id = FieldId::nth(ordinal)
        .filter(|id| target.field(*id).is_none())
        .ok_or_else(|| AppError::bad(place, format!("no field id is left in table {:?}", target.caption)))?;
    let name = match body.get("reverseName") {
        Some(Json::String(name)) => {
            let taken = target.fields.iter().any(|f| f.caption == *name) || (same && field.caption == *name);
            if taken {
                return Err(AppError::Conflict(format!(
                    "there is a field {name:?} already in table {:?}",
                    target.caption
                )));
            }
            name.clone()
        }
        Some(_) => return Err(AppError::bad(at("reverseName"), "expected a name")),
        None => free_name(target, &table.caption, if same { &field.caption } else { "" }),
    };
    field.target = Some(target.id);
    field.pair = Some(id);
    let kind = field_kind("rev").ok_or_else(|| AppError::Internal("no rev kind".into()))?;
    let mut reverse = Field::new(id, kind, &name);
    reverse.target = Some(table.id);
    reverse.pair = Some(field.id);
    reverse.uuid = uuid();
    reverse.order =
        target.fields.iter().map(|f| f.order).fold(field.order * f64::from(u8::from(same)), f64::max).floor()
            + 1.0;
    Ok((target.id, reverse))
}

/// The wanted name, or with the first number behind it that makes it new.
pub(super) fn free_name(table: &TableSchema, wanted: &str, also_taken: &str) -> String {
    let taken = |name: &str| name == also_taken || table.fields.iter().any(|f| f.caption == name);
    let mut name = wanted.to_owned();
    let mut n = 2;
    while taken(&name) {
        name = format!("{wanted} {n}");
        n += 1;
    }
    name
}

pub(super) fn add_choices(field: &mut Field, choices: Option<&Json>, place: &str) -> Result<(), AppError> {
    let choices = match choices {
        None | Some(Json::Null) => return Ok(()),
        Some(Json::Array(choices)) => choices,
        Some(_) => return Err(AppError::bad(place, "expected an array such as [{\"caption\":\"new\"}]")),
    };
    for (n, choice) in choices.iter().enumerate() {
        let place = format!("{place}[{n}]");
        let mut keys = match choice {
            Json::String(caption) => {
                JsonMap::from_iter([("caption".to_owned(), Json::from(caption.as_str()))])
            }
            Json::Object(keys) => keys.clone(),
            _ => return Err(AppError::bad(place, "expected an object with a caption")),
        };
        let Some(Json::String(caption)) = keys.remove("caption") else {
            return Err(AppError::bad(format!("{place}.caption"), "an option needs a caption"));
        };
        if caption.is_empty() || field.options.iter().any(|o| o.caption == caption) {
            return Err(AppError::bad(
                format!("{place}.caption"),
                "captions of options are there and different",
            ));
        }
        let id = match keys.remove("id") {
            None | Some(Json::Null) => u16::try_from(field.next_choice_id).ok(),
            Some(Json::Number(id)) => id.as_u64().and_then(|id| u16::try_from(id).ok()),
            Some(Json::String(id)) => id.parse().ok(),
            Some(_) => None,
        };
        let id = id.filter(|&id| id > 0 && field.option(id).is_none()).ok_or_else(|| {
            AppError::bad(format!("{place}.id"), "expected an unused whole number from 1 to 65535")
        })?;
        let captions = match keys.remove("captions") {
            Some(Json::Object(captions)) => captions,
            _ => JsonMap::new(),
        };
        let order = keys.remove("order").and_then(|o| o.as_f64()).unwrap_or(n as f64);
        field.options.push(ChoiceOption { id, caption, captions, order, rest: keys });
        field.options.sort_by_key(|o| o.id);
        field.next_choice_id = field.next_choice_id.max(u32::from(id) + 1);
    }
    Ok(())
}

pub(super) fn required_name(body: &JsonMap, place: &str) -> Result<String, AppError> {
    let at = if place.is_empty() { "name".to_owned() } else { format!("{place}.name") };
    match body.get("name").or_else(|| body.get("caption")) {
        Some(Json::String(name)) if !name.trim().is_empty() => Ok(name.clone()),
        _ => Err(AppError::bad(at, "a name is needed")),
    }
}
