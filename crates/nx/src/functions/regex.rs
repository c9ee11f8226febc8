//! Functions with regular expressions (nx-language.md §4.2, §9-11).

use crate::{
    Context, FunctionDef, Overload, RunError, Value,
    regex::{Flags, compile, expand, too_slow},
};

type Outcome = Result<Value, RunError>;

/// The group.
pub const FUNCTIONS: &[FunctionDef] = &[
    FunctionDef::new(
        "extractx",
        &[
            Overload::strict("text, text -> text", |cx, a| extract(cx, text(a, 0), text(a, 1), "", "$&")),
            Overload::strict("text, text, text -> text", |cx, a| {
                // The third is what to make of the match if there is a `$` in it, else flags.
                let third = text(a, 2);
                let (flags, pattern) = if third.contains('$') { ("", third) } else { (third, "$&") };
                extract(cx, text(a, 0), text(a, 1), flags, pattern)
            }),
            Overload::strict("text, text, text, text -> text", |cx, a| {
                extract(cx, text(a, 0), text(a, 1), text(a, 2), text(a, 3))
            }),
        ],
        "The first match of a regular expression, or what a pattern with `$1` makes of it; empty without a match.",
        &[
            ("extractx(\"Order 4711 ok\",\"\\d+\")", "\"4711\""),
            ("extractx(\";123:45,60;\", \";123:(.+?);\", \"$1\")", "\"45,60\""),
            ("extractx(\"abc\",\"\\d+\")", "null"),
            ("extractx(\"ABC\",\"b\",\"i\")", "\"B\""),
        ],
    ),
    FunctionDef::new(
        "replacex",
        &[
            Overload::strict("text, text, text -> text", |cx, a| {
                replace(cx, text(a, 0), text(a, 1), "g", text(a, 2))
            }),
            Overload::strict("text, text, text, text -> text", |cx, a| {
                replace(cx, text(a, 0), text(a, 1), text(a, 2), text(a, 3))
            }),
        ],
        "With matches of a regular expression replaced: all of them, or as the flags say, which stand before the \
         replacement. `$1` and `$&` in it stand for groups and the match.",
        &[
            ("replacex(\"a1b2\",\"\\d\",\"#\")", "\"a#b#\""),
            ("replacex(\"garçon\", \"ç\", \"g\", \"c\")", "\"garcon\""),
            ("replacex(\"John Smith\",\"(\\w+) (\\w+)\",\"$2 $1\")", "\"Smith John\""),
            ("replacex(\"aAa\",\"a\",\"gi\",\"x\")", "\"xxx\""),
            ("replacex(\"aa\",\"a\",\"i\",\"x\")", "\"xa\""),
        ],
    ),
    FunctionDef::new(
        "splitx",
        &[
            Overload::strict("text, text -> [text]", |cx, a| split(cx, text(a, 0), text(a, 1), "")),
            Overload::strict("text, text, text -> [text]", |cx, a| {
                split(cx, text(a, 0), text(a, 1), text(a, 2))
            }),
        ],
        "The parts between matches of a regular expression.",
        &[
            ("splitx(\"a,b;c,d\", \"[,;]\")", "[\"a\",\"b\",\"c\",\"d\"]"),
            ("splitx(\"a1b22c\",\"\\d+\")", "[\"a\",\"b\",\"c\"]"),
        ],
    ),
    FunctionDef::new(
        "testx",
        &[
            Overload::strict("text, text -> boolean", |cx, a| test(cx, text(a, 0), text(a, 1), "")),
            Overload::strict("text, text, text -> boolean", |cx, a| {
                test(cx, text(a, 0), text(a, 1), text(a, 2))
            }),
        ],
        "Whether a regular expression matches anywhere. Flags: `i` any case, `m` `^` and `$` at each line, `s` `.` is any \
         character.",
        &[
            ("testx(\"abc\",\"^a\")", "true"),
            ("testx(\"abc\",\"^b\")", "false"),
            ("testx(\"Hello World\", \"hello\", \"i\")", "true"),
            ("testx(\"not-an-email\", \"^[^@]+@[^@]+\\.[^@]+$\")", "false"),
        ],
    ),
];

fn text(arguments: &[Value], at: usize) -> &str {
    match arguments.get(at) {
        Some(Value::Text(text)) => text,
        _ => "",
    }
}

fn test(cx: &mut Context<'_>, whole: &str, pattern: &str, flags: &str) -> Outcome {
    let regex = compile(cx, pattern, Flags::parse(flags)?)?;
    cx.step(1 + whole.len() as u64 / 64)?;
    Ok(regex.is_match(whole).map_err(|_| too_slow(pattern))?.into())
}

fn extract(cx: &mut Context<'_>, whole: &str, pattern: &str, flags: &str, with: &str) -> Outcome {
    let regex = compile(cx, pattern, Flags::parse(flags)?)?;
    cx.step(1 + whole.len() as u64 / 64)?;
    match regex.captures(whole).map_err(|_| too_slow(pattern))? {
        Some(captures) => {
            let mut out = String::new();
            expand(with, &captures, whole, &mut out);
            cx.made(out)
        }
        None => Ok(Value::Null),
    }
}

fn replace(cx: &mut Context<'_>, whole: &str, pattern: &str, flags: &str, with: &str) -> Outcome {
    let flags = Flags::parse(flags)?;
    let regex = compile(cx, pattern, flags)?;
    cx.step(1 + whole.len() as u64 / 64)?;
    let mut out = String::with_capacity(whole.len());
    let mut from = 0;
    for captures in regex.captures_iter(whole).take(if flags.is_global { usize::MAX } else { 1 }) {
        let captures = captures.map_err(|_| too_slow(pattern))?;
        let Some(found) = captures.get(0) else { continue };
        let before = out.len();
        out.push_str(&whole[from..found.start()]);
        expand(with, &captures, whole, &mut out);
        from = found.end();
        cx.step(1)?;
        cx.charge(out.len() - before)?;
    }
    out.push_str(&whole[from..]);
    cx.made(out)
}

fn split(cx: &mut Context<'_>, whole: &str, pattern: &str, flags: &str) -> Outcome {
    let regex = compile(cx, pattern, Flags::parse(flags)?)?;
    cx.step(1 + whole.len() as u64 / 64)?;
    let mut parts = Vec::new();
    let mut from = 0;
    for found in regex.find_iter(whole) {
        let found = found.map_err(|_| too_slow(pattern))?;
        // An empty match at either end separates nothing.
        if found.start() == found.end() && (found.start() == 0 || found.end() == whole.len()) {
            continue;
        }
        cx.step(1)?;
        cx.charge(size_of::<Value>() + found.start() - from)?;
        parts.push(Value::from(&whole[from..found.start()]));
        from = found.end();
    }
    parts.push(Value::from(&whole[from..]));
    Ok(Value::array(parts))
}

#[cfg(test)]
mod tests {
    use crate::{RunErrorKind, Value, functions::check::Setting};

    fn call(name: &str, arguments: &[&str]) -> Result<Value, crate::RunError> {
        let arguments: Vec<Value> = arguments.iter().map(|&text| Value::from(text)).collect();
        Setting::default().call(name, &arguments)
    }

    #[test]
    fn nested_repetition_ends_with_an_error() {
        let text = format!("{}b", "a".repeat(50));
        // The engine sees through this one, which is linear for it; the second needs to go back.
        assert_eq!(call("testx", &[&text, "(a+)+$"]).unwrap(), Value::Bool(false));
        let slow = call("testx", &[&text, "(?:(?=a)a+)+$"]).unwrap_err();
        assert!(matches!(slow.kind, RunErrorKind::SlowRegex(_)), "{slow}");
    }

    #[test]
    fn ecmascript_not_rust() {
        for (text, pattern, expected) in [
            ("٣", r"^\d$", false),
            ("ä", r"^\w$", false),
            ("a\n", "a$", false),
            ("\u{2028}", "^.$", false),
            ("x{y}", "x{y}", true),
            ("aaa", "^a{3}$", true),
            ("a]", "^[^]]$", true),
            ("[", "^[[]$", true),
            ("/", r"^\/$", true),
            ("é", r"^\u00e9$", true),
            ("A", r"^\x41$", true),
            ("a-b", r"^a\-b$", true),
            ("abab", r"^(ab)\1$", true),
            ("price 5", r"(?<=price )\d", true),
            ("&&", "^[&&]+$", true),
            ("b", "^[^]$", true),
        ] {
            assert_eq!(call("testx", &[text, pattern]).unwrap(), Value::Bool(expected), "{text:?} {pattern}");
        }
    }

    #[test]
    fn replacements() {
        for (text, pattern, with, expected) in [
            ("abc", "b", "[$&]", "a[b]c"),
            ("abc", "b", "$$", "a$c"),
            ("abc", "b", "$`$'", "aacc"),
            ("abc", "(b)", "$1$2", "ab$2c"),
            ("2024-03", r"(?<y>\d+)-(?<m>\d+)", "$<m>.$<y>", "03.2024"),
            ("abc", "", "-", "-a-b-c-"),
        ] {
            assert_eq!(
                call("replacex", &[text, pattern, with]).unwrap(),
                Value::from(expected),
                "{pattern} {with}"
            );
        }
    }

    #[test]
    fn a_bad_pattern_is_an_error_that_names_it() {
        let error = call("testx", &["a", "(b"]).unwrap_err();
        assert!(error.to_string().contains("/(b/"), "{error}");
        assert!(call("testx", &["a", "a", "x"]).unwrap_err().to_string().contains("flag"), "flags");
    }
}
