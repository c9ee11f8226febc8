//! A CSV file as rows: separator, encoding and ragged lines found out.

use std::{borrow::Cow, path::Path};

use csv::{ReaderBuilder, StringRecord};

use crate::failure::Failure;

/// A parsed file.
pub(crate) struct Sheet {
    /// Column names from the first line, all different, none empty.
    pub(crate) columns: Vec<String>,
    /// Rows with as many cells as there are columns.
    pub(crate) rows: Vec<StringRecord>,
    /// Rows with another number of cells.
    pub(crate) ragged: Vec<BadRow>,
    /// What separates cells.
    pub(crate) separator: char,
    /// The file was no UTF-8 and has been read as Windows-1252.
    pub(crate) windows_1252: bool,
}

/// A row that cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadRow {
    /// Line it starts in, from 1.
    pub(crate) line: u64,
    /// What is wrong with it.
    pub(crate) problem: String,
}

/// Line a row starts in.
pub(crate) fn line_of(row: &StringRecord) -> u64 {
    row.position().map_or(0, csv::Position::line)
}

/// Reads a file whole.
pub(crate) fn read(path: &Path) -> anyhow::Result<Sheet> {
    let bytes = std::fs::read(path).map_err(|error| {
        Failure::new(
            format!("{} cannot be read: {error}", path.display()),
            "check the name and that you may read it",
        )
    })?;
    parse(&bytes).map_err(|problem| {
        Failure::new(
            format!("{}: {problem}", path.display()),
            "a CSV file is text with the column names in its first line; nothing was imported",
        )
    })
}

fn parse(bytes: &[u8]) -> Result<Sheet, String> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
        return Err("it is UTF-16; save it as UTF-8".into());
    }
    if bytes.contains(&0) {
        return Err("it holds NUL bytes, so it is no text (a spreadsheet is saved as CSV first)".into());
    }
    let (text, windows_1252) = match std::str::from_utf8(bytes) {
        Ok(text) => (Cow::Borrowed(text), false),
        Err(_) => (Cow::Owned(from_windows_1252(bytes)), true),
    };
    let separator = separator_of(&text);
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(separator as u8)
        .from_reader(text.as_bytes());
    let mut records = reader.records();
    let header = records.next().ok_or("it is empty")?.map_err(|e| e.to_string())?;
    let columns = column_names(&header);
    let mut rows = Vec::new();
    let mut ragged = Vec::new();
    for record in records {
        let mut record = record.map_err(|e| e.to_string())?;
        past_empty_lines(&mut record, text.as_bytes());
        // Spreadsheets write empty cells behind the last column.
        let extra = record.iter().skip(columns.len());
        if record.len() > columns.len() && extra.clone().all(|cell| cell.trim().is_empty()) {
            record.truncate(columns.len());
        }
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if record.len() == columns.len() {
            rows.push(record);
        } else {
            let problem = format!("{} cells, expected {}", record.len(), columns.len());
            ragged.push(BadRow { line: line_of(&record), problem });
        }
    }
    Ok(Sheet { columns, rows, ragged, separator, windows_1252 })
}

/// The reader says where it began to look for a row; empty lines in front of it are not part of it.
fn past_empty_lines(record: &mut StringRecord, text: &[u8]) {
    let Some(mut position) = record.position().cloned() else { return };
    let from = usize::try_from(position.byte()).unwrap_or(usize::MAX);
    let ends = text.get(from..).unwrap_or_default().iter().take_while(|b| matches!(b, b'\n' | b'\r'));
    let empty = ends.filter(|b| **b == b'\n').count() as u64;
    position.set_line(position.line() + empty);
    record.set_position(Some(position));
}

/// Names of the columns; an empty one is called by its place, a second of a name gets a number.
fn column_names(header: &StringRecord) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(header.len());
    for (n, cell) in header.iter().enumerate() {
        let wanted = match cell.trim() {
            "" => format!("Column {}", n + 1),
            name => name.to_owned(),
        };
        let mut name = wanted.clone();
        let mut number = 2;
        while names.contains(&name) {
            name = format!("{wanted} {number}");
            number += 1;
        }
        names.push(name);
    }
    names
}

/// The separator that cuts the first lines into the same number of cells, the more the better.
fn separator_of(text: &str) -> char {
    const LOOKED_AT_BYTES: usize = 64 << 10;
    const LOOKED_AT_ROWS: usize = 50;
    let mut end = text.len().min(LOOKED_AT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut best = (0, 0, ',');
    for separator in [',', ';', '\t', '|'] {
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(separator as u8)
            .from_reader(&text.as_bytes()[..end]);
        let widths: Vec<usize> =
            reader.records().take(LOOKED_AT_ROWS).filter_map(Result::ok).map(|record| record.len()).collect();
        let Some(&first) = widths.first().filter(|first| **first > 1) else { continue };
        let same = widths.iter().filter(|width| **width == first).count();
        if (same, first) > (best.0, best.1) {
            best = (same, first, separator);
        }
    }
    best.2
}

/// Windows' own code page: Latin-1 with other characters in 0x80 … 0x9F.
fn from_windows_1252(bytes: &[u8]) -> String {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
        '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    bytes
        .iter()
        .map(|&b| match b {
            0x80..=0x9F => HIGH[usize::from(b - 0x80)],
            _ => char::from(b),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(sheet: &Sheet) -> Vec<Vec<&str>> {
        sheet.rows.iter().map(|row| row.iter().collect()).collect()
    }

    #[test]
    fn separators_are_found() {
        for (text, separator) in [
            ("a,b\n1,2\n", ','),
            ("a;b\n1,5;2\n3,5;4\n", ';'),
            ("a\tb\n1, 2\t3\n", '\t'),
            ("a|b\n1|2\n", '|'),
            ("name\nAnna\n", ','),
            ("a,b\n\"x;y;z\",2\n", ','),
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap().separator, separator, "{text:?}");
        }
    }

    #[test]
    fn bom_and_windows_1252() {
        let sheet = parse(b"\xEF\xBB\xBFGr\xC3\xB6\xC3\x9Fe,b\n1,2\n").unwrap();
        assert_eq!((sheet.columns[0].as_str(), sheet.windows_1252), ("Größe", false));
        let sheet = parse(b"Gr\xF6\xDFe,b\n\x80 5,2\n").unwrap();
        assert_eq!((sheet.columns[0].as_str(), sheet.windows_1252), ("Größe", true));
        assert_eq!(cells(&sheet), [["€ 5", "2"]]);
        assert!(parse(b"\xFF\xFEa\0").err().unwrap().contains("UTF-16"));
        assert!(parse(b"PK\x03\x04\0\0").err().unwrap().contains("no text"));
        assert!(parse(b"").err().unwrap().contains("empty"));
    }

    #[test]
    fn ragged_rows_are_told_by_their_line() {
        let sheet = parse(b"a,b\n\"x\ny\",1\n1\n2,3,,\n,\n\n4,5,6\n").unwrap();
        assert_eq!(cells(&sheet), [["x\ny", "1"], ["2", "3"]]);
        let ragged: Vec<_> = sheet.ragged.iter().map(|r| (r.line, r.problem.as_str())).collect();
        assert_eq!(ragged, [(4, "1 cells, expected 2"), (8, "3 cells, expected 2")]);
        assert_eq!(line_of(&sheet.rows[1]), 5);
    }

    #[test]
    fn columns_without_a_name_of_their_own_get_one() {
        let sheet = parse(b"a,,a,a\n1,2,3,4\n").unwrap();
        assert_eq!(sheet.columns, ["a", "Column 2", "a 2", "a 3"]);
    }
}
