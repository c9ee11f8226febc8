//! What is wrong with a script, said to the person who wrote it.

use std::fmt::Write;

use crate::span::{Span, line_column};

/// The kind of a diagnostic: a short name that stays the same while messages may be reworded.
///
/// Each crate that reports diagnostics keeps its codes in one table, as [`codes`] is for this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DiagnosticCode {
    /// Name in kebab case, for people who search for it.
    pub name: &'static str,
    /// What has gone wrong, in a sentence, for the manual.
    pub about: &'static str,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// The script does not run.
    Error,
    /// The script runs, but hardly as meant.
    Warning,
}

/// One thing wrong with a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which kind of thing.
    pub code: DiagnosticCode,
    /// How bad it is.
    pub severity: Severity,
    /// Where it is.
    pub span: Span,
    /// What is wrong and what was expected.
    pub message: String,
    /// What to do about it, where that is not plain from the message.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(code: DiagnosticCode, span: Span, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Error, span, message: message.into(), hint: None }
    }

    /// The same with a hint.
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

macro_rules! codes {
    ($($(#[doc = $about:literal])+ $constant:ident = $name:literal;)+) => {
        /// The codes of this crate: what is wrong with a script before anybody asks what its names mean.
        pub mod codes {
            use super::DiagnosticCode;

            $($(#[doc = $about])+
            pub const $constant: DiagnosticCode =
                DiagnosticCode { name: $name, about: concat!($($about),+).trim_ascii() };)+

            /// All of them, in order.
            pub const ALL: &[DiagnosticCode] = &[$($constant),+];
        }
    };
}

codes! {
    /// A character that has no meaning outside texts and quoted names.
    UNEXPECTED_CHARACTER = "unexpected-character";
    /// A text `"…"` without its closing quote.
    UNTERMINATED_TEXT = "unterminated-text";
    /// A quoted name `'…'` without its closing quote.
    UNTERMINATED_NAME = "unterminated-name";
    /// A template `---…---` without its closing dashes.
    UNTERMINATED_TEMPLATE = "unterminated-template";
    /// A comment `/* … */` without its end.
    UNTERMINATED_COMMENT = "unterminated-comment";
    /// An operator of another language, such as `==`.
    FOREIGN_OPERATOR = "foreign-operator";
    /// An operand, argument or condition is missing.
    EXPECTED_EXPRESSION = "expected-expression";
    /// A name is missing.
    EXPECTED_NAME = "expected-name";
    /// A keyword or sign that the construct needs is missing.
    EXPECTED_TOKEN = "expected-token";
    /// Two statements without a `;` between them.
    EXPECTED_SEPARATOR = "expected-separator";
    /// A block without its `end`.
    MISSING_END = "missing-end";
    /// A keyword or sign that belongs to nothing.
    UNEXPECTED_TOKEN = "unexpected-token";
    /// A variable declared without a value.
    MISSING_INITIALISER = "missing-initialiser";
    /// Something on the left of `:=` that cannot be assigned to.
    INVALID_TARGET = "invalid-target";
    /// A `select` that needs parentheses to be used as it is.
    BARE_SELECT = "bare-select";
    /// The script is longer than the limit.
    SOURCE_TOO_LONG = "source-too-long";
    /// Brackets or blocks are nested deeper than the limit.
    NESTED_TOO_DEEPLY = "nested-too-deeply";
}

/// The diagnostic as text for a terminal or a log: message, place, the line with carets below, hint.
///
/// ```
/// let source = "if a\n\tb";
/// let parse = boobook_nx_syntax::parse(source);
/// assert_eq!(
///     boobook_nx_syntax::render(source, &parse.diagnostics[0]),
///     "error[expected-token]: expected `then` after the condition of `if`, found `b`\n \
///      --> line 2, column 2\n  \
///      |\n\
///      2 | \tb\n  \
///      | \t^\n"
/// );
/// ```
pub fn render(source: &str, diagnostic: &Diagnostic) -> String {
    let Span { start, end } = diagnostic.span;
    let (line, column) = line_column(source, start);
    let at = (start as usize).min(source.len());
    let line_start = source.get(..at).and_then(|s| s.rfind('\n')).map_or(0, |at| at + 1);
    let rest = source.get(line_start..).unwrap_or_default();
    let whole_line = rest.split(['\n', '\r']).next().unwrap_or_default();

    // A line of a machine-made script can be a megabyte; only what is around the place helps.
    let skipped = (column as usize - 1).saturating_sub(SHOWN_BEFORE);
    let skipped = if whole_line.chars().nth(SHOWN).is_some() { skipped } else { 0 };
    let shown: String = whole_line.chars().skip(skipped).take(SHOWN).collect();
    let lead: String =
        shown.chars().take(column as usize - 1 - skipped).map(|c| if c == '\t' { c } else { ' ' }).collect();
    let marked = source.get(at..(end as usize).max(at)).unwrap_or_default();
    let marked = marked.split('\n').next().unwrap_or_default().chars().count();
    let room = shown.chars().count() - lead.chars().count();
    let carets = "^".repeat(marked.min(room).max(1));

    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let number = line.to_string();
    let gutter = " ".repeat(number.len());
    let mut out = format!("{severity}[{}]: {}\n", diagnostic.code.name, diagnostic.message);
    let _ = writeln!(out, "{gutter}--> line {line}, column {column}");
    let _ = writeln!(out, "{gutter} |");
    let _ = writeln!(out, "{number} | {shown}");
    let _ = writeln!(out, "{gutter} | {lead}{carets}");
    if let Some(hint) = &diagnostic.hint {
        let _ = writeln!(out, "{gutter} = hint: {hint}");
    }
    out
}

/// Characters of a line that [`render`] shows, and those of them before the place.
const SHOWN: usize = 160;
const SHOWN_BEFORE: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rendering_holds_at_the_edges() {
        for source in ["", "x", "\n", "ä\n\nb\r\n", &"long ".repeat(40)] {
            for start in 0..=source.len() as u32 + 2 {
                for end in start..=source.len() as u32 + 2 {
                    let boundary =
                        |at: u32| source.get(at as usize..).is_some() || at as usize > source.len();
                    if boundary(start) && boundary(end) {
                        let text = render(
                            source,
                            &Diagnostic::error(codes::EXPECTED_NAME, Span::new(start, end), "m"),
                        );
                        assert!(text.contains('^') && text.len() < 600, "{text}");
                    }
                }
            }
        }
    }

    #[test]
    fn codes_differ() {
        for (at, code) in codes::ALL.iter().enumerate() {
            assert!(codes::ALL[..at].iter().all(|other| other.name != code.name));
        }
    }
}
