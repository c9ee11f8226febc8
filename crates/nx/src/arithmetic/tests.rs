use std::sync::Arc;

use boobook_model::{RecordId, TableId};
use proptest::{prelude::*, sample::select};

use super::*;
use crate::{FieldRef, Object, TextKind, functions::check::Setting, json};

const DAY: i64 = DAY_MS;
const HOUR: i64 = 3_600_000;
/// 2024-03-15
const MARCH: i64 = 19_797 * DAY;

fn n(n: f64) -> Value {
    Value::Number(n)
}

fn check(operator: Operator, cases: &[(Value, Value, &str)]) {
    for (left, right, expected) in cases {
        let shown = match Setting::default().run(|cx| apply(cx, operator, left, right)) {
            Ok(value) => {
                let mut out = String::new();
                json::write(&value, &mut out);
                out
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, *expected, "{left:?} {} {right:?}", operator.symbol());
    }
}

fn table() -> TableId {
    "A".parse().unwrap()
}

fn record(id: u64) -> Value {
    Value::Record(table(), RecordId::new(id).unwrap())
}

fn option(id: u16) -> Value {
    Value::Choice(FieldRef { table: table(), field: "B".parse().unwrap() }, id)
}

#[test]
fn numbers_and_null() {
    use Operator::{Add, Divide, Multiply, Remainder, Subtract};
    check(Add, &[(n(1.0), n(2.0), "3"), (Value::Null, n(2.0), "2"), (n(2.0), Value::Null, "2")]);
    check(Add, &[(Value::Null, Value::Null, "null"), (n(f64::MAX), n(f64::MAX), "null")]);
    check(Subtract, &[(Value::Null, n(2.0), "-2"), (n(2.0), Value::Null, "2"), (record(6), n(1.0), "5")]);
    check(Multiply, &[(Value::Null, n(2.0), "0"), (true.into(), n(3.0), "3"), (option(4), n(3.0), "12")]);
    check(Divide, &[(n(1.0), n(4.0), "0.25"), (n(1.0), n(0.0), "null"), (n(0.0), n(0.0), "null")]);
    check(
        Divide,
        &[(Value::Null, n(2.0), "0"), (n(2.0), Value::Null, "null"), (Value::Null, n(0.0), "null")],
    );
    check(Remainder, &[(n(13.0), n(5.0), "3"), (n(-13.0), n(5.0), "-3"), (n(1.0), n(0.0), "null")]);
    check(Remainder, &[(Value::Null, n(5.0), "0"), (n(5.0), Value::Null, "null")]);
    check(Multiply, &[("1.5".into(), n(2.0), "3"), ("".into(), n(2.0), "0")]);
    check(Multiply, &[("x".into(), n(2.0), "text * number is not defined")]);
}

#[test]
fn text_takes_anything() {
    let array = Value::array(vec![n(1.0), "b".into(), Value::Null]);
    check(
        Operator::Add,
        &[
            ("Hi ".into(), n(42.0), "\"Hi 42\""),
            (n(2.0), " fast".into(), "\"2 fast\""),
            ("a".into(), Value::Null, "\"a\""),
            (Value::Null, "a".into(), "\"a\""),
            ("a".into(), true.into(), "\"atrue\""),
            (array, "!".into(), "\"1, b, !\""),
            (record(6), "".into(), "\"A6\""),
            ("on ".into(), Value::Date(MARCH), "\"on 03/15/2024\""),
            (Value::Appointment(0, HOUR), n(1.0), "appointment + number is not defined"),
        ],
    );
}

#[test]
fn dates_and_times() {
    use Value::{Date, DateTime, Interval, Null, Time};
    check(
        Operator::Add,
        &[
            (Date(MARCH), n(1.0), "\"2024-03-16\""),
            (n(-15.0), Date(MARCH), "\"2024-02-29\""),
            (Date(MARCH), n(1.9), "\"2024-03-16\""),
            (Date(MARCH), Null, "\"2024-03-15\""),
            (Date(MARCH), n(1e9), "null"),
            (Date(MARCH), n(1e300), "null"),
            (DateTime(MARCH), n(1000.0), "\"2024-03-15T00:00:01\""),
            (DateTime(MARCH), Interval(90 * 60_000), "\"2024-03-15T01:30:00\""),
            (DateTime(MARCH), Interval(i64::MAX), "null"),
            (Interval(HOUR), DateTime(MARCH), "\"2024-03-15T01:00:00\""),
            (Date(MARCH), Time(9 * HOUR), "\"2024-03-15T09:00:00\""),
            (Date(MARCH), Interval(49 * HOUR), "\"2024-03-17T01:00:00\""),
            (Time(23 * HOUR), Interval(2 * HOUR), "\"01:00:00\""),
            (Time(23 * HOUR), n(1000.0), "\"23:00:01\""),
            (Interval(HOUR), Interval(HOUR), "\"2:00:00\""),
            (Interval(HOUR), Null, "\"1:00:00\""),
            (Interval(HOUR), n(500.0), "\"1:00:00.500\""),
            (Date(MARCH), Date(MARCH), "date + date is not defined"),
            (DateTime(MARCH), DateTime(MARCH), "datetime + datetime is not defined"),
            (Time(0), Time(0), "time + time is not defined"),
        ],
    );
    check(
        Operator::Subtract,
        &[
            (Date(MARCH), Date(MARCH - 14 * DAY), "14"),
            (Date(MARCH), n(15.0), "\"2024-02-29\""),
            (Date(MARCH), DateTime(MARCH - HOUR), "\"1:00:00\""),
            (DateTime(MARCH), Date(MARCH + DAY), "\"-24:00:00\""),
            (DateTime(MARCH + HOUR), DateTime(MARCH), "\"1:00:00\""),
            (DateTime(MARCH), Interval(HOUR), "\"2024-03-14T23:00:00\""),
            (Time(HOUR), Interval(2 * HOUR), "\"23:00:00\""),
            (Time(HOUR), Time(2 * HOUR), "\"-1:00:00\""),
            (Null, Interval(HOUR), "\"-1:00:00\""),
            (Null, Date(MARCH), "null"),
            (n(5.0), Date(MARCH), "number - date is not defined"),
        ],
    );
    check(
        Operator::Multiply,
        &[
            (Interval(HOUR), n(1.5), "\"1:30:00\""),
            (n(2.0), Interval(HOUR), "\"2:00:00\""),
            (Interval(HOUR), Null, "\"0:00:00\""),
            (Interval(HOUR), n(1e300), "null"),
        ],
    );
    check(
        Operator::Divide,
        &[
            (Interval(HOUR), n(2.0), "\"0:30:00\""),
            (Interval(HOUR), n(0.0), "null"),
            (Interval(HOUR), Interval(HOUR / 4), "4"),
            (Interval(HOUR), Interval(0), "null"),
            (Null, Interval(HOUR), "0"),
            (n(1.0), Interval(HOUR), "number / timeinterval is not defined"),
        ],
    );
}

/// Days begin when the clocks of the zone say so.
#[test]
fn days_of_a_zone() {
    let berlin = Setting::zone("CET-1CEST,M3.5.0,M10.5.0/3");
    let sunday = Value::Date(MARCH + 16 * DAY);
    let add = |right: &Value| berlin.run(|cx| apply(cx, Operator::Add, &sunday, right)).unwrap();
    // 31 March 2024 begins at 23:00 UTC and lacks an hour: 9 o'clock is 8 hours after midnight.
    let start = MARCH + 16 * DAY - HOUR;
    assert_eq!(add(&Value::Time(9 * HOUR)), Value::DateTime(start + 8 * HOUR));
    assert_eq!(add(&Value::Interval(9 * HOUR)), Value::DateTime(start + 9 * HOUR));
}

#[test]
fn text_is_charged_before_it_is_made() {
    let long = Value::text("x".repeat(1 << 20));
    let many = Value::array(vec![long; 1 << 20]);
    let error = Setting::default().run(|cx| apply(cx, Operator::Add, &many, &"".into())).unwrap_err();
    assert!(matches!(error.kind, crate::RunErrorKind::Memory(_)));
}

#[test]
fn signs() {
    for (value, expected) in [
        (n(3.0), n(-3.0)),
        (Value::Null, n(0.0)),
        (Value::Interval(HOUR), Value::Interval(-HOUR)),
        (Value::Interval(i64::MIN), Value::Null),
        (Value::Date(MARCH), n(-(MARCH as f64))),
        (record(7), n(-7.0)),
    ] {
        assert_eq!(negate(&value), Ok(expected));
    }
    assert_eq!(negate(&"a".into()).unwrap_err().to_string(), "-text is not defined");
    let interval = Type::one(Base::Interval);
    assert_eq!(negated_type(interval), Some(interval));
    assert_eq!(negate_as(interval, &Value::Null), Ok(Value::Interval(0)));
    assert_eq!(negated_type(Type::TEXT), None);
}

/// A type and a value that it may have.
fn typed() -> impl Strategy<Value = (Type, Value)> {
    let ms = prop_oneof![any::<i64>(), -100_000_000_000_000i64..300_000_000_000_000, 0..DAY, Just(0)];
    let number = prop_oneof![any::<f64>(), -100.0..100.0f64, Just(0.0)];
    let number = number.prop_map(|n| if n.is_finite() { n } else { 1.0 });
    const BASES: &[Base] = &[
        Base::Any,
        Base::Void,
        Base::Bool,
        Base::Number,
        Base::Text(TextKind::Plain),
        Base::Text(TextKind::Html),
        Base::Date,
        Base::DateTime,
        Base::Time,
        Base::Interval,
        Base::Appointment,
        Base::Choice(None),
        Base::Multi(None),
        Base::User,
        Base::File,
        Base::AnyRecord,
    ];
    (select(BASES), select(BASES), any::<bool>(), any::<bool>(), ms, number, ".{0,5}").prop_map(
        |(base, inner, is_array, is_null, ms, number, text)| {
            let array = is_array && base != Base::Any;
            let of = if base == Base::Any { inner } else { base };
            let one = if is_null { Value::Null } else { value_of(of, ms, number, text) };
            let value = if array { Value::array(vec![one]) } else { one };
            (Type { base, is_array: array }, value)
        },
    )
}

fn value_of(base: Base, ms: i64, number: f64, text: String) -> Value {
    let field = FieldRef { table: table(), field: "B".parse().unwrap() };
    match base {
        Base::Any => Value::Object(Arc::new(Object::default())),
        Base::Void => Value::Null,
        Base::Bool => Value::Bool(ms % 2 == 0),
        Base::Number => Value::Number(number),
        Base::Text(_) => text.into(),
        Base::Date => Value::Date(ms / DAY * DAY),
        Base::DateTime => Value::DateTime(ms),
        Base::Time => Value::Time(ms.rem_euclid(DAY)),
        Base::Interval => Value::Interval(ms),
        Base::Appointment => Value::Appointment(ms, ms),
        Base::Choice(_) => option(3),
        Base::Multi(_) => Value::Choices(field, vec![1, 2].into()),
        Base::User => Value::User(text.into()),
        Base::File => Value::File(table(), RecordId::new(1).unwrap(), text.into()),
        Base::Record(_) | Base::AnyRecord => record(5),
    }
}

fn is_of(value: &Value, ty: Type) -> bool {
    match (ty.base, value) {
        (_, Value::Null) | (Base::Any, _) => true,
        (Base::Number, Value::Number(n)) => n.is_finite(),
        (Base::Text(_), Value::Text(_)) => true,
        (Base::Date, Value::Date(ms)) => ms % DAY == 0,
        (Base::DateTime, Value::DateTime(_)) => true,
        (Base::Time, Value::Time(ms)) => (0..DAY).contains(ms),
        (Base::Interval, Value::Interval(_)) => true,
        _ => false,
    }
}

const OPERATORS: &[Operator] =
    &[Operator::Add, Operator::Subtract, Operator::Multiply, Operator::Divide, Operator::Remainder];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn what_is_foretold_comes(left in typed(), right in typed(), operator in select(OPERATORS)) {
        let Some(result) = result_type(operator, left.0, right.0) else {
            return Ok(());
        };
        let outcome = Setting::default().run(|cx| apply_as(cx, result, operator, &left.1, &right.1));
        let is_known = |ty: Type| ty.base != Base::Any && ty.base != Base::Void;
        match outcome {
            Ok(value) => prop_assert!(is_of(&value, result), "{value:?} is no {result:?}"),
            Err(error) => prop_assert!(!is_known(left.0) || !is_known(right.0), "{error}"),
        }
    }

    /// Where no operand is null and none is text that looks like a number, the two sides refuse the same.
    #[test]
    fn what_is_not_defined_fails(left in typed(), right in typed(), operator in select(OPERATORS)) {
        let is_plain = |(ty, value): &(Type, Value)| {
            ty.base != Base::Any && !matches!(value, Value::Null | Value::Text(_))
        };
        if !is_plain(&left) || !is_plain(&right) {
            return Ok(());
        }
        let outcome = Setting::default().run(|cx| apply(cx, operator, &left.1, &right.1));
        prop_assert_eq!(result_type(operator, left.0, right.0).is_some(), outcome.is_ok());
    }

    #[test]
    fn signs_are_foretold(of in typed()) {
        if let Some(result) = negated_type(of.0) {
            match negate_as(result, &of.1) {
                Ok(value) => prop_assert!(is_of(&value, result)),
                Err(error) => prop_assert!(of.0.is_any(), "{}", error),
            }
        }
    }
}
