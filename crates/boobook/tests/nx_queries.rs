//! The manual's page of queries: every one is run against the demo, from top to bottom.
#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "what is put off is done a little later")]

mod demo;

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use boobook_testkit::{Client, Installation, Postgres, Response, RoundRobin};
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
    check(&demo, demo.url.trim_start_matches("http://").parse().unwrap());
}

/// The same from two nodes over PostgreSQL, each request to the other one.
#[cfg(unix)]
#[test]
fn answers_of_two_nodes_are_as_printed() {
    let Some(postgres) = Postgres::shared() else { return };
    let place = Installation::shared(env!("CARGO_BIN_EXE_boobook"), &postgres.url());
    let arguments = place.arguments();
    let demo = Demo::start_on(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), 1000);
    let other = place.serve();
    let nodes = [demo.url.trim_start_matches("http://").parse().unwrap(), other.addr()];
    let balancer = RoundRobin::before(&nodes).unwrap();
    check(&demo, balancer.addr());
}

/// Runs all examples of the page, each on a connection of its own.
fn check(demo: &Demo, addr: SocketAddr) {
    let client_of = |key: &str| Client::new(addr, Some(key));
    let examples = examples();
    assert!(examples.len() >= 20, "only {} queries", examples.len());
    let mut wrong = Vec::new();
    for example in &examples {
        let key = if example.options.contains("sales") { &demo.sales_key } else { &demo.admin_key };
        let started = Instant::now();
        let mut said = mismatch(&ask(&client_of(key), &demo.database, example), example);
        // What a script puts off is done soon, but not at once.
        while said.is_some()
            && example.options.contains("later")
            && started.elapsed() < Duration::from_secs(10)
        {
            std::thread::sleep(Duration::from_millis(20));
            said = mismatch(&ask(&client_of(key), &demo.database, example), example);
        }
        wrong.extend(said);
    }
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), examples.len(), wrong.join("\n=====\n"));
}
