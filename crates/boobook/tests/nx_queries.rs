//! The manual's page of queries: every one is run against the demo, from top to bottom.
#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "what is put off is done a little later")]

mod demo;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use boobook_testkit::{Client, Response};
use demo::Demo;
use serde_json::{Value, json};

/// A script of the page and what it comes to.
#[derive(Debug)]
struct Example {
    /// `exec`, `sales`
    options: String,
    script: String,
    /// `json` or `error`
    kind: String,
    expected: String,
}

fn examples() -> Vec<Example> {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/nx/queries.md")).unwrap();
    let fences: Vec<(&str, &str)> =
        text.split("```").skip(1).step_by(2).map(|fence| fence.split_once('\n').unwrap()).collect();
    let mut examples = Vec::new();
    let mut fences = fences.into_iter();
    while let Some((info, script)) = fences.next() {
        let Some(options) = info.strip_prefix("nx") else { continue };
        let (kind, expected) = fences.next().unwrap_or_else(|| panic!("nothing is expected of {script}"));
        examples.push(Example {
            options: options.trim().to_owned(),
            script: script.trim_end().to_owned(),
            kind: kind.to_owned(),
            expected: expected.trim_end().to_owned(),
        });
    }
    examples
}

fn ask(client: &Client, database: &str, example: &Example) -> Response {
    let action = if example.options.contains("exec") { "exec" } else { "query" };
    client.post(&format!("{database}/{action}"), &json!({"query": example.script}))
}

/// What is wrong with the answer; `None` where it is what the page says.
fn mismatch(answer: &Response, example: &Example) -> Option<String> {
    let got = answer.json();
    let is_right = match &*example.kind {
        "json" => {
            let expected: Value = serde_json::from_str(&example.expected)
                .unwrap_or_else(|error| panic!("{}: {error}", example.expected));
            answer.status() == 200 && got == expected
        }
        "error" => matches!(answer.status(), 400 | 403) && got["message"] == example.expected,
        other => panic!("{}: what is {other:?}?", example.script),
    };
    (!is_right).then(|| format!("{}\n--- expected\n{}\n--- actual\n{got}", example.script, example.expected))
}

#[test]
fn answers_are_as_printed() {
    let data = tempfile::tempdir().unwrap();
    let demo = Demo::start(data.path(), 1000);
    let addr = demo.url.trim_start_matches("http://").parse().unwrap();
    let admin = Client::new(addr, Some(&demo.admin_key));
    let sales = admin.with_key(&demo.sales_key);
    let examples = examples();
    assert!(examples.len() >= 20, "only {} queries", examples.len());
    let mut wrong = Vec::new();
    for example in &examples {
        let client = if example.options.contains("sales") { &sales } else { &admin };
        let started = Instant::now();
        let mut said = mismatch(&ask(client, &demo.database, example), example);
        // What a script puts off is done soon, but not at once.
        while said.is_some()
            && example.options.contains("later")
            && started.elapsed() < Duration::from_secs(10)
        {
            std::thread::sleep(Duration::from_millis(20));
            said = mismatch(&ask(client, &demo.database, example), example);
        }
        wrong.extend(said);
    }
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), examples.len(), wrong.join("\n=====\n"));
}
