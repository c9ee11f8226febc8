//! What the prompt knows of a line while it is written: completion, whether it is whole, and its own commands.

use boobook_nx_syntax::{RESERVED, parse};

use crate::{client::Table, nx};

/// A word that fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    /// What goes in.
    pub(super) text: String,
    /// What it is.
    pub(super) about: String,
}

/// All words there are.
pub(super) struct Words(Vec<Candidate>);

impl Words {
    /// Of the language and of a database.
    pub(super) fn new(tables: &[Table]) -> Self {
        let mut words: Vec<Candidate> = Vec::new();
        let mut add = |text: String, about: String| {
            if !words.iter().any(|known| known.text == text) {
                words.push(Candidate { text, about });
            }
        };
        for table in tables {
            add(quoted(&table.name), "table".into());
        }
        for table in tables {
            for field in &table.fields {
                add(quoted(&field.name), format!("{} of {}", field.base, table.name));
            }
        }
        for entry in nx::groups().into_iter().flat_map(|group| group.entries) {
            let form = entry.forms.first().map_or("", String::as_str);
            add(format!("{}(", entry.name), format!("{}{form}", entry.name));
        }
        for word in RESERVED {
            add((*word).to_owned(), "keyword".into());
        }
        Self(words)
    }

    /// From where to where in `line` the word at `at` reaches, and what could stand there.
    pub(super) fn complete(&self, line: &str, at: usize) -> (usize, Vec<Candidate>) {
        let before = line.get(..at).unwrap_or(line);
        let from = start_of_word(before);
        let begun = before[from..].trim_start_matches('\'').to_lowercase();
        if begun.is_empty() && !before[from..].starts_with('\'') {
            return (from, Vec::new());
        }
        // In quotes stand names of tables and fields only.
        let is_quoted = before[from..].starts_with('\'');
        let fits = |word: &&Candidate| {
            word.text.trim_start_matches('\'').to_lowercase().starts_with(&begun)
                && !(is_quoted && (word.text.ends_with('(') || RESERVED.contains(&&*word.text)))
        };
        (from, self.0.iter().filter(fits).cloned().collect())
    }
}

/// Where the word at the end of a text begins; an open quote begins a name with blanks.
fn start_of_word(before: &str) -> usize {
    let line = before.rfind('\n').map_or(0, |at| at + 1);
    let quotes = before[line..].matches('\'').count();
    if quotes % 2 == 1 {
        return before.rfind('\'').unwrap_or(line);
    }
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    before.char_indices().rev().take_while(|(_, c)| is_word(*c)).last().map_or(before.len(), |(at, _)| at)
}

/// A name as it must be written.
fn quoted(name: &str) -> String {
    let mut chars = name.chars();
    let is_plain = chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_')
        && !RESERVED.contains(&name);
    if is_plain { name.to_owned() } else { format!("'{name}'") }
}

/// Whether a script can be run as it is, or goes on in the next line: nothing is wrong with it but that it ends.
pub(super) fn is_whole(source: &str) -> bool {
    let source = source.trim_end();
    let end = source.len();
    // The last `end`s may be left out, which is no use while a block has not begun.
    if source
        .split(|c: char| !c.is_alphanumeric())
        .next_back()
        .is_some_and(|w| matches!(w, "then" | "else" | "do"))
    {
        return false;
    }
    let parsed = parse(source);
    parsed.diagnostics.first().is_none_or(|first| {
        let open = ["unterminated-", "missing-end"].iter().any(|open| first.code.name.starts_with(open));
        (first.span.start as usize) < end && !open
    })
}

/// What the prompt itself does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    Help(Option<&'a str>),
    Tables,
    Fields(&'a str),
    /// Whether scripts may write from now on.
    Exec(bool),
    Quit,
    Unknown(&'a str),
}

impl<'a> Command<'a> {
    /// The command that a line is; a script does not begin with a dot.
    pub(super) fn of(line: &'a str) -> Option<Self> {
        let rest = line.trim().strip_prefix('.')?;
        let (name, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let argument = argument.trim();
        Some(match (name, argument) {
            ("help", "") => Self::Help(None),
            ("help", function) => Self::Help(Some(function)),
            ("tables", "") => Self::Tables,
            ("fields", table) if !table.is_empty() => Self::Fields(table.trim_matches('\'')),
            ("exec", "on") => Self::Exec(true),
            ("exec", "off") => Self::Exec(false),
            ("quit" | "exit", "") => Self::Quit,
            _ => Self::Unknown(line.trim()),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words() -> Words {
        let table = |json| serde_json::from_value(json).unwrap();
        Words::new(&[table(json!({"id": "A", "name": "Customer", "fields": [
            {"name": "First name", "type": "string"}, {"name": "select", "type": "number"}, {"name": "Customer", "type": "ref"}]}))])
    }

    fn completed(line: &str) -> (usize, Vec<String>) {
        let (from, candidates) = words().complete(line, line.len());
        (from, candidates.into_iter().map(|candidate| candidate.text).collect())
    }

    #[test]
    fn words_are_completed() {
        assert_eq!(completed("select cust"), (7, vec!["Customer".into()]));
        assert_eq!(completed("select Customer where 'fi"), (22, vec!["'First name'".into()]));
        assert_eq!(completed("Firs"), (0, vec!["'First name'".into(), "first(".into()]));
        assert_eq!(completed("1 + lpa"), (4, vec!["lpad(".into()]));
        assert_eq!(completed("duplic"), (0, vec!["duplicate(".into(), "duplicate".into()]));
        assert_eq!(completed("x.sele"), (2, vec!["'select'".into(), "select".into()]));
        assert_eq!(completed("1 + "), (4, vec![]));
        assert_eq!(completed("ö"), (0, vec![]));
        assert_eq!(words().complete("sub x", 3).0, 0);
    }

    #[test]
    fn a_script_that_only_ends_goes_on_in_the_next_line() {
        for whole in ["1 + 1", "", "1 +* 2", "(1))", "if a then b end", "x; y"] {
            assert!(is_whole(whole), "{whole:?}");
        }
        for open in
            ["1 +", "(1", "if a then", "if a then b else", "\"abc", "for x in [1] do", "let x :=", "{a: 1,"]
        {
            assert!(!is_whole(open), "{open:?}");
        }
    }

    #[test]
    fn lines_with_a_dot_are_commands() {
        for (line, command) in [
            (".help", Some(Command::Help(None))),
            (" .help  lpad ", Some(Command::Help(Some("lpad")))),
            (".fields 'First table'", Some(Command::Fields("First table"))),
            (".exec on", Some(Command::Exec(true))),
            (".exec", Some(Command::Unknown(".exec"))),
            (".exit", Some(Command::Quit)),
            ("1", None),
        ] {
            assert_eq!(Command::of(line), command, "{line:?}");
        }
    }
}
