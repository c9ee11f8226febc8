//! Numbers (nx-language.md §4.1).

use crate::{Context, Effect, FunctionDef, Overload, RunError, Value, convert::number_of};

type Outcome = Result<Value, RunError>;

/// The group.
pub const FUNCTIONS: &[FunctionDef] = &[
    FunctionDef::new(
        "abs",
        &[Overload::real(f64::abs)],
        "The number without its sign.",
        &[("abs(-5)", "5"), ("abs(null)", "null")],
    ),
    FunctionDef::new(
        "acos",
        &[Overload::real(f64::acos)],
        "The angle in radians whose cosine it is; empty outside of -1 to 1.",
        &[("acos(1)", "0"), ("acos(2)", "null")],
    ),
    FunctionDef::new(
        "asin",
        &[Overload::real(f64::asin)],
        "The angle in radians whose sine it is; empty outside of -1 to 1.",
        &[("asin(0)", "0"), ("asin(-2)", "null")],
    ),
    FunctionDef::new(
        "atan",
        &[Overload::real(f64::atan)],
        "The angle in radians whose tangent it is.",
        &[("atan(0)", "0")],
    ),
    FunctionDef::new(
        "atan2",
        &[Overload::strict("number, number -> number", |_, a| real_2(a, f64::atan2))],
        "The angle in radians of the point at height `y` (first) and distance `x` (second).",
        &[("atan2(0, 1)", "0")],
    ),
    FunctionDef::new(
        "ceil",
        &[Overload::real(f64::ceil)],
        "The next whole number that is not less.",
        &[("ceil(1.2)", "2"), ("ceil(-1.2)", "-1"), ("ceil(3)", "3")],
    ),
    FunctionDef::new(
        "cos",
        &[Overload::real(f64::cos)],
        "The cosine of an angle in radians.",
        &[("cos(0)", "1")],
    ),
    FunctionDef::new(
        "degrees",
        &[Overload::real(f64::to_degrees)],
        "An angle in radians as degrees.",
        &[("degrees(0)", "0"), ("round(degrees(3.141592653589793))", "180")],
    ),
    FunctionDef::new(
        "even",
        &[Overload::strict("number -> boolean", |_, a| Ok((first(a).trunc() % 2.0 == 0.0).into()))],
        "Whether the whole part is even.",
        &[("even(4)", "true"), ("even(3)", "false"), ("even(2.7)", "true")],
    ),
    FunctionDef::new(
        "exp",
        &[Overload::real(f64::exp)],
        "Euler's number to the power of this one.",
        &[("exp(0)", "1")],
    ),
    FunctionDef::new(
        "floor",
        &[Overload::real(f64::floor)],
        "The next whole number that is not greater.",
        &[("floor(-1.2)", "-2"), ("floor(1.9)", "1")],
    ),
    FunctionDef::new(
        "ln",
        &[Overload::real(f64::ln)],
        "The natural logarithm; empty for 0 and less.",
        &[("ln(1)", "0"), ("ln(0)", "null"), ("ln(-1)", "null")],
    ),
    FunctionDef::new(
        "log",
        &[
            Overload::real(f64::log10),
            Overload::strict("number, number -> number", |_, a| real_2(a, f64::log)),
        ],
        "The logarithm to the base 10, or to the base given; empty for 0 and less.",
        &[("log(100)", "2"), ("log(8, 2)", "3"), ("log(0)", "null")],
    ),
    FunctionDef::new(
        "number",
        &[Overload::nullable("any -> number", |_, a| Ok(a.first().and_then(number_of).into()))],
        "As a number: text is read (with a decimal point; empty where it is no number), a boolean is 1 or 0, a date or \
         time its milliseconds, a choice the id of its option, a record its number.",
        &[
            ("number(\"42\")", "42"),
            ("number(\" 3.14 \")", "3.14"),
            ("number(\"abc\")", "null"),
            ("number(\"\")", "null"),
            ("number(true)", "1"),
            ("number(time(1, 0))", "3600000"),
        ],
    ),
    FunctionDef::new(
        "odd",
        &[Overload::strict("number -> boolean", |_, a| Ok((first(a).trunc() % 2.0 != 0.0).into()))],
        "Whether the whole part is odd.",
        &[("odd(4)", "false"), ("odd(3)", "true"), ("odd(-3)", "true")],
    ),
    FunctionDef::new(
        "pow",
        &[Overload::strict("number, number -> number", |_, a| real_2(a, f64::powf))],
        "The first number to the power of the second.",
        &[("pow(2, 10)", "1024"), ("pow(-1, 0.5)", "null")],
    ),
    FunctionDef::new(
        "radians",
        &[Overload::real(f64::to_radians)],
        "An angle in degrees as radians.",
        &[("radians(180)", "3.141592653589793")],
    ),
    FunctionDef::new(
        "random",
        &[Overload::nullable("-> number", |cx, _| Ok(cx.host.random().into()))],
        "A number from 0 to below 1, another one each time.",
        &[],
    )
    .effect(Effect::Volatile),
    FunctionDef::new(
        "range",
        &[
            Overload::strict("number -> [number]", |cx, a| range(cx, 0.0, first(a), 1.0)),
            Overload::strict("number, number -> [number]", |cx, a| range(cx, first(a), nth(a, 1), 1.0)),
            Overload::strict("number, number, number -> [number]", |cx, a| {
                range(cx, first(a), nth(a, 1), nth(a, 2))
            }),
        ],
        "The numbers from the first (or 0) to the last, which is left out, in steps of 1 or as given.",
        &[
            ("range(3)", "[0,1,2]"),
            ("range(1, 6)", "[1,2,3,4,5]"),
            ("range(0, 10, 5)", "[0,5]"),
            ("range(3, 0, -1)", "[3,2,1]"),
            ("range(0, 3, 0)", "[]"),
        ],
    ),
    FunctionDef::new(
        "round",
        &[
            Overload::strict("number -> number", |_, a| Ok(round(first(a), 0.0).into())),
            Overload::strict("number, number -> number", |_, a| Ok(round(first(a), nth(a, 1)).into())),
        ],
        "Rounded to whole numbers, or to so many digits behind the point (in front of it where negative). A five is \
         rounded away from zero, and the number is taken as it is written: `round(1.005, 2)` is 1.01.",
        &[
            ("round(2.5)", "3"),
            ("round(-2.5)", "-3"),
            ("round(3.14159, 2)", "3.14"),
            ("round(1.005, 2)", "1.01"),
            ("round(1234.5)", "1235"),
            ("round(1250, -2)", "1300"),
        ],
    ),
    FunctionDef::new(
        "sign",
        &[Overload::real(|n| if n == 0.0 { 0.0 } else { n.signum() })],
        "-1, 0 or 1.",
        &[("sign(-3)", "-1"), ("sign(0)", "0"), ("sign(8)", "1")],
    ),
    FunctionDef::new(
        "sin",
        &[Overload::real(f64::sin)],
        "The sine of an angle in radians.",
        &[("sin(0)", "0")],
    ),
    FunctionDef::new("sqr", &[Overload::real(|n| n * n)], "The square.", &[("sqr(5)", "25")]),
    FunctionDef::new(
        "sqrt",
        &[Overload::real(f64::sqrt)],
        "The square root; empty for a negative number.",
        &[("sqrt(16)", "4"), ("sqrt(-1)", "null")],
    ),
    FunctionDef::new(
        "tan",
        &[Overload::real(f64::tan)],
        "The tangent of an angle in radians.",
        &[("tan(0)", "0")],
    ),
];

/// The first argument; the checker and the conversion saw to it that it is a number.
fn first(arguments: &[Value]) -> f64 {
    nth(arguments, 0)
}

fn nth(arguments: &[Value], at: usize) -> f64 {
    match arguments.get(at) {
        Some(Value::Number(n)) => *n,
        _ => f64::NAN,
    }
}

fn real_2(arguments: &[Value], f: impl Fn(f64, f64) -> f64) -> Outcome {
    Ok(Value::number(f(first(arguments), nth(arguments, 1))))
}

fn range(cx: &mut Context<'_>, from: f64, to: f64, step: f64) -> Outcome {
    let mut items = Vec::new();
    let mut turn = 0u32;
    loop {
        // Multiplied, not added up, so that errors of fractions do not add up either.
        let n = from + f64::from(turn) * step;
        let goes_on = if step > 0.0 { n < to } else { step < 0.0 && n > to };
        if !goes_on {
            return Ok(Value::array(items));
        }
        cx.step(1)?;
        cx.charge(size_of::<Value>())?;
        items.push(Value::Number(n));
        turn += 1;
    }
}

/// Rounds the shortest decimal form that reads back as `n`, half away from zero (nx-language.md §4.1).
pub(crate) fn round(n: f64, digits: f64) -> f64 {
    if !digits.is_finite() || !n.is_finite() {
        return f64::NAN;
    }
    let digits = digits.trunc().clamp(-400.0, 400.0) as i32;
    // `{:e}` prints the shortest digits: "1.005e0". Moving the point is then exact.
    let shortest = format!("{n:e}");
    let Some((mantissa, exponent)) = shortest.split_once('e') else { return n };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let shifted: f64 = format!("{mantissa}e{}", exponent + digits).parse().unwrap_or(f64::NAN);
    if !shifted.is_finite() || shifted.abs() >= 9_007_199_254_740_992.0 {
        // So many digits that there is nothing to round.
        return n;
    }
    let rounded = shifted.round();
    format!("{rounded}e{}", -digits).parse().unwrap_or(n)
}

#[cfg(test)]
mod tests {
    use super::round;

    #[test]
    fn rounds_what_is_written() {
        for (n, digits, expected) in [
            (1.005, 2.0, 1.01),
            (2.675, 2.0, 2.68),
            (-2.5, 0.0, -3.0),
            (0.1 + 0.2, 15.0, 0.3),
            (1e300, 2.0, 1e300),
            (1250.0, -2.0, 1300.0),
            (0.4, -400.0, 0.0),
            (5e-324, 400.0, 5e-324),
            (123.456, 1.9, 123.5),
        ] {
            assert_eq!(round(n, digits), expected, "round({n}, {digits})");
        }
    }
}
