//! `PATCH /v1/teams/{team}`

use axum::{
    extract::{Path, State},
    response::Response,
};

use crate::{
    error::ApiResult,
    extract::{Body, Caller},
    openapi::{Named, NewTeam},
    router::Api,
    routes::{object, string, to_json},
};

/// Gives a team another name. Needs the admin role in it.
#[utoipa::path(patch, path = "/v1/teams/{teamid}", tag = "Teams", request_body = NewTeam,
    params(("teamid" = String, Path, description = "Team id, or its name where that is unique")),
    responses((status = 200, description = "The team as it is now", body = Named)))]
pub(crate) async fn change_team(
    State(api): State<Api>,
    caller: Caller,
    Path(team): Path<String>,
    Body(body): Body,
) -> ApiResult<Response> {
    let body = object(&body)?;
    to_json(&api.app.rename_team(caller.principal(), &team, string(&body, "name")?).await?)
}
