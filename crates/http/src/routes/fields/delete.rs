//! `DELETE T/fields/{fid}`

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

/// Deletes a field with its values; of a relation, both sides. Needs the admin role.
#[utoipa::path(delete, path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/fields/{fid}", tag = "Fields",
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path), ("fid" = String, Path)),
    responses((status = 200, description = "`{}`", body = Done),
        (status = 409, description = "The many side of a relation goes with its ref field")))]
pub(crate) async fn delete_field(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table, field)): Path<(String, String, String, String)>,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    session.delete_field(&table, &field).await?;
    Ok(json("{}"))
}
