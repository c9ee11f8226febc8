//! `GET /v1/teams/{team}`

use axum::{
    extract::{Path, State},
    response::Response,
};

use crate::{error::ApiResult, extract::Caller, openapi::Named, router::Api, routes::to_json};

/// One team.
#[utoipa::path(get, path = "/v1/teams/{teamid}", tag = "Teams",
    params(("teamid" = String, Path, description = "Team id, or its name where that is unique")),
    responses((status = 200, description = "The team", body = Named)))]
pub(crate) async fn get_team(
    State(api): State<Api>,
    caller: Caller,
    Path(team): Path<String>,
) -> ApiResult<Response> {
    to_json(&api.app.team(caller.principal(), &team)?)
}
