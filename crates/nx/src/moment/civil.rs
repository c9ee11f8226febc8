//! The civil calendar (proleptic Gregorian) and clock by integer arithmetic, and instants in a zone.
//!
//! A day is its count from 1970-01-01; an instant is UTC milliseconds. What lies outside of the years 1 to 9999 is
//! no date of the language: [`date`] and [`instant`] make it null.

use jiff::{Timestamp, tz::TimeZone};

use crate::Value;

/// Milliseconds of a day.
pub(crate) const DAY_MS: i64 = 86_400_000;
/// Milliseconds of an hour.
pub(crate) const HOUR_MS: i64 = 3_600_000;
/// Milliseconds of a minute.
pub(crate) const MINUTE_MS: i64 = 60_000;
/// Milliseconds of a second.
pub(crate) const SECOND_MS: i64 = 1_000;

/// 0001-01-01T00:00:00.000Z
const INSTANT_MS_MIN: i64 = -62_135_596_800_000;
/// 9999-12-31T23:59:59.999Z
const INSTANT_MS_MAX: i64 = 253_402_300_799_999;

/// 9999-12-28T23:59:59.999Z, behind which the zone library fails in some zones. What is later is looked up a cycle of
/// the calendar earlier, where the same rules hold on the same weekdays.
const ZONE_MS_MAX: i64 = INSTANT_MS_MAX - 3 * DAY_MS;

/// After so many days, 400 years, the calendar repeats itself.
const CYCLE_DAYS: i64 = 146_097;

/// Whole numbers up to here are exact as IEEE doubles; no interval is longer.
const EXACT_MAX: i64 = 9_007_199_254_740_991;

/// A date of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Civil {
    /// Astronomical: the year before 1 is 0.
    pub(crate) year: i64,
    /// 1 to 12
    pub(crate) month: i64,
    /// 1 to 31
    pub(crate) day: i64,
}

/// A value of an instant's milliseconds; null outside of the years 1 to 9999.
pub(crate) fn instant(ms: Option<i64>) -> Value {
    in_years(ms).map_or(Value::Null, Value::DateTime)
}

/// A value of a day; null outside of the years 1 to 9999.
pub(crate) fn date(day: Option<i64>) -> Value {
    in_years(day.and_then(|day| day.checked_mul(DAY_MS))).map_or(Value::Null, Value::Date)
}

fn in_years(ms: Option<i64>) -> Option<i64> {
    ms.filter(|ms| (INSTANT_MS_MIN..=INSTANT_MS_MAX).contains(ms))
}

/// A value of a time of day; what is beyond a day starts anew.
pub(crate) fn time(ms: Option<i64>) -> Value {
    ms.map_or(Value::Null, |ms| Value::Time(ms.rem_euclid(DAY_MS)))
}

/// A value of an interval; null where it is too long to be exact.
pub(crate) fn interval(ms: Option<i64>) -> Value {
    ms.filter(|ms| (-EXACT_MAX..=EXACT_MAX).contains(ms)).map_or(Value::Null, Value::Interval)
}

/// A number as whole milliseconds (days, years), rounded by `round`; `None` where it is out of all bounds.
pub(crate) fn whole(n: f64, round: fn(f64) -> f64) -> Option<i64> {
    let n = round(n);
    (n.abs() <= EXACT_MAX as f64).then_some(n as i64)
}

/// The day of a date, whose parts may overflow: the month 13 is January of the next year, the day 0 the last one of
/// the month before.
pub(crate) fn day_of(year: i64, month: i64, day: i64) -> Option<i64> {
    let months = year.checked_mul(12)?.checked_add(month.checked_sub(1)?)?;
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12));
    // So that nothing below overflows.
    if year.unsigned_abs() > 1_000_000_000 || day.unsigned_abs() > EXACT_MAX as u64 {
        return None;
    }
    // Years that begin in March have their leap day last, and month lengths that a line approximates.
    let (year, month) = if month >= 2 { (year, month - 2) } else { (year - 1, month + 10) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468)
}

/// The date of a day.
pub(crate) fn civil_of(day: i64) -> Civil {
    // Within what `day_of` makes, so that any i64 is safe; nothing of the language comes near.
    let day = day.clamp(-EXACT_MAX, EXACT_MAX) + 719_468;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let year = year + era * 400;
    if month < 10 {
        Civil { year, month: month + 3, day }
    } else {
        Civil { year: year + 1, month: month - 9, day }
    }
}

/// 0 = Monday to 6 = Sunday.
pub(crate) fn weekday(day: i64) -> i64 {
    // 1970-01-01 was a Thursday.
    (day.rem_euclid(7) + 3) % 7
}

/// 1 to 366.
pub(crate) fn day_of_year(day: i64) -> i64 {
    day - first_day(civil_of(day).year) + 1
}

/// The day of 1 January.
fn first_day(year: i64) -> i64 {
    day_of(year, 1, 1).unwrap_or_default()
}

/// Year and number of a week. `first` is the weekday it begins with (0 = Monday), and the first week of a year is
/// the one that contains this day of January.
pub(crate) fn week(day: i64, first: i64, january: i64) -> (i64, i64) {
    // Where the first week of a year begins: with the last `first` that is not behind that day of January.
    let start = |year: i64| {
        let pivot = first_day(year) + january - 1;
        pivot - (weekday(pivot) - first).rem_euclid(7)
    };
    let year = civil_of(day).year;
    let year = if day < start(year) {
        year - 1
    } else if day >= start(year + 1) {
        year + 1
    } else {
        year
    };
    (year, (day - start(year)) / 7 + 1)
}

/// Year and number of a week of ISO 8601.
pub(crate) fn iso_week(day: i64) -> (i64, i64) {
    week(day, 0, 4)
}

/// 1 to 4.
pub(crate) fn quarter(month: i64) -> i64 {
    (month + 2) / 3
}

/// How many days from Monday to Friday there are from `from` to `to`, both counted; negative if `to` is earlier.
pub(crate) fn workdays(from: i64, to: i64) -> i64 {
    if from > to {
        return -workdays(to, from);
    }
    // Workdays from a Monday long ago to the day before.
    let before = |day: i64| {
        let since_monday = day + 3;
        since_monday.div_euclid(7) * 5 + since_monday.rem_euclid(7).min(5)
    };
    before(to + 1) - before(from)
}

/// An instant as the clocks of a zone show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Local {
    /// The day.
    pub(crate) day: i64,
    /// Milliseconds since midnight.
    pub(crate) ms: i64,
    /// Seconds east of UTC.
    pub(crate) offset_s: i64,
}

impl Local {
    /// What the clocks show at an instant.
    pub(crate) fn at(ms: i64, zone: &TimeZone) -> Self {
        let offset_s = offset_s(ms, zone);
        let ms = ms.saturating_add(offset_s * SECOND_MS);
        Self { day: ms.div_euclid(DAY_MS), ms: ms.rem_euclid(DAY_MS), offset_s }
    }
}

/// The instant at which the clocks of a zone show a day and time (milliseconds since midnight, which may overflow);
/// `None` far out of all years. A time that the clocks skip counts from before they did, of one that they show twice it
/// is the first, as in JavaScript.
pub(crate) fn instant_of(day: i64, ms: i64, zone: &TimeZone) -> Option<i64> {
    let shown = day.checked_mul(DAY_MS)?.checked_add(ms)?;
    if !(INSTANT_MS_MIN - DAY_MS..=INSTANT_MS_MAX + DAY_MS).contains(&shown) {
        return None;
    }
    if *zone == TimeZone::UTC {
        return Some(shown);
    }
    if shown > ZONE_MS_MAX {
        return Some(instant_of(day - CYCLE_DAYS, ms, zone)? + CYCLE_DAYS * DAY_MS);
    }
    let found = Timestamp::from_millisecond(shown).and_then(|at| {
        let shown = TimeZone::UTC.to_datetime(at);
        zone.to_ambiguous_timestamp(shown).compatible()
    });
    found.ok().map(Timestamp::as_millisecond)
}

fn offset_s(ms: i64, zone: &TimeZone) -> i64 {
    if *zone == TimeZone::UTC {
        return 0;
    }
    let ms = if ms > ZONE_MS_MAX { ms - CYCLE_DAYS * DAY_MS } else { ms };
    Timestamp::from_millisecond(ms).map_or(0, |at| i64::from(zone.to_offset(at).seconds()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The first day of a year, by counting the years from 1970.
    fn counted(year: i64) -> i64 {
        let length = |y: i64| if (y % 4 == 0 && y % 100 != 0) || y % 400 == 0 { 366 } else { 365 };
        if year >= 1970 { (1970..year).map(length).sum() } else { -(year..1970).map(length).sum::<i64>() }
    }

    /// Days of the first week, counted one by one: from the Monday on or before 1 January, the first with 4 days or
    /// more in the year.
    fn naive_iso_week(day: i64) -> (i64, i64) {
        let year_of = |day| civil_of(day).year;
        let monday = day - weekday(day);
        let thursday = monday + 3;
        let year = year_of(thursday);
        let mut count = 0;
        let mut at = thursday;
        while year_of(at) == year {
            count += 1;
            at -= 7;
        }
        (year, count)
    }

    #[test]
    fn parts_overflow() {
        for (year, month, day, expected) in [
            (2024, 8, 0, (2024, 7, 31)),
            (2024, 13, 1, (2025, 1, 1)),
            (2024, 0, 1, (2023, 12, 1)),
            (2024, 3, 0, (2024, 2, 29)),
            (2023, 3, 0, (2023, 2, 28)),
            (2024, -11, 1, (2023, 1, 1)),
            (2024, 1, 367, (2025, 1, 1)),
            (1970, 1, 1, (1970, 1, 1)),
            (0, 2, 29, (0, 2, 29)),
            (-1, 12, 31, (-1, 12, 31)),
        ] {
            let (y, m, d) = expected;
            assert_eq!(civil_of(day_of(year, month, day).unwrap()), Civil { year: y, month: m, day: d });
        }
        for far in [i64::MIN, i64::MAX] {
            assert_eq!((day_of(far, 1, 1), day_of(1, far, 1), day_of(1, 1, far)), (None, None, None));
            let _ = (civil_of(far), weekday(far), day_of_year(civil_of(0).year));
        }
    }

    #[test]
    fn instants_of_a_zone_with_summer_time() {
        // Berlin: 02:00 to 03:00 is skipped on 31 March 2024 and shown twice on 27 October.
        let Ok(zone) = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3") else { panic!("a zone") };
        let at = |month, day, ms| instant_of(day_of(2024, month, day).unwrap(), ms, &zone).unwrap();
        let utc = |month, day, ms: i64| day_of(2024, month, day).unwrap() * DAY_MS + ms;
        assert_eq!(at(1, 15, 12 * HOUR_MS), utc(1, 15, 11 * HOUR_MS));
        assert_eq!(at(7, 15, 12 * HOUR_MS), utc(7, 15, 10 * HOUR_MS));
        assert_eq!(at(3, 31, 2 * HOUR_MS + MINUTE_MS), utc(3, 31, HOUR_MS + MINUTE_MS));
        assert_eq!(at(10, 27, 2 * HOUR_MS), utc(10, 27, 0));
        assert_eq!(at(7, 15, 25 * HOUR_MS), utc(7, 15, 23 * HOUR_MS));
        let shown = Local::at(at(3, 31, 2 * HOUR_MS), &zone);
        assert_eq!((shown.ms, shown.offset_s), (3 * HOUR_MS, 7_200));
        let last = instant_of(day_of(9999, 12, 31).unwrap(), DAY_MS - 1, &zone).unwrap();
        assert_eq!(last, INSTANT_MS_MAX - HOUR_MS);
        assert_eq!(Local::at(last, &zone).ms, DAY_MS - 1);
        assert_eq!(instant_of(i64::MAX, 0, &zone), None);
        assert_eq!(instant_of(0, i64::MIN, &zone), None);
        let _ = (Local::at(i64::MAX, &zone), Local::at(i64::MIN, &zone));
    }

    proptest! {
        #[test]
        fn civil_dates_there_and_back(year in -9999i64..=9999, month in 1i64..=12, day in 1i64..=28) {
            let count = day_of(year, month, day).unwrap();
            prop_assert_eq!(civil_of(count), Civil { year, month, day });
            // The day before is the day before in the calendar as well.
            prop_assert!(civil_of(count - 1) < civil_of(count));
            prop_assert_eq!(first_day(year), counted(year));
            prop_assert_eq!(day_of(year, month, 1).unwrap() + day - 1, count);
            prop_assert_eq!(day_of_year(count), count - counted(year) + 1);
        }

        #[test]
        fn weeks_as_counted(day in -4_400_000i64..3_000_000) {
            prop_assert_eq!(iso_week(day), naive_iso_week(day));
        }

        #[test]
        fn workdays_as_counted(from in -5_000i64..5_000, length in 0i64..500) {
            let counted = (from..=from + length).filter(|&day| weekday(day) < 5).count() as i64;
            prop_assert_eq!(workdays(from, from + length), counted);
            prop_assert_eq!(workdays(from + length, from).abs(), counted);
        }
    }
}
