//! `GET R/files/{file}`, and its alias `R/files/{fid}/{file}`

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use boobook_app::Session;

use super::{bytes, is_known, not_modified, range_refused, record_id, wanted};
use crate::{
    error::ApiResult,
    extract::{Caller, session},
    router::Api,
};

/// The bytes of a file.
///
/// `Range`, `If-Range` and `If-None-Match` are understood; `nx-file: base64url` answers a data URL as text.
#[utoipa::path(get, tag = "Files",
    path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/records/{rid}/files/{file}",
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path), ("rid" = u32, Path),
        ("file" = String, Path, description = "Name of the file"),
        ("Range" = Option<String>, Header, description = "`bytes=0-999`"),
        ("If-None-Match" = Option<String>, Header, description = "304 where the ETag still holds")),
    responses((status = 200, description = "The content", content_type = "*/*"),
        (status = 206, description = "A part of it", content_type = "*/*"),
        (status = 304, description = "The client has it"),
        (status = 416, description = "The range lies outside the file")))]
pub(crate) async fn download_file(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table, record, file)): Path<(String, String, String, String, String)>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    answer(&session, &table, &record, &file, &headers).await
}

/// The bytes of a file, addressed by the field that names it as well.
#[utoipa::path(get, tag = "Files",
    path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/records/{rid}/files/{fid}/{file}",
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path), ("rid" = u32, Path),
        ("fid" = String, Path, description = "Id of a field"),
        ("file" = String, Path, description = "Name of the file")),
    responses((status = 200, description = "The content", content_type = "*/*")))]
pub(crate) async fn download_field_file(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table, record, _field, file)): Path<(
        String,
        String,
        String,
        String,
        String,
        String,
    )>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    answer(&session, &table, &record, &file, &headers).await
}

async fn answer(
    session: &Session,
    table: &str,
    record: &str,
    file: &str,
    headers: &HeaderMap,
) -> ApiResult<Response> {
    let record = record_id(record)?;
    let entry = session.file(table, record, file).await?;
    if is_known(headers, &entry) {
        return Ok(not_modified(&entry));
    }
    Ok(match session.download(table, record, file, wanted(headers, &entry)).await {
        Ok(download) => bytes(download, headers),
        Err(error) => range_refused(error).into_response(),
    })
}
