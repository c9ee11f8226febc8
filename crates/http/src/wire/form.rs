//! `multipart/form-data` bodies, read as a stream: what is held at a time has a bound, whatever is sent.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::Body,
    extract::{FromRequest, Multipart, Request, multipart::MultipartError},
};
use bytes::Bytes;
use futures_core::Stream;
use futures_util::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use http::header;

use crate::error::{ApiError, ApiResult, ErrorCode};

/// Most parts of a form.
const PARTS_MAX: usize = 100;
/// Longest text part.
const TEXT_BYTES_MAX: usize = 4096;
/// Most bytes that are taken in before a part, or a piece of one, comes out: heads, and what stands around parts.
const AHEAD_BYTES_MAX: usize = 1 << 20;
/// The parser takes all that is there; after so many bytes it has to hand on what it has.
const BURST_BYTES: usize = 64 << 10;

/// The parts of a form, one after the other.
#[derive(Debug)]
pub struct Form {
    parts: Multipart,
    ahead: Arc<AtomicUsize>,
    seen: usize,
}

impl Form {
    /// Begins to read a request's body, which may be as large as its parts may be, but not stand still for longer than that.
    pub async fn of(request: Request, idle_max: Duration) -> ApiResult<Self> {
        let ahead = Arc::new(AtomicUsize::new(0));
        let (head, body) = request.into_parts();
        let body = paced(body.into_data_stream(), idle_max).boxed();
        let bounded = Bounded { body, ahead: Arc::clone(&ahead), burst: 0 };
        let request = Request::from_parts(head, Body::from_stream(bounded));
        let parts = Multipart::from_request(request, &()).await.map_err(|_| {
            let message = "a multipart/form-data body is expected, with its boundary in Content-Type";
            ApiError::with_message(ErrorCode::BadRequest, message)
        })?;
        Ok(Self { parts, ahead, seen: 0 })
    }

    /// The next part. The one before must have been read to its end.
    pub async fn next(&mut self) -> ApiResult<Option<Part<'_>>> {
        self.seen += 1;
        if self.seen > PARTS_MAX {
            let message = format!("a form has at most {PARTS_MAX} parts");
            return Err(ApiError::with_message(ErrorCode::BadRequest, message));
        }
        let part = self.parts.next_field().await.map_err(|error| unreadable(&error, &self.ahead))?;
        self.ahead.store(0, Ordering::Relaxed);
        let Some(part) = part else { return Ok(None) };
        let disposition = part.headers().get(header::CONTENT_DISPOSITION);
        let file_name = disposition.and_then(|value| file_name(value.as_bytes()));
        Ok(Some(Part { part, file_name, ahead: Arc::clone(&self.ahead) }))
    }
}

/// A part of a form: as a stream, its content.
#[derive(Debug)]
pub struct Part<'a> {
    part: axum::extract::multipart::Field<'a>,
    file_name: Option<String>,
    ahead: Arc<AtomicUsize>,
}

impl Part<'_> {
    /// Its name.
    pub fn name(&self) -> Option<&str> {
        self.part.name()
    }
    /// The name of the file it brings; a text has none.
    pub fn file_name(&self) -> Option<&str> {
        self.file_name.as_deref()
    }
    /// Its own `Content-Type`.
    pub fn content_type(&self) -> Option<&str> {
        self.part.content_type()
    }

    /// The whole of a short text.
    pub async fn text(mut self) -> ApiResult<String> {
        let place = self.name().unwrap_or("part").to_owned();
        let mut text = Vec::new();
        while let Some(piece) = self.next().await {
            let piece = piece?;
            if text.len() + piece.len() > TEXT_BYTES_MAX {
                let problem = format!("a text part is at most {TEXT_BYTES_MAX} bytes long");
                return Err(ApiError::at(ErrorCode::InvalidValue, &place, problem));
            }
            text.extend_from_slice(&piece);
        }
        String::from_utf8(text).map_err(|_| ApiError::at(ErrorCode::InvalidValue, &place, "expected UTF-8"))
    }
}

impl Stream for Part<'_> {
    type Item = ApiResult<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<ApiResult<Bytes>>> {
        let piece = ready!(self.part.poll_next_unpin(context));
        Poll::Ready(piece.map(|piece| {
            let piece = piece.map_err(|error| unreadable(&error, &self.ahead));
            self.ahead.store(0, Ordering::Relaxed);
            piece
        }))
    }
}

/// A content that ends with an error where nothing comes for too long.
pub fn paced<E: std::fmt::Display>(
    content: impl Stream<Item = Result<Bytes, E>> + Send,
    idle_max: Duration,
) -> impl Stream<Item = Result<Bytes, String>> + Send {
    stream::unfold(Some(Box::pin(content)), move |content| async move {
        let mut content = content?;
        match tokio::time::timeout(idle_max, content.next()).await {
            Ok(Some(Ok(piece))) => Some((Ok(piece), Some(content))),
            Ok(Some(Err(error))) => Some((Err(error.to_string()), None)),
            Ok(None) => None,
            Err(_) => {
                let seconds = idle_max.as_secs();
                let problem = format!("nothing came for {seconds} seconds (http.body_timeout_s)");
                Some((Err(problem), None))
            }
        }
    })
}

/// A body for the parser, which would take in everything up to the boundary it looks for.
struct Bounded {
    body: BoxStream<'static, Result<Bytes, String>>,
    /// Bytes since a part or a piece came out.
    ahead: Arc<AtomicUsize>,
    /// Bytes since the parser was made to pause.
    burst: usize,
}

impl Stream for Bounded {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.burst >= BURST_BYTES {
            self.burst = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let Some(piece) = ready!(self.body.poll_next_unpin(context)) else { return Poll::Ready(None) };
        let piece = match piece {
            Ok(piece) => piece,
            Err(error) => return Poll::Ready(Some(Err(io::Error::other(error)))),
        };
        self.burst += piece.len();
        let ahead = self.ahead.fetch_add(piece.len(), Ordering::Relaxed) + piece.len();
        if ahead > AHEAD_BYTES_MAX {
            return Poll::Ready(Some(Err(io::Error::other("too much between parts"))));
        }
        Poll::Ready(Some(Ok(piece)))
    }
}

fn unreadable(error: &MultipartError, ahead: &AtomicUsize) -> ApiError {
    if ahead.load(Ordering::Relaxed) > AHEAD_BYTES_MAX {
        let message = format!(
            "the head of a part, or what stands around parts, is longer than {AHEAD_BYTES_MAX} bytes"
        );
        return ApiError::with_message(ErrorCode::TooLarge, message);
    }
    let message = format!("the multipart body cannot be read: {}", error.body_text());
    ApiError::with_message(ErrorCode::BadRequest, message)
}

/// The file name of a `Content-Disposition` header; `filename*` wins. RFC 7578 has no `filename*` in forms, but
/// clients that know RFC 5987 better send it, some of them alone.
pub fn file_name(header: &[u8]) -> Option<String> {
    let mut plain = None;
    for (name, value) in parameters(header) {
        if name.eq_ignore_ascii_case(b"filename*") {
            if let Some(name) = extended(&value) {
                return Some(name);
            }
        } else if name.eq_ignore_ascii_case(b"filename") && plain.is_none() {
            plain = Some(String::from_utf8_lossy(&value).into_owned());
        }
    }
    plain
}

/// `; name=value; name="value"`, quotes and `\"` taken away. A backslash in front of anything else is itself: old
/// browsers send whole Windows paths.
fn parameters(header: &[u8]) -> Vec<(&[u8], Vec<u8>)> {
    let mut found = Vec::new();
    let mut rest = header;
    while let Some(at) = memchr::memchr(b';', rest) {
        rest = rest[at + 1..].trim_ascii_start();
        let Some(end) = rest.iter().position(|byte| b"=;".contains(byte)) else { break };
        let name = rest[..end].trim_ascii();
        if rest[end] == b';' {
            rest = &rest[end..];
            continue;
        }
        rest = rest[end + 1..].trim_ascii_start();
        let mut value = Vec::new();
        if let Some(quoted) = rest.strip_prefix(b"\"") {
            rest = quoted;
            while let Some((first, behind)) = rest.split_first() {
                match (first, behind) {
                    (b'"', _) => break,
                    (b'\\', [b'"', behind @ ..]) => {
                        value.push(b'"');
                        rest = behind;
                    }
                    _ => {
                        value.push(*first);
                        rest = behind;
                    }
                }
            }
        } else {
            let end = memchr::memchr(b';', rest).unwrap_or(rest.len());
            value.extend_from_slice(rest[..end].trim_ascii());
            rest = &rest[end..];
        }
        found.push((name, value));
    }
    found
}

/// `UTF-8''Gr%C3%BC%C3%9Fe.txt` (RFC 8187).
fn extended(value: &[u8]) -> Option<String> {
    let mut words = value.splitn(3, |byte| *byte == b'\'');
    let (charset, _language, text) = (words.next()?, words.next()?, words.next()?);
    let bytes: Vec<u8> = percent_encoding::percent_decode(text).collect();
    if charset.eq_ignore_ascii_case(b"utf-8") {
        String::from_utf8(bytes).ok()
    } else if charset.eq_ignore_ascii_case(b"iso-8859-1") {
        Some(bytes.into_iter().map(char::from).collect())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_upload_that_stands_still_ends() {
        let pieces = stream::iter([Ok::<_, io::Error>(Bytes::from("a"))]).chain(stream::pending());
        let got: Vec<_> = paced(pieces, Duration::from_mins(1)).collect().await;
        let [Ok(first), Err(problem)] = &got[..] else { panic!("{got:?}") };
        assert_eq!(
            (&first[..], &**problem),
            (&b"a"[..], "nothing came for 60 seconds (http.body_timeout_s)")
        );
    }

    #[test]
    fn file_names() {
        for (header, expected) in [
            (r#"form-data; name="file"; filename="a b;c.txt""#, Some("a b;c.txt")),
            (r#"form-data; name="file"; filename=plain.txt; x=y"#, Some("plain.txt")),
            (r#"form-data; name="file"; FILENAME = "a.txt""#, Some("a.txt")),
            (r#"form-data; name="filename=no"; filename="a\"b.txt""#, Some("a\"b.txt")),
            (r#"form-data; name="file"; filename="C:\dir\a.txt""#, Some(r"C:\dir\a.txt")),
            ("form-data; name=\"file\"; filename=\"Grüße.txt\"", Some("Grüße.txt")),
            ("form-data; name=file; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%22.txt", Some("Grüße \".txt")),
            ("form-data; name=file; filename*=iso-8859-1'de'Gr%FC%DFe.txt; filename=x", Some("Grüße.txt")),
            ("form-data; name=file; filename=x; filename*=utf-8'en'y", Some("y")),
            // What cannot be read is as if it were not there.
            ("form-data; name=file; filename*=utf-8''%ff; filename=x", Some("x")),
            ("form-data; name=file; filename*=ebcdic''y; filename=x", Some("x")),
            ("form-data; name=file; filename*=utf-8; filename=x", Some("x")),
            (r#"form-data; name="file"; filename="never closed"#, Some("never closed")),
            (r#"form-data; name="file"; filename="""#, Some("")),
            (r#"form-data; name="file""#, None),
            ("form-data; filename", None),
            ("", None),
            (";;;=;=", None),
        ] {
            assert_eq!(file_name(header.as_bytes()).as_deref(), expected, "{header}");
        }
    }
}
