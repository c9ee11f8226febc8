//! `POST R/files`

use std::{pin::pin, time::Duration};

use axum::{
    extract::{Multipart, Path, State, multipart::Field},
    response::Response,
};
use boobook_app::{NewFile, Session};
use boobook_model::FileEntry;
use futures_util::StreamExt as _;
use serde_json::Value;

use super::{next_part, paced, record_id, shown};
use crate::{
    error::{ApiError, ApiResult, ErrorCode},
    extract::{Caller, Upload, session},
    openapi::FileUpload,
    router::Api,
    routes::to_json,
};

/// What clients of the original look for.
const DONE: &str = "File Uploaded Successfully";
/// Longest text part.
const TEXT_BYTES_MAX: usize = 4096;

/// Stores a file with a record.
///
/// One of the same name is replaced. With `fieldName` a file or image field names it.
#[utoipa::path(post, path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/records/{rid}/files", tag = "Files",
    request_body(content = FileUpload, content_type = "multipart/form-data"),
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path), ("rid" = u32, Path)),
    responses((status = 200, description = "What is known of the file", body = serde_json::Value),
        (status = 413, description = "The file is too large")))]
pub(crate) async fn upload_file(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table, record)): Path<(String, String, String, String)>,
    Upload(multipart): Upload,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let record = record_id(&record)?;
    // Not one byte of a large file is taken in vain.
    session.check_attach(&table, record).await?;
    let (entry, new) = take(&session, multipart, api.config.body_timeout).await?;
    let entry = session.attach(&table, record, entry, &new).await?;
    let mut answer = shown(&entry);
    answer["message"] = DONE.into();
    to_json::<Value>(&answer)
}

/// Stores the file of a multipart body; what else came with it.
pub(crate) async fn take(
    session: &Session,
    mut multipart: Multipart,
    idle_max: Duration,
) -> ApiResult<(FileEntry, NewFile)> {
    let mut new = NewFile::default();
    let mut stored = None;
    while let Some(part) = next_part(&mut multipart, idle_max).await? {
        if let Some(name) = part.file_name() {
            if stored.is_some() {
                return Err(ApiError::at(ErrorCode::InvalidValue, "file", "one request brings one file"));
            }
            new.name = name.to_owned();
            new.content_type = part.content_type().map(str::to_owned);
            stored = Some(session.store_content(&new.name.clone(), paced(part, idle_max)).await?);
            continue;
        }
        match part.name().map(str::to_owned).as_deref() {
            Some("fieldName") => {
                let text = text_of(part, idle_max).await?;
                new.field = Some(text).filter(|text| !text.is_empty());
            }
            Some("file") => {
                let message = "the part has no file name: send `Content-Disposition: form-data; name=\"file\"; filename=\"…\"`";
                return Err(ApiError::at(ErrorCode::InvalidValue, "file", message));
            }
            // Other text parts are other programs' business.
            _ => _ = text_of(part, idle_max).await?,
        }
    }
    match stored {
        Some(entry) => Ok((entry, new)),
        None => Err(ApiError::at(
            ErrorCode::InvalidValue,
            "file",
            "a multipart part `file` with a file name is needed",
        )),
    }
}

async fn text_of(part: Field<'_>, idle_max: Duration) -> ApiResult<String> {
    let place = part.name().unwrap_or("part").to_owned();
    let refused = |problem: String| ApiError::at(ErrorCode::InvalidValue, &place, problem);
    let mut content = pin!(paced(part, idle_max));
    let mut text = Vec::new();
    while let Some(piece) = content.next().await {
        let piece = piece.map_err(refused)?;
        if text.len() + piece.len() > TEXT_BYTES_MAX {
            return Err(refused(format!("a text part is at most {TEXT_BYTES_MAX} bytes long")));
        }
        text.extend_from_slice(&piece);
    }
    String::from_utf8(text).map_err(|_| refused("expected UTF-8".into()))
}
