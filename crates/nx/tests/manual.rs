//! The language's manual `conformance/nx/*.md`: every example in it is run (its `README.md` tells the form).
//!
//! What the manual does not show is not promised: each diagnostic and each way to fail must be in it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::disallowed_methods, reason = "which pages to run is no setting of the server")]

mod fixture;
mod maps;

use std::{collections::BTreeSet, env, fs};

use boobook_model::RecordId;
use boobook_nx::{Library, RunError, RunErrorKind};
use boobook_nx_syntax::{Diagnostic, DiagnosticCode, Form, Span, line_column, parse, print, render};
use fixture::{Outcome, Permits, This, same};
use maps::Maps;
use serde_json::{Value as Json, json};

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

/// A section: what is added to the schema, and the records as its last script left them.
struct Section {
    place: String,
    schema: Json,
    maps: Option<Maps>,
    source: String,
    outcome: Option<Outcome>,
}

impl Section {
    fn new(place: String) -> Self {
        Self { place, schema: fixture::schema(), maps: None, source: String::new(), outcome: None }
    }

    /// A fence: `nx` with options, or what is to be said of the script above it.
    fn fence(&mut self, info: &str, body: &str, report: &mut Report) {
        let mut words = info.split(' ');
        let kind = words.next().unwrap_or_default();
        let body = body.trim_end_matches('\n');
        match kind {
            "schema" => merge(&mut self.schema, serde_json::from_str(body).unwrap()),
            "nx" => {
                let (nested, rest): (Vec<_>, Vec<_>) = words.partition(|word| word.starts_with("nested="));
                self.source = match nested.first() {
                    Some(option) => nest(body, option["nested=".len()..].parse().unwrap()),
                    None => body.to_owned(),
                };
                let source = self.source.clone();
                let outcome = self.run(&source, rest.into_iter(), report);
                self.outcome = Some(outcome);
            }
            "json" | "error" | "human" | "ids" => self.expect(kind, body, report),
            // What is wrong with the scripts of the schema.
            "problems" => {
                let schema = boobook_model::Schema::from_json(self.schema.clone()).unwrap();
                let library = Library::compile(schema.into());
                let said = library.problems.iter().map(|problem| {
                    report.codes.extend(problem.diagnostics.iter().map(|d| d.code.name));
                    let said = problem.diagnostics.iter().map(|d| render(&problem.source, d));
                    format!("{}: {}", problem.place, said.collect::<String>())
                });
                let actual = said.collect::<String>();
                report.check(&self.place, "", body, &actual, actual.trim_end() == body);
            }
            _ => {}
        }
    }

    fn run<'w>(
        &mut self,
        source: &str,
        words: impl Iterator<Item = &'w str>,
        report: &mut Report,
    ) -> Outcome {
        let mut permits = Permits::default();
        let (mut this, mut goes_on) = (None, false);
        for word in words {
            match word.split_once('=') {
                Some(("steps", n)) => permits.limits.steps_max = n.parse().unwrap(),
                Some(("bytes", n)) => permits.limits.bytes_max = n.parse().unwrap(),
                Some(("depth", n)) => permits.limits.depth_max = n.parse().unwrap(),
                Some(("backtracks", n)) => permits.limits.regex_backtracks_max = n.parse().unwrap(),
                Some(other) => panic!("{}: unknown option {other:?}", self.place),
                None if word == "exec" => permits.may_write = true,
                None if word == "late" => permits.is_time_up = true,
                None if word == "then" => goes_on = true,
                None => this = Some(record(word)),
            }
        }
        let kept = self.maps.take().filter(|_| goes_on);
        let mut maps = kept.unwrap_or_else(|| fixture::tables(self.schema.clone()));
        let outcome = fixture::run(&mut maps, source, this, &permits);
        self.maps = Some(maps);
        report.note(&outcome);
        outcome
    }

    fn expect(&self, kind: &str, expected: &str, report: &mut Report) {
        let (source, outcome) = (&*self.source, self.outcome.as_ref().unwrap());
        let printed = |form| print(&parse(source).script, form, &|_| None);
        let (actual, is_right) = match kind {
            "human" => (printed(Form::Human), printed(Form::Human) == expected),
            "ids" => (printed(Form::Ids), printed(Form::Ids) == expected),
            "json" => {
                let expected: Json =
                    serde_json::from_str(expected).unwrap_or_else(|error| panic!("{}: {error}", self.place));
                let is_right = matches!(outcome, Outcome::Value(value) if same(value, &expected));
                (told(source, outcome), is_right)
            }
            _ => {
                let actual = told(source, outcome);
                let is_right = !matches!(outcome, Outcome::Value(_)) && actual.trim_end() == expected;
                (actual, is_right)
            }
        };
        report.check(&self.place, source, expected, &actual, is_right);
    }

    /// A row of a table of examples: `script`, `value` or `error`, perhaps `this`.
    fn row(&mut self, columns: &[&str], cells: &[&str], report: &mut Report) {
        let cell = |name: &str| {
            let at = columns.iter().position(|column| *column == name)?;
            Some(cells.get(at).copied().unwrap_or_default())
        };
        let Some(source) = cell("script").map(code) else { return };
        let this = cell("this").filter(|this| !this.is_empty());
        let may_write = columns.iter().any(|column| column.starts_with("exec"));
        let words = this.into_iter().chain(may_write.then_some("exec"));
        let outcome = self.run(source, words.collect::<Vec<_>>().into_iter(), report);
        let place = self.place.clone();
        if let Some(expected) = cell("value").or(cell("exec")) {
            let wanted: Json = serde_json::from_str(code(expected))
                .unwrap_or_else(|error| panic!("{place}: {source}: {expected}: {error}"));
            let is_right = matches!(&outcome, Outcome::Value(value) if same(value, &wanted));
            let actual = match &outcome {
                Outcome::Value(value) => value.to_string(),
                other => told_shortly(source, other),
            };
            report.check(&place, source, expected, &actual, is_right);
        } else if let Some(expected) = cell("error").or(cell("exec error")) {
            let actual = told_shortly(source, &outcome);
            let is_right = !matches!(outcome, Outcome::Value(_)) && actual == expected;
            report.check(&place, source, expected, &actual, is_right);
        }
    }
}

/// `A1`
fn record(word: &str) -> This {
    let (table, id) = word.split_at(1);
    (table.parse().unwrap(), RecordId::new(id.parse().unwrap()).unwrap())
}

/// The text of a code span.
fn code(cell: &str) -> &str {
    let inner = cell.strip_prefix("``").and_then(|cell| cell.strip_suffix("``")).map(str::trim);
    let inner = inner.or_else(|| cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`')));
    inner.unwrap_or(cell)
}

/// The first line so often, the second once, the third so often.
fn nest(body: &str, times: usize) -> String {
    let mut lines = body.lines();
    let mut next = || lines.next().unwrap_or_default();
    let (opening, middle, closing) = (next(), next(), next());
    format!("{}{middle}{}", opening.repeat(times), closing.repeat(times))
}

/// JSON merge: objects are joined, all else replaced.
fn merge(into: &mut Json, from: Json) {
    match (into, from) {
        (Json::Object(into), Json::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(json!(null)), value);
            }
        }
        (into, from) => *into = from,
    }
}

fn check(file: &str, text: &str, report: &mut Report) {
    let mut section = Section::new(file.to_owned());
    let mut columns: Vec<&str> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            section.fence(info, &body.join("\n"), report);
        } else if line.starts_with('#') {
            section = Section::new(format!("{file}: {}", line.trim_start_matches(['#', ' '])));
        } else if let Some(row) = line.strip_prefix('|').filter(|row| row.starts_with(' ')) {
            let cells: Vec<&str> = row.trim_end_matches('|').split(" | ").map(str::trim).collect();
            if columns.is_empty() {
                columns = cells;
            } else {
                section.row(&columns, &cells, report);
            }
        } else if !line.starts_with('|') {
            columns.clear();
        }
    }
}

/// Runs the pages whose names contain `only`.
fn manual(only: &str) -> Report {
    let mut names: Vec<_> =
        fs::read_dir(fixture::folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let mut report = Report::default();
    for path in names {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with(|c: char| c.is_ascii_digit()) && name.contains(only) {
            check(&name, &fs::read_to_string(&path).unwrap(), &mut report);
        }
    }
    report
}

#[test]
fn the_manual_holds() {
    let report = manual(&env::var("BOOBOOK_CONFORMANCE").unwrap_or_default());
    let (count, wrong) = (report.examples, report.wrong);
    assert!(wrong.is_empty(), "{} of {count} wrong:\n{}", wrong.len(), wrong.join("\n=====\n"));
}

#[test]
fn every_error_is_in_the_manual() {
    let shown = manual("").codes;
    let all = boobook_nx_syntax::codes::ALL.iter().chain(boobook_nx::check::codes::ALL);
    let all = all.map(|code| code.name).chain(FAILURES.iter().copied());
    let missing: Vec<_> = all.filter(|name| !shown.contains(name)).collect();
    assert!(missing.is_empty(), "no example of {missing:?}");
}
