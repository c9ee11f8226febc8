//! The endpoints: a folder per resource, a file per action. Handlers translate and call one method of `app`.

pub(crate) mod changes;
pub(crate) mod databases;
pub(crate) mod fields;
pub(crate) mod files;
pub(crate) mod records;
pub(crate) mod reports;
pub(crate) mod scripts;
pub(crate) mod server;
pub(crate) mod shares;
pub(crate) mod tables;
pub(crate) mod teams;
pub(crate) mod views;

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use boobook_model::{Json, JsonMap, Sq};
use bytes::Bytes;

use crate::error::{ApiError, ApiResult, ErrorCode};

/// The database's sequence the answer was made from, so that a client can ask for no older state elsewhere.
pub(crate) const SQ_HEADER: &str = "x-boobook-sq";

/// A JSON body that is written already.
pub(crate) fn json(body: impl Into<Bytes>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body.into()).into_response()
}

/// As [`json`], with the sequence it was made from.
pub(crate) fn json_at(sq: Sq, body: impl Into<Bytes>) -> Response {
    let mut response = json(body);
    response.headers_mut().insert(SQ_HEADER, header::HeaderValue::from(sq.0));
    response
}

/// Any value as JSON.
pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> ApiResult<Response> {
    let body = serde_json::to_vec(value).map_err(|e| {
        ApiError::from(boobook_app::AppError::Internal(format!("an answer cannot be written: {e}")))
    })?;
    Ok(json(body))
}

/// A body that must be a JSON object; an empty one is an empty object.
pub(crate) fn object(body: &[u8]) -> ApiResult<JsonMap> {
    if body.trim_ascii().is_empty() {
        return Ok(JsonMap::new());
    }
    let parsed = Json::parse(body).map_err(|e| crate::error::from_json(&e))?;
    match parsed.to_serde() {
        serde_json::Value::Object(map) => Ok(map),
        _ => Err(ApiError::with_message(
            ErrorCode::InvalidValue,
            format!("expected a JSON object, got {}", parsed.excerpt()),
        )),
    }
}

/// A member that must be a string.
pub(crate) fn string<'a>(map: &'a JsonMap, key: &str) -> ApiResult<&'a str> {
    match map.get(key) {
        Some(serde_json::Value::String(text)) => Ok(text),
        Some(_) => Err(ApiError::at(ErrorCode::InvalidValue, key, "expected a string")),
        None => Err(ApiError::at(ErrorCode::InvalidValue, key, "is missing")),
    }
}
