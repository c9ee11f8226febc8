//! `POST /v1/teams`

use axum::{extract::State, response::Response};

use crate::{
    error::ApiResult,
    extract::{Body, Caller},
    openapi::{Named, NewTeam},
    router::Api,
    routes::{object, string, to_json},
};

/// Makes a team.
///
/// Needs the admin role in some team; the key sees the new team as admin.
#[utoipa::path(post, path = "/v1/teams", tag = "Teams", request_body = NewTeam,
    responses((status = 200, description = "The new team", body = Named)))]
pub(crate) async fn create_team(
    State(api): State<Api>,
    caller: Caller,
    Body(body): Body,
) -> ApiResult<Response> {
    let body = object(&body)?;
    to_json(&api.app.create_team(caller.principal(), string(&body, "name")?).await?)
}
