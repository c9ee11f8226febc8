//! Text (nx-language.md §4.2). Places and lengths count UTF-16 code units, as in JavaScript.

use std::sync::Arc;

use super::{arrays::utf16_slice, dates::format_temporal};
use crate::{
    Context, FunctionDef, Object, Overload, RunError, Value,
    convert::{text_of, write_text},
    number_format::format_number,
};

type Outcome = Result<Value, RunError>;

/// The group.
pub const FUNCTIONS: &[FunctionDef] = &[
    FunctionDef::new(
        "capitalize",
        &[Overload::strict("text -> text", |cx, a| cx.made(capitalize(text(a, 0))))],
        "The first letter of each word in upper case, the rest as it is.",
        &[("capitalize(\"frank böhmer\")", "\"Frank Böhmer\"")],
    ),
    FunctionDef::new(
        "color",
        &[
            Overload::strict("text -> color", |_, a| Ok(a[0].clone())),
            Overload::strict("number, number, number -> color", |_, a| {
                let part = |at: usize| number(a, at).round().clamp(0.0, 255.0) as u8;
                Ok(format!("#{:02x}{:02x}{:02x}", part(0), part(1), part(2)).into())
            }),
            Overload::strict("choice -> color", |cx, a| Ok(of_option(cx, &a[0], "color"))),
        ],
        "A colour by its name or code, by red, green and blue from 0 to 255, or that of an option.",
        &[("color(\"#ff0000\")", "\"#ff0000\""), ("color(255, 0, 16)", "\"#ff0010\"")],
    ),
    FunctionDef::new(
        "email",
        &[Overload::strict("text -> email", |_, a| Ok(a[0].clone()))],
        "Text as an e-mail address.",
        &[("email(\"a@b.example\")", "\"a@b.example\"")],
    ),
    FunctionDef::new(
        "endsWith",
        &[Overload::strict("text, text -> boolean", |_, a| Ok(text(a, 0).ends_with(text(a, 1)).into()))],
        "Whether a text ends with another, exactly as written. An extension of this server.",
        &[("endsWith(\"Ninox\", \"nox\")", "true")],
    ),
    FunctionDef::new(
        "format",
        &[
            Overload::strict("number, text -> text", format_number_as),
            Overload::nullable("temporal, text, text? -> text", format_temporal),
            // What it is shows when it runs.
            Overload::nullable("any, text, text? -> text", |cx, a| match &a[0] {
                Value::Number(_) => format_number_as(cx, a),
                _ => format_temporal(cx, a),
            }),
        ],
        "A number in a pattern: `0` a digit that is always there, `#` one where needed, `,` groups, `.` the point, `%` a \
         hundred times as much, `;` another pattern for negative numbers. A date or time in a format of moment.js, in the \
         language of the database or another one: `YYYY-MM-DD`, `dddd, D. MMMM`, `HH:mm`; words stand in brackets.",
        &[
            ("format(1234.5, \"#,##0.00\")", "\"1,234.50\""),
            ("format(5,\"000\")", "\"005\""),
            ("format(0.256,\"0.0%\")", "\"25.6%\""),
            ("format(-3.5,\"0.00\")", "\"-3.50\""),
            ("format(date(2024, 3, 5), \"DD.MM.YYYY\")", "\"05.03.2024\""),
            ("format(date(2024, 3, 5), \"MMMM YYYY\", \"en\")", "\"March 2024\""),
            ("format(date(2024, 3, 15), \"dddd, D. MMMM\", \"de\")", "\"Freitag, 15. März\""),
            ("format(datetime(2024, 3, 15, 14, 30), \"h:mm a\")", "\"2:30 pm\""),
            ("format(date(2024, 3, 15), \"[Week] W\")", "\"Week 11\""),
            ("format(timeinterval(27, 5), \"HH:mm\")", "\"27:05\""),
        ],
    ),
    FunctionDef::new(
        "html",
        &[Overload::strict("any -> html", |cx, a| Ok(Value::Text(text_of(&a[0], &cx.schema, &cx.locale))))],
        "Text as rich text.",
        &[("html(\"<b>x</b>\")", "\"<b>x</b>\"")],
    ),
    FunctionDef::new(
        "icon",
        &[
            Overload::strict("text -> icon", |_, a| Ok(a[0].clone())),
            Overload::strict("choice -> icon", |cx, a| Ok(of_option(cx, &a[0], "icon"))),
        ],
        "An icon by its name, or that of an option.",
        &[("icon(\"star\")", "\"star\"")],
    ),
    FunctionDef::new(
        "latitude",
        &[Overload::strict("text -> number", |_, a| Ok(place(text(a, 0)).map(|at| at.0).into()))],
        "The latitude of a place.",
        &[("latitude(location(\"Berlin\", 52.53, 13.39))", "52.53"), ("latitude(\"x\")", "null")],
    ),
    FunctionDef::new(
        "location",
        &[
            Overload::strict("text -> location", |_, a| Ok(a[0].clone())),
            Overload::nullable("text, number, number -> location", |cx, a| {
                let mut out = text(a, 0).to_owned();
                out.push_str("\n<");
                write_text(&a[1], &cx.schema, &cx.locale, &mut out);
                out.push(',');
                write_text(&a[2], &cx.schema, &cx.locale, &mut out);
                out.push('>');
                cx.made(out)
            }),
        ],
        "A place by its title, latitude and longitude.",
        &[("location(\"Berlin\", 52.53, 13.39)", "\"Berlin\\n<52.53,13.39>\"")],
    ),
    FunctionDef::new(
        "longitude",
        &[Overload::strict("text -> number", |_, a| Ok(place(text(a, 0)).map(|at| at.1).into()))],
        "The longitude of a place.",
        &[("longitude(location(\"Berlin\", 52.53, 13.39))", "13.39")],
    ),
    FunctionDef::new(
        "lower",
        &[Overload::strict("text -> text", |cx, a| cx.made(text(a, 0).to_lowercase()))],
        "In lower case.",
        &[("lower(\"ABC\")", "\"abc\"")],
    ),
    FunctionDef::new(
        "lpad",
        &[Overload::strict("text, number, text? -> text", |cx, a| pad(cx, a, true))],
        "Filled up on the left, with blanks or as given, to so many characters.",
        &[
            ("lpad(\"42\", 6, \"0\")", "\"000042\""),
            ("lpad(\"1234567\",3,\"0\")", "\"1234567\""),
            ("lpad(\"a\", 6, \"xyz\")", "\"xyzxya\""),
        ],
    ),
    FunctionDef::new(
        "phone",
        &[Overload::strict("text -> phone", |_, a| Ok(a[0].clone()))],
        "Text as a telephone number.",
        &[("phone(\"+49 30\")", "\"+49 30\"")],
    ),
    FunctionDef::new(
        "raw",
        &[Overload::strict("any -> text", |cx, a| Ok(Value::Text(text_of(&a[0], &cx.schema, &cx.locale))))],
        "The source of a rich text.",
        &[("raw(html(\"<b>x</b>\"))", "\"<b>x</b>\"")],
    ),
    FunctionDef::new(
        "replace",
        &[Overload::strict("text, text, text -> text", |cx, a| {
            let (whole, part, with) = (text(a, 0), text(a, 1), text(a, 2));
            if part.is_empty() {
                return Ok(a[0].clone());
            }
            let count = whole.matches(part).count();
            cx.charge(whole.len() + count * with.len())?;
            Ok(whole.replace(part, with).into())
        })],
        "With all places where the second text stands, exactly as written, replaced by the third.",
        &[("replace(\"a-b-c\",\"-\",\"+\")", "\"a+b+c\""), ("replace(\"abc\",\"\",\"+\")", "\"abc\"")],
    ),
    FunctionDef::new(
        "rpad",
        &[Overload::strict("text, number, text? -> text", |cx, a| pad(cx, a, false))],
        "Filled up on the right, with blanks or as given, to so many characters.",
        &[("rpad(\"ABC\", 8, \"-\")", "\"ABC-----\""), ("rpad(\"7\",3,\"0\")", "\"700\"")],
    ),
    FunctionDef::new(
        "split",
        &[Overload::strict("text, text -> [text]", |cx, a| {
            let (whole, separator) = (text(a, 0), text(a, 1));
            let parts: Vec<Value> = if separator.is_empty() {
                whole.chars().map(|c| Value::text(c.to_string())).collect()
            } else {
                whole.split(separator).map(Value::from).collect()
            };
            cx.charge(whole.len() + parts.len() * size_of::<Value>())?;
            Ok(Value::array(parts))
        })],
        "The parts between separators; with an empty separator the characters.",
        &[
            ("split(\"a,b,c\",\",\")", "[\"a\",\"b\",\"c\"]"),
            ("split(\"abc\",\";\")", "[\"abc\"]"),
            ("split(\"ab\",\"\")", "[\"a\",\"b\"]"),
        ],
    ),
    FunctionDef::new(
        "startsWith",
        &[Overload::strict("text, text -> boolean", |_, a| Ok(text(a, 0).starts_with(text(a, 1)).into()))],
        "Whether a text starts with another, exactly as written. An extension of this server.",
        &[("startsWith(\"Ninox\", \"Nin\")", "true")],
    ),
    FunctionDef::new(
        "styled",
        &[Overload::nullable("any, any, any?, any? -> styled", |cx, a| {
            Ok(Value::Text(text_of(&a[0], &cx.schema, &cx.locale)))
        })],
        "Text with colours and an icon, for a screen; its text is the first argument.",
        &[("styled(\"ok\", \"green\")", "\"ok\"")],
    ),
    FunctionDef::new(
        "substr",
        &[Overload::strict("text, number, number? -> text", |cx, a| {
            let from = number(a, 1).max(0.0) as usize;
            let length = a.get(2).map_or(usize::MAX, |_| number(a, 2).max(0.0) as usize);
            cx.made(utf16_slice(text(a, 0), from, from.saturating_add(length)))
        })],
        "The part from a place, counted from 0, of so many characters, or all behind it.",
        &[("substr(\"Ninox\",1,3)", "\"ino\""), ("substr(\"Ninox\",2)", "\"nox\""), ("substr(\"abc\",9)", "\"\"")],
    ),
    FunctionDef::new(
        "substring",
        &[Overload::strict("text, number, number? -> text", |cx, a| {
            let from = number(a, 1).max(0.0) as usize;
            let to = a.get(2).map_or(usize::MAX, |_| number(a, 2).max(0.0) as usize);
            cx.made(utf16_slice(text(a, 0), from.min(to), from.max(to)))
        })],
        "The part from a place, counted from 0, up to another, which is left out.",
        &[("substring(\"Ninox\",1,3)", "\"in\""), ("substring(\"Ninox\",3,1)", "\"in\"")],
    ),
    FunctionDef::new(
        "text",
        &[Overload::nullable("any -> text", |cx, a| {
            let text = text_of(&a[0], &cx.schema, &cx.locale);
            cx.made(Value::Text(text))
        })],
        "As text: numbers with a point and no groups, dates in the short form of the database's language, the caption \
         of a choice, nothing for what is empty.",
        &[
            ("text(42)", "\"42\""),
            ("text(null)", "\"\""),
            ("text(true)", "\"true\""),
            ("text(date(2024,3,5))", "\"03/05/2024\""),
            ("text([1,2])", "\"1, 2\""),
        ],
    )
    .alias(&["string"]),
    FunctionDef::new(
        "trim",
        &[Overload::strict("text -> text", |cx, a| cx.made(text(a, 0).trim()))],
        "Without blanks and line ends at both ends.",
        &[("trim(\" a \")", "\"a\"")],
    ),
    FunctionDef::new(
        "upper",
        &[Overload::strict("text -> text", |cx, a| cx.made(text(a, 0).to_uppercase()))],
        "In upper case.",
        &[("upper(\"abc\")", "\"ABC\""), ("upper(\"é\")", "\"É\"")],
    ),
    FunctionDef::new(
        "url",
        &[
            Overload::strict("text -> url", |_, a| Ok(a[0].clone())),
            Overload::strict("text, any -> url", |cx, a| url(cx, text(a, 0), &a[1])),
        ],
        "A web address, with the keys of an object as its parameters.",
        &[(
            "url(\"http://mytestapi.com\", { page: 1, perPage: 20, order: \"First Name\" })",
            "\"http://mytestapi.com?page=1&perPage=20&order=First%20Name\"",
        )],
    ),
    FunctionDef::new(
        "urlDecode",
        &[Overload::strict("text -> text", |cx, a| cx.made(decode(text(a, 0))))],
        "Percent signs with two digits as what they stand for; others stay.",
        &[("urlDecode(\"Test%20Parameter\")", "\"Test Parameter\""), ("urlDecode(\"50%\")", "\"50%\"")],
    ),
    FunctionDef::new(
        "urlEncode",
        &[Overload::strict("text -> text", |cx, a| cx.made(encode(text(a, 0))))],
        "Fit to be part of a web address.",
        &[("urlEncode(\"Test Parameter\")", "\"Test%20Parameter\""), ("urlEncode(\"ä&\")", "\"%C3%A4%26\"")],
    ),
];

fn format_number_as(cx: &mut Context<'_>, a: &[Value]) -> Outcome {
    let formatted = format_number(number(a, 0), text(a, 1), cx.locale.language);
    cx.made(formatted)
}

fn text(arguments: &[Value], at: usize) -> &str {
    match arguments.get(at) {
        Some(Value::Text(text)) => text,
        _ => "",
    }
}

fn number(arguments: &[Value], at: usize) -> f64 {
    match arguments.get(at) {
        Some(Value::Number(n)) => *n,
        _ => 0.0,
    }
}

fn capitalize(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut in_word = false;
    for c in text.chars() {
        if c.is_alphanumeric() && !in_word {
            out.extend(c.to_uppercase());
        } else {
            out.push(c);
        }
        // An apostrophe does not begin a word: O'Neill, it's.
        in_word = c.is_alphanumeric() || in_word && c == '\'';
    }
    out
}

fn pad(cx: &mut Context<'_>, a: &[Value], on_the_left: bool) -> Outcome {
    let whole = text(a, 0);
    let fill: Vec<char> = a.get(2).map_or(" ", |_| text(a, 2)).chars().collect();
    let missing = number(a, 1) - whole.encode_utf16().count() as f64;
    if missing < 1.0 || fill.is_empty() {
        return Ok(a[0].clone());
    }
    // Before anything is made: a million millions is an error, not an abort.
    let missing = missing.min(1e15) as usize;
    cx.charge(whole.len().saturating_add(missing))?;
    let filled: String = fill.iter().cycle().take(missing).collect();
    cx.made(if on_the_left { format!("{filled}{whole}") } else { format!("{whole}{filled}") })
}

/// Latitude and longitude of `Title\n<lat,lon>`.
fn place(text: &str) -> Option<(f64, f64)> {
    let (_, coordinates) = text.rsplit_once('<')?;
    let (lat, lon) = coordinates.trim_end().strip_suffix('>')?.split_once(',')?;
    Some((lat.trim().parse().ok()?, lon.trim().parse().ok()?))
}

/// `color`, `icon` of an option.
fn of_option(cx: &Context<'_>, value: &Value, key: &str) -> Value {
    let Value::Choice(at, option) = value else { return Value::Null };
    let field = cx.schema.table(at.table).and_then(|table| table.field(at.field));
    let found = field.and_then(|field| field.option(*option)).and_then(|option| option.rest.get(key));
    found.and_then(|value| value.as_str()).into()
}

fn url(cx: &mut Context<'_>, base: &str, parameters: &Value) -> Outcome {
    let mut out = base.to_owned();
    let empty = Arc::new(Object::default());
    let parameters = match parameters {
        Value::Object(object) => object,
        _ => &empty,
    };
    for (at, (key, value)) in parameters.iter().enumerate() {
        let sign = if at > 0 || base.contains('?') { '&' } else { '?' };
        out.push(sign);
        out.push_str(&encode(key));
        out.push('=');
        out.push_str(&encode(&text_of(value, &cx.schema, &cx.locale)));
    }
    cx.made(out)
}

/// As JavaScript's `encodeURIComponent`.
pub(crate) fn encode(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len());
    for &byte in text.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    out
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digit = |at: usize| bytes.get(at).and_then(|&b| char::from(b).to_digit(16));
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    // Escapes that make no UTF-8 stay as they came.
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}
