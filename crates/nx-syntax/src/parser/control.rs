//! `if`, `switch`, loops and `do` blocks.

use super::{
    Parser,
    ends::IfEnd,
    statement::{finished, is_missing},
};
use crate::{
    ast::{
        Block, Case, DatabaseName, DoMode, Expr, ExprKind, ForIn, ForRange, If, Statement, StatementKind,
        Switch,
    },
    diagnostic::codes,
    token::TokenKind,
};

impl Parser<'_> {
    /// `ifExpr = "if" expr "then" [ sequence ] [ "else" ( ifExpr | [ sequence ] "end" ) ] [ "end" ]`; how it ends is
    /// known from [`super::ends`]. A chain of `else if` is a loop.
    pub(super) fn if_expression(&mut self) -> ExprKind {
        let mut branches = Vec::new();
        let mut otherwise = None;
        loop {
            let end = self.ifs.of(self.at);
            let start = self.bump().start;
            let condition = self.expr();
            self.expect(TokenKind::Then, "after the condition of `if`");
            branches.push((condition, self.branch(end)));
            if self.eat(TokenKind::Else) {
                if end != IfEnd::Own && self.kind() == TokenKind::If {
                    continue;
                }
                otherwise = Some(self.branch(end));
            }
            if end == IfEnd::Own {
                self.expect_end("if", start);
            }
            break;
        }
        ExprKind::If(Box::new(joined(branches, otherwise)))
    }

    /// The statements of a branch, or the one statement of an `if` without `end`.
    fn branch(&mut self, end: IfEnd) -> Block {
        if end != IfEnd::Short {
            return self.block();
        }
        let start = self.span().start;
        let is_empty = self.at_block_end() || self.kind() == TokenKind::Semicolon;
        let mut statements = if is_empty { Vec::new() } else { vec![self.statement()] };
        statements.retain(|s| !is_missing(s));
        finished(Block { statements, span: self.span_from(start) })
    }

    /// `switchExpr = "switch" expr "do" { "case" args ":" [ sequence ] } [ "default" ":" [ sequence ] ] "end"`
    pub(super) fn switch(&mut self) -> ExprKind {
        let start = self.bump().start;
        let subject = self.expr();
        self.expect(TokenKind::Do, "after the subject of `switch`");
        let in_switch = std::mem::replace(&mut self.in_switch, true);
        let mut cases = Vec::new();
        let mut default = None;
        self.eat(TokenKind::Semicolon);
        loop {
            if self.at_word("default") && self.kind_after(1) == TokenKind::Colon {
                if default.is_some() {
                    self.report(codes::UNEXPECTED_TOKEN, "this `switch` has a `default` already");
                }
                self.bump();
                self.bump();
                default = Some(self.block());
            } else if self.eat_word("case") {
                let labels = self.labels();
                self.expect(TokenKind::Colon, "after the values of `case`");
                cases.push(Case { labels, body: self.block() });
            } else if !self.at_block_end() {
                // What stands here belongs to no case; it is read, so that the cases behind it are found.
                let message = format!("expected `case`, `default` or `end`, found {}", self.found());
                self.report(codes::EXPECTED_TOKEN, message);
                self.block();
            } else {
                break;
            }
        }
        self.in_switch = in_switch;
        self.expect_end("switch", start);
        ExprKind::Switch(Box::new(Switch { subject, cases, default }))
    }

    fn labels(&mut self) -> Vec<Expr> {
        let mut labels = vec![self.expr()];
        while self.eat(TokenKind::Comma) {
            labels.push(self.expr());
        }
        labels
    }

    /// `forExpr`, of either kind.
    pub(super) fn for_loop(&mut self) -> ExprKind {
        let start = self.bump().start;
        let name = self.expect_name("for the variable of the loop");
        let second =
            self.eat(TokenKind::Comma).then(|| self.expect_name("for the second variable of the loop"));
        if second.is_none() && self.eat_word("from") {
            let from = self.expr();
            self.expect_word("to", "after the first value of `for`");
            let to = self.expr();
            let step = self.eat_word("step").then(|| self.expr());
            let body = self.loop_body("after the last value of `for`", "for", start);
            return ExprKind::ForRange(Box::new(ForRange { name, from, to, step, body }));
        }
        if !self.eat_word("in") {
            let wanted = if second.is_some() { "`in`" } else { "`in` or `from`" };
            let message = format!("expected {wanted} after the variable of `for`, found {}", self.found());
            self.report(codes::EXPECTED_TOKEN, message);
        }
        let source = self.expr();
        let body = self.loop_body("after what `for` walks through", "for", start);
        ExprKind::ForIn(Box::new(ForIn { name, second, source, body }))
    }

    fn loop_body(&mut self, place: &str, word: &str, start: u32) -> Block {
        self.expect(TokenKind::Do, place);
        let body = self.block();
        self.expect_end(word, start);
        body
    }

    /// `whileExpr = "while" expr "do" sequence "end"`
    pub(super) fn while_loop(&mut self) -> ExprKind {
        let start = self.bump().start;
        let condition = Box::new(self.expr());
        let body = self.loop_body("after the condition of `while`", "while", start);
        ExprKind::While { condition, body }
    }

    /// `doBlock = "do" [ "as" ( "server" | "transaction" | "deferred" | "database" ( string | name ) ) ] sequence "end"`
    pub(super) fn do_block(&mut self) -> ExprKind {
        let start = self.bump().start;
        let names_mode = matches!(self.kind_after(1), TokenKind::Name | TokenKind::QuotedName);
        let mode = if self.at_word("as") && names_mode { self.do_mode() } else { DoMode::Plain };
        let body = self.block();
        self.expect_end("do", start);
        ExprKind::Do { mode, body }
    }

    fn do_mode(&mut self) -> DoMode {
        self.bump();
        let mode = match self.text() {
            "server" => DoMode::Server,
            "transaction" => DoMode::Transaction,
            "deferred" => DoMode::Deferred,
            "database" => {
                self.bump();
                if self.kind() == TokenKind::Text {
                    let span = self.bump();
                    return DoMode::Database(DatabaseName::Text(self.text_of(span), span));
                }
                return DoMode::Database(DatabaseName::Name(self.expect_name("of a database")));
            }
            _ => {
                let found = self.found();
                let message = format!(
                    "expected `server`, `transaction`, `deferred` or `database` after `do as`, found {found}"
                );
                self.report(codes::EXPECTED_TOKEN, message);
                DoMode::Plain
            }
        };
        self.bump();
        mode
    }
}

/// The `if` with a single `if` in its last `else` as further branches.
fn joined(mut branches: Vec<(Expr, Block)>, mut otherwise: Option<Block>) -> If {
    if let Some(block) = &mut otherwise
        && let [Statement { kind: StatementKind::Expr(Expr { kind: ExprKind::If(_), .. }), .. }] =
            &block.statements[..]
        && let Some(Statement { kind: StatementKind::Expr(Expr { kind: ExprKind::If(inner), .. }), .. }) =
            block.statements.pop()
    {
        branches.extend(inner.branches);
        otherwise = inner.otherwise;
    }
    If { branches, otherwise }
}
