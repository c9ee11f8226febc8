//! Scripts between captions and ids: whatever people write is kept by ids, comes back as they read it, and means the
//! same after everything has got another name.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod fixture;
mod maps;

use std::{fs, sync::Arc};

use boobook_model::{Schema, TableId};
use boobook_nx::{Form, Library, ScriptPlace, bare_comparison, converted};
use boobook_testkit::manual;

/// Every script of the manual and of the example files.
fn scripts() -> Vec<String> {
    let mut scripts = Vec::new();
    for entry in fs::read_dir(manual::folder()).unwrap() {
        let path = entry.unwrap().path();
        let text = match path.extension().and_then(|e| e.to_str()) {
            Some("md" | "jsonl") => fs::read_to_string(&path).unwrap(),
            _ => continue,
        };
        if path.extension().is_some_and(|e| e == "jsonl") {
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            let values = lines.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
            scripts.extend(values.filter_map(|v| v["expr"].as_str().map(str::to_owned)));
            continue;
        }
        let mut fence: Option<String> = None;
        for line in text.lines() {
            match (&mut fence, line) {
                (None, line) if line.starts_with("```nx") => fence = Some(String::new()),
                (Some(_), "```") => scripts.extend(fence.take()),
                (Some(body), line) => {
                    body.push_str(line);
                    body.push('\n');
                }
                (None, line) if line.starts_with('|') => {
                    let cell = line.split(" | ").next().unwrap().trim_matches(['|', ' ']);
                    if let Some(script) = cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`')) {
                        scripts.push(script.replace("\\|", "|"));
                    }
                }
                _ => {}
            }
        }
    }
    scripts
}

fn place(table: Option<TableId>) -> ScriptPlace {
    ScriptPlace { path: "here".into(), table, key: "fn" }
}

/// The schema with other names for everything.
fn renamed(schema: &Schema) -> Schema {
    let mut json = schema.to_json(0);
    for (_, table) in json["types"].as_object_mut().unwrap() {
        table["caption"] = format!("of {}", table["caption"].as_str().unwrap()).into();
        for (id, field) in table["fields"].as_object_mut().unwrap() {
            // Captions that are ids of other fields, in some.
            let other =
                if id == "A" { "B".to_owned() } else { format!("my {}", field["caption"].as_str().unwrap()) };
            field["caption"] = other.into();
        }
    }
    Schema::from_json(json).unwrap()
}

#[test]
fn scripts_keep_their_meaning_by_ids_and_under_other_names() {
    let schema = Schema::from_json(fixture::schema()).unwrap();
    let other = Library::compile(Arc::new(renamed(&schema)));
    let library = Library::compile(Arc::new(schema));
    let (mut told, mut count) = (Vec::new(), 0);
    for script in scripts() {
        for table in [None, "A".parse().ok(), "B".parse().ok()] {
            let place = place(table);
            let Ok(ids) = converted(&library, &place, &script, Form::Human, Form::Ids) else { continue };
            // Names that mean nothing may mean something under other names.
            if !library.script(&script, table).is_sound() {
                continue;
            }
            let human = converted(&library, &place, &ids, Form::Ids, Form::Human).unwrap();
            let again = converted(&library, &place, &human, Form::Human, Form::Ids).unwrap();
            let kept = converted(&library, &place, &ids, Form::Ids, Form::Ids).unwrap();
            let renamed = converted(&other, &place, &ids, Form::Ids, Form::Human).unwrap();
            let back = converted(&other, &place, &renamed, Form::Human, Form::Ids).unwrap();
            if ids != again || ids != kept || ids != back || !other.script(&renamed, table).is_sound() {
                told.push(format!(
                    "{script}\n  ids     {ids}\n  human   {human}\n  again   {again}\n  kept    {kept}\n  renamed {renamed}\n  back    {back}"
                ));
            }
            count += 1;
        }
    }
    assert!(told.is_empty(), "{} of {count}:\n{}", told.len(), told.join("\n"));
    assert!(count > 1000, "{count} scripts");
}

#[test]
fn a_filter_may_begin_with_a_comparison() {
    let filter = |source| bare_comparison(&ScriptPlace { key: "filter", ..place(None) }, source);
    assert_eq!(filter(" >= 3"), Some((">=", "3")));
    assert_eq!(filter("<>3"), Some(("<>", "3")));
    assert_eq!(filter("\"Meyer\""), None);
    assert_eq!(bare_comparison(&place(None), "> 3"), None);
}
