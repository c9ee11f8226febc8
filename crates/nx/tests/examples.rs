//! Runs the example scripts of `conformance/nx`: those without tables, and those of one fixture of tables.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod maps;

use std::{path::PathBuf, sync::Arc};

use boobook_model::{RecordId, Schema, TableId, Value as Stored};
use boobook_nx::{Context, Effect, Library, Locale, RunLimits, Value, json};
use maps::Maps;
use serde_json::{Value as Json, json};

fn corpus(file: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../conformance/nx").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What a script comes to: the JSON of its value, or `error: …`.
fn run(
    maps: &mut Maps,
    source: &str,
    this: Option<(TableId, RecordId)>,
    may_write: bool,
) -> Result<Json, String> {
    let library = Arc::new(Library::compile(Arc::clone(&maps.schema)));
    let checked = library.script(source, this.map(|(table, _)| table));
    if !checked.is_sound() {
        return Err(checked.diagnostics.iter().map(|d| d.message.clone()).collect::<Vec<_>>().join("; "));
    }
    if !may_write && checked.program.effect >= Effect::Outside {
        return Err("read-only".into());
    }
    let is_time_up = || false;
    let saved = (maps.records.clone(), maps.next.clone());
    let mut cx = Context::new(maps, library, Locale::default(), RunLimits::default(), &is_time_up);
    let arguments = this.map(|(table, record)| Value::Record(table, record)).into_iter().collect();
    let outcome = checked.program.run(&mut cx, arguments);
    let deferred = std::mem::take(&mut cx.deferred);
    let outcome = outcome.and_then(|value| {
        for (program, variables) in deferred {
            program.run(&mut cx, variables)?;
        }
        Ok(value)
    });
    drop(cx);
    match outcome {
        Ok(value) => {
            let mut out = String::new();
            json::write(&value, &mut out);
            Ok(serde_json::from_str(&out).unwrap_or_else(|error| panic!("{source}: {out}: {error}")))
        }
        Err(error) => {
            (maps.records, maps.next) = saved;
            Err(error.to_string())
        }
    }
}

/// Numbers compare by value: `1` is `1.0`.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
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

/// The tables of `table-examples.md`.
fn fixture() -> Json {
    let text = |caption: &str| json!({"base": "string", "caption": caption});
    let number = |caption: &str| json!({"base": "number", "caption": caption});
    let formula = |caption: &str, text: &str| json!({"base": "fn", "caption": caption, "fn": text});
    let options = |captions: &[&str]| {
        let options = captions.iter().enumerate();
        let options = options.map(|(at, caption)| ((at + 1).to_string(), json!({"caption": caption})));
        Json::Object(options.collect())
    };
    json!({"types": {
        "A": {"caption": "Customers", "fields": {
            "A": text("First Name"), "B": text("Last Name"),
            "C": {"base": "choice", "caption": "Status", "values": options(&["New", "Active", "Blocked", "Deleted"])},
            "D": {"base": "date", "caption": "Birthday"}, "E": {"base": "boolean", "caption": "VIP"},
            "F": {"base": "multi", "caption": "Tags", "values": options(&["red", "green", "blue"])},
            "G": {"base": "rev", "caption": "Invoices", "refTypeId": "B", "refFieldId": "A"},
            "H": formula("Full", "'First Name' + \" \" + 'Last Name'")}},
        "B": {"caption": "Invoices", "fields": {
            "A": {"base": "ref", "caption": "Customer", "refTypeId": "A", "refFieldId": "G"},
            "B": text("No"), "C": {"base": "date", "caption": "Date"}, "D": number("Net"),
            "E": {"base": "boolean", "caption": "Paid"},
            "F": {"base": "rev", "caption": "Items", "refTypeId": "C", "refFieldId": "A"},
            "G": formula("Sum", "sum(Items.Total)")}},
        "C": {"caption": "Items", "fields": {
            "A": {"base": "ref", "caption": "Invoice", "refTypeId": "B", "refFieldId": "F"},
            "B": number("Qty"), "C": number("Price"), "D": formula("Total", "Qty * Price")}}
    }})
}

fn tables(schema: Json) -> Maps {
    let mut maps = Maps::new(Arc::new(Schema::from_json(schema).unwrap()));
    let text = |text: &str| Stored::Text(text.into());
    let date = |text: &str| {
        Stored::Time(boobook_model::field::parse_timestamp(&format!("{text}T00:00:00")).unwrap())
    };
    let rid = |n: u64| Stored::Reference(RecordId::new(n).unwrap());
    let table = |id: &str| id.parse::<TableId>().unwrap();
    let (a, b, c) = (table("A"), table("B"), table("C"));
    maps.insert(
        a,
        1,
        [
            (0, text("Sofia")),
            (1, text("Young")),
            (2, Stored::Choice(2)),
            (3, date("1990-05-01")),
            (4, Stored::Bool(true)),
            (5, Stored::Choices([1, 3].into())),
        ],
    );
    maps.insert(
        a,
        2,
        [(0, text("Adam")), (1, text("Smith")), (2, Stored::Choice(1)), (4, Stored::Bool(false))],
    );
    maps.insert(
        a,
        3,
        [
            (0, text("bert")),
            (1, text("Ärger")),
            (2, Stored::Choice(2)),
            (3, date("1985-12-24")),
            (5, Stored::Choices([2].into())),
        ],
    );
    for (id, customer, no, day, net, paid) in [
        (1, 1, "R-1", "2024-01-10", Some(100.0), true),
        (2, 1, "R-2", "2024-02-10", Some(50.0), false),
        (3, 3, "R-3", "2024-02-20", None, false),
    ] {
        let net = net.map(|net| (3, Stored::Number(net)));
        let fields = [(0, rid(customer)), (1, text(no)), (2, date(day)), (4, Stored::Bool(paid))];
        maps.insert(b, id, fields.into_iter().chain(net));
    }
    for (id, invoice, quantity, price) in [(1, 1, 2.0, 10.0), (2, 1, 1.0, 5.0), (3, 2, 3.0, 7.0)] {
        maps.insert(c, id, [(0, rid(invoice)), (1, Stored::Number(quantity)), (2, Stored::Number(price))]);
    }
    maps
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
        let mut schema = fixture();
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
        let mut maps = tables(schema);
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
            let mut maps = Maps::new(Arc::new(Schema::empty("test")));
            let got = run(&mut maps, source, None, true);
            let expected: Json = serde_json::from_str(expected).unwrap();
            if !got.as_ref().is_ok_and(|got| same(got, &expected)) {
                wrong.push(format!("{source}\n    {got:?}\n    expected {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
