//! Values as people see them: fields that are part of a text (nx-language.md §9-8, §9-9), cells of views.

use std::sync::Arc;

use boobook_model::{Field, Schema};

use crate::{Language, Locale, Value, convert::text_of, moment, number_format::format_number};

/// As many digits as a number has, but not those that only come from its binary form.
const PLAIN: &str = "0.###############";

/// A number in the format of its field, `425,00 €`; `None` where the field has no format.
pub(crate) fn number(n: f64, field: &Field, language: Language) -> Option<String> {
    let pattern = field.rest.get("numberFormat")?.as_str().filter(|pattern| !pattern.is_empty())?;
    Some(format_number(n, pattern, language))
}

/// A number as people of a language read it: in the format of its field where it has one.
pub fn number_text(n: f64, field: Option<&Field>, language: Language) -> String {
    let formatted = field.and_then(|field| number(n, field, language));
    formatted.unwrap_or_else(|| format_number(n, PLAIN, language))
}

/// A whole number that counts something, in groups of three digits.
pub fn count_text(n: usize, language: Language) -> String {
    format_number(n as f64, "#,##0", language)
}

/// `Yes`, `No`.
pub fn yes_no(value: bool, language: Language) -> &'static str {
    match (language, value) {
        (Language::En, true) => "Yes",
        (Language::En, false) => "No",
        (Language::De, true) => "Ja",
        (Language::De, false) => "Nein",
    }
}

/// Appends a date, time, interval or appointment in the short form of a language.
pub fn moment_text(value: &Value, locale: &Locale, out: &mut String) {
    moment::write_short(value, locale, out);
}

/// A value as text, as `text(x)` has it: options by their captions, users by their names.
pub fn text(value: &Value, schema: &Schema, locale: &Locale) -> Arc<str> {
    text_of(value, schema, locale)
}
