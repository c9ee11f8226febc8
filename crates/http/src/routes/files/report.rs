//! `GET|POST P/reports/{id}/files`, `GET P/reports/{id}/files/{name}`

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use boobook_app::{AppError, DocumentFile};

use super::{bytes, is_known, not_modified, range_refused, shown, upload::no_file, wanted};
use crate::{
    error::ApiResult,
    extract::{Caller, Upload, session},
    openapi::{FileInfo, FileUpload},
    router::Api,
    routes::to_json,
};

/// The names of a report's files. Needs the admin role.
#[utoipa::path(get, path = "/v1/teams/{teamid}/databases/{dbid}/reports/{reportid}/files", tag = "Reports",
    params(("teamid" = String, Path), ("dbid" = String, Path), ("reportid" = String, Path)),
    responses((status = 200, description = "Names", body = [String])))]
pub(crate) async fn list_report_files(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, report)): Path<(String, String, String)>,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let files = session.report_files(&report)?;
    to_json(&files.0.iter().map(|file| &*file.name).collect::<Vec<_>>())
}

/// The bytes of a report's file. Needs the admin role.
#[utoipa::path(get, path = "/v1/teams/{teamid}/databases/{dbid}/reports/{reportid}/files/{name}", tag = "Reports",
    params(("teamid" = String, Path), ("dbid" = String, Path), ("reportid" = String, Path),
        ("name" = String, Path)),
    responses((status = 200, description = "The content", content_type = "*/*")))]
pub(crate) async fn get_report_file(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, report, name)): Path<(String, String, String, String)>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let entry = session.report_files(&report)?.find(&name).cloned().ok_or(AppError::FileNotFound)?;
    if is_known(&headers, &entry) {
        return Ok(not_modified(&entry));
    }
    let file = DocumentFile::Report(report);
    Ok(match session.document_file(&file, &name, wanted(&headers, &entry)).await {
        Ok(download) => bytes(download, &headers),
        Err(error) => range_refused(error).into_response(),
    })
}

/// Stores a file with a report. Needs the admin role.
#[utoipa::path(post, path = "/v1/teams/{teamid}/databases/{dbid}/reports/{reportid}/files", tag = "Reports",
    request_body(content = FileUpload, content_type = "multipart/form-data"),
    params(("teamid" = String, Path), ("dbid" = String, Path), ("reportid" = String, Path)),
    responses((status = 200, description = "What is known of the file", body = FileInfo)))]
pub(crate) async fn upload_report_file(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, report)): Path<(String, String, String)>,
    Upload(mut form): Upload,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    while let Some(part) = form.next().await? {
        let Some(name) = part.file_name().map(str::to_owned) else {
            part.text().await?;
            continue;
        };
        let file = DocumentFile::Report(report);
        return to_json(&shown(&session.put_document_file(file, &name, part).await?));
    }
    Err(no_file())
}
