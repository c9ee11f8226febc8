//! Types of parameters and results.

use super::Parser;
use crate::{
    ast::{BuiltinType, Type, TypeKind},
    token::TokenKind,
};

impl Parser<'_> {
    /// `type = word | tableName | "nid" "(" tableName ")" | "[" type "]" | type "(" "array" ")"`
    pub(super) fn type_(&mut self) -> Type {
        let start = self.span().start;
        let kind = if self.kind() == TokenKind::LeftBracket {
            let opening = self.at;
            self.bump();
            let item = self.nested(Self::type_);
            self.expect_closing(opening, TokenKind::RightBracket);
            TypeKind::Array(Box::new(item))
        } else {
            self.plain_type()
        };
        let mut type_ = Type { kind, span: self.span_from(start) };
        while self.kind() == TokenKind::LeftParen && self.kind_after(1) == TokenKind::Name {
            let opening = self.at;
            self.bump();
            self.expect_word("array", "behind the type of the items");
            self.expect_closing(opening, TokenKind::RightParen);
            self.grow();
            let start = type_.span.start;
            type_ = Type { kind: TypeKind::Array(Box::new(type_)), span: self.span_from(start) };
        }
        type_
    }

    fn plain_type(&mut self) -> TypeKind {
        let word = match self.kind() {
            // The one type whose word is reserved.
            TokenKind::Void => {
                self.bump();
                return TypeKind::Builtin(BuiltinType::Void);
            }
            TokenKind::Name => self.text(),
            _ => "",
        };
        let by_id = matches!(word, "nid" | "rid") && self.kind_after(1) == TokenKind::LeftParen;
        if let Some(builtin) = BuiltinType::from_word(word) {
            self.bump();
            return TypeKind::Builtin(builtin);
        }
        if !by_id {
            return TypeKind::Table(self.expect_name("of a type or a table"));
        }
        let is_nid = word == "nid";
        self.bump();
        let opening = self.at;
        self.bump();
        let table = self.expect_name("of a table");
        self.expect_closing(opening, TokenKind::RightParen);
        if is_nid { TypeKind::Nid(table) } else { TypeKind::Rid(table) }
    }
}
