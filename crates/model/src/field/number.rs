//! Numbers.

use super::{FieldKind, WireStyle};
use crate::{Cell, Field, Json, StorageClass, Value, ValueError, write_json_number};

/// `number`: a finite `f64`.
pub(super) struct Number;

/// Reads a decimal as JavaScript does (`-12.5e3`, `.5`, `5.`), but neither hexadecimal nor words.
fn parse_decimal(text: &str) -> Option<f64> {
    // Rust's parser takes `inf` and `nan` too: without letters but `e` only decimals are left.
    let plain = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    text.parse().ok().filter(|n: &f64| plain && n.is_finite())
}

impl FieldKind for Number {
    fn base(&self) -> &'static str {
        "number"
    }

    fn storage(&self) -> Option<StorageClass> {
        Some(StorageClass::Number)
    }

    fn read(&self, json: &Json<'_>, _field: &Field) -> Result<Option<Value>, ValueError> {
        let number = match json {
            Json::Number(n) => Some(*n),
            Json::String(text) => {
                let text = text.trim();
                if text.is_empty() {
                    return Ok(None);
                }
                parse_decimal(text)
            }
            _ => None,
        };
        // -0 becomes 0, so that equal numbers have equal bits in indexes.
        number.map(|n| Some(Value::Number(n + 0.0))).ok_or_else(|| ValueError::new("a number", json))
    }

    fn write(&self, cell: Cell<'_>, _field: &Field, _style: WireStyle, out: &mut Vec<u8>) {
        match cell {
            Cell::Number(n) => write_json_number(n, out),
            _ => out.extend_from_slice(b"null"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::check::{check, field, round_trips};
    use super::*;

    #[test]
    fn numbers() {
        check(
            &field("number"),
            &[
                ("18.5", "18.5"),
                ("1e3", "1000"),
                ("-0", "0"),
                (r#"" -12.5e3 ""#, "-12500"),
                (r#""+7""#, "7"),
                (r#"".5""#, "0.5"),
                (r#""5.""#, "5"),
                (r#""1E-7""#, "1e-7"),
                (r#""""#, "cleared"),
                (r#""0x10""#, r#"expected a number, got "0x10""#),
                (r#""Infinity""#, r#"expected a number, got "Infinity""#),
                (r#""nan""#, r#"expected a number, got "nan""#),
                (r#""1e999""#, r#"expected a number, got "1e999""#),
                (r#""1,5""#, r#"expected a number, got "1,5""#),
                (r#""1 2""#, r#"expected a number, got "1 2""#),
                (r#""-""#, r#"expected a number, got "-""#),
                (r#"".""#, r#"expected a number, got ".""#),
                ("true", "expected a number, got true"),
                ("[1]", "expected a number, got an array"),
            ],
        );
    }

    #[test]
    fn minus_zero_is_stored_as_zero() {
        let read = Number.read(&Json::Number(-0.0), &field("number"));
        assert!(matches!(read, Ok(Some(Value::Number(n))) if n.is_sign_positive()));
    }

    proptest! {
        #[test]
        fn any_number_round_trips(n in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL) {
            round_trips(&field("number"), &Value::Number(n));
        }

        #[test]
        fn text_reads_as_the_number_it_shows(n in proptest::num::f64::NORMAL) {
            let text = Json::String(format!("{n:e}").into());
            prop_assert_eq!(Number.read(&text, &field("number")), Ok(Some(Value::Number(n))));
        }
    }
}
