//! `DELETE T`

use axum::{
    extract::{Path, State},
    response::Response,
};

use crate::{
    error::ApiResult,
    extract::{Caller, session},
    openapi::Done,
    router::Api,
    routes::json,
};

/// Deletes a table with its records. Needs the admin role.
///
/// Its views go with it, and the fields of other tables that refer to it.
#[utoipa::path(delete, path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}", tag = "Tables",
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path)),
    responses((status = 200, description = "`{}`", body = Done)))]
pub(crate) async fn delete_table(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table)): Path<(String, String, String)>,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    session.delete_table(&table).await?;
    Ok(json("{}"))
}
