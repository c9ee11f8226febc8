//! Values of scripts in a terminal.

use serde_json::{Map, Value as Json};

use crate::out::format_table;

/// How a value is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// As it came.
    Json,
    /// A list of objects as a table, a list of anything else line by line.
    Table,
}

/// A value as text. By itself a list of objects is a table for a person and JSON for a program; text is shown as it is.
pub(super) fn value(value: &Json, shown: Option<Shown>, is_terminal: bool) -> String {
    match (shown, value) {
        (Some(Shown::Json), value) => value.to_string(),
        (shown, Json::Array(items)) if shown == Some(Shown::Table) || is_terminal => list(items, is_terminal),
        (Some(Shown::Table), value @ Json::Object(_)) => list(std::slice::from_ref(value), is_terminal),
        (_, Json::String(text)) => text.clone(),
        (_, Json::Null) => String::new(),
        (_, value) => value.to_string(),
    }
}

/// Longest cell of a table that a person looks at: longer ones would break all lines.
const CELL_CHARS_MAX: usize = 60;

fn list(items: &[Json], is_terminal: bool) -> String {
    let objects: Vec<&Map<String, Json>> = items.iter().filter_map(Json::as_object).collect();
    if objects.is_empty() || objects.len() < items.len() {
        return items.iter().map(cell).collect::<Vec<_>>().join("\n");
    }
    let mut columns: Vec<&str> = Vec::new();
    for key in objects.iter().flat_map(|object| object.keys()) {
        if !columns.contains(&key.as_str()) {
            columns.push(key);
        }
    }
    let row = |object: &&Map<String, Json>| {
        let cells = columns.iter().map(|column| object.get(*column).map_or(String::new(), cell));
        cells.map(|cell| if is_terminal { shortened(cell) } else { cell }).collect()
    };
    format_table(&columns, &objects.iter().map(row).collect::<Vec<Vec<String>>>())
}

/// On one line.
fn cell(value: &Json) -> String {
    match value {
        Json::String(text) => text.replace(['\n', '\r', '\t'], " "),
        Json::Null => String::new(),
        value => value.to_string(),
    }
}

/// What was cut off shows as `…`.
fn shortened(cell: String) -> String {
    match cell.char_indices().nth(CELL_CHARS_MAX - 1) {
        Some((at, last)) if at + last.len_utf8() < cell.len() => format!("{}…", &cell[..at]),
        _ => cell,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_shown_as_suits_them() {
        let people = json!([{"name": "Ada\nB", "n": 1}, {"n": null, "x": [1]}]);
        let table = "name   n  x\nAda B  1\n          [1]";
        for (of, shown, is_terminal, expected) in [
            (json!("a\nb"), None, true, "a\nb"),
            (json!("a"), Some(Shown::Json), true, "\"a\""),
            (json!(1.5), None, false, "1.5"),
            (json!(null), None, true, ""),
            (json!([1, "a", null]), None, true, "1\na\n"),
            (json!([1, "a"]), None, false, "[1,\"a\"]"),
            (people.clone(), None, true, table),
            (people.clone(), Some(Shown::Table), false, table),
            (people, None, false, "[{\"name\":\"Ada\\nB\",\"n\":1},{\"n\":null,\"x\":[1]}]"),
            (json!({"a": 1}), Some(Shown::Table), false, "a\n1"),
        ] {
            assert_eq!(value(&of, shown, is_terminal), expected, "{of}");
        }
    }

    #[test]
    fn long_cells_are_cut_for_people_only() {
        let row = |text: String| json!([{"a": text, "b": 1}]);
        let (fits, long) = ("ä".repeat(60), "ä".repeat(61));
        let shown = |text: &str, is_terminal| value(&row(text.to_owned()), Some(Shown::Table), is_terminal);
        assert!(shown(&fits, true).contains(&fits));
        assert!(shown(&long, true).contains(&format!("\n{}…  1", "ä".repeat(59))));
        assert!(shown(&long, false).contains(&long));
    }
}
