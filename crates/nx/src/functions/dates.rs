//! Dates and times (nx-language.md §4.3). Dates are civil; times of instants are those of the database's zone.

use std::sync::Arc;

use boobook_model::field::parse_timestamp;

use crate::{
    Context, Effect, FunctionDef, Overload, RunError, Value,
    convert::number_of,
    moment::{
        civil::{
            Civil, DAY_MS, HOUR_MS, Local, MINUTE_MS, SECOND_MS, civil_of, date, day_of, instant, instant_of,
            interval, iso_week, quarter, time, weekday, whole, workdays,
        },
        names::Names,
        write_format,
    },
};

type Outcome = Result<Value, RunError>;

/// The group.
pub const FUNCTIONS: &[FunctionDef] = &[
    FunctionDef::new(
        "age",
        &[Overload::strict("day -> number", |cx, a| Ok(age(cx, a).into()))],
        "The full years from a date until today; negative for a date to come.",
        &[],
    )
    .effect(Effect::Volatile),
    FunctionDef::new(
        "appointment",
        &[
            Overload::strict("day, day -> appointment", appointment),
            Overload::strict("day, timeinterval -> appointment", appointment),
            Overload::strict("date, time, time -> appointment", appointment),
        ],
        "From one instant to another, for so long, or between two times of a date.",
        &[
            (
                "appointment(datetime(2024, 3, 15, 9, 0), datetime(2024, 3, 15, 10, 0))",
                "\"2024-03-15T09:00:00 - 2024-03-15T10:00:00\"",
            ),
            (
                "appointment(datetime(2024, 3, 15, 9, 0), timeinterval(1, 30))",
                "\"2024-03-15T09:00:00 - 2024-03-15T10:30:00\"",
            ),
            (
                "appointment(date(2024, 3, 15), time(9, 0), time(10, 0))",
                "\"2024-03-15T09:00:00 - 2024-03-15T10:00:00\"",
            ),
        ],
    ),
    FunctionDef::new(
        "createCalendarEvent",
        &[Overload::nullable("-> void", screen), Overload::nullable("any... -> void", screen)],
        "Has no effect on a server: it writes to the calendar of a Mac or iPhone.",
        &[],
    )
    .effect(Effect::Screen),
    FunctionDef::new(
        "createCalendarReminder",
        &[Overload::nullable("-> void", screen), Overload::nullable("any... -> void", screen)],
        "Has no effect on a server: it writes to the reminders of a Mac or iPhone.",
        &[],
    )
    .effect(Effect::Screen),
    FunctionDef::new(
        "date",
        &[
            Overload::strict("number, number, number -> date", |_, a| {
                Ok(date(day_of_parts(a)))
            }),
            Overload::strict("scalar -> date", |cx, a| Ok(date(day_in(cx, first(a))))),
        ],
        "A date of year, month and day, which may overflow: the day 0 is the last one of the month before. Or the date \
         of an instant, of the start of an appointment, of a number that `number(date)` gave, or of ISO text.",
        &[
            ("date(2024, 3, 15)", "\"2024-03-15\""),
            ("date(2024, 8, 0)", "\"2024-07-31\""),
            ("date(2024, 13, 1)", "\"2025-01-01\""),
            ("date(datetime(2024, 3, 15, 14, 30))", "\"2024-03-15\""),
            ("date(number(date(2024, 3, 15)))", "\"2024-03-15\""),
            ("date(\"2024-03-15\")", "\"2024-03-15\""),
            ("date(10000, 1, 1)", "null"),
        ],
    ),
    FunctionDef::new(
        "datetime",
        &[
            Overload::strict("day, time -> datetime", instant_at),
            Overload::strict(
                "number, number, number, number?, number?, number?, number? -> datetime",
                instant_at,
            ),
            Overload::strict("scalar -> datetime", |cx, a| Ok(instant(instant_in(cx, first(a))))),
        ],
        "An instant of year, month, day, hours, minutes, seconds and milliseconds, which may overflow; of a date and a \
         time; of its milliseconds since 1970; or of ISO text.",
        &[
            ("datetime(2024, 3, 15, 14, 30)", "\"2024-03-15T14:30:00\""),
            ("datetime(2024, 3, 15)", "\"2024-03-15T00:00:00\""),
            ("datetime(2024, 3, 15, 25, 0)", "\"2024-03-16T01:00:00\""),
            ("datetime(date(2024, 3, 15), time(9, 5))", "\"2024-03-15T09:05:00\""),
            ("datetime(0)", "\"1970-01-01T00:00:00\""),
        ],
    )
    .alias(&["timestamp"]),
    FunctionDef::new(
        "day",
        &[Overload::strict("day -> number", |cx, a| of_date(cx, a, |date| date.day))],
        "The day of the month.",
        &[("day(date(2024, 3, 15))", "15")],
    ),
    FunctionDef::new(
        "days",
        &[Overload::strict("day, day -> number", |cx, a| of_days(cx, a, |from, to| to - from))],
        "The days from the first date to the second; negative if the second is earlier.",
        &[
            ("days(date(2024, 1, 1), date(2024, 1, 31))", "30"),
            ("days(date(2024, 1, 31), date(2024, 1, 1))", "-30"),
        ],
    ),
    FunctionDef::new(
        "duration",
        &[
            Overload::strict("appointment -> timeinterval", duration),
            Overload::strict("temporal, temporal -> timeinterval", duration),
        ],
        "How long an appointment is, or how long it is from one date or time to another.",
        &[
            (
                "number(duration(appointment(datetime(2024, 3, 15, 9, 0), datetime(2024, 3, 15, 10, 30))))",
                "5400000",
            ),
            ("duration(time(9, 0), time(17, 30))", "\"8:30:00\""),
            ("duration(date(2024, 3, 15), date(2024, 3, 16))", "\"24:00:00\""),
        ],
    ),
    FunctionDef::new(
        "endof",
        &[Overload::strict("appointment -> datetime", |_, a| match a {
            [Value::Appointment(_, to)] => Ok(instant(Some(*to))),
            _ => Ok(Value::Null),
        })],
        "The end of an appointment.",
        &[(
            "endof(appointment(datetime(2024, 3, 15, 9, 0), datetime(2024, 3, 15, 10, 0)))",
            "\"2024-03-15T10:00:00\"",
        )],
    ),
    FunctionDef::new(
        "month",
        &[Overload::strict("day -> number", |cx, a| of_date(cx, a, |date| date.month))],
        "The month, 1 to 12.",
        &[("month(date(2024, 3, 15))", "3")],
    ),
    FunctionDef::new(
        "monthIndex",
        &[Overload::strict("day -> number", |cx, a| of_date(cx, a, |date| date.month))],
        "The place of the month in the year, 1 to 12.",
        &[("monthIndex(date(2024, 12, 1))", "12")],
    ),
    FunctionDef::new(
        "monthName",
        &[Overload::strict("scalar -> text", |cx, a| month_name(cx, first(a)))],
        "The name of a date's month, or of a month from 1 to 12, in the language of the database.",
        &[("monthName(3)", "\"March\""), ("monthName(date(2024, 12, 1))", "\"December\""), ("monthName(13)", "null")],
    ),
    FunctionDef::new(
        "now",
        &[Overload::nullable("-> datetime", |cx, _| Ok(instant(Some(cx.host.now_ms()))))],
        "The instant at which the script began to run.",
        &[],
    )
    .effect(Effect::Volatile),
    FunctionDef::new(
        "quarter",
        &[Overload::strict("day -> number", |cx, a| of_date(cx, a, |date| quarter(date.month)))],
        "The quarter of the year, 1 to 4.",
        &[("quarter(date(2024, 3, 15))", "1"), ("quarter(date(2024, 12, 1))", "4")],
    ),
    FunctionDef::new(
        "start",
        &[Overload::strict("appointment -> datetime", |_, a| match a {
            [Value::Appointment(from, _)] => Ok(instant(Some(*from))),
            _ => Ok(Value::Null),
        })],
        "The start of an appointment.",
        &[(
            "start(appointment(datetime(2024, 3, 15, 9, 0), datetime(2024, 3, 15, 10, 0)))",
            "\"2024-03-15T09:00:00\"",
        )],
    ),
    FunctionDef::new(
        "time",
        &[
            Overload::strict("number, number, number?, number? -> time", |_, a| Ok(time(clock(a)))),
            Overload::strict("scalar -> time", |cx, a| Ok(time(time_in(cx, first(a))))),
        ],
        "A time of hours, minutes, seconds and milliseconds, which begins anew after 24 hours; or the time of an \
         instant, of milliseconds, or of ISO text.",
        &[
            ("time(14, 30)", "\"14:30:00\""),
            ("time(25, 0)", "\"01:00:00\""),
            ("time(datetime(2024, 3, 15, 14, 30))", "\"14:30:00\""),
            ("time(3600000)", "\"01:00:00\""),
        ],
    ),
    FunctionDef::new(
        "timeinterval",
        &[
            Overload::strict("number, number, number?, number? -> timeinterval", |_, a| {
                Ok(interval(clock(a)))
            }),
            Overload::strict("scalar -> timeinterval", |_, a| {
                Ok(interval(match first(a) {
                    Value::Time(ms) | Value::Interval(ms) => Some(*ms),
                    Value::Appointment(from, to) => to.checked_sub(*from),
                    Value::Number(ms) => whole(*ms, f64::round),
                    _ => None,
                }))
            }),
        ],
        "A time interval of hours, minutes, seconds and milliseconds, or of milliseconds alone.",
        &[
            ("timeinterval(7200000)", "\"2:00:00\""),
            ("timeinterval(36, 15)", "\"36:15:00\""),
            ("timeinterval(0, -90)", "\"-1:30:00\""),
        ],
    ),
    FunctionDef::new(
        "today",
        &[Overload::nullable("-> date", |cx, _| Ok(date(Some(today(cx)))))],
        "The date of today in the database's zone.",
        &[],
    )
    .effect(Effect::Volatile),
    FunctionDef::new(
        "week",
        &[Overload::strict("day -> number", |cx, a| of_day(cx, a, |day| iso_week(day).1))],
        "The week of the year by ISO 8601: weeks begin on Monday, and the first one contains 4 January.",
        &[("week(date(2024, 3, 15))", "11"), ("week(date(2021, 1, 1))", "53")],
    ),
    FunctionDef::new(
        "weekday",
        &[Overload::strict("day -> number", |cx, a| of_day(cx, a, weekday))],
        "The day of the week, 0 for Monday to 6 for Sunday.",
        &[("weekday(date(2024, 3, 11))", "0"), ("weekday(date(2024, 3, 17))", "6")],
    ),
    FunctionDef::new(
        "weekdayIndex",
        &[Overload::strict("scalar -> number", weekday_index)],
        "The day of the week of a date or of a weekday's name, 0 for Monday to 6 for Sunday.",
        &[
            ("weekdayIndex(date(2024, 3, 15))", "4"),
            ("weekdayIndex(\"Friday\")", "4"),
            ("weekdayIndex(\"Mittwuch\")", "null"),
        ],
    ),
    FunctionDef::new(
        "weekdayName",
        &[Overload::strict("scalar -> text", |cx, a| weekday_name(cx, first(a)))],
        "The name of a date's weekday, or of a weekday from 0 (Monday) to 6, in the language of the database.",
        &[
            ("weekdayName(0)", "\"Monday\""),
            ("weekdayName(date(2024, 3, 15))", "\"Friday\""),
            ("weekdayName(7)", "null"),
        ],
    ),
    FunctionDef::new(
        "workdays",
        &[Overload::strict("day, day -> number", |cx, a| of_days(cx, a, workdays))],
        "How many days from Monday to Friday there are from the first date to the second, both counted; negative if \
         the second is earlier. Holidays are not known.",
        &[
            ("workdays(date(2024, 3, 11), date(2024, 3, 15))", "5"),
            ("workdays(date(2024, 3, 11), date(2024, 3, 17))", "5"),
            ("workdays(date(2024, 3, 15), date(2024, 3, 11))", "-5"),
            ("workdays(date(2024, 3, 16), date(2024, 3, 17))", "0"),
        ],
    ),
    FunctionDef::new(
        "year",
        &[Overload::strict("day -> number", |cx, a| of_date(cx, a, |date| date.year))],
        "The year.",
        &[("year(date(2024, 3, 15))", "2024")],
    ),
    FunctionDef::new(
        "yearmonth",
        &[Overload::strict("day -> text", |cx, a| {
            key(cx, a, |day| {
                let Civil { year, month, .. } = civil_of(day);
                format!("{year:04}/{month:02}")
            })
        })],
        "Year and month as text to group by.",
        &[("yearmonth(date(2024, 3, 15))", "\"2024/03\"")],
    ),
    FunctionDef::new(
        "yearquarter",
        &[Overload::strict("day -> text", |cx, a| {
            key(cx, a, |day| {
                let Civil { year, month, .. } = civil_of(day);
                format!("{year:04} Q{}", quarter(month))
            })
        })],
        "Year and quarter as text to group by.",
        &[("yearquarter(date(2024, 3, 15))", "\"2024 Q1\"")],
    ),
    FunctionDef::new(
        "yearweek",
        &[Overload::strict("day -> text", |cx, a| {
            key(cx, a, |day| {
                let (year, week) = iso_week(day);
                format!("{year:04}/{week:02}")
            })
        })],
        "Week and its year by ISO 8601 as text to group by.",
        &[("yearweek(date(2024, 3, 15))", "\"2024/11\""), ("yearweek(date(2021, 1, 1))", "\"2020/53\"")],
    ),
];

fn first(arguments: &[Value]) -> &Value {
    arguments.first().unwrap_or(&Value::Null)
}

/// The day of a value: of an instant in the database's zone.
fn day_in(cx: &Context<'_>, value: &Value) -> Option<i64> {
    match value {
        Value::Date(ms) => Some(ms.div_euclid(DAY_MS)),
        Value::DateTime(ms) | Value::Appointment(ms, _) => Some(Local::at(*ms, &cx.locale.zone).day),
        Value::Number(ms) => Some(whole(*ms, f64::floor)?.div_euclid(DAY_MS)),
        // The date that is written, whatever the zone.
        Value::Text(text) => {
            parse_timestamp(text.trim())?;
            Some(parse_timestamp(text.trim().get(..10)?)?.div_euclid(DAY_MS))
        }
        _ => None,
    }
}

/// The instant of a value: of a date its midnight.
fn instant_in(cx: &Context<'_>, value: &Value) -> Option<i64> {
    match value {
        Value::Date(ms) => instant_of(ms.div_euclid(DAY_MS), 0, &cx.locale.zone),
        Value::DateTime(ms) | Value::Appointment(ms, _) => Some(*ms),
        Value::Number(ms) => whole(*ms, f64::floor),
        Value::Text(text) => parse_timestamp(text.trim()),
        _ => None,
    }
}

/// The time of a value in milliseconds, perhaps of more than a day.
fn time_in(cx: &Context<'_>, value: &Value) -> Option<i64> {
    match value {
        Value::Date(_) => Some(0),
        Value::DateTime(ms) | Value::Appointment(ms, _) => Some(Local::at(*ms, &cx.locale.zone).ms),
        Value::Time(ms) | Value::Interval(ms) => Some(*ms),
        Value::Number(ms) => whole(*ms, f64::round),
        Value::Text(text) => {
            let text = text.trim();
            let zero = if text.find(':') == Some(1) { "0" } else { "" };
            parse_timestamp(&format!("1970-01-01T{zero}{text}")).or_else(|| parse_timestamp(text))
        }
        _ => None,
    }
}

/// Year, month and day; a JavaScript date cuts their fractions off as well.
fn day_of_parts(arguments: &[Value]) -> Option<i64> {
    let part = |at: usize| whole(number_of(arguments.get(at)?)?, f64::trunc);
    day_of(part(0)?, part(1)?, part(2)?)
}

/// Hours, minutes, seconds, milliseconds as milliseconds; half an hour is 30 minutes.
fn clock(arguments: &[Value]) -> Option<i64> {
    const UNITS: [i64; 4] = [HOUR_MS, MINUTE_MS, SECOND_MS, 1];
    let mut sum = 0.0;
    for (argument, unit) in arguments.iter().zip(UNITS) {
        sum += number_of(argument)? * unit as f64;
    }
    whole(sum, f64::round)
}

fn instant_at(cx: &mut Context<'_>, arguments: &[Value]) -> Outcome {
    let (day, ms) = match arguments {
        [at @ (Value::Date(_) | Value::DateTime(_)), clock] => (day_in(cx, at), time_in(cx, clock)),
        [_, _, _, rest @ ..] => (day_of_parts(arguments), clock(rest)),
        _ => (None, None),
    };
    let at = day.zip(ms).and_then(|(day, ms)| instant_of(day, ms, &cx.locale.zone));
    Ok(instant(at))
}

fn appointment(cx: &mut Context<'_>, arguments: &[Value]) -> Outcome {
    let ends = match arguments {
        [from, Value::Interval(ms)] => {
            let from = instant_in(cx, from);
            from.and_then(|from| Some((from, from.checked_add(*ms)?)))
        }
        [from, to] => instant_in(cx, from).zip(instant_in(cx, to)),
        [date, from, to] => {
            let day = day_in(cx, date);
            let at = |time| instant_of(day?, time_in(cx, time)?, &cx.locale.zone);
            at(from).zip(at(to))
        }
        _ => None,
    };
    let Some((from, to)) = ends else { return Ok(Value::Null) };
    Ok(match (instant(Some(from)), instant(Some(to))) {
        (Value::DateTime(from), Value::DateTime(to)) => Value::Appointment(from, to),
        _ => Value::Null,
    })
}

fn duration(cx: &mut Context<'_>, arguments: &[Value]) -> Outcome {
    let between = |from: Option<i64>, to: Option<i64>| {
        interval(to.zip(from).and_then(|(to, from)| to.checked_sub(from)))
    };
    Ok(match arguments {
        [Value::Appointment(from, to)] => between(Some(*from), Some(*to)),
        // Days of a calendar have 24 hours, whatever the clocks of the zone do.
        [Value::Date(from), Value::Date(to)]
        | [Value::Time(from), Value::Time(to)]
        | [Value::Interval(from), Value::Interval(to)] => between(Some(*from), Some(*to)),
        [from, to] => between(instant_in(cx, from), instant_in(cx, to)),
        _ => Value::Null,
    })
}

fn today(cx: &Context<'_>) -> i64 {
    Local::at(cx.host.now_ms(), &cx.locale.zone).day
}

fn age(cx: &Context<'_>, arguments: &[Value]) -> Option<f64> {
    let born = civil_of(day_in(cx, first(arguments))?);
    let now = civil_of(today(cx));
    let is_before_birthday = (now.month, now.day) < (born.month, born.day);
    Some((now.year - born.year - i64::from(is_before_birthday)) as f64)
}

fn of_day(cx: &mut Context<'_>, arguments: &[Value], f: fn(i64) -> i64) -> Outcome {
    Ok(day_in(cx, first(arguments)).map(|day| f(day) as f64).into())
}

fn of_date(cx: &mut Context<'_>, arguments: &[Value], f: fn(Civil) -> i64) -> Outcome {
    Ok(day_in(cx, first(arguments)).map(|day| f(civil_of(day)) as f64).into())
}

fn of_days(cx: &mut Context<'_>, arguments: &[Value], f: fn(i64, i64) -> i64) -> Outcome {
    let [from, to] = arguments else { return Ok(Value::Null) };
    let days = day_in(cx, from).zip(day_in(cx, to));
    Ok(days.map(|(from, to)| f(from, to) as f64).into())
}

fn key(cx: &mut Context<'_>, arguments: &[Value], f: fn(i64) -> String) -> Outcome {
    match day_in(cx, first(arguments)) {
        Some(day) => cx.made(f(day)),
        None => Ok(Value::Null),
    }
}

fn names(cx: &Context<'_>) -> &'static Names {
    Names::of(cx.locale.language.code())
}

/// The name at a place, of which the first is `from`.
fn name_at(cx: &mut Context<'_>, names: &[&'static str], place: Option<i64>, from: i64) -> Outcome {
    let at = place.and_then(|place| usize::try_from(place.checked_sub(from)?).ok());
    match at.and_then(|at| names.get(at)) {
        Some(name) => cx.made(*name),
        None => Ok(Value::Null),
    }
}

fn month_name(cx: &mut Context<'_>, value: &Value) -> Outcome {
    let month = match value {
        Value::Number(n) => whole(*n, f64::trunc),
        day => day_in(cx, day).map(|day| civil_of(day).month),
    };
    let names = names(cx);
    name_at(cx, &names.months, month, 1)
}

fn weekday_name(cx: &mut Context<'_>, value: &Value) -> Outcome {
    let at = match value {
        Value::Number(n) => whole(*n, f64::trunc),
        day => day_in(cx, day).map(weekday),
    };
    let names = names(cx);
    name_at(cx, &names.days, at, 0)
}

fn weekday_index(cx: &mut Context<'_>, arguments: &[Value]) -> Outcome {
    let at = match first(arguments) {
        Value::Text(name) => names(cx).weekday(name).map(|at| at as i64),
        Value::Number(n) => whole(*n, f64::trunc).filter(|at| (0..7).contains(at)),
        day => day_in(cx, day).map(weekday),
    };
    Ok(at.map(|at| at as f64).into())
}

/// Dates and times of `format`; numbers have formats of their own.
pub(crate) fn format_temporal(cx: &mut Context<'_>, arguments: &[Value]) -> Outcome {
    let (value, format, language) = match arguments {
        [value, Value::Text(format), Value::Text(language)] => (value, format, Some(language)),
        [value, Value::Text(format)] | [value, Value::Text(format), Value::Null] => (value, format, None),
        _ => return Ok(Value::Null),
    };
    let is_temporal = matches!(
        value,
        Value::Date(_) | Value::DateTime(_) | Value::Time(_) | Value::Interval(_) | Value::Appointment(..)
    );
    if !is_temporal {
        return Ok(Value::Null);
    }
    let names = language.map_or_else(|| names(cx), |language: &Arc<str>| Names::of(language));
    // The longest that a character stands for is a tenth of `LLLL`, twice for an appointment.
    cx.charge(format.len().saturating_mul(32))?;
    let mut out = String::new();
    write_format(value, format, names, &cx.locale, &mut out);
    cx.made(out)
}

fn screen(cx: &mut Context<'_>, _arguments: &[Value]) -> Outcome {
    cx.host.log("a calendar of the client was to be written, which a server has none of");
    Ok(Value::Null)
}

#[cfg(test)]
mod tests;
