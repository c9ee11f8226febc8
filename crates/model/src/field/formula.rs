//! Formulas.

use super::{FieldKind, WireStyle};
use crate::{Cell, Field, Json, StorageClass, Value, ValueError};

/// `fn`: computed from other fields, never stored and never written.
///
/// A result goes out by the type of its expression, so whoever evaluates the formula writes it.
pub(super) struct Formula;

impl FieldKind for Formula {
    fn base(&self) -> &'static str {
        "fn"
    }

    fn storage(&self) -> Option<StorageClass> {
        None
    }

    fn read(&self, json: &Json<'_>, _field: &Field) -> Result<Option<Value>, ValueError> {
        Err(ValueError::new("no value: a formula field is computed", json))
    }

    fn write(&self, _cell: Cell<'_>, _field: &Field, _style: WireStyle, out: &mut Vec<u8>) {
        out.extend_from_slice(b"null");
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{check, field};

    #[test]
    fn formulas_take_no_value() {
        check(
            &field("fn"),
            &[
                ("5", "expected no value: a formula field is computed, got 5"),
                (r#""""#, r#"expected no value: a formula field is computed, got """#),
            ],
        );
    }
}
