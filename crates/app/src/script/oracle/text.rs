//! Values as text, for the oracle (nx-language.md §3.3, §7).

use super::{
    naive::DAY,
    world::{OPTIONS, Val, table_id},
};

/// Year, month and day of a day since 1970.
pub(super) fn civil(days: i64) -> (i64, i64, i64) {
    let (mut year, mut rest) = (1970, days);
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if rest < 0 {
            year -= 1;
            rest += if is_leap(year) { 366 } else { 365 };
        } else if rest >= length {
            rest -= length;
            year += 1;
        } else {
            break;
        }
    }
    let mut month = 1;
    loop {
        let length = match month {
            2 if is_leap(year) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        if rest < length {
            return (year, month, rest + 1);
        }
        rest -= length;
        month += 1;
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

pub(super) fn iso_date((year, month, day): (i64, i64, i64)) -> String {
    format!("{year:04}-{month:02}-{day:02}")
}

/// Milliseconds of an instant are not shown.
pub(super) fn iso_moment(ms: i64) -> String {
    format!("{}T{}", iso_date(civil(ms.div_euclid(DAY))), clock(ms.rem_euclid(DAY) / 1000 * 1000))
}

/// `09:30:00`
pub(super) fn clock(ms: i64) -> String {
    format!("{:02}:{}", ms / 3_600_000, minutes(ms))
}

/// `1:30:00`
pub(super) fn span(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    let ms = ms.abs();
    format!("{sign}{}:{}", ms / 3_600_000, minutes(ms))
}

fn minutes(ms: i64) -> String {
    let rest = if ms % 1000 == 0 { String::new() } else { format!(".{:03}", ms % 1000) };
    format!("{:02}:{:02}{rest}", ms / 60_000 % 60, ms / 1000 % 60)
}

/// `text(x)` in English, UTC.
pub(super) fn text_of(value: &Val) -> String {
    match value {
        Val::Null => String::new(),
        Val::Bool(b) => b.to_string(),
        Val::Num(n) => number_text(*n),
        Val::Text(text) => text.clone(),
        Val::Date(days) => date_text(*days),
        Val::Moment(ms) => {
            let (hour, minute) = (ms.rem_euclid(DAY) / 3_600_000, ms.rem_euclid(DAY) / 60_000 % 60);
            let half = if hour < 12 { "AM" } else { "PM" };
            format!("{} {}:{minute:02} {half}", date_text(ms.div_euclid(DAY)), (hour + 11) % 12 + 1)
        }
        Val::Time(ms) => format!("{:02}:{:02}", ms / 3_600_000, ms / 60_000 % 60),
        Val::Span(ms) => {
            let text = span(ms / 1000 * 1000);
            text.strip_suffix(":00").map_or(text.clone(), str::to_owned)
        }
        Val::Choice(option) => OPTIONS[usize::from(*option) - 1].to_owned(),
        Val::Multi(options) => {
            let captions: Vec<_> = options.iter().map(|option| OPTIONS[*option as usize - 1]).collect();
            captions.join(", ")
        }
        Val::Rec(table, n) => format!("{}{n}", table_id(*table)),
        Val::List(list) | Val::Object(list) => list.iter().map(text_of).collect::<Vec<_>>().join(", "),
    }
}

fn date_text(days: i64) -> String {
    let (year, month, day) = civil(days);
    format!("{month:02}/{day:02}/{year:04}")
}

/// As JavaScript writes it.
fn number_text(n: f64) -> String {
    if n == 0.0 {
        return "0".into();
    }
    if (1e-6..1e21).contains(&n.abs()) {
        return n.to_string();
    }
    let text = format!("{n:e}");
    if text.contains("e-") { text } else { text.replace('e', "e+") }
}
