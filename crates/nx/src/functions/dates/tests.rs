use crate::{
    Language, Value,
    functions::check::Setting,
    moment::civil::{DAY_MS, HOUR_MS, MINUTE_MS},
};

/// 2024-03-15, a Friday.
const MARCH: i64 = 19_797 * DAY_MS;
const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

fn n(n: f64) -> Value {
    Value::Number(n)
}

/// A date that is so many days after 15 March 2024.
fn day(days: i64) -> Value {
    Value::Date(MARCH + days * DAY_MS)
}

fn at(hours: i64, minutes: i64) -> Value {
    Value::DateTime(MARCH + hours * HOUR_MS + minutes * MINUTE_MS)
}

fn check(name: &str, cases: &[(&[Value], &str)]) {
    Setting::default().check(name, cases);
}

#[test]
fn making_dates() {
    check(
        "date",
        &[
            (&[n(2024.0), n(3.0), n(15.0)], "\"2024-03-15\""),
            (&[n(2024.0), n(8.0), n(0.0)], "\"2024-07-31\""),
            (&[n(2024.0), n(13.0), n(1.0)], "\"2025-01-01\""),
            (&[n(2024.9), n(3.9), n(15.9)], "\"2024-03-15\""),
            (&[n(24.0), n(3.0), n(15.0)], "\"0024-03-15\""),
            (&[n(9999.0), n(12.0), n(32.0)], "null"),
            (&[n(0.0), n(12.0), n(31.0)], "null"),
            (&[n(1e300), n(1.0), n(1.0)], "null"),
            (&[n(2024.0), n(-9e15), n(9e15)], "null"),
            (&[n(2024.0), Value::Null, n(1.0)], "null"),
            (&[at(23, 59)], "\"2024-03-15\""),
            (&[day(0)], "\"2024-03-15\""),
            (&[Value::Appointment(MARCH, MARCH + 2 * DAY_MS)], "\"2024-03-15\""),
            (&[n(MARCH as f64 + 1.0)], "\"2024-03-15\""),
            (&[n(-1.0)], "\"1969-12-31\""),
            (&["2024-03-15".into()], "\"2024-03-15\""),
            (&["2024-03-15T23:30:00-05:00".into()], "\"2024-03-15\""),
            (&["15.03.2024".into()], "null"),
            (&[true.into()], "null"),
        ],
    );
}

#[test]
fn making_instants() {
    let parts = |parts: &[f64]| parts.iter().copied().map(Value::Number).collect::<Vec<_>>();
    check(
        "datetime",
        &[
            (&parts(&[2024.0, 3.0, 15.0, 14.0, 30.0]), "\"2024-03-15T14:30:00\""),
            (&parts(&[2024.0, 3.0, 15.0]), "\"2024-03-15T00:00:00\""),
            (&parts(&[2024.0, 3.0, 15.0, 24.0, 0.0, 61.0, 999.0]), "\"2024-03-16T00:01:01\""),
            (&parts(&[2024.0, 3.0, 15.0, -1.0]), "\"2024-03-14T23:00:00\""),
            (&parts(&[2024.0, 3.0, 15.0, 1e300]), "null"),
            (&[day(0), Value::Time(9 * HOUR_MS)], "\"2024-03-15T09:00:00\""),
            (&[at(14, 30), Value::Time(0)], "\"2024-03-15T00:00:00\""),
            (&[day(0)], "\"2024-03-15T00:00:00\""),
            (&[n(0.0)], "\"1970-01-01T00:00:00\""),
            (&[n(1e17)], "null"),
            (&["2024-03-15T14:30:00+02:00".into()], "\"2024-03-15T12:30:00\""),
        ],
    );
    check("timestamp", &[(&[n(0.0)], "\"1970-01-01T00:00:00\"")]);
}

#[test]
fn making_times_and_intervals() {
    check(
        "time",
        &[
            (&[n(14.0), n(30.0)], "\"14:30:00\""),
            (&[n(14.0), n(30.0), n(5.0), n(7.0)], "\"14:30:05.007\""),
            (&[n(25.0), n(-1.0)], "\"00:59:00\""),
            (&[at(14, 30)], "\"14:30:00\""),
            (&[day(0)], "\"00:00:00\""),
            (&[n(3_600_000.0)], "\"01:00:00\""),
            (&[n(-1.0)], "\"23:59:59.999\""),
            (&[Value::Interval(25 * HOUR_MS)], "\"01:00:00\""),
            (&["9:05".into()], "\"09:05:00\""),
            (&["12:30:15".into()], "\"12:30:15\""),
            (&["2024-03-15T14:30:00".into()], "\"14:30:00\""),
            (&["x".into()], "null"),
        ],
    );
    check(
        "timeinterval",
        &[
            (&[n(7_200_000.0)], "\"2:00:00\""),
            (&[n(36.0), n(15.0), n(1.0)], "\"36:15:01\""),
            (&[n(1.5), n(0.0)], "\"1:30:00\""),
            (&[n(1e300)], "null"),
            (&[Value::Time(HOUR_MS)], "\"1:00:00\""),
            (&[Value::Appointment(0, HOUR_MS)], "\"1:00:00\""),
        ],
    );
}

#[test]
fn appointments() {
    let from_nine = "\"2024-03-15T09:00:00 - 2024-03-15T10:30:00\"";
    check(
        "appointment",
        &[
            (&[at(9, 0), at(10, 30)], from_nine),
            (&[at(9, 0), Value::Interval(90 * MINUTE_MS)], from_nine),
            (&[day(0), Value::Time(9 * HOUR_MS), Value::Time(10 * HOUR_MS + 30 * MINUTE_MS)], from_nine),
            (&[day(0), day(1)], "\"2024-03-15T00:00:00 - 2024-03-16T00:00:00\""),
            (&[at(9, 0), Value::Interval(i64::MAX)], "null"),
        ],
    );
    let appointment = Value::Appointment(MARCH + 9 * HOUR_MS, MARCH + 10 * HOUR_MS);
    check("start", &[(std::slice::from_ref(&appointment), "\"2024-03-15T09:00:00\"")]);
    check("endof", &[(std::slice::from_ref(&appointment), "\"2024-03-15T10:00:00\"")]);
    check(
        "duration",
        &[
            (&[appointment], "\"1:00:00\""),
            (&[at(9, 0), at(8, 0)], "\"-1:00:00\""),
            (&[day(0), at(8, 0)], "\"8:00:00\""),
            (&[day(0), day(2)], "\"48:00:00\""),
            (&[Value::Time(0), Value::Time(HOUR_MS)], "\"1:00:00\""),
            (&[Value::Time(0), day(0)], "null"),
            (&[Value::Date(i64::MIN), Value::Date(i64::MAX)], "null"),
        ],
    );
}

#[test]
fn parts_of_dates() {
    for (name, expected) in [
        ("year", "2024"),
        ("month", "3"),
        ("monthIndex", "3"),
        ("day", "15"),
        ("quarter", "1"),
        ("week", "11"),
        ("weekday", "4"),
        ("weekdayIndex", "4"),
        ("weekdayName", "\"Friday\""),
        ("monthName", "\"March\""),
        ("yearmonth", "\"2024/03\""),
        ("yearquarter", "\"2024 Q1\""),
        ("yearweek", "\"2024/11\""),
    ] {
        check(name, &[(&[day(0)], expected), (&[at(23, 0)], expected), (&[Value::Null], "null")]);
        // Whatever is in there, nothing breaks.
        for ms in [i64::MIN, i64::MAX] {
            let _ = Setting::default().call(name, &[Value::Date(ms)]);
            let _ = Setting::default().call(name, &[Value::DateTime(ms)]);
        }
    }
    check("yearweek", &[(&[Value::Date(18_628 * DAY_MS)], "\"2020/53\"")]);
}

#[test]
fn names_of_days_and_months() {
    check("weekdayName", &[(&[n(0.0)], "\"Monday\""), (&[n(6.0)], "\"Sunday\""), (&[n(7.0)], "null")]);
    check("monthName", &[(&[n(1.0)], "\"January\""), (&[n(0.0)], "null"), (&[n(-1e300)], "null")]);
    check("weekdayIndex", &[(&["friday".into()], "4"), (&["Su".into()], "6"), (&["Freitag".into()], "null")]);
    let mut german = Setting::default();
    german.locale.language = Language::De;
    german.check("monthName", &[(&[n(3.0)], "\"März\"")]);
    german.check(
        "weekdayIndex",
        &[(&["Freitag".into()], "4"), (&["Fr.".into()], "4"), (&["Friday".into()], "4")],
    );
}

#[test]
fn counting_days() {
    check("days", &[(&[day(0), day(30)], "30"), (&[day(30), day(0)], "-30"), (&[at(23, 0), day(1)], "1")]);
    let (first, last) = (Value::Date(-62_135_596_800_000), Value::Date(253_402_214_400_000));
    check(
        "workdays",
        &[
            (&[day(-4), day(0)], "5"),
            (&[day(-4), day(2)], "5"),
            (&[day(0), day(-4)], "-5"),
            (&[day(1), day(2)], "0"),
            (&[first, last], "2608615"),
            (&[Value::Date(i64::MIN), Value::Date(i64::MAX)], "152502844525"),
        ],
    );
}

#[test]
fn today_and_ages() {
    let late = Setting { now_ms: MARCH + 23 * HOUR_MS + 30 * MINUTE_MS, ..Setting::zone(BERLIN) };
    late.check("now", &[(&[], "\"2024-03-15T23:30:00\"")]);
    late.check("today", &[(&[], "\"2024-03-16\"")]);
    Setting::default().check("today", &[(&[], "\"2024-03-15\"")]);
    let born = |year: f64, month: f64, day: f64| {
        Setting::default().call("date", &[n(year), n(month), n(day)]).unwrap()
    };
    check(
        "age",
        &[
            (&[born(1980.0, 1.0, 1.0)], "44"),
            (&[born(1980.0, 3.0, 15.0)], "44"),
            (&[born(1980.0, 3.0, 16.0)], "43"),
            (&[born(2024.0, 3.0, 16.0)], "-1"),
            (&[born(2034.0, 3.0, 15.0)], "-10"),
        ],
    );
}

#[test]
fn in_the_zone_of_the_database() {
    let berlin = Setting::zone(BERLIN);
    berlin.check("date", &[(&[at(23, 30)], "\"2024-03-16\""), (&[n(MARCH as f64)], "\"2024-03-15\"")]);
    berlin.check("time", &[(&[at(23, 30)], "\"00:30:00\"")]);
    berlin.check("datetime", &[(&[n(2024.0), n(7.0), n(1.0)], "\"2024-06-30T22:00:00\"")]);
    berlin.check("datetime", &[(&[day(0), Value::Time(HOUR_MS)], "\"2024-03-15T00:00:00\"")]);
    berlin.check("days", &[(&[at(23, 30), day(1)], "0")]);
    berlin.check("format", &[(&[at(23, 30), "DD.MM. HH:mm".into()], "\"16.03. 00:30\"")]);
    // The last instants that there are.
    let west = Setting::zone("EST5");
    west.check("datetime", &[(&[Value::Date(253_402_214_400_000), Value::Time(20 * HOUR_MS)], "null")]);
    west.check("date", &[(&[Value::DateTime(-62_135_596_800_000)], "null")]);
}

#[test]
fn formats() {
    check(
        "format",
        &[
            (&[day(0), "D.M.YY".into()], "\"15.3.24\""),
            (&[day(0), "MMMM".into(), "de".into()], "\"März\""),
            (&[day(0), "MMMM".into(), Value::Null], "\"March\""),
            (&[day(0), Value::Null], "null"),
            (&[Value::Null, "MMMM".into()], "null"),
            (&[Value::Time(9 * HOUR_MS), "HH:mm".into()], "\"09:00\""),
            (&[Value::Appointment(MARCH, MARCH + HOUR_MS), "HH:mm".into()], "\"00:00 - 01:00\""),
        ],
    );
    let long = Value::text("x".repeat(4 << 20));
    let error = Setting::default().call("format", &[day(0), long]).unwrap_err();
    assert!(matches!(error.kind, crate::RunErrorKind::Memory(_)));
}

#[test]
fn calendars_of_clients_are_not_there() {
    check("createCalendarEvent", &[(&[], "null"), (&["Lunch".into(), at(12, 0)], "null")]);
    check("createCalendarReminder", &[(&["Lunch".into()], "null")]);
}
