//! The rows of an evaluated view: as JSON (rest-api.md §7) and as CSV (RFC 4180).

use boobook_app::{AppError, ViewCell, ViewTable};
use boobook_model::{
    field::{write_clock, write_date, write_interval, write_timestamp},
    write_json_number, write_json_string,
};

/// An array of objects keyed by the captions of columns; empty cells are absent.
pub fn write_json(view: &ViewTable<'_>) -> Result<Vec<u8>, AppError> {
    let keys = view.columns.iter().map(|column| {
        let mut key = Vec::with_capacity(column.caption.len() + 3);
        write_json_string(&column.caption, &mut key);
        key.push(b':');
        key
    });
    let keys: Vec<Vec<u8>> = keys.collect();
    let mut out = Vec::with_capacity(64 + view.page.len() * 24 * keys.len());
    out.push(b'[');
    for at in view.page.clone() {
        if at > view.page.start {
            out.push(b',');
        }
        out.push(b'{');
        let start = out.len();
        for (column, key) in keys.iter().enumerate() {
            let cell = view.cell(column, at);
            if cell.is_empty() {
                continue;
            }
            if out.len() > start {
                out.push(b',');
            }
            out.extend_from_slice(key);
            match &cell {
                ViewCell::Empty => {}
                ViewCell::Bool(b) => out.extend_from_slice(if *b { b"true" } else { b"false" }),
                ViewCell::Number(n) => write_json_number(*n, &mut out),
                ViewCell::Text(text) => write_json_string(text, &mut out),
                moment => {
                    out.push(b'"');
                    write_moment(moment, view.offset_ms, &mut out);
                    out.push(b'"');
                }
            }
        }
        out.push(b'}');
        view.check_size(out.len())?;
    }
    out.push(b']');
    Ok(out)
}

/// A line with the captions, and one for each row; lines end with CR LF.
///
/// Text that a spreadsheet would take for a formula (it begins with `=`, `+`, `-`, `@`, a tab or a line break) gets a
/// `'` in front, which spreadsheets do not show. Numbers, dates and times are left as they are.
pub fn write_csv(view: &ViewTable<'_>) -> Result<Vec<u8>, AppError> {
    let mut out = Vec::with_capacity(64 + view.page.len() * 16 * view.columns.len());
    for (at, column) in view.columns.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_csv_text(&column.caption, &mut out);
    }
    out.extend_from_slice(b"\r\n");
    for at in view.page.clone() {
        for column in 0..view.columns.len() {
            if column > 0 {
                out.push(b',');
            }
            match &view.cell(column, at) {
                ViewCell::Empty => {}
                ViewCell::Bool(b) => out.extend_from_slice(if *b { b"true" } else { b"false" }),
                ViewCell::Number(n) => write_json_number(*n, &mut out),
                ViewCell::Text(text) => write_csv_text(text, &mut out),
                moment => write_moment(moment, view.offset_ms, &mut out),
            }
        }
        out.extend_from_slice(b"\r\n");
        view.check_size(out.len())?;
    }
    Ok(out)
}

/// ISO forms, as in records; instants are shifted.
fn write_moment(cell: &ViewCell<'_>, offset_ms: i64, out: &mut Vec<u8>) {
    match *cell {
        ViewCell::Date(ms) => write_date(ms, out),
        ViewCell::DateTime(ms) => write_timestamp(ms.saturating_add(offset_ms), out),
        ViewCell::Time(ms) => write_clock(ms, out),
        ViewCell::Interval(ms) => write_interval(ms, out),
        ViewCell::Appointment(from, to) => {
            write_timestamp(from.saturating_add(offset_ms), out);
            out.extend_from_slice(b" - ");
            write_timestamp(to.saturating_add(offset_ms), out);
        }
        ViewCell::Empty | ViewCell::Bool(_) | ViewCell::Number(_) | ViewCell::Text(_) => {}
    }
}

fn write_csv_text(text: &str, out: &mut Vec<u8>) {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let quoted = is_formula || text.contains(['"', ',', '\r', '\n']) || text.trim() != text;
    if !quoted {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    if is_formula {
        out.push(b'\'');
    }
    out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_is_for_spreadsheets_but_no_formula() {
        for (text, expected) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            (" padded", "\" padded\""),
            ("=1+1", "\"'=1+1\""),
            ("+49 30", "\"'+49 30\""),
            ("-x", "\"'-x\""),
            ("@sum", "\"'@sum\""),
            ("\t=1", "\"'\t=1\""),
            ("a=b", "a=b"),
            ("Ümläut", "Ümläut"),
        ] {
            let mut out = Vec::new();
            write_csv_text(text, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{text:?}");
        }
    }
}
