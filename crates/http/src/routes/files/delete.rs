//! `DELETE R/files/{file}`

use axum::{
    extract::{Path, State},
    response::Response,
};

use super::record_id;
use crate::{
    error::ApiResult,
    extract::{Caller, session},
    openapi::Done,
    router::Api,
    routes::json,
};

/// Takes a file from a record, and its name out of the fields that hold it.
#[utoipa::path(delete, tag = "Files",
    path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/records/{rid}/files/{file}",
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path), ("rid" = u32, Path),
        ("file" = String, Path, description = "Name of the file")),
    responses((status = 200, description = "`{}`", body = Done)))]
pub(crate) async fn delete_file(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table, record, file)): Path<(String, String, String, String, String)>,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    session.remove_file(&table, record_id(&record)?, &file).await?;
    Ok(json("{}"))
}
