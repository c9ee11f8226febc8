//! The language manual `conformance/nx/syntax/*.md`: a heading names a case, a fence `nx` holds the script, and fences
//! `ast`, `human`, `ids` and `error` behind it say what it is read as, printed as, and what is wrong with it.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{fs, path::Path};

use boobook_nx_syntax::{Form, dump, parse, print, render};

fn actual(kind: &str, script: &str) -> String {
    let parse = parse(script);
    match kind {
        "ast" => dump(&parse.script),
        "human" => print(&parse.script, Form::Human, &|_| None),
        "ids" => print(&parse.script, Form::Ids, &|_| None),
        "error" => parse.diagnostics.iter().map(|d| render(script, d)).collect::<Vec<_>>().join("\n"),
        other => panic!("a fence of the unknown kind {other}"),
    }
}

#[test]
fn the_manual_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/nx/syntax");
    let (mut count, mut wrong) = (0, Vec::new());
    for entry in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let (mut heading, mut script) = ("", "");
        for (at, part) in text.split("```").enumerate() {
            if at % 2 == 0 {
                heading = part.lines().rfind(|l| l.starts_with('#')).unwrap_or(heading);
                continue;
            }
            let (kind, body) = part.split_once('\n').unwrap();
            let body = body.trim_end_matches('\n');
            if kind == "nx" {
                script = body;
                let has_error =
                    text.split("```nx\n").any(|p| p.starts_with(script) && p.contains("```error"));
                assert!(has_error || parse(script).diagnostics.is_empty(), "{heading}: {script}");
                continue;
            }
            count += 1;
            let actual = actual(kind, script);
            if actual.trim_end_matches('\n') != body {
                wrong
                    .push(format!("{heading}, {kind}\n{script}\n--- expected\n{body}\n--- actual\n{actual}"));
            }
        }
    }
    assert!(count >= 20, "{count}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n=====\n"));
}
