//! Forms that are written by the book are read as they were written, in whatever pieces they arrive; anything else is
//! read to an end or refused. Names of files that pass are safe wherever they go. The fuzz target `form` includes this
//! file.
#![allow(dead_code, clippy::unwrap_used, reason = "tests; the fuzz target runs none")]

use std::{convert::Infallible, sync::LazyLock};

use axum::{body::Body, extract::Request};
use boobook_files::FileName;
use boobook_http::{
    ApiResult, StatusCode,
    wire::form::{Form, file_name},
};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use tokio::runtime::Runtime;

/// Name, name of the file, content.
type Part = (String, Option<String>, Vec<u8>);

/// No part has more bytes in its head and content than its body.
const PARTS_MAX: usize = 100;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap());

/// Reads a body that arrives in pieces cut at these places, ascending.
fn read(content_type: &[u8], body: &[u8], cuts: &[usize]) -> ApiResult<Vec<Part>> {
    let ends = cuts.iter().copied().chain([body.len()]);
    let mut from = 0;
    let pieces: Vec<_> = ends
        .map(|to| Ok::<_, Infallible>(Bytes::copy_from_slice(&body[std::mem::replace(&mut from, to)..to])))
        .collect();
    let request = Request::post("/").header("content-type", content_type);
    // What is no header never reaches a form.
    let Ok(request) = request.body(Body::from_stream(stream::iter(pieces))) else { return Ok(Vec::new()) };
    RUNTIME.block_on(async {
        let mut form = Form::of(request, std::time::Duration::from_mins(1)).await?;
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

/// Holds any bytes to what is said above: a line with the type of a form, then its body. Each line is also a name, as
/// it stands and percent-encoded, and a header that tells one.
///
/// # Panics
/// Where it does not hold.
pub(crate) fn check_form(data: &[u8]) {
    let (content_type, body) =
        data.split_at(data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len()));
    let body = body.strip_prefix(b"\n").unwrap_or(body);
    let whole = read(content_type, body, &[]);
    let each = 1 + data.len() % 7;
    let cuts: Vec<usize> = (0..body.len()).step_by(each).collect();
    match (whole, read(content_type, body, &cuts)) {
        (Ok(whole), Ok(in_pieces)) => {
            assert_eq!(whole, in_pieces, "in pieces of {each}");
            assert!(whole.len() <= PARTS_MAX);
            assert!(whole.iter().map(|(_, _, content)| content.len()).sum::<usize>() <= body.len());
            whole.iter().filter_map(|(_, file, _)| file.as_deref()).for_each(check_name);
        }
        (Err(whole), Err(in_pieces)) => {
            for error in [whole, in_pieces] {
                assert!(error.http_status().is_client_error(), "{error:?}");
                assert!(!error.message().is_empty(), "{error:?}");
            }
        }
        (whole, in_pieces) => panic!("whole {whole:?}, in pieces of {each} {in_pieces:?}"),
    }
    for line in data.split(|byte| *byte == b'\n') {
        check_name(&String::from_utf8_lossy(line));
        check_name(&percent_encoding::percent_decode(line).decode_utf8_lossy());
        if let Some(name) = file_name(line) {
            check_name(&name);
        }
    }
}

/// What passes is one segment of a path, stays as it is, comes back out of the header it goes into, and has the type of
/// its last extension, whatever stands before that.
fn check_name(text: &str) {
    let Ok(name) = FileName::parse(text) else { return };
    let shown = name.as_str();
    assert!(shown.len() <= 255 && !shown.contains(['/', '\\', '\0']), "{shown:?}");
    assert_eq!(std::path::Path::new(shown).file_name().and_then(|name| name.to_str()), Some(shown));
    assert_eq!(FileName::parse(shown).as_ref(), Ok(&name));
    let header = name.content_disposition();
    assert!(header.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{header}");
    assert_eq!(file_name(header.as_bytes()).as_deref(), Some(shown), "{header}");
    if let Some((stem, extension)) = shown.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()) {
        let alone = FileName::parse(&format!("x.{extension}x")).map(|_| format!("x.{extension}"));
        let alone = alone.ok().and_then(|text| FileName::parse(&text).ok());
        if let Some(alone) = alone.filter(|alone| alone.as_str() == format!("x.{extension}")) {
            assert_eq!(alone.content_type(), name.content_type(), "{stem:?} before {extension:?}");
        }
    }
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::Index};

    use super::*;

    const TYPE: &[u8] = b"multipart/form-data; boundary=XX";

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
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
        places.sort_unstable();
        places
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
            prop_assert_eq!(read(TYPE, &body, &places(&cuts, &body)).unwrap(), parts);
        }

        #[test]
        fn anything_else_is_refused_in_words(
            body in pieces(PIECES, 20),
            cuts in prop::collection::vec(any::<Index>(), 0..20),
        ) {
            if let Err(error) = read(TYPE, &body, &places(&cuts, &body)) {
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
            assert_eq!(read(TYPE, &body, &[at]).unwrap(), parts, "cut at {at}");
        }
    }

    #[test]
    fn kept_inputs_of_the_fuzzer() {
        replay::replay("form", check_form);
    }
}
