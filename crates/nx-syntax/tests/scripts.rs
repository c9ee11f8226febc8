//! Every script of the language's test vectors parses, and comes back the same in both forms.
#![allow(clippy::unwrap_used, reason = "tests")]

mod stability;

use std::{fs, path::Path};

use boobook_nx_syntax::{parse, render};

fn vectors(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/nx").join(file)).unwrap()
}

fn check(script: &str) {
    let parse = parse(script);
    let problems: Vec<_> = parse.diagnostics.iter().map(|d| render(script, d)).collect();
    assert!(problems.is_empty(), "{script}\n{}", problems.join("\n"));
    stability::check(script);
}

#[test]
fn examples_parse() {
    let examples = vectors("examples.jsonl");
    let mut count = 0;
    for line in examples.lines() {
        let example: serde_json::Value = serde_json::from_str(line).unwrap();
        check(example["expr"].as_str().unwrap());
        count += 1;
    }
    assert!(count >= 265, "{count}");
}

#[test]
fn table_examples_parse() {
    let mut count = 0;
    for row in vectors("table-examples.md").lines().filter(|l| l.starts_with("| ")) {
        let cells: Vec<_> = row.split(" | ").collect();
        if cells.len() < 5 || cells[0].trim_start_matches("| ").parse::<u32>().is_err() {
            continue;
        }
        for script in cells[2].split('`').skip(1).step_by(2).filter(|s| s.contains(' ') || s.len() < 5) {
            check(script);
            count += 1;
        }
    }
    assert!(count >= 58, "{count}");
}
