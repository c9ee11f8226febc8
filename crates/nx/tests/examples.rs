//! Runs the example scripts of `conformance/nx`: those without tables, and those of one fixture of tables.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod fixture;
mod maps;

use std::{fs, sync::Arc};

use boobook_model::{RecordId, Schema, Value as Stored};
use fixture::{Outcome, Permits, This, same};
use maps::Maps;
use serde_json::{Value as Json, json};

fn corpus(file: &str) -> String {
    fs::read_to_string(fixture::folder().join(file)).unwrap()
}

/// What a script comes to: the JSON of its value, or what is wrong.
fn run(maps: &mut Maps, source: &str, this: Option<This>, may_write: bool) -> Result<Json, String> {
    let permits = Permits { may_write, ..Permits::default() };
    match fixture::run(maps, source, this, &permits) {
        Outcome::Value(value) => Ok(value),
        Outcome::Broken(diagnostics) => {
            Err(diagnostics.iter().map(|d| d.message.clone()).collect::<Vec<_>>().join("; "))
        }
        Outcome::ReadOnly => Err("read-only".into()),
        Outcome::Failed(error) => Err(error.to_string()),
    }
}

#[test]
fn scripts_without_tables() {
    let mut wrong = Vec::new();
    let text = corpus("examples.jsonl");
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let example: Json = serde_json::from_str(line).unwrap();
        let Some(source) = example["expr"].as_str() else { continue };
        let mut maps = Maps::new(Arc::new(Schema::empty("test")));
        match (run(&mut maps, source, None, false), example.get("expect")) {
            (Ok(value), Some(expected)) if same(&value, expected) => {}
            (Err(_), None) if example.get("error").is_some() => {}
            (got, expected) => wrong.push(format!("{source}\n    {got:?}\n    expected {expected:?}")),
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// The text of the first code span of a cell.
fn code(cell: &str) -> &str {
    cell.split('`').nth(1).unwrap_or_default()
}

#[test]
fn scripts_with_tables() {
    let mut wrong = Vec::new();
    let text = corpus("table-examples.md");
    let mut count = 0;
    for line in text.lines() {
        let cells: Vec<&str> = line.split(" | ").map(|cell| cell.trim().trim_matches('|').trim()).collect();
        let [number, context, script, expect, ..] = cells[..] else { continue };
        let Ok(number) = number.parse::<u32>() else { continue };
        if !script.contains('`') {
            continue;
        }
        count += 1;
        let mut schema = fixture::schema();
        let source = match number {
            82 => {
                schema["types"]["B"]["afterUpdate"] = json!("Paid := Net > 60");
                "record(Invoices,2).Net := 70; record(Invoices,2).Paid"
            }
            83 => {
                schema["types"]["A"]["afterCreate"] = json!("Status := 1");
                "number((create Customers).Status)"
            }
            85 | 86 => {
                schema["globalCode"] = json!(code(script));
                script.split('`').nth(3).unwrap()
            }
            _ => code(script),
        };
        let mut maps = fixture::tables(schema);
        let this = (context != "-" && context.len() == 2).then(|| {
            let (table, id) = context.split_at(1);
            (table.parse().unwrap(), RecordId::new(id.parse().unwrap()).unwrap())
        });
        let got = run(&mut maps, source, this, script.contains("**exec**"));
        let net = |maps: &Maps, id: u64| {
            maps.records[&("B".parse().unwrap(), RecordId::new(id).unwrap())].get(&3).cloned()
        };
        let is_right = match number {
            63 => got.as_ref().is_err_and(|e| e.contains("Table not found")),
            64 => got.as_ref().is_err_and(|e| e.contains("Field not found: Foo")),
            66 => got.as_ref().is_err_and(|e| e.contains("read-only")),
            78 => got.is_err() && net(&maps, 1) == Some(Stored::Number(100.0)),
            80 => {
                got.as_ref().is_ok_and(|v| same(v, &json!(100))) && net(&maps, 1) == Some(Stored::Number(9.0))
            }
            81 => got.as_ref().is_ok_and(|v| same(v, &json!(5))) && maps.log.len() == 1,
            82 => got.as_ref().is_ok_and(|v| *v == json!(true)),
            _ => {
                let expected = if expect.contains('`') { code(expect) } else { expect };
                let expected =
                    if expect.contains("exists") { expected.split(';').next().unwrap() } else { expected };
                let expected: Json =
                    serde_json::from_str(expected).unwrap_or_else(|_| panic!("{number}: {expect}"));
                got.as_ref().is_ok_and(|got| same(got, &expected))
            }
        };
        if !is_right {
            wrong.push(format!("{number}: {source}\n    {got:?}\n    expected {expect}"));
        }
    }
    assert!(count >= 58, "only {count} found");
    assert!(wrong.is_empty(), "{} of {count} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn examples_of_all_functions() {
    let mut wrong = Vec::new();
    for def in boobook_nx::functions::all() {
        for (source, expected) in def.examples {
            let mut maps = fixture::tables(fixture::schema());
            let got = run(&mut maps, source, None, true);
            let expected: Json = serde_json::from_str(expected).unwrap();
            if !got.as_ref().is_ok_and(|got| same(got, &expected)) {
                wrong.push(format!("{source}\n    {got:?}\n    expected {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
