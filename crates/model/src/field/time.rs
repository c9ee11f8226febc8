//! Dates, times, intervals and appointments.

use std::ops::RangeInclusive;

use super::civil::{
    DAY_MS, INSTANT_MS_MAX, INSTANT_MS_MIN, Written, parse_clock, parse_interval, parse_timestamp,
    write_clock, write_date, write_fraction, write_interval, write_timestamp,
};
use super::{FieldKind, WireStyle};
use crate::{Cell, Field, Json, StorageClass, Value, ValueError, write_json_string};

/// `date`: the UTC midnight of a civil date.
pub(super) struct Date;

/// `timestamp`: an instant. Its milliseconds are kept, but only the change feed shows them.
pub(super) struct Timestamp;

/// `timeinterval`: milliseconds between two instants, perhaps negative.
pub(super) struct TimeInterval;

/// `time`: milliseconds since midnight.
pub(super) struct TimeOfDay;

/// `appointment`: two instants, stored as the text that goes out: `start - end`, both as timestamps in UTC.
pub(super) struct Appointment;

const INSTANTS_MS: RangeInclusive<i64> = INSTANT_MS_MIN..=INSTANT_MS_MAX;
const DAY_TIMES_MS: RangeInclusive<i64> = 0..=DAY_MS - 1;
/// Whole numbers that a JSON number holds exactly.
const INTERVALS_MS: RangeInclusive<i64> = -(1 << 53)..=1 << 53;

/// Milliseconds from a number (what is behind the point is dropped) or from text by `parse`; empty text clears.
fn read_ms(
    json: &Json<'_>,
    expected: &str,
    range_ms: &RangeInclusive<i64>,
    parse: impl Fn(&str) -> Option<i64>,
) -> Result<Option<i64>, ValueError> {
    let ms = match json {
        // Casting stops at the ends of `i64`, which no range reaches.
        Json::Number(n) => Some(*n as i64),
        Json::String(text) => {
            let text = text.trim();
            if text.is_empty() {
                return Ok(None);
            }
            parse(text)
        }
        _ => None,
    };
    ms.filter(|ms| range_ms.contains(ms)).map(Some).ok_or_else(|| ValueError::new(expected, json))
}

/// Appends a time in quotes by `write_text`, or `null` where it has no text: a formula may have left the range.
fn write_ms(
    cell: Cell<'_>,
    range_ms: &RangeInclusive<i64>,
    out: &mut Vec<u8>,
    write_text: impl Fn(i64, &mut Vec<u8>),
) {
    match cell {
        Cell::Time(ms) if range_ms.contains(&ms) => {
            out.push(b'"');
            write_text(ms, out);
            out.push(b'"');
        }
        _ => out.extend_from_slice(b"null"),
    }
}

/// Appends a timestamp with its milliseconds, where it has any.
fn write_exact(ms: i64, out: &mut Vec<u8>) {
    write_timestamp(ms, out);
    write_fraction(ms, out);
}

impl FieldKind for Date {
    fn base(&self) -> &'static str {
        "date"
    }

    fn storage(&self) -> Option<StorageClass> {
        Some(StorageClass::Time)
    }

    fn read(&self, json: &Json<'_>, _field: &Field) -> Result<Option<Value>, ValueError> {
        // Of a datetime the date as written counts: somebody who writes 23 January means that day, whatever
        // day it then is in Greenwich.
        let expected = "a date such as \"2021-01-23\"";
        let ms = read_ms(json, expected, &INSTANTS_MS, |text| Some(Written::parse(text)?.date_ms()))?;
        Ok(ms.map(|ms| Value::Time(ms - ms.rem_euclid(DAY_MS))))
    }

    fn write(&self, cell: Cell<'_>, _field: &Field, _style: WireStyle, out: &mut Vec<u8>) {
        write_ms(cell, &INSTANTS_MS, out, write_date);
    }
}

impl FieldKind for Timestamp {
    fn base(&self) -> &'static str {
        "timestamp"
    }

    fn storage(&self) -> Option<StorageClass> {
        Some(StorageClass::Time)
    }

    fn read(&self, json: &Json<'_>, _field: &Field) -> Result<Option<Value>, ValueError> {
        let expected = "a date and time such as \"2021-01-23T12:30:00\"";
        Ok(read_ms(json, expected, &INSTANTS_MS, parse_timestamp)?.map(Value::Time))
    }

    fn write(&self, cell: Cell<'_>, _field: &Field, _style: WireStyle, out: &mut Vec<u8>) {
        write_ms(cell, &INSTANTS_MS, out, write_timestamp);
    }

    fn write_change(&self, cell: Cell<'_>, _field: &Field, out: &mut Vec<u8>) {
        write_ms(cell, &INSTANTS_MS, out, write_exact);
    }
}

impl FieldKind for TimeInterval {
    fn base(&self) -> &'static str {
        "timeinterval"
    }

    fn storage(&self) -> Option<StorageClass> {
        Some(StorageClass::Time)
    }

    fn read(&self, json: &Json<'_>, _field: &Field) -> Result<Option<Value>, ValueError> {
        let expected = "a time interval such as \"1:30:00\"";
        Ok(read_ms(json, expected, &INTERVALS_MS, parse_interval)?.map(Value::Time))
    }

    fn write(&self, cell: Cell<'_>, _field: &Field, _style: WireStyle, out: &mut Vec<u8>) {
        write_ms(cell, &INTERVALS_MS, out, write_interval);
    }
}

impl FieldKind for TimeOfDay {
    fn base(&self) -> &'static str {
        "time"
    }

    fn storage(&self) -> Option<StorageClass> {
        Some(StorageClass::Time)
    }

    fn read(&self, json: &Json<'_>, _field: &Field) -> Result<Option<Value>, ValueError> {
        let expected = "a time such as \"12:30:00\"";
        Ok(read_ms(json, expected, &DAY_TIMES_MS, parse_clock)?.map(Value::Time))
    }

    fn write(&self, cell: Cell<'_>, _field: &Field, _style: WireStyle, out: &mut Vec<u8>) {
        write_ms(cell, &DAY_TIMES_MS, out, write_clock);
    }
}

impl FieldKind for Appointment {
    fn base(&self) -> &'static str {
        "appointment"
    }

    fn storage(&self) -> Option<StorageClass> {
        Some(StorageClass::Text)
    }

    fn read(&self, json: &Json<'_>, _field: &Field) -> Result<Option<Value>, ValueError> {
        let text = json.as_str().map(str::trim);
        if text == Some("") {
            return Ok(None);
        }
        // Neither a date nor a zone has a dash between blanks, so the first one parts start and end.
        let times = text
            .and_then(|text| text.split_once(" - "))
            .and_then(|(start, end)| parse_timestamp(start).zip(parse_timestamp(end)));
        let Some((start_ms, end_ms)) = times else {
            let expected = "an appointment such as \"2021-01-23T12:30:00 - 2021-01-23T13:30:00\"";
            return Err(ValueError::new(expected, json));
        };
        if end_ms < start_ms {
            return Err(ValueError::new("an appointment that does not end before it starts", json));
        }
        let mut canonical = Vec::with_capacity(49);
        write_exact(start_ms, &mut canonical);
        canonical.extend_from_slice(b" - ");
        write_exact(end_ms, &mut canonical);
        Ok(Some(Value::Text(String::from_utf8_lossy(&canonical).into())))
    }

    fn write(&self, cell: Cell<'_>, _field: &Field, _style: WireStyle, out: &mut Vec<u8>) {
        match cell {
            Cell::Text(text) => write_json_string(text, out),
            _ => out.extend_from_slice(b"null"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::check::{change_round_trips, check, field, round_trips, written};
    use super::*;

    #[test]
    fn dates() {
        check(
            &field("date"),
            &[
                (r#""2021-01-23""#, r#""2021-01-23""#),
                (r#"" 2021-01-23 ""#, r#""2021-01-23""#),
                (r#""2021-01-23T23:59:59.999""#, r#""2021-01-23""#),
                (r#""2021-01-23 12:30""#, r#""2021-01-23""#),
                (r#""2021-01-23T23:30:00-05:00""#, r#""2021-01-23""#),
                (r#""0001-01-01T00:00+02""#, r#""0001-01-01""#),
                ("1611405000000", r#""2021-01-23""#),
                ("0", r#""1970-01-01""#),
                ("-0.9", r#""1970-01-01""#),
                ("-1", r#""1969-12-31""#),
                ("253402300799999.9", r#""9999-12-31""#),
                (r#""""#, "cleared"),
                (r#""abc""#, r#"expected a date such as "2021-01-23", got "abc""#),
                (r#""2021-02-29""#, r#"expected a date such as "2021-01-23", got "2021-02-29""#),
                (r#""2021-01-23T25:00""#, r#"expected a date such as "2021-01-23", got "2021-01-23T25:00""#),
                ("253402300800000", r#"expected a date such as "2021-01-23", got 253402300800000"#),
                ("-1e300", r#"expected a date such as "2021-01-23", got -1e+300"#),
                ("true", r#"expected a date such as "2021-01-23", got true"#),
                ("[]", r#"expected a date such as "2021-01-23", got an array"#),
            ],
        );
    }

    #[test]
    fn timestamps() {
        check(
            &field("timestamp"),
            &[
                (r#""2021-01-23T12:30:00""#, r#""2021-01-23T12:30:00""#),
                (r#""2021-01-23""#, r#""2021-01-23T00:00:00""#),
                (r#""2021-01-23T14:30:00.999+02:00""#, r#""2021-01-23T12:30:00""#),
                ("1611405000000", r#""2021-01-23T12:30:00""#),
                ("-0.5", r#""1970-01-01T00:00:00""#),
                (r#""""#, "cleared"),
                (r#""12:30""#, r#"expected a date and time such as "2021-01-23T12:30:00", got "12:30""#),
                (
                    "1e18",
                    r#"expected a date and time such as "2021-01-23T12:30:00", got 1000000000000000000"#,
                ),
                ("{}", r#"expected a date and time such as "2021-01-23T12:30:00", got an object"#),
            ],
        );
    }

    #[test]
    fn the_change_feed_shows_milliseconds() {
        let mut out = Vec::new();
        Timestamp.write_change(Cell::Time(1_611_405_000_007), &field("timestamp"), &mut out);
        Timestamp.write_change(Cell::Time(1_611_405_000_000), &field("timestamp"), &mut out);
        assert_eq!(out, br#""2021-01-23T12:30:00.007""2021-01-23T12:30:00""#);
    }

    #[test]
    fn intervals() {
        check(
            &field("timeinterval"),
            &[
                (r#""123:25:16.123""#, r#""123:25:16.123""#),
                (r#""1:30""#, r#""1:30:00""#),
                (r#""001:30:00""#, r#""1:30:00""#),
                (r#""-0:00:00.5""#, r#""-0:00:00.500""#),
                (r#""-0:00""#, r#""0:00:00""#),
                (r#""0:00:01.0009""#, r#""0:00:01""#),
                ("5400000", r#""1:30:00""#),
                ("-1.9", r#""-0:00:00.001""#),
                ("9007199254740992", r#""2501999792:59:00.992""#),
                (r#""""#, "cleared"),
                ("9007199254740994", r#"expected a time interval such as "1:30:00", got 9007199254740994"#),
                (
                    r#""2501999792:59:00.993""#,
                    r#"expected a time interval such as "1:30:00", got "2501999792:59:00.993""#,
                ),
                (
                    r#""99999999999999999999:00""#,
                    r#"expected a time interval such as "1:30:00", got "99999999999999999999:00""#,
                ),
                (r#""1:60""#, r#"expected a time interval such as "1:30:00", got "1:60""#),
                (r#""1:5""#, r#"expected a time interval such as "1:30:00", got "1:5""#),
                (r#"":30""#, r#"expected a time interval such as "1:30:00", got ":30""#),
                (r#""--1:30""#, r#"expected a time interval such as "1:30:00", got "--1:30""#),
                (r#""90""#, r#"expected a time interval such as "1:30:00", got "90""#),
            ],
        );
    }

    #[test]
    fn times_of_day() {
        check(
            &field("time"),
            &[
                (r#""12:30""#, r#""12:30:00""#),
                (r#""9:05:07""#, r#""09:05:07""#),
                (r#""23:59:59.999""#, r#""23:59:59.999""#),
                (r#""00:00:00.01""#, r#""00:00:00.010""#),
                ("0", r#""00:00:00""#),
                ("86399999", r#""23:59:59.999""#),
                (r#""""#, "cleared"),
                ("86400000", r#"expected a time such as "12:30:00", got 86400000"#),
                ("-1", r#"expected a time such as "12:30:00", got -1"#),
                (r#""24:00""#, r#"expected a time such as "12:30:00", got "24:00""#),
                (r#""012:30""#, r#"expected a time such as "12:30:00", got "012:30""#),
                (r#""12:30pm""#, r#"expected a time such as "12:30:00", got "12:30pm""#),
                (r#""-1:00""#, r#"expected a time such as "12:30:00", got "-1:00""#),
            ],
        );
    }

    #[test]
    fn appointments() {
        let shape = r#"expected an appointment such as "2021-01-23T12:30:00 - 2021-01-23T13:30:00", got"#;
        check(
            &field("appointment"),
            &[
                (
                    r#""2021-01-23T12:30:00 - 2021-01-23T13:30:00""#,
                    r#""2021-01-23T12:30:00 - 2021-01-23T13:30:00""#,
                ),
                (
                    r#""2021-01-23 12:30 - 2021-01-23 15:30:00.250-02:00""#,
                    r#""2021-01-23T12:30:00 - 2021-01-23T17:30:00.250""#,
                ),
                (r#""2021-01-23 - 2021-01-23""#, r#""2021-01-23T00:00:00 - 2021-01-23T00:00:00""#),
                (r#""""#, "cleared"),
                (
                    r#""2021-01-24 - 2021-01-23""#,
                    r#"expected an appointment that does not end before it starts, got "2021-01-24 - 2021-01-23""#,
                ),
                (r#""2021-01-23""#, &format!(r#"{shape} "2021-01-23""#)),
                (r#""2021-01-23 - x""#, &format!(r#"{shape} "2021-01-23 - x""#)),
                ("7", &format!("{shape} 7")),
            ],
        );
    }

    #[test]
    fn what_no_text_can_show_is_null() {
        let style = WireStyle::default();
        assert_eq!(written(&field("date"), Cell::Time(i64::MAX), style), "null");
        assert_eq!(written(&field("timestamp"), Cell::Time(INSTANT_MS_MIN - 1), style), "null");
        assert_eq!(written(&field("time"), Cell::Time(DAY_MS), style), "null");
        assert_eq!(written(&field("timeinterval"), Cell::Time(i64::MIN), style), "null");
    }

    proptest! {
        #[test]
        fn any_time_round_trips(
            ms in INSTANTS_MS,
            later_ms in 0..=400 * 366 * DAY_MS,
            of_day_ms in DAY_TIMES_MS,
            interval_ms in INTERVALS_MS,
        ) {
            round_trips(&field("date"), &Value::Time(ms - ms.rem_euclid(DAY_MS)));
            round_trips(&field("timestamp"), &Value::Time(ms - ms.rem_euclid(1_000)));
            change_round_trips(&field("timestamp"), &Value::Time(ms));
            round_trips(&field("time"), &Value::Time(of_day_ms));
            round_trips(&field("timeinterval"), &Value::Time(interval_ms));
            let mut text = Vec::new();
            write_exact(ms, &mut text);
            text.extend_from_slice(b" - ");
            write_exact((ms + later_ms).min(INSTANT_MS_MAX), &mut text);
            round_trips(&field("appointment"), &Value::Text(String::from_utf8(text).unwrap().into()));
        }
    }
}
