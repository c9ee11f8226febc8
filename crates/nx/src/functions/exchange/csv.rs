//! CSV as RFC 4180 has it, with whatever separator.

use std::sync::Arc;

use csv::{ReaderBuilder, StringRecord};
use rustc_hash::FxHashSet;

use crate::{Context, Object, RunError, Value};

/// `parseCSV(text, separator, hasNames)`
pub(super) fn parse(cx: &mut Context<'_>, arguments: &[Value]) -> Result<Value, RunError> {
    let Some(Value::Text(text)) = arguments.first() else { return Ok(Value::Null) };
    let separator = separator(arguments.get(1))?;
    let has_names = !matches!(arguments.get(2), Some(Value::Bool(false)));
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = ReaderBuilder::new();
    builder.delimiter(separator).has_headers(false).flexible(true);
    let mut reader = builder.from_reader(text.as_bytes());
    let mut line = StringRecord::new();
    let mut names: Option<Vec<Arc<str>>> = None;
    let mut rows = Vec::new();
    // What is text stays text when it is cut at ASCII characters, so that there is nothing to go wrong.
    while reader.read_record(&mut line).is_ok_and(|is_there| is_there) {
        cx.step(1 + line.len() as u64)?;
        // An item of the array, and of each field a value, a key in its object and the text.
        cx.charge(line.as_slice().len() + (1 + line.len()) * 2 * size_of::<Value>())?;
        let values = line.iter().map(Value::from);
        match &mut names {
            _ if !has_names => rows.push(Value::array(values.collect::<Vec<_>>())),
            None => names = Some(named(&line)),
            Some(names) => {
                while names.len() < line.len() {
                    names.push((names.len() + 1).to_string().into());
                }
                let object: Object = names.iter().cloned().zip(values).collect();
                rows.push(Value::Object(object.into()));
            }
        }
    }
    Ok(Value::array(rows))
}

fn separator(argument: Option<&Value>) -> Result<u8, RunError> {
    match argument {
        None | Some(Value::Null) => Ok(b','),
        Some(Value::Text(text)) => match text.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') => Ok(*byte),
            _ => Err(RunError::other(
                "the separator of CSV is one character, such as \",\" or \";\", or a tab",
            )),
        },
        Some(_) => Err(RunError::other("the separator of CSV is a text")),
    }
}

/// Keys for the fields of a line: its place for one without a name, `Name 2` for a second `Name`.
fn named(line: &StringRecord) -> Vec<Arc<str>> {
    let mut taken: FxHashSet<String> = FxHashSet::default();
    let mut names = Vec::with_capacity(line.len());
    for (at, name) in line.iter().enumerate() {
        let name = name.trim();
        let first = if name.is_empty() { (at + 1).to_string() } else { name.to_owned() };
        let mut unique = first.clone();
        let mut count = 1;
        while !taken.insert(unique.clone()) {
            count += 1;
            unique = format!("{first} {count}");
        }
        names.push(unique.into());
    }
    names
}
