//! The vendor's own list of end points (`conformance/vendor/private-cloud-apis.txt`): every sample request in it is
//! sent as printed, but for host, key and the ids of team and database. Requests go out as bytes, so that braces,
//! quotes and blanks in a target stay what they are on that page.

use boobook_testkit::{Client, Installation, Response, pattern};
use serde_json::{Value, json};

const LIST: &str = include_str!("../../../conformance/vendor/private-cloud-apis.txt");

/// One sample of the list.
#[derive(Debug, Default, Clone)]
struct Sample {
    method: String,
    /// What stands behind the host.
    target: String,
    /// `"Content-Type": "application/json"`, as printed.
    headers: Vec<(String, String)>,
    /// Of `-D`.
    body: String,
    /// Name of the file of `-F`.
    file: Option<String>,
}

/// Method and end of the path of each sample, in the order of the list, and what rest-api.md says of the answer: JSON
/// as in transcripts, or text that is no JSON. A status in front is expected instead of 200.
const ANSWERS: &[(&str, &str, &str)] = &[
    ("GET", "/v1/teams", r#"[{"id": "{team}", "name": "Vendor"}]"#),
    ("GET", "/v1/teams/{team}", r#"{"id": "{team}", "name": "Vendor"}"#),
    ("GET", "/databases", r#"[{"id": "<id:12>", "name": "<string>"}, ...]"#),
    (
        "GET",
        "/databases/{db}",
        r#"{"settings": {"name": "Samples", "icon": "<string>", "color": "<string>", ...},
            "schema": {"seq": "<int>", "version": "<int>", "nextTypeId": 4, "knownDatabases": [],
                "types": {"A": {"caption": "People", "kind": "table", "fields": "<any>", "uis": {}, ...},
                    "B": "<any>", "C": "<any>", "D": "<any>"}, ...}}"#,
    ),
    ("GET", "/views", r#"[{"id": "yCuVS0Uw23MePfDN", "caption": "All", "type": "B", "seq": "<int>"}]"#),
    ("GET", "/query?query=(select Contact).'First Name'", r#"["Jane", "Joe"]"#),
    ("POST", "/query", r#"["Jane", "Joe"]"#),
    ("POST", "/exec", r#"["<string>", ...]"#),
    (
        "GET",
        "/tables",
        r#"[{"id": "A", ...}, {"id": "B", ...}, {"id": "C", ...},
            {"id": "D", "name": "Guest", "fields": [{"id": "A", "name": "First name", "type": "string"}, ...]}]"#,
    ),
    (
        "GET",
        "/tables/D",
        r#"{"id": "D", "name": "Guest", "fields": [{"id": "A", "name": "First name", "type": "string"}, ...]}"#,
    ),
    (
        "GET",
        "/tables/B/views",
        r#"[{"id": "yCuVS0Uw23MePfDN", "caption": "All", "type": "B", "seq": "<int>"}]"#,
    ),
    ("GET", "/tables/B/views/yCuVS0Uw23MePfDN/share", SHARE),
    ("POST", "/tables/B/views/yCuVS0Uw23MePfDN/share", SHARE),
    ("DELETE", "/tables/B/views/yCuVS0Uw23MePfDN/share", "{}"),
    (
        "GET",
        "/tables/B/records",
        r#"[{"id": 1, "sequence": "<int>", "createdAt": "<timestamp>", "createdBy": "<string>",
             "modifiedAt": "<timestamp>", "modifiedBy": "<string>", "fields": {"First Name": "Jane"}},
            {"id": 5, "fields": {"First Name": "Joe"}, ...}]"#,
    ),
    ("GET", "/tables/B/records/1", r#"{"id": 1, "fields": {"First Name": "Jane"}, ...}"#),
    // As `PUT` as its heading says; the list forgets `-X`.
    ("PUT", "/tables/D/records/1", r#"{"id": 1, "fields": {"First name": "Jane", "Given": "Jane"}, ...}"#),
    ("GET", "/tables/A/records", r#"[{"id": 8, "fields": {"Given": "Jane", ...}, ...}]"#),
    (
        "GET",
        r#"/tables/A/records?filters={"L":"Jane"}"#,
        r#"[{"id": 8, "fields": {"Given": "Jane", ...}, ...}]"#,
    ),
    ("POST", "/tables/D/record", r#"{"id": 1, "fields": {"Given": "Jane", ...}, ...}"#),
    (
        "POST",
        r#"/tables/D/record?filters={"L":"Jane"}"#,
        r#"{"id": 1, "fields": {"Given": "Jane", ...}, ...}"#,
    ),
    (
        "POST",
        "/tables/D/records",
        r#"[{"id": 2, "fields": {"First name": "Dennis"}, ...}, {"id": 9, "fields": {"First name": "Jody"}, ...}]"#,
    ),
    (
        "POST",
        "/tables/A/records",
        r#"[{"id": 43, "fields": {"First name": "Alfred", "Last name": "Becker"}, ...},
            {"id": 44, "fields": {"First name": "Caroline", "Last name": "Schultz"}, ...},
            {"id": 45, "fields": {"First name": "Hans", "Last name": "Copeland"}, ...}]"#,
    ),
    (
        "GET",
        "/changes?sinceSq=1",
        r#"{"seq": "<int>", "more": false, "changes": [{"_tid": "A", "_id": 8, "_sq": "<int>", "_by": "<string>",
            "_at": "<string>", "E": "Jim", "L": "Jane", ...}, ...]}"#,
    ),
    (
        "GET",
        "/tables/A/changes?sinceSq=1",
        r#"{"seq": "<int>", "more": false, "changes": [{"_tid": "A", "_id": 8, "E": "Jim", "L": "Jane", ...}]}"#,
    ),
    (
        "GET",
        "/tables/A/records/8/changes?sinceSq=1",
        r#"{"seq": "<int>", "more": false, "changes": [{"_tid": "A", "_id": 8, "E": "Jim", "L": "Jane", ...}]}"#,
    ),
    ("DELETE", "/tables/D/records/1", "{}"),
    ("DELETE", "/tables/D/records", "{}"),
    ("GET", "/tables/B/records/5/files/iStock-184877012.jpeg", "a picture, says its name"),
    (
        "POST",
        "/tables/B/records/5/files",
        r#"{"message": "File Uploaded Successfully", "name": "iStock-184877012.jpeg", "size": 9,
            "contentType": "image/jpeg", ...}"#,
    ),
    ("DELETE", "/tables/B/records/5/files/iStock-184877012.jpeg", "{}"),
    (
        "GET",
        "/tables/B/records/5/files",
        r#"[{"name": "iStock-184877012.jpeg", "size": 24, "contentType": "image/jpeg", "modifiedAt": "<timestamp>",
             "modifiedBy": "<string>", "sha256": "<string>"},
            {"name": "123.jpeg", ...}, {"name": "mobile-phone.jpeg", ...}, {"name": "123jpeg", ...}]"#,
    ),
    (
        "GET",
        "/tables/B/records/5/files/123.jpeg/metadata",
        r#"{"name": "123.jpeg", "size": 24, "contentType": "image/jpeg", "modifiedAt": "<timestamp>",
            "modifiedBy": "<string>", "sha256": "<string>"}"#,
    ),
    ("GET", "/tables/B/records/5/files/123jpeg/thumb.jpg", JPEG),
    ("GET", "/tables/B/records/5/files/iStock-184877012.jpeg/share", SHARE),
    ("POST", "/tables/B/records/5/files/mobile-phone.jpeg/share", SHARE),
    ("DELETE", "/tables/B/records/5/files/iStock-184877012.jpeg/share", "{}"),
];

const SHARE: &str =
    r#"{"link": "<=link:string>", "url": "{link}", "token": "<id:36>", "createdAt": "<string>", ...}"#;
/// Begins as every JPEG does.
const JPEG: &str = "\u{fffd}\u{fffd}\u{fffd}";

/// All samples, each with the other notation that the list gives for some.
fn samples() -> Vec<Sample> {
    let lines: Vec<&str> = LIST.lines().map(str::trim_end).collect();
    let mut found: Vec<Sample> = Vec::new();
    let mut heading = "";
    for (at, line) in lines.iter().enumerate() {
        match *line {
            "get" | "post" | "put" | "delete" => heading = line,
            "Sample request" => found.push(sample(&numbered(&lines[at + 1..]), heading)),
            "Alternative notation" => {
                let text = numbered(&lines[at + 3..]);
                let before = found.last().cloned().unwrap_or_default();
                found.push(Sample { target: target_of(&text[0]), body: String::new(), ..before });
            }
            _ => {}
        }
    }
    found
}

/// The text of a code box: above each line stands its number.
fn numbered(lines: &[&str]) -> Vec<String> {
    let lines: Vec<&str> = lines.iter().copied().skip_while(|line| line.is_empty()).collect();
    let pairs = lines.chunks(2).enumerate();
    pairs
        .take_while(|(at, pair)| pair.len() == 2 && pair[0] == (at + 1).to_string())
        .map(|(_, pair)| pair[1].to_owned())
        .collect()
}

fn target_of(text: &str) -> String {
    let (_, behind) = text.split_once("https://").expect("an address");
    behind.split_once('/').map(|(_, path)| format!("/{path}")).expect("a path")
}

fn sample(lines: &[String], heading: &str) -> Sample {
    let first = lines.first().expect("a sample has a line");
    let mut sample = Sample { method: heading.to_uppercase(), target: target_of(first), ..Sample::default() };
    let mut rest = lines[1..].iter();
    while let Some(line) = rest.next() {
        let (option, value) = line.split_once(' ').expect("an option and its value");
        match option {
            "-X" => value.clone_into(&mut sample.method),
            "-H" => {
                let (name, value) = value.split_once(": ").expect("a header");
                sample.headers.push((name.trim_matches('"').into(), value.trim_matches('"').into()));
            }
            "-D" => {
                let mut body = value.to_owned();
                while !body.ends_with('\'') {
                    body = body + "\n" + rest.next().expect("the quote is closed");
                }
                body.trim_matches('\'').clone_into(&mut sample.body);
            }
            "-F" => {
                let path = value.trim_matches('\'').strip_prefix("file=@").expect("a file");
                sample.file = path.trim_matches('"').rsplit('/').next().map(str::to_owned);
            }
            other => panic!("{other} is no option that this list had so far"),
        }
    }
    sample
}

/// A server, a team, a key.
struct Stage {
    client: Client,
    team: String,
    _server: boobook_testkit::Server,
    _place: Installation,
}

impl Stage {
    fn new() -> Self {
        let place = Installation::new(env!("CARGO_BIN_EXE_boobook"));
        let team = place.team("Vendor");
        let key = place.key(&team, &["--role", "admin"]);
        let server = place.serve();
        let client = server.client(&key);
        Self { client, team, _server: server, _place: place }
    }

    /// A database with everything that the samples name.
    fn database(&self) -> String {
        let client = &self.client;
        let db = client.create_database(&self.team, "Samples", &json!({}));
        let base = format!("/v1/teams/{}/databases/{db}", self.team);
        let letters = |names: &[(usize, &str)]| {
            let name = |at| {
                names.iter().find(|(of, _)| *of == at).map_or(format!("Field {at}"), |(_, n)| (*n).to_owned())
            };
            let fields = (0..12).map(|at| json!({"name": name(at), "type": "string"}));
            Value::Array(fields.collect())
        };
        for (name, fields) in [
            ("People", letters(&[(4, "First name"), (6, "Last name"), (11, "Given")])),
            ("Contact", letters(&[(0, "First Name")])),
            ("Other", json!([])),
            ("Guest", letters(&[(0, "First name"), (11, "Given")])),
        ] {
            client.post(&format!("{base}/tables"), &json!({"name": name, "fields": fields})).ok();
        }
        for (table, records) in [
            ("A", json!([{"_upsert": true, "_id": 8, "E": "Jim", "L": "Jane"}])),
            ("B", json!([{"_upsert": true, "_id": 1, "A": "Jane"}, {"_upsert": true, "_id": 5, "A": "Joe"}])),
            (
                "D",
                json!([{"_upsert": true, "_id": 1, "L": "Jane"}, {"_upsert": true, "_id": 2, "A": "x"},
                    {"_upsert": true, "_id": 7}, {"_upsert": true, "_id": 8}]),
            ),
        ] {
            client.post(&format!("{base}/tables/{table}/records"), &records).ok();
        }
        let view = json!({"caption": "All", "config": {"cols": [{"expression": "A"}]}});
        client.put(&format!("{base}/tables/B/views/yCuVS0Uw23MePfDN"), &view).ok();
        let files = format!("{base}/tables/B/records/5/files");
        for name in ["iStock-184877012.jpeg", "123.jpeg", "mobile-phone.jpeg"] {
            self.upload(&files, name, b"a picture, says its name").ok();
        }
        self.upload(&files, "123jpeg", &picture()).ok();
        for shared in ["views/yCuVS0Uw23MePfDN", "records/5/files/iStock-184877012.jpeg"] {
            client.post(&format!("{base}/tables/B/{shared}/share"), &json!({})).ok();
        }
        db
    }

    fn upload(&self, path: &str, name: &str, content: &[u8]) -> Response {
        let (kind, body) = form(name, content);
        self.client.request("POST", path, &[("Content-Type", &kind)], Some(&body)).expect("an answer")
    }

    /// Sends a sample to a database: what the samples call theirs is ours.
    fn send(&self, sample: &Sample, db: &str) -> Response {
        let mut path = sample.target.split('/');
        let named: Vec<&str> = path.by_ref().skip(3).step_by(2).take(2).collect();
        let mut target = sample.target.clone();
        for (theirs, ours) in named.iter().zip([&*self.team, db]) {
            target = target.replacen(theirs, ours, 1);
        }
        let (mut body, mut more) = (sample.body.clone().into_bytes(), String::new());
        for (name, value) in &sample.headers {
            let key = self.client.key().unwrap_or_default();
            let value = if name == "Authorization" { &*format!("Bearer {key}") } else { value };
            // curl adds the boundary to the type that was given.
            let value =
                if value == "multipart/form-data" { "multipart/form-data; boundary=XX" } else { value };
            more += &format!("{name}: {value}\r\n");
        }
        if let Some(file) = &sample.file {
            body = form(file, b"a picture").1;
        }
        if !body.is_empty() {
            more += &format!("Content-Length: {}\r\n", body.len());
        }
        let head = format!("{} {target} HTTP/1.1\r\nHost: x\r\n{more}\r\n", sample.method);
        self.client.raw(&[head.as_bytes(), &body].concat()).expect("an answer")
    }
}

/// Type and body of a form with a file.
fn form(name: &str, content: &[u8]) -> (String, Vec<u8>) {
    let head = format!(
        "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: image/jpeg\r\n\r\n"
    );
    ("multipart/form-data; boundary=XX".into(), [head.as_bytes(), content, b"\r\n--XX--\r\n"].concat())
}

/// A picture of one pixel, as a bitmap needs the fewest words.
fn picture() -> Vec<u8> {
    let mut bytes = b"BM".to_vec();
    for number in [58_u32, 0, 54, 40, 1, 1, 1 | 24 << 16, 0, 4, 2835, 2835, 0, 0] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend_from_slice(&[30, 60, 90, 0]);
    bytes
}

#[track_caller]
fn check(sample: &Sample, expected: &str, answer: &Response, team: &str) {
    let shown = format!("{} {}", sample.method, sample.target);
    assert_eq!(answer.status(), 200, "{shown}\n{answer}");
    if !expected.starts_with(['{', '[']) {
        assert!(answer.text().starts_with(expected), "{shown}\n{answer}");
        return;
    }
    let expected = pattern::parse(expected).expect("an expected answer");
    let mut known = pattern::Captures::from([("team".to_owned(), team.to_owned())]);
    let differences = pattern::compare(&expected, &answer.json(), &mut known);
    assert!(differences.is_empty(), "{shown}\n{differences:#?}\n{answer}");
}

#[test]
fn every_sample_request_works_as_printed() {
    let samples = samples();
    let methods: Vec<&str> = samples.iter().map(|sample| &*sample.method).collect();
    let expected: Vec<&str> = ANSWERS.iter().map(|(method, ..)| *method).collect();
    assert_eq!(methods, expected, "{samples:#?}");
    let stage = Stage::new();
    for (sample, (_, path, expected)) in samples.iter().zip(ANSWERS) {
        let ending = path.split("{team}").last().unwrap_or_default().replace("/databases/{db}", "");
        assert!(sample.target.contains(&ending), "{}: expected {path}", sample.target);
        let answer = stage.send(sample, &stage.database());
        check(sample, expected, &answer, &stage.team);
    }
}

/// curl without `-g` takes the braces of an address away.
#[test]
fn what_curl_makes_of_the_samples_works_too() {
    let stage = Stage::new();
    let mut seen = 0;
    for (sample, (_, _, expected)) in samples().iter().zip(ANSWERS).filter(|(s, _)| s.target.contains('{')) {
        let bare = Sample { target: sample.target.replace(['{', '}'], ""), ..sample.clone() };
        check(sample, expected, &stage.send(&bare, &stage.database()), &stage.team);
        seen += 1;
    }
    assert_eq!(seen, 2, "samples with braces");
}

#[test]
fn samples_are_read_whole() {
    let samples = samples();
    let upload = samples.iter().find(|sample| sample.file.is_some()).expect("a sample uploads");
    assert_eq!(upload.file.as_deref(), Some("iStock-184877012.jpeg"));
    let update = samples.iter().find(|sample| sample.method == "PUT").expect("a sample updates");
    assert_eq!(update.body, "{\n\"fields\": {\n\"First name\": \"Jane\"\n}\n}");
    let query = samples.iter().find(|sample| sample.target.contains("?query=")).expect("a sample asks");
    assert!(query.target.ends_with("/query?query=(select Contact).'First Name'"), "{}", query.target);
    assert_eq!(query.headers[1], ("Content-Type".into(), "application/json".into()));
}
