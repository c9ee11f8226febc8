//! `PATCH P`

use axum::{
    extract::{Path, State},
    response::Response,
};
use serde_json::json;

use crate::{
    error::ApiResult,
    extract::{Body, Caller, session},
    openapi::{ChangedDatabase, Named},
    router::Api,
    routes::{object, to_json},
};

/// Changes settings of a database. Needs the admin role.
///
/// Name, icon, colour, and any other; `null` clears one.
#[utoipa::path(patch, path = "/v1/teams/{teamid}/databases/{dbid}", tag = "Databases",
    request_body = ChangedDatabase,
    params(("teamid" = String, Path), ("dbid" = String, Path)),
    responses((status = 200, description = "The database as it is now", body = Named)))]
pub(crate) async fn change_database(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database)): Path<(String, String)>,
    Body(body): Body,
) -> ApiResult<Response> {
    let id = session(&api, &caller, &team, &database).await?.database_id().to_string();
    let settings = api.app.change_settings(caller.principal(), &team, &id, object(&body)?).await?;
    to_json(&json!({ "id": id, "name": settings.get("name") }))
}
