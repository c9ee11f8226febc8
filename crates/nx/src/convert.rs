//! Conversions between types (nx-language.md §3.3, §3.4, §4.1 `number`, §4.2 `text`).

use std::{fmt::Write, sync::Arc};

use boobook_model::{Schema, write_json_number};

use crate::{Base, Context, FieldRef, Locale, RunError, Type, Value, moment};

/// A value for a variable or parameter of a type, where only now it is known what it is. What cannot be converted
/// is null.
pub(crate) fn convert(cx: &mut Context<'_>, value: Value, ty: Type) -> Result<Value, RunError> {
    if ty.is_array || value.is_null() {
        return Ok(value);
    }
    Ok(match (ty.base, &value) {
        (Base::Number, _) => number_of(&value).into(),
        (Base::Bool, _) => Value::Bool(value.is_true()),
        (Base::Text(_), Value::Text(_)) => value,
        (Base::Text(_), _) => {
            let text = text_of(&value, &cx.schema, &cx.locale);
            cx.made(Value::Text(text))?
        }
        (Base::Date, Value::DateTime(ms)) => {
            moment::civil::date(Some(moment::civil::Local::at(*ms, &cx.locale.zone).day))
        }
        (Base::DateTime, Value::Date(ms)) => moment::civil::instant(moment::civil::instant_of(
            ms.div_euclid(moment::civil::DAY_MS),
            0,
            &cx.locale.zone,
        )),
        (Base::Interval, Value::Time(ms) | Value::Interval(ms)) => Value::Interval(*ms),
        (Base::Date, Value::Date(_))
        | (Base::DateTime, Value::DateTime(_))
        | (Base::Time, Value::Time(_))
        | (Base::Appointment, Value::Appointment(..)) => value,
        (Base::Date | Base::DateTime | Base::Time | Base::Interval | Base::Appointment, _) => Value::Null,
        _ => value,
    })
}

/// As a number, `number(x)`; `None` where it is none.
pub(crate) fn number_of(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(b) => Some(f64::from(*b)),
        Value::Number(n) => Some(*n),
        Value::Text(text) => number_of_text(text),
        Value::Date(ms) | Value::DateTime(ms) | Value::Time(ms) | Value::Interval(ms) => Some(*ms as f64),
        Value::Choice(_, option) => Some(f64::from(*option)),
        Value::Record(_, record) => Some(f64::from(record.get())),
        // An array of one is what a filter that finds one record gives.
        Value::Array(_) | Value::Records(..) if value.item_count() == 1 => {
            value.item(0).as_ref().and_then(number_of)
        }
        _ => None,
    }
}

/// Digits with a point, perhaps a sign and an exponent; blanks around do not matter.
pub(crate) fn number_of_text(text: &str) -> Option<f64> {
    let text = text.trim();
    // Rust reads "inf", "nan" and "infinity" too.
    let plausible = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'));
    text.parse::<f64>().ok().filter(|n| plausible && n.is_finite())
}

/// As text, `text(x)`; null is empty text.
pub(crate) fn text_of(value: &Value, schema: &Schema, locale: &Locale) -> Arc<str> {
    match value {
        Value::Text(text) => Arc::clone(text),
        other => {
            let mut out = String::new();
            write_text(other, schema, locale, &mut out);
            out.into()
        }
    }
}

/// Appends [`text_of`].
pub(crate) fn write_text(value: &Value, schema: &Schema, locale: &Locale, out: &mut String) {
    match value {
        Value::Null => {}
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) => write_number(*n, out),
        Value::Text(text) | Value::File(.., text) => out.push_str(text),
        Value::User(id) => out.push_str(locale.users.get(id).unwrap_or(id)),
        Value::Date(_)
        | Value::DateTime(_)
        | Value::Time(_)
        | Value::Interval(_)
        | Value::Appointment(..) => {
            moment::write_short(value, locale, out);
        }
        Value::Choice(field, option) => write_option(*field, u32::from(*option), schema, locale, out),
        Value::Choices(field, options) => {
            write_joined(options.iter(), out, |option, out| {
                write_option(*field, *option, schema, locale, out);
            });
        }
        Value::Record(table, record) => {
            let _ = write!(out, "{table}{record}");
        }
        Value::Records(table, records) => write_joined(records.iter(), out, |record, out| {
            let _ = write!(out, "{table}{record}");
        }),
        Value::Array(items) => {
            write_joined(items.iter(), out, |item, out| write_text(item, schema, locale, out));
        }
        Value::Object(_) => crate::json::write(value, out),
    }
}

/// As JavaScript prints it.
pub(crate) fn write_number(n: f64, out: &mut String) {
    let mut bytes = Vec::with_capacity(24);
    write_json_number(n, &mut bytes);
    out.push_str(std::str::from_utf8(&bytes).unwrap_or_default());
}

/// Items with `, ` between them (§9-13).
fn write_joined<T>(items: impl Iterator<Item = T>, out: &mut String, mut write: impl FnMut(T, &mut String)) {
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        write(item, out);
    }
}

/// An option's caption in the database's language; the id of one that is gone.
fn write_option(field: FieldRef, option: u32, schema: &Schema, locale: &Locale, out: &mut String) {
    let found = schema
        .table(field.table)
        .and_then(|table| table.field(field.field))
        .and_then(|field| field.option(u16::try_from(option).ok()?));
    match found {
        Some(option) => {
            let translated = option.captions.get(locale.language.code()).and_then(|c| c.as_str());
            out.push_str(translated.filter(|c| !c.is_empty()).unwrap_or(&option.caption));
        }
        None => {
            let _ = write!(out, "{option}");
        }
    }
}
