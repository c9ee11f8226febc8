//! Sequences and statements.

use super::{Parser, unquote};
use crate::{
    ast::{Block, Expr, ExprKind, Function, Parameter, Script, Statement, StatementKind},
    diagnostic::codes,
    span::Span,
    token::TokenKind,
};

impl Parser<'_> {
    /// `script = [ sequence ]`
    pub(super) fn script(&mut self) -> Script {
        let mut body = self.block();
        while self.kind() != TokenKind::EndOfScript {
            let found = self.found();
            let message = match self.kind() {
                TokenKind::End => "`end` without a block that it could end".to_owned(),
                TokenKind::Else | TokenKind::Then => format!("{found} without an `if`"),
                TokenKind::RightParen | TokenKind::RightBracket | TokenKind::RightBrace => {
                    format!("{found} without its opening counterpart")
                }
                _ => format!("expected a statement, found {found}"),
            };
            self.report(codes::UNEXPECTED_TOKEN, message);
            self.bump();
            let more = self.block();
            body.statements.extend(more.statements);
        }
        body.span = Span::new(0, self.source.len() as u32);
        Script { body: finished(body) }
    }

    /// `sequence = statement { ";" [ statement ] }`, which may be empty here.
    pub(super) fn block(&mut self) -> Block {
        self.statements(None)
    }

    /// A sequence whose first statement begins with `first`.
    pub(super) fn block_from(&mut self, first: Expr) -> Block {
        self.statements(Some(first))
    }

    fn statements(&mut self, first: Option<Expr>) -> Block {
        let start = first.as_ref().map_or(self.span().start, |e| e.span.start);
        let mut statements = Vec::new();
        // Opening parentheses of the stored form's nested pairs: they close where this sequence ends.
        let mut opened = Vec::new();
        let mut opened_in_a_row = 0;
        let mut first = first;
        loop {
            if first.is_none() {
                self.comments_before(&mut statements);
                while self.eat(TokenKind::Semicolon) {
                    self.comments_before(&mut statements);
                }
                if self.at_block_end() {
                    break;
                }
                if self.opens_rest_of_block() {
                    opened_in_a_row += 1;
                    if opened_in_a_row > self.limits.nesting_max {
                        self.stop();
                    }
                    opened.push(self.at);
                    self.bump();
                    continue;
                }
            }
            opened_in_a_row = 0;
            let before = self.at;
            let was_first = first.is_some();
            let statement = match first.take() {
                Some(expr) => Statement { span: expr.span, kind: StatementKind::Expr(expr) },
                None => self.statement(),
            };
            if self.at == before && !was_first {
                let message = format!("expected a statement, found {}", self.found());
                self.report(codes::UNEXPECTED_TOKEN, message);
                self.bump();
                continue;
            }
            // An absent statement is reported already, and has no text of its own to come back from.
            if !is_missing(&statement) {
                statements.push(statement);
            }
            self.comments_within(&mut statements);
            if self.kind() != TokenKind::Semicolon && !self.at_block_end() {
                let message = format!("expected `;` between two statements, found {}", self.found());
                let hint = self.separator_hint();
                self.report_with(codes::EXPECTED_SEPARATOR, self.span(), message, hint.as_deref());
            }
        }
        while let Some(opening) = opened.pop() {
            self.expect_closing(opening, TokenKind::RightParen);
        }
        self.comments_at_end(&mut statements);
        finished(Block { statements, span: self.span_from(start) })
    }

    /// What somebody who knows other languages may have meant by the words where a `;` is missing.
    fn separator_hint(&self) -> Option<String> {
        let before = self.at.checked_sub(1).map(|at| self.tokens[at]);
        let before =
            before.filter(|token| token.kind == TokenKind::Name).map(|token| token.span.text(self.source));
        let here = (self.kind() == TokenKind::Name).then(|| self.text());
        for word in before.into_iter().chain(here) {
            let lower = word.to_lowercase();
            if lower != word && TokenKind::reserved(&lower).is_some() {
                return Some(format!("keywords are in lower case: `{lower}`"));
            }
        }
        match (before, here, self.kind()) {
            (Some("return"), ..) => {
                Some("there is no `return`: the last statement of a block is its value".into())
            }
            (_, Some("asc"), _) => Some("`order by` goes upwards by itself; `desc` turns it round".into()),
            (_, _, TokenKind::Where) => Some("`where` stands right behind the table".into()),
            _ => None,
        }
    }

    /// Whether the parenthesis here holds all that follows in this block, so that it needs no block of its own.
    fn opens_rest_of_block(&self) -> bool {
        use TokenKind::*;
        let token = &self.tokens[self.at];
        let behind = self.tokens.get(token.partner as usize + 1).map(|t| t.kind);
        let at_end = matches!(behind, Some(EndOfScript | RightParen | End | Else | HoleEnd));
        token.kind == LeftParen && token.partner != 0 && at_end
    }

    /// Whether the current token ends the block being parsed.
    pub(super) fn at_block_end(&self) -> bool {
        let kind = self.kind();
        kind.ends_block()
            || self.in_switch
                && (self.at_word("case") || self.at_word("default") && self.kind_after(1) == TokenKind::Colon)
    }

    /// `statement = letStmt | funcDef | expr`
    pub(super) fn statement(&mut self) -> Statement {
        let start = self.span().start;
        let kind = match self.kind() {
            TokenKind::Let | TokenKind::Var => self.let_statement(),
            TokenKind::Function => self.nested(Self::function),
            _ => StatementKind::Expr(self.expr()),
        };
        Statement { kind, span: self.span_from(start) }
    }

    /// `letStmt = ( "let" | "var" ) name ":=" expr`
    fn let_statement(&mut self) -> StatementKind {
        let keyword = self.bump().text(self.source);
        let name = self.expect_name(&format!("for the variable behind `{keyword}`"));
        let assigned = match self.kind() {
            TokenKind::Assign => true,
            TokenKind::Equal => {
                let hint = Some("`=` compares, `:=` assigns");
                let message = "expected `:=` behind the variable's name, found `=`";
                self.report_with(codes::EXPECTED_TOKEN, self.span(), message, hint);
                true
            }
            _ => false,
        };
        let value = if assigned {
            self.bump();
            self.expr()
        } else {
            let message = format!("expected `:=` and a value for the variable, found {}", self.found());
            let hint = Some("a variable begins with a value: `let x := null` if there is none yet");
            self.report_with(codes::MISSING_INITIALISER, self.span(), message, hint);
            self.missing()
        };
        StatementKind::Let { name, value }
    }

    /// `funcDef = "function" name "(" [ param { "," param } ] ")" [ ":" type ] "do" sequence "end"`
    fn function(&mut self) -> StatementKind {
        let start = self.bump().start;
        let name = self.expect_name("for the function");
        let opening = self.at;
        let mut parameters = Vec::new();
        if self.expect(TokenKind::LeftParen, "behind the function's name") {
            while !matches!(self.kind(), TokenKind::RightParen | TokenKind::EndOfScript) {
                let name = self.expect_name("for the parameter");
                self.expect(TokenKind::Colon, "and a type behind the parameter's name");
                parameters.push(Parameter { name, type_: self.type_() });
                if !self.eat(TokenKind::Comma) {
                    break;
                }
            }
            self.expect_closing(opening, TokenKind::RightParen);
        }
        let result = self.eat(TokenKind::Colon).then(|| self.type_());
        self.expect(TokenKind::Do, "before the statements of the function");
        let body = self.block();
        self.expect_end("function", start);
        StatementKind::Function(Box::new(Function { name, parameters, result, body }))
    }

    /// Makes statements of the comments before the current token.
    fn comments_before(&mut self, statements: &mut Vec<Statement>) {
        while let Some(comment) = self.next_comment() {
            statements.push(comment);
        }
    }

    /// Moves the comments within the last statement before it.
    fn comments_within(&mut self, statements: &mut Vec<Statement>) {
        while self.comments.get(self.comments_taken).is_some_and(|c| (c.before_token as usize) < self.at) {
            let Some(comment) = self.next_comment() else { return };
            let place = statements.len().saturating_sub(1);
            statements.insert(place, comment);
        }
    }

    /// Sees to it that a block that ends in comments keeps its value.
    fn comments_at_end(&mut self, statements: &mut Vec<Statement>) {
        self.comments_before(statements);
        let behind_last = statements.iter().rev().take_while(|s| is_comment(s)).count();
        if behind_last == 0 {
            return;
        }
        match statements.len() - behind_last {
            0 => {
                let span = Span::at(self.passed());
                let kind = StatementKind::Expr(Expr { kind: ExprKind::Null, span });
                statements.push(Statement { kind, span });
            }
            count => statements[count - 1..].rotate_left(1),
        }
    }

    fn next_comment(&mut self) -> Option<Statement> {
        let comment = self.comments.get(self.comments_taken)?;
        if comment.before_token as usize > self.at {
            return None;
        }
        self.comments_taken += 1;
        let span = comment.span;
        let text = span.text(self.source);
        let text = match text.strip_prefix("/*") {
            Some(inner) => inner.strip_suffix("*/").unwrap_or(inner),
            None => text.trim_start_matches('/'),
        };
        Some(Statement { kind: StatementKind::Comment(text.trim().into()), span })
    }

    pub(super) fn text_of(&self, span: Span) -> Box<str> {
        unquote(span.text(self.source), '"')
    }
}

pub(super) fn is_missing(statement: &Statement) -> bool {
    matches!(&statement.kind, StatementKind::Expr(Expr { kind: ExprKind::Missing, .. }))
}

fn is_comment(statement: &Statement) -> bool {
    matches!(statement.kind, StatementKind::Comment(_))
}

/// The block with the statements of a last statement `(a; b)` as its own.
pub(super) fn finished(mut block: Block) -> Block {
    while matches!(
        block.statements.last(),
        Some(Statement { kind: StatementKind::Expr(Expr { kind: ExprKind::Block(_), .. }), .. })
    ) {
        let Some(Statement { kind: StatementKind::Expr(Expr { kind: ExprKind::Block(last), .. }), .. }) =
            block.statements.pop()
        else {
            break;
        };
        block.statements.extend(last.statements);
    }
    block
}
