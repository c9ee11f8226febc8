//! Where scripts stand in a schema (nx-language.md §6.1): the one list of keys.

use std::sync::Arc;

use boobook_model::{Document, Field, JsonMap, Schema, TableId, TableSchema};
use serde_json::Value as Json;

/// Of the database.
const OF_DATABASE: &[&str] = &["globalCode", "afterOpen"];
/// Of a table or page.
const OF_TABLE: &[&str] = &["afterCreate", "afterUpdate", "canRead", "canWrite", "canCreate", "canDelete"];
/// Of a field.
const OF_FIELD: &[&str] = &[
    "fn",
    "afterUpdate",
    "canRead",
    "canWrite",
    "default",
    "defaultValue",
    "onClick",
    "options",
    "optionName",
    "optionIcon",
    "optionColor",
];
/// Of a layout element.
const OF_ELEMENT: &[&str] = &["fn", "onClick", "canRead", "canWrite", "beforeShow", "afterHide"];
/// Of a view, its `config`, and each of its columns.
const OF_COLUMN: &[&str] = &["expression", "filter"];
/// Of a report.
const OF_REPORT: &[&str] = &["customDataExp"];

/// A place where a script stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptPlace {
    /// `types.A.fields.C.fn`
    pub path: String,
    /// The table of the record that is `this`; none in global code.
    pub table: Option<TableId>,
    /// The key that holds it.
    pub key: &'static str,
}

/// Scripts are strings; `"0"` stands for no code (§1.1).
pub(crate) fn source<'a>(map: &'a JsonMap, key: &str) -> Option<&'a str> {
    map.get(key)?.as_str().filter(|source| !matches!(source.trim(), "" | "0"))
}

/// Replaces scripts of a schema, its views and reports: `change` gives another text, or none to keep the script.
/// What has no script that changes stays shared with the schema it came from.
pub fn map_scripts(schema: &mut Schema, change: &mut dyn FnMut(&ScriptPlace, &str) -> Option<String>) {
    for (key, text) in changed(&schema.rest, OF_DATABASE, "", None, change) {
        schema.rest.insert(key.into(), text.into());
    }
    for table in &mut schema.tables {
        of_table(table, change);
    }
    for (name, keys, documents) in
        [("views", OF_COLUMN, &mut schema.views), ("reports", OF_REPORT, &mut schema.reports)]
    {
        for document in documents {
            of_document(document, name, keys, change);
        }
    }
}

/// As [`map_scripts`], of one view.
pub(crate) fn of_view(view: &mut Arc<Document>, change: Change<'_>) {
    of_document(view, "views", OF_COLUMN, change);
}

pub(crate) type Change<'c> = &'c mut dyn FnMut(&ScriptPlace, &str) -> Option<String>;

/// As [`map_scripts`], of one table.
pub(crate) fn of_table(table: &mut Arc<TableSchema>, change: Change<'_>) {
    let id = table.id;
    let path = format!("types.{id}.");
    let own = changed(&table.rest, OF_TABLE, &path, Some(id), change);
    let mut fields = Vec::new();
    for (slot, field) in table.fields.iter().enumerate() {
        let path = format!("{path}fields.{}.", field.id);
        for (key, text) in changed(&field.rest, OF_FIELD, &path, Some(id), change) {
            fields.push((slot, key, text));
        }
    }
    let mut elements = Vec::new();
    for (element, json) in table.rest.get("uis").and_then(Json::as_object).into_iter().flatten() {
        let Some(map) = json.as_object() else { continue };
        for (key, text) in changed(map, OF_ELEMENT, &format!("{path}uis.{element}."), Some(id), change) {
            elements.push((element.clone(), key, text));
        }
    }
    if own.is_empty() && fields.is_empty() && elements.is_empty() {
        return;
    }
    let table = Arc::make_mut(table);
    for (key, text) in own {
        table.rest.insert(key.into(), text.into());
    }
    for (slot, key, text) in fields {
        let field: &mut Field = Arc::make_mut(&mut table.fields[slot]);
        field.rest.insert(key.into(), text.into());
    }
    for (element, key, text) in elements {
        if let Some(map) = table.rest.get_mut("uis").and_then(|uis| uis.get_mut(&element)?.as_object_mut()) {
            map.insert(key.into(), text.into());
        }
    }
}

fn of_document(document: &mut Arc<Document>, name: &str, keys: &'static [&'static str], change: Change<'_>) {
    let path = format!("{name}.{}.", document.id);
    let own = changed(&document.json, keys, &path, document.table, change);
    let config = document.json.get("config").and_then(Json::as_object);
    let of_config = match config {
        Some(config) => changed(config, keys, &format!("{path}config."), document.table, change),
        None => Vec::new(),
    };
    let columns = config.and_then(|config| config.get("cols")).and_then(Json::as_array);
    let mut of_columns = Vec::new();
    for (at, column) in columns.into_iter().flatten().enumerate() {
        let Some(map) = column.as_object() else { continue };
        for (key, text) in changed(map, keys, &format!("{path}config.cols[{at}]."), document.table, change) {
            of_columns.push((at, key, text));
        }
    }
    if own.is_empty() && of_config.is_empty() && of_columns.is_empty() {
        return;
    }
    let json = &mut Arc::make_mut(document).json;
    for (key, text) in own {
        json.insert(key.into(), text.into());
    }
    if let Some(config) = json.get_mut("config").and_then(Json::as_object_mut) {
        for (key, text) in of_config {
            config.insert(key.into(), text.into());
        }
    }
    for (at, key, text) in of_columns {
        let column =
            json.get_mut("config").and_then(|config| config.get_mut("cols")?.get_mut(at)?.as_object_mut());
        if let Some(column) = column {
            column.insert(key.into(), text.into());
        }
    }
}

/// The scripts of a map that get another text.
fn changed(
    map: &JsonMap,
    keys: &'static [&'static str],
    path: &str,
    table: Option<TableId>,
    change: Change<'_>,
) -> Vec<(&'static str, String)> {
    let mut changed = Vec::new();
    for &key in keys {
        let Some(text) = source(map, key) else { continue };
        let place = ScriptPlace { path: format!("{path}{key}"), table, key };
        if let Some(other) = change(&place, text).filter(|other| other != text) {
            changed.push((key, other));
        }
    }
    changed
}
