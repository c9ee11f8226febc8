//! The manual's page of functions, and one function in a terminal.

use std::fmt::Write as _;

use super::{Entry, functions::Place, groups};

const HEAD: &str = "\
# NX functions

<!-- Written by `cargo xtask manual` from the table of functions in crates/nx/src/functions. Do not edit. -->

All functions of the language, a chapter each. `boobook nx functions NAME` shows one in the terminal.

Behind each form stands where the function runs:

";

const READING: &str = "
In a form, `text?` may be left out, `any...` may come several times, `[number]` is an array. Names of functions are
written as here, upper and lower case included. Null (empty) arguments give null unless it says otherwise. Behind each
example stands its value as JSON; all of them are run by the tests.
";

/// The page, as Markdown.
pub(crate) fn page() -> String {
    let mut out = HEAD.to_owned();
    for place in Place::ALL {
        let _ = writeln!(out, "* *{}*: {}.", place.label(), place.about());
    }
    out.push_str(READING);
    let groups = groups();
    for group in &groups {
        let names: Vec<String> =
            group.entries.iter().map(|e| format!("[{}](#{})", e.name, e.name.to_lowercase())).collect();
        let _ = write!(out, "\n**{}**:\n{}\n", group.heading, wrapped(&names.join(" · "), 118));
    }
    for group in &groups {
        let _ = write!(out, "\n## {}\n\n{}\n", group.heading, wrapped(group.intro, 118));
        for entry in &group.entries {
            let _ = write!(out, "\n### {}\n\n", entry.name);
            let forms: Vec<String> =
                entry.forms.iter().map(|form| format!("`{}{form}`", entry.name)).collect();
            let _ = writeln!(out, "{} · *{}*\n", forms.join("  \n"), entry.place.label());
            let _ = writeln!(out, "{}", wrapped(&doc(entry), 118));
            if !entry.examples.is_empty() {
                let _ = write!(out, "\n```nx\n{}```\n", examples(entry));
            }
        }
    }
    out
}

/// One function, for a terminal.
pub(crate) fn entry(entry: &Entry) -> String {
    let mut out = String::new();
    for form in &entry.forms {
        let _ = writeln!(out, "{}{form}", entry.name);
    }
    let _ = writeln!(out, "\n{}", wrapped(&doc(entry), 78));
    let _ = writeln!(out, "Runs: {}.", entry.place.label());
    if !entry.examples.is_empty() {
        let _ = write!(out, "\n{}", examples(entry));
    }
    out
}

fn doc(entry: &Entry) -> String {
    match entry.aliases {
        [] => entry.doc.to_owned(),
        aliases => {
            let names: Vec<String> = aliases.iter().map(|alias| format!("`{alias}`")).collect();
            format!("{} Also called {}.", entry.doc, names.join(", "))
        }
    }
}

/// A line each, the values below one another.
fn examples(entry: &Entry) -> String {
    const WIDTH_MAX: usize = 60;
    let width = |script: &str| script.lines().last().unwrap_or_default().chars().count();
    let widest = entry.examples.iter().map(|(script, _)| width(script)).filter(|w| *w <= WIDTH_MAX).max();
    let mut out = String::new();
    for (script, value) in entry.examples {
        let padding = widest.unwrap_or(0).saturating_sub(width(script));
        let _ = writeln!(out, "{script}{}  // {value}", " ".repeat(padding));
    }
    out
}

/// Words in lines of at most so many characters.
fn wrapped(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_into_lines() {
        assert_eq!(wrapped("one two  three", 7), "one two\nthree");
        assert_eq!(wrapped("verylongword x", 4), "verylongword\nx");
        assert_eq!(wrapped("", 4), "");
    }

    #[test]
    fn a_function_in_a_terminal() {
        let count = groups().into_iter().flat_map(|group| group.entries).find(|e| e.name == "cnt").unwrap();
        let text = entry(&count);
        assert!(text.starts_with("cnt(any) → number\n"), "{text}");
        assert!(text.contains("Also called\n`count`.") && text.contains("cnt([])          // 0"), "{text}");
    }
}
