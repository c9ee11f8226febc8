//! `POST P/tables`

use axum::{
    extract::{Path, State},
    response::Response,
};

use super::table_answer;
use crate::{
    error::ApiResult,
    extract::{Body, Caller, session},
    openapi::{NewTable, Table},
    router::Api,
    routes::object,
};

/// Makes a table with its fields. Needs the admin role.
#[utoipa::path(post, path = "/v1/teams/{teamid}/databases/{dbid}/tables", tag = "Tables", request_body = NewTable,
    params(("teamid" = String, Path), ("dbid" = String, Path)),
    responses((status = 200, description = "The new table", body = Table)))]
pub(crate) async fn create_table(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database)): Path<(String, String)>,
    Body(body): Body,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let made = session.create_table(object(&body)?).await?;
    table_answer(&session, &made)
}
