//! Fields as people see them, where a field itself is part of a text (nx-language.md §9-8, §9-9).

use boobook_model::Field;

use crate::{Language, number_format::format_number};

/// A number in the format of its field, `425,00 €`; `None` where the field has no format.
pub(crate) fn number(n: f64, field: &Field, language: Language) -> Option<String> {
    let pattern = field.rest.get("numberFormat")?.as_str().filter(|pattern| !pattern.is_empty())?;
    Some(format_number(n, pattern, language))
}

/// `Yes`, `No`.
pub(crate) fn yes_no(value: bool, language: Language) -> &'static str {
    match (language, value) {
        (Language::En, true) => "Yes",
        (Language::En, false) => "No",
        (Language::De, true) => "Ja",
        (Language::De, false) => "Nein",
    }
}
