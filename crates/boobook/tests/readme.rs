//! The README's requests, run as printed against a demo server.
#![allow(clippy::unwrap_used, reason = "tests")]

mod demo;

use std::{fs, path::Path, process::Command};

use demo::Demo;

/// The text of all ```sh blocks.
fn examples() -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md")).unwrap();
    let blocks = text.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn requests_run_as_printed() {
    let data = tempfile::tempdir().unwrap();
    let demo = Demo::start(data.path(), 30);
    let examples = examples();
    assert!(examples.len() >= 5, "the README has its requests");
    for example in examples {
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &example])
            .env("BOOBOOK_URL", &demo.url)
            .env("BOOBOOK_KEY", &demo.admin_key)
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
