//! `GET P/changes`

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};

use super::changes;
use crate::{
    error::ApiResult,
    extract::{Caller, Query, session},
    openapi::ChangeList,
    router::Api,
};

/// One item per record changed since a sequence, in its current state, deletions included.
#[utoipa::path(get, path = "/v1/teams/{teamid}/databases/{dbid}/changes", tag = "Changes",
    params(("teamid" = String, Path), ("dbid" = String, Path),
        ("sinceSq" = Option<u64>, Query, description = "Only changes after this"),
        ("limit" = Option<u64>, Query, description = "10,000 where absent"),
        ("live" = Option<bool>, Query, description = "Server-sent events as changes commit"),
        ("Last-Event-ID" = Option<u64>, Header, description = "Where a live stream goes on")),
    responses((status = 200, description = "Changes", body = ChangeList)))]
pub(crate) async fn database_changes(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database)): Path<(String, String)>,
    query: Query,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    changes(&api, session, None, &query.parse()?, &headers).await
}
