//! Databases and their schemas: rest-api.md §2.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod patch_schema;
pub(crate) mod problems;
pub(crate) mod schema;
pub(crate) mod settings;

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use boobook_app::{Form, Session};
use boobook_engine::Snapshot;
use serde_json::Value;

use crate::{error::ApiResult, query_string::QueryString, routes::to_json};

/// The schema object as asked for.
pub(crate) fn schema_json(
    session: &Session,
    snapshot: &Snapshot,
    query: &QueryString<'_>,
) -> ApiResult<Value> {
    let human = form(query)? == Form::Human;
    let formatted = human.then(|| session.human_schema(&snapshot.schema));
    let schema = formatted.as_ref().unwrap_or(&snapshot.schema);
    let with_documents = query.flag("includeReportsAndViews")?;
    Ok(if with_documents {
        schema.to_json_with_documents(snapshot.sq.0)
    } else {
        schema.to_json(snapshot.sq.0)
    })
}

/// The form of scripts in a request or its answer: `formatScripts=T` for people, by ids otherwise.
pub(crate) fn form(query: &QueryString<'_>) -> ApiResult<Form> {
    Ok(if query.flag("formatScripts")? { Form::Human } else { Form::Ids })
}

/// Answers with an `ETag`, or 304 where the client has this version already. The tag is the sequence: `seq` is
/// part of the answer, so any change of the database makes a new one.
pub(crate) fn tagged(snapshot: &Snapshot, headers: &HeaderMap, value: &Value) -> ApiResult<Response> {
    let tag = format!("\"{}\"", snapshot.sq);
    let known = headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()).is_some_and(|list| {
        list.split(',').map(str::trim).any(|t| t == "*" || t.trim_start_matches("W/") == tag)
    });
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { to_json(value)? };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}
