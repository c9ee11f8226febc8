//! `GET R/files/{file}/metadata`

use axum::{
    extract::{Path, State},
    response::Response,
};

use super::{record_id, shown};
use crate::{
    error::ApiResult,
    extract::{Caller, session},
    openapi::FileInfo,
    router::Api,
    routes::to_json,
};

/// What is known of a file.
#[utoipa::path(get, tag = "Files",
    path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/records/{rid}/files/{file}/metadata",
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path), ("rid" = u32, Path),
        ("file" = String, Path, description = "Name of the file")),
    responses((status = 200, description = "Name, size, type, hash", body = FileInfo)))]
pub(crate) async fn file_metadata(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table, record, file)): Path<(String, String, String, String, String)>,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    to_json(&shown(&session.file(&table, record_id(&record)?, &file).await?))
}
