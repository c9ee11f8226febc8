//! Text and the kinds that are text with a meaning: links, addresses, locations, rich text, users, colours.

use std::sync::Arc;

use super::{FieldKind, WireStyle};
use crate::{Cell, Field, Json, StorageClass, Value, ValueError, write_json_number, write_json_string};

/// A kind stored and sent as text under the given `base`. `""` clears: empty text is stored as empty.
pub(super) struct Text(pub(super) &'static str);

impl FieldKind for Text {
    fn base(&self) -> &'static str {
        self.0
    }

    fn storage(&self) -> Option<StorageClass> {
        Some(StorageClass::Text)
    }

    fn read(&self, json: &Json<'_>, _field: &Field) -> Result<Option<Value>, ValueError> {
        let text: Arc<str> = match json {
            Json::String(text) if text.is_empty() => return Ok(None),
            Json::String(text) => text.as_ref().into(),
            Json::Number(n) => {
                let mut digits = Vec::new();
                write_json_number(*n, &mut digits);
                String::from_utf8_lossy(&digits).into()
            }
            Json::Bool(true) => "true".into(),
            Json::Bool(false) => "false".into(),
            _ => return Err(ValueError::new("a text", json)),
        };
        Ok(Some(Value::Text(text)))
    }

    fn write(&self, cell: Cell<'_>, _field: &Field, _style: WireStyle, out: &mut Vec<u8>) {
        match cell {
            Cell::Text(text) => write_json_string(text, out),
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
    fn texts() {
        for base in ["string", "link", "url", "email", "phone", "location", "html", "user", "color", "icon"] {
            check(
                &field(base),
                &[
                    (r#""Grüße\n\"you\"""#, r#""Grüße\n\"you\"""#),
                    (r#"" ""#, r#"" ""#),
                    (r#""a\u0000b""#, r#""a\u0000b""#),
                    (r#""Berlin\n<52.53,13.39>""#, r#""Berlin\n<52.53,13.39>""#),
                    ("12.50", r#""12.5""#),
                    ("1e21", r#""1e+21""#),
                    ("true", r#""true""#),
                    ("false", r#""false""#),
                    (r#""""#, "cleared"),
                    ("[]", "expected a text, got an array"),
                    (r#"{"a":1}"#, "expected a text, got an object"),
                ],
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_round_trips(text in "\\PC+|[\\x00-\\x7f]{1,40}") {
            round_trips(&field("string"), &Value::Text(text.as_str().into()));
        }
    }
}
