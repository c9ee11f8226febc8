//! `PATCH P/schema` and settings: what is sent is merged into what is there; what is not sent stays (rest-api.md §2.1).

use std::sync::Arc;

use boobook_model::{Field, FieldId, JsonMap, Schema, TableId, TableSchema, field_kind};
use serde_json::Value as Json;

use super::{Edited, add::free_name};
use crate::{AppError, error::from_schema, files::BACKGROUND};

/// Keys of other programs' book-keeping, at any level.
const DROPPED: [&str; 2] = ["_id", "_database"];
/// Keys of the schema that the server counts itself or that are not merged like others.
const OWN: [&str; 6] = ["version", "seq", "nextTypeId", "types", "views", "reports"];

/// Merges a schema object into a schema.
pub(crate) fn patch_schema(
    schema: &Schema,
    body: &JsonMap,
    uuid: &dyn Fn() -> String,
) -> Result<(Schema, Edited), AppError> {
    check_version(schema, body)?;
    let mut next = schema.clone();
    // A whole schema brings its tables in any order, and a count that is past all of them.
    let free = schema.next_type_id;
    let rest = body.iter().filter(|(key, _)| !OWN.contains(&key.as_str()));
    merge(&mut next.rest, rest);
    if let Some(id) = body.get("nextTypeId").and_then(Json::as_u64) {
        next.next_type_id = next.next_type_id.max(u32::try_from(id).unwrap_or(0));
    }
    match body.get("types") {
        None | Some(Json::Null) => {}
        Some(Json::Object(types)) => {
            for (id, table) in types {
                let place = format!("types.{id}");
                let id: TableId =
                    id.parse().map_err(|e: boobook_model::IdError| AppError::bad(&place, e.to_string()))?;
                put_table(&mut next, (Some(id), free), table, &place, uuid)?;
            }
        }
        Some(Json::Array(types)) => {
            for (at, table) in types.iter().enumerate() {
                put_table(&mut next, (None, free), table, &format!("types[{at}]"), uuid)?;
            }
        }
        Some(_) => return Err(AppError::bad("types", "expected an object of tables keyed by id")),
    }
    finish(schema, next, uuid).map(|schema| (schema, Edited::default()))
}

/// Merges settings (`POST /{teamid}/{dbid}/settings/update`, `PATCH P`). The name is the catalogue's as well: whoever
/// changes it changes it there, too.
pub(crate) fn merge_settings(schema: &Schema, body: &JsonMap) -> Result<(Schema, Edited), AppError> {
    for key in ["name", "icon", "color"] {
        if body.get(key).is_some_and(|value| !value.is_string() && !value.is_null()) {
            return Err(AppError::bad(key, "expected a string"));
        }
    }
    let mut next = schema.clone();
    merge(&mut next.settings.0, body.iter().filter(|(key, _)| *key != BACKGROUND));
    if let Some(name) = schema.settings.0.get("name")
        && !next.settings.0.contains_key("name")
    {
        next.settings.0.insert("name".into(), name.clone());
    }
    next.settings = next.settings.with_defaults();
    Ok((next, Edited::default()))
}

fn check_version(schema: &Schema, body: &JsonMap) -> Result<(), AppError> {
    match body.get("version").map(|version| (version, version.as_f64())) {
        Some((_, Some(version))) if version == schema.version as f64 => Ok(()),
        Some((_, Some(version))) => Err(AppError::Conflict(format!(
            "the schema is at version {}, this change is based on version {version}: download it again and \
             make the change there",
            schema.version
        ))),
        Some((Json::Null, _)) | None => Err(AppError::bad(
            "version",
            "the version that the change is based on is needed; `GET …/schema` has it",
        )),
        Some((_, None)) => Err(AppError::bad("version", "expected a number")),
    }
}

/// Merges keys: `null` clears one.
fn merge<'a>(map: &mut JsonMap, keys: impl IntoIterator<Item = (&'a String, &'a Json)>) {
    for (key, value) in keys {
        if DROPPED.contains(&key.as_str()) {
            continue;
        }
        if value.is_null() {
            map.remove(key);
        } else {
            map.insert(key.clone(), value.clone());
        }
    }
}

/// Merges a table into the one of that id, or makes it; `free` is the first id that was never given.
fn put_table(
    schema: &mut Schema,
    (id, free): (Option<TableId>, u32),
    json: &Json,
    place: &str,
    uuid: &dyn Fn() -> String,
) -> Result<(), AppError> {
    let Json::Object(patch) = json else {
        return Err(AppError::bad(place, "expected an object; `DELETE …/tables/{tid}` deletes a table"));
    };
    let at = id.and_then(|id| schema.tables.iter().position(|table| table.id == id));
    let (id, mut map, next_field) = match (id, at) {
        (Some(id), Some(at)) => {
            let table = &schema.tables[at];
            let Json::Object(map) = table.to_json() else { return Ok(()) };
            (id, map, table.next_field_id)
        }
        (given, None) => (new_table_id(schema, given, free, place)?, JsonMap::new(), 0),
        (None, Some(_)) => return Ok(()),
    };
    merge(
        &mut map,
        patch.iter().filter(|(key, _)| !matches!(key.as_str(), "fields" | "uis" | "nextFieldId")),
    );
    if let Some(fields) = patch.get("fields") {
        let there = object(map.entry("fields").or_insert_with(|| Json::Object(JsonMap::new())));
        put_fields(there, fields, next_field, &format!("{place}.fields"), uuid)?;
    }
    if let Some(uis) = patch.get("uis") {
        let Json::Object(uis) = uis else {
            return Err(AppError::bad(format!("{place}.uis"), "expected an object keyed by id"));
        };
        let there = object(map.entry("uis").or_insert_with(|| Json::Object(JsonMap::new())));
        for (id, element) in uis {
            match element {
                // A layout element is nothing that others refer to: null deletes it.
                Json::Null => {
                    there.remove(id);
                }
                Json::Object(keys) => {
                    let known =
                        object(there.entry(id.clone()).or_insert_with(|| Json::Object(JsonMap::new())));
                    merge(known, keys);
                }
                _ => return Err(AppError::bad(format!("{place}.uis.{id}"), "expected an object")),
            }
        }
    }
    let next_given = patch.get("nextFieldId").and_then(Json::as_u64).unwrap_or(0);
    map.insert("nextFieldId".into(), next_given.max(u64::from(next_field)).into());
    let mut table = TableSchema::from_json(id, Json::Object(map), place).map_err(from_schema)?;
    if table.uuid.is_empty() {
        table.uuid = uuid();
    }
    match at {
        Some(at) => schema.tables[at] = Arc::new(table),
        None => {
            schema.next_type_id = schema.next_type_id.max(id.ordinal().unwrap_or(0) + 1);
            schema.tables.push(Arc::new(table));
        }
    }
    Ok(())
}

fn object(json: &mut Json) -> &mut JsonMap {
    if !json.is_object() {
        *json = Json::Object(JsonMap::new());
    }
    match json {
        Json::Object(map) => map,
        _ => unreachable!("it was made an object a line before"),
    }
}

/// Ids are never used again: what was stored under one would come back.
fn new_table_id(
    schema: &Schema,
    given: Option<TableId>,
    free: u32,
    place: &str,
) -> Result<TableId, AppError> {
    let Some(id) = given else {
        return TableId::nth(schema.next_type_id)
            .ok_or_else(|| AppError::bad(place, "no table id is left in this database"));
    };
    match id.ordinal() {
        Some(ordinal) if ordinal >= free => Ok(id),
        _ => Err(AppError::bad(place, used_before(TableId::nth(schema.next_type_id)))),
    }
}

fn used_before(next: Option<impl std::fmt::Display>) -> String {
    let next = next.map_or_else(String::new, |next| format!("; the next free one is {next}"));
    format!("there is nothing of this id, and it cannot be given any more{next}")
}

fn put_fields(
    there: &mut JsonMap,
    fields: &Json,
    next_field: u32,
    place: &str,
    uuid: &dyn Fn() -> String,
) -> Result<(), AppError> {
    match fields {
        Json::Null => Ok(()),
        Json::Object(fields) => {
            for (id, field) in fields {
                let place = format!("{place}.{id}");
                let known: FieldId =
                    id.parse().map_err(|e: boobook_model::IdError| AppError::bad(&place, e.to_string()))?;
                let is_new = !there.contains_key(id);
                if is_new && known.ordinal().is_none_or(|ordinal| ordinal < next_field) {
                    return Err(AppError::bad(&place, used_before(FieldId::nth(next_field))));
                }
                put_field(there, id, field, &place, uuid)?;
            }
            Ok(())
        }
        Json::Array(fields) => {
            for (at, field) in fields.iter().enumerate() {
                let place = format!("{place}[{at}]");
                let used = there.keys().filter_map(|id| id.parse::<FieldId>().ok()?.ordinal());
                let next = used.max().map_or(0, |last| last + 1).max(next_field);
                let id = FieldId::nth(next)
                    .ok_or_else(|| AppError::bad(&place, "no field id is left in this table"))?;
                put_field(there, &id.to_string(), field, &place, uuid)?;
            }
            Ok(())
        }
        _ => Err(AppError::bad(place, "expected an object of fields keyed by id")),
    }
}

fn put_field(
    there: &mut JsonMap,
    id: &str,
    field: &Json,
    place: &str,
    uuid: &dyn Fn() -> String,
) -> Result<(), AppError> {
    let Json::Object(patch) = field else {
        return Err(AppError::bad(
            place,
            "expected an object; `DELETE …/tables/{tid}/fields/{fid}` deletes a field",
        ));
    };
    let known = object(there.entry(id.to_owned()).or_insert_with(|| Json::Object(JsonMap::new())));
    merge_field(known, patch, place)?;
    if known.get("uuid").and_then(Json::as_str).is_none_or(str::is_empty) {
        known.insert("uuid".into(), uuid().into());
    }
    Ok(())
}

/// Merges keys of a field; its options one by one.
pub(super) fn merge_field(known: &mut JsonMap, patch: &JsonMap, place: &str) -> Result<(), AppError> {
    let base_before = known.get("base").and_then(Json::as_str).map(str::to_owned);
    merge(known, patch.iter().filter(|(key, _)| key.as_str() != "values"));
    let base = known.get("base").and_then(Json::as_str);
    if let (Some(before), Some(base)) = (base_before.as_deref(), base)
        && (before == "rev") != (base == "rev")
    {
        return Err(AppError::bad(
            format!("{place}.base"),
            "a 1:N field is the other side of its ref field: it cannot become another type, nor another one it",
        ));
    }
    match patch.get("values") {
        None | Some(Json::Null) => Ok(()),
        Some(Json::Object(values)) => {
            let options = object(known.entry("values").or_insert_with(|| Json::Object(JsonMap::new())));
            for (id, option) in values {
                match option {
                    Json::Null => {
                        options.remove(id);
                    }
                    Json::Object(keys) => {
                        let known =
                            object(options.entry(id.clone()).or_insert_with(|| Json::Object(JsonMap::new())));
                        merge(known, keys);
                    }
                    _ => return Err(AppError::bad(format!("{place}.values.{id}"), "expected an object")),
                }
            }
            Ok(())
        }
        Some(_) => Err(AppError::bad(format!("{place}.values"), "expected an object of options keyed by id")),
    }
}

/// Brings both sides of relations together again, and checks the whole.
pub(super) fn finish(
    before: &Schema,
    mut schema: Schema,
    uuid: &dyn Fn() -> String,
) -> Result<Schema, AppError> {
    drop_left_sides(before, &mut schema)?;
    schema = schema.index().map_err(from_schema)?;
    let lacking: Vec<(TableId, FieldId)> = schema
        .tables
        .iter()
        .flat_map(|table| table.fields.iter().map(|field| (table.id, field)))
        .filter(|(_, field)| field.kind.base() == "ref" && field.pair.is_none())
        .map(|(table, field)| (table, field.id))
        .collect();
    for (table, field) in lacking {
        add_other_side(&mut schema, table, field, uuid)?;
    }
    schema.index().map_err(from_schema)
}

/// A field that was a ref to another table, or none any more, leaves its other side behind.
fn drop_left_sides(before: &Schema, schema: &mut Schema) -> Result<(), AppError> {
    let mut left = Vec::new();
    for old_table in &before.tables {
        for old in old_table.fields.iter().filter(|field| field.kind.base() == "ref") {
            let Some((target, pair)) = old.target.zip(old.pair) else { continue };
            let now = schema.tables.iter().find(|table| table.id == old_table.id);
            let now = now.and_then(|table| table.field(old.id));
            let stays = now.is_some_and(|now| now.kind.base() == "ref" && now.target == Some(target));
            if !stays {
                left.push((old_table.id, old.id, target, pair));
            }
        }
    }
    for (table, field, target, pair) in left {
        edit_table(schema, target, |other| {
            other.fields.retain(|f| f.id != pair || f.kind.base() != "rev");
        })?;
        edit_table(schema, table, |own| {
            for f in own.fields.iter_mut().filter(|f| f.id == field && f.pair == Some(pair)) {
                let f = Arc::make_mut(f);
                f.pair = None;
                if f.kind.base() != "ref" {
                    f.target = None;
                }
            }
        })?;
    }
    Ok(())
}

pub(super) fn edit_table(
    schema: &mut Schema,
    id: TableId,
    edit: impl FnOnce(&mut TableSchema),
) -> Result<(), AppError> {
    let Some(at) = schema.tables.iter().position(|table| table.id == id) else { return Ok(()) };
    let mut table = TableSchema::clone(&schema.tables[at]);
    edit(&mut table);
    schema.tables[at] = Arc::new(table.index(&format!("types.{id}")).map_err(from_schema)?);
    Ok(())
}

fn add_other_side(
    schema: &mut Schema,
    table: TableId,
    field: FieldId,
    uuid: &dyn Fn() -> String,
) -> Result<(), AppError> {
    let place = || format!("types.{table}.fields.{field}");
    let own = schema.table(table).ok_or(AppError::TableNotFound)?;
    let (caption, order) = (own.caption.clone(), own.fields.len() as f64);
    let target = own.field(field).and_then(|field| field.target);
    let target = target
        .and_then(|target| schema.table(target))
        .ok_or_else(|| AppError::bad(place() + ".refTypeId", "a ref field names its target table"))?;
    let target_id = target.id;
    let id = FieldId::nth(target.next_field_id).ok_or_else(|| {
        AppError::bad(place(), format!("no field id is left in table {:?}", target.caption))
    })?;
    let kind = field_kind("rev").ok_or_else(|| AppError::Internal("no rev kind".into()))?;
    let mut reverse = Field::new(id, kind, &free_name(target, &caption, ""));
    reverse.target = Some(table);
    reverse.pair = Some(field);
    reverse.uuid = uuid();
    reverse.order = target.fields.iter().map(|f| f.order).fold(order, f64::max).floor() + 1.0;
    edit_table(schema, target_id, |target| {
        target.next_field_id = id.ordinal().unwrap_or(0) + 1;
        target.fields.push(Arc::new(reverse));
    })?;
    edit_table(schema, table, |own| {
        for f in own.fields.iter_mut().filter(|f| f.id == field) {
            Arc::make_mut(f).pair = Some(id);
        }
    })
}
