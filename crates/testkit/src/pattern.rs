//! Expected JSON with wildcards, compared with what came. The wildcards are described in `conformance/README.md`.

use std::collections::BTreeMap;

use serde_json::Value;

/// Values taken from answers (`"<=name>"`), put in for `{name}` in what follows.
pub type Captures = BTreeMap<String, String>;

/// Where what came differs from what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// `$.fields.Age`
    pub path: String,
    /// What is wrong there.
    pub problem: String,
}

/// The key that `...` in an object becomes; see [`parse`].
const REST: &str = "...";

/// Parses expected JSON: plain JSON in which `...` as a member or last element says that more may follow.
pub fn parse(text: &str) -> Result<Value, String> {
    let mut out = String::with_capacity(text.len());
    let mut open = Vec::new();
    let (mut in_string, mut escaped) = (false, false);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if !in_string && rest.starts_with(REST) {
            out.push_str(if open.last() == Some(&'{') { "\"...\":true" } else { "\"...\"" });
            rest = &rest[REST.len()..];
            continue;
        }
        match c {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            '{' | '[' if !in_string => open.push(c),
            '}' | ']' if !in_string => {
                open.pop();
            }
            _ => {}
        }
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    serde_json::from_str(&out).map_err(|e| format!("the expected body is no JSON: {e}"))
}

/// Compares; gives every difference and adds to `captures`.
pub fn compare(expected: &Value, got: &Value, captures: &mut Captures) -> Vec<Mismatch> {
    let mut out = Vec::new();
    walk("$", expected, got, captures, &mut out);
    out
}

fn walk(path: &str, expected: &Value, got: &Value, captures: &mut Captures, out: &mut Vec<Mismatch>) {
    // A text may use what was captured further up in the same answer.
    let filled = expected.as_str().filter(|text| text.contains('{')).map(|text| {
        let fill =
            |text: String, (name, value): (&String, &String)| text.replace(&format!("{{{name}}}"), value);
        Value::String(captures.iter().fold(text.to_owned(), fill))
    });
    let expected = filled.as_ref().unwrap_or(expected);
    let mut wrong = |problem: String| out.push(Mismatch { path: path.to_owned(), problem });
    match (expected, got) {
        (Value::String(pattern), _) if is_wildcard(pattern) => {
            if let Err(problem) = wildcard(pattern, got, captures) {
                wrong(problem);
            }
        }
        (Value::Object(want), Value::Object(have)) => {
            for (key, want) in want.iter().filter(|(key, _)| *key != REST) {
                let path = format!("{path}.{key}");
                match have.get(key) {
                    Some(have) => walk(&path, want, have, captures, out),
                    None => {
                        out.push(Mismatch { path, problem: format!("expected {want}, but it is absent") });
                    }
                }
            }
            if !want.contains_key(REST) {
                for (key, have) in have.iter().filter(|(key, _)| !want.contains_key(*key)) {
                    out.push(Mismatch {
                        path: format!("{path}.{key}"),
                        problem: format!("not expected, got {}", short(have)),
                    });
                }
            }
        }
        (Value::Array(want), Value::Array(have)) => {
            let open = want.last().is_some_and(|v| v == REST);
            let want = if open { &want[..want.len() - 1] } else { &want[..] };
            if have.len() < want.len() || (!open && have.len() > want.len()) {
                wrong(format!("expected {} elements, got {}", want.len(), have.len()));
            }
            for (at, (want, have)) in want.iter().zip(have).enumerate() {
                walk(&format!("{path}[{at}]"), want, have, captures, out);
            }
        }
        _ if expected == got => {}
        _ => wrong(format!("expected {}, got {}", short(expected), short(got))),
    }
}

/// Whether a text (of a JSON string or a header) is a wildcard.
pub fn is_wildcard(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('<').and_then(|t| t.strip_suffix('>')) else { return false };
    let name = inner.split(':').next().unwrap_or_default();
    inner.starts_with('=')
        || matches!(
            name,
            "any"
                | "string"
                | "int"
                | "number"
                | "bool"
                | "timestamp"
                | "id"
                | "uuid"
                | "contains"
                | "prefix"
                | "gt"
                | "absent"
                | "bytes"
        )
}

/// Compares a value with `<kind>`, `<kind:argument>`, `<=name>` or `<=name:kind…>`.
pub fn wildcard(pattern: &str, got: &Value, captures: &mut Captures) -> Result<(), String> {
    let inner = &pattern[1..pattern.len() - 1];
    if let Some(capture) = inner.strip_prefix('=') {
        let (name, kind) = capture.split_once(':').unwrap_or((capture, "any"));
        check(kind, got)?;
        let text = got.as_str().map_or_else(|| got.to_string(), str::to_owned);
        captures.insert(name.to_owned(), text);
        return Ok(());
    }
    check(inner, got)
}

fn check(kind: &str, got: &Value) -> Result<(), String> {
    let (name, argument) = kind.split_once(':').unwrap_or((kind, ""));
    let text = got.as_str();
    let made_of = |length: &str, of: fn(u8) -> bool| {
        text.is_some_and(|t| t.bytes().all(of) && length.parse().is_ok_and(|n: usize| t.len() == n))
    };
    let fits = match name {
        "any" => true,
        "string" => text.is_some(),
        "int" => got.is_i64() || got.is_u64(),
        "number" => got.is_number(),
        "bool" => got.is_boolean(),
        "timestamp" => text.is_some_and(is_timestamp),
        "id" => made_of(argument, |b| b.is_ascii_lowercase() || b.is_ascii_digit()),
        "uuid" => made_of(if argument.is_empty() { "16" } else { argument }, |b| b.is_ascii_alphanumeric()),
        "contains" => text.is_some_and(|t| t.to_lowercase().contains(&argument.to_lowercase())),
        "prefix" => text.is_some_and(|t| t.starts_with(argument)),
        "gt" => match (got.as_i64(), argument.trim().parse::<i64>()) {
            (Some(got), Ok(bound)) => got > bound,
            _ => false,
        },
        other => return Err(format!("the transcript names no known wildcard: <{other}>")),
    };
    if fits { Ok(()) } else { Err(format!("expected <{kind}>, got {}", short(got))) }
}

/// `2025-03-04T08:15:09`
fn is_timestamp(text: &str) -> bool {
    text.len() == 19
        && text.bytes().zip(b"0000-00-00T00:00:00").all(|(got, &form)| match form {
            b'0' => got.is_ascii_digit(),
            form => got == form,
        })
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    let cut: String = text.chars().take(200).collect();
    if cut.len() < text.len() { cut + " …" } else { cut }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(expected: &str, got: Value, problems: &[&str]) -> Captures {
        let mut captures = Captures::new();
        let found = compare(&parse(expected).unwrap(), &got, &mut captures);
        let found: Vec<String> = found.iter().map(|m| format!("{}: {}", m.path, m.problem)).collect();
        assert_eq!(found, problems);
        captures
    }

    #[test]
    fn exact_values() {
        check(r#"{"a":[1,"x",null]}"#, json!({"a":[1,"x",null]}), &[]);
        check(r#"{"a":1}"#, json!({"a":1.0}), &["$.a: expected 1, got 1.0"]);
        check(
            r#"{"a":1}"#,
            json!({"b":1}),
            &["$.a: expected 1, but it is absent", "$.b: not expected, got 1"],
        );
        check("[1]", json!([1, 2]), &["$: expected 1 elements, got 2"]);
    }

    #[test]
    fn more_may_follow() {
        check(r#"{"a":1, ...}"#, json!({"a":1,"b":2}), &[]);
        check(r#"[{"a":"..."}, ...]"#, json!([{"a":"..."}, 2, 3]), &[]);
        check("[1, 2, ...]", json!([1]), &["$: expected 2 elements, got 1"]);
    }

    #[test]
    fn wildcards_and_captures() {
        let captures = check(
            r#"{"id":"<=team:id:17>","at":"<timestamp>","n":"<=n:gt:4>","t":"<contains:AGE>"}"#,
            json!({"id":"k3v9q2m7c1x8w5t4z","at":"2025-03-04T08:15:09","n":5,"t":"fields.Age: expected"}),
            &[],
        );
        assert_eq!(captures["team"], "k3v9q2m7c1x8w5t4z");
        assert_eq!(captures["n"], "5");
        check(
            r#"["<int>","<timestamp>"]"#,
            json!([1.5, "2025"]),
            &["$[0]: expected <int>, got 1.5", "$[1]: expected <timestamp>, got \"2025\""],
        );
        check(r#""<b>bold</b>""#, json!("<b>bold</b>"), &[]);
    }
}
