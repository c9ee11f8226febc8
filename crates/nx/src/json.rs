//! Values as JSON: answers of `/query` and `/exec` (nx-language.md §7), `formatJSON`, `parseJSON`.

use std::sync::Arc;

use serde_json::Value as JsonValue;

use boobook_model::Schema;

use crate::{
    Locale, Object, Value,
    convert::{text_of, write_number},
    moment,
};

/// Appends a value as JSON.
pub fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) => write_number(*n, out),
        Value::Text(text) | Value::User(text) | Value::File(.., text) => write_string(text, out),
        Value::Date(_)
        | Value::DateTime(_)
        | Value::Time(_)
        | Value::Interval(_)
        | Value::Appointment(..) => {
            out.push('"');
            moment::write_iso(value, out);
            out.push('"');
        }
        Value::Choice(_, option) => out.push_str(itoa::Buffer::new().format(*option)),
        Value::Choices(_, options) => {
            write_array(options.iter(), out, |option, out| out.push_str(itoa::Buffer::new().format(*option)));
        }
        Value::Record(table, record) => write_string(&format!("{table}{record}"), out),
        Value::Records(table, records) => {
            write_array(records.iter(), out, |record, out| write_string(&format!("{table}{record}"), out));
        }
        Value::Array(items) => write_array(items.iter(), out, write),
        Value::Object(object) => write_object(object, out, &mut |value, out| write(value, out)),
    }
}

/// Appends a value as JSON with options as their captions.
pub fn write_with_captions(value: &Value, schema: &Schema, locale: &Locale, out: &mut String) {
    match value {
        Value::Choice(..) => write_string(&text_of(value, schema, locale), out),
        Value::Choices(field, options) => write_array(options.iter(), out, |option, out| {
            let option = Value::Choice(*field, u16::try_from(*option).unwrap_or_default());
            write_string(&text_of(&option, schema, locale), out);
        }),
        Value::Array(items) => {
            write_array(items.iter(), out, |item, out| write_with_captions(item, schema, locale, out));
        }
        Value::Object(object) => write_object(object, out, &mut |value, out| {
            write_with_captions(value, schema, locale, out);
        }),
        other => write(other, out),
    }
}

fn write_object(object: &Object, out: &mut String, write_value: &mut dyn FnMut(&Value, &mut String)) {
    out.push('{');
    for (at, (key, value)) in object.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_string(key, out);
        out.push(':');
        write_value(value, out);
    }
    out.push('}');
}

fn write_array<T>(items: impl Iterator<Item = T>, out: &mut String, mut write: impl FnMut(T, &mut String)) {
    out.push('[');
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(']');
}

fn write_string(text: &str, out: &mut String) {
    let mut bytes = Vec::with_capacity(text.len() + 2);
    boobook_model::write_json_string(text, &mut bytes);
    // What was text and ASCII escapes is text.
    out.push_str(std::str::from_utf8(&bytes).unwrap_or_default());
}

/// A value from JSON.
pub fn from_json(json: JsonValue) -> Value {
    match json {
        JsonValue::Null => Value::Null,
        JsonValue::Bool(b) => Value::Bool(b),
        JsonValue::Number(n) => n.as_f64().into(),
        JsonValue::String(text) => text.into(),
        JsonValue::Array(items) => Value::array(items.into_iter().map(from_json).collect::<Vec<_>>()),
        JsonValue::Object(map) => {
            let object: Object =
                map.into_iter().map(|(key, value)| (Arc::from(key), from_json(value))).collect();
            Value::Object(object.into())
        }
    }
}
