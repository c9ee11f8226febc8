//! Compression, only when asked for: gzip, br or zstd, for bodies over 1 KB of a kind that shrinks.
//!
//! Bodies of known length are compressed at once, streams as they flow. Live streams never are: an encoder
//! would hold their events back.

use std::{
    io::{self, Write},
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt;

/// Shorter bodies fit a packet as they are.
const BODY_BYTES_MIN: u64 = 1_024;
/// Longer ones are compressed away from the request threads.
const INLINE_BYTES_MAX: usize = 128 << 10;

/// A content encoding we speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Gzip,
    Brotli,
    Zstd,
}

impl Encoding {
    /// Where the client likes several as much, the cheapest for us first.
    const ALL: [(Encoding, &'static str); 3] =
        [(Encoding::Zstd, "zstd"), (Encoding::Gzip, "gzip"), (Encoding::Brotli, "br")];

    fn name(self) -> &'static str {
        match self {
            Encoding::Gzip => "gzip",
            Encoding::Brotli => "br",
            Encoding::Zstd => "zstd",
        }
    }
}

/// What `Accept-Encoding` asks for, `None` for no compression.
pub(crate) fn wanted(headers: &HeaderMap) -> Option<Encoding> {
    let mut best: Option<(Encoding, u32)> = None;
    let mut identity = None;
    let mut any = None;
    let mut named = [None; Encoding::ALL.len()];
    for value in headers.get_all(header::ACCEPT_ENCODING) {
        for item in value.to_str().unwrap_or_default().split(',') {
            let (name, weight) = weighted(item);
            let at = Encoding::ALL.iter().position(|(_, known)| name.eq_ignore_ascii_case(known));
            match at {
                Some(at) => named[at] = Some(weight),
                None if name == "*" => any = Some(weight),
                None if name.eq_ignore_ascii_case("x-gzip") => named[1] = Some(weight),
                None if name.eq_ignore_ascii_case("identity") => identity = Some(weight),
                None => {}
            }
        }
    }
    for ((encoding, _), weight) in Encoding::ALL.into_iter().zip(named) {
        let weight = weight.or(any).unwrap_or(0);
        if weight > best.map_or(0, |(_, w)| w) {
            best = Some((encoding, weight));
        }
    }
    best.filter(|(_, weight)| identity.is_none_or(|identity| *weight >= identity))
        .map(|(encoding, _)| encoding)
}

/// `gzip;q=0.5` as name and thousandths.
fn weighted(item: &str) -> (&str, u32) {
    let mut parts = item.split(';');
    let name = parts.next().unwrap_or_default().trim();
    let q = parts.find_map(|part| part.trim().strip_prefix("q="));
    let weight = q.map_or(1.0, |q| q.trim().parse::<f64>().unwrap_or(0.0));
    (name, (weight.clamp(0.0, 1.0) * 1000.0) as u32)
}

/// The response, compressed where that pays.
pub(crate) async fn compress(response: Response<Body>, encoding: Encoding) -> Response<Body> {
    let headers = response.headers();
    let plain = response.status() == StatusCode::OK
        && !headers.contains_key(header::CONTENT_ENCODING)
        && !headers.contains_key(header::CONTENT_RANGE)
        && is_compressible(headers);
    if !plain {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    parts.headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    let exact = body.size_hint().exact();
    if exact.is_some_and(|len| len < BODY_BYTES_MIN) {
        return Response::from_parts(parts, body);
    }
    let body = match exact {
        Some(_) => match at_once(body, encoding).await {
            Ok(bytes) => Body::from(bytes),
            Err(error) => return failed(&error),
        },
        None => match Encoder::new(encoding) {
            Ok(encoder) => Body::new(Compressed { body, encoder: Some(encoder) }),
            Err(error) => return failed(&error.into()),
        },
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
    weaken_etag(&mut parts.headers);
    Response::from_parts(parts, body)
}

fn failed(error: &axum::BoxError) -> Response<Body> {
    use axum::response::IntoResponse;
    tracing::error!("compressing an answer failed: {error}");
    crate::error::ApiError::new(crate::error::ErrorCode::Internal).into_response()
}

/// Other bytes, same meaning: that is what a weak tag says.
fn weaken_etag(headers: &mut HeaderMap) {
    if let Some(tag) = headers.get(header::ETAG).filter(|tag| !tag.as_bytes().starts_with(b"W/")) {
        let weak = [b"W/", tag.as_bytes()].concat();
        if let Ok(weak) = HeaderValue::from_bytes(&weak) {
            headers.insert(header::ETAG, weak);
        }
    }
}

fn is_compressible(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    match kind {
        "text/event-stream" => false,
        "application/json" | "application/javascript" | "image/svg+xml" => true,
        _ => kind.starts_with("text/"),
    }
}

async fn at_once(body: Body, encoding: Encoding) -> Result<Bytes, axum::BoxError> {
    let plain = body.collect().await?.to_bytes();
    let is_short = plain.len() <= INLINE_BYTES_MAX;
    let work = move || -> io::Result<Vec<u8>> {
        let mut encoder = Encoder::new(encoding)?;
        encoder.write(&plain)?;
        encoder.finish()
    };
    // Some milliseconds of work would hold up the other requests of this thread.
    let bytes = if is_short { work()? } else { tokio::task::spawn_blocking(work).await?? };
    Ok(bytes.into())
}

enum Encoder {
    Gzip(flate2::write::GzEncoder<Vec<u8>>),
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    fn new(encoding: Encoding) -> io::Result<Self> {
        Ok(match encoding {
            Encoding::Gzip => {
                Self::Gzip(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(3)))
            }
            Encoding::Brotli => {
                Self::Brotli(Box::new(brotli::CompressorWriter::new(Vec::new(), 4096, 3, 20)))
            }
            Encoding::Zstd => Self::Zstd(zstd::stream::write::Encoder::new(Vec::new(), 2)?),
        })
    }

    fn write(&mut self, plain: &[u8]) -> io::Result<()> {
        match self {
            Self::Gzip(encoder) => encoder.write_all(plain),
            Self::Brotli(encoder) => encoder.write_all(plain),
            Self::Zstd(encoder) => encoder.write_all(plain),
        }
    }

    /// What has come out so far.
    fn take(&mut self) -> Vec<u8> {
        std::mem::take(match self {
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Brotli(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => encoder.get_mut(),
        })
    }

    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(encoder) => encoder.finish(),
            Self::Brotli(encoder) => Ok(encoder.into_inner()),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

/// A stream, compressed as it flows.
struct Compressed {
    body: Body,
    /// `None` once all is out.
    encoder: Option<Encoder>,
}

impl http_body::Body for Compressed {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        loop {
            if self.encoder.is_none() {
                return Poll::Ready(None);
            }
            let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
            let out = match frame {
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    let Some(encoder) = &mut self.encoder else { return Poll::Ready(None) };
                    encoder.write(&data).map(|()| encoder.take())
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None => self.encoder.take().map_or(Ok(Vec::new()), Encoder::finish),
            };
            match out {
                Ok(out) if out.is_empty() => {}
                Ok(out) => return Poll::Ready(Some(Ok(Frame::data(out.into())))),
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn accept(value: &'static str) -> Option<Encoding> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
        wanted(&headers)
    }

    #[test]
    fn negotiation() {
        for (value, encoding) in [
            ("gzip", Some(Encoding::Gzip)),
            ("gzip, deflate, br, zstd", Some(Encoding::Zstd)),
            ("gzip, br", Some(Encoding::Gzip)),
            ("gzip;q=0.5, br;q=1.0", Some(Encoding::Brotli)),
            ("gzip;q=0", None),
            ("*", Some(Encoding::Zstd)),
            ("*;q=0, gzip", Some(Encoding::Gzip)),
            ("identity", None),
            ("identity;q=1, gzip;q=0.5", None),
            ("deflate", None),
            ("", None),
            ("GZIP ; q=0.8", Some(Encoding::Gzip)),
        ] {
            assert_eq!(accept(value), encoding, "{value}");
        }
        assert_eq!(wanted(&HeaderMap::new()), None);
    }

    fn plain(encoding: Encoding, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        match encoding {
            Encoding::Gzip => flate2::read::GzDecoder::new(bytes).read_to_end(&mut out).unwrap(),
            Encoding::Brotli => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut out).unwrap(),
            Encoding::Zstd => zstd::stream::read::Decoder::new(bytes).unwrap().read_to_end(&mut out).unwrap(),
        };
        out
    }

    #[tokio::test]
    async fn whole_and_streamed_bodies_come_back() {
        let text = "{\"fields\":{\"Nummer\":\"A-0012\"}},".repeat(20_000);
        for (encoding, name) in Encoding::ALL {
            let chunks: Vec<Result<Bytes, io::Error>> =
                text.as_bytes().chunks(60_000).map(|c| Ok(Bytes::copy_from_slice(c))).collect();
            let streamed = Body::from_stream(futures_util::stream::iter(chunks));
            for body in [Body::from(text.clone()), Body::from(text[..2_000].to_owned()), streamed] {
                let mut response = Response::new(body);
                response.headers_mut().insert(header::CONTENT_TYPE, crate::JSON);
                response.headers_mut().insert(header::ETAG, HeaderValue::from_static("\"1\""));
                let response = compress(response, encoding).await;
                assert_eq!(response.headers()[header::CONTENT_ENCODING], name);
                assert_eq!(response.headers()[header::ETAG], "W/\"1\"");
                let bytes = response.into_body().collect().await.unwrap().to_bytes();
                let out = plain(encoding, &bytes);
                assert!(out == text.as_bytes() || out == text.as_bytes()[..2_000]);
                assert!(bytes.len() < out.len() / 10);
            }
        }
    }

    #[tokio::test]
    async fn short_bodies_and_live_streams_stay_plain() {
        for (body, kind) in [
            ("{}".to_owned(), crate::JSON),
            ("x".repeat(5_000), HeaderValue::from_static("text/event-stream")),
        ] {
            let mut response = Response::new(Body::from(body));
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
            let response = compress(response, Encoding::Gzip).await;
            assert!(!response.headers().contains_key(header::CONTENT_ENCODING));
        }
    }
}
