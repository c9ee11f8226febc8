//! `GET P/query`, `POST P/query`

use axum::{
    extract::{Path, State},
    response::Response,
};

use boobook_app::ScriptRequest;

use super::{answer, read_request, script};
use crate::{
    error::{ApiError, ApiResult},
    extract::{Body, Caller, Query, session},
    openapi::Script,
    router::Api,
};

/// Runs a script that only reads.
///
/// The answer is the bare JSON of its value.
#[utoipa::path(get, path = "/v1/teams/{teamid}/databases/{dbid}/query", tag = "Scripts",
    params(("teamid" = String, Path), ("dbid" = String, Path),
        ("query" = String, Query, description = "The script"),
        ("this" = Option<String>, Query, description = "The record that is `this`, such as `A6`"),
        ("choiceStyle" = Option<String>, Query, description = "`names`: options as captions")),
    responses((status = 200, description = "The value of the script", body = serde_json::Value)))]
pub(crate) async fn get_query(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database)): Path<(String, String)>,
    query: Query,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let query = query.parse()?;
    let source =
        query.text("query").ok_or_else(|| ApiError::parameter("query", "is missing: the script to run"))?;
    let this = query.text("this").map(str::to_owned);
    answer(session, ScriptRequest { this, ..script(source, query.get("choiceStyle")) }).await
}

/// Runs a script that only reads.
///
/// The answer is the bare JSON of its value.
#[utoipa::path(post, path = "/v1/teams/{teamid}/databases/{dbid}/query", tag = "Scripts",
    request_body = Script,
    params(("teamid" = String, Path), ("dbid" = String, Path)),
    responses((status = 200, description = "The value of the script", body = serde_json::Value)))]
pub(crate) async fn post_query(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database)): Path<(String, String)>,
    Body(body): Body,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    answer(session, read_request(&body)?).await
}
