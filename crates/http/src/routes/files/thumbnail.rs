//! `GET R/files/{file}/thumb.jpg`

use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};

use super::{is_known, not_modified, record_id};
use crate::{
    error::{ApiError, ApiResult},
    extract::{Caller, Query, session},
    router::Api,
};

/// A small JPEG of a picture, or of the first page of a PDF.
#[utoipa::path(get, tag = "Files",
    path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/records/{rid}/files/{file}/thumb.jpg",
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path), ("rid" = u32, Path),
        ("file" = String, Path, description = "Name of the file"),
        ("size" = Option<u32>, Query, description = "Longest edge in pixels, 256 where absent")),
    responses((status = 200, description = "The picture", content_type = "image/jpeg"),
        (status = 404, description = "No such file, or none that thumbnails are made of")))]
pub(crate) async fn file_thumbnail(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table, record, file)): Path<(String, String, String, String, String)>,
    query: Query,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let record = record_id(&record)?;
    let size = query.parse()?.number("size")?;
    let size = size.map(|size| u32::try_from(size).map_err(|_| ApiError::parameter("size", "is too large")));
    let size = size.transpose()?;
    let entry = session.file(&table, record, &file).await?;
    if is_known(&headers, &entry) {
        return Ok(not_modified(&entry));
    }
    let (entry, jpeg) = session.thumbnail(&table, record, &file, size).await?;
    let mut response = jpeg.into_response();
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"));
    out.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", entry.sha256)) {
        out.insert(header::ETAG, tag);
    }
    Ok(response)
}
