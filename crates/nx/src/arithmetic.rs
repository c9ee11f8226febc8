//! The operators `+ - * / %` and the sign (nx-language.md §3.3, §3.6, §9-7, §9-10), on values and on types.
//!
//! [`result_type`] is what the checker knows, [`apply`] what happens. They agree by way of [`apply_as`], which gives
//! a value of the type that was foretold, or null: null itself does not know whether it is an empty date or text.

use jiff::tz::TimeZone;

use crate::{
    Base, Context, RunError, Type, Value,
    convert::{number_of_text, write_text},
    moment::civil::{DAY_MS, date, instant, instant_of, interval, time, whole},
};

/// An operator with two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `+`, which joins texts as well.
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`, with the sign of what is divided.
    Remainder,
}

impl Operator {
    /// How it is written.
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}

/// The arithmetic of numbers; `None` for what is none, such as a division by 0 (§9-7).
#[inline]
pub(crate) fn numbers(operator: Operator, left: f64, right: f64) -> Option<f64> {
    let n = match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::Remainder => left % right,
    };
    n.is_finite().then_some(n)
}

/// What an operator makes of two values whose types are known only now.
#[cfg(test)]
#[inline]
pub(crate) fn apply(
    cx: &mut Context<'_>,
    operator: Operator,
    left: &Value,
    right: &Value,
) -> Result<Value, RunError> {
    if let (Value::Number(left), Value::Number(right)) = (left, right) {
        return Ok(numbers(operator, *left, *right).into());
    }
    apply_any(cx, operator, left, right)
}

/// What an operator makes of two values of types that [`result_type`] gave `result` for: a value of that type, or null.
#[inline]
pub(crate) fn apply_as(
    cx: &mut Context<'_>,
    result: Type,
    operator: Operator,
    left: &Value,
    right: &Value,
) -> Result<Value, RunError> {
    if let (Value::Number(left), Value::Number(right), Base::Number | Base::Any) = (left, right, result.base)
    {
        return Ok(numbers(operator, *left, *right).into());
    }
    if matches!(result.base, Base::Text(_)) {
        return join(cx, left, right);
    }
    let value = apply_any(cx, operator, left, right)?;
    Ok(conform(value, result, &cx.locale.zone))
}

/// A value with the other sign. Of null it is 0, so that `order by -Field` has empty values between negative and
/// positive ones.
pub(crate) fn negate(value: &Value) -> Result<Value, RunError> {
    Ok(match value {
        Value::Null => Value::Number(0.0),
        Value::Interval(ms) => interval(ms.checked_neg()),
        Value::Date(ms) | Value::DateTime(ms) | Value::Time(ms) => Value::Number(-(*ms as f64)),
        other => match as_number(other) {
            // 0 has no sign that anybody should see.
            Some(n) => Value::Number(0.0 - n),
            None => return Err(RunError::other(format!("-{} is not defined", type_name(other)))),
        },
    })
}

/// [`negate`] of a value whose type [`negated_type`] gave `result` for.
pub(crate) fn negate_as(result: Type, value: &Value) -> Result<Value, RunError> {
    match value {
        Value::Null if result.base == Base::Interval => Ok(Value::Interval(0)),
        _ => negate(value),
    }
}

/// The type of `-x`; `None` where that is not defined. Dates and times become numbers, which is for `order by -Date`.
pub(crate) fn negated_type(of: Type) -> Option<Type> {
    match Kind::of(of) {
        Kind::Any => Some(Type::ANY),
        Kind::Number | Kind::Date | Kind::DateTime | Kind::Time => Some(Type::NUMBER),
        Kind::Interval => Some(Type::one(Base::Interval)),
        Kind::Text | Kind::Other => None,
    }
}

/// The type of what an operator makes of two types; `None` where that is not defined.
pub(crate) fn result_type(operator: Operator, left: Type, right: Type) -> Option<Type> {
    use Kind::{Any, Date, DateTime, Interval, Number, Other, Text, Time};
    use Operator::{Add, Divide, Multiply, Remainder, Subtract};
    Some(Type::one(match (operator, Kind::of(left), Kind::of(right)) {
        (Add, Text, _) | (Add, _, Text) => return Some(Type::TEXT),
        (_, Number, Number) | (Remainder, Number | Any, Number | Any) => Base::Number,
        // What is known only when it runs may be text.
        (Add, Any, _) | (Add, _, Any) => Base::Any,
        (Subtract, Any, Any | Number | Date | DateTime | Time | Interval) => Base::Any,
        (Subtract, Number | Date | DateTime | Time | Interval, Any) => Base::Any,
        (Multiply, Any, Any | Number | Interval) | (Multiply, Number, Any) => Base::Any,
        (Divide, Any, Any | Number | Interval) | (Divide, Interval, Any) => Base::Any,
        (Divide, Number, Any) => Base::Number,
        (Multiply, Interval, Any) => Base::Interval,
        (Add | Subtract, Date, Number) | (Add, Number, Date) => Base::Date,
        (Add | Subtract, DateTime, Number | Interval) | (Add, Number | Interval, DateTime) => Base::DateTime,
        (Add, Date, Time | Interval) | (Add, Time | Interval, Date) | (Subtract, Date, Interval) => {
            Base::DateTime
        }
        (Add | Subtract, Time, Number | Interval) | (Add, Number | Interval, Time) => Base::Time,
        (Add | Subtract, Interval, Number | Interval) | (Add | Subtract, Number, Interval) => Base::Interval,
        (Subtract, Date, Date) => Base::Number,
        (Subtract, Date | DateTime, Date | DateTime) | (Subtract, Time, Time) => Base::Interval,
        (Multiply | Divide, Interval, Number) | (Multiply, Number, Interval) => Base::Interval,
        (Divide, Interval, Interval) => Base::Number,
        (_, Other | Text | Date | DateTime | Time | Interval | Number | Any, _) => return None,
    }))
}

/// What counts for arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Any,
    Number,
    Text,
    Date,
    DateTime,
    Time,
    Interval,
    Other,
}

impl Kind {
    fn of(ty: Type) -> Self {
        if ty.is_array {
            return Self::Other;
        }
        match ty.base {
            Base::Any | Base::Void => Self::Any,
            // An option counts as its id, a record as its number, yes as 1.
            Base::Number | Base::Bool | Base::Choice(_) | Base::Record(_) | Base::AnyRecord => Self::Number,
            Base::Text(_) => Self::Text,
            Base::Date => Self::Date,
            Base::DateTime => Self::DateTime,
            Base::Time => Self::Time,
            Base::Interval => Self::Interval,
            Base::Appointment | Base::Multi(_) | Base::User | Base::File => Self::Other,
        }
    }
}

fn apply_any(
    cx: &mut Context<'_>,
    operator: Operator,
    left: &Value,
    right: &Value,
) -> Result<Value, RunError> {
    if operator == Operator::Add && matches!((left, right), (Value::Text(_), _) | (_, Value::Text(_))) {
        return join(cx, left, right);
    }
    let (l, r) = (operand(left), operand(right));
    match (&l, &r) {
        (Value::Null, Value::Null) => Ok(Value::Null),
        (Value::Number(left), Value::Number(right)) => Ok(numbers(operator, *left, *right).into()),
        (Value::Null, Value::Number(n)) => Ok(numbers(operator, 0.0, *n).into()),
        (Value::Number(n), Value::Null) => Ok(numbers(operator, *n, 0.0).into()),
        (Value::Null, Value::Interval(ms)) if operator == Operator::Divide => {
            Ok(numbers(operator, 0.0, *ms as f64).into())
        }
        // An empty operand is 0 to dates and times too; with what knows no arithmetic it is no mistake.
        (Value::Null, r) => Ok(timed(operator, &Value::Number(0.0), r, &cx.locale.zone).unwrap_or_default()),
        (l, Value::Null) => Ok(timed(operator, l, &Value::Number(0.0), &cx.locale.zone).unwrap_or_default()),
        (l, r) => timed(operator, l, r, &cx.locale.zone).ok_or_else(|| {
            let (left, right) = (type_name(left), type_name(right));
            RunError::other(format!("{left} {} {right} is not defined", operator.symbol()))
        }),
    }
}

/// A number where it counts as one, else the value itself.
fn operand(value: &Value) -> Value {
    match value {
        Value::Text(text) if text.is_empty() => Value::Null,
        other => as_number(other).map_or_else(|| other.clone(), Value::Number),
    }
}

fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(n) => Some(*n),
        Value::Bool(b) => Some(f64::from(*b)),
        Value::Choice(_, option) => Some(f64::from(*option)),
        Value::Record(_, record) => Some(f64::from(record.get())),
        // JSON often has numbers as text.
        Value::Text(text) => number_of_text(text),
        _ => None,
    }
}

/// Dates and times (§3.6); `None` where it is not defined. Days are whole, and so are milliseconds.
fn timed(operator: Operator, left: &Value, right: &Value, zone: &TimeZone) -> Option<Value> {
    use Operator::{Add, Divide, Multiply, Subtract};
    use Value::{Date, DateTime, Interval, Number, Time};
    let days = |ms: i64| ms.div_euclid(DAY_MS);
    let midnight = |ms: i64| instant_of(days(ms), 0, zone);
    let plus = |a: Option<i64>, b: Option<i64>| a?.checked_add(b?);
    let minus = |a: Option<i64>, b: Option<i64>| a?.checked_sub(b?);
    let ms = |n: f64| whole(n, f64::round);
    Some(match (operator, left, right) {
        (Add, Date(d), Number(n)) | (Add, Number(n), Date(d)) => {
            date(plus(Some(days(*d)), whole(*n, f64::floor)))
        }
        (Subtract, Date(d), Number(n)) => date(plus(Some(days(*d)), whole(-*n, f64::floor))),
        (Subtract, Date(a), Date(b)) => Value::number((days(*a) as f64) - (days(*b) as f64)),
        // The clock, so that 9:00 is 9:00 on the day the clocks change.
        (Add, Date(d), Time(t)) | (Add, Time(t), Date(d)) => instant(instant_of(days(*d), *t, zone)),
        (Add, Date(d), Interval(i)) | (Add, Interval(i), Date(d)) => instant(plus(midnight(*d), Some(*i))),
        (Subtract, Date(d), Interval(i)) => instant(minus(midnight(*d), Some(*i))),
        (Add, DateTime(t), Interval(i)) | (Add, Interval(i), DateTime(t)) => {
            instant(plus(Some(*t), Some(*i)))
        }
        (Add, DateTime(t), Number(n)) | (Add, Number(n), DateTime(t)) => instant(plus(Some(*t), ms(*n))),
        (Subtract, DateTime(t), Interval(i)) => instant(minus(Some(*t), Some(*i))),
        (Subtract, DateTime(t), Number(n)) => instant(minus(Some(*t), ms(*n))),
        (Subtract, DateTime(a), DateTime(b)) => interval(minus(Some(*a), Some(*b))),
        (Subtract, DateTime(a), Date(b)) => interval(minus(Some(*a), midnight(*b))),
        (Subtract, Date(a), DateTime(b)) => interval(minus(midnight(*a), Some(*b))),
        (Add, Time(t), Interval(i)) | (Add, Interval(i), Time(t)) => time(plus(Some(*t), Some(*i))),
        (Add, Time(t), Number(n)) | (Add, Number(n), Time(t)) => time(plus(Some(*t), ms(*n))),
        (Subtract, Time(t), Interval(i)) => time(minus(Some(*t), Some(*i))),
        (Subtract, Time(t), Number(n)) => time(minus(Some(*t), ms(*n))),
        (Subtract, Time(a), Time(b)) => interval(minus(Some(*a), Some(*b))),
        (Add, Interval(a), Interval(b)) => interval(plus(Some(*a), Some(*b))),
        (Add, Interval(i), Number(n)) | (Add, Number(n), Interval(i)) => interval(plus(Some(*i), ms(*n))),
        (Subtract, Interval(a), Interval(b)) => interval(minus(Some(*a), Some(*b))),
        (Subtract, Interval(i), Number(n)) => interval(minus(Some(*i), ms(*n))),
        (Subtract, Number(n), Interval(i)) => interval(minus(ms(*n), Some(*i))),
        (Multiply, Interval(i), Number(n)) | (Multiply, Number(n), Interval(i)) => {
            interval(ms(*i as f64 * n))
        }
        (Divide, Interval(i), Number(n)) => interval(ms(*i as f64 / n)),
        (Divide, Interval(a), Interval(b)) => Value::number(*a as f64 / *b as f64),
        _ => return None,
    })
}

/// Of the type that was foretold, or null. Only a null operand makes a difference between them.
fn conform(value: Value, result: Type, zone: &TimeZone) -> Value {
    match (result.base, value) {
        (Base::Any, value)
        | (Base::Number, value @ Value::Number(_))
        | (Base::Date, value @ Value::Date(_))
        | (Base::DateTime, value @ Value::DateTime(_))
        | (Base::Time, value @ Value::Time(_))
        | (Base::Interval, value @ Value::Interval(_)) => value,
        // An empty interval and a number of milliseconds.
        (Base::Interval, Value::Number(n)) => interval(whole(n, f64::round)),
        // A date and an empty time.
        (Base::DateTime, Value::Date(ms)) => instant(instant_of(ms.div_euclid(DAY_MS), 0, zone)),
        _ => Value::Null,
    }
}

/// Both as text, one behind the other.
fn join(cx: &mut Context<'_>, left: &Value, right: &Value) -> Result<Value, RunError> {
    let least = text_bytes(left).saturating_add(text_bytes(right));
    cx.charge(least)?;
    let mut out = String::with_capacity(least);
    write_text(left, &cx.schema, &cx.locale, &mut out);
    write_text(right, &cx.schema, &cx.locale, &mut out);
    cx.charge(out.len().saturating_sub(least))?;
    Ok(out.into())
}

/// How long a value is as text at least: items that are shared count each time, as they will be copied.
fn text_bytes(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Array(items) => items.iter().map(text_bytes).fold(0, usize::saturating_add),
        Value::Object(object) => object.values().map(text_bytes).fold(0, usize::saturating_add),
        _ => 0,
    }
}

/// The word of the language for a value's type.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::Text(_) => "text",
        Value::Date(_) => "date",
        Value::DateTime(_) => "datetime",
        Value::Time(_) => "time",
        Value::Interval(_) => "timeinterval",
        Value::Appointment(..) => "appointment",
        Value::Choice(..) => "choice",
        Value::Choices(..) => "multi",
        Value::Record(..) => "record",
        Value::User(_) => "user",
        Value::File(..) => "file",
        Value::Records(..) | Value::Array(_) => "array",
        Value::Object(_) => "JSON",
    }
}

#[cfg(test)]
mod tests;
