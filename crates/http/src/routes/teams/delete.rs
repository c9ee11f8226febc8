//! `DELETE /v1/teams/{team}`

use axum::{
    extract::{Path, State},
    response::Response,
};

use crate::{error::ApiResult, extract::Caller, openapi::Done, router::Api, routes::json};

/// Removes a team that has no databases. Needs the admin role in it.
#[utoipa::path(delete, path = "/v1/teams/{teamid}", tag = "Teams",
    params(("teamid" = String, Path, description = "Team id, or its name where that is unique")),
    responses((status = 200, description = "`{}`", body = Done),
        (status = 409, description = "It has databases")))]
pub(crate) async fn delete_team(
    State(api): State<Api>,
    caller: Caller,
    Path(team): Path<String>,
) -> ApiResult<Response> {
    api.app.delete_team(caller.principal(), &team).await?;
    Ok(json("{}"))
}
