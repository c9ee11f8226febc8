//! Forms that are written by the book are read as they were written, in whatever pieces they arrive; anything else is
//! read to an end or refused.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::convert::Infallible;

use axum::{body::Body, extract::Request};
use boobook_http::{ApiResult, StatusCode, wire::form::Form};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use proptest::{prelude::*, sample::Index};

/// Name, name of the file, content.
type Part = (String, Option<String>, Vec<u8>);

fn written(parts: &[Part]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, content) in parts {
        let file = file.as_ref().map_or_else(String::new, |file| format!("; filename=\"{file}\""));
        let head = format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--XX--\r\n");
    body
}

fn places(cuts: &[Index], body: &[u8]) -> Vec<usize> {
    cuts.iter().map(|cut| cut.index(body.len() + 1)).collect()
}

/// Reads a body that arrives in pieces cut at these places.
fn read(body: &[u8], mut cuts: Vec<usize>) -> ApiResult<Vec<Part>> {
    cuts.extend([0, body.len()]);
    cuts.sort_unstable();
    let pieces =
        cuts.windows(2).map(|cut| Ok::<_, Infallible>(Bytes::copy_from_slice(&body[cut[0]..cut[1]])));
    let body = Body::from_stream(stream::iter(pieces.collect::<Vec<_>>()));
    let request = Request::post("/").header("content-type", "multipart/form-data; boundary=XX");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let mut form = Form::of(request.body(body).unwrap(), std::time::Duration::from_mins(1)).await?;
        let mut parts = Vec::new();
        while let Some(mut part) = form.next().await? {
            let (name, file) =
                (part.name().unwrap_or_default().to_owned(), part.file_name().map(str::to_owned));
            let mut content = Vec::new();
            while let Some(piece) = part.next().await {
                content.extend_from_slice(&piece?);
            }
            parts.push((name, file, content));
        }
        Ok(parts)
    })
}

/// Pieces that look much like a boundary, but are none.
const NEARLY: &[&[u8]] = &[
    b"\r\n",
    b"\r\n--X",
    b"\r\n--",
    b"--XX",
    b"\r",
    b"\n\n--XX--",
    b"x",
    b"\0\xff",
    b"Content-Disposition: form-data; name=\"no\"\r\n\r\n",
];

/// Pieces of forms.
const PIECES: &[&[u8]] = &[
    b"--XX\r\n",
    b"--XX--",
    b"\r\n",
    b"\r\n\r\n",
    b"A: b",
    b"\0",
    b"Content-Disposition: form-data; name=\"a\"; filename*=utf-8''%00",
    b"x",
    b"--",
];

fn pieces(of: &'static [&'static [u8]], most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(of), 0..most).prop_map(|pieces| pieces.concat())
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    let has_none = |content: &Vec<u8>| !content.windows(6).any(|part| part == b"\r\n--XX");
    pieces(NEARLY, 12).prop_filter("holds the boundary", has_none)
}

proptest! {
    #[test]
    fn what_was_written_is_read(
        parts in prop::collection::vec(("[a-z ü]{0,6}", prop::option::of("[a-z;= ü.]{1,8}"), content()), 0..5),
        cuts in prop::collection::vec(any::<Index>(), 0..20),
    ) {
        let body = written(&parts);
        prop_assert_eq!(read(&body, places(&cuts, &body)).unwrap(), parts);
    }

    #[test]
    fn anything_else_is_refused_in_words(
        body in pieces(PIECES, 20),
        cuts in prop::collection::vec(any::<Index>(), 0..20),
    ) {
        if let Err(error) = read(&body, places(&cuts, &body)) {
            prop_assert_eq!(error.http_status(), StatusCode::BAD_REQUEST);
            prop_assert!(!error.message().is_empty());
        }
    }
}

/// Every way to arrive in two pieces.
#[test]
fn a_form_may_be_cut_anywhere() {
    let parts: Vec<Part> = vec![
        ("file".into(), Some("a.txt".into()), b"Hello\r\n--X, owl".to_vec()),
        ("x".into(), None, Vec::new()),
    ];
    let body = written(&parts);
    for at in 0..=body.len() {
        assert_eq!(read(&body, vec![at]).unwrap(), parts, "cut at {at}");
    }
}
