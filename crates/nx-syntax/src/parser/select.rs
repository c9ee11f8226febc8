//! `select` and `duplicate`.

use super::Parser;
use crate::{
    ast::{ExprKind, Select},
    level::Level,
    token::TokenKind,
};

impl Parser<'_> {
    /// `selectExpr = "select" tableName [ "[" expr "]" ] [ "where" orExpr ] [ "order" ["by"] orExpr ["desc"] ]
    /// [ "from" addExpr "to" addExpr ] [ "limit" addExpr ]`
    pub(super) fn select(&mut self) -> ExprKind {
        self.bump();
        let table = self.expect_name("of a table behind `select`");
        let opening = self.at;
        let filter = self.eat(TokenKind::LeftBracket).then(|| {
            let filter = self.expr();
            self.expect_closing(opening, TokenKind::RightBracket);
            filter
        });
        let condition = self.eat(TokenKind::Where).then(|| self.nested(|p| p.operand(Level::Or)));
        let order = (self.kind() == TokenKind::Order).then(|| self.nested(Self::order_key));
        let range = self.eat_word("from").then(|| {
            let from = self.nested(|p| p.operand(Level::Add));
            self.expect_word("to", "behind the first place of the stretch");
            (from, self.nested(|p| p.operand(Level::Add)))
        });
        let limit = self.eat_word("limit").then(|| self.nested(|p| p.operand(Level::Add)));
        ExprKind::Select(Box::new(Select { table, filter, condition, order, range, limit }))
    }

    /// `duplicateExpr = "duplicate" "(" expr ")" | "duplicate" postfix`
    pub(super) fn duplicate(&mut self) -> ExprKind {
        self.bump();
        let opening = self.at;
        let record = if self.eat(TokenKind::LeftParen) {
            let record = self.expr();
            self.expect_closing(opening, TokenKind::RightParen);
            record
        } else {
            self.nested(Self::postfix_expression)
        };
        ExprKind::Duplicate(Box::new(record))
    }
}
