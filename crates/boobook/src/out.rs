//! The terminal: results go to stdout, everything said about them to stderr.
//!
//! A reader that has gone away (`boobook key list | head -1`) is no failure.

use std::io::{self, Write as _};

use serde::Serialize;

/// A line of the result.
pub(crate) fn line(text: impl AsRef<str>) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    forgive_closed(writeln!(stdout, "{}", text.as_ref()).and_then(|()| stdout.flush()))
}

/// The result as JSON, on one line per value.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(serde_json::to_string(value)?)
}

/// A line for the person at the terminal. Nothing can be done if it does not arrive.
pub(crate) fn note(text: impl AsRef<str>) {
    let _ = writeln!(io::stderr().lock(), "{}", text.as_ref());
}

/// Rows under headings, which are put in upper case, in columns as wide as needed.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) -> anyhow::Result<()> {
    let headings: Vec<String> = headings.iter().map(|heading| heading.to_uppercase()).collect();
    line(format_table(&headings.iter().map(String::as_str).collect::<Vec<_>>(), rows))
}

/// As [`table`], as text without the last line break. Headings stay as they are: they may be keys of somebody's data.
pub(crate) fn format_table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = headings.iter().map(|h| h.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let headings: Vec<String> = headings.iter().map(|&heading| heading.to_owned()).collect();
    let mut lines = Vec::with_capacity(rows.len() + 1);
    for row in std::iter::once(&headings).chain(rows) {
        let mut text = String::new();
        for (cell, &width) in row.iter().zip(&widths) {
            let padding = width - cell.chars().count() + 2;
            text.push_str(cell);
            text.extend(std::iter::repeat_n(' ', padding));
        }
        lines.push(text.trim_end().to_owned());
    }
    lines.join("\n")
}

fn forgive_closed(result: io::Result<()>) -> anyhow::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = vec![vec!["a".to_owned(), "Größe".to_owned()], vec!["long id".to_owned(), "x".to_owned()]];
        assert_eq!(format_table(&["id", "name"], &rows), "id       name\na        Größe\nlong id  x");
    }
}
