//! What formulas depend on: `conformance/nx/dependencies.txt`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod fixture;
mod maps;

use std::sync::Arc;

use boobook_model::Schema;
use boobook_nx::{Dependencies, FieldAtKey, Library, Part};
use boobook_testkit::manual;
use serde_json::json;

/// For the examples; one of them calls itself.
const FUNCTIONS: &str = "
    function twice(n : number) do n * 2 end;
    function priced(item : Items) do item.Price end;
    function aged(item : Items) do now() - item.'Created on' end;
    function chained(n : number) do if n > 0 then chained(n - 1) else sum((select Invoices).Net) end end";

/// As the file has it.
fn told(schema: &Schema, table: usize, dependencies: &Dependencies) -> String {
    let table = &schema.tables[table];
    let mut own: Vec<&str> =
        dependencies.own.iter().map(|&slot| &*table.fields[usize::from(slot)].caption).collect();
    if dependencies.own_meta {
        own.push("times");
    }
    let other = |(id, part): &(_, Part)| {
        let table = schema.table(*id).unwrap();
        match part {
            Part::Field(slot) => format!("{}.{}", table.caption, table.fields[usize::from(*slot)].caption),
            Part::Records => format!("{}.*", table.caption),
            Part::Meta => format!("{}.times", table.caption),
        }
    };
    let others: Vec<String> = dependencies.others.iter().map(other).collect();
    let mut lines = String::new();
    for (what, of) in [
        ("own", own.join(", ")),
        ("others", others.join(", ")),
        ("restless", dependencies.restless.unwrap_or_default().to_owned()),
    ] {
        if !of.is_empty() {
            lines += &format!("  {what} {of}\n");
        }
    }
    lines
}

#[test]
fn formulas_depend_on_what_they_read() {
    let text = manual::page("dependencies.txt");
    let mut examples: Vec<(&str, &str, String)> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match (line.starts_with(' '), line.split_once(": ")) {
            (true, _) => examples.last_mut().unwrap().2 += &format!("{line}\n"),
            (false, Some((table, formula))) => examples.push((table, formula, String::new())),
            (false, None) => panic!("neither a formula nor what it depends on: {line}"),
        }
    }
    assert!(examples.len() > 50, "only {} found", examples.len());
    let mut wrong = Vec::new();
    for (table, formula, expected) in examples {
        let mut json = fixture::schema();
        json["globalCode"] = json!(FUNCTIONS);
        let tables = json["types"].as_object_mut().unwrap();
        let of = tables.values_mut().find(|of| of["caption"] == table).unwrap();
        of["fields"]["Z"] = json!({"base": "fn", "caption": "Example", "fn": formula});
        let library = Library::compile(Arc::new(Schema::from_json(json).unwrap()));
        let schema = &library.schema;
        let at = schema.tables.iter().position(|of| of.caption == table).unwrap();
        let slot = schema.tables[at].fields.iter().position(|field| field.caption == "Example").unwrap();
        let found = match library.dependencies(FieldAtKey(schema.tables[at].id, slot as u16)) {
            Some(dependencies) => told(schema, at, dependencies),
            None => format!("  does not compile: {:?}\n", library.problems),
        };
        if found != expected {
            wrong.push(format!("{table}: {formula}\n found\n{found} expected\n{expected}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
