//! How field kinds are tested: rows of what comes and what then goes out, and round trips.

use proptest::prelude::*;

use super::{FIELD_KINDS, WireStyle, field_kind};
use crate::{Cell, Field, FieldId, Json, Value};

/// A field of a kind, without options or target.
pub(super) fn field(base: &str) -> Field {
    Field::new(FieldId::nth(0).unwrap(), field_kind(base).unwrap(), "Field")
}

/// The JSON of a cell.
pub(super) fn written(field: &Field, cell: Cell<'_>, style: WireStyle) -> String {
    let mut out = Vec::new();
    field.kind.write(cell, field, style, &mut out);
    String::from_utf8(out).unwrap()
}

/// The JSON of a cell in the change feed.
fn change_written(field: &Field, cell: Cell<'_>) -> String {
    let mut out = Vec::new();
    field.kind.write_change(cell, field, &mut out);
    String::from_utf8(out).unwrap()
}

/// Each row: JSON that comes, and what goes out again, or `cleared`, or the error.
pub(super) fn check(field: &Field, rows: &[(&str, &str)]) {
    for (json, expected) in rows {
        let read = field.kind.read(&Json::parse(json.as_bytes()).unwrap(), field);
        let got = match read {
            Ok(Some(value)) => {
                assert_eq!(Some(value.storage()), field.kind.storage());
                written(field, value.as_cell(), WireStyle::default())
            }
            Ok(None) => "cleared".into(),
            Err(error) => error.to_string(),
        };
        assert_eq!(got, *expected, "{} from {json}", field.kind.base());
    }
}

/// What is written reads as the same value, in records and in the change feed.
pub(super) fn round_trips(field: &Field, value: &Value) {
    let text = written(field, value.as_cell(), WireStyle::default());
    assert_eq!(field.kind.read(&Json::parse(text.as_bytes()).unwrap(), field), Ok(Some(value.clone())));
    change_round_trips(field, value);
}

/// What is written to the change feed reads as the same value.
pub(super) fn change_round_trips(field: &Field, value: &Value) {
    let text = change_written(field, value.as_cell());
    assert_eq!(field.kind.read(&Json::parse(text.as_bytes()).unwrap(), field), Ok(Some(value.clone())));
}

/// Any JSON but `null`, rich in texts that are nearly right for some kind.
fn any_json() -> impl Strategy<Value = Json<'static>> {
    let text = prop_oneof![
        "\\PC{0,20}",
        "[0-9TZ:+ .-]{0,30}",
        "[0-9]{4}-[0-1][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,5})?)?)?(Z|[+-][01][0-9])?",
        "-?[0-9]{1,12}:[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,5})?)?",
        "[A-Z]{0,2}[0-9]{1,11}",
        "[+-]?[0-9.]{1,9}([eE][+-]?[0-9]{1,3})?",
        Just("yes".to_owned()),
    ];
    let leaf = prop_oneof![
        any::<bool>().prop_map(Json::Bool),
        (proptest::num::f64::NORMAL | proptest::num::f64::ZERO).prop_map(Json::Number),
        any::<i64>().prop_map(|n| Json::Number(n as f64)),
        (-3..400i16).prop_map(|n| Json::Number(n.into())),
        text.prop_map(|text| Json::String(text.into())),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(prop_oneof![inner.clone(), Just(Json::Null)], 0..4)
                .prop_map(Json::Array),
            inner.prop_map(|value| Json::Object(vec![("id".into(), value)])),
        ]
    })
}

#[test]
fn kinds_are_found_by_base_and_listed_once() {
    for kind in FIELD_KINDS {
        assert_eq!(field_kind(kind.base()).unwrap().base(), kind.base());
        assert_eq!(FIELD_KINDS.iter().filter(|k| k.base() == kind.base()).count(), 1, "{}", kind.base());
    }
    for (alias, base) in [("text", "string"), ("datetime", "timestamp"), ("bool", "boolean")] {
        assert_eq!(field_kind(alias).unwrap().base(), base);
    }
    assert!(field_kind("nothing").is_none());
}

#[test]
fn empty_text_clears_what_is_stored() {
    for kind in FIELD_KINDS {
        let field = field(kind.base());
        let clears = kind.read(&Json::String("".into()), &field) == Ok(None);
        assert_eq!(clears, kind.empty_text_clears(), "{}", kind.base());
        assert_eq!(clears, kind.storage().is_some(), "{}", kind.base());
    }
}

#[test]
fn cells_of_another_class_are_written_as_null() {
    let cells = [
        Cell::Empty,
        Cell::Bool(true),
        Cell::Number(1.5),
        Cell::Time(0),
        Cell::Reference(crate::RecordId::new(1).unwrap()),
        Cell::Choice(1),
        Cell::Choices(&[1]),
        Cell::Text("x"),
    ];
    for kind in FIELD_KINDS {
        let field = field(kind.base());
        for cell in cells {
            if cell.to_value().map(|v| v.storage()) == kind.storage() && kind.storage().is_some() {
                continue;
            }
            assert_eq!(written(&field, cell, WireStyle::default()), "null", "{}", kind.base());
            assert_eq!(change_written(&field, cell), "null", "{}", kind.base());
        }
    }
}

proptest! {
    /// No JSON makes a kind panic, and what it reads it reads again from what it wrote.
    #[test]
    fn any_json_is_read_or_refused(json in any_json()) {
        for kind in FIELD_KINDS {
            let mut field = field(kind.base());
            if matches!(kind.base(), "choice" | "multi") {
                field.options = (1..200).map(|id| crate::ChoiceOption {
                    id,
                    caption: format!("{id}."),
                    captions: Default::default(),
                    order: 0.0,
                    rest: Default::default(),
                }).collect();
            }
            if let Ok(Some(value)) = kind.read(&json, &field) {
                prop_assert_eq!(Some(value.storage()), kind.storage());
                change_round_trips(&field, &value);
                if kind.base() != "timestamp" {
                    round_trips(&field, &value);
                }
            }
        }
    }
}
