//! Databases and their schemas: rest-api.md §2.

pub(crate) mod create;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod problems;
pub(crate) mod schema;

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use boobook_engine::Snapshot;
use serde_json::Value;

use crate::{error::ApiResult, query_string::QueryString, routes::to_json};

/// The schema object as asked for. Scripts are kept in the form they came in until NX is part of the server.
pub(crate) fn schema_json(snapshot: &Snapshot, query: &QueryString<'_>) -> ApiResult<Value> {
    query.flag("formatScripts")?;
    let mut schema = snapshot.schema.to_json(snapshot.sq.0);
    if query.flag("includeReportsAndViews")?
        && let Value::Object(map) = &mut schema
    {
        map.insert("views".into(), Value::Array(Vec::new()));
        map.insert("reports".into(), Value::Array(Vec::new()));
    }
    Ok(schema)
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
