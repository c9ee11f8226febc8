//! HTTPS and HTTP/2: what a server with a certificate answers, and what it does to those who speak otherwise.
#![allow(clippy::disallowed_methods, reason = "tests wait with a deadline")]

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use boobook_testkit::{Installation, Server};
use reqwest::{
    Certificate, Version,
    blocking::{Client, ClientBuilder},
};
use serde_json::{Value, json};

/// Longest wait for an answer or for the end of a connection.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server with TLS, the certificate it shows, and a key.
struct Stage {
    place: Installation,
    server: Server,
    certificate: String,
    key: String,
}

impl Stage {
    fn new(more: &[&str]) -> Self {
        let place = Installation::new(env!("CARGO_BIN_EXE_boobook"));
        let team = place.team("Werkstatt");
        let key = place.key(&team, &["--role", "admin"]);
        let certificate = write_certificate(&place, "");
        let server = place.serve_with(&[&["--tls-cert", "cert.pem", "--tls-key", "key.pem"], more].concat());
        Self { place, server, certificate, key }
    }

    fn client(&self, set: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
        client(&self.certificate, set)
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.server.addr().port())
    }
}

/// A client that trusts one certificate.
fn client(certificate: &str, set: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Client {
    // An error says that it is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certificate = Certificate::from_pem(certificate.as_bytes()).expect("a certificate");
    let builder = Client::builder().tls_certs_only([certificate]).timeout(PATIENCE);
    set(builder).build().expect("a client")
}

/// Writes `cert.pem` and `key.pem` for localhost, with a prefix to their names; gives the certificate.
fn write_certificate(place: &Installation, prefix: &str) -> String {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let certificate = made.cert.pem();
    fs::write(place.file(&format!("{prefix}cert.pem")), &certificate).expect("a file");
    fs::write(place.file(&format!("{prefix}key.pem")), made.signing_key.serialize_pem()).expect("a file");
    certificate
}

/// Everything a connection gives until it is closed; panics where that takes too long.
#[track_caller]
fn until_closed(stream: &mut TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock) => {
            panic!("the connection hangs, after {:?}", String::from_utf8_lossy(&all))
        }
        // Reset is an end as well.
        _ => all,
    }
}

#[test]
fn both_versions_by_alpn() {
    let stage = Stage::new(&[]);
    for (client, version) in [
        (stage.client(|b| b), Version::HTTP_2),
        (stage.client(ClientBuilder::http1_only), Version::HTTP_11),
        (stage.client(|b| b.tls_version_max(reqwest::tls::Version::TLS_1_2)), Version::HTTP_2),
    ] {
        let answer = client.get(stage.url("/v1/teams")).bearer_auth(&stage.key).send().expect("an answer");
        assert_eq!((answer.status().as_u16(), answer.version()), (200, version));
        let teams: Value = answer.json().expect("JSON");
        assert_eq!(teams[0]["name"], "Werkstatt");
        let answer = client.get(stage.url("/v1/teams")).send().expect("an answer");
        assert_eq!(answer.status().as_u16(), 401);
        assert_eq!(answer.json::<Value>().expect("JSON")["message"], "Unauthorized");
    }
}

#[test]
fn many_requests_at_once_on_one_http2_connection() {
    let stage = Stage::new(&["--set", "http.http2_streams_max=8"]);
    let client = stage.client(|b| b.http2_prior_knowledge());
    let base = stage.url("/v1/teams/Werkstatt/databases");
    let post = |url: &str, body: &Value| {
        let answer = client.post(url).bearer_auth(&stage.key).json(body).send().expect("an answer");
        assert_eq!(answer.status().as_u16(), 200, "{url}");
        answer.json::<Value>().expect("JSON")
    };
    post(&base, &json!({"name": "Lager"}));
    let table = json!({"name": "Log", "fields": [{"name": "Text", "type": "string"}]});
    post(&format!("{base}/Lager/tables"), &table);
    let records = format!("{base}/Lager/tables/Log/records");
    // Larger than a stream's window, so that both sides have to wait for each other.
    let text = "x".repeat(200_000);
    thread::scope(|scope| {
        for n in 0..24 {
            let (post, records, text) = (&post, &records, &text);
            scope.spawn(move || {
                let made = post(records, &json!({"fields": {"Text": format!("{n} {text}")}}));
                let stored = made["fields"]["Text"].as_str().expect("the text comes back");
                assert_eq!(stored.split_once(' '), Some((&*n.to_string(), &**text)));
            });
        }
    });
    let all = client.get(format!("{records}?perPage=100")).bearer_auth(&stage.key).send().expect("an answer");
    assert_eq!(all.version(), Version::HTTP_2);
    let all: Value = all.json().expect("JSON");
    assert_eq!(all.as_array().map(Vec::len), Some(24));
}

#[test]
fn http2_without_tls_by_prior_knowledge() {
    let place = Installation::new(env!("CARGO_BIN_EXE_boobook"));
    let key = place.key(&place.team("Werkstatt"), &["--role", "admin"]);
    let server = place.serve();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().http2_prior_knowledge().timeout(PATIENCE).build().expect("a client");
    let answer = client.get(format!("{}/v1/teams", server.url())).bearer_auth(key).send().expect("an answer");
    assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_2));
}

#[test]
fn a_first_line_is_repaired_within_tls_too() {
    let stage = Stage::new(&[]);
    let mut roots = rustls::RootCertStore::empty();
    let der = stage.certificate.as_bytes();
    let der = <rustls::pki_types::CertificateDer as rustls::pki_types::pem::PemObject>::from_pem_slice(der);
    roots.add(der.expect("a certificate")).expect("a root");
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = "localhost".try_into().expect("a name");
    let connection = rustls::ClientConnection::new(config.into(), name).expect("a TLS client");
    let socket = TcpStream::connect(stage.server.addr()).expect("a connection");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut stream = rustls::StreamOwned::new(connection, socket);
    let request = format!(
        "GET /v1/teams/Werk statt?x={{\"a\":\"b c\"}} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Connection: close\r\n\r\n",
        stage.key
    );
    stream.write_all(request.as_bytes()).expect("the request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer and an orderly end");
    assert!(answer.starts_with("HTTP/1.1 404") && answer.contains("Team Not Found"), "{answer}");
}

#[test]
fn those_who_speak_no_tls_are_let_go() {
    let stage = Stage::new(&["--set", "http.handshake_timeout_s=1"]);
    for sent in [
        &b"GET /v1/teams HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\xff\xff and no handshake follows",
        b"\x16",
        b"",
    ] {
        let mut stream = TcpStream::connect(stage.server.addr()).expect("a connection");
        stream.write_all(sent).expect("bytes are sent");
        let answer = until_closed(&mut stream);
        // What comes is a TLS alert at most, and no word of HTTP.
        assert!(answer.is_empty() || answer[0] == 0x15, "{sent:?}: {answer:?}");
    }
    let client = stage.client(|b| b);
    let answer = client.get(stage.url("/healthz")).send().expect("the server goes on");
    assert_eq!(answer.status().as_u16(), 200);
}

#[test]
fn an_import_by_https_says_why_the_certificate_is_refused() {
    let stage = Stage::new(&[]);
    fs::write(stage.place.file("a.csv"), "a\n1\n").expect("a file");
    let mut command = stage.place.command(&["import", "a.csv", "--team", "x", "--database", "x"]);
    command.args(["--table", "x", "--key", &stage.key, "--url", &stage.url("")]);
    let output = command.output().expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("certificate"), "{said}");
}

/// What the server says where it does not start.
fn refusal(place: &Installation, certificate: &str, key: &str) -> String {
    let refused = place.try_serve(&["--tls-cert", certificate, "--tls-key", key]);
    refused.expect_err("the server does not start")
}

#[test]
fn wrong_files_are_named() {
    let place = Installation::new(env!("CARGO_BIN_EXE_boobook"));
    place.team("Werkstatt");
    write_certificate(&place, "");
    write_certificate(&place, "other-");
    fs::write(place.file("garbage.pem"), "no PEM at all").expect("a file");
    for (certificate, key, words) in [
        ("missing.pem", "key.pem", &["certificate missing.pem cannot be read", "--tls-cert"][..]),
        ("cert.pem", "missing.pem", &["key missing.pem cannot be read", "--tls-key"]),
        ("cert.pem", "garbage.pem", &["garbage.pem", "the private key cannot be read"]),
        ("garbage.pem", "key.pem", &["garbage.pem", "no certificate"]),
        (
            "cert.pem",
            "other-key.pem",
            &["cert.pem and other-key.pem", "the key is not that of the certificate"],
        ),
        ("key.pem", "cert.pem", &["key.pem", "no certificate"]),
    ] {
        let said = refusal(&place, certificate, key);
        for word in words {
            assert!(said.contains(word), "{certificate} with {key}: no {word:?} in:\n{said}");
        }
        assert!(said.contains("exit status: 2") && said.contains("help: "), "{said}");
    }
}
