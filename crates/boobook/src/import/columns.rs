//! What a column of a CSV file holds, found by looking at all of it.

use std::collections::BTreeSet;

use super::value::{DateOrder, NumberStyle, parse_date, parse_number, parse_timestamp};

/// Most options a choice field is made with.
const CHOICES_MAX: usize = 20;
/// Few rows say little about how many values there will be.
const CHOICE_ROWS_MIN: usize = 50;
/// Longest caption of an option worth making.
const CHOICE_CHARS_MAX: usize = 60;
/// From this share of fitting values on it is worth saying that the others do not fit.
const NEARLY: f64 = 0.95;

/// How the values of a column are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// As they are.
    Text,
    /// Numbers.
    Number(NumberStyle),
    /// Calendar days.
    Date(DateOrder),
    /// Instants.
    Timestamp(DateOrder),
    /// Yes and no.
    Boolean,
    /// One of few values.
    Choice,
}

/// A column's type and how its values are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Inferred {
    /// Field type, as the API names it.
    pub(crate) base: &'static str,
    /// How its values are read.
    pub(crate) reading: Reading,
    /// Options of a choice, in the order they come.
    pub(crate) choices: Vec<String>,
    /// Why it is not what it nearly is: `3 of 1,000 values are no numbers, the first in line 17: "abc"`.
    pub(crate) remark: Option<String>,
}

impl Inferred {
    fn new(base: &'static str, reading: Reading) -> Self {
        Self { base, reading, choices: Vec::new(), remark: None }
    }
}

/// A value and its line.
pub(crate) type Lined<'a> = (u64, &'a str);

/// The type of a column from all its values. `comma_file`: fields are separated by commas, so that a comma within
/// a number groups thousands; elsewhere it is the decimal point.
pub(crate) fn infer(values: &[Lined<'_>], rows: usize, comma_file: bool) -> Inferred {
    let filled: Vec<Lined<'_>> =
        values.iter().map(|(line, v)| (*line, v.trim())).filter(|(_, v)| !v.is_empty()).collect();
    if filled.is_empty() {
        return Inferred::new("string", Reading::Text);
    }
    let all = |fits: &dyn Fn(&str) -> bool| filled.iter().all(|(_, v)| fits(v));
    if all(&|v| as_boolean(v).is_some()) {
        return Inferred::new("boolean", Reading::Boolean);
    }
    for style in number_styles(comma_file) {
        if all(&|v| is_plain_number(v, style)) {
            return Inferred::new("number", Reading::Number(style));
        }
    }
    if let Some(order) = date_order(&filled, |v, order| parse_date(v, order).is_some()) {
        return Inferred::new("date", Reading::Date(order));
    }
    let instant = |v: &str, order| parse_timestamp(v, order).is_some() || parse_date(v, order).is_some();
    if let Some(order) = date_order(&filled, instant) {
        return Inferred::new("timestamp", Reading::Timestamp(order));
    }
    if all(&is_email) {
        return Inferred::new("email", Reading::Text);
    }
    if all(&is_link) {
        return Inferred::new("link", Reading::Text);
    }
    if let Some(choices) = few_values(&filled, rows) {
        return Inferred { choices, ..Inferred::new("choice", Reading::Choice) };
    }
    Inferred { remark: nearly(&filled, comma_file), ..Inferred::new("string", Reading::Text) }
}

/// How values are read for a field type that is given (an existing field, or `--type`).
pub(crate) fn reading_for(base: &str, values: &[Lined<'_>], comma_file: bool) -> Reading {
    let filled: Vec<Lined<'_>> =
        values.iter().map(|(line, v)| (*line, v.trim())).filter(|(_, v)| !v.is_empty()).collect();
    match base {
        "number" | "ref" | "dchoice" => {
            let styles = number_styles(comma_file);
            let fitting = |style: &NumberStyle| {
                filled.iter().filter(|(_, v)| parse_number(v, *style).is_some()).count()
            };
            // The first of equals: plain numbers.
            let best = styles.iter().rev().max_by_key(|style| fitting(style)).copied();
            Reading::Number(best.unwrap_or(NumberStyle::Plain))
        }
        "date" => Reading::Date(best_order(&filled, |v, order| parse_date(v, order).is_some())),
        "timestamp" => Reading::Timestamp(best_order(&filled, |v, order| {
            parse_timestamp(v, order).is_some() || parse_date(v, order).is_some()
        })),
        "boolean" => Reading::Boolean,
        "choice" => Reading::Choice,
        _ => Reading::Text,
    }
}

fn number_styles(comma_file: bool) -> [NumberStyle; 2] {
    [NumberStyle::Plain, if comma_file { NumberStyle::CommaGroups } else { NumberStyle::CommaDecimal }]
}

/// Numbers that are numbers: `007` and `12345678901234567890` are names made of digits, which a number would lose.
fn is_plain_number(text: &str, style: NumberStyle) -> bool {
    let digits = text.trim_start_matches(['-', '+']);
    let leading_zero = digits.len() > 1 && digits.starts_with('0') && digits.as_bytes()[1].is_ascii_digit();
    let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
    let significant = mantissa.bytes().filter(u8::is_ascii_digit).count();
    !leading_zero && !text.starts_with('+') && significant <= 15 && parse_number(text, style).is_some()
}

/// `true`, `no`, `ja` …
pub(crate) fn as_boolean(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "ja" | "wahr" => Some(true),
        "false" | "no" | "nein" | "falsch" => Some(false),
        _ => None,
    }
}

/// The order of day and month that fits all values. `01/02/2024` alone fits both: then the answer is `None`.
fn date_order(values: &[Lined<'_>], fits: impl Fn(&str, DateOrder) -> bool) -> Option<DateOrder> {
    let possible: Vec<DateOrder> =
        DateOrder::ALL.into_iter().filter(|order| values.iter().all(|(_, v)| fits(v, *order))).collect();
    match possible.as_slice() {
        [one] => Some(*one),
        // Fits both: no value is written with slashes, or it is anybody's guess.
        [first, ..] if !values.iter().any(|(_, v)| v.contains('/') && !starts_with_year(v)) => Some(*first),
        _ => None,
    }
}

fn best_order(values: &[Lined<'_>], fits: impl Fn(&str, DateOrder) -> bool) -> DateOrder {
    let count = |order: &DateOrder| values.iter().filter(|(_, v)| fits(v, *order)).count();
    DateOrder::ALL.into_iter().rev().max_by_key(count).unwrap_or(DateOrder::DayFirst)
}

fn starts_with_year(text: &str) -> bool {
    text.len() >= 5 && text.as_bytes()[..4].iter().all(u8::is_ascii_digit)
}

fn is_email(text: &str) -> bool {
    let Some((name, host)) = text.split_once('@') else { return false };
    let host_fits =
        host.contains('.') && !host.starts_with('.') && !host.ends_with('.') && !host.contains('@');
    !name.is_empty() && host_fits && !text.contains(|c: char| c.is_whitespace() || c == ',' || c == ';')
}

fn is_link(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| rest.len() > 2 && !rest.contains(char::is_whitespace))
}

/// The different values, where there are so few that they are options.
fn few_values(values: &[Lined<'_>], rows: usize) -> Option<Vec<String>> {
    if rows <= CHOICE_ROWS_MIN {
        return None;
    }
    let most = CHOICES_MAX.min(rows / 20);
    let mut seen = BTreeSet::new();
    for (_, value) in values {
        seen.insert(*value);
        if seen.len() > most || value.chars().count() > CHOICE_CHARS_MAX {
            return None;
        }
    }
    Some(seen.into_iter().map(str::to_owned).collect())
}

/// A column of text that is a number, date or boolean but for a few values: worth a word.
fn nearly(values: &[Lined<'_>], comma_file: bool) -> Option<String> {
    let styles = number_styles(comma_file);
    type Test<'a> = (&'a str, &'a str, &'a dyn Fn(&str) -> bool);
    let tests: [Test<'_>; 3] = [
        ("numbers", "number", &|v| styles.iter().any(|style| is_plain_number(v, *style))),
        ("dates", "date", &|v| DateOrder::ALL.iter().any(|order| parse_date(v, *order).is_some())),
        ("booleans", "boolean", &|v| as_boolean(v).is_some()),
    ];
    for (name, base, fits) in tests {
        let strange: Vec<_> = values.iter().filter(|(_, v)| !fits(v)).collect();
        let share = 1.0 - strange.len() as f64 / values.len() as f64;
        let Some((line, first)) = strange.first().filter(|_| share >= NEARLY) else { continue };
        let first: String = first.chars().take(40).collect();
        let (count, all) = (super::thousands(strange.len()), super::thousands(values.len()));
        return Some(format!(
            "text, as {count} of {all} values are no {name}, the first in line {line}: {first:?} \
             (--type COLUMN={base} would refuse those rows)"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Inferred {
        inferred(values, true)
    }

    fn inferred(values: &[&str], comma_file: bool) -> Inferred {
        let lined: Vec<Lined<'_>> = values.iter().enumerate().map(|(n, v)| (n as u64 + 2, *v)).collect();
        infer(&lined, values.len(), comma_file)
    }

    #[test]
    fn plain_columns() {
        for (values, base) in [
            (&["1", "-2.5", "1e3", "", "0.5", "0"][..], "number"),
            (&["007", "123"], "string"),
            (&["12345678901234567"], "string"),
            (&["123456789012345"], "number"),
            (&["+49 40 123"], "string"),
            (&["+1", "2"], "string"),
            (&["1,234", "1,234,567.5"], "number"),
            (&["1,23"], "string"),
            (&["NaN", "inf"], "string"),
            (&["2024-02-29", "1999-12-31"], "date"),
            (&["2024-02-30"], "string"),
            (&["24.12.2024", "1.2.2024"], "date"),
            (&["12/24/2024", "1/2/2024"], "date"),
            (&["24/12/2024", "1/2/2024"], "date"),
            (&["1/2/2024"], "string"),
            (&["24/12/2024", "12/24/2024"], "string"),
            (&["2024-02-29T12:30:00Z", "2024-02-29 12:30"], "timestamp"),
            (&["24.12.2024 18:00", "25.12.2024"], "timestamp"),
            (&["true", "False"], "boolean"),
            (&["ja", "nein", ""], "boolean"),
            (&["0", "1"], "number"),
            (&["a@example.com", "b.c@d.example.org"], "email"),
            (&["https://example.com/a?b", "http://x.example"], "link"),
            (&["", "  "], "string"),
            (&["x", "y"], "string"),
        ] {
            assert_eq!(of(values).base, base, "{values:?}");
        }
    }

    #[test]
    fn a_comma_is_decimal_where_it_does_not_separate_fields() {
        assert_eq!(
            inferred(&["1.234,50", "0,5", "7"], false).reading,
            Reading::Number(NumberStyle::CommaDecimal)
        );
        assert_eq!(inferred(&["1,234.50"], true).reading, Reading::Number(NumberStyle::CommaGroups));
        assert_eq!(inferred(&["1.5", "2"], false).reading, Reading::Number(NumberStyle::Plain));
    }

    #[test]
    fn few_values_in_many_rows_are_a_choice() {
        let many: Vec<&str> = (0..100).map(|n| ["new", "paid", "late"][n % 3]).collect();
        let choice = of(&many);
        assert_eq!(
            (choice.base, choice.choices),
            ("choice", vec!["late".into(), "new".into(), "paid".into()])
        );
        assert_eq!(of(&many[..50]).base, "string", "too few rows to say");
        let names: Vec<String> = (0..100).map(|n| format!("name {}", n % 6)).collect();
        assert_eq!(of(&names.iter().map(String::as_str).collect::<Vec<_>>()).base, "string", "more than 5 %");
    }

    #[test]
    fn what_nearly_fits_is_told() {
        let mut values: Vec<String> = (0..99).map(|n| n.to_string()).collect();
        values.push("n/a".into());
        let text = of(&values.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(text.base, "string");
        let remark = text.remark.unwrap();
        assert!(
            remark.contains("1 of 100 values are no numbers, the first in line 101: \"n/a\""),
            "{remark}"
        );
    }
}
