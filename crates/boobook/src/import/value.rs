//! Text of a CSV cell as JSON of a field.

use serde_json::Value as Json;

use super::columns::{Reading, as_boolean};

/// How numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberStyle {
    /// `1234.5`, `-2`, `1e3`
    Plain,
    /// `1,234.5`
    CommaGroups,
    /// `1.234,5`
    CommaDecimal,
}

/// Which comes first in a date with slashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateOrder {
    /// `24/12/2024`
    DayFirst,
    /// `12/24/2024`
    MonthFirst,
}

impl DateOrder {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::DayFirst, Self::MonthFirst];
}

/// The JSON of a cell; `Ok(None)` for an empty one. The error says what was expected.
pub(crate) fn to_json(
    text: &str,
    reading: Reading,
    base: &str,
    choices: &[String],
) -> Result<Option<Json>, String> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Ok(None);
    }
    let expected = |what: &str| Err(format!("expected {what}, got {:?}", shortened(trimmed)));
    let json = match reading {
        Reading::Text if base == "multi" || base == "dmulti" => {
            return multi(trimmed, base, choices).map(Some);
        }
        Reading::Text => Json::from(text),
        Reading::Number(style) => match parse_number(trimmed, style) {
            Some(number) => number_json(number),
            None => return expected("a number"),
        },
        Reading::Date(order) => match parse_date(trimmed, order) {
            Some(date) => Json::from(date),
            None => return expected("a date such as 2024-12-24, 24.12.2024 or 12/24/2024"),
        },
        Reading::Timestamp(order) => {
            let date_alone = || parse_date(trimmed, order).map(|date| format!("{date}T00:00:00"));
            match parse_timestamp(trimmed, order).or_else(date_alone) {
                Some(instant) => Json::from(instant),
                None => return expected("a date and time such as 2024-12-24T18:00:00"),
            }
        }
        Reading::Boolean => match as_boolean(trimmed).or(match trimmed {
            "1" | "x" | "X" => Some(true),
            "0" => Some(false),
            _ => None,
        }) {
            Some(yes) => Json::from(yes),
            None => return expected("true or false"),
        },
        Reading::Choice if choices.iter().any(|c| c == trimmed) => Json::from(trimmed),
        Reading::Choice => return expected(&format!("one of {}", listed(choices))),
    };
    Ok(Some(json))
}

/// Several values in one cell, separated by commas or semicolons.
fn multi(text: &str, base: &str, choices: &[String]) -> Result<Json, String> {
    if choices.iter().any(|c| c == text) {
        return Ok(Json::from(vec![text]));
    }
    let mut items = Vec::new();
    for item in text.split([',', ';', '\n']).map(str::trim).filter(|item| !item.is_empty()) {
        if base == "dmulti" {
            let id: u32 =
                item.parse().map_err(|_| format!("expected record ids, got {:?}", shortened(item)))?;
            items.push(Json::from(id));
        } else if choices.iter().any(|c| c == item) {
            items.push(Json::from(item));
        } else {
            return Err(format!("expected some of {}, got {:?}", listed(choices), shortened(item)));
        }
    }
    Ok(Json::Array(items))
}

fn listed(choices: &[String]) -> String {
    const SHOWN: usize = 8;
    let mut names: Vec<String> = choices.iter().take(SHOWN).map(|c| format!("{c:?}")).collect();
    if choices.len() > SHOWN {
        names.push("…".into());
    }
    names.join(", ")
}

fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    let mut short: String = text.chars().take(CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

fn number_json(number: f64) -> Json {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT { Json::from(number as i64) } else { Json::from(number) }
}

/// A finite number.
pub(crate) fn parse_number(text: &str, style: NumberStyle) -> Option<f64> {
    let plain = match style {
        NumberStyle::Plain => text.to_owned(),
        NumberStyle::CommaGroups => without_groups(text, ',', '.')?,
        NumberStyle::CommaDecimal => without_groups(text, '.', ',')?.replace(',', "."),
    };
    // `parse` also takes "inf", "nan" and a sign alone would not get here.
    let digits_only = plain.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    plain.parse::<f64>().ok().filter(|n| n.is_finite() && digits_only)
}

/// Takes the separators of thousands out, where they stand between groups of three.
fn without_groups(text: &str, group: char, point: char) -> Option<String> {
    let (whole, fraction) = text.split_once(point).map_or((text, None), |(w, f)| (w, Some(f)));
    let mut groups = whole.split(group);
    let first = groups.next()?;
    let mut digits = first.to_owned();
    let mut grouped = false;
    for part in groups {
        grouped = true;
        if part.len() != 3 || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        digits.push_str(part);
    }
    let first_digits = first.trim_start_matches(['-', '+']).len();
    if grouped && !(1..=3).contains(&first_digits) {
        return None;
    }
    match fraction {
        Some(fraction) if fraction.contains([group, point]) => None,
        Some(fraction) => Some(format!("{digits}{point}{fraction}")),
        None => Some(digits),
    }
}

/// A calendar day as `YYYY-MM-DD`: from that, `DD.MM.YYYY`, `YYYY/MM/DD`, or slashes in the given order.
pub(crate) fn parse_date(text: &str, order: DateOrder) -> Option<String> {
    let parts = |separator: char| -> Option<[&str; 3]> {
        let mut parts = text.split(separator);
        let three = [parts.next()?, parts.next()?, parts.next()?];
        (parts.next().is_none() && three.iter().all(|p| p.bytes().all(|b| b.is_ascii_digit())))
            .then_some(three)
    };
    if let Some([year, month, day]) = parts('-') {
        return day_of(year, month, day);
    }
    if let Some([day, month, year]) = parts('.') {
        return day_of(year, month, day);
    }
    let [first, second, third] = parts('/')?;
    match order {
        _ if first.len() == 4 => day_of(first, second, third),
        DateOrder::DayFirst => day_of(third, second, first),
        DateOrder::MonthFirst => day_of(third, first, second),
    }
}

fn day_of(year: &str, month: &str, day: &str) -> Option<String> {
    if year.len() != 4 || !(1..=2).contains(&month.len()) || !(1..=2).contains(&day.len()) {
        return None;
    }
    let (year, month, day): (u32, u32, u32) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    (1..=days).contains(&day).then(|| format!("{year:04}-{month:02}-{day:02}"))
}

/// An instant as ISO 8601: a date as [`parse_date`] takes it, a `T` or blanks, `hh:mm[:ss[.fff]]`, and with an ISO
/// date a zone.
pub(crate) fn parse_timestamp(text: &str, order: DateOrder) -> Option<String> {
    let (date, time) = text.split_once(['T', ' '])?;
    let date = parse_date(date, order)?;
    let time = time.trim_start();
    let zone_at = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(zone_at);
    let clock = clock_of(clock.trim_end())?;
    let zone = zone_of(zone)?;
    Some(format!("{date}T{clock}{zone}"))
}

fn clock_of(text: &str) -> Option<String> {
    let (clock, fraction) = text.split_once('.').map_or((text, None), |(c, f)| (c, Some(f)));
    let mut parts =
        clock.split(':').map(|part| part.parse::<u32>().ok().filter(|_| (1..=2).contains(&part.len())));
    let (hours, minutes) = (parts.next()??, parts.next()??);
    let seconds = match parts.next() {
        Some(seconds) => seconds?,
        None => 0,
    };
    if parts.next().is_some() || hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    let clock = format!("{hours:02}:{minutes:02}:{seconds:02}");
    match fraction {
        None => Some(clock),
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some(format!("{clock}.{}", &digits[..digits.len().min(3)]))
        }
        Some(_) => None,
    }
}

fn zone_of(text: &str) -> Option<String> {
    if text.is_empty() || text == "Z" {
        return Some(text.to_owned());
    }
    if text.starts_with('Z') {
        return None;
    }
    let digits: String = text[1..].chars().filter(|c| *c != ':').collect();
    let fits = matches!(digits.len(), 2 | 4) && digits.bytes().all(|b| b.is_ascii_digit());
    let minutes = digits.get(2..).filter(|m| !m.is_empty()).unwrap_or("00");
    fits.then(|| format!("{}{}:{minutes}", &text[..1], &digits[..2]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_three_styles() {
        for (text, style, number) in [
            ("1234.5", NumberStyle::Plain, Some(1234.5)),
            ("-1e3", NumberStyle::Plain, Some(-1000.0)),
            ("1,5", NumberStyle::Plain, None),
            ("inf", NumberStyle::Plain, None),
            ("nan", NumberStyle::Plain, None),
            ("1e999", NumberStyle::Plain, None),
            ("1,234,567.5", NumberStyle::CommaGroups, Some(1_234_567.5)),
            ("1234.5", NumberStyle::CommaGroups, Some(1234.5)),
            ("1,23", NumberStyle::CommaGroups, None),
            ("1234,567", NumberStyle::CommaGroups, None),
            ("1.234,5", NumberStyle::CommaDecimal, Some(1234.5)),
            ("-0,5", NumberStyle::CommaDecimal, Some(-0.5)),
            ("1,2,3", NumberStyle::CommaDecimal, None),
            ("", NumberStyle::CommaDecimal, None),
            (",", NumberStyle::CommaGroups, None),
        ] {
            assert_eq!(parse_number(text, style), number, "{text:?} {style:?}");
        }
    }

    #[test]
    fn dates_and_instants() {
        let order = DateOrder::MonthFirst;
        for (text, date) in [
            ("2024-02-29", Some("2024-02-29")),
            ("2023-02-29", None),
            ("24.12.2024", Some("2024-12-24")),
            ("1.2.2024", Some("2024-02-01")),
            ("12/24/2024", Some("2024-12-24")),
            ("24/12/2024", None),
            ("2024/12/24", Some("2024-12-24")),
            ("24.12.24", None),
            ("1.2.3.4", None),
            ("--", None),
        ] {
            assert_eq!(parse_date(text, order).as_deref(), date, "{text:?}");
        }
        for (text, instant) in [
            ("2024-12-24T18:00:00", Some("2024-12-24T18:00:00")),
            ("2024-12-24 18:00", Some("2024-12-24T18:00:00")),
            ("2024-12-24T18:00:00.123456Z", Some("2024-12-24T18:00:00.123Z")),
            ("2024-12-24T18:00:00+0130", Some("2024-12-24T18:00:00+01:30")),
            ("2024-12-24 18:00:00-08", Some("2024-12-24T18:00:00-08:00")),
            ("24.12.2024 18:00", Some("2024-12-24T18:00:00")),
            ("2024-12-24T25:00", None),
            ("2024-12-24", None),
            ("2024-12-24T18:00:00+é", None),
        ] {
            assert_eq!(parse_timestamp(text, order).as_deref(), instant, "{text:?}");
        }
    }

    #[test]
    fn values_that_do_not_fit_say_what_was_expected() {
        let choices = vec!["new".to_owned(), "paid".to_owned()];
        let number = Reading::Number(NumberStyle::Plain);
        assert_eq!(to_json(" 7 ", number, "number", &[]), Ok(Some(Json::from(7))));
        assert_eq!(to_json("abc", number, "number", &[]).unwrap_err(), "expected a number, got \"abc\"");
        assert_eq!(to_json("  ", number, "number", &[]), Ok(None));
        let wrong = to_json("late", Reading::Choice, "choice", &choices).unwrap_err();
        assert_eq!(wrong, "expected one of \"new\", \"paid\", got \"late\"");
        let several = to_json("new; paid", Reading::Text, "multi", &choices).unwrap();
        assert_eq!(several, Some(serde_json::json!(["new", "paid"])));
        assert_eq!(to_json(" x ", Reading::Text, "string", &[]), Ok(Some(Json::from(" x "))));
    }
}
