//! Scripts that are made while a script runs (nx-language.md §4.9).

use std::sync::Arc;

use boobook_model::TableId;
use boobook_nx_syntax::{Severity, Span, line_column};

use crate::{Context, Effect, FunctionDef, Overload, Reference, RunError, RunErrorKind, Value, ir::Program};

/// The group.
pub const FUNCTIONS: &[FunctionDef] = &[FunctionDef::new(
    "eval",
    &[Overload::nullable("text, any? -> any", eval)],
    "Runs a text as a script, with a record as `this` if one is given, and answers its value. It sees functions of the \
     global code, but no variables. One that does not compile, or that only reads and fails, comes to a text: line and \
     column in it, and what is wrong. It may do what the script around it may: write in `/exec` and triggers, read \
     elsewhere.",
    &[
        ("eval(\"let x := 2; x * 21\", null)", "42"),
        ("eval(\"1 + \")", "\"1:5: expected an expression, found the end of the script\""),
    ],
)
.effect(Effect::Evaluates)];

/// A text to evaluate may be so long: compiling it is not counted step by step.
const SOURCE_BYTES_MAX: usize = 1 << 20;
/// Compiled texts that one run keeps, for loops that evaluate the same one again.
const KEPT_MAX: usize = 100;

fn eval(cx: &mut Context<'_>, arguments: &[Value]) -> Result<Value, RunError> {
    let Some(Value::Text(source)) = arguments.first() else { return Ok(Value::Null) };
    let this = match arguments.get(1) {
        None | Some(Value::Null) => None,
        Some(Value::Record(table, record)) => Some((*table, *record)),
        Some(_) => return Err(RunError::other("eval takes a text and a record")),
    };
    let program = match compiled(cx, source, this.map(|(table, _)| table))? {
        Ok(program) => program,
        Err(problem) => return cx.made(problem),
    };
    if program.effect >= Effect::Outside && !cx.may_write {
        return Err(RunError::other("the script in eval may write or reach outside; here scripts only read"));
    }
    let limit = cx.limits.depth_max;
    if cx.calls >= limit {
        return Err(RunError::new(RunErrorKind::Depth(limit)));
    }
    cx.calls += 1;
    let this = this.map(|(table, record)| Value::Record(table, record));
    let outcome = program.run(cx, this.into_iter().collect());
    cx.calls -= 1;
    match outcome {
        Ok(value) => Ok(value),
        // The place is one in the text, which means nothing to who reads it as one in the script around it.
        Err(error) if error.is_of_run() => Err(RunError { span: None, ..error }),
        Err(error) => {
            let start = error.span.map_or(0, |(start, _)| start);
            let problem = told(source, start, &error.to_string());
            // What it has written by now must not stand alone.
            if program.effect >= Effect::Outside {
                return Err(RunError::other(format!("in eval, {problem}")));
            }
            cx.made(problem)
        }
    }
}

/// The program of a text, or what is wrong with it.
fn compiled(
    cx: &mut Context<'_>,
    source: &Arc<str>,
    table: Option<TableId>,
) -> Result<Result<Arc<Program>, String>, RunError> {
    let key = (Arc::clone(source), table);
    if let Some(known) = cx.evaluated.get(&key) {
        return Ok(Ok(Arc::clone(known)));
    }
    if source.len() > SOURCE_BYTES_MAX {
        return Err(RunError::other(format!("eval takes a text of at most {SOURCE_BYTES_MAX} bytes")));
    }
    cx.step(1 + source.len() as u64)?;
    let checked = cx.library().script(source, table);
    if let Some(first) = checked.diagnostics.iter().find(|d| d.severity == Severity::Error) {
        return Ok(Err(told(source, first.span.start, &first.message)));
    }
    require_read(cx, &checked.references)?;
    let program = Arc::new(checked.program);
    if cx.evaluated.len() < KEPT_MAX {
        cx.evaluated.insert(key, Arc::clone(&program));
    }
    Ok(Ok(program))
}

/// Rights in what a script names are asked for before it runs, here as for the script of a request.
fn require_read(cx: &Context<'_>, references: &[(Span, Reference)]) -> Result<(), RunError> {
    for (_, reference) in references {
        let (Reference::Table(id) | Reference::Field(id, _) | Reference::Option(id, _)) = *reference;
        let Some(table) = cx.schema.table(id) else { continue };
        if !cx.host.may_read_table(id) {
            return Err(RunError::other(format!("this key may not read table {:?}", table.caption)));
        }
        let Reference::Field(_, field) = *reference else { continue };
        if let Some(slot) = table.slot(field).filter(|&slot| !cx.host.may_read(id, slot)) {
            let caption = table.fields.get(slot).map_or("", |field| &*field.caption);
            return Err(RunError::other(format!("this key may not read field {caption:?}")));
        }
    }
    Ok(())
}

fn told(source: &str, start: u32, message: &str) -> String {
    let (line, column) = line_column(source, start);
    format!("{line}:{column}: {message}")
}
