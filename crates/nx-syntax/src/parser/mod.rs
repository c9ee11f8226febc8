//! Tokens to a syntax tree, by recursive descent; operators by binding power.
//!
//! One function for each production of the grammar. A function that is called asserts by its name that its first
//! token is there (`if_expression`, `select`); `opt_…` may find nothing; `expect_…` reports if it finds nothing.
//!
//! Parsing never fails: what is absent becomes an empty node and a diagnostic. To find the way after a mistake the
//! parser has two means: a block ends before any token that no statement begins with, for its owner to look at, and a
//! bracket knows its partner, so the rest of a broken list is skipped as a whole.
//!
//! The stack is bounded by [`Limits::nesting_max`]. What the stored form of the language nests without need, it being
//! written by a machine, costs no stack at all: runs of opening parentheses (`((((a+b)+c)+d)+e)`) and sequences as
//! nested pairs (`(a;(b;(c;d)))`) are loops.

mod control;
mod ends;
mod expression;
mod select;
mod statement;
mod types;

use crate::{
    ast::{Name, Script},
    diagnostic::{Diagnostic, DiagnosticCode, codes},
    lexer::{Comment, lex},
    limits::Limits,
    span::{Span, line_column},
    token::{Token, TokenKind},
};
use ends::IfEnds;

/// The syntax tree of a source, and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Parse {
    /// The tree. It is there for every source, and as complete as the mistakes allow.
    pub script: Script,
    /// The mistakes, in the order of their places.
    pub diagnostics: Vec<Diagnostic>,
}

/// Parses a script of either form within the default limits.
pub fn parse(source: &str) -> Parse {
    parse_within(source, &Limits::DEFAULT)
}

/// Parses a script of either form.
pub fn parse_within(source: &str, limits: &Limits) -> Parse {
    if source.len() > limits.source_bytes_max.min(u32::MAX as usize) {
        let message = format!(
            "the script is too long: it has {} bytes, at most {} are allowed",
            source.len(),
            limits.source_bytes_max
        );
        let diagnostics = vec![Diagnostic::error(codes::SOURCE_TOO_LONG, Span::default(), message)];
        return Parse { script: Script { body: crate::ast::Block::default() }, diagnostics };
    }
    let lexed = lex(source, limits);
    let mut parser = Parser {
        source,
        limits,
        ifs: ends::match_ifs(source, &lexed.tokens),
        tokens: lexed.tokens,
        comments: lexed.comments,
        comments_taken: 0,
        at: 0,
        nesting: 0,
        height: 0,
        in_switch: false,
        last_parens: Span::default(),
        reported_at: None,
        stopped: false,
        diagnostics: lexed.diagnostics,
    };
    let script = parser.script();
    let mut diagnostics = parser.diagnostics;
    diagnostics.sort_by_key(|d| d.span.start);
    Parse { script, diagnostics }
}

struct Parser<'s> {
    source: &'s str,
    limits: &'s Limits,
    tokens: Vec<Token>,
    ifs: IfEnds,
    comments: Vec<Comment>,
    /// Comments that have become statements.
    comments_taken: usize,
    at: usize,
    /// How deep the parser is in expressions within expressions.
    nesting: u32,
    /// Height of the highest tree finished within the expression being parsed.
    height: u32,
    /// Whether `case` and `default:` end the block being parsed.
    in_switch: bool,
    /// Where the last expression in parentheses stands.
    last_parens: Span,
    /// The token at which something was reported last. One mistake gives one diagnostic.
    reported_at: Option<usize>,
    /// Set when a limit is reached: the parser stands at the end of the script and says no more.
    stopped: bool,
    diagnostics: Vec<Diagnostic>,
}

impl Parser<'_> {
    fn kind(&self) -> TokenKind {
        self.tokens[self.at].kind
    }

    fn kind_after(&self, tokens: usize) -> TokenKind {
        self.tokens.get(self.at + tokens).map_or(TokenKind::EndOfScript, |t| t.kind)
    }

    fn span(&self) -> Span {
        self.tokens[self.at].span
    }

    fn text(&self) -> &str {
        self.span().text(self.source)
    }

    /// Whether the current token is this word, which is a keyword only by its place.
    fn at_word(&self, word: &str) -> bool {
        self.kind() == TokenKind::Name && self.text() == word
    }

    fn bump(&mut self) -> Span {
        let span = self.span();
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
        span
    }

    fn eat(&mut self, kind: TokenKind) -> bool {
        let there = self.kind() == kind;
        if there {
            self.bump();
        }
        there
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let there = self.at_word(word);
        if there {
            self.bump();
        }
        there
    }

    /// End of the last token that was passed.
    fn passed(&self) -> u32 {
        if self.at == 0 { 0 } else { self.tokens[self.at - 1].span.end }
    }

    /// From `start` to the end of the last token passed. Where none was passed since, nothing behind that token, so
    /// that it is within what is around it.
    fn span_from(&self, start: u32) -> Span {
        Span::new(start.min(self.passed()), self.passed())
    }

    /// The current token in a message.
    fn found(&self) -> String {
        match self.kind() {
            TokenKind::Name | TokenKind::QuotedName | TokenKind::Number => {
                let text: String = self.text().chars().take(40).collect();
                format!("`{text}`")
            }
            kind => kind.describe().to_owned(),
        }
    }

    fn report(&mut self, code: DiagnosticCode, message: impl Into<String>) {
        self.report_with(code, self.span(), message, None);
    }

    fn report_with(
        &mut self,
        code: DiagnosticCode,
        span: Span,
        message: impl Into<String>,
        hint: Option<&str>,
    ) {
        let repeated = self.reported_at.replace(self.at) == Some(self.at);
        if !repeated && !self.stopped && self.diagnostics.len() < self.limits.diagnostics_max {
            let hint = hint.map(str::to_owned);
            self.diagnostics.push(Diagnostic { hint, ..Diagnostic::error(code, span, message) });
        }
    }

    /// Whether a report at the current token is kept. Finding a line in the source takes time, which is spent only then.
    fn would_report(&self) -> bool {
        let room = self.diagnostics.len() < self.limits.diagnostics_max;
        room && !self.stopped && self.reported_at != Some(self.at)
    }

    /// Reports that a limit is reached, and goes to the end of the script.
    fn stop(&mut self) {
        if !self.stopped {
            let message = "the script is nested too deeply here";
            let diagnostic = Diagnostic::error(codes::NESTED_TOO_DEEPLY, self.span(), message);
            self.diagnostics.push(diagnostic.with_hint("move parts of it into variables or functions"));
            self.stopped = true;
        }
        self.at = self.tokens.len() - 1;
    }

    /// Expects a sign or word; `context` says in which place, as in "after the condition of `if`".
    fn expect(&mut self, kind: TokenKind, context: &str) -> bool {
        let there = self.eat(kind);
        if !there {
            let message = format!("expected {} {context}, found {}", kind.describe(), self.found());
            self.report(codes::EXPECTED_TOKEN, message);
        }
        there
    }

    fn expect_word(&mut self, word: &str, context: &str) -> bool {
        let there = self.eat_word(word);
        if !there {
            let message = format!("expected `{word}` {context}, found {}", self.found());
            self.report(codes::EXPECTED_TOKEN, message);
        }
        there
    }

    /// Expects the partner of the opening bracket at token `opening`. If something else is there, goes on behind the
    /// partner.
    fn expect_closing(&mut self, opening: usize, kind: TokenKind) {
        if self.eat(kind) {
            return;
        }
        let Token { kind: opening_kind, span, partner } = self.tokens[opening];
        if self.would_report() {
            let (line, column) = line_column(self.source, span.start);
            let what = format!("the {} of line {line}, column {column}", opening_kind.describe());
            let message = format!("expected {} to close {what}, found {}", kind.describe(), self.found());
            self.report(codes::EXPECTED_TOKEN, message);
        }
        if partner as usize >= self.at && self.tokens[partner as usize].kind == kind {
            self.at = partner as usize;
            self.bump();
        }
    }

    /// Expects the `end` of the block that began with `word` at `start`.
    fn expect_end(&mut self, word: &str, start: u32) {
        if self.eat(TokenKind::End) || !self.would_report() {
            return;
        }
        let (line, _) = line_column(self.source, start);
        let message = format!("expected `end` for the `{word}` of line {line}, found {}", self.found());
        self.report(codes::MISSING_END, message);
    }

    fn opt_name(&mut self) -> Option<Name> {
        let quoted = match self.kind() {
            TokenKind::Name => false,
            TokenKind::QuotedName => true,
            _ => return None,
        };
        let span = self.bump();
        let text = span.text(self.source);
        let text = if quoted { unquote(text, '\'') } else { text.into() };
        Some(Name { text, span, quoted })
    }

    /// A name; `what` says of what, as in "for the variable".
    fn expect_name(&mut self, what: &str) -> Name {
        if let Some(name) = self.opt_name() {
            return name;
        }
        let word = self.text();
        let hint = if self.kind() == TokenKind::Text {
            Some("a name stands without quotes or in single ones: 'First Name'".to_owned())
        } else {
            TokenKind::reserved(word)
                .map(|_| format!("`{word}` is a keyword; as a name it is written '{word}'"))
        };
        let message = format!("expected a name {what}, found {}", self.found());
        self.report_with(codes::EXPECTED_NAME, self.span(), message, hint.as_deref());
        Name { span: Span::at(self.passed()), ..Name::default() }
    }

    /// Runs `parse` one level deeper; at the limit, goes to the end of the script first.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> T) -> T {
        self.nesting += 1;
        if self.nesting > self.limits.nesting_max {
            self.stop();
        }
        let node = parse(self);
        self.nesting -= 1;
        node
    }

    /// Runs `parse`, whose tree stands beside those finished before it, not above them.
    fn beside<T>(&mut self, parse: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::take(&mut self.height);
        let node = parse(self);
        self.height = self.height.max(before);
        node
    }

    /// Counts a node that is put above what was parsed.
    fn grow(&mut self) {
        self.height += 1;
        if self.height > self.limits.height_max {
            self.stop();
        }
    }
}

/// The text within its quotes, doubled quotes made single.
fn unquote(text: &str, quote: char) -> Box<str> {
    let inner = text.strip_prefix(quote).unwrap_or(text);
    // An unterminated text may end in a doubled quote; only an unpaired one closes it.
    let closing = inner.len() - inner.trim_end_matches(quote).len();
    let inner = if closing % 2 == 1 { &inner[..inner.len() - 1] } else { inner };
    if !inner.contains(quote) {
        return inner.into();
    }
    let (doubled, single) = (format!("{quote}{quote}"), quote.to_string());
    inner.replace(&doubled, &single).into()
}
