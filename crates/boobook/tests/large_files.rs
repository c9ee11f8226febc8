//! A file that is much larger than what the server may take: it streams in and out. `BOOBOOK_DEEP` makes it 5 GB.
#![allow(clippy::disallowed_methods, reason = "how long it may take is told by the environment")]
#![allow(clippy::unwrap_used, reason = "tests")]
#![cfg(target_os = "linux")]

use std::{
    env, fs,
    io::{self, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

use boobook_testkit::{Installation, Server};
use serde_json::json;

/// What the server may take more at its peak, in kB.
const GROWTH_KB_MAX: u64 = 32 << 10;

/// `VmHWM` in kB.
fn peak_memory(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Bytes that no two places share, from where they stand.
fn fill(piece: &mut [u8], mut seed: u64) {
    for word in piece.chunks_exact_mut(8) {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        word.copy_from_slice(&seed.to_le_bytes());
    }
}

const PIECE: usize = 1 << 20;

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.addr()).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(2))).unwrap();
    stream.set_write_timeout(Some(Duration::from_mins(2))).unwrap();
    stream
}

/// Status and head of an answer; what follows is its body.
fn head(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&head));
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

#[test]
fn memory_does_not_grow_with_a_file() {
    let megabytes: u64 = if env::var_os("BOOBOOK_DEEP").is_some() { 5 << 10 } else { 256 };
    let place = Installation::new(env!("CARGO_BIN_EXE_boobook"));
    let team = place.team("Large");
    let key = place.key(&team, &["--role", "admin"]);
    let server = place.serve();
    let client = server.client(&key);
    let db = client.create_database(&team, "Large", &json!({}));
    let tables = format!("/v1/teams/{team}/databases/{db}/tables");
    client.post(&tables, &json!({"name": "T", "fields": []})).ok();
    client.post(&format!("{tables}/T/records"), &json!({"fields": {}})).ok();
    let files = format!("{tables}/T/records/1/files");
    let before = peak_memory(&server);

    let start = "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"large.bin\"\r\n\r\n";
    let end = "\r\n--XX--\r\n";
    let length = start.len() as u64 + megabytes * PIECE as u64 + end.len() as u64;
    let request = |method: &str, path: &str, more: &str| {
        format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n{more}\r\n"
        )
    };
    let form = format!("Content-Type: multipart/form-data; boundary=XX\r\nContent-Length: {length}\r\n");
    let mut stream = connect(&server);
    stream.write_all(request("POST", &files, &form).as_bytes()).unwrap();
    stream.write_all(start.as_bytes()).unwrap();
    let mut piece = vec![0; PIECE];
    for at in 0..megabytes {
        fill(&mut piece, at);
        stream.write_all(&piece).unwrap();
    }
    stream.write_all(end.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains(&format!("\"size\":{}", megabytes * PIECE as u64)), "{answer}");
    let uploaded = peak_memory(&server);
    assert!(uploaded < before + GROWTH_KB_MAX, "upload: {before} kB -> {uploaded} kB");

    let mut stream = BufReader::with_capacity(PIECE, connect(&server));
    stream.get_mut().write_all(request("GET", &format!("{files}/large.bin"), "").as_bytes()).unwrap();
    let head = head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let (mut got, mut expected) = (vec![0; PIECE], vec![0; PIECE]);
    for at in 0..megabytes {
        stream.read_exact(&mut got).unwrap();
        fill(&mut expected, at);
        assert!(got == expected, "megabyte {at} is another");
    }
    assert_eq!(io::copy(&mut stream, &mut io::sink()).unwrap(), 0, "something behind the end");
    let downloaded = peak_memory(&server);
    assert!(downloaded < before + GROWTH_KB_MAX, "download: {before} kB -> {downloaded} kB");
}
