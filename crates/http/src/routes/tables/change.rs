//! `PATCH T`

use axum::{
    extract::{Path, State},
    response::Response,
};

use super::table_answer;
use crate::{
    error::ApiResult,
    extract::{Body, Caller, session},
    openapi::{ChangedTable, Table},
    router::Api,
    routes::object,
};

/// Changes a table. Needs the admin role.
///
/// Its name, icon, scripts, any key of the schema; `null` clears a key.
#[utoipa::path(patch, path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}", tag = "Tables",
    request_body = ChangedTable,
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path)),
    responses((status = 200, description = "The table as it is now", body = Table),
        (status = 409, description = "The name is taken")))]
pub(crate) async fn change_table(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table)): Path<(String, String, String)>,
    Body(body): Body,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let edited = session.change_table(&table, object(&body)?).await?;
    table_answer(&session, &edited)
}
