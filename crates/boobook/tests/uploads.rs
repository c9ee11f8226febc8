//! Uploads as broken and hostile clients send them: names that are no names, forms that are no forms. The answer is a
//! 200 or a 4xx with words, it comes soon, and what is refused leaves nothing behind.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;

use boobook_testkit::{Client, Installation, Response, Server};
use serde_json::{Value, json};

/// A server with a record that has the file `kept.txt`.
struct Stage {
    client: Client,
    server: Server,
    files: String,
    _place: Installation,
}

impl Stage {
    fn new() -> Self {
        let place = Installation::new(env!("CARGO_BIN_EXE_boobook"));
        let team = place.team("Uploads");
        let key = place.key(&team, &["--role", "admin"]);
        let server = place.serve();
        let client = server.client(&key);
        let db = client.create_database(&team, "Uploads", &json!({}));
        let base = format!("/v1/teams/{team}/databases/{db}/tables");
        client.post(&base, &json!({"name": "T", "fields": [{"name": "F", "type": "file"}]})).ok();
        client.post(&format!("{base}/T/records"), &json!({"fields": {}})).ok();
        let stage = Self { client, server, files: format!("{base}/T/records/1/files"), _place: place };
        stage.send(&named("filename=\"kept.txt\"")).ok();
        stage
    }

    #[track_caller]
    fn send(&self, body: &[u8]) -> Response {
        self.send_as("multipart/form-data; boundary=XX", body)
    }

    #[track_caller]
    fn send_as(&self, kind: &str, body: &[u8]) -> Response {
        let shown: String = String::from_utf8_lossy(body).chars().take(120).collect();
        match self.client.clone().request("POST", &self.files, &[("Content-Type", kind)], Some(body)) {
            Ok(answer) => answer,
            Err(error) => panic!("{kind} {shown:?}: no answer: {error}"),
        }
    }

    /// The names of all files there are. An upload that was refused half-way may have cost the connection.
    fn names(&self) -> Vec<String> {
        let files = self.client.clone().get(&self.files).ok();
        files.as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap().to_owned()).collect()
    }

    /// A 4xx with words, and still the one file.
    #[track_caller]
    fn refuses(&self, kind: &str, body: &[u8], words: &str) {
        let answer = self.send_as(kind, body);
        assert!((400..500).contains(&answer.status()), "{answer}");
        let message = answer.error(answer.status());
        assert!(message.contains(words), "{message:?} does not say {words:?}");
        assert_eq!(self.names(), ["kept.txt"], "after {answer}");
    }
}

/// A form with one file, of these parameters.
fn named(parameters: &str) -> Vec<u8> {
    part(&format!("Content-Disposition: form-data; name=\"file\"; {parameters}"), b"Hello, owl!")
}

fn part(head: &str, content: &[u8]) -> Vec<u8> {
    [b"--XX\r\n", head.as_bytes(), b"\r\n\r\n", content, b"\r\n--XX--\r\n"].concat()
}

const FORM: &str = "multipart/form-data; boundary=XX";

#[test]
fn names_come_in_many_forms() {
    let stage = Stage::new();
    let long = "ü".repeat(127);
    for (parameters, name) in [
        ("filename=\"a b;c.txt\"", "a b;c.txt"),
        ("filename=plain.txt", "plain.txt"),
        ("FileName=\"case.txt\"", "case.txt"),
        ("filename=\"quo\\\"te.txt\"", "quo\"te.txt"),
        ("filename=\"100%.txt\"", "100%.txt"),
        ("filename=\"a%2Fb.txt\"", "a%2Fb.txt"),
        ("filename=\"%2e%2e\"", "%2e%2e"),
        ("filename=\"Grüße.txt\"", "Grüße.txt"),
        // Typed on a Mac: decomposed there, composed here.
        ("filename=\"Gru\u{308}\u{df}e 2.txt\"", "Grüße 2.txt"),
        ("filename*=UTF-8''Gr%C3%BC%C3%9Fe%203.txt", "Grüße 3.txt"),
        ("filename=\"old.txt\"; filename*=utf-8'de'n%C3%A9w.txt", "néw.txt"),
        ("filename*=utf-8''b%C3%A9fore.txt; filename=\"after.txt\"", "béfore.txt"),
        ("filename=\" around .txt \"", "around .txt"),
        ("filename=\"...dots.txt\"", "...dots.txt"),
        ("filename=\"owl 🦉.jpeg.exe\"", "owl 🦉.jpeg.exe"),
        ("filename=\"metadata\"", "metadata"),
        ("filename=\"thumb.jpg\"", "thumb.jpg"),
        ("filename=\"B\"", "B"),
        (&format!("filename=\"{long}\""), &long),
    ] {
        let answer = stage.send(&named(parameters));
        assert_eq!(answer.ok()["name"], name, "{parameters}");
        let path = format!("{}/{}", stage.files, encoded(name));
        assert_eq!(stage.client.get(&path).text(), "Hello, owl!", "{parameters}");
        assert_eq!(stage.client.get(&format!("{path}/metadata")).ok()["name"], name, "{parameters}");
        stage.client.delete(&path).ok();
    }
    // As it was sent is as good as it is kept.
    let sent = "Gru\u{308}\u{df}e.txt";
    stage.send(&named(&format!("filename=\"{sent}\""))).ok();
    let path = format!("{}/{}", stage.files, encoded(sent));
    assert_eq!(stage.client.get(&path).text(), "Hello, owl!");
    stage.client.delete(&path).ok();
    assert_eq!(stage.names(), ["kept.txt"]);
}

#[test]
fn names_that_are_none_are_refused() {
    let stage = Stage::new();
    let (too_long, far_too_long) = ("é".repeat(150), "x".repeat(100_000));
    for (parameters, words) in [
        ("filename=\"\"", "name"),
        ("filename=\"   \"", "name"),
        ("filename=\".\"", "dots"),
        ("filename=\"..\"", "dots"),
        ("filename=\"../../etc/passwd\"", "U+002F"),
        ("filename=\"/etc/passwd\"", "U+002F"),
        ("filename=\"..\\..\\windows\\system.ini\"", "U+005C"),
        ("filename=\"C:\\dir\\a.txt\"", "file"),
        ("filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", "U+002F"),
        ("filename*=UTF-8''a%00.txt", "U+0000"),
        ("filename*=UTF-8''a%0D%0AX-Header%3A%20b.txt", "U+000D"),
        ("filename=\"a\tb.txt\"", "U+0009"),
        ("filename=\"gpj\u{202e}exe.txt\"", "U+202E"),
        (&format!("filename=\"{too_long}.txt\""), "255"),
        (&format!("filename=\"{far_too_long}\""), "255"),
        (&format!("filename*=UTF-8''{}", encoded(&too_long)), "255"),
        ("", "file name"),
    ] {
        stage.refuses(FORM, &named(parameters), words);
    }
}

#[test]
fn forms_that_are_none_are_refused() {
    let stage = Stage::new();
    let good = named("filename=\"a.txt\"");
    let (whole, text) = (String::from_utf8(good.clone()).unwrap(), |n: &str| {
        format!("--XX\r\nContent-Disposition: form-data; name=\"{n}\"\r\n\r\n\r\n")
    });
    let inner = "--YY\r\nContent-Disposition: attachment; filename=\"in.txt\"\r\n\r\nx\r\n--YY--";
    let nested = format!(
        "--XX\r\nContent-Disposition: form-data; name=\"other\"\r\nContent-Type: multipart/mixed; boundary=YY\r\n\r\n{inner}\r\n--XX--\r\n"
    );
    for (kind, body, words) in [
        ("multipart/form-data", good.clone(), "boundary"),
        ("multipart/form-data; boundary=", good.clone(), ""),
        ("multipart/form-data; boundary=YY", good.clone(), "multipart"),
        ("multipart/mixed; boundary=XX", good.clone(), "multipart/form-data"),
        ("text/plain", good.clone(), "boundary"),
        (FORM, Vec::new(), "multipart"),
        (FORM, b"--XX--\r\n".to_vec(), "is needed"),
        (FORM, b"--XX".to_vec(), "multipart"),
        (FORM, b"--XX\r\n".to_vec(), "multipart"),
        (FORM, b"--XX\r\n\r\n\r\n--XX--\r\n".to_vec(), "multipart"),
        (FORM, b"--XXjunk\r\n\r\n\r\n--XX--\r\n".to_vec(), "multipart"),
        (FORM, part("no colon", b"x"), "multipart"),
        (FORM, part("Content-Disposition: form-data; name=\"file\"\r\nContent-Type: \u{1}", b"x"), ""),
        (FORM, part("Content-Disposition: form-data; name=\"fieldName\"", &b"F".repeat(5_000)), "4096"),
        (FORM, part("Content-Disposition: form-data; name=\"fieldName\"", b"\xff"), "UTF-8"),
        (FORM, (text("x").repeat(5_000) + "--XX--\r\n").into_bytes(), "at most 100 parts"),
        (FORM, nested.into_bytes(), "is needed"),
        // Two files, and a file with a field that is not there: the first has been stored by then.
        (FORM, (whole.replace("\r\n--XX--\r\n", "\r\n") + &whole).into_bytes(), "one file"),
        (
            FORM,
            (whole.replace("--XX--\r\n", "")
                + &text("fieldName").replace("\r\n\r\n\r\n", "\r\n\r\nNo\r\n")
                + "--XX--\r\n")
                .into_bytes(),
            "No",
        ),
    ] {
        stage.refuses(kind, &body, words);
    }
    // Every beginning of a form is no form.
    for end in (0..good.len() - 4).step_by(7) {
        stage.refuses(FORM, &good[..end], "");
    }
}

/// What stands in front of the first part and behind the last one is nobody's.
#[test]
fn text_around_the_parts_is_ignored() {
    let stage = Stage::new();
    let good = named("filename=\"a.txt\"");
    for body in [
        [b"This is a message in many parts.\r\n", &good[..]].concat(),
        [&good[..], b"And this is behind it.\r\n--XX\r\nnot a part"].concat(),
        good.replace_all(b"--XX\r\n", b"--XX  \t\r\n"),
    ] {
        assert_eq!(stage.send(&body).ok()["size"], 11);
    }
    assert_eq!(stage.names(), ["kept.txt", "a.txt"]);
    for kind in ["multipart/form-data; boundary=\"XX\"", "Multipart/Form-Data; charset=utf-8; boundary=XX"] {
        assert_eq!(stage.send_as(kind, &good).ok()["name"], "a.txt", "{kind}");
    }
}

trait ReplaceAll {
    fn replace_all(&self, old: &[u8], new: &[u8]) -> Vec<u8>;
}

impl ReplaceAll for Vec<u8> {
    fn replace_all(&self, old: &[u8], new: &[u8]) -> Vec<u8> {
        let text = String::from_utf8(self.clone()).unwrap();
        text.replace(std::str::from_utf8(old).unwrap(), std::str::from_utf8(new).unwrap()).into_bytes()
    }
}

/// What a parser would hold until it has seen an end: heads and preambles are cut off early.
#[test]
fn endless_heads_take_no_memory() {
    let mut stage = Stage::new();
    let before = peak_memory(stage.server.pid());
    let filler = vec![b'x'; 48 << 20];
    for start in [
        &b"--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\""[..],
        b"",
        b"--XX\r\nA: b\r\n\r\ny\r\n--XX\r\n",
    ] {
        let body = [start, &filler].concat();
        // The server may hang up while we still send.
        if let Ok(answer) =
            stage.client.clone().request("POST", &stage.files, &[("Content-Type", FORM)], Some(&body))
        {
            assert!(answer.error(413).contains("1048576 bytes"), "{answer}");
        }
        assert_eq!(stage.names(), ["kept.txt"]);
    }
    assert!(stage.server.is_running());
    if let (Some(before), Some(after)) = (before, peak_memory(stage.server.pid())) {
        assert!(after < before + (24 << 10), "{before} kB -> {after} kB");
    }
}

/// `VmHWM` in kB, where the system tells it.
fn peak_memory(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

fn encoded(name: &str) -> String {
    name.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The names of files in paths: what is no name is not found.
#[test]
fn paths_that_are_no_names_find_nothing() {
    let stage = Stage::new();
    let long = encoded(&"ü".repeat(400));
    for name in [
        "..",
        "%2E%2E",
        "..%2Fkept.txt",
        ".%2Fkept.txt",
        "kept.txt%00",
        "%00",
        "%FF",
        "%20",
        "KEPT.TXT",
        &long,
    ] {
        for (method, ending) in [("GET", ""), ("GET", "/metadata"), ("GET", "/thumb.jpg"), ("DELETE", "")] {
            let target = format!("{}/{name}{ending}", stage.files);
            let answer = stage.client.request(method, &target, &[], None).unwrap();
            assert!([400, 404].contains(&answer.status()), "{method} {target}: {answer}");
        }
    }
    let value: Value = stage.client.get(&format!("{}/%20kept.txt%20", stage.files)).text().into();
    assert_eq!(value, "Hello, owl!");
    assert_eq!(stage.names(), ["kept.txt"]);
}
