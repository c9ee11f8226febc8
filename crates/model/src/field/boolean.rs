//! Yes/no.

use super::{FieldKind, WireStyle};
use crate::{Cell, Field, Json, StorageClass, Value, ValueError};

/// `boolean`: `true` or `false`; an empty field is neither.
pub(super) struct Boolean;

/// Words that CSV files write for yes and no; compared without regard to case.
const WORDS: [(&str, bool); 4] = [("true", true), ("false", false), ("yes", true), ("no", false)];

impl FieldKind for Boolean {
    fn base(&self) -> &'static str {
        "boolean"
    }

    fn storage(&self) -> Option<StorageClass> {
        Some(StorageClass::Bool)
    }

    fn read(&self, json: &Json<'_>, _field: &Field) -> Result<Option<Value>, ValueError> {
        let yes = match json {
            Json::Bool(yes) => Some(*yes),
            Json::Number(0.0) => Some(false),
            Json::Number(1.0) => Some(true),
            Json::String(text) => {
                let text = text.trim();
                if text.is_empty() {
                    return Ok(None);
                }
                WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, yes)| *yes)
            }
            _ => None,
        };
        yes.map(|yes| Some(Value::Bool(yes))).ok_or_else(|| ValueError::new("true or false", json))
    }

    fn write(&self, cell: Cell<'_>, _field: &Field, _style: WireStyle, out: &mut Vec<u8>) {
        out.extend_from_slice(match cell {
            Cell::Bool(true) => b"true",
            Cell::Bool(false) => b"false",
            _ => b"null",
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{check, field, round_trips};
    use super::*;

    #[test]
    fn booleans() {
        check(
            &field("boolean"),
            &[
                ("true", "true"),
                ("false", "false"),
                ("1", "true"),
                ("0", "false"),
                ("-0", "false"),
                (r#""Yes""#, "true"),
                (r#"" NO ""#, "false"),
                (r#""TRUE""#, "true"),
                (r#""false""#, "false"),
                (r#""""#, "cleared"),
                ("2", "expected true or false, got 2"),
                ("0.5", "expected true or false, got 0.5"),
                (r#""maybe""#, r#"expected true or false, got "maybe""#),
                ("[true]", "expected true or false, got an array"),
                ("{}", "expected true or false, got an object"),
            ],
        );
        round_trips(&field("boolean"), &Value::Bool(true));
        round_trips(&field("boolean"), &Value::Bool(false));
    }
}
