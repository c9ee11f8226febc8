//! Views and reports: documents of the schema that change without a new version of it (rest-api.md §7).

use std::sync::Arc;

use boobook_model::{Document, JsonMap, Schema, TableId};
use serde_json::{Value as Json, json};

use super::Edited;
use crate::{AppError, error::from_schema};

/// Which documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentKind {
    /// Views of tables.
    View,
    /// Reports (print layouts).
    Report,
}

impl DocumentKind {
    /// The documents of this kind.
    pub fn of(self, schema: &Schema) -> &[Arc<Document>] {
        match self {
            Self::View => &schema.views,
            Self::Report => &schema.reports,
        }
    }

    fn of_mut(self, schema: &mut Schema) -> &mut Vec<Arc<Document>> {
        match self {
            Self::View => &mut schema.views,
            Self::Report => &mut schema.reports,
        }
    }

    fn place(self) -> &'static str {
        match self {
            Self::View => "views",
            Self::Report => "reports",
        }
    }
}

/// Makes or changes documents by their ids; one without id is new. Keys that are not sent stay, those of `config` and
/// of columns with the same expression, too: clients drop keys they do not know. `whole` replaces instead. `shown` are
/// the documents as they were read by whoever sends scripts in human form.
pub(crate) fn put_documents(
    schema: &Schema,
    kind: DocumentKind,
    bodies: &[(Option<String>, JsonMap)],
    shown: &[Arc<Document>],
    whole: bool,
    new_id: &dyn Fn() -> String,
) -> Result<(Schema, Edited), AppError> {
    let mut next = schema.clone();
    let mut edited = Edited::default();
    for (at, (id, body)) in bodies.iter().enumerate() {
        let place =
            if bodies.len() == 1 { kind.place().to_owned() } else { format!("{}[{at}]", kind.place()) };
        let id = id.clone().unwrap_or_else(new_id);
        let known = kind.of(&next).iter().position(|document| *document.id == id);
        let mut json = match known.filter(|_| !whole) {
            Some(at) => {
                let shown = shown.iter().find(|document| *document.id == id);
                merged(&kind.of(&next)[at].json, shown.map(|document| &document.json), body)
            }
            None => merged(&JsonMap::new(), None, body),
        };
        for dropped in ["_id", "_database", "_files", "id", "seq"] {
            json.remove(dropped);
        }
        if kind == DocumentKind::View {
            check_view(&next, &mut json, &place)?;
        }
        let mut document = Document::from_json(Json::Object(json), &place, Some(&id)).map_err(from_schema)?;
        if let Some(at) = known {
            document.files.clone_from(&kind.of(&next)[at].files);
        }
        edited.documents.push(document.id.clone());
        let document = Arc::new(document);
        match known {
            Some(at) => kind.of_mut(&mut next)[at] = document,
            None => kind.of_mut(&mut next).push(document),
        }
    }
    Ok((next, edited))
}

/// Deletes a document.
pub(crate) fn delete_document(
    schema: &Schema,
    kind: DocumentKind,
    id: &str,
) -> Result<(Schema, Edited), AppError> {
    let mut next = schema.clone();
    let documents = kind.of_mut(&mut next);
    let before = documents.len();
    documents.retain(|document| *document.id != *id);
    if documents.len() == before {
        return Err(AppError::ViewNotFound);
    }
    Ok((next, Edited::default()))
}

/// Gives the documents in which two versions differ the sequence of the change.
pub(super) fn stamp(before: &Schema, schema: &mut Schema, seq: u64) {
    for kind in [DocumentKind::View, DocumentKind::Report] {
        let known = kind.of(before).to_vec();
        for document in kind.of_mut(schema) {
            let is_known = known.iter().any(|known| Arc::ptr_eq(known, document));
            if !is_known {
                Arc::make_mut(document).seq = seq;
            }
        }
    }
}

fn merged(known: &JsonMap, shown: Option<&JsonMap>, body: &JsonMap) -> JsonMap {
    let mut json = known.clone();
    for (key, value) in body {
        match (key.as_str(), value) {
            (_, Json::Null) => {
                json.remove(key);
            }
            ("config", Json::Object(config)) => {
                let before = known.get("config").and_then(Json::as_object).cloned().unwrap_or_default();
                let shown = shown.and_then(|shown| shown.get("config"));
                json.insert(key.clone(), Json::Object(merged_config(before, shown, config)));
            }
            (_, value) => {
                json.insert(key.clone(), value.clone());
            }
        }
    }
    json
}

fn merged_config(mut known: JsonMap, shown: Option<&Json>, config: &JsonMap) -> JsonMap {
    for (key, value) in config {
        match (key.as_str(), value) {
            (_, Json::Null) => {
                known.remove(key);
            }
            ("cols", Json::Array(columns)) => {
                let before = known.get("cols").and_then(Json::as_array).cloned().unwrap_or_default();
                let shown = shown.and_then(|shown| shown.get("cols")).and_then(Json::as_array);
                let columns = columns.iter().enumerate().map(|(at, column)| {
                    let expression = column.get("expression");
                    let is_same =
                        |known: Option<&Json>| known.is_some_and(|k| k.get("expression") == expression);
                    let is_known = is_same(before.get(at)) || is_same(shown.and_then(|shown| shown.get(at)));
                    match (before.get(at).filter(|_| is_known), column) {
                        (Some(Json::Object(same)), Json::Object(column)) => {
                            let mut both = same.clone();
                            both.extend(column.iter().map(|(key, value)| (key.clone(), value.clone())));
                            both.retain(|_, value| !value.is_null());
                            Json::Object(both)
                        }
                        _ => column.clone(),
                    }
                });
                let columns = columns.collect();
                known.insert(key.clone(), Json::Array(columns));
            }
            (_, value) => {
                known.insert(key.clone(), value.clone());
            }
        }
    }
    known
}

/// A view shows a table of the database, in columns that each have an expression.
fn check_view(schema: &Schema, json: &mut JsonMap, place: &str) -> Result<(), AppError> {
    let config_type = json.get("config").and_then(|config| config.get("type")).cloned();
    let named = json.get("type").cloned().or(config_type);
    let table: Option<TableId> = named.as_ref().and_then(Json::as_str).and_then(|id| id.parse().ok());
    let Some(table) = table.and_then(|id| schema.table(id)) else {
        let named = named.unwrap_or(Json::Null);
        return Err(AppError::bad(format!("{place}.type"), format!("there is no table {named}")));
    };
    let id = Json::from(table.id.to_string());
    json.insert("type".into(), id.clone());
    if !json.get("caption").is_some_and(Json::is_string) {
        if json.get("caption").is_some_and(|caption| !caption.is_null()) {
            return Err(AppError::bad(format!("{place}.caption"), "expected a string"));
        }
        json.insert("caption".into(), table.caption.clone().into());
    }
    let config = json.entry("config").or_insert_with(|| json!({}));
    let Json::Object(config) = config else {
        return Err(AppError::bad(format!("{place}.config"), "expected an object"));
    };
    config.insert("type".into(), id);
    match config.get("cols") {
        None | Some(Json::Null) => {
            config.insert("cols".into(), json!([]));
        }
        Some(Json::Array(columns)) => {
            for (at, column) in columns.iter().enumerate() {
                let place = format!("{place}.config.cols[{at}]");
                let Json::Object(column) = column else {
                    return Err(AppError::bad(place, "expected an object with an expression"));
                };
                if !column.get("expression").is_some_and(Json::is_string) {
                    return Err(AppError::bad(
                        format!("{place}.expression"),
                        "a column needs an NX expression",
                    ));
                }
                if column.get("filter").is_some_and(|filter| !filter.is_string() && !filter.is_null()) {
                    return Err(AppError::bad(format!("{place}.filter"), "expected an NX expression"));
                }
            }
        }
        Some(_) => return Err(AppError::bad(format!("{place}.config.cols"), "expected an array of columns")),
    }
    Ok(())
}
