//! `GET P`

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};
use serde_json::json;

use super::{schema_json, tagged};
use crate::{
    error::ApiResult,
    extract::{Caller, Query, session},
    openapi::Database,
    router::Api,
};

/// Settings and schema of a database. Needs the admin role.
#[utoipa::path(get, path = "/v1/teams/{teamid}/databases/{dbid}", tag = "Databases",
    params(("teamid" = String, Path), ("dbid" = String, Path),
        ("formatScripts" = Option<bool>, Query, description = "Scripts in human form"),
        ("If-None-Match" = Option<String>, Header, description = "304 where the ETag still holds")),
    responses((status = 200, description = "`{settings, schema}`", body = Database)))]
pub(crate) async fn get_database(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database)): Path<(String, String)>,
    query: Query,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    session.require_admin()?;
    let snapshot = session.snapshot();
    let schema = schema_json(&session, &snapshot, &query.parse()?)?;
    let answer = json!({ "settings": snapshot.schema.settings.0, "schema": schema });
    tagged(&snapshot, &headers, &answer)
}
