//! `GET /v1/teams`

use axum::{extract::State, response::Response};

use crate::{error::ApiResult, extract::Caller, openapi::Named, router::Api, routes::to_json};

/// The teams the key may see.
#[utoipa::path(get, path = "/v1/teams", tag = "Teams",
    responses((status = 200, description = "Teams, not paged", body = [Named])))]
pub(crate) async fn list_teams(State(api): State<Api>, caller: Caller) -> ApiResult<Response> {
    to_json(&api.app.teams(caller.principal()))
}
