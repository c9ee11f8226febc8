//! Regular expressions as ECMAScript has them (nx-language.md §9-11).
//!
//! The engine is `fancy-regex`, which runs what it can in linear time and backtracks, within a limit, where it must. Its
//! syntax is Rust's, so a pattern is rewritten: `\d` and `\w` mean ASCII, `$` the very end, `.` no line end at all, a
//! `{` that repeats nothing is a brace, a bracket in a class is a bracket.

use std::sync::Arc;

use fancy_regex::{Captures, Regex, RegexBuilder};

use crate::{Context, RunError, RunErrorKind};

/// Longest pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 10_000;
/// Compiled patterns one run keeps.
const CACHE_MAX: usize = 64;

/// What the flags of a pattern say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    pub(crate) is_global: bool,
    ignores_case: bool,
    is_multiline: bool,
    dot_is_all: bool,
}

impl Flags {
    /// `gimsu`, of which `u` changes nothing: texts are Unicode.
    pub(crate) fn parse(text: &str) -> Result<Self, RunError> {
        let mut flags = Self::default();
        for c in text.chars() {
            match c {
                'g' => flags.is_global = true,
                'i' => flags.ignores_case = true,
                'm' => flags.is_multiline = true,
                's' => flags.dot_is_all = true,
                'u' => {}
                other => {
                    return Err(RunError::other(format!(
                        "there is no flag {other:?} of regular expressions; there are g, i, m, s and u"
                    )));
                }
            }
        }
        Ok(flags)
    }
}

/// Compiled patterns of a run, the one used last in front.
#[derive(Default)]
pub(crate) struct RegexCache(Vec<(String, Flags, Arc<Regex>)>);

/// The compiled form of a pattern.
pub(crate) fn compile(cx: &mut Context<'_>, pattern: &str, flags: Flags) -> Result<Arc<Regex>, RunError> {
    let cache = &mut cx.regexes.0;
    if let Some(at) = cache.iter().position(|(known, with, _)| known == pattern && *with == flags) {
        cache[..=at].rotate_right(1);
        return Ok(Arc::clone(&cache[0].2));
    }
    let bad = |reason: String| {
        let mut shown: String = pattern.chars().take(100).collect();
        if shown.len() < pattern.len() {
            shown.push('…');
        }
        RunError::new(RunErrorKind::BadRegex { pattern: shown, reason })
    };
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(bad(format!("it is longer than {PATTERN_BYTES_MAX} bytes")));
    }
    let compiled = RegexBuilder::new(&translate(pattern, flags))
        .case_insensitive(flags.ignores_case)
        .multi_line(flags.is_multiline)
        .backtrack_limit(cx.limits.regex_backtracks_max)
        .build()
        .map_err(|error| bad(error.to_string()))?;
    let compiled = Arc::new(compiled);
    let cache = &mut cx.regexes.0;
    cache.truncate(CACHE_MAX - 1);
    cache.insert(0, (pattern.to_owned(), flags, Arc::clone(&compiled)));
    Ok(compiled)
}

/// What a search that gave up comes to.
pub(crate) fn too_slow(pattern: &str) -> RunError {
    RunError::new(RunErrorKind::SlowRegex(pattern.chars().take(100).collect()))
}

/// `$1`, `$&`, `$$`, `` $` ``, `$'`, `$<name>` in a replacement, as ECMAScript has them. Groups that are not there stay
/// as they are written.
pub(crate) fn expand(replacement: &str, captures: &Captures<'_, str>, whole: &str, out: &mut String) {
    let group = |n: usize| captures.get(n).map_or("", |found| found.as_str());
    let mut rest = replacement;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let (start, end) = captures.get(0).map_or((0, 0), |found| (found.start(), found.end()));
        let taken = match rest.as_bytes() {
            [b'$', ..] => {
                out.push('$');
                1
            }
            [b'&', ..] => {
                out.push_str(group(0));
                1
            }
            [b'`', ..] => {
                out.push_str(&whole[..start]);
                1
            }
            [b'\'', ..] => {
                out.push_str(&whole[end..]);
                1
            }
            [b'<', ..] => match rest.find('>') {
                Some(close) => {
                    out.push_str(captures.name(&rest[1..close]).map_or("", |found| found.as_str()));
                    close + 1
                }
                None => 0,
            },
            [a, b, ..] if a.is_ascii_digit() && b.is_ascii_digit() && two(*a, *b, captures) > 0 => {
                out.push_str(group(two(*a, *b, captures)));
                2
            }
            [a, ..] if a.is_ascii_digit() && (1..captures.len()).contains(&usize::from(a - b'0')) => {
                out.push_str(group(usize::from(a - b'0')));
                1
            }
            _ => 0,
        };
        if taken == 0 {
            out.push('$');
        }
        rest = &rest[taken..];
    }
    out.push_str(rest);
}

/// The group of two digits; 0 if there is none.
fn two(a: u8, b: u8, captures: &Captures<'_, str>) -> usize {
    let n = usize::from(a - b'0') * 10 + usize::from(b - b'0');
    if n < captures.len() { n } else { 0 }
}

/// An ECMAScript pattern in Rust's syntax.
fn translate(pattern: &str, flags: Flags) -> String {
    let chars: Vec<char> = pattern.chars().collect();
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut at = 0;
    while at < chars.len() {
        match chars[at] {
            '\\' => at = translate_escape(&chars, at, false, &mut out),
            '[' => at = translate_class(&chars, at, &mut out),
            '.' if flags.dot_is_all => {
                out.push_str(r"[\s\S]");
                at += 1;
            }
            '.' => {
                out.push_str(r"[^\n\r\x{2028}\x{2029}]");
                at += 1;
            }
            // Rust's `$` lies before a line end at the very end too.
            '$' if !flags.is_multiline => {
                out.push_str(r"\z");
                at += 1;
            }
            '{' if !is_quantifier(&chars[at..]) => {
                out.push_str(r"\{");
                at += 1;
            }
            '}' if !ends_quantifier(&out) => {
                out.push_str(r"\}");
                at += 1;
            }
            ']' => {
                out.push_str(r"\]");
                at += 1;
            }
            c => {
                out.push(c);
                at += 1;
            }
        }
    }
    out
}

/// `{3}`, `{3,}`, `{3,5}`
fn is_quantifier(chars: &[char]) -> bool {
    let Some(close) = chars.iter().position(|&c| c == '}') else { return false };
    let inner = &chars[1..close];
    let (low, high) = match inner.iter().position(|&c| c == ',') {
        Some(comma) => (&inner[..comma], &inner[comma + 1..]),
        None => (inner, &inner[inner.len()..]),
    };
    !low.is_empty() && low.iter().chain(high).all(char::is_ascii_digit)
}

fn ends_quantifier(out: &str) -> bool {
    let tail = out.trim_end_matches(|c: char| c.is_ascii_digit() || c == ',');
    tail.len() < out.len() && tail.ends_with('{') && !tail.ends_with(r"\{")
}

/// An escape; answers where what follows it begins.
fn translate_escape(chars: &[char], at: usize, in_class: bool, out: &mut String) -> usize {
    let Some(&c) = chars.get(at + 1) else {
        out.push_str(r"\\");
        return at + 1;
    };
    let hex = |from: usize, digits: usize| {
        let text: String = chars.get(from..from + digits)?.iter().collect();
        u32::from_str_radix(&text, 16).ok()
    };
    let code = |code: u32, out: &mut String| out.push_str(&format!("\\x{{{code:X}}}"));
    match c {
        'd' => out.push_str(if in_class { "0-9" } else { "[0-9]" }),
        'D' => out.push_str("[^0-9]"),
        'w' => out.push_str(if in_class { "0-9A-Za-z_" } else { "[0-9A-Za-z_]" }),
        'W' => out.push_str("[^0-9A-Za-z_]"),
        's' => out.push_str(if in_class { r"\s\x{FEFF}" } else { r"[\s\x{FEFF}]" }),
        'S' => out.push_str(r"[^\s\x{FEFF}]"),
        'b' if in_class => out.push_str(r"\x08"),
        'b' => out.push_str(r"(?-u:\b)"),
        'B' => out.push_str(r"(?-u:\B)"),
        'n' | 'r' | 't' | 'f' | 'v' => {
            out.push('\\');
            out.push(c);
        }
        '0' => out.push_str(r"\x00"),
        '1'..='9' | 'k' | 'p' | 'P' if !in_class => {
            out.push('\\');
            out.push(c);
        }
        'c' if chars.get(at + 2).is_some_and(char::is_ascii_alphabetic) => {
            code(u32::from(chars[at + 2]) % 32, out);
            return at + 3;
        }
        'x' if hex(at + 2, 2).is_some() => {
            code(hex(at + 2, 2).unwrap_or_default(), out);
            return at + 4;
        }
        'u' if chars.get(at + 2) == Some(&'{') => {
            out.push_str(r"\x");
            return at + 2;
        }
        'u' if hex(at + 2, 4).is_some() => {
            code(hex(at + 2, 4).unwrap_or_default(), out);
            return at + 6;
        }
        // Anything else stands for itself.
        c if c.is_ascii_punctuation() => {
            out.push('\\');
            out.push(c);
        }
        c => out.push(c),
    }
    at + 2
}

/// A class `[…]`; answers where what follows it begins.
fn translate_class(chars: &[char], start: usize, out: &mut String) -> usize {
    let mut at = start + 1;
    let negated = chars.get(at) == Some(&'^');
    if negated {
        at += 1;
    }
    if chars.get(at) == Some(&']') {
        // Nothing, and anything at all.
        out.push_str(if negated { r"[\s\S]" } else { r"[^\s\S]" });
        return at + 1;
    }
    out.push_str(if negated { "[^" } else { "[" });
    while at < chars.len() {
        match chars[at] {
            ']' => {
                out.push(']');
                return at + 1;
            }
            '\\' => at = translate_escape(chars, at, true, out),
            // Rust nests classes and has operations on them.
            c @ ('[' | '&' | '~') => {
                out.push('\\');
                out.push(c);
                at += 1;
            }
            '-' if chars.get(at + 1) == Some(&'-') => {
                out.push_str(r"\-");
                at += 1;
            }
            c => {
                out.push(c);
                at += 1;
            }
        }
    }
    // Without its end: the engine says so.
    at
}
