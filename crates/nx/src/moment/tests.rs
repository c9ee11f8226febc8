use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::Language;

fn locale(language: Language, zone: &str) -> Locale {
    let zone = if zone.is_empty() { TimeZone::UTC } else { TimeZone::posix(zone).unwrap() };
    Locale::new(language, zone)
}

fn formatted(value: &Value, format: &str, language: &str, zone: &str) -> String {
    let mut out = String::new();
    write_format(value, format, Names::of(language), &locale(Language::En, zone), &mut out);
    out
}

/// `[zone, milliseconds, language, format, text]`: what moment.js 2.31 made of it, where it looked a zone up by name.
#[test]
fn as_moment_js_writes_it() {
    let mut count = 0;
    for line in include_str!("../../testdata/moment.jsonl").lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |at: usize| row[at].as_str().unwrap();
        let value = Value::DateTime(row[1].as_i64().unwrap());
        // An empty format is moment.js's way to ask for ISO 8601; here it is empty text.
        let expected = if text(3).is_empty() { "" } else { text(4) };
        assert_eq!(formatted(&value, text(3), text(2), text(0)), expected, "{line}");
        count += 1;
    }
    assert!(count > 200);
}

#[test]
fn dates_times_intervals_and_appointments_in_a_format() {
    const HOUR: i64 = 3_600_000;
    const MARCH: i64 = 1_709_596_800_000;
    for (value, format, expected) in [
        (Value::Date(MARCH), "DD.MM.YYYY HH:mm Z", "05.03.2024 00:00 +01:00"),
        (Value::Date(MARCH), "x", "1709593200000"),
        (Value::Time(33_900_000), "HH:mm", "09:25"),
        (Value::Time(0), "h:mm a", "12:00 am"),
        (Value::Interval(27 * HOUR + 61_000), "HH:mm:ss", "27:01:01"),
        (Value::Interval(123 * HOUR), "h [h] m [min]", "123 h 0 min"),
        (Value::Interval(-90 * 60_000), "[late by] H:mm", "late by -1:30"),
        (Value::Interval(5_250), "s.SSS [s]", "5.250 s"),
        (Value::Appointment(MARCH, MARCH + HOUR), "HH:mm", "01:00 - 02:00"),
        (Value::Null, "HH:mm", ""),
    ] {
        let zone = "CET-1CEST,M3.5.0,M10.5.0/3";
        assert_eq!(formatted(&value, format, "en", zone), expected, "{value:?} {format}");
    }
}

#[test]
fn unknown_languages_are_english() {
    for (code, expected) in
        [("de-AT", "Montag"), ("DE", "Montag"), ("xx", "Monday"), ("", "Monday"), ("nl_BE", "maandag")]
    {
        assert_eq!(Names::of(code).days[0], expected, "{code}");
    }
}

#[test]
fn short_forms_by_language() {
    let afternoon = 1_710_513_000_000;
    for (value, en, de) in [
        (Value::Date(afternoon), "03/15/2024", "15.03.2024"),
        (Value::DateTime(afternoon), "03/15/2024 2:30 PM", "15.03.2024 14:30"),
        (Value::Time(1_800_000), "00:30", "00:30"),
        (Value::Interval(7_200_000), "2:00", "2:00"),
        (Value::Interval(-7_205_000), "-2:00:05", "-2:00:05"),
        (Value::Interval(500), "0:00", "0:00"),
        (
            Value::Appointment(afternoon, afternoon + 3_600_000),
            "03/15/2024 2:30 PM - 03/15/2024 3:30 PM",
            "15.03.2024 14:30 - 15.03.2024 15:30",
        ),
    ] {
        for (language, expected) in [(Language::En, en), (Language::De, de)] {
            let mut out = String::new();
            write_short(&value, &locale(language, ""), &mut out);
            assert_eq!(out, expected);
        }
    }
}

proptest! {
    #[test]
    fn any_format_of_any_value(format in "([YMDdwWgGHhmsSLlxXZzNaAeEQkyo\\[\\]\\\\ .]|\\PC){0,20}", ms in any::<i64>()) {
        for value in [Value::Date(ms), Value::DateTime(ms), Value::Time(ms), Value::Interval(ms)] {
            formatted(&value, &format, "en", "");
            formatted(&value, &format, "fr", "EST5EDT,M3.2.0,M11.1.0");
        }
    }
}
