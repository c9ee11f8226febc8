//! `GET|POST /{teamid}/{dbid}/files/background.jpg`

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use boobook_app::DocumentFile;
use boobook_files::ByteRange;

use super::{bytes, is_known, not_modified, range_refused, shown, upload::no_file};
use crate::{
    error::ApiResult,
    extract::{Caller, session},
    openapi::FileInfo,
    router::Api,
    routes::to_json,
    wire::form::{Form, paced},
};

const NAME: &str = "background.jpg";

/// The background picture of a database.
#[utoipa::path(get, path = "/{teamid}/{dbid}/files/background.jpg", tag = "Databases",
    params(("teamid" = String, Path), ("dbid" = String, Path)),
    responses((status = 200, description = "The picture", content_type = "*/*"),
        (status = 404, description = "There is none")))]
pub(crate) async fn get_background(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database)): Path<(String, String)>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    Ok(match session.document_file(&DocumentFile::Background, NAME, ByteRange::Whole).await {
        Ok(download) if is_known(&headers, &download.entry) => not_modified(&download.entry),
        Ok(download) => bytes(download, &headers),
        Err(error) => range_refused(error).into_response(),
    })
}

/// Stores the background picture of a database. Needs the admin role.
///
/// A multipart part, or the bytes as they are.
#[utoipa::path(post, path = "/{teamid}/{dbid}/files/background.jpg", tag = "Databases",
    request_body(content = Vec<u8>, content_type = "image/jpeg"),
    params(("teamid" = String, Path), ("dbid" = String, Path)),
    responses((status = 200, description = "What is known of the picture", body = FileInfo)))]
pub(crate) async fn post_background(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database)): Path<(String, String)>,
    request: Request<Body>,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !content_type.is_some_and(|kind| kind.starts_with("multipart/")) {
        let content = paced(request.into_body().into_data_stream(), api.config.body_timeout);
        let stored = session.put_document_file(DocumentFile::Background, NAME, content).await?;
        return to_json(&shown(&stored));
    }
    let mut form = Form::of(request, api.config.body_timeout).await?;
    while let Some(part) = form.next().await? {
        if part.file_name().is_none() {
            part.text().await?;
            continue;
        }
        let stored = session.put_document_file(DocumentFile::Background, NAME, part).await?;
        return to_json(&shown(&stored));
    }
    Err(no_file())
}
