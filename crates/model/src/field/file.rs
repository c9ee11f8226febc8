//! Files, images and signatures: the field holds the name of one of its record's files.

use super::{FieldKind, WireStyle};
use crate::{Cell, Field, Json, StorageClass, Value, ValueError, write_json_string};

/// A kind that names a file of its record, under the given `base`. Whether the record has that file is for
/// the caller to check: records and files are not known here.
pub(super) struct File(pub(super) &'static str);

/// Names that no file has, because they would be paths (rest-api.md §7).
fn is_path(name: &str) -> bool {
    matches!(name, "." | "..") || name.bytes().any(|b| matches!(b, b'/' | 0))
}

impl FieldKind for File {
    fn base(&self) -> &'static str {
        self.0
    }

    fn storage(&self) -> Option<StorageClass> {
        Some(StorageClass::Text)
    }

    fn read(&self, json: &Json<'_>, _field: &Field) -> Result<Option<Value>, ValueError> {
        match json {
            Json::String(name) if name.is_empty() => Ok(None),
            Json::String(name) if !is_path(name) => Ok(Some(Value::Text(name.as_ref().into()))),
            _ => Err(ValueError::new("the name of a file", json)),
        }
    }

    fn write(&self, cell: Cell<'_>, _field: &Field, _style: WireStyle, out: &mut Vec<u8>) {
        match cell {
            Cell::Text(name) => write_json_string(name, out),
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
    fn file_names() {
        for base in ["file", "image", "signature"] {
            check(
                &field(base),
                &[
                    (r#""Foto 1.jpg""#, r#""Foto 1.jpg""#),
                    (r#""a..b""#, r#""a..b""#),
                    (r#""""#, "cleared"),
                    (r#""..""#, r#"expected the name of a file, got "..""#),
                    (r#""../x""#, r#"expected the name of a file, got "../x""#),
                    (r#""a\u0000""#, r#"expected the name of a file, got "a\u0000""#),
                    ("7", "expected the name of a file, got 7"),
                    ("true", "expected the name of a file, got true"),
                    ("[]", "expected the name of a file, got an array"),
                ],
            );
        }
    }

    proptest! {
        #[test]
        fn any_name_round_trips(name in "[^/\\x00]{1,20}") {
            prop_assume!(!is_path(&name));
            round_trips(&field("file"), &Value::Text(name.as_str().into()));
        }
    }
}
