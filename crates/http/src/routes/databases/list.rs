//! `GET /v1/teams/{team}/databases`

use axum::{
    extract::{Path, State},
    response::Response,
};

use crate::{error::ApiResult, extract::Caller, openapi::Named, router::Api, routes::to_json};

/// The databases of a team the key may see.
#[utoipa::path(get, path = "/v1/teams/{teamid}/databases", tag = "Databases",
    params(("teamid" = String, Path, description = "Team id, or its name where that is unique")),
    responses((status = 200, description = "Databases, not paged", body = [Named])))]
pub(crate) async fn list_databases(
    State(api): State<Api>,
    caller: Caller,
    Path(team): Path<String>,
) -> ApiResult<Response> {
    to_json(&api.app.databases(caller.principal(), &team)?)
}
