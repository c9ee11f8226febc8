//! Number patterns (nx-language.md §4.2.1): of `format(number, pattern)` and of number fields.
//!
//! `0` a digit that is always there, `#` one where needed, `,` groups of three, `.` the decimal point, `%` a hundred
//! times as much, `;` a pattern for negative numbers behind it, `"…"` and `'…'` and anything else as it stands.

use crate::{Language, functions::numbers::round};

/// More digits than a double has mean nothing.
const DIGITS_MAX: usize = 100;

/// A number in a pattern, with the separators of a language.
pub(crate) fn format_number(n: f64, pattern: &str, language: Language) -> String {
    let (positive, negative) = split_sections(pattern);
    let (section, sign) = match negative {
        Some(negative) if n < 0.0 => (negative, ""),
        _ => (positive, if n < 0.0 { "-" } else { "" }),
    };
    let parts = Parts::read(section);
    let scaled = if parts.is_percent { n.abs() * 100.0 } else { n.abs() };
    let rounded = round(scaled, parts.fraction_max as f64);
    let digits = parts.digits(if rounded.is_finite() { rounded } else { scaled }, language);
    // What rounds to nothing has no sign.
    let sign = if rounded == 0.0 { "" } else { sign };
    format!("{}{sign}{digits}{}", parts.prefix, parts.suffix)
}

/// The pattern for positive and that for negative numbers.
fn split_sections(pattern: &str) -> (&str, Option<&str>) {
    let mut quote = None;
    for (at, c) in pattern.char_indices() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, ';') => return (&pattern[..at], Some(&pattern[at + 1..])),
            _ => {}
        }
    }
    (pattern, None)
}

#[derive(Default)]
struct Parts {
    prefix: String,
    suffix: String,
    whole_min: usize,
    fraction_min: usize,
    fraction_max: usize,
    is_grouped: bool,
    is_percent: bool,
    has_digits: bool,
}

impl Parts {
    fn read(section: &str) -> Self {
        let mut parts = Self::default();
        let (mut quote, mut in_fraction) = (None, false);
        for c in section.chars() {
            match (quote, c) {
                (None, '"' | '\'') => quote = Some(c),
                (Some(open), c) if c == open => quote = None,
                (None, '0' | '#') => parts.digit(c == '0', in_fraction),
                (None, '.') if !in_fraction => in_fraction = true,
                (None, ',') if parts.has_digits && !in_fraction => parts.is_grouped = true,
                (_, c) => {
                    parts.is_percent |= quote.is_none() && c == '%';
                    if parts.has_digits { parts.suffix.push(c) } else { parts.prefix.push(c) }
                }
            }
        }
        parts
    }

    fn digit(&mut self, is_needed: bool, in_fraction: bool) {
        self.has_digits = true;
        match (in_fraction, is_needed) {
            (false, true) => self.whole_min = (self.whole_min + 1).min(DIGITS_MAX),
            (false, false) => {}
            (true, _) => {
                self.fraction_max = (self.fraction_max + 1).min(DIGITS_MAX);
                if is_needed {
                    self.fraction_min = self.fraction_max;
                }
            }
        }
    }

    /// The digits of a number that is not negative, rounded already.
    fn digits(&self, n: f64, language: Language) -> String {
        if !self.has_digits {
            return String::new();
        }
        let (point, group) = match language {
            Language::En => ('.', ','),
            Language::De => (',', '.'),
        };
        let plain = format!("{n:.*}", self.fraction_max);
        let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
        let whole = whole.trim_start_matches('0');
        let whole = format!("{whole:0>width$}", width = self.whole_min);
        let mut out = String::with_capacity(plain.len() + plain.len() / 3);
        for (at, digit) in whole.chars().enumerate() {
            if self.is_grouped && at > 0 && (whole.len() - at) % 3 == 0 {
                out.push(group);
            }
            out.push(digit);
        }
        let mut fraction = fraction.trim_end_matches('0').to_owned();
        while fraction.len() < self.fraction_min {
            fraction.push('0');
        }
        if !fraction.is_empty() {
            out.push(point);
            out.push_str(&fraction);
        }
        if out.is_empty() { "0".into() } else { out }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (n, pattern, expected) in [
            (5.0, "000", "005"),
            (1234.5, "#,##0.00", "1,234.50"),
            (0.256, "0.0%", "25.6%"),
            (1_234_567.0, "#,##0", "1,234,567"),
            (-3.5, "0.00", "-3.50"),
            (12.0, "#0.##", "12"),
            (12.345, "0.00", "12.35"),
            (0.0, "0.00", "0.00"),
            (0.0, "#", "0"),
            (0.5, "#.##", ".5"),
            (-0.001, "0.00", "0.00"),
            (-7.0, "0;(0)", "(7)"),
            (7.0, "0 \"0 pieces;\"", "7 0 pieces;"),
            (1e21, "#,##0", "1,000,000,000,000,000,000,000"),
            (2.5, "€ 0", "€ 3"),
            (2.5, "", ""),
        ] {
            assert_eq!(format_number(n, pattern, Language::En), expected, "{n} {pattern:?}");
        }
        assert_eq!(format_number(425.0, "#,##0.00 €", Language::De), "425,00 €");
        assert_eq!(format_number(1425.0, "#,##0.00 €", Language::De), "1.425,00 €");
    }
}
