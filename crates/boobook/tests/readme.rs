//! The README's requests, run as printed against a demo server.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

/// Ends the demo server whatever the test comes to.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The text of all ```sh blocks.
fn examples() -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md")).unwrap();
    let blocks = text.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn requests_run_as_printed() {
    let data = tempfile::tempdir().unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_boobook"))
        .args(["demo", "--listen", "127.0.0.1:0", "--contacts", "30", "--data"])
        .arg(data.path().join("data"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut demo = Demo(child);
    let printed = BufReader::new(demo.0.stdout.take().unwrap());
    let (mut url, mut key) = (None, None);
    for line in printed.lines().map_while(Result::ok) {
        let word =
            |line: &str| line.split('=').nth(1).and_then(|v| v.split_whitespace().next()).map(str::to_owned);
        if line.contains("export BOOBOOK_URL=") {
            url = word(&line);
        } else if line.contains("export BOOBOOK_KEY=") {
            key = word(&line);
        }
        if url.is_some() && key.is_some() {
            break;
        }
    }
    let (url, key) = (url.expect("the demo prints its address"), key.expect("the demo prints a key"));
    // It is printed before the port is served; the port is open already, so requests wait for it.
    let examples = examples();
    assert!(examples.len() >= 5, "the README has its requests");
    for example in examples {
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &example])
            .env("BOOBOOK_URL", &url)
            .env("BOOBOOK_KEY", &key)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{example}\n{said}{}", String::from_utf8_lossy(&output.stderr));
        let answer: serde_json::Value = serde_json::from_str(&said).expect(&example);
        assert!(answer.get("message").is_none(), "{example}\n{said}");
        let empty = answer.as_array().is_some_and(Vec::is_empty);
        assert!(!empty, "{example}\nfound nothing");
    }
}
