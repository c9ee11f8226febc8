//! Comparing values (nx-language.md §3.4, §5.1 `order by`).

use std::cmp::Ordering;

use boobook_model::{Needle, Schema};

use crate::{
    Context, FieldRef, Host, Value,
    convert::{number_of, number_of_text, write_text},
    ir::Comparison,
};

/// Whether a comparison holds.
pub(crate) fn holds(cx: &Context<'_>, comparison: Comparison, left: &Value, right: &Value) -> bool {
    let ordering = || ordering(left, right);
    match comparison {
        Comparison::Equal => equal_in(&*cx.host, &cx.schema, left, right),
        Comparison::NotEqual => !equal_in(&*cx.host, &cx.schema, left, right),
        // Ordering with empty does not hold, but that two empty ones are not apart (§9-7).
        Comparison::Less => ordering() == Some(Ordering::Less),
        Comparison::Greater => ordering() == Some(Ordering::Greater),
        Comparison::LessOrEqual => match (left.is_empty(), right.is_empty()) {
            (true, true) => true,
            _ => matches!(ordering(), Some(Ordering::Less | Ordering::Equal)),
        },
        Comparison::GreaterOrEqual => match (left.is_empty(), right.is_empty()) {
            (true, true) => true,
            _ => matches!(ordering(), Some(Ordering::Greater | Ordering::Equal)),
        },
        Comparison::Like => is_like(cx, left, right),
    }
}

/// `=`, users by name and address too.
fn equal_in(host: &dyn Host, schema: &Schema, left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::User(user), Value::Text(text)) | (Value::Text(text), Value::User(user)) => {
            user == text
                || host.users().iter().any(|known| {
                    known.id.as_str() == &**user && (known.name == *text || known.email == *text)
                })
        }
        _ => equal(left, right, schema),
    }
}

/// `=`
pub fn equal(left: &Value, right: &Value, schema: &Schema) -> bool {
    if left.is_empty() || right.is_empty() {
        return left.is_empty() && right.is_empty();
    }
    match (left, right) {
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Number(a), Value::Number(b)) => a == b,
        (Value::Text(a), Value::Text(b)) | (Value::User(a), Value::User(b)) => a == b,
        (Value::Bool(b), Value::Number(n)) | (Value::Number(n), Value::Bool(b)) => f64::from(*b) == *n,
        (Value::Number(n), Value::Text(text)) | (Value::Text(text), Value::Number(n)) => {
            number_of_text(text) == Some(*n)
        }
        (Value::Choice(_, a), Value::Choice(_, b)) => a == b,
        (Value::Choice(_, option), Value::Number(n)) | (Value::Number(n), Value::Choice(_, option)) => {
            f64::from(*option) == *n
        }
        (Value::Choice(field, option), Value::Text(caption))
        | (Value::Text(caption), Value::Choice(field, option)) => {
            is_caption(schema, *field, u32::from(*option), caption)
        }
        (Value::Choices(_, a), Value::Choices(_, b)) => a == b,
        // One option only, and that one (§3.4).
        (Value::Choices(field, options), one) | (one, Value::Choices(field, options)) => {
            let [option] = options[..] else { return false };
            let Ok(option) = u16::try_from(option) else { return false };
            equal(&Value::Choice(*field, option), one, schema)
        }
        (Value::Record(a, x), Value::Record(b, y)) => a == b && x == y,
        (Value::Record(_, record), Value::Number(n)) | (Value::Number(n), Value::Record(_, record)) => {
            f64::from(record.get()) == *n
        }
        (Value::Record(table, record), Value::Text(nid))
        | (Value::Text(nid), Value::Record(table, record)) => **nid == format!("{table}{record}"),
        (Value::File(..), Value::File(..)) => left == right,
        (Value::File(.., name), Value::Text(text)) | (Value::Text(text), Value::File(.., name)) => {
            name == text
        }
        (Value::Appointment(..), Value::Appointment(..)) => left == right,
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| equal(value, other, schema)))
        }
        _ if left.is_array() || right.is_array() => {
            left.item_count() == right.item_count()
                && left.items().zip(right.items()).all(|(a, b)| equal(&a, &b, schema))
        }
        _ => match (moment_ms(left), moment_ms(right)) {
            (Some(a), Some(b)) => a == b,
            (Some(ms), None) => matches!(right, Value::Number(n) if *n == ms as f64),
            (None, Some(ms)) => matches!(left, Value::Number(n) if *n == ms as f64),
            (None, None) => false,
        },
    }
}

/// Whether a text is a caption of an option, in any language.
fn is_caption(schema: &Schema, field: FieldRef, option: u32, caption: &str) -> bool {
    let option = schema
        .table(field.table)
        .and_then(|table| table.field(field.field))
        .and_then(|field| field.option(u16::try_from(option).ok()?));
    option.is_some_and(|option| {
        option.caption == caption || option.captions.values().any(|c| c.as_str() == Some(caption))
    })
}

fn moment_ms(value: &Value) -> Option<i64> {
    match value {
        Value::Date(ms) | Value::DateTime(ms) | Value::Time(ms) | Value::Interval(ms) => Some(*ms),
        _ => None,
    }
}

/// Which comes first, of two that are not empty and of kinds that can be ordered.
fn ordering(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Text(a), Value::Text(b)) if !a.is_empty() && !b.is_empty() => Some(utf16(a, b)),
        (Value::User(a), Value::User(b)) => Some(utf16(a, b)),
        (Value::Text(_), Value::Text(_)) => None,
        (Value::Appointment(a, b), Value::Appointment(x, y)) => Some((a, b).cmp(&(x, y))),
        _ => number_of(left)?.partial_cmp(&number_of(right)?),
    }
}

/// The order of `order by` and `sort`: empty first, then by value; what cannot be compared by kind (§5.1, §4.4). Arrays
/// go by their first items that differ: were they equal to whatever cannot be compared with them, there would be no
/// order, and sorting would panic.
pub fn order(left: &Value, right: &Value) -> Ordering {
    match (left.is_empty(), right.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Less,
        (false, true) => return Ordering::Greater,
        (false, false) => {}
    }
    let rank = |value: &Value| match value {
        Value::Text(_) | Value::User(_) | Value::File(..) => 1,
        Value::Appointment(..) => 2,
        Value::Array(_) | Value::Records(..) | Value::Choices(..) => 3,
        Value::Object(_) => 4,
        _ => 0,
    };
    rank(left).cmp(&rank(right)).then_with(|| match (left, right) {
        (Value::Choices(_, a), Value::Choices(_, b)) => a.cmp(b),
        (
            Value::Text(a) | Value::User(a) | Value::File(.., a),
            Value::Text(b) | Value::User(b) | Value::File(.., b),
        ) => utf16(a, b),
        _ if rank(left) == 3 => {
            let mut pairs = left.items().zip(right.items()).map(|(a, b)| order(&a, &b));
            pairs.find(|order| order.is_ne()).unwrap_or_else(|| left.item_count().cmp(&right.item_count()))
        }
        _ => ordering(left, right).unwrap_or(Ordering::Equal),
    })
}

/// By UTF-16 code units, as JavaScript does: it differs from the order of characters only beyond U+FFFF.
pub(crate) fn utf16(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() {
        return a.as_bytes().cmp(b.as_bytes());
    }
    a.encode_utf16().cmp(b.encode_utf16())
}

/// `like`: the text of the left contains that of the right, whatever the case of letters; everything contains nothing.
fn is_like(cx: &Context<'_>, left: &Value, right: &Value) -> bool {
    let text = |value: &Value| {
        let mut out = String::new();
        write_text(value, &cx.schema, &cx.locale, &mut out);
        out
    };
    let wanted = text(right);
    wanted.is_empty() || Needle::new(&wanted).is_in(&text(left))
}

#[cfg(test)]
mod tests {
    use boobook_model::RecordId;
    use proptest::prelude::*;

    use super::*;

    fn one() -> impl Strategy<Value = Value> {
        let table = || "A".parse().unwrap();
        let field = move || FieldRef { table: table(), field: "A".parse().unwrap() };
        let text = || prop::sample::select(vec!["", "a", "b", "1"]);
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            (-1i32..3).prop_map(|n| Value::Number(f64::from(n))),
            text().prop_map(Value::text),
            text().prop_map(|id| Value::User(id.into())),
            text().prop_map(move |name| Value::File(table(), RecordId::new(1).unwrap(), name.into())),
            (0i64..3).prop_map(Value::Date),
            (0i64..2, 0i64..2).prop_map(|(from, to)| Value::Appointment(from, to)),
            (1u16..3).prop_map(move |option| Value::Choice(field(), option)),
            prop::collection::vec(1u32..3, 1..3)
                .prop_map(move |options| Value::Choices(field(), options.into())),
            (1u64..3).prop_map(move |n| Value::Record(table(), RecordId::new(n).unwrap())),
        ]
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![one(), prop::collection::vec(one(), 0..3).prop_map(Value::from_items)]
    }

    proptest! {
        /// Else sorting panics.
        #[test]
        fn there_is_an_order(a in value(), b in value(), c in value()) {
            prop_assert_eq!(order(&a, &b), order(&b, &a).reverse());
            if order(&a, &b) == order(&b, &c) {
                prop_assert_eq!(order(&a, &c), order(&a, &b), "{:?} {:?} {:?}", a, b, c);
            }
        }
    }
}
