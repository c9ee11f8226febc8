//! `POST P/exec`

use axum::{
    extract::{Path, State},
    response::Response,
};

use super::read_request;
use crate::{
    error::ApiResult,
    extract::{Body, Caller, session},
    openapi::Script,
    router::Api,
    routes::json_at,
};

/// Runs a script that may write, in one transaction.
///
/// All or nothing. The answer is the bare JSON of its value.
#[utoipa::path(post, path = "/v1/teams/{teamid}/databases/{dbid}/exec", tag = "Scripts",
    request_body = Script,
    params(("teamid" = String, Path), ("dbid" = String, Path)),
    responses((status = 200, description = "The value of the script", body = serde_json::Value)))]
pub(crate) async fn exec(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database)): Path<(String, String)>,
    Body(body): Body,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let answer = session.exec(read_request(&body)?).await?;
    Ok(json_at(answer.sq, answer.json))
}
