//! Views of tables, and reports: documents that the server keeps (rest-api.md §7).

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod put;

use std::sync::Arc;

use axum::response::Response;
use boobook_app::{AppError, DocumentKind, Documents, Edited, Form, Session};
use boobook_engine::Snapshot;
use boobook_model::{Document, Json, JsonMap};
use serde_json::{Value, json};

use crate::{
    error::{ApiError, ApiResult, ErrorCode},
    extract::Query,
    query_string::QueryString,
    routes::{databases::form, json_at},
};

/// What a list shows of each document.
fn in_list(document: &Document) -> Value {
    let mut item = json!({ "id": &*document.id, "caption": document.caption, "seq": document.seq });
    if let Some(table) = document.table {
        item["type"] = table.to_string().into();
    }
    if let Some(name) = document.json.get("name") {
        item["name"] = name.clone();
    }
    item
}

/// The whole of a document, its scripts in the form asked for.
fn whole(session: &Session, snapshot: &Snapshot, document: &Arc<Document>, form: Form) -> Value {
    match form {
        Form::Human => session.human_view(&snapshot.schema, document).to_json(),
        Form::Ids => document.to_json(),
    }
}

/// The documents of a request that pass, in a list.
pub(crate) fn list_answer(
    session: &Session,
    kind: DocumentKind,
    query: &QueryString<'_>,
    full: &str,
    passes: impl Fn(&Document) -> bool,
) -> ApiResult<Response> {
    session.require_admin()?;
    let snapshot = session.snapshot();
    let (full, form) = (query.flag(full)?, form(query)?);
    let documents = kind.of(&snapshot.schema).iter().filter(|document| passes(document));
    let list: Vec<Value> = documents
        .map(|document| if full { whole(session, &snapshot, document, form) } else { in_list(document) })
        .collect();
    written(&snapshot, &Value::Array(list))
}

/// One document.
pub(crate) fn one_answer(
    session: &Session,
    kind: DocumentKind,
    id: &str,
    query: &QueryString<'_>,
    passes: impl Fn(&Document) -> bool,
) -> ApiResult<Response> {
    session.require_admin()?;
    let snapshot = session.snapshot();
    let documents = kind.of(&snapshot.schema);
    let found = documents.iter().find(|document| *document.id == *id && passes(document));
    let document = found.ok_or(AppError::ViewNotFound)?;
    written(&snapshot, &whole(session, &snapshot, document, form(query)?))
}

/// Makes or changes the documents of a body by their ids, and answers what they are now.
pub(crate) async fn put_documents(
    session: &Session,
    kind: DocumentKind,
    query: &Query,
    body: &[u8],
) -> ApiResult<Response> {
    let (sent, is_list) = documents(body)?;
    let form = form_of(query)?;
    let edited = session.put_documents(kind, sent, false, form).await?;
    edited_answer(session, kind, &edited, is_list, form)
}

/// The documents that an edit made or changed: all in a list, or the one there is.
fn edited_answer(
    session: &Session,
    kind: DocumentKind,
    edited: &Edited,
    is_list: bool,
    form: Form,
) -> ApiResult<Response> {
    let snapshot = session.snapshot();
    let known = kind.of(&snapshot.schema);
    // Somebody may have deleted one again meanwhile.
    let documents = edited.documents.iter().filter_map(|id| known.iter().find(|document| document.id == *id));
    let mut list: Vec<Value> = documents.map(|document| whole(session, &snapshot, document, form)).collect();
    let answer = if is_list { Value::Array(list) } else { list.pop().ok_or(AppError::ViewNotFound)? };
    written(&snapshot, &answer)
}

fn written(snapshot: &Snapshot, answer: &Value) -> ApiResult<Response> {
    let body = serde_json::to_vec(answer)
        .map_err(|e| ApiError::from(AppError::Internal(format!("an answer cannot be written: {e}"))))?;
    Ok(json_at(snapshot.sq, body))
}

/// The documents of a body: one, or a list; each with the id it names.
fn documents(body: &[u8]) -> ApiResult<(Documents, bool)> {
    let parsed = Json::parse(body).map_err(|e| crate::error::from_json(&e))?;
    let one = |place: &str, value: Value| match value {
        Value::Object(map) => Ok((id_of(&map, place)?, map)),
        _ => Err(ApiError::at(ErrorCode::InvalidValue, place, "expected an object")),
    };
    match parsed.to_serde() {
        Value::Array(items) => {
            let items = items.into_iter().enumerate().map(|(at, item)| one(&format!("[{at}]"), item));
            Ok((items.collect::<ApiResult<Documents>>()?, true))
        }
        other => Ok((vec![one("", other)?], false)),
    }
}

fn id_of(map: &JsonMap, place: &str) -> ApiResult<Option<String>> {
    match map.get("id") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) => Ok(Some(id.clone())),
        Some(_) => {
            let place = if place.is_empty() { "id".to_owned() } else { format!("{place}.id") };
            Err(ApiError::at(ErrorCode::InvalidValue, &place, "expected a string"))
        }
    }
}

/// The form of scripts that a request's query string names.
pub(crate) fn form_of(query: &Query) -> ApiResult<Form> {
    form(&query.parse()?)
}
