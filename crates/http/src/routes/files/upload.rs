//! `POST R/files`

use axum::{
    extract::{Path, State},
    response::Response,
};
use boobook_app::{NewFile, Session};
use boobook_model::FileEntry;
use serde_json::Value;

use super::{record_id, shown};
use crate::{
    error::{ApiError, ApiResult, ErrorCode},
    extract::{Caller, Upload, session},
    openapi::{FileUpload, Uploaded},
    router::Api,
    routes::to_json,
    wire::form::Form,
};

/// What clients of the original look for.
const DONE: &str = "File Uploaded Successfully";

/// Stores a file with a record.
///
/// One of the same name is replaced. With `fieldName` a file or image field names it.
#[utoipa::path(post, path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/records/{rid}/files", tag = "Files",
    request_body(content = FileUpload, content_type = "multipart/form-data"),
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path), ("rid" = u32, Path)),
    responses((status = 200, description = "What is known of the file", body = Uploaded),
        (status = 413, description = "The file is too large")))]
pub(crate) async fn upload_file(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table, record)): Path<(String, String, String, String)>,
    Upload(form): Upload,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let record = record_id(&record)?;
    // Not one byte of a large file is taken in vain.
    session.check_attach(&table, record).await?;
    let (entry, new) = take(&session, form).await?;
    let entry = session.attach(&table, record, entry, &new).await?;
    let mut answer = shown(&entry);
    answer["message"] = DONE.into();
    to_json::<Value>(&answer)
}

/// Stores the file of a form; what else came with it.
pub(crate) async fn take(session: &Session, mut form: Form) -> ApiResult<(FileEntry, NewFile)> {
    let mut new = NewFile::default();
    let mut stored = None;
    while let Some(part) = form.next().await? {
        if let Some(name) = part.file_name() {
            if stored.is_some() {
                return Err(ApiError::at(ErrorCode::InvalidValue, "file", "one request brings one file"));
            }
            new.name = name.to_owned();
            new.content_type = part.content_type().map(str::to_owned);
            stored = Some(session.store_content(&new.name.clone(), part).await?);
            continue;
        }
        match part.name() {
            Some("fieldName") => new.field = Some(part.text().await?).filter(|text| !text.is_empty()),
            Some("file") => {
                let message = "the part has no file name: send `Content-Disposition: form-data; name=\"file\"; filename=\"…\"`";
                return Err(ApiError::at(ErrorCode::InvalidValue, "file", message));
            }
            // Other text parts are other programs' business.
            _ => _ = part.text().await?,
        }
    }
    match stored {
        Some(entry) => Ok((entry, new)),
        None => Err(no_file()),
    }
}

/// A form without a file.
pub(super) fn no_file() -> ApiError {
    ApiError::at(ErrorCode::InvalidValue, "file", "a multipart part `file` with a file name is needed")
}
