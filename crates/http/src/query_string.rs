//! Query strings as HTML forms encode them (rest-api.md §1): `+` is a blank, a `%` without two hex digits
//! stands for itself, `;` separates nothing, the last of several equal names wins, invalid UTF-8 is refused.

use std::borrow::Cow;

use crate::error::{ApiError, ApiResult};

/// A decoded query string.
#[derive(Debug, Default)]
pub struct QueryString<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> QueryString<'a> {
    /// Decodes the part behind the `?`.
    pub fn parse(text: &'a str) -> ApiResult<Self> {
        let mut pairs = Vec::new();
        for part in text.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let name = decode(name).ok_or_else(|| invalid(name))?;
            let value = decode(value).ok_or_else(|| invalid(&name))?;
            pairs.push((name, value));
        }
        Ok(Self { pairs })
    }

    /// The value of a name; the last one where it came several times.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().rev().find(|(n, _)| n == name).map(|(_, value)| &**value)
    }

    /// The value of a name, where it is there and not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// A yes/no parameter: `T t true 1 yes` / `F f false 0` or empty; absent is no.
    pub fn flag(&self, name: &str) -> ApiResult<bool> {
        let Some(value) = self.get(name) else { return Ok(false) };
        match value {
            "" | "0" => Ok(false),
            "1" => Ok(true),
            v if ["t", "true", "yes", "y"].iter().any(|yes| v.eq_ignore_ascii_case(yes)) => Ok(true),
            v if ["f", "false", "no", "n"].iter().any(|no| v.eq_ignore_ascii_case(no)) => Ok(false),
            v => Err(ApiError::parameter(name, format_args!("expected true or false, got {v:?}"))),
        }
    }

    /// A whole number of 0 or more; absent and empty are none.
    pub fn number(&self, name: &str) -> ApiResult<Option<u64>> {
        let Some(value) = self.get(name).map(str::trim).filter(|v| !v.is_empty()) else { return Ok(None) };
        value.parse().map(Some).map_err(|_| {
            ApiError::parameter(name, format_args!("expected a whole number, 0 or more, got {value:?}"))
        })
    }
}

fn invalid(name: &str) -> ApiError {
    ApiError::parameter(name, "the query string is not valid UTF-8 once decoded")
}

/// Form decoding of one name or value; `None` where the result is no UTF-8.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    let bytes = text.as_bytes();
    if memchr::memchr2(b'%', b'+', bytes).is_none() {
        return Some(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&b) = bytes.get(at) {
        at += 1;
        match b {
            b'+' => out.push(b' '),
            b'%' => match (hex(bytes.get(at)), hex(bytes.get(at + 1))) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    at += 2;
                }
                _ => out.push(b'%'),
            },
            _ => out.push(b),
        }
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

fn hex(digit: Option<&u8>) -> Option<u8> {
    (*digit? as char).to_digit(16).map(|d| d as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_decoding() {
        for (raw, name, value) in [
            ("a=b+c", "a", "b c"),
            ("a=b%2Bc", "a", "b+c"),
            ("a=100%", "a", "100%"),
            ("a=%zz%4", "a", "%zz%4"),
            ("a=1;b=2", "a", "1;b=2"),
            ("a=1&a=2&b=3", "a", "2"),
            ("a=x=y", "a", "x=y"),
            ("a", "a", ""),
            ("&&a=1&", "a", "1"),
            ("a+b=1", "a b", "1"),
            ("F%C3%A4llig=%e2%82%ac", "Fällig", "€"),
            ("filters={\"L\":\"Jäne\"}", "filters", "{\"L\":\"Jäne\"}"),
        ] {
            let query = QueryString::parse(raw).unwrap();
            assert_eq!(query.get(name), Some(value), "{raw}");
        }
        assert!(QueryString::parse("a=%ff").unwrap_err().message().contains("a: "));
        assert!(QueryString::parse("%ff=a").is_err());
    }

    #[test]
    fn flags_and_numbers() {
        let query = QueryString::parse("a=T&b=f&c=&d=yes&e=maybe&n=12&m=-1&o=1e3&p").unwrap();
        assert_eq!(query.flag("a"), Ok(true));
        assert_eq!(query.flag("b"), Ok(false));
        assert_eq!(query.flag("c"), Ok(false));
        assert_eq!(query.flag("d"), Ok(true));
        assert_eq!(query.flag("p"), Ok(false));
        assert_eq!(query.flag("none"), Ok(false));
        assert!(query.flag("e").is_err());
        assert_eq!(query.number("n"), Ok(Some(12)));
        assert_eq!(query.number("c"), Ok(None));
        assert!(query.number("m").is_err());
        assert!(query.number("o").is_err());
    }

    proptest::proptest! {
        #[test]
        fn never_panics_and_round_trips(text in "\\PC*", raw in "[%&=+;a-f0-9]{0,40}") {
            let _ = QueryString::parse(&raw);
            let encoded = percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC);
            let raw = format!("k={encoded}");
            let query = QueryString::parse(&raw).unwrap();
            assert_eq!(query.get("k"), Some(&*text));
        }
    }
}
