//! Formats of moment.js (nx-language.md §4.2.2): `DD.MM.YYYY`, `[Week] W`. They come out as moment.js 2 writes them.

use std::borrow::Cow;

use jiff::tz::TimeZone;

use super::{
    civil::{
        Civil, DAY_MS, HOUR_MS, Local, MINUTE_MS, SECOND_MS, civil_of, day_of_year, instant_of, iso_week,
        quarter, week, weekday,
    },
    names::Names,
};
use crate::Value;

/// What a format is filled with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    local: Local,
    instant_ms: i64,
    /// A time interval, whose hours do not end at 24 and which may be negative.
    span_ms: Option<i64>,
}

impl Moment {
    /// Of a date, instant, time or interval.
    pub(crate) fn of(value: &Value, zone: &TimeZone) -> Option<Self> {
        let bare = |ms: i64| Local { day: 0, ms, offset_s: 0 };
        Some(match *value {
            Value::Date(ms) => {
                let day = ms.div_euclid(DAY_MS);
                let instant_ms = instant_of(day, 0, zone)?;
                // Where a zone skips midnight, the day begins later; it stays that day.
                Self { local: Local::at(instant_ms, zone), instant_ms, span_ms: None }
            }
            Value::DateTime(ms) => Self { local: Local::at(ms, zone), instant_ms: ms, span_ms: None },
            Value::Time(ms) => {
                let ms = ms.rem_euclid(DAY_MS);
                Self { local: bare(ms), instant_ms: ms, span_ms: None }
            }
            Value::Interval(ms) => {
                let of_day = (ms.unsigned_abs() % DAY_MS as u64) as i64;
                Self { local: bare(of_day), instant_ms: ms, span_ms: Some(ms) }
            }
            _ => return None,
        })
    }

    /// Appends it in a format.
    pub(crate) fn write(&self, format: &str, names: &Names, out: &mut String) {
        let format = expand(format, names);
        let civil = civil_of(self.local.day);
        let is_hyphened = format.contains("-MMM-");
        let mut writer = Writer { moment: self, civil, names, is_hyphened, is_signed: false, out };
        let mut rest = &format[..];
        while !rest.is_empty() {
            let token = &rest[..token_bytes(rest)];
            if !writer.token(token) {
                writer.literal(token);
            }
            rest = &rest[token.len()..];
        }
    }
}

/// Replaces `L`, `LT` and so on by the formats of the language they stand for.
fn expand<'a>(format: &'a str, names: &Names) -> Cow<'a, str> {
    if !format.contains(['L', 'l']) {
        return Cow::Borrowed(format);
    }
    let mut out = String::with_capacity(format.len() + 32);
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '[' => bracket_bytes(rest).unwrap_or(1),
            // What is behind a backslash is no token, and stays with it.
            '\\' => 1 + local_bytes(&rest[1..]).unwrap_or(0),
            'L' | 'l' => local_bytes(rest).unwrap_or(1),
            other => other.len_utf8(),
        };
        let (token, behind) = rest.split_at(length);
        match token {
            "LT" => out.push_str(names.formats[0]),
            "LTS" => out.push_str(names.formats[1]),
            "L" | "LL" | "LLL" | "LLLL" => out.push_str(names.formats[1 + length]),
            "l" | "ll" | "lll" | "llll" => shorten(names.formats[1 + length], &mut out),
            literal => out.push_str(literal),
        }
        rest = behind;
    }
    Cow::Owned(out)
}

/// How long a token for a format of the language is.
fn local_bytes(rest: &str) -> Option<usize> {
    match rest.as_bytes() {
        [b'L', b'T', b'S', ..] => Some(3),
        [b'L', b'T', ..] => Some(2),
        [first @ (b'L' | b'l'), ..] => Some(run(rest, *first, 4)),
        _ => None,
    }
}

/// The lower-case formats: those in capitals with shorter months and days.
fn shorten(format: &str, out: &mut String) {
    let mut rest = format;
    while !rest.is_empty() {
        let (token, behind) = rest.split_at(token_bytes(rest));
        out.push_str(if matches!(token, "MMMM" | "MM" | "DD" | "dddd") { &token[1..] } else { token });
        rest = behind;
    }
}

/// How long the text in brackets is that `rest` begins with: up to the last `]` before another `[`.
fn bracket_bytes(rest: &str) -> Option<usize> {
    let inside = &rest[1..];
    let inside = inside.split('[').next().unwrap_or_default();
    inside.rfind(']').map(|at| at + 2)
}

/// How often a letter is repeated, counted up to `max`.
fn run(rest: &str, letter: u8, max: usize) -> usize {
    rest.bytes().take(max).take_while(|&b| b == letter).count()
}

/// How long the token is that `rest`, which is not empty, begins with.
fn token_bytes(rest: &str) -> usize {
    match rest.as_bytes()[0] {
        b'[' => bracket_bytes(rest).unwrap_or(1),
        b'\\' if rest.len() > 1 => 1 + letters_bytes(&rest[1..]),
        _ => letters_bytes(rest),
    }
}

fn letters_bytes(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let first = bytes[0];
    let is_next = |letter: u8| bytes.get(1) == Some(&letter);
    match first {
        b'h' | b'H' if bytes[1..].starts_with(b"mmss") => 5,
        b'h' | b'H' if bytes[1..].starts_with(b"mm") => 3,
        b'M' | b'D' | b'd' | b'Q' | b'y' if is_next(b'o') => 2,
        b'D' if bytes.starts_with(b"DDDo") => 4,
        b'M' | b'D' | b'd' | b'y' => run(rest, first, 4),
        b'w' | b'W' if is_next(b'o') || is_next(b'|') || is_next(first) => 2,
        b'N' => run(rest, first, 5),
        b'Y' => match run(rest, first, 6) {
            3 => 2,
            count => count,
        },
        b'g' | b'G' => match run(rest, first, 5) {
            3 => 2,
            count => count,
        },
        b'h' | b'H' | b'k' | b'm' | b's' | b'z' | b'Z' => run(rest, first, 2),
        b'S' => run(rest, first, 9),
        _ => rest.chars().next().map_or(1, char::len_utf8),
    }
}

struct Writer<'a> {
    moment: &'a Moment,
    civil: Civil,
    names: &'a Names,
    is_hyphened: bool,
    /// The sign of a negative interval is written once, in front of the first part of its clock.
    is_signed: bool,
    out: &'a mut String,
}

impl Writer<'_> {
    /// What is no token stays as it is, without brackets and backslashes. Line breaks get lost, as in moment.js.
    fn literal(&mut self, text: &str) {
        match text.strip_prefix('[') {
            Some(inside) if !inside.is_empty() => {
                self.out.push_str(inside.strip_suffix(']').unwrap_or(inside));
            }
            _ => {
                let kept = |c: &char| !matches!(c, '\\' | '\n' | '\r' | '\u{2028}' | '\u{2029}');
                self.out.extend(text.chars().filter(kept));
            }
        }
    }

    /// Writes what a token stands for; `false` if it is none.
    fn token(&mut self, token: &str) -> bool {
        match token.as_bytes()[0] {
            b'Y' | b'y' | b'N' | b'Q' | b'M' | b'D' => self.date(token),
            b'd' | b'e' | b'E' | b'w' | b'W' | b'g' | b'G' => self.week(token),
            b'H' | b'h' | b'k' | b'm' | b's' | b'S' | b'a' | b'A' => self.clock(token),
            b'x' | b'X' | b'z' | b'Z' => self.instant(token),
            _ => false,
        }
    }

    fn date(&mut self, token: &str) -> bool {
        let Civil { year, month, day } = self.civil;
        let day_of_year = || day_of_year(self.moment.local.day);
        let at = usize::try_from(month - 1).unwrap_or_default();
        let is_bc = year < 1;
        let era_year = if is_bc { 1 - year } else { year };
        match token {
            "Y" if year > 9999 => self.signed(year, 0),
            "Y" | "YYYY" => self.number(year, 4),
            "YY" => self.number(year % 100, 2),
            "YYYYY" => self.number(year, 5),
            "YYYYYY" => self.signed(year, 6),
            "y" | "yy" | "yyy" | "yyyy" => self.number(era_year, token.len()),
            "yo" => self.ordinal(era_year, b'y'),
            "NNNN" => self.text(if is_bc { "Before Christ" } else { "Anno Domini" }),
            "N" | "NN" | "NNN" | "NNNNN" => self.text(if is_bc { "BC" } else { "AD" }),
            "Q" => self.number(quarter(month), 1),
            "Qo" => self.ordinal(quarter(month), b'Q'),
            "M" | "MM" => self.number(month, token.len()),
            "Mo" => self.ordinal(month, b'M'),
            "MMM" if self.is_hyphened => self.text(self.names.months_hyphened[at]),
            "MMM" => self.text(self.names.months_short[at]),
            "MMMM" => self.text(self.names.months[at]),
            "D" | "DD" => self.number(day, token.len()),
            "Do" => self.ordinal(day, b'D'),
            "DDD" => self.number(day_of_year(), 1),
            "DDDD" => self.number(day_of_year(), 3),
            "DDDo" => self.ordinal(day_of_year(), b'd'),
            _ => return false,
        }
        true
    }

    fn week(&mut self, token: &str) -> bool {
        let day = self.moment.local.day;
        let weekday = weekday(day);
        let at = usize::try_from(weekday).unwrap_or_default();
        let (first, january) = self.names.week;
        let (year, number) = match token.as_bytes()[0] {
            b'W' | b'G' => iso_week(day),
            _ => week(day, first, january),
        };
        match token {
            "d" => self.number((weekday + 1) % 7, 1),
            "do" => self.ordinal((weekday + 1) % 7, b'd'),
            "dd" => self.text(self.names.days_min[at]),
            "ddd" => self.text(self.names.days_short[at]),
            "dddd" => self.text(self.names.days[at]),
            "e" => self.number((weekday - first).rem_euclid(7), 1),
            "E" => self.number(weekday + 1, 1),
            "w" | "W" | "ww" | "WW" => self.number(number, token.len()),
            "wo" | "Wo" => self.ordinal(number, b'w'),
            "gg" | "GG" => self.number(year % 100, 2),
            "gggg" | "GGGG" | "ggggg" | "GGGGG" => self.number(year, token.len()),
            _ => return false,
        }
        true
    }

    fn clock(&mut self, token: &str) -> bool {
        let of_day = self.moment.local.ms;
        let (hour, minute, second) = (of_day / HOUR_MS, of_day / MINUTE_MS % 60, of_day / SECOND_MS % 60);
        // An interval has neither noon nor midnight: its hours are counted through.
        let (hours_24, hours_12, hours_from_1) = match self.moment.span_ms {
            Some(ms) => {
                let hours = (ms.unsigned_abs() / HOUR_MS as u64) as i64;
                (hours, hours, hours)
            }
            None => (hour, (hour + 11) % 12 + 1, (hour + 23) % 24 + 1),
        };
        match token {
            "a" => self.text(if hour < 12 { "am" } else { "pm" }),
            "A" => self.text(if hour < 12 { "AM" } else { "PM" }),
            "H" | "HH" => self.part(hours_24, token.len()),
            "h" | "hh" => self.part(hours_12, token.len()),
            "k" | "kk" => self.part(hours_from_1, token.len()),
            "m" | "mm" => self.part(minute, token.len()),
            "s" | "ss" => self.part(second, token.len()),
            "Hmm" | "hmm" | "Hmmss" | "hmmss" => {
                self.part(if token.starts_with('H') { hours_24 } else { hours_12 }, 1);
                self.part(minute, 2);
                if token.ends_with("ss") {
                    self.part(second, 2);
                }
            }
            _ if token.starts_with('S') => {
                let digits = token.len() as u32;
                let ms = of_day % SECOND_MS;
                let part = if digits < 3 { ms / 10i64.pow(3 - digits) } else { ms * 10i64.pow(digits - 3) };
                self.part(part, token.len());
            }
            _ => return false,
        }
        true
    }

    fn instant(&mut self, token: &str) -> bool {
        let offset_min = self.moment.local.offset_s.abs() / 60;
        let sign = if self.moment.local.offset_s < 0 { "-" } else { "+" };
        match token {
            "x" => self.number(self.moment.instant_ms, 1),
            "X" => self.number(self.moment.instant_ms.div_euclid(SECOND_MS), 1),
            "Z" | "ZZ" => {
                self.text(sign);
                self.number(offset_min / 60, 2);
                self.text(if token == "Z" { ":" } else { "" });
                self.number(offset_min % 60, 2);
            }
            // The name of a zone, which moment.js does not know either.
            "z" | "zz" => {}
            _ => return false,
        }
        true
    }

    fn text(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// A part of a clock, behind the sign of an interval.
    fn part(&mut self, n: i64, digits_min: usize) {
        if self.moment.span_ms.is_some_and(|ms| ms < 0) && !self.is_signed {
            self.out.push('-');
        }
        self.is_signed = true;
        self.number(n, digits_min);
    }

    fn number(&mut self, n: i64, digits_min: usize) {
        if n < 0 {
            self.out.push('-');
        }
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(n.unsigned_abs());
        self.out.extend(std::iter::repeat_n('0', digits_min.saturating_sub(digits.len())));
        self.out.push_str(digits);
    }

    fn signed(&mut self, n: i64, digits_min: usize) {
        if n >= 0 {
            self.out.push('+');
        }
        self.number(n, digits_min);
    }

    fn ordinal(&mut self, n: i64, of: u8) {
        self.number(n, 1);
        self.out.push_str((self.names.ordinal)(n, of));
    }
}
