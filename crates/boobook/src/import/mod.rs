//! CSV into a table of a running server.
//!
//! The whole file is read and checked before the first record is sent: a bad row stops the import with its line
//! number and nothing is written, unless such rows are to be skipped. Batches carry idempotency keys made from
//! their content, so that an import that was cut off can be run again: what arrived the first time is not doubled.

mod columns;
mod file;
mod plan;
mod value;

use std::{
    io::{IsTerminal as _, stderr},
    path::Path,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value as Json, json};

use crate::{
    client::{Client, Table},
    failure::Failure,
    out,
};
use file::{BadRow, Sheet};
use plan::{Column, Target};

/// What is asked for.
pub(crate) struct Order<'a> {
    pub(crate) file: &'a Path,
    pub(crate) url: &'a str,
    pub(crate) key: &'a str,
    pub(crate) team: &'a str,
    pub(crate) database: &'a str,
    pub(crate) table: &'a str,
    pub(crate) types: &'a [(String, String)],
    pub(crate) batch: usize,
    pub(crate) create_fields: bool,
    pub(crate) skip_bad: bool,
    pub(crate) again: bool,
    pub(crate) dry_run: bool,
    pub(crate) json: bool,
}

/// Bad rows shown one by one.
const BAD_ROWS_SHOWN: usize = 20;
/// A request is kept well below the server's limit of a body.
const BATCH_BYTES_MAX: usize = 16 << 20;

/// What came of it.
struct Outcome {
    created: usize,
    replayed: usize,
    took: Duration,
}

/// Imports a file.
pub(crate) fn run(order: &Order<'_>) -> anyhow::Result<()> {
    let started = now();
    let sheet = file::read(order.file)?;
    let client = Client::new(order.url, order.key, order.team, order.database)?;
    let table = client.table(order.table)?;
    let columns = plan::columns(&sheet, table.as_ref(), order.types, order.create_fields)?;
    let (records, misfits) = plan::records(&sheet, &columns);
    let mut bad: Vec<BadRow> = sheet.ragged.iter().cloned().chain(misfits).collect();
    bad.sort_by_key(|row| row.line);
    tell_plan(order, &sheet, table.as_ref(), &columns);
    tell_bad(&bad);
    if !bad.is_empty() && !order.skip_bad {
        if order.json {
            out::json(&summary(order, &columns, &bad, None))?;
        }
        return Err(Failure::new(
            format!(
                "{} of {} rows cannot be imported; nothing was imported",
                thousands(bad.len()),
                thousands(bad.len() + records.len())
            ),
            "correct these lines, or import the others with --skip-bad",
        ));
    }
    if order.dry_run {
        if order.json {
            return out::json(&summary(order, &columns, &bad, None));
        }
        return out::line(format!(
            "would import {} records into {:?}; nothing was done (--dry-run)",
            thousands(records.len()),
            order.table
        ));
    }
    let table = prepare_table(order, &client, table, &columns)?;
    let (created, replayed) = send(order, &client, &table, &records)?;
    let outcome = Outcome { created, replayed, took: started.elapsed() };
    if order.json {
        return out::json(&summary(order, &columns, &bad, Some(&outcome)));
    }
    out::line(sentence(&table, &bad, &outcome))?;
    if outcome.replayed > 0 {
        out::note("  help: to import the same file once more on purpose, add --again");
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "an import says how long it took")]
fn now() -> Instant {
    Instant::now()
}

/// The table as the import needs it: made, or with the fields added that it lacks.
fn prepare_table(
    order: &Order<'_>,
    client: &Client,
    table: Option<Table>,
    columns: &[Column],
) -> anyhow::Result<Table> {
    let new: Vec<Json> = columns.iter().filter(|c| c.target == Target::New).map(Column::to_field).collect();
    match table {
        None => client.create_table(order.table, &new),
        Some(table) => {
            for field in &new {
                client.create_field(&table, field)?;
            }
            Ok(table)
        }
    }
}

/// Sends all records; how many were made now, and how many had been made by the same import before.
fn send(
    order: &Order<'_>,
    client: &Client,
    table: &Table,
    records: &[Json],
) -> anyhow::Result<(usize, usize)> {
    let before = client.last_sequence(table)?;
    let salt = if order.again { fresh_salt()? } else { String::new() };
    let bar =
        if stderr().is_terminal() { ProgressBar::new(records.len() as u64) } else { ProgressBar::hidden() };
    bar.set_style(ProgressStyle::with_template(
        "{bar:30} {human_pos}/{human_len} records, {per_sec}, {eta} left",
    )?);
    let (mut created, mut replayed, mut batch_number) = (0, 0, 0);
    let mut rest = records;
    while !rest.is_empty() {
        let (body, count) = batch(rest, order.batch)?;
        // Two equal batches of one file are two: the number keeps their keys apart.
        let sent = client.create_records(table, &body, &format!("{salt}{batch_number}"));
        let sequences = sent.map_err(|error| match created + replayed {
            0 => error.context("nothing was imported"),
            done => error.context(format!(
                "{} records were imported before this; run the same import again and only the others are added",
                thousands(done)
            )),
        })?;
        let old = sequences.iter().filter(|sequence| **sequence <= before).count();
        replayed += old;
        created += sequences.len() - old;
        rest = &rest[count..];
        batch_number += 1;
        bar.inc(count as u64);
    }
    bar.finish_and_clear();
    Ok((created, replayed))
}

/// The next records as a JSON array, and how many they are.
fn batch(records: &[Json], count_max: usize) -> anyhow::Result<(Vec<u8>, usize)> {
    let mut body = vec![b'['];
    let mut count = 0;
    for record in records.iter().take(count_max) {
        let text = serde_json::to_vec(record)?;
        if count > 0 && body.len() + text.len() > BATCH_BYTES_MAX {
            break;
        }
        if count > 0 {
            body.push(b',');
        }
        body.extend_from_slice(&text);
        count += 1;
    }
    body.push(b']');
    Ok((body, count))
}

fn fresh_salt() -> anyhow::Result<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| anyhow::anyhow!("the system's random source failed: {error}"))?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

fn tell_plan(order: &Order<'_>, sheet: &Sheet, table: Option<&Table>, columns: &[Column]) {
    let separator = match sheet.separator {
        '\t' => "tab".to_owned(),
        other => format!("{other:?}"),
    };
    let rows = sheet.rows.len() + sheet.ragged.len();
    let what = if table.is_some() { "existing" } else { "new" };
    out::note(format!(
        "{}: {rows} rows, separator {separator}, into the {what} table {:?}",
        order.file.display(),
        order.table
    ));
    if sheet.windows_1252 {
        out::note("note: the file is not UTF-8; it was read as Windows-1252");
    }
    let rows: Vec<Vec<String>> = columns
        .iter()
        .map(|column| {
            let mut base = column.base.clone();
            if column.target == Target::New && !column.choices.is_empty() {
                base = format!("{base} of {}", column.choices.len());
            }
            let samples = column.samples.join(" · ").replace(['\n', '\r'], " ");
            let field = if column.target == Target::Existing { "there" } else { "new" };
            vec![column.name.clone(), base, field.to_owned(), samples]
        })
        .collect();
    out::note(out::format_table(&["column", "type", "field", "values such as"], &rows));
    for column in columns.iter().filter(|c| c.target == Target::New && c.remark.starts_with("text, as")) {
        out::note(format!("note: column {:?} is {}", column.name, column.remark));
    }
}

fn tell_bad(bad: &[BadRow]) {
    for row in bad.iter().take(BAD_ROWS_SHOWN) {
        out::note(format!("line {}: {}", row.line, row.problem));
    }
    if bad.len() > BAD_ROWS_SHOWN {
        out::note(format!("… and {} more rows; --json lists all", thousands(bad.len() - BAD_ROWS_SHOWN)));
    }
}

fn sentence(table: &Table, bad: &[BadRow], outcome: &Outcome) -> String {
    let seconds = outcome.took.as_secs_f64();
    let per_second = thousands((outcome.created as f64 / seconds.max(0.001)) as usize);
    let mut text = format!(
        "imported {} {} into {:?} in {seconds:.1} s ({per_second}/s",
        thousands(outcome.created),
        if outcome.created == 1 { "record" } else { "records" },
        table.name,
    );
    if !bad.is_empty() {
        text.push_str(&format!("; {} bad rows skipped", thousands(bad.len())));
    }
    if outcome.replayed > 0 {
        text.push_str(&format!("; {} had been imported before", thousands(outcome.replayed)));
    }
    text.push(')');
    text
}

fn summary(order: &Order<'_>, columns: &[Column], bad: &[BadRow], outcome: Option<&Outcome>) -> Json {
    let columns: Vec<Json> = columns
        .iter()
        .map(|c| json!({ "name": c.name, "type": c.base, "new": c.target == Target::New }))
        .collect();
    let bad: Vec<Json> = bad.iter().map(|row| json!({ "line": row.line, "problem": row.problem })).collect();
    json!({
        "table": order.table,
        "imported": outcome.map_or(0, |o| o.created),
        "importedBefore": outcome.map_or(0, |o| o.replayed),
        "seconds": outcome.map(|o| o.took.as_secs_f64()),
        "dryRun": order.dry_run,
        "columns": columns,
        "badRows": bad,
    })
}

/// `1,234,567`
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (3_376, "3,376"), (1_234_567, "1,234,567")]
        {
            assert_eq!(thousands(number), text);
        }
    }

    #[test]
    fn batches_hold_what_fits() {
        let records: Vec<Json> = (0..7).map(|n| json!({ "fields": { "n": n } })).collect();
        let (body, count) = batch(&records, 5).unwrap();
        assert_eq!(count, 5);
        assert_eq!(serde_json::from_slice::<Vec<Json>>(&body).unwrap(), records[..5]);
        let large: Vec<Json> =
            (0..3).map(|_| json!({ "fields": { "t": "x".repeat(BATCH_BYTES_MAX / 2) } })).collect();
        assert_eq!(batch(&large, 5).unwrap().1, 1, "two would be over the limit");
    }
}
