//! What people and broken clients write into a request's first line, byte by byte over a plain socket
//! (rest-api.md §1.1): the right answer or a 4xx, never a 5xx, never a connection that hangs.
#![allow(clippy::disallowed_methods, reason = "tests wait with a deadline")]

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

use boobook_testkit::{Client, Installation, Server};
use serde_json::json;

/// Longest wait for the end of a connection.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server with a table whose name needs encoding and one record in it.
struct Stage {
    server: Server,
    key: String,
    tables: String,
    _place: Installation,
}

impl Stage {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(more: &[&str]) -> Self {
        let place = Installation::new(env!("CARGO_BIN_EXE_boobook"));
        let team = place.team("Werkstatt");
        let key = place.key(&team, &["--role", "admin"]);
        let server = place.serve_with(more);
        let client = server.client(&key);
        let db = client.create_database(&team, "Lager", &json!({}));
        let tables = format!("/v1/teams/{team}/databases/{db}/tables");
        let table =
            json!({"name": "Größe {a|b} \"c\"", "fields": [{"name": "First name", "type": "string"}]});
        client.post(&tables, &table).ok();
        client.post(&format!("{tables}/A/records"), &json!({"fields": {"First name": "Jane Doe"}})).ok();
        Self { server, key, tables, _place: place }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.server.addr()).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("a setting");
        stream
    }

    /// A request of that target, and more headers.
    fn get(&self, target: &[u8], headers: &str) -> Vec<u8> {
        let head = format!(" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n{headers}\r\n", self.key);
        [b"GET ", target, head.as_bytes()].concat()
    }

    /// All that comes back for these bytes until the server closes.
    fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        // A server that has answered may close before it has read all.
        let _ = stream.write_all(bytes);
        until_closed(&mut stream, bytes)
    }

    /// All that comes back where the client says that nothing more follows.
    fn exchange_and_end(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(Shutdown::Write);
        until_closed(&mut stream, bytes)
    }

    fn still_serves(&self) {
        Client::new(self.server.addr(), Some(&self.key)).get("/v1/teams").ok();
    }
}

/// Everything up to the end of a connection; panics where it hangs.
#[track_caller]
fn until_closed(stream: &mut TcpStream, sent: &[u8]) -> String {
    let mut all = Vec::new();
    let read = stream.read_to_end(&mut all);
    if let Err(error) = read
        && matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
    {
        panic!("hangs: {:?}", String::from_utf8_lossy(&sent[..sent.len().min(200)]));
    }
    String::from_utf8_lossy(&all).into_owned()
}

/// The statuses of all answers in a text.
fn statuses(text: &str) -> Vec<u16> {
    text.split("HTTP/1.1 ").skip(1).filter_map(|rest| rest.get(..3)?.parse().ok()).collect()
}

const CLOSE: &str = "Connection: close\r\n";

#[test]
fn targets_as_people_type_them() {
    let stage = Stage::new();
    let named = "Größe {a|b} \"c\"";
    for (target, status, word) in [
        (format!("{}/{named}/records", stage.tables), 200, "Jane Doe"),
        (format!("{}/{named}/records?fields=First name", stage.tables), 200, "Jane Doe"),
        (format!("{}/A/records?filters={{\"First name\":\"Jane Doe\"}}", stage.tables), 200, "Jane Doe"),
        (format!("{}/A/records?filters={{\"First name\":\"Jane+Doe\"}}", stage.tables), 200, "Jane Doe"),
        (format!("{}/A/records?filters={{\"First name\":\"Größe <|>^`\\\\\"}}", stage.tables), 200, "[]"),
        (format!("{}/A/records?filters={{\"First name\":\"100%\"}}", stage.tables), 200, "[]"),
        (format!("{}/A/records?filters={{\"First name\":", stage.tables), 400, "filters"),
        (format!("{}/no such table", stage.tables), 404, "Table Not Found"),
        (format!("{}//{named}//records/", stage.tables), 200, "Jane Doe"),
        (format!("{}/A/records HTTP/1.1", stage.tables), 404, "End-point not found"),
        ("/ ".to_owned(), 404, "End-point not found"),
        ("http://x/v1/teams?a=b c".to_owned(), 200, "Werkstatt"),
        ("* *".to_owned(), 400, ""),
        ("v1/teams and".to_owned(), 400, ""),
    ] {
        let answer = stage.exchange(&stage.get(target.as_bytes(), CLOSE));
        assert_eq!(statuses(&answer), [status], "{target}: {answer}");
        assert!(answer.contains(word), "{target}: {answer}");
    }
}

#[test]
fn bytes_that_are_no_utf8_are_the_clients_mistake() {
    let stage = Stage::new();
    for target in [
        [stage.tables.as_bytes(), b"/\xff\xfe/records"].concat(),
        [stage.tables.as_bytes(), b"/A/records?filters={\"First name\":\"\xe9\"}"].concat(),
        [stage.tables.as_bytes(), b"/A/records?fields=\xff"].concat(),
    ] {
        let answer = stage.exchange(&stage.get(&target, CLOSE));
        let status = statuses(&answer);
        assert!(status == [400] || status == [404], "{:?}: {answer}", String::from_utf8_lossy(&target));
        assert!(answer.contains("\"message\":"), "{answer}");
    }
}

#[test]
fn one_byte_at_a_time() {
    let stage = Stage::new();
    let target = format!("{}/A/records?filters={{\"First name\":\"Jane Doe\"}}", stage.tables);
    let request = stage.get(target.as_bytes(), CLOSE);
    let mut stream = stage.connect();
    for byte in &request {
        stream.write_all(&[*byte]).expect("a byte is sent");
    }
    let answer = until_closed(&mut stream, &request);
    assert_eq!(statuses(&answer), [200], "{answer}");
    assert!(answer.contains("Jane Doe"), "{answer}");
}

/// `nc -N` and the like: who has said that nothing more follows still waits for the answer.
#[test]
fn a_client_that_has_sent_all_gets_its_answer() {
    let stage = Stage::new();
    for n in 0..30 {
        let answer = stage.exchange_and_end(&stage.get(b"/v1/teams?a=b c", ""));
        assert_eq!(statuses(&answer), [200], "request {n}: {answer:?}");
    }
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let stage = Stage::new();
    let first = format!("{}/A/records?filters={{\"First name\":\"Jane Doe\"}}", stage.tables);
    let mut all = stage.get(first.as_bytes(), "X-Request-Id: n-0\r\n");
    for n in 1..60 {
        let last = if n == 59 { CLOSE } else { "" };
        let target = if n % 3 == 0 { "/v1/teams" } else { "/v1/nothing" };
        all.extend(stage.get(target.as_bytes(), &format!("X-Request-Id: n-{n}\r\n{last}")));
    }
    let answer = stage.exchange(&all);
    let want: Vec<u16> = (0..60).map(|n| if n % 3 == 0 { 200 } else { 404 }).collect();
    assert_eq!(statuses(&answer), want);
    let ids: Vec<&str> = answer.lines().filter_map(|line| line.strip_prefix("x-request-id: ")).collect();
    assert_eq!(ids, (0..60).map(|n| format!("n-{n}")).collect::<Vec<_>>());
}

/// Framing is never touched: what follows the first line is the HTTP library's to judge.
#[test]
fn later_requests_of_a_connection_are_not_repaired() {
    let stage = Stage::new();
    let good = stage.get(b"/v1/teams?a=b c", "");
    let umlaut = stage.get("/v1/teams?a=ü{}|".as_bytes(), "");
    let blank = stage.get(b"/v1/teams?a=b c", "");
    let never = stage.get(b"/v1/teams", CLOSE);
    let answer = stage.exchange(&[good, umlaut, blank, never].concat());
    assert_eq!(statuses(&answer), [200, 200, 400], "{answer}");
    // A body that looks like a request is a body.
    let inner = "GET /v1/teams HTTP/1.1\r\n\r\n";
    let post = format!(
        "POST {}/A/records ? HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n{CLOSE}\r\n{inner}",
        stage.tables,
        stage.key,
        inner.len()
    );
    let answer = stage.exchange(post.as_bytes());
    assert_eq!(statuses(&answer).len(), 1, "{answer}");
}

#[test]
fn a_connection_is_kept_after_a_repaired_line() {
    let stage = Stage::new();
    let mut stream = stage.connect();
    for target in ["/v1/teams?a=b c", "/v1/teams?a=b", "/v1/teams"] {
        stream.write_all(&stage.get(target.as_bytes(), "")).expect("the connection is open");
        let mut answer = String::new();
        while !answer.ends_with("}]") {
            let mut part = [0; 4096];
            let n = stream.read(&mut part).expect("an answer in time");
            assert!(n > 0, "{target}: closed after {answer:?}");
            answer.push_str(&String::from_utf8_lossy(&part[..n]));
        }
        assert_eq!(statuses(&answer), [200], "{target}: {answer}");
    }
}

#[test]
fn lines_without_end() {
    let stage = Stage::new();
    let long = "é b".repeat(30_000);
    for request in [
        stage.get(format!("/{long}").as_bytes(), CLOSE),
        stage.get(format!("/v1/teams?x={long}").as_bytes(), CLOSE),
        // Encoded it is three times as long: over the limit only then.
        stage.get(format!("/v1/teams?x={}", "é".repeat(30_000)).as_bytes(), CLOSE),
        b"x".repeat(4 << 20),
        b"GET /".iter().copied().chain(b"\xff".repeat(1 << 20)).collect(),
    ] {
        let answer = stage.exchange(&request);
        // A peer that still sends may lose the answer with the connection, as a reset.
        assert!(answer.is_empty() || statuses(&answer) == [414], "{answer}");
    }
    let fits = stage.get(format!("/v1/teams?x={}", "a b".repeat(12_000)).as_bytes(), CLOSE);
    assert_eq!(statuses(&stage.exchange(&fits)), [200]);
    stage.still_serves();
}

/// Bytes that look like nothing in particular, the same in every run.
fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let count = next() % 300;
    let alphabet = b"GET / HTTP/1.1\r\n\r\n {}\"|%: \x00\x01\x7f\xc3\xa4\xff\n\r\t";
    (0..count)
        .map(|_| match next() {
            byte if byte % 4 == 0 => (byte >> 8) as u8,
            byte => alphabet[(byte >> 8) as usize % alphabet.len()],
        })
        .collect()
}

#[test]
fn garbage_gets_a_4xx_or_nothing() {
    let mut stage = Stage::new();
    let mut all: Vec<Vec<u8>> = [
        &b""[..],
        b"\r\n",
        b"\r\n\r\n\r\n",
        b"\n\n",
        b" ",
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET \r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"GET /\r\n\r\n",
        b" GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1 \r\n\r\n",
        b"GET / HTTP/3.0\r\n\r\n",
        b"GET /a b HTTP/1.7\r\n\r\n",
        b"GET /a\0b c HTTP/1.1\r\n\r\n",
        b"GET /a\rb c HTTP/1.1\r\n\r\n",
        b"GET /a\tb HTTP/1.1\r\n\r\n",
        b"G\xc3\xa4T /a b HTTP/1.1\r\n\r\n",
        b"GET /a b HTTP/1.1\n\n",
        b"GET /a b HTTP/1.1\r\nno header\r\n\r\n",
        b"GET /a b HTTP/1.1\r\n: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nand no frame follows, whatever this is",
        b"PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello\r\n\r\n",
    ]
    .iter()
    .map(|bytes| bytes.to_vec())
    .collect();
    all.extend((1..200).map(noise));
    for sent in all {
        let answer = stage.exchange_and_end(&sent);
        let shown = String::from_utf8_lossy(&sent);
        for status in statuses(&answer) {
            assert!((400..500).contains(&status), "{shown:?}: {answer}");
        }
    }
    stage.still_serves();
    assert!(stage.server.is_running());
}

/// Whoever stops in the middle of a line holds a connection for the set time, not for ever.
#[test]
fn half_a_line_is_given_up() {
    let stage = Stage::with(&["--set", "http.header_timeout_s=1"]);
    let halves = [&b""[..], b"GET /a b", b"GET /a b HTTP/1.1\r\nHost", b"PRI * HTTP/2"];
    let streams = halves.map(|sent| {
        let mut stream = stage.connect();
        stream.write_all(sent).expect("bytes are sent");
        (stream, sent)
    });
    for (mut stream, sent) in streams {
        let answer = until_closed(&mut stream, sent);
        assert!(statuses(&answer).iter().all(|status| *status == 408), "{answer}");
    }
    stage.still_serves();
}
