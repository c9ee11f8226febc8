//! The manual's page of NX functions: it is what the table says, and what it says is so on a server.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeMap, fs, path::Path};

use boobook_nx::{FunctionDef, functions};
use boobook_testkit::Installation;
use serde_json::{Value, json};

fn installation() -> Installation {
    Installation::new(env!("CARGO_BIN_EXE_boobook"))
}

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/nx/functions.md")).unwrap()
}

/// A function as the page has it.
#[derive(Default)]
struct Entry {
    /// Where it runs.
    label: String,
    /// Scripts and the JSON they come to.
    examples: Vec<(String, String)>,
}

fn entries(page: &str) -> BTreeMap<String, Entry> {
    let mut entries = BTreeMap::new();
    for part in page.split("\n### ").skip(1) {
        let (name, rest) = part.split_once('\n').unwrap();
        let label = rest.split("` · *").nth(1).and_then(|rest| rest.split('*').next()).unwrap().to_owned();
        let block =
            rest.split("```nx\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap_or_default();
        let example = |line: &str| {
            let (script, value) = line.rsplit_once("  // ").unwrap_or_else(|| panic!("{name}: {line}"));
            (script.trim_end().to_owned(), value.to_owned())
        };
        let examples = block.lines().map(example).collect();
        entries.insert(name.to_owned(), Entry { label, examples });
    }
    entries
}

#[test]
fn the_page_is_not_stale() {
    let output = installation().command(&["nx", "functions", "--markdown"]).output().unwrap();
    assert!(output.status.success());
    let fresh = String::from_utf8(output.stdout).unwrap();
    assert!(fresh == page(), "docs/nx/functions.md is stale: run `cargo xtask manual`");
    let entries = entries(&fresh);
    for def in functions::all() {
        assert!(entries.contains_key(def.name), "{} is not on the page", def.name);
    }
}

/// A call with an argument of each type that the first form needs.
fn call(def: &FunctionDef) -> String {
    let parameters = def.overloads[0].signature.split("->").next().unwrap();
    let argument = |parameter: &str| match parameter.trim() {
        "record" => "first(select Customers)",
        "file" => "file(first(select Customers), \"x\")",
        "number" => "1",
        _ => "\"x\"",
    };
    let needed = parameters.split(',').filter(|p| !p.trim().is_empty() && !p.contains('?'));
    let arguments: Vec<&str> = needed.map(argument).collect();
    format!("{}({})", def.name, arguments.join(", "))
}

#[test]
fn a_server_does_what_the_page_says() {
    let place = installation();
    let team = place.team("Manual");
    let key = place.key(&team, &["--role", "admin"]);
    let server = place.serve();
    let client = server.client(&key);
    let db = client.create_database(&team, "Functions", &json!({}));
    let path = format!("/v1/teams/{team}/databases/{db}");
    let fields = json!([{"name": "First Name", "type": "string"}, {"name": "Last Name", "type": "string"}]);
    client.post(&format!("{path}/tables"), &json!({"name": "Customers", "fields": fields})).ok();
    let people = [("Sofia", "Young"), ("Adam", "Smith"), ("bert", "Ärger")];
    let person = |(first, last)| json!({"fields": {"First Name": first, "Last Name": last}});
    client.post(&format!("{path}/tables/Customers/records"), &json!(people.map(person))).ok();

    let entries = entries(&page());
    let mut wrong = Vec::new();
    let mut run = 0;
    for (name, entry) in &entries {
        for (script, value) in &entry.examples {
            let writes = entry.label == "writes" || script.contains("set(");
            let action = if writes { "exec" } else { "query" };
            let answer = client.post(&format!("{path}/{action}"), &json!({"query": script}));
            let (status, got) = (answer.status(), answer.json());
            let expected: Value = serde_json::from_str(value).unwrap();
            let same = got == expected || got.as_f64().is_some_and(|got| Some(got) == expected.as_f64());
            if status != 200 || !same {
                wrong.push(format!("{name}: {script}: {got} instead of {value}"));
            }
            run += 1;
        }
    }
    let written: usize = functions::all().map(|def| def.examples.len()).sum();
    assert!(run >= written, "{run} examples on the page, {written} in the table");
    let outside = functions::GROUPS
        .iter()
        .filter(|(heading, _)| matches!(*heading, "Files" | "Web, mail and shares"))
        .flat_map(|(_, functions)| functions.iter());
    for def in outside {
        let script = call(def);
        let answer = client.post(&format!("{path}/exec"), &json!({"query": script}));
        let is_missing = answer.text().contains("is not available on this server");
        if is_missing != entries[def.name].label.starts_with("not available") {
            wrong
                .push(format!("{script}: {}; put right NOT_YET and run `cargo xtask manual`", answer.text()));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
