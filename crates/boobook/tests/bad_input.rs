//! Whatever comes in: a 4xx that names the place, nothing written, never a 5xx, and the server goes on.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use boobook_testkit::{Client, Installation, Response, Server};
use serde_json::{Value, json};

/// A server with a table `Person` that holds one record.
struct Stage {
    server: Server,
    client: Client,
    base: String,
    before: (Value, Value),
    _place: Installation,
}

impl Stage {
    fn new() -> Self {
        let place = Installation::new(env!("CARGO_BIN_EXE_boobook"));
        let team = place.team("Bad input");
        let key = place.key(&team, &["--role", "admin"]);
        let server = place.serve();
        let client = server.client(&key);
        let db = client.create_database(&team, "Bad input", &json!({}));
        let base = format!("/v1/teams/{team}/databases/{db}");
        let table = json!({"name": "Person", "fields": [
            {"name": "Name", "type": "string"},
            {"name": "Age", "type": "number"},
            {"name": "Born", "type": "date"},
            {"name": "Status", "type": "choice", "choices": [{"caption": "new"}, {"caption": "won"}]},
            {"name": "Boss", "type": "ref", "referenceToTable": "Person", "reverseName": "Staff"},
        ]});
        client.post(&format!("{base}/tables"), &table).ok();
        client
            .post(&format!("{base}/tables/Person/records"), &json!({"fields": {"Name": "Jane", "Age": 33}}))
            .ok();
        let mut stage = Self { server, client, base, before: (Value::Null, Value::Null), _place: place };
        stage.before = stage.state();
        stage
    }

    /// All records and the change feed, which counts schema changes too.
    fn state(&self) -> (Value, Value) {
        let records = self.client.get(&format!("{}/tables/Person/records?perPage=100000", self.base)).ok();
        (records, self.client.get(&format!("{}/schema", self.base)).ok())
    }

    #[track_caller]
    fn nothing_was_written(&self, what: &str) {
        assert_eq!(self.state(), self.before, "after: {what}");
    }

    fn records(&self) -> String {
        format!("{}/tables/Person/records", self.base)
    }

    /// Sends a body and expects a status and every one of the words in the message.
    #[track_caller]
    fn refuses(&self, method: &str, target: &str, body: &[u8], status: u16, words: &[&str]) {
        let target =
            target.replace("{T}", &format!("{}/tables/Person", self.base)).replace("{P}", &self.base);
        let what = format!("{method} {target} {}", String::from_utf8_lossy(&body[..body.len().min(80)]));
        let body = (!body.is_empty()).then_some(body);
        let answer = match self.client.request(method, &target, &[], body) {
            Ok(answer) => answer,
            Err(error) => panic!("{what}: no answer: {error}"),
        };
        let message = answer.error(status);
        for word in words {
            assert!(message.contains(word), "{what}: {message:?} does not say {word:?}");
        }
        assert!(answer.json()["code"].is_string(), "{what}: no code: {answer}");
        self.nothing_was_written(&what);
    }
}

#[test]
fn malformed_json() {
    let stage = Stage::new();
    for (body, words) in [
        (&b"{"[..], &["line 1"][..]),
        (b"{\"fields\":{\"Name\":\"x\"}", &["line 1"]),
        (b"{\"fields\":\n{\"Name\":}}", &["line 2"]),
        (b"{\"fields\":{\"Name\":\"x\"}} trailing", &["trailing"]),
        (b"{'fields':{}}", &["line 1"]),
        (b"{\"fields\":{\"Age\":NaN}}", &["line 1"]),
        (b"{\"fields\":{\"Age\":Infinity}}", &["line 1"]),
        (b"{\"fields\":{\"Age\":1e999}}", &[]),
        (b"{\"fields\":{\"Age\":0x10}}", &["line 1"]),
        (b"{\"fields\":{\"Name\":\"\\ud800\"}}", &[]),
        (b"{\"fields\":{\"Name\":\"a\nb\"}}", &["line"]),
        (b"{\"fields\":{\"Name\":\"\xff\xfe\"}}", &[]),
        (b"\xff", &[]),
        (b"\xef\xbb\xbf", &[]),
        (b"[{\"fields\":{}},]", &["line 1"]),
    ] {
        stage.refuses("POST", "{T}/records", body, 400, words);
        stage.refuses("PUT", "{T}/records/1", body, 400, words);
    }
}

#[test]
fn duplicate_keys() {
    let stage = Stage::new();
    let twice = b"{\"fields\":{\"Age\":1,\"Age\":2}}";
    stage.refuses("POST", "{T}/records", twice, 400, &["Age"]);
    stage.refuses(
        "POST",
        "{T}/records",
        b"{\"fields\":{\"Age\":1},\"fields\":{\"Age\":2}}",
        400,
        &["fields"],
    );
    stage.refuses("POST", "{P}/tables", b"{\"name\":\"A\",\"name\":\"B\"}", 400, &["name"]);
    // A name and the id of the same field say two things of one field.
    stage.refuses("POST", "{T}/records", b"{\"fields\":{\"Age\":1,\"B\":2}}", 400, &["Age"]);
}

#[test]
fn wrong_types_name_their_place() {
    let stage = Stage::new();
    let deep = [&b"["[..], &b"{\"fields\":{}},".repeat(3), b"{\"fields\":{\"Age\":\"abc\"}}]"].concat();
    stage.refuses(
        "POST",
        "{T}/records",
        &deep,
        400,
        &["records[3].fields.Age: expected a number, got \"abc\""],
    );
    for (fields, words) in [
        (r#"{"Age":"abc"}"#, &["fields.Age: expected a number, got \"abc\""][..]),
        (r#"{"Age":true}"#, &["fields.Age: expected a number, got true"]),
        (r#"{"Age":{}}"#, &["fields.Age", "an object"]),
        (r#"{"Name":["x"]}"#, &["fields.Name", "an array"]),
        (r#"{"Born":"yesterday"}"#, &["fields.Born", "yesterday"]),
        (r#"{"Born":"2021-02-30"}"#, &["fields.Born", "2021-02-30"]),
        (r#"{"Status":"lost"}"#, &["fields.Status", "lost"]),
        (r#"{"Status":99}"#, &["fields.Status", "99"]),
        (r#"{"Boss":"x"}"#, &["fields.Boss", "x"]),
        (r#"{"Boss":0}"#, &["fields.Boss", "0"]),
        (r#"{"Boss":4000}"#, &["fields.Boss", "4000"]),
        (r#"{"Boss":-1}"#, &["fields.Boss", "-1"]),
        (r#"{"Boss":1.5}"#, &["fields.Boss", "1.5"]),
        (r#"{"Boss":99999999999}"#, &["fields.Boss", "99999999999"]),
        (r#"{"Staff":[1]}"#, &["fields.Staff"]),
        (r#"{"Surname":"x"}"#, &["Surname"]),
        (r#"{"":"x"}"#, &["fields"]),
    ] {
        let body = format!("{{\"fields\":{fields}}}");
        stage.refuses("POST", "{T}/records", body.as_bytes(), 400, words);
        stage.refuses("PUT", "{T}/records/1", body.as_bytes(), 400, words);
        let list = format!("[{{\"fields\":{{\"Name\":\"good\"}}}},{body}]");
        stage.refuses("POST", "{T}/records", list.as_bytes(), 400, &["records[1]"]);
    }
}

#[test]
fn bodies_of_the_wrong_shape() {
    let stage = Stage::new();
    for body in ["1", "\"x\"", "null", "true", "[1]", "[null]", "[[]]", "{\"fields\":1}", "{\"fields\":[1]}"]
    {
        stage.refuses("POST", "{T}/records", body.as_bytes(), 400, &[]);
    }
    for body in ["1", "[]", "{\"fields\":\"x\"}"] {
        stage.refuses("PUT", "{T}/records/1", body.as_bytes(), 400, &[]);
    }
    for body in ["{}", "[]", "{\"name\":1}", "{\"name\":\"\"}", "{\"name\":\"T\",\"fields\":{}}"] {
        stage.refuses("POST", "{P}/tables", body.as_bytes(), 400, &[]);
    }
    stage.refuses(
        "POST",
        "{P}/tables",
        br#"{"name":"T","fields":[{"name":"x","type":"nonsense"}]}"#,
        400,
        &["fields[0].type", "nonsense"],
    );
    stage.refuses("DELETE", "{T}/records", b"{\"id\":1}", 400, &[]);
    stage.refuses("DELETE", "{T}/records", b"[\"x\"]", 400, &["x"]);
    stage.refuses("DELETE", "{T}/records", b"[1,null]", 400, &["records[1]"]);
}

#[test]
fn ids_out_of_range() {
    let stage = Stage::new();
    for id in ["0", "-1", "4294967295", "18446744073709551616", "1e3", "1.5", "abc", "%00", "%FF", "'"] {
        for method in ["GET", "PUT", "DELETE"] {
            let target = format!("{}/{id}", stage.records());
            let body = (method == "PUT").then_some(&b"{\"fields\":{\"Age\":1}}"[..]);
            let answer = stage.client.request(method, &target, &[], body).expect("an answer");
            assert!([400, 404].contains(&answer.status()), "{answer}");
        }
        stage.nothing_was_written(id);
    }
    for id in ["0", "-1", "4294967295", "1e300", "1.5", "\"abc\"", "\"\"", "true", "[]"] {
        let body = format!("{{\"_upsert\":true,\"id\":{id},\"fields\":{{\"Age\":1}}}}");
        stage.refuses("POST", "{T}/records", body.as_bytes(), 400, &["id"]);
    }
    stage.refuses("POST", "{T}/records", b"{\"id\":2,\"fields\":{\"Age\":1}}", 404, &["Record Not Found"]);
    stage.refuses(
        "POST",
        "{T}/records",
        b"[{\"id\":2,\"fields\":{}}]",
        404,
        &["records[0]", "Record Not Found"],
    );
}

#[test]
fn unknown_things() {
    let stage = Stage::new();
    stage.refuses("GET", "{P}/tables/Nothing", b"", 404, &["Table Not Found"]);
    stage.refuses("POST", "{P}/tables/Nothing/records", b"{\"fields\":{}}", 404, &["Table Not Found"]);
    stage.refuses("GET", "/v1/teams/nobody/databases", b"", 404, &["Team Not Found"]);
    stage.refuses("GET", "/v1/nonsense", b"", 404, &["End-point not found"]);
    stage.refuses("GET", "/../../etc/passwd", b"", 404, &[]);
    stage.refuses("GET", "{T}/records?order=Surname", b"", 400, &["Surname"]);
    stage.refuses("GET", "{T}/records?filters=%7B%22Surname%22:1%7D", b"", 400, &["Surname"]);
    stage.refuses("GET", "{T}/records?filters=%7B%22Status%22:%22lost%22%7D", b"", 400, &["Status", "lost"]);
    stage.refuses("GET", "{T}/records?filters=%7B", b"", 400, &["filters"]);
    stage.refuses("GET", "{T}/records?fields=Surname", b"", 400, &["Surname"]);
}

#[test]
fn parameters_out_of_range() {
    let stage = Stage::new();
    for (query, word) in [
        ("perPage=abc", "perPage"),
        ("perPage=-1", "perPage"),
        ("perPage=1.5", "perPage"),
        ("page=abc", "page"),
        ("page=-1", "page"),
        ("sinceId=x", "sinceId"),
        ("sinceSq=x", "sinceSq"),
        ("perPage=99999999999999999999999", "perPage"),
        ("page=%FF", ""),
        ("filters=%FF", ""),
    ] {
        stage.refuses("GET", &format!("{{T}}/records?{query}"), b"", 400, &[word]);
    }
    stage.refuses("GET", "{P}/changes?sinceSq=-5", b"", 400, &["sinceSq"]);
    stage.refuses("GET", "{P}/changes?limit=abc", b"", 400, &["limit"]);
    // Large is not wrong: the whole table comes, and a page past the end is empty.
    for (query, count) in [("perPage=4000000000", 1), ("page=4000000000&perPage=4000000000", 0)] {
        let answer = stage.client.get(&format!("{}?{query}", stage.records())).ok();
        assert_eq!(answer.as_array().map(Vec::len), Some(count), "{query}");
    }
}

#[test]
fn deep_json() {
    let stage = Stage::new();
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for depth in [1_000, 10_000, 1_000_000] {
            let body = open.repeat(depth) + "1" + &close.repeat(depth);
            let answer = stage.client.request("POST", &stage.records(), &[], Some(body.as_bytes()));
            assert_eq!(answer.expect("an answer").status(), 400);
            let field = format!("{{\"fields\":{{\"Name\":{body}}}}}");
            let answer = stage.client.request("POST", &stage.records(), &[], Some(field.as_bytes()));
            assert_eq!(answer.expect("an answer").status(), 400);
        }
    }
    stage.nothing_was_written("deep JSON");
}

#[test]
fn bodies_over_the_limit() {
    let stage = Stage::new();
    let size = 100 << 20;
    // Announced, and never sent: the answer comes at once.
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: {size}\r\n\r\n",
        stage.records(),
        key_of(&stage)
    );
    let mut stream = TcpStream::connect(stage.server.addr()).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    stream.write_all(head.as_bytes()).expect("the head is sent");
    let mut start = [0; 12];
    stream.read_exact(&mut start).expect("an answer without waiting for the body");
    assert_eq!(String::from_utf8_lossy(&start), "HTTP/1.1 413");

    // Sent whole, and in chunks that say nothing of their sum. The server may hang up while we still send.
    let mut body = b"{\"fields\":{\"Name\":\"".to_vec();
    body.resize(size, b'x');
    let whole = stage.client.request("POST", &stage.records(), &[], Some(&body));
    too_large(whole);
    let mut chunks = Vec::with_capacity(size + (size >> 14));
    for part in body.chunks(1 << 20) {
        chunks.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
        chunks.extend_from_slice(part);
        chunks.extend_from_slice(b"\r\n");
    }
    chunks.extend_from_slice(b"0\r\n\r\n");
    let chunked = [("Transfer-Encoding", "chunked")];
    too_large(stage.client.clone().request("POST", &stage.records(), &chunked, Some(&chunks)));
    stage.nothing_was_written("a body over the limit");
}

fn key_of(stage: &Stage) -> String {
    stage.client.key().unwrap_or_default().to_owned()
}

#[track_caller]
fn too_large(answer: std::io::Result<Response>) {
    // A connection closed under our hands is an answer too, if an unfriendly one.
    if let Ok(answer) = answer {
        let message = answer.error(413);
        assert!(!message.is_empty(), "{answer}");
    }
}

#[test]
fn broken_http() {
    let mut stage = Stage::new();
    let records = stage.records();
    let post = format!("POST {records} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n", key_of(&stage));
    let long = "x".repeat(200_000);
    for request in [
        "\r\n\r\n".to_owned(),
        "nonsense\r\n\r\n".to_owned(),
        "GET\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nno colon here\r\n\r\n".to_owned(),
        "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        format!("GET /{long} HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: x\r\nX: {long}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(1_000)),
        format!("{post}Content-Length: abc\r\n\r\n{{}}"),
        format!("{post}Content-Length: -1\r\n\r\n{{}}"),
        format!("{post}Content-Length: 10\r\nContent-Length: 20\r\n\r\n{{\"fields\":"),
        format!("{post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\nzz\r\n{{}}\r\n0\r\n\r\n"),
        format!("{post}Transfer-Encoding: gzip\r\n\r\n{{}}"),
        // Cut off in the middle: what came would be a whole record.
        format!("{post}Content-Length: 100\r\n\r\n{{\"fields\":{{\"Name\":\"half\"}}}}"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\n1b\r\n{{\"fields\":{{\"Name\":\"half\"}}}}\r\n"),
    ] {
        let shown: String = request.chars().take(100).collect();
        if let Ok(answer) = stage.client.raw(request.as_bytes()) {
            assert!((400..500).contains(&answer.status()), "{shown:?}: {answer}");
        }
        stage.nothing_was_written(&shown);
    }
    assert!(stage.server.is_running());
}

#[test]
fn odd_headers() {
    let stage = Stage::new();
    let records = stage.records();
    let body = br#"{"fields":{"Name":"x"}}"#;
    for (name, value, statuses) in [
        ("If-Match", "abc", &[400, 412][..]),
        ("If-Match", "99999999999999999999", &[400, 412]),
        ("Authorization", "Bearer", &[401]),
        ("Authorization", "Basic eDp5", &[401]),
        ("Authorization", "Bearer wrong", &[401]),
        ("Authorization", "Bearer \u{fc}", &[400, 401]),
    ] {
        let answer = stage.client.request("PUT", &format!("{records}/1"), &[(name, value)], Some(body));
        let answer = answer.expect("an answer");
        assert!(statuses.contains(&answer.status()), "{name}: {value}: {answer}");
        stage.nothing_was_written(value);
    }
    let long = "k".repeat(300);
    let answer = stage.client.request("POST", &records, &[("Idempotency-Key", &long)], Some(body));
    assert_eq!(answer.expect("an answer").status(), 400);
    stage.nothing_was_written("a long idempotency key");
}
