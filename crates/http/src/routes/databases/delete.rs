//! `DELETE P`

use axum::{
    extract::{Path, State},
    response::Response,
};

use crate::{error::ApiResult, extract::Caller, openapi::Done, router::Api, routes::json};

/// Deletes a database with everything in it. Needs the admin role and a key for all databases.
#[utoipa::path(delete, path = "/v1/teams/{teamid}/databases/{dbid}", tag = "Databases",
    params(("teamid" = String, Path), ("dbid" = String, Path)),
    responses((status = 200, description = "`{}`", body = Done)))]
pub(crate) async fn delete_database(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database)): Path<(String, String)>,
) -> ApiResult<Response> {
    api.app.delete_database(caller.principal(), &team, &database).await?;
    Ok(json("{}"))
}
