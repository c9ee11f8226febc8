//! Files of records: rest-api.md §7. Contents stream both ways; nothing here holds a whole one.

pub(crate) mod background;
pub(crate) mod delete;
pub(crate) mod download;
pub(crate) mod list;
pub(crate) mod metadata;
pub(crate) mod report;
pub(crate) mod thumbnail;
pub(crate) mod upload;

use std::io;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use boobook_app::{AppError, FileDownload};
use boobook_files::{BlobError, ByteRange, Download, FileName};
use boobook_model::{FileEntry, RecordId, field::write_timestamp};
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

use crate::error::{ApiError, ApiResult};

/// Header of a request that wants the content as a data URL: `nx-file: base64url`.
const NX_FILE: HeaderName = HeaderName::from_static("nx-file");
/// No script, no request: for content that somebody uploaded and a browser opens in our origin.
const SANDBOX: HeaderValue =
    HeaderValue::from_static("sandbox; default-src 'none'; style-src 'unsafe-inline'");

/// The record of a path; what is no record id names no record.
pub(crate) fn record_id(text: &str) -> ApiResult<RecordId> {
    Ok(text.parse().map_err(|_| AppError::RecordNotFound { place: None })?)
}

/// What lists and metadata show of a file.
pub(crate) fn shown(file: &FileEntry) -> Value {
    let mut at = Vec::new();
    write_timestamp(file.modified_at_ms, &mut at);
    json!({
        "name": file.name,
        "size": file.size,
        "contentType": file.content_type,
        "modifiedAt": String::from_utf8_lossy(&at),
        "modifiedBy": file.modified_by,
        "sha256": file.sha256,
    })
}

/// Which part of a file a request wants. `If-Range` that names another version wants all of it; several ranges at once
/// are answered with all of it, as a server may.
pub(crate) fn wanted(headers: &HeaderMap, file: &FileEntry) -> ByteRange {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::IF_RANGE).is_some_and(|version| version != etag(file)) {
        return ByteRange::Whole;
    }
    let parsed =
        text(header::RANGE).and_then(|range| range.trim().strip_prefix("bytes=")).and_then(one_range);
    parsed.unwrap_or_default()
}

fn one_range(range: &str) -> Option<ByteRange> {
    let (first, last) = range.split_once('-')?;
    let number = |text: &str| {
        let text = text.trim();
        (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| text.parse().unwrap_or(u64::MAX))
    };
    match (first.trim(), last.trim()) {
        ("", last) => Some(ByteRange::Last(number(last)?)),
        (first, "") => Some(ByteRange::From(number(first)?)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            // A range that ends before it begins is none at all (RFC 9110, 14.1.2).
            (first <= last).then_some(ByteRange::Between(first, last))
        }
    }
}

fn etag(file: &FileEntry) -> String {
    format!("\"{}\"", file.sha256)
}

/// Whether the client has this version already.
pub(crate) fn is_known(headers: &HeaderMap, file: &FileEntry) -> bool {
    let tag = etag(file);
    headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).is_some_and(|list| {
        list.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == tag)
    })
}

/// 304 for a version that the client has.
pub(crate) fn not_modified(file: &FileEntry) -> Response {
    let mut response = StatusCode::NOT_MODIFIED.into_response();
    insert(response.headers_mut(), header::ETAG, &etag(file));
    response
}

/// A file's bytes, or those of a range, with everything a client or a browser needs to know about them.
pub(crate) fn bytes(download: FileDownload, headers: &HeaderMap) -> Response {
    let FileDownload { entry, content } = download;
    if headers.get(NX_FILE).is_some_and(|wanted| wanted.as_bytes().eq_ignore_ascii_case(b"base64url")) {
        return data_url(&entry, content);
    }
    let (size, range) = (content.size(), content.range());
    let is_part = range.end - range.start < size;
    let mut response = Response::new(Body::from_stream(content.map_err(broken)));
    let out = response.headers_mut();
    if is_part {
        insert(out, header::CONTENT_RANGE, &format!("bytes {}-{}/{size}", range.start, range.end - 1));
    }
    insert(out, header::CONTENT_LENGTH, &(range.end - range.start).to_string());
    describe(out, &entry);
    if is_part {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response
}

/// Type, name and version of a file, and what keeps a browser from running it in our origin.
fn describe(out: &mut HeaderMap, file: &FileEntry) {
    let content_type = match &*file.content_type {
        "text/plain" => "text/plain; charset=utf-8",
        other => other,
    };
    insert(out, header::CONTENT_TYPE, content_type);
    insert(out, header::ETAG, &etag(file));
    insert(out, header::CONTENT_DISPOSITION, &disposition(file));
    out.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    out.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Browsers show a PDF in a viewer of their own, which a sandbox would keep from starting.
    if file.content_type != "application/pdf" {
        out.insert(header::CONTENT_SECURITY_POLICY, SANDBOX);
    }
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
}

/// By the type that was told, and by what the name says: both must be harmless for a browser to show it.
fn disposition(file: &FileEntry) -> String {
    match FileName::parse(&file.name) {
        Ok(name) => name.content_disposition_as(boobook_files::Disposition::of(&file.content_type)),
        Err(_) => "attachment".to_owned(),
    }
}

/// What a header cannot hold is left out: names come encoded, and types were looked at when they came.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// The body has begun by then: all that can be done is to break it off, and to tell the log.
fn broken(error: BlobError) -> io::Error {
    tracing::error!("a file could not be sent to its end: {error}");
    io::Error::other(error.to_string())
}

/// `data:image/png;base64,…`, as text.
fn data_url(file: &FileEntry, content: Download) -> Response {
    let head = Bytes::from(format!("data:{};base64,", file.content_type));
    let body = stream::iter([Ok(head)]).chain(in_base64(content.map_err(broken)));
    let mut response = Response::new(Body::from_stream(body));
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    out.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    insert(out, header::ETAG, &etag(file));
    response
}

/// Three bytes are four characters, so that up to two bytes of each piece wait for the next one.
fn in_base64(content: impl Stream<Item = io::Result<Bytes>>) -> impl Stream<Item = io::Result<Bytes>> {
    let pieces = content.map_ok(Some).chain(stream::iter([Ok(None)]));
    pieces
        .scan(BytesMut::new(), |rest, piece| {
            let encoded = piece.map(|piece| {
                let is_last = piece.is_none();
                rest.extend_from_slice(&piece.unwrap_or_default());
                let whole = if is_last { rest.len() } else { rest.len() / 3 * 3 };
                Bytes::from(STANDARD.encode(rest.split_to(whole)))
            });
            std::future::ready(Some(encoded))
        })
        .try_filter(|piece| std::future::ready(!piece.is_empty()))
}

/// 416 with the size of the file, which RFC 9110 asks for; any other error as it is.
pub(crate) fn range_refused(error: AppError) -> Response {
    let size = match &error {
        AppError::Range { size } => Some(*size),
        _ => None,
    };
    let mut response = ApiError::from(error).into_response();
    if let Some(size) = size {
        insert(response.headers_mut(), header::CONTENT_RANGE, &format!("bytes */{size}"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(one_range("0-9"), Some(ByteRange::Between(0, 9)));
        assert_eq!(one_range("5-"), Some(ByteRange::From(5)));
        assert_eq!(one_range("-5"), Some(ByteRange::Last(5)));
        assert_eq!(one_range("0-99999999999999999999999"), Some(ByteRange::Between(0, u64::MAX)));
        for none in ["", "-", "5", "9-5", "a-b", "0-1,3-4", "+1-2", "1--2"] {
            assert_eq!(one_range(none), None, "{none:?}");
        }
    }

    #[tokio::test]
    async fn base64_over_pieces_of_any_length() {
        let content: Vec<u8> = (0..=255).cycle().take(1000).collect();
        for length in [1, 2, 3, 4, 7, 64, 999, 1000] {
            let pieces = content.chunks(length).map(|piece| Ok(Bytes::copy_from_slice(piece)));
            let encoded: Vec<Bytes> = in_base64(stream::iter(pieces)).try_collect().await.unwrap();
            assert_eq!(encoded.concat(), STANDARD.encode(&content).as_bytes(), "{length}");
        }
    }
}
