//! Dates and times: the calendar, zones, and values as text.

pub(crate) mod civil;
pub(crate) mod names;
#[cfg(test)]
mod tests;
pub(crate) mod tokens;

use civil::{MINUTE_MS, SECOND_MS};
use names::Names;
use tokens::Moment;

use crate::{Locale, Value};

/// Appends the ISO form of answers: `2021-01-23`, `2021-01-23T12:30:00`, `12:30:00`, `123:25:16`.
pub(crate) fn write_iso(value: &Value, out: &mut String) {
    let mut bytes = Vec::with_capacity(48);
    match value {
        Value::Date(ms) => boobook_model::field::write_date(*ms, &mut bytes),
        Value::DateTime(ms) => boobook_model::field::write_timestamp(*ms, &mut bytes),
        Value::Time(ms) => boobook_model::field::write_clock(*ms, &mut bytes),
        Value::Interval(ms) => boobook_model::field::write_interval(*ms, &mut bytes),
        Value::Appointment(from, to) => {
            boobook_model::field::write_timestamp(*from, &mut bytes);
            bytes.extend_from_slice(b" - ");
            boobook_model::field::write_timestamp(*to, &mut bytes);
        }
        _ => {}
    }
    out.push_str(std::str::from_utf8(&bytes).unwrap_or_default());
}

/// Appends the short form of the database's language (§3.3, §9-23).
pub(crate) fn write_short(value: &Value, locale: &Locale, out: &mut String) {
    let names = Names::of(locale.language.code());
    let [clock, _, date, ..] = names.formats;
    match value {
        Value::Date(_) => write_one(value, date, names, locale, out),
        Value::DateTime(_) => {
            write_one(value, date, names, locale, out);
            out.push(' ');
            write_one(value, clock, names, locale, out);
        }
        Value::Time(_) => write_one(value, "HH:mm", names, locale, out),
        Value::Interval(ms) if (ms % MINUTE_MS).abs() < SECOND_MS => {
            write_one(value, "H:mm", names, locale, out);
        }
        Value::Interval(_) => write_one(value, "H:mm:ss", names, locale, out),
        Value::Appointment(from, to) => {
            write_short(&Value::DateTime(*from), locale, out);
            out.push_str(" - ");
            write_short(&Value::DateTime(*to), locale, out);
        }
        _ => {}
    }
}

/// Appends a date or time in a format of moment.js; of an appointment both ends.
pub(crate) fn write_format(value: &Value, format: &str, names: &Names, locale: &Locale, out: &mut String) {
    if let Value::Appointment(from, to) = value {
        write_one(&Value::DateTime(*from), format, names, locale, out);
        out.push_str(" - ");
        write_one(&Value::DateTime(*to), format, names, locale, out);
    } else {
        write_one(value, format, names, locale, out);
    }
}

fn write_one(value: &Value, format: &str, names: &Names, locale: &Locale, out: &mut String) {
    if let Some(moment) = Moment::of(value, &locale.zone) {
        moment.write(format, names, out);
    }
}
