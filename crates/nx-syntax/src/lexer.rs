//! Source to tokens, in one pass.
//!
//! Templates make the language of the text depend on where one is: `---` opens text, `{` within it opens code, in
//! which `{` is an object and `---` a template of its own. The lexer therefore keeps the stack of open brackets, and
//! as it has it, it also tells each bracket its partner; the parser uses that to find its way after a mistake.

use crate::{
    diagnostic::{Diagnostic, DiagnosticCode, codes},
    limits::Limits,
    span::Span,
    token::{Token, TokenKind},
};

/// A comment and the token it stands before.
pub(crate) struct Comment {
    pub(crate) span: Span,
    pub(crate) before_token: u32,
}

/// Everything in a source. The last token is [`TokenKind::EndOfScript`].
pub(crate) struct Lexed {
    pub(crate) tokens: Vec<Token>,
    pub(crate) comments: Vec<Comment>,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Splits `source`, which is within the limits' length, into tokens.
pub(crate) fn lex(source: &str, limits: &Limits) -> Lexed {
    let mut lexer = Lexer {
        source,
        bytes: source.as_bytes(),
        at: 0,
        tokens: Vec::with_capacity(source.len() / 4 + 2),
        comments: Vec::new(),
        diagnostics: Vec::new(),
        diagnostics_max: limits.diagnostics_max,
        open: Vec::new(),
        counts: [0; 3],
    };
    while lexer.at < lexer.bytes.len() {
        if lexer.tokens.len() >= limits.tokens_max {
            let message =
                format!("the script is too long: it has more than {} words and signs", limits.tokens_max);
            lexer.report(codes::SOURCE_TOO_LONG, Span::at(lexer.at as u32), message, None);
            break;
        }
        lexer.token();
    }
    lexer.report_open_template();
    let end = source.len() as u32;
    lexer.push(TokenKind::EndOfScript, end as usize);
    Lexed { tokens: lexer.tokens, comments: lexer.comments, diagnostics: lexer.diagnostics }
}

struct Lexer<'s> {
    source: &'s str,
    bytes: &'s [u8],
    at: usize,
    tokens: Vec<Token>,
    comments: Vec<Comment>,
    diagnostics: Vec<Diagnostic>,
    diagnostics_max: usize,
    open: Vec<Open>,
    /// Open `(`, `[` and `{` since the innermost hole. A closing sign that has no open one is not looked for.
    counts: [u32; 3],
}

/// Something open: a bracket, a template's text, or code within a template.
enum Open {
    Bracket { token: u32, sort: usize },
    Template { start: u32 },
    Hole { token: u32, counts_outside: [u32; 3] },
}

const PAREN: usize = 0;
const BRACKET: usize = 1;
const BRACE: usize = 2;

impl Lexer<'_> {
    fn token(&mut self) {
        if matches!(self.open.last(), Some(Open::Template { .. })) {
            return self.template_text();
        }
        let start = self.at;
        match self.bytes[start] {
            b' ' | b'\t' | b'\r' | b'\n' => self.at += 1,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word(),
            b'0'..=b'9' => self.number(),
            b'"' => self.quoted(TokenKind::Text),
            b'\'' => self.quoted(TokenKind::QuotedName),
            b'(' => self.opening(TokenKind::LeftParen, PAREN),
            b'[' => self.opening(TokenKind::LeftBracket, BRACKET),
            b'{' => self.opening(TokenKind::LeftBrace, BRACE),
            b')' => self.closing(TokenKind::RightParen, PAREN),
            b']' => self.closing(TokenKind::RightBracket, BRACKET),
            b'}' => self.closing(TokenKind::RightBrace, BRACE),
            b'/' if self.next_is(b'/') => self.line_comment(),
            b'/' if self.next_is(b'*') => self.block_comment(),
            b'-' if self.bytes[start..].starts_with(b"---") => self.template_start(),
            0x80.. => self.beyond_ascii(),
            byte => self.sign(byte),
        }
    }

    fn next_is(&self, byte: u8) -> bool {
        self.bytes.get(self.at + 1) == Some(&byte)
    }

    /// Adds the token that goes from the current place up to `end`.
    fn push(&mut self, kind: TokenKind, end: usize) {
        let span = Span::new(self.at as u32, end as u32);
        self.tokens.push(Token { kind, span, partner: 0 });
        self.at = end;
    }

    fn report(&mut self, code: DiagnosticCode, span: Span, message: String, hint: Option<&str>) {
        if self.diagnostics.len() < self.diagnostics_max {
            self.diagnostics
                .push(Diagnostic { hint: hint.map(str::to_owned), ..Diagnostic::error(code, span, message) });
        }
    }

    fn word(&mut self) {
        let end = word_end(self.source, self.at);
        let text = &self.source[self.at..end];
        let kind = match TokenKind::reserved(text) {
            Some(kind) if !self.is_plain_name(kind, end) => kind,
            _ => TokenKind::Name,
        };
        self.push(kind, end);
    }

    /// Whether a reserved word from here to `end` is a name by its place: directly behind a dot, or as an object's key.
    ///
    /// A word that is a whole expression (`this`, `yes`) stays a keyword before a colon, which may also be that of
    /// `case 1, this:` within an object; the parser takes it for a key where a key must be.
    fn is_plain_name(&self, kind: TokenKind, end: usize) -> bool {
        let Some(last) = self.tokens.last() else { return false };
        match last.kind {
            TokenKind::Dot => last.span.end as usize == self.at,
            TokenKind::LeftBrace | TokenKind::Comma if !kind.ends_operand() || kind == TokenKind::End => {
                let in_object = matches!(self.open.last(), Some(Open::Bracket { sort: BRACE, .. }));
                let rest = self.source[end..].trim_start();
                in_object && (rest.starts_with('=') || rest.starts_with(':') && !rest.starts_with(":="))
            }
            _ => false,
        }
    }

    fn number(&mut self) {
        let digits =
            |from: usize| from + self.bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        let mut end = digits(self.at);
        if self.bytes.get(end) == Some(&b'.') && self.bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
            end = digits(end + 1);
        }
        if matches!(self.bytes.get(end), Some(b'e' | b'E')) {
            let signed = matches!(self.bytes.get(end + 1), Some(b'+' | b'-'));
            let exponent = end + 1 + usize::from(signed);
            if self.bytes.get(exponent).is_some_and(u8::is_ascii_digit) {
                end = digits(exponent);
            }
        }
        self.push(TokenKind::Number, end);
    }

    /// A text or a quoted name: both end at their quote, and hold it doubled.
    fn quoted(&mut self, kind: TokenKind) {
        let quote = self.bytes[self.at];
        let mut end = self.at + 1;
        loop {
            match self.bytes[end..].iter().position(|b| *b == quote) {
                Some(gap) if self.bytes.get(end + gap + 1) == Some(&quote) => end += gap + 2,
                Some(gap) => return self.push(kind, end + gap + 1),
                None => break,
            }
        }
        let opening = Span::new(self.at as u32, self.at as u32 + 1);
        if kind == TokenKind::Text {
            let hint = "write a quote within a text twice: \"\"";
            self.report(
                codes::UNTERMINATED_TEXT,
                opening,
                "expected `\"` at the end of this text".into(),
                Some(hint),
            );
        } else {
            let hint = "write an apostrophe within a quoted name twice: ''";
            self.report(
                codes::UNTERMINATED_NAME,
                opening,
                "expected `'` at the end of this name".into(),
                Some(hint),
            );
        }
        self.push(kind, self.bytes.len());
    }

    fn opening(&mut self, kind: TokenKind, sort: usize) {
        self.open.push(Open::Bracket { token: self.tokens.len() as u32, sort });
        self.counts[sort] += 1;
        self.push(kind, self.at + 1);
    }

    fn closing(&mut self, kind: TokenKind, sort: usize) {
        let closes_hole = sort == BRACE && self.counts[BRACE] == 0;
        if self.counts[sort] == 0 && !closes_hole {
            return self.push(kind, self.at + 1);
        }
        // What is open within the partner is forgotten: it has no counterpart before this sign.
        while let Some(open) = self.open.pop() {
            match open {
                Open::Bracket { token, sort: open_sort } => {
                    self.counts[open_sort] -= 1;
                    if open_sort == sort {
                        return self.push_partner(kind, token);
                    }
                }
                Open::Hole { token, counts_outside } => {
                    self.counts = counts_outside;
                    return self.push_partner(TokenKind::HoleEnd, token);
                }
                Open::Template { .. } => break,
            }
        }
        self.push(kind, self.at + 1);
    }

    fn push_partner(&mut self, kind: TokenKind, opening: u32) {
        let closing = self.tokens.len() as u32;
        self.push(kind, self.at + 1);
        self.tokens[opening as usize].partner = closing;
        self.tokens[closing as usize].partner = opening;
    }

    fn template_start(&mut self) {
        self.open.push(Open::Template { start: self.at as u32 });
        self.push(TokenKind::TemplateStart, self.at + 3);
    }

    fn template_text(&mut self) {
        let rest = &self.bytes[self.at..];
        let mut length = 0;
        while let Some(gap) = rest[length..].iter().position(|b| matches!(b, b'-' | b'{')) {
            length += gap;
            if rest[length] == b'{' || rest[length..].starts_with(b"---") {
                break;
            }
            length += 1;
        }
        if !(rest[length..].starts_with(b"{") || rest[length..].starts_with(b"---")) {
            length = rest.len();
        }
        if length > 0 {
            self.push(TokenKind::TemplateText, self.at + length);
        }
        match self.bytes.get(self.at) {
            Some(b'{') => {
                let counts_outside = std::mem::take(&mut self.counts);
                self.open.push(Open::Hole { token: self.tokens.len() as u32, counts_outside });
                self.push(TokenKind::HoleStart, self.at + 1);
            }
            Some(_) => {
                self.open.pop();
                self.push(TokenKind::TemplateEnd, self.at + 3);
            }
            None => {}
        }
    }

    fn report_open_template(&mut self) {
        let outermost = self.open.iter().find_map(|open| match open {
            Open::Template { start } => Some(*start),
            _ => None,
        });
        if let Some(start) = outermost {
            let message = "expected `---` at the end of this template".to_owned();
            let hint = "`{` in a template begins an expression that goes to `}`; a brace itself is written `{\"{\"}`";
            self.report(codes::UNTERMINATED_TEMPLATE, Span::new(start, start + 3), message, Some(hint));
        }
    }

    fn comment(&mut self, end: usize) {
        let span = Span::new(self.at as u32, end as u32);
        self.comments.push(Comment { span, before_token: self.tokens.len() as u32 });
        self.at = end;
    }

    fn line_comment(&mut self) {
        let length = self.bytes[self.at..].iter().position(|b| *b == b'\n');
        self.comment(length.map_or(self.bytes.len(), |length| self.at + length));
    }

    fn block_comment(&mut self) {
        match self.source[self.at + 2..].find("*/") {
            Some(length) => self.comment(self.at + length + 4),
            None => {
                let opening = Span::new(self.at as u32, self.at as u32 + 2);
                let message = "expected `*/` at the end of this comment".to_owned();
                self.report(codes::UNTERMINATED_COMMENT, opening, message, None);
                self.comment(self.bytes.len());
            }
        }
    }

    fn beyond_ascii(&mut self) {
        let Some(c) = self.source[self.at..].chars().next() else { return self.at = self.bytes.len() };
        if c.is_alphabetic() {
            self.word();
        } else if c.is_whitespace() || c == '\u{feff}' {
            self.at += c.len_utf8();
        } else {
            self.unexpected(c, None);
        }
    }

    fn sign(&mut self, byte: u8) {
        use TokenKind::*;
        let next = self.bytes.get(self.at + 1).copied().unwrap_or_default();
        let (kind, length) = match (byte, next) {
            (b':', b'=') => (Assign, 2),
            (b'=', b'=') => {
                let span = Span::new(self.at as u32, self.at as u32 + 2);
                let message = "expected `=`, found `==`".to_owned();
                self.report(codes::FOREIGN_OPERATOR, span, message, Some("NX compares with a single `=`"));
                (Equal, 2)
            }
            (b'!', b'=') | (b'<', b'>') => (NotEqual, 2),
            (b'<', b'=') => (LessEqual, 2),
            (b'>', b'=') => (GreaterEqual, 2),
            (b':', _) => (Colon, 1),
            (b'=', _) => (Equal, 1),
            (b'<', _) => (Less, 1),
            (b'>', _) => (Greater, 1),
            (b'+', _) => (Plus, 1),
            (b'-', _) => (Minus, 1),
            (b'*', _) => (Star, 1),
            (b'/', _) => (Slash, 1),
            (b'%', _) => (Percent, 1),
            (b',', _) => (Comma, 1),
            (b';', _) => (Semicolon, 1),
            (b'.', _) => (Dot, 1),
            (b'&', _) => return self.unexpected('&', Some("write `and`, or `+` to join texts")),
            (b'|', _) => return self.unexpected('|', Some("write `or`")),
            (b'!', _) => return self.unexpected('!', Some("write `not`, or `!=` to compare")),
            _ => return self.unexpected(char::from(byte), None),
        };
        self.push(kind, self.at + length);
    }

    fn unexpected(&mut self, c: char, hint: Option<&str>) {
        let end = self.at + c.len_utf8();
        let span = Span::new(self.at as u32, end as u32);
        let message = format!("the character `{}` has no meaning here", c.escape_debug());
        let hint =
            hint.or(Some("texts are written in double quotes, names with such characters in single quotes"));
        self.report(codes::UNEXPECTED_CHARACTER, span, message, hint);
        self.at = end;
    }
}

/// Where the word that begins at `start` ends.
fn word_end(source: &str, start: usize) -> usize {
    let bytes = source.as_bytes();
    let mut end = start;
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => end += 1,
            0x80.. => match source[end..].chars().next() {
                Some(c) if c.is_alphanumeric() => end += c.len_utf8(),
                _ => break,
            },
            _ => break,
        }
    }
    end
}

/// Whether `text` is a name without needing quotes, as far as its characters go.
pub(crate) fn is_word(text: &str) -> bool {
    let first = text.chars().next();
    first.is_some_and(|c| c.is_alphabetic() || c == '_') && word_end(text, 0) == text.len()
}
