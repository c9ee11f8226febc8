//! Scripts of the NX language: rest-api.md §6.

pub(crate) mod exec;
pub(crate) mod query;

use axum::response::Response;
use boobook_app::{ScriptRequest, Session};
use boobook_model::JsonMap;

use crate::{
    error::{ApiError, ApiResult, ErrorCode},
    routes::{json_at, object, string},
};

/// The script of a body `{"query": "…"}`; a body that is no JSON is the script itself, as some clients send it.
fn read_request(body: &[u8]) -> ApiResult<ScriptRequest> {
    let is_json = body.trim_ascii_start().starts_with(b"{");
    let map = match (is_json, std::str::from_utf8(body)) {
        (false, Ok(source)) if !source.trim().is_empty() => return Ok(script(source, None)),
        (false, Err(_)) => {
            return Err(ApiError::with_message(ErrorCode::BadRequest, "the script is not UTF-8"));
        }
        _ => object(body)?,
    };
    let explain = match map.get("explain") {
        None | Some(serde_json::Value::Null) => false,
        Some(serde_json::Value::Bool(explain)) => *explain,
        Some(_) => return Err(ApiError::parameter("explain", "expected true or false")),
    };
    let this = match map.get("this") {
        None | Some(serde_json::Value::Null) => None,
        Some(_) => Some(string(&map, "this")?.to_owned()),
    };
    Ok(ScriptRequest { explain, this, ..script(string(&map, "query")?, choice_style(&map)?) })
}

fn choice_style(map: &JsonMap) -> ApiResult<Option<&str>> {
    match map.get("choiceStyle") {
        None | Some(serde_json::Value::Null) => Ok(None),
        Some(_) => string(map, "choiceStyle").map(Some),
    }
}

fn script(source: &str, choice_style: Option<&str>) -> ScriptRequest {
    let captions = matches!(choice_style, Some("names" | "name" | "captions"));
    ScriptRequest { source: source.to_owned(), captions, ..ScriptRequest::default() }
}

async fn answer(session: Session, request: ScriptRequest) -> ApiResult<Response> {
    let answer = session.query(request).await?;
    Ok(json_at(answer.sq, answer.json))
}
