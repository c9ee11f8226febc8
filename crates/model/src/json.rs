//! JSON in: a borrowed tree that refuses duplicate keys. JSON out: the two primitives every writer needs.

use std::{borrow::Cow, fmt};

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// An object that keeps its keys in the order they came, for schema parts we do not interpret.
pub type JsonMap = serde_json::Map<String, serde_json::Value>;

/// Parsed JSON that borrows from its text where it can. Unlike `serde_json::Value` it keeps no map and
/// refuses an object that names a key twice, since which of the two was meant is anybody's guess.
#[derive(Clone, Debug, PartialEq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// Any number; JSON has no NaN or infinity.
    Number(f64),
    /// A string.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Json<'a>>),
    /// An object in the order of its text, no key twice.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// The text is not JSON. Says line and column.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct JsonError {
    /// What is wrong and where: `expected value at line 1 column 5`.
    pub message: String,
    /// 1-based line, 0 where the place is unknown.
    pub line: usize,
    /// 1-based column in bytes.
    pub column: usize,
}

impl<'a> Json<'a> {
    /// Parses one JSON text. Nesting over 128 levels, duplicate keys, invalid UTF-8, numbers beyond `f64`
    /// and anything after the value are errors.
    pub fn parse(text: &'a [u8]) -> Result<Json<'a>, JsonError> {
        serde_json::from_slice(text).map_err(|e| JsonError {
            message: e.to_string(),
            line: e.line(),
            column: e.column(),
        })
    }

    /// The value of a key, where this is an object that has it.
    pub fn get(&self, key: &str) -> Option<&Json<'a>> {
        match self {
            Json::Object(members) => members.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// The text, where this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Json::String(s) => Some(s),
            _ => None,
        }
    }

    /// A short printable form for error messages, at most about 80 characters.
    pub fn excerpt(&self) -> String {
        match self {
            Json::Null => "null".into(),
            Json::Bool(b) => b.to_string(),
            Json::Number(n) => {
                let mut out = Vec::new();
                write_json_number(*n, &mut out);
                String::from_utf8(out).unwrap_or_default()
            }
            Json::String(s) => {
                let mut text: String = s.chars().take(60).collect();
                if text.len() < s.len() {
                    text.push('…');
                }
                let mut out = Vec::new();
                write_json_string(&text, &mut out);
                String::from_utf8(out).unwrap_or_default()
            }
            Json::Array(_) => "an array".into(),
            Json::Object(_) => "an object".into(),
        }
    }

    /// The same as an owned `serde_json` value.
    pub fn to_serde(&self) -> serde_json::Value {
        use serde_json::Value;
        match self {
            Json::Null => Value::Null,
            Json::Bool(b) => Value::Bool(*b),
            Json::Number(n) if n.fract() == 0.0 && n.abs() < 9e15 => Value::from(*n as i64),
            Json::Number(n) => Value::from(*n),
            Json::String(s) => Value::String(s.to_string()),
            Json::Array(items) => Value::Array(items.iter().map(Json::to_serde).collect()),
            Json::Object(members) => {
                Value::Object(members.iter().map(|(k, v)| (k.to_string(), v.to_serde())).collect())
            }
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct JsonVisitor;

        impl<'de> Visitor<'de> for JsonVisitor {
            type Value = Json<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON value")
            }
            fn visit_unit<E>(self) -> Result<Json<'de>, E> {
                Ok(Json::Null)
            }
            fn visit_bool<E>(self, b: bool) -> Result<Json<'de>, E> {
                Ok(Json::Bool(b))
            }
            fn visit_i64<E>(self, n: i64) -> Result<Json<'de>, E> {
                Ok(Json::Number(n as f64))
            }
            fn visit_u64<E>(self, n: u64) -> Result<Json<'de>, E> {
                Ok(Json::Number(n as f64))
            }
            fn visit_f64<E>(self, n: f64) -> Result<Json<'de>, E> {
                Ok(Json::Number(n))
            }
            fn visit_borrowed_str<E>(self, s: &'de str) -> Result<Json<'de>, E> {
                Ok(Json::String(Cow::Borrowed(s)))
            }
            fn visit_str<E>(self, s: &str) -> Result<Json<'de>, E> {
                Ok(Json::String(Cow::Owned(s.to_owned())))
            }
            fn visit_string<E>(self, s: String) -> Result<Json<'de>, E> {
                Ok(Json::String(Cow::Owned(s)))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json<'de>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Json::Array(items))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json<'de>, A::Error> {
                let mut members: Vec<(Cow<'de, str>, Json<'de>)> = Vec::new();
                // Comparing with all earlier keys is fastest for the few keys a record has; a set takes over
                // before that becomes quadratic.
                let mut seen: Option<rustc_hash::FxHashSet<String>> = None;
                while let Some(Key(key)) = map.next_key()? {
                    let twice = match &mut seen {
                        Some(set) => !set.insert(key.to_string()),
                        None => members.iter().any(|(k, _)| *k == key),
                    };
                    if twice {
                        return Err(de::Error::custom(format_args!("duplicate key {key:?}")));
                    }
                    members.push((key, map.next_value()?));
                    if members.len() == 64 {
                        seen = Some(members.iter().map(|(k, _)| k.to_string()).collect());
                    }
                }
                Ok(Json::Object(members))
            }
        }

        deserializer.deserialize_any(JsonVisitor)
    }
}

/// A key that borrows where the text has no escapes (`Cow`'s own `Deserialize` always owns).
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, s: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(s)))
            }
            fn visit_str<E>(self, s: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(s.to_owned())))
            }
            fn visit_string<E>(self, s: String) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(s)))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// What each byte needs inside a JSON string: 0 nothing, `u` a `\u00XX`, else the letter after the backslash.
const ESCAPE: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut i = 0;
    while i < 32 {
        table[i] = b'u';
        i += 1;
    }
    table[8] = b'b';
    table[9] = b't';
    table[10] = b'n';
    table[12] = b'f';
    table[13] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

/// Appends `text` as a JSON string, quotes included.
#[inline]
pub fn write_json_string(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    if is_plain(bytes) {
        out.extend_from_slice(bytes);
    } else {
        write_escaped(bytes, out);
    }
    out.push(b'"');
}

/// Whether no byte needs an escape: nearly always so, hence looked at in steps of a whole register.
#[inline]
fn is_plain(bytes: &[u8]) -> bool {
    const STEP: usize = 16;
    let (steps, rest) = bytes.as_chunks::<STEP>();
    if !steps.iter().all(is_plain_chunk) {
        return false;
    }
    match (bytes.last_chunk::<STEP>(), bytes.last_chunk::<8>()) {
        _ if rest.is_empty() => true,
        // The last step may look at some bytes a second time; that is cheaper than one by one.
        (Some(last), _) => is_plain_chunk(last),
        (None, Some(last)) => is_plain_chunk(last) && bytes.first_chunk::<8>().is_some_and(is_plain_chunk),
        (None, None) => rest.iter().all(|&byte| ESCAPE[byte as usize] == 0),
    }
}

/// Without a branch per byte, so that it is a handful of vector instructions.
#[inline]
fn is_plain_chunk<const N: usize>(chunk: &[u8; N]) -> bool {
    let needs_escape = |&byte: &u8| u8::from(byte < b' ') | u8::from(byte == b'"') | u8::from(byte == b'\\');
    chunk.iter().fold(0, |any, byte| any | needs_escape(byte)) == 0
}

#[cold]
fn write_escaped(bytes: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut plain_from = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let escape = ESCAPE[byte as usize];
        if escape == 0 {
            continue;
        }
        out.extend_from_slice(&bytes[plain_from..at]);
        plain_from = at + 1;
        if escape == b'u' {
            out.extend_from_slice(b"\\u00");
            out.push(HEX[(byte >> 4) as usize]);
            out.push(HEX[(byte & 15) as usize]);
        } else {
            out.extend_from_slice(&[b'\\', escape]);
        }
    }
    out.extend_from_slice(&bytes[plain_from..]);
}

/// Appends a number as JSON the way JavaScript prints it: whole numbers without `.0`, -0 as 0,
/// NaN and infinities as `null`, exponents from 1e21 and below 1e-6.
pub fn write_json_number(n: f64, out: &mut Vec<u8>) {
    if !n.is_finite() {
        out.extend_from_slice(b"null");
    } else if n.fract() == 0.0 && n.abs() < 9_007_199_254_740_992.0 {
        out.extend_from_slice(itoa::Buffer::new().format(n as i64).as_bytes());
    } else {
        write_js_number(n, out);
    }
}

/// JavaScript's `Number::toString` on top of the shortest digits: `ryu` finds them, we place the point.
fn write_js_number(n: f64, out: &mut Vec<u8>) {
    let mut buffer = ryu::Buffer::new();
    let shortest = buffer.format_finite(n);
    match shortest.split_once('e') {
        // `ryu` takes an exponent sooner than JavaScript, so without one they agree but for `.0`.
        None => out.extend_from_slice(shortest.strip_suffix(".0").unwrap_or(shortest).as_bytes()),
        Some((mantissa, exponent)) => write_js_exponent(mantissa, exponent.parse().unwrap_or(0), out),
    }
}

/// Appends `mantissa` × 10^`exponent`, where the mantissa has one digit in front of its point.
fn write_js_exponent(mantissa: &str, exponent: i32, out: &mut Vec<u8>) {
    let mantissa = mantissa.strip_prefix('-').inspect(|_| out.push(b'-')).unwrap_or(mantissa).as_bytes();
    let (first, fraction) = (&mantissa[..1], mantissa.get(2..).unwrap_or_default());
    if (0..21).contains(&exponent) {
        // Digits before the point: the first, then `exponent` more.
        let whole = fraction.len().min(exponent as usize);
        out.extend_from_slice(first);
        out.extend_from_slice(&fraction[..whole]);
        out.extend(std::iter::repeat_n(b'0', exponent as usize - whole));
        if whole < fraction.len() {
            out.push(b'.');
            out.extend_from_slice(&fraction[whole..]);
        }
    } else if (-6..0).contains(&exponent) {
        out.extend_from_slice(&b"0.00000"[..(1 - exponent) as usize]);
        out.extend_from_slice(first);
        out.extend_from_slice(fraction);
    } else {
        out.extend_from_slice(first);
        if !fraction.is_empty() {
            out.push(b'.');
            out.extend_from_slice(fraction);
        }
        out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
        out.extend_from_slice(itoa::Buffer::new().format(exponent.unsigned_abs()).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(n: f64) -> String {
        let mut out = Vec::new();
        write_json_number(n, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_print_as_javascript_does() {
        for (n, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (42.0, "42"),
            (-7.5, "-7.5"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e21, "1e+21"),
            (1e20, "100000000000000000000"),
            (123456789012345680000.0, "123456789012345680000"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (1.5e-9, "1.5e-9"),
            (f64::NAN, "null"),
            (f64::INFINITY, "null"),
            (5e-324, "5e-324"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
            (3.25, "3.25"),
            (-1.25e-6, "-0.00000125"),
            (-1e-5, "-0.00001"),
            (1.5e17, "150000000000000000"),
            (-2.5e21, "-2.5e+21"),
            (123456.789, "123456.789"),
            (4503599627370495.5, "4503599627370495.5"),
            (9007199254740993.0, "9007199254740992"),
            (18.5, "18.5"),
            (0.001, "0.001"),
        ] {
            assert_eq!(number(n), text);
        }
    }

    #[test]
    fn duplicate_keys_are_refused() {
        assert!(Json::parse(br#"{"a":1,"a":2}"#).unwrap_err().message.contains("duplicate key \"a\""));
        let many =
            format!("{{{},\"k3\":0}}", (0..100).map(|i| format!("\"k{i}\":0")).collect::<Vec<_>>().join(","));
        assert!(Json::parse(many.as_bytes()).unwrap_err().message.contains("duplicate key \"k3\""));
    }

    #[test]
    fn depth_is_limited() {
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        assert!(Json::parse(deep.as_bytes()).unwrap_err().message.contains("recursion limit"));
    }

    proptest::proptest! {
        #[test]
        fn strings_equal_serde_json(text in "\\PC*|[\\x00-\\x7f]{0,40}") {
            let mut out = Vec::new();
            write_json_string(&text, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(&text).unwrap());
        }
        #[test]
        fn numbers_read_back(n in proptest::num::f64::NORMAL) {
            assert_eq!(number(n).parse::<f64>().unwrap(), n);
        }
    }
}
