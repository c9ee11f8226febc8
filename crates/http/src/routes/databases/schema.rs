//! `GET P/schema`

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};

use super::{schema_json, tagged};
use crate::{
    error::ApiResult,
    extract::{Caller, Query, session},
    openapi::Schema,
    router::Api,
};

/// The schema of a database. Needs the admin role.
#[utoipa::path(get, path = "/v1/teams/{teamid}/databases/{dbid}/schema", tag = "Databases",
    params(("teamid" = String, Path), ("dbid" = String, Path),
        ("formatScripts" = Option<bool>, Query, description = "Scripts in human form"),
        ("includeReportsAndViews" = Option<bool>, Query, description = "Adds the arrays `views` and `reports`"),
        ("If-None-Match" = Option<String>, Header, description = "304 where the ETag still holds")),
    responses((status = 200, description = "The schema", body = Schema)))]
pub(crate) async fn get_schema(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database)): Path<(String, String)>,
    query: Query,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    session.require_admin()?;
    let snapshot = session.snapshot();
    tagged(&snapshot, &headers, &schema_json(&session, &snapshot, &query.parse()?)?)
}
