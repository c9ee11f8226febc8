//! Scripts in files: formatted, and checked against a schema.

use std::{
    fs,
    io::{Read as _, stdin},
    path::Path,
    sync::Arc,
};

use boobook_model::Schema;
use boobook_nx::Library;
use boobook_nx_syntax::{Diagnostic, Form, Severity, line_column, parse, print, render};
use serde_json::json;

use crate::{failure::Failure, out};

/// Formats scripts in place; with `check` it only says which it would change. `-` is standard input.
pub(crate) fn format(files: &[impl AsRef<Path>], check: bool) -> anyhow::Result<()> {
    let (mut changed, mut unreadable) = (Vec::new(), Vec::new());
    for file in files {
        let file = file.as_ref();
        let source = read(file)?;
        let parsed = parse(&source);
        if let Some(first) = parsed.diagnostics.first() {
            unreadable.push(format!("{}: {}", file.display(), render(&source, first).trim_end()));
            continue;
        }
        let mut formatted = print(&parsed.script, Form::Human, &|_| None);
        if !formatted.is_empty() {
            formatted.push('\n');
        }
        if file == Path::new("-") && !check {
            out::line(formatted.trim_end_matches('\n'))?;
        } else if formatted != source {
            changed.push(file.display().to_string());
            if !check {
                fs::write(file, formatted).map_err(|error| {
                    let message = format!("{} cannot be written: {error}", file.display());
                    Failure::new(message, "nothing of it was changed")
                })?;
            }
        }
    }
    let what = if check { "would be formatted" } else { "formatted" };
    for file in &changed {
        out::line(format!("{what}: {file}"))?;
    }
    if !unreadable.is_empty() {
        return Err(Failure::new(
            unreadable.join("\n\n"),
            "only a script that can be read can be formatted; nothing was changed in such a file",
        ));
    }
    if check && !changed.is_empty() {
        return Err(Failure::new(
            format!("{} of {} scripts are not formatted", changed.len(), files.len()),
            "`boobook nx fmt` without --check formats them",
        ));
    }
    Ok(())
}

/// Checks a script against a schema: fails if there are errors.
pub(crate) fn check(file: &Path, schema: &Path, table: Option<&str>, as_json: bool) -> anyhow::Result<()> {
    let source = read(file)?;
    let schema_file = schema.display();
    let unusable = |error: &dyn std::fmt::Display| {
        Failure::new(
            format!("{schema_file} is no schema of a database: {error}"),
            "`GET /v1/teams/TEAM/databases/DB/schema` shows one",
        )
    };
    let body: serde_json::Value = serde_json::from_str(&read(schema)?).map_err(|error| unusable(&error))?;
    // The schema by itself, or the database that has it.
    let body = body.get("schema").filter(|inner| inner.get("types").is_some()).cloned().unwrap_or(body);
    let schema = Schema::from_json(body).map_err(|error| unusable(&error))?;
    let this = match table {
        None => None,
        Some(name) => match schema.table_by_key(name) {
            Some(table) => Some(table.id),
            None => {
                let tables: Vec<&str> = schema.tables.iter().map(|table| &*table.caption).collect();
                let message = format!("there is no table {name:?} in {schema_file}");
                return Err(Failure::new(message, format!("it has {}", tables.join(", "))));
            }
        },
    };
    let checked = Library::compile(Arc::new(schema)).script(&source, this);
    let shown = |diagnostic: &Diagnostic| {
        let (line, column) = line_column(&source, diagnostic.span.start);
        let (end_line, end_column) = line_column(&source, diagnostic.span.end);
        json!({
            "severity": if diagnostic.severity == Severity::Error { "error" } else { "warning" },
            "code": diagnostic.code.name,
            "message": diagnostic.message,
            "hint": diagnostic.hint,
            "line": line, "column": column, "endLine": end_line, "endColumn": end_column,
        })
    };
    if as_json {
        out::json(&checked.diagnostics.iter().map(shown).collect::<Vec<_>>())?;
    } else {
        for diagnostic in &checked.diagnostics {
            out::line(render(&source, diagnostic))?;
        }
    }
    let errors = checked.diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
    if errors > 0 {
        let plural = if errors == 1 { "error" } else { "errors" };
        return Err(Failure::new(format!("{}: {errors} {plural}", file.display()), ""));
    }
    if !as_json {
        out::note(format!("{}: no errors", file.display()));
    }
    Ok(())
}

/// The text of a file; `-` is standard input.
fn read(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        stdin().lock().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(file)
    };
    read.map_err(|error| {
        Failure::new(format!("{} cannot be read: {error}", file.display()), "it takes a file in UTF-8")
    })
}
