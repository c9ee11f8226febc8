//! Sheets as an Excel file.

use boobook_nx::{HostError, Sheet, Value, json};
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

const DAY_MS: f64 = 86_400_000.0;
/// The day of Excel that 1970 began with.
const EPOCH_DAY: f64 = 25_569.0;
/// Excel counts a 29 February 1900; what lies before is another day there.
const DAY_MIN: f64 = 61.0;

struct Formats {
    date: Format,
    instant: Format,
    time: Format,
}

/// An Excel file. The same sheets and instant give the same bytes.
pub(super) fn write(sheets: &[Sheet], now_ms: i64) -> Result<Vec<u8>, HostError> {
    workbook(sheets, now_ms).map_err(|error| HostError::new(format!("createXLSX(): {error}")))
}

fn workbook(sheets: &[Sheet], now_ms: i64) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    let now = ExcelDateTime::from_timestamp(now_ms / 1000)?;
    workbook.set_properties(&DocProperties::new().set_creation_datetime(&now));
    let formats = Formats {
        date: Format::new().set_num_format("yyyy-mm-dd"),
        instant: Format::new().set_num_format("yyyy-mm-dd hh:mm:ss"),
        time: Format::new().set_num_format("hh:mm:ss"),
    };
    if sheets.is_empty() {
        workbook.add_worksheet();
    }
    for sheet in sheets {
        let to = workbook.add_worksheet();
        to.set_name(&*sheet.name)?;
        for (row, cells) in sheet.rows.iter().enumerate() {
            for (column, value) in cells.iter().enumerate() {
                // What does not fit a sheet is refused there, with a message of its own.
                let (row, column) = (row as u32, u16::try_from(column).unwrap_or(u16::MAX));
                cell(to, row, column, value, &formats)?;
            }
        }
    }
    workbook.save_to_buffer()
}

fn cell(
    to: &mut Worksheet,
    row: u32,
    column: u16,
    value: &Value,
    formats: &Formats,
) -> Result<(), XlsxError> {
    let day = |ms: i64| Some(ms as f64 / DAY_MS + EPOCH_DAY).filter(|day| *day >= DAY_MIN);
    let dated = match value {
        Value::Date(ms) => day(*ms).map(|day| (day, &formats.date)),
        Value::DateTime(ms) => day(*ms).map(|day| (day, &formats.instant)),
        Value::Time(ms) => Some((*ms as f64 / DAY_MS, &formats.time)),
        _ => None,
    };
    match (value, dated) {
        (Value::Null, _) => return Ok(()),
        (_, Some((day, format))) => to.write_number_with_format(row, column, day, format)?,
        (Value::Number(n), _) => to.write_number(row, column, *n)?,
        (Value::Bool(yes), _) => to.write_boolean(row, column, *yes)?,
        // Never a formula, whatever it begins with.
        (Value::Text(text), _) => to.write_string(row, column, &**text)?,
        (other, _) => {
            let mut out = String::new();
            json::write(other, &mut out);
            to.write_string(row, column, out.trim_matches('"'))?
        }
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use super::*;

    /// A file inside of the file.
    fn part(bytes: &[u8], name: &str) -> String {
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut text = String::new();
        archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    fn sheet(name: &str, rows: Vec<Vec<Value>>) -> Sheet {
        Sheet { name: name.into(), rows }
    }

    #[test]
    fn values_keep_their_kind() {
        let day = 1_709_251_200_000; // 2024-03-01
        let rows = vec![
            vec!["Name".into(), "n".into()],
            vec!["=1+1".into(), 2.5.into(), true.into(), Value::Null],
            vec![Value::Date(day), Value::DateTime(day + 43_200_000), Value::Time(21_600_000)],
            vec![Value::Date(-2_208_988_800_000)], // 1900-01-01
        ];
        let sheets = [sheet("Größe", rows), sheet("Two", Vec::new())];
        let bytes = write(&sheets, day).unwrap();
        assert_eq!(bytes, write(&sheets, day).unwrap());
        let cells = part(&bytes, "xl/worksheets/sheet1.xml");
        for expected in ["<v>2.5</v>", "t=\"b\"><v>1</v>", "<v>45352</v>", "<v>45352.5</v>", "<v>0.25</v>"] {
            assert!(cells.contains(expected), "{expected} is not in {cells}");
        }
        assert!(!cells.contains("<f>"), "{cells}");
        let texts = part(&bytes, "xl/sharedStrings.xml");
        assert!(texts.contains("=1+1") && texts.contains("1900-01-01"), "{texts}");
        let names = part(&bytes, "xl/workbook.xml");
        assert!(names.contains("Größe") && names.contains("Two"), "{names}");
        assert!(part(&bytes, "docProps/core.xml").contains("2024-03-01T00:00:00Z"));
    }

    #[test]
    fn what_excel_does_not_take_is_an_error() {
        for (sheets, about) in [
            (vec![sheet("a/b", Vec::new())], "createXLSX(): "),
            (vec![sheet("a", Vec::new()), sheet("A", Vec::new())], "createXLSX(): "),
            (vec![sheet("a", vec![vec!["x".repeat(40_000).into()]])], "createXLSX(): "),
            (vec![sheet("a", vec![vec![Value::Bool(true); 20_000]])], "createXLSX(): "),
        ] {
            let error = write(&sheets, 0).unwrap_err();
            assert!(error.message.starts_with(about), "{error}");
        }
        assert!(write(&[], 0).is_ok());
    }
}
