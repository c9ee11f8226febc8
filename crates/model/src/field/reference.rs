//! Links between records: N:1 (`ref`) is stored, 1:N (`rev`) is found through it.

use super::{FieldKind, WireStyle};
use crate::{Cell, Field, Json, RECORD_ID_MAX, RecordId, StorageClass, TableId, Value, ValueError};

/// `ref`: a record of the field's target table.
pub(super) struct Reference;

/// `rev`: the records whose paired `ref` names this one; computed, never stored and never written.
pub(super) struct Reverse;

/// A record id as a number (`5`), as digits (`"5"`) or with its table (`"A5"`). Where the field has a target
/// table, the letters must name that one. That the record exists is for the caller to check.
pub(super) fn read_record(json: &Json<'_>, field: &Field) -> Result<RecordId, ValueError> {
    let id = match json {
        Json::Number(n) if n.fract() == 0.0 && (1.0..=f64::from(RECORD_ID_MAX)).contains(n) => {
            RecordId::new(*n as u64)
        }
        Json::String(text) => parse_record(text.trim(), field.target),
        _ => None,
    };
    id.ok_or_else(|| {
        let table = field.target.or_else(|| TableId::nth(0));
        let table = table.map(|t| t.to_string()).unwrap_or_default();
        ValueError::new(format!("a record id from 1 on, such as 5 or \"{table}5\""), json)
    })
}

fn parse_record(text: &str, target: Option<TableId>) -> Option<RecordId> {
    let digits_at = text.find(|c: char| !c.is_ascii_uppercase())?;
    let digits = match target {
        _ if digits_at == 0 => text,
        // A table id may end in digits itself (`C2`), so it is taken off whole.
        Some(table) => text.strip_prefix(table.to_string().as_str())?,
        None => &text[digits_at..],
    };
    digits.parse().ok()
}

/// Appends a record id, a JSON number.
pub(super) fn write_record(id: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(id).as_bytes());
}

/// Whether JSON clears a field that links to records.
pub(super) fn is_empty_text(json: &Json<'_>) -> bool {
    json.as_str().is_some_and(|text| text.trim().is_empty())
}

impl FieldKind for Reference {
    fn base(&self) -> &'static str {
        "ref"
    }

    fn storage(&self) -> Option<StorageClass> {
        Some(StorageClass::Reference)
    }

    fn read(&self, json: &Json<'_>, field: &Field) -> Result<Option<Value>, ValueError> {
        if is_empty_text(json) {
            return Ok(None);
        }
        read_record(json, field).map(|id| Some(Value::Reference(id)))
    }

    fn write(&self, cell: Cell<'_>, _field: &Field, _style: WireStyle, out: &mut Vec<u8>) {
        match cell {
            Cell::Reference(id) => write_record(id.get(), out),
            _ => out.extend_from_slice(b"null"),
        }
    }
}

impl FieldKind for Reverse {
    fn base(&self) -> &'static str {
        "rev"
    }

    fn storage(&self) -> Option<StorageClass> {
        None
    }

    fn read(&self, json: &Json<'_>, _field: &Field) -> Result<Option<Value>, ValueError> {
        Err(ValueError::new("no value: a 1:N field is computed", json))
    }

    fn write(&self, _cell: Cell<'_>, _field: &Field, _style: WireStyle, out: &mut Vec<u8>) {
        out.extend_from_slice(b"null");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::check::{check, field, round_trips};
    use super::*;

    fn linked_to(table: &str) -> Field {
        let mut field = field("ref");
        field.target = Some(table.parse().unwrap());
        field
    }

    #[test]
    fn references() {
        check(
            &linked_to("B"),
            &[
                ("5", "5"),
                (r#""5""#, "5"),
                (r#"" B5 ""#, "5"),
                ("4294967294", "4294967294"),
                (r#""""#, "cleared"),
                ("0", r#"expected a record id from 1 on, such as 5 or "B5", got 0"#),
                ("-1", r#"expected a record id from 1 on, such as 5 or "B5", got -1"#),
                ("1.5", r#"expected a record id from 1 on, such as 5 or "B5", got 1.5"#),
                ("4294967295", r#"expected a record id from 1 on, such as 5 or "B5", got 4294967295"#),
                ("1e300", r#"expected a record id from 1 on, such as 5 or "B5", got 1e+300"#),
                (r#""A5""#, r#"expected a record id from 1 on, such as 5 or "B5", got "A5""#),
                (r#""B""#, r#"expected a record id from 1 on, such as 5 or "B5", got "B""#),
                (r#""B0""#, r#"expected a record id from 1 on, such as 5 or "B5", got "B0""#),
                (r#""BB5""#, r#"expected a record id from 1 on, such as 5 or "B5", got "BB5""#),
                (r#""b5""#, r#"expected a record id from 1 on, such as 5 or "B5", got "b5""#),
                (r#""B-5""#, r#"expected a record id from 1 on, such as 5 or "B5", got "B-5""#),
                ("[5]", r#"expected a record id from 1 on, such as 5 or "B5", got an array"#),
                (r#"{"id":5}"#, r#"expected a record id from 1 on, such as 5 or "B5", got an object"#),
            ],
        );
        check(
            &linked_to("C2"),
            &[
                (r#""C25""#, "5"),
                (r#""C2""#, "expected a record id from 1 on, such as 5 or \"C25\", got \"C2\""),
            ],
        );
        check(&field("ref"), &[(r#""A5""#, "5"), (r#""ZZ17""#, "17")]);
    }

    #[test]
    fn reverse_links_take_no_value() {
        check(&field("rev"), &[("[4,9]", "expected no value: a 1:N field is computed, got an array")]);
    }

    proptest! {
        #[test]
        fn any_record_round_trips(id in 1..=RECORD_ID_MAX) {
            round_trips(&linked_to("B"), &Value::Reference(RecordId::new(id.into()).unwrap()));
        }
    }
}
