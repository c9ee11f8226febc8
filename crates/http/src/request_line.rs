//! The repair of the first request line (rest-api.md §1.1).
//!
//! hyper refuses raw blanks, quotes and some other characters in a request target before any handler runs.
//! Client libraries encode them; a person with curl does not, and the vendor's own samples do not either. So
//! the first line of an HTTP/1.1 connection is read here, its target percent-encoded where needed, and the
//! connection handed on with the repaired line in front. Nothing beyond the first line end is looked at:
//! framing stays hyper's alone.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// The longest first line looked at: a target of 64 KiB, the method and the version.
const LINE_BYTES_MAX: usize = 65_536 + 64;
/// A target hyper answers with 414, however its bytes look.
const TARGET_BYTES_TOO_MANY: usize = 65_536;

/// Reads up to the end of the first line and repairs it. What comes back is to be put in front of the
/// connection; it is empty where the peer closed before it sent anything.
pub(crate) async fn read_first_line<I: AsyncRead + Unpin>(io: &mut I) -> io::Result<Bytes> {
    let mut buffer = BytesMut::with_capacity(2_048);
    let mut seen = 0;
    loop {
        if io.read_buf(&mut buffer).await? == 0 {
            return Ok(buffer.freeze());
        }
        if let Some(at) = memchr::memchr(b'\n', &buffer[seen..]) {
            return Ok(repair(buffer.freeze(), seen + at));
        }
        seen = buffer.len();
        if seen > LINE_BYTES_MAX {
            return Ok(too_long());
        }
    }
}

/// A request that hyper answers with 414 and an end of the connection.
fn too_long() -> Bytes {
    let mut line = Vec::with_capacity(TARGET_BYTES_TOO_MANY + 64);
    line.extend_from_slice(b"GET /");
    line.resize(line.len() + TARGET_BYTES_TOO_MANY, b'a');
    line.extend_from_slice(b" HTTP/1.1\r\nConnection: close\r\n\r\n");
    line.into()
}

/// `head` with its first line, which ends with the `\n` at `newline`, repaired.
fn repair(head: Bytes, newline: usize) -> Bytes {
    let Some(line) = head[..newline].strip_suffix(b"\r") else { return head };
    if line.len() > LINE_BYTES_MAX {
        return too_long();
    }
    match repair_line(line) {
        Some(mut repaired) => {
            repaired.extend_from_slice(&head[newline - 1..]);
            repaired.into()
        }
        None => head,
    }
}

/// The request line with its target percent-encoded, or `None` where it needs nothing or is no HTTP/1.x
/// request line. The method ends at the first blank, the version starts after the last one.
fn repair_line(line: &[u8]) -> Option<Vec<u8>> {
    let method_end = memchr::memchr(b' ', line)?;
    let version_at = memchr::memrchr(b' ', line)? + 1;
    if !line[version_at..].starts_with(b"HTTP/1.") || version_at <= method_end + 1 {
        return None;
    }
    let target = &line[method_end + 1..version_at - 1];
    if target.is_empty() || !target.iter().any(|&b| needs_encoding(b)) {
        return None;
    }
    let mut out = Vec::with_capacity(line.len() + 64);
    out.extend_from_slice(&line[..=method_end]);
    for &b in target {
        if needs_encoding(b) {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            out.extend_from_slice(&[b'%', HEX[(b >> 4) as usize], HEX[(b & 15) as usize]]);
        } else {
            out.push(b);
        }
    }
    out.extend_from_slice(&line[version_at - 1..]);
    Some(out)
}

/// Bytes that RFC 3986 knows nowhere in a target, control bytes apart: those stay wrong.
fn needs_encoding(b: u8) -> bool {
    matches!(b, b' ' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x80..)
}

/// A connection with bytes put in front that were read already.
#[derive(Debug)]
pub(crate) struct Prefixed<I> {
    prefix: Bytes,
    io: I,
}

impl<I> Prefixed<I> {
    pub(crate) fn new(prefix: Bytes, io: I) -> Self {
        Self { prefix, io }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Prefixed<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.prefix.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let n = self.prefix.len().min(buf.remaining());
        buf.put_slice(&self.prefix[..n]);
        self.prefix.advance(n);
        if self.prefix.is_empty() {
            self.prefix = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Prefixed<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }
    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        Poll::Ready(Ok(()))
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    fn repaired(line: &str) -> String {
        match repair_line(line.as_bytes()) {
            Some(line) => String::from_utf8(line).unwrap(),
            None => line.to_owned(),
        }
    }

    #[test]
    fn vendor_samples_are_repaired() {
        for (line, expected) in [
            (
                "GET /v1/x/query?query=(select Contact).'First Name' HTTP/1.1",
                "GET /v1/x/query?query=(select%20Contact).'First%20Name' HTTP/1.1",
            ),
            ("GET /r?filters={\"L\":\"Jane\"} HTTP/1.1", "GET /r?filters=%7B%22L%22:%22Jane%22%7D HTTP/1.1"),
            ("GET /t/Größe HTTP/1.1", "GET /t/Gr%C3%B6%C3%9Fe HTTP/1.1"),
            ("GET /a<b>c^d`e\\f|g HTTP/1.1", "GET /a%3Cb%3Ec%5Ed%60e%5Cf%7Cg HTTP/1.1"),
            ("GET /a%20b+c%zz HTTP/1.1", "GET /a%20b+c%zz HTTP/1.1"),
            ("GET /a HTTP/1.1", "GET /a HTTP/1.1"),
            ("GET /a b", "GET /a b"),
            ("GET HTTP/1.1", "GET HTTP/1.1"),
            ("GET  HTTP/1.1", "GET  HTTP/1.1"),
            ("PRI * HTTP/2.0", "PRI * HTTP/2.0"),
            ("GET /a\u{1} b HTTP/1.1", "GET /a\u{1}%20b HTTP/1.1"),
            ("", ""),
        ] {
            assert_eq!(repaired(line), expected);
        }
    }

    /// What a peer's bytes, sent one at a time, become.
    async fn through(sent: &[u8]) -> Vec<u8> {
        let (mut client, mut server) = tokio::io::duplex(1);
        let sent = sent.to_vec();
        let writer = async move {
            for byte in sent {
                // The reader may be content before all is written.
                if client.write_all(&[byte]).await.is_err() {
                    return;
                }
            }
        };
        let reader = async move {
            let prefix = read_first_line(&mut server).await.unwrap();
            let mut rest = Vec::new();
            Prefixed::new(prefix, server).read_to_end(&mut rest).await.unwrap();
            rest
        };
        tokio::join!(writer, reader).1
    }

    #[tokio::test]
    async fn byte_at_a_time() {
        let got = through(b"GET /a b HTTP/1.1\r\nHost: a b \"c\"\r\n\r\nGET /c d HTTP/1.1\r\n\r\n").await;
        assert_eq!(
            String::from_utf8(got).unwrap(),
            "GET /a%20b HTTP/1.1\r\nHost: a b \"c\"\r\n\r\nGET /c d HTTP/1.1\r\n\r\n"
        );
        for untouched in [
            &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x01"[..],
            b"GET /a b HTTP/1.1\nHost: x\n\n",
            b"\r\nGET /a b HTTP/1.1\r\n\r\n",
            b"GET /half",
            b"",
        ] {
            assert_eq!(through(untouched).await, untouched);
        }
    }

    #[tokio::test]
    async fn a_long_target_becomes_one_that_is_refused() {
        let (mut client, mut server) = tokio::io::duplex(1 << 20);
        let line = format!("GET /{} x HTTP/1.1\r\n\r\n", "é".repeat(40_000));
        client.write_all(line.as_bytes()).await.unwrap();
        let head = read_first_line(&mut server).await.unwrap();
        assert!(head.starts_with(b"GET /aaaa") && head.len() > 65_536);
    }

    proptest::proptest! {
        #[test]
        fn any_first_line_keeps_its_frame(line in proptest::collection::vec(0u8.., 0..200), rest in ".*") {
            let mut head = line.clone();
            head.extend_from_slice(b"\r\n");
            head.extend_from_slice(rest.as_bytes());
            let newline = memchr::memchr(b'\n', &head).unwrap();
            let out = repair(Bytes::from(head.clone()), newline);
            // All behind the first line end is as it came, and no line end is added or lost.
            let out_newline = memchr::memchr(b'\n', &out).unwrap();
            assert_eq!(&out[out_newline..], &head[newline..]);
            // Only the target changed, and decoding gives it back.
            let decoded: Vec<u8> = percent_encoding::percent_decode(&out[..out_newline]).collect();
            let original: Vec<u8> = percent_encoding::percent_decode(&head[..newline]).collect();
            assert_eq!(decoded, original);
        }
    }
}
