//! NX on a running server: one script, or a prompt.
//!
//! What scripts mean is the server's; here they are sent and their values shown.

mod complete;
mod prompt;
mod show;

use std::{
    io::{IsTerminal as _, Read as _, stderr, stdin, stdout},
    path::Path,
    time::Duration,
};

use boobook_nx_syntax::{Diagnostic, Span, codes, render};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value as Json;

use crate::{
    client::{Client, ScriptProblem},
    failure::Failure,
    out,
};

pub(crate) use show::Shown;

/// What is asked for.
pub(crate) struct Order<'a> {
    pub(crate) script: Option<&'a str>,
    pub(crate) file: Option<&'a Path>,
    pub(crate) url: &'a str,
    pub(crate) key: &'a str,
    pub(crate) team: &'a str,
    pub(crate) database: &'a str,
    pub(crate) may_write: bool,
    /// The record that is `this`.
    pub(crate) this: Option<&'a str>,
    /// How values are shown; `None`: as suits the value and the terminal.
    pub(crate) shown: Option<Shown>,
}

/// Longest script that is read from a file or standard input.
const SCRIPT_BYTES_MAX: u64 = 16 << 20;

/// Runs a script, or the prompt.
pub(crate) fn run(order: &Order<'_>) -> anyhow::Result<()> {
    let client = Client::new(order.url, order.key, order.team, order.database)?;
    let Some(source) = source(order)? else { return prompt::run(&client, order) };
    match evaluate(&client, order.may_write, order.this, &source)? {
        Ok(value) => out::line(show::value(&value, order.shown, stdout().is_terminal())),
        Err(problem) => Err(Failure::new(said(&source, &problem), hint(&problem, order.may_write))),
    }
}

/// The script; `None`: somebody sits at a terminal and has given none.
fn source(order: &Order<'_>) -> anyhow::Result<Option<String>> {
    let mut text = String::new();
    match (order.file, order.script) {
        (Some(file), _) => {
            let unreadable = |error: std::io::Error| {
                let message = format!("{} cannot be read: {error}", file.display());
                Failure::new(message, "--file takes a file of NX in UTF-8")
            };
            let opened = std::fs::File::open(file).map_err(unreadable)?;
            opened.take(SCRIPT_BYTES_MAX).read_to_string(&mut text).map_err(unreadable)?;
        }
        (None, Some(script)) if script != "-" => script.clone_into(&mut text),
        (None, None) if stdin().is_terminal() => return Ok(None),
        _ => {
            let read = stdin().lock().take(SCRIPT_BYTES_MAX).read_to_string(&mut text);
            read.map_err(|error| {
                Failure::new(format!("standard input cannot be read: {error}"), "send NX in UTF-8")
            })?;
        }
    }
    Ok(Some(text))
}

/// Has the server run a script. What takes longer than two seconds shows that it is under way.
fn evaluate(
    client: &Client,
    may_write: bool,
    this: Option<&str>,
    source: &str,
) -> anyhow::Result<Result<Json, ScriptProblem>> {
    let (done, waiting) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let is_done =
                |wait| waiting.recv_timeout(wait) != Err(std::sync::mpsc::RecvTimeoutError::Timeout);
            if is_done(Duration::from_secs(2)) || !stderr().is_terminal() {
                return;
            }
            let style = ProgressStyle::with_template("{spinner} running for {elapsed}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
            let spinner = ProgressBar::new_spinner().with_style(style).with_elapsed(Duration::from_secs(2));
            while !is_done(Duration::from_millis(100)) {
                spinner.tick();
            }
            spinner.finish_and_clear();
        });
        let answer = client.script(may_write, this, source);
        drop(done);
        answer
    })
}

/// What is wrong with a script, with the line it is in.
fn said(source: &str, problem: &ScriptProblem) -> String {
    let Some((line, column)) = problem.line.zip(problem.column) else { return problem.message.clone() };
    let before: usize =
        source.split_inclusive('\n').take(line.saturating_sub(1) as usize).map(str::len).sum();
    let in_line: usize =
        source[before..].chars().take(column.saturating_sub(1) as usize).map(char::len_utf8).sum();
    let start = before + in_line;
    let rest = source.get(start..).unwrap_or_default();
    // The server says where it begins; people see better what it is.
    let quoted = rest.strip_prefix('\'').and_then(|inner| Some(inner.find('\'')? + 2));
    let plain = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').map(char::len_utf8).sum();
    let word: usize = quoted.unwrap_or(plain);
    let span = Span { start: start as u32, end: (start + word.max(1)) as u32 };
    let diagnostic = Diagnostic::error(codes::UNEXPECTED_TOKEN, span, &*problem.message);
    let shown = render(source, &diagnostic);
    // The code is not known here; the message is.
    let rest = shown.split_once('\n').map_or("", |(_, rest)| rest);
    format!("{}\n{}", problem.message, rest.trim_end())
}

fn hint(problem: &ScriptProblem, may_write: bool) -> &'static str {
    let begins = |with: &[&str]| with.iter().any(|with| problem.message.starts_with(with));
    if !may_write && problem.message.contains("/query only reads") {
        "run it with --exec, or after `.exec on` at the prompt, as one transaction"
    } else if begins(&["Function is not defined"]) {
        "`.help NAME`, at the prompt, and `boobook nx functions NAME` show how a function is called"
    } else if begins(&["Field not found", "Name not found", "Table not found"]) {
        "`.tables` and `.fields TABLE`, at the prompt, show what there is"
    } else if may_write {
        "nothing was written: a script is one transaction"
    } else {
        "the language by example is in conformance/nx, worked queries are in docs/nx/queries.md"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_shown_in_its_line() {
        let problem =
            ScriptProblem { message: "Field not found: Ort".into(), line: Some(2), column: Some(5) };
        assert_eq!(
            said("let ä := 1;\n\"ö\" Ort", &problem),
            "Field not found: Ort\n --> line 2, column 5\n  |\n2 | \"ö\" Ort\n  |     ^^^"
        );
        let quoted = ScriptProblem { column: Some(3), line: Some(1), ..problem };
        assert!(said("c.'Größe m'", &quoted).ends_with("\n1 | c.'Größe m'\n  |   ^^^^^^^^^"));
        let nowhere = ScriptProblem { message: "too large".into(), line: None, column: None };
        assert_eq!(said("1", &nowhere), "too large");
    }
}
