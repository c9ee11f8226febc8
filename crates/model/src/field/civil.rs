//! The civil calendar and clock as ISO 8601 text, by integer arithmetic only.
//!
//! Instants are milliseconds since 1970-01-01T00:00:00Z. The years 1 to 9999 are what four digits can show;
//! nothing outside of them is read.

/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 86_400_000;
/// 0001-01-01T00:00:00.000
pub(super) const INSTANT_MS_MIN: i64 = -62_135_596_800_000;
/// 9999-12-31T23:59:59.999
pub(super) const INSTANT_MS_MAX: i64 = 253_402_300_799_999;

const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;
const SECOND_MS: i64 = 1_000;

/// Days from 1970-01-01 to a date of the years 1 to 9999; `None` where there is no such date.
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=9999).contains(&year) || !(1..=month_days).contains(&day) {
        return None;
    }
    // Years that begin in March have their leap day last, and month lengths that a line approximates.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    Some(year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468)
}

/// Year, month and day of a count of days since 0001-01-01, by the algorithm of Neri and Schneider ("Euclidean
/// affine functions and their application to calendar algorithms", 2022): multiplications and shifts only.
fn civil_from_days(days_since_year_1: u32) -> (u32, u32, u32) {
    // From 1 March of the year 0, see `days_from_civil`.
    let n = 4 * (days_since_year_1 + 306) + 3;
    let (century, n) = (n / 146_097, (n % 146_097) | 3);
    let product = 2_939_745 * u64::from(n);
    let year = 100 * century + (product >> 32) as u32;
    let day_of_year = product as u32 / 2_939_745 / 4;
    let n = 2_141 * day_of_year + 197_913;
    let (month, day) = (n >> 16, (n & 0xffff) / 2_141 + 1);
    if day_of_year >= 306 { (year + 1, month - 12, day) } else { (year, month, day) }
}

/// Puts the last two digits of `n` at a place of `text`.
fn put_two(text: &mut [u8], at: usize, n: u32) {
    text[at] = b'0' + (n / 10 % 10) as u8;
    text[at + 1] = b'0' + (n % 10) as u8;
}

/// Appends `YYYY-MM-DD` of an instant's UTC day, within [`INSTANT_MS_MIN`] and [`INSTANT_MS_MAX`].
pub fn write_date(ms: i64, out: &mut Vec<u8>) {
    let since_year_1 = (ms.clamp(INSTANT_MS_MIN, INSTANT_MS_MAX) - INSTANT_MS_MIN) as u64;
    let (year, month, day) = civil_from_days((since_year_1 / DAY_MS as u64) as u32);
    let mut text = *b"0000-00-00";
    put_two(&mut text, 0, year / 100);
    put_two(&mut text, 2, year);
    put_two(&mut text, 5, month);
    put_two(&mut text, 8, day);
    out.extend_from_slice(&text);
}

/// Appends an instant as `YYYY-MM-DDThh:mm:ss`, UTC, 19 characters without quotes; milliseconds are not shown.
/// What lies outside the years 1 to 9999 is shown as their first or last second.
pub fn write_timestamp(ms: i64, out: &mut Vec<u8>) {
    let ms = ms.clamp(INSTANT_MS_MIN, INSTANT_MS_MAX);
    write_date(ms, out);
    let seconds = ((ms - INSTANT_MS_MIN) as u64 / SECOND_MS as u64 % 86_400) as u32;
    let mut text = *b"T00:00:00";
    put_two(&mut text, 1, seconds / 3_600);
    put_two(&mut text, 4, seconds / 60 % 60);
    put_two(&mut text, 7, seconds % 60);
    out.extend_from_slice(&text);
}

/// Appends `.SSS` of an instant, day time or interval (its absolute value) where that is not zero.
pub(super) fn write_fraction(ms: i64, out: &mut Vec<u8>) {
    let ms = ms.rem_euclid(SECOND_MS) as u32;
    if ms != 0 {
        let mut text = *b".000";
        put_two(&mut text, 1, ms / 10);
        text[3] = b'0' + (ms % 10) as u8;
        out.extend_from_slice(&text);
    }
}

/// Appends `hh:mm:ss[.SSS]` of a time of day.
pub fn write_clock(ms_of_day: i64, out: &mut Vec<u8>) {
    let mut text = *b"00";
    put_two(&mut text, 0, (ms_of_day as u64 / HOUR_MS as u64) as u32);
    out.extend_from_slice(&text);
    write_minutes(ms_of_day as u64, out);
}

/// Appends `h:mm:ss[.SSS]`, with `-` in front where negative; the hours have as many digits as they need.
pub fn write_interval(ms: i64, out: &mut Vec<u8>) {
    if ms < 0 {
        out.push(b'-');
    }
    let ms = ms.unsigned_abs();
    out.extend_from_slice(itoa::Buffer::new().format(ms / HOUR_MS as u64).as_bytes());
    write_minutes(ms, out);
}

/// Appends `:mm:ss[.SSS]`, what is left of `ms` without its hours.
fn write_minutes(ms: u64, out: &mut Vec<u8>) {
    let ms = (ms % HOUR_MS as u64) as u32;
    let mut text = *b":00:00";
    put_two(&mut text, 1, ms / 60_000);
    put_two(&mut text, 4, ms / 1_000 % 60);
    out.extend_from_slice(&text);
    write_fraction(i64::from(ms), out);
}

/// The instant an ISO 8601 text names, in milliseconds since the epoch. The zone (`Z`, `+02:00`, `+0200`,
/// `+02`) may be missing: then it is UTC. So may the time (midnight), its seconds and their fraction, of which
/// milliseconds are kept. Date and time are parted by `T` or a blank.
pub fn parse_timestamp(text: &str) -> Option<i64> {
    Written::parse(text)?.instant_ms()
}

/// A time of day, `h:mm[:ss[.SSS]]`, in milliseconds.
pub(super) fn parse_clock(text: &str) -> Option<i64> {
    let mut rest = Scan(text.as_bytes());
    let (hours, digits) = rest.number(24)?;
    if hours >= 24 || digits > 2 || !rest.eat(b':') {
        return None;
    }
    let ms = hours * HOUR_MS + rest.minutes()?;
    rest.at_end().then_some(ms)
}

/// An interval, `[-]h:mm[:ss[.SSS]]`, in milliseconds.
pub(super) fn parse_interval(text: &str) -> Option<i64> {
    let mut rest = Scan(text.as_bytes());
    let negative = rest.eat(b'-');
    let (hours, _) = rest.number(i64::MAX / HOUR_MS - 1)?;
    if !rest.eat(b':') {
        return None;
    }
    let ms = hours * HOUR_MS + rest.minutes()?;
    rest.at_end().then_some(if negative { -ms } else { ms })
}

/// A date and perhaps a time as somebody wrote them, before the zone is applied.
pub(super) struct Written {
    days: i64,
    ms_of_day: i64,
    offset_ms: i64,
}

impl Written {
    /// See [`parse_timestamp`].
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rest = Scan(text.as_bytes());
        let year = rest.two()? * 100 + rest.two()?;
        let month = rest.after(b'-')?.two()?;
        let day = rest.after(b'-')?.two()?;
        let days = days_from_civil(year, month, day)?;
        let (mut ms_of_day, mut offset_ms) = (0, 0);
        if rest.eat(b'T') || rest.eat(b't') || rest.eat(b' ') {
            let hour = rest.two().filter(|hour| *hour < 24)?;
            ms_of_day = hour * HOUR_MS + rest.after(b':')?.minutes()?;
            offset_ms = rest.zone()?;
        }
        rest.at_end().then_some(Self { days, ms_of_day, offset_ms })
    }

    /// The date as written, whatever the zone: its UTC midnight.
    pub(super) fn date_ms(&self) -> i64 {
        self.days * DAY_MS
    }

    /// The instant; `None` where the zone moves it out of the years 1 to 9999.
    fn instant_ms(&self) -> Option<i64> {
        let ms = self.date_ms() + self.ms_of_day - self.offset_ms;
        (INSTANT_MS_MIN..=INSTANT_MS_MAX).contains(&ms).then_some(ms)
    }
}

/// What is left to read.
struct Scan<'a>(&'a [u8]);

impl Scan<'_> {
    fn at_end(&self) -> bool {
        self.0.is_empty()
    }

    fn eat(&mut self, byte: u8) -> bool {
        match self.0 {
            [first, rest @ ..] if *first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn after(&mut self, byte: u8) -> Option<&mut Self> {
        self.eat(byte).then_some(self)
    }

    fn digit(&mut self) -> Option<i64> {
        match self.0 {
            [digit @ b'0'..=b'9', rest @ ..] => {
                self.0 = rest;
                Some(i64::from(digit - b'0'))
            }
            _ => None,
        }
    }

    /// Exactly two digits.
    fn two(&mut self) -> Option<i64> {
        Some(self.digit()? * 10 + self.digit()?)
    }

    /// One digit or more, and how many; `None` above `max`.
    fn number(&mut self, max: i64) -> Option<(i64, usize)> {
        let length = self.0.len();
        let mut number = self.digit()?;
        while let Some(digit) = self.digit() {
            number = number.checked_mul(10)?.checked_add(digit)?;
            if number > max {
                return None;
            }
        }
        Some((number, length - self.0.len()))
    }

    /// `mm[:ss[.fraction]]` in milliseconds.
    fn minutes(&mut self) -> Option<i64> {
        let mut ms = self.two().filter(|minute| *minute < 60)? * MINUTE_MS;
        if self.eat(b':') {
            ms += self.two().filter(|second| *second < 60)? * SECOND_MS;
            if self.eat(b'.') {
                ms += self.fraction()?;
            }
        }
        Some(ms)
    }

    /// One digit or more; the first three are milliseconds, the others are dropped.
    fn fraction(&mut self) -> Option<i64> {
        let mut ms = self.digit()? * 100;
        for unit in [10, 1] {
            ms += self.digit().unwrap_or(0) * unit;
        }
        while self.digit().is_some() {}
        Some(ms)
    }

    /// Nothing, `Z`, `+hh`, `+hhmm` or `+hh:mm`, in milliseconds east of UTC.
    fn zone(&mut self) -> Option<i64> {
        if self.at_end() || self.eat(b'Z') || self.eat(b'z') {
            return Some(0);
        }
        let west = self.eat(b'-');
        if !west && !self.eat(b'+') {
            return None;
        }
        let hours = self.two().filter(|hour| *hour < 24)?;
        let mut minutes = 0;
        if self.eat(b':') || !self.at_end() {
            minutes = self.two().filter(|minute| *minute < 60)?;
        }
        let ms = hours * HOUR_MS + minutes * MINUTE_MS;
        Some(if west { -ms } else { ms })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn timestamp(ms: i64) -> String {
        let mut out = Vec::new();
        write_timestamp(ms, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// Walks through all days there are, counting as people do.
    #[test]
    fn every_day_of_9999_years() {
        let (mut year, mut month, mut day) = (1, 1, 1);
        let first = INSTANT_MS_MIN / DAY_MS;
        for count in 0..=((INSTANT_MS_MAX - INSTANT_MS_MIN) / DAY_MS) {
            assert_eq!(civil_from_days(count as u32), (year as u32, month as u32, day as u32));
            assert_eq!(days_from_civil(year, month, day), Some(first + count));
            day += 1;
            let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
            let length = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            if day > length[month as usize - 1] {
                assert_eq!(days_from_civil(year, month, day), None);
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
        assert_eq!((year, month, day), (10_000, 1, 1));
    }

    #[test]
    fn instants_are_written_in_utc() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00"),
            (999, "1970-01-01T00:00:00"),
            (-1, "1969-12-31T23:59:59"),
            (1_611_405_000_000, "2021-01-23T12:30:00"),
            (951_782_400_000, "2000-02-29T00:00:00"),
            (INSTANT_MS_MIN, "0001-01-01T00:00:00"),
            (INSTANT_MS_MAX, "9999-12-31T23:59:59"),
            (i64::MIN, "0001-01-01T00:00:00"),
            (i64::MAX, "9999-12-31T23:59:59"),
        ] {
            assert_eq!(timestamp(ms), text);
        }
    }

    #[test]
    fn instants_are_read_with_and_without_zone() {
        const AT: i64 = 1_611_405_000_000;
        for (text, ms) in [
            ("2021-01-23T12:30:00", Some(AT)),
            ("2021-01-23 12:30:00", Some(AT)),
            ("2021-01-23t12:30", Some(AT)),
            ("2021-01-23T12:30:00Z", Some(AT)),
            ("2021-01-23T12:30z", Some(AT)),
            ("2021-01-23T14:30:00+02:00", Some(AT)),
            ("2021-01-23 14:30:00+0200", Some(AT)),
            ("2021-01-23T14:30+02", Some(AT)),
            ("2021-01-23T09:00:00-03:30", Some(AT)),
            ("2021-01-24T01:30:00.5+13:00", Some(AT + 500)),
            ("2021-01-23T12:30:00.123456789Z", Some(AT + 123)),
            ("2021-01-23T12:30:00.05", Some(AT + 50)),
            ("2021-01-23", Some(AT - 45_000_000)),
            ("2020-02-29", Some(1_582_934_400_000)),
            ("0001-01-01T00:00:00", Some(INSTANT_MS_MIN)),
            ("9999-12-31T23:59:59.999", Some(INSTANT_MS_MAX)),
            ("0001-01-01T00:00:00+00:01", None),
            ("9999-12-31T23:59:59-00:01", None),
            ("0000-12-31", None),
            ("10000-01-01", None),
            ("2021-02-29", None),
            ("1900-02-29", None),
            ("2021-00-01", None),
            ("2021-13-01", None),
            ("2021-04-31", None),
            ("2021-1-23", None),
            ("2021-01-23T", None),
            ("2021-01-23T12", None),
            ("2021-01-23T24:00:00", None),
            ("2021-01-23T12:60", None),
            ("2021-01-23T12:30:60", None),
            ("2021-01-23T12:30:00.", None),
            ("2021-01-23T12:30.5", None),
            ("2021-01-23T12:30:00+", None),
            ("2021-01-23T12:30:00+2", None),
            ("2021-01-23T12:30:00+02:", None),
            ("2021-01-23T12:30:00+24:00", None),
            ("2021-01-23T12:30:00+02:60", None),
            ("2021-01-23T12:30:00Zx", None),
            ("2021-01-23Z", None),
            ("-021-01-23", None),
            ("", None),
        ] {
            assert_eq!(parse_timestamp(text), ms, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_instant_reads_back(ms in INSTANT_MS_MIN..=INSTANT_MS_MAX) {
            let mut text = timestamp(ms);
            prop_assert_eq!(text.len(), 19);
            prop_assert_eq!(parse_timestamp(&text), Some(ms - ms.rem_euclid(1_000)));
            let mut fraction = Vec::new();
            write_fraction(ms, &mut fraction);
            text.push_str(&String::from_utf8(fraction).unwrap());
            prop_assert_eq!(parse_timestamp(&text), Some(ms));
        }

        #[test]
        fn any_text_is_read_without_panic(text in "\\PC*|[0-9TZ:+ .-]{0,40}") {
            let _ = (parse_timestamp(&text), parse_clock(&text), parse_interval(&text));
        }
    }
}
