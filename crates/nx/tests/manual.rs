//! The language's manual `conformance/nx/*.md`: every example in it is run (its `README.md` tells the form).
//!
//! What the manual does not show is not promised: each diagnostic and each way to fail must be in it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::disallowed_methods, reason = "which pages to run is no setting of the server")]

mod fixture;
mod maps;

use std::{collections::BTreeSet, env};

use boobook_nx::{Library, RunError, RunErrorKind};
use boobook_nx_syntax::{Diagnostic, DiagnosticCode, Form, Span, line_column, parse, print, render};
use boobook_testkit::manual::{
    Expected, Script, Section, Step, functions, same, sections, table_examples, vectors,
};
use fixture::{Outcome, Permits};
use maps::Maps;
use serde_json::Value as Json;

/// What has been shown, and what was not as it should be.
#[derive(Default)]
struct Report {
    examples: usize,
    wrong: Vec<String>,
    codes: BTreeSet<&'static str>,
}

impl Report {
    fn note(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Broken(diagnostics) => self.codes.extend(diagnostics.iter().map(|d| d.code.name)),
            Outcome::Failed(error) => _ = self.codes.insert(failure(&error.kind).name),
            Outcome::ReadOnly => _ = self.codes.insert(WRITES.name),
            Outcome::Value(_) => {}
        }
    }

    fn check(&mut self, place: &str, source: &str, expected: &str, actual: &str, is_right: bool) {
        self.examples += 1;
        if !is_right {
            self.wrong.push(format!("{place}\n{source}\n--- expected\n{expected}\n--- actual\n{actual}"));
        }
    }
}

const WRITES: DiagnosticCode = DiagnosticCode { name: "run-read-only", about: "" };

/// A name for each way to fail when a script runs.
fn failure(kind: &RunErrorKind) -> DiagnosticCode {
    let name = match kind {
        RunErrorKind::Steps(_) => "run-steps",
        RunErrorKind::Time => "run-time",
        RunErrorKind::Memory(_) => "run-memory",
        RunErrorKind::Depth(_) => "run-depth",
        RunErrorKind::BadRegex { .. } => "run-bad-regex",
        RunErrorKind::SlowRegex(_) => "run-slow-regex",
        RunErrorKind::Host(_) => "run-host",
        RunErrorKind::Other(_) => "run-other",
    };
    DiagnosticCode { name, about: "" }
}

const FAILURES: &[&str] = &[
    "run-steps",
    "run-time",
    "run-memory",
    "run-depth",
    "run-bad-regex",
    "run-slow-regex",
    "run-host",
    "run-other",
    "run-read-only",
];

fn as_diagnostic(error: &RunError) -> Diagnostic {
    let (start, end) = error.span.unwrap_or_default();
    Diagnostic::error(failure(&error.kind), Span::new(start, end), error.to_string())
}

/// What is wrong, in full: message, place, carets, hint.
fn told(source: &str, outcome: &Outcome) -> String {
    match outcome {
        Outcome::Value(value) => value.to_string(),
        Outcome::Broken(all) => all.iter().map(|d| render(source, d)).collect::<Vec<_>>().join("\n"),
        Outcome::ReadOnly => "this script may write".into(),
        Outcome::Failed(error) => render(source, &as_diagnostic(error)),
    }
}

/// What is wrong, in a line: `1:5 message (hint)`.
fn told_shortly(source: &str, outcome: &Outcome) -> String {
    let diagnostic = match outcome {
        Outcome::Broken(all) => all[0].clone(),
        Outcome::Failed(error) => as_diagnostic(error),
        other => return told(source, other),
    };
    let (line, column) = line_column(source, diagnostic.span.start);
    let hint = diagnostic.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{line}:{column} {}{hint}", diagnostic.message)
}

/// Runs all scripts of these sections.
fn report(sections: &[Section]) -> Report {
    let mut report = Report::default();
    for section in sections {
        let mut schema = fixture::schema();
        let mut maps = None;
        for step in &section.steps {
            match step {
                Step::Schema(newer) => schema = newer.clone(),
                Step::Problems(expected) => problems(&section.place, &schema, expected, &mut report),
                Step::Script(script) => {
                    let kept = maps.take().filter(|_| script.goes_on);
                    let mut records = kept.unwrap_or_else(|| fixture::tables(schema.clone()));
                    run(&section.place, script, &mut records, &mut report);
                    maps = Some(records);
                }
            }
        }
    }
    report
}

/// What is wrong with the scripts of a schema.
fn problems(place: &str, schema: &Json, expected: &str, report: &mut Report) {
    let schema = boobook_model::Schema::from_json(schema.clone()).unwrap();
    let library = Library::compile(schema.into());
    let said = library.problems.iter().map(|problem| {
        report.codes.extend(problem.diagnostics.iter().map(|d| d.code.name));
        let said = problem.diagnostics.iter().map(|d| render(&problem.source, d));
        format!("{}: {}", problem.place, said.collect::<String>())
    });
    let actual = said.collect::<String>();
    report.check(place, "", expected, &actual, actual.trim_end() == expected);
}

fn run(place: &str, script: &Script, maps: &mut Maps, report: &mut Report) {
    let source = &*script.source;
    let mut permits =
        Permits { may_write: script.may_write, is_time_up: script.is_late, ..Permits::default() };
    for (limit, n) in &script.limits {
        match &**limit {
            "steps" => permits.limits.steps_max = *n,
            "bytes" => permits.limits.bytes_max = *n,
            "depth" => permits.limits.depth_max = u32::try_from(*n).unwrap(),
            "backtracks" => permits.limits.regex_backtracks_max = usize::try_from(*n).unwrap(),
            other => panic!("{place}: {other}"),
        }
    }
    let outcome = fixture::run(maps, source, script.this.as_deref().map(fixture::record), &permits);
    report.note(&outcome);
    let is_value = matches!(outcome, Outcome::Value(_));
    let printed = |form| print(&parse(source).script, form, &|_| None);
    for expected in &script.expected {
        let (wanted, actual, is_right) = match expected {
            Expected::Human(text) => (text.clone(), printed(Form::Human), printed(Form::Human) == *text),
            Expected::Ids(text) => (text.clone(), printed(Form::Ids), printed(Form::Ids) == *text),
            Expected::Value(value) => {
                let is_right = matches!(&outcome, Outcome::Value(actual) if same(actual, value));
                (value.to_string(), told(source, &outcome), is_right)
            }
            Expected::Told(text) => {
                let actual = told(source, &outcome);
                let is_right = !is_value && actual.trim_end() == text;
                (text.clone(), actual, is_right)
            }
            Expected::ToldShortly(text) => {
                let actual = told_shortly(source, &outcome);
                let is_right = !is_value && actual == *text;
                (text.clone(), actual, is_right)
            }
            Expected::Says(text) => {
                let actual = told(source, &outcome);
                let is_right = !is_value && actual.contains(text);
                (text.clone(), actual, is_right)
            }
            Expected::Then(query, value) => {
                let then = fixture::run(maps, query, None, &Permits::default());
                let is_right = matches!(&then, Outcome::Value(actual) if same(actual, value));
                (value.to_string(), told(query, &then), is_right)
            }
        };
        report.check(place, source, &wanted, &actual, is_right);
    }
}

#[test]
fn the_manual_holds() {
    hold(report(&sections(&env::var("BOOBOOK_CONFORMANCE").unwrap_or_default())));
}

#[test]
fn examples_with_tables() {
    let examples = table_examples();
    assert!(examples.len() >= 58, "only {} found", examples.len());
    hold(report(&examples));
}

#[test]
fn vectors_without_tables() {
    let report = report(&[vectors()]);
    assert!(report.examples >= 265, "only {} found", report.examples);
    hold(report);
}

#[test]
fn examples_of_all_functions() {
    let examples = boobook_nx::functions::all().flat_map(|def| def.examples.iter().copied());
    hold(report(&[functions(examples)]));
}

fn hold(report: Report) {
    let (count, wrong) = (report.examples, report.wrong);
    assert!(wrong.is_empty(), "{} of {count} wrong:\n{}", wrong.len(), wrong.join("\n=====\n"));
}

#[test]
fn every_error_is_in_the_manual() {
    let shown = report(&sections("")).codes;
    let all = boobook_nx_syntax::codes::ALL.iter().chain(boobook_nx::check::codes::ALL);
    let all = all.map(|code| code.name).chain(FAILURES.iter().copied());
    let missing: Vec<_> = all.filter(|name| !shown.contains(name)).collect();
    assert!(missing.is_empty(), "no example of {missing:?}");
}
