//! Expressions: operators by binding power, operands, what follows an operand.

use super::Parser;
use crate::{
    ast::{
        Binary, BinaryOperator, Expr, ExprKind, Key, Name, Order, OrderKey, Pair, StatementKind,
        TemplatePart, UnaryOperator,
    },
    diagnostic::codes,
    level::Level,
    span::Span,
    token::TokenKind,
};

/// An operator behind an operand.
#[derive(Clone, Copy)]
enum Infix {
    Assign,
    Order,
    Binary(BinaryOperator),
}

/// The operators behind an operand and how tightly each binds. `not` and the signs are in `opt_operand`.
#[rustfmt::skip]
fn infix(kind: TokenKind) -> Option<(Level, Infix)> {
    use BinaryOperator::*;
    Some(match kind {
        TokenKind::Assign       => (Level::Assign,   Infix::Assign),
        TokenKind::Order        => (Level::Order,    Infix::Order),
        TokenKind::Or           => (Level::Or,       Infix::Binary(Or)),
        TokenKind::And          => (Level::And,      Infix::Binary(And)),
        TokenKind::Equal        => (Level::Compare,  Infix::Binary(Equal)),
        TokenKind::NotEqual     => (Level::Compare,  Infix::Binary(NotEqual)),
        TokenKind::Less         => (Level::Compare,  Infix::Binary(Less)),
        TokenKind::LessEqual    => (Level::Compare,  Infix::Binary(LessEqual)),
        TokenKind::Greater      => (Level::Compare,  Infix::Binary(Greater)),
        TokenKind::GreaterEqual => (Level::Compare,  Infix::Binary(GreaterEqual)),
        TokenKind::Like         => (Level::Compare,  Infix::Binary(Like)),
        TokenKind::Plus         => (Level::Add,      Infix::Binary(Add)),
        TokenKind::Minus        => (Level::Add,      Infix::Binary(Subtract)),
        TokenKind::Star         => (Level::Multiply, Infix::Binary(Multiply)),
        TokenKind::Slash        => (Level::Multiply, Infix::Binary(Divide)),
        TokenKind::Percent      => (Level::Multiply, Infix::Binary(Remainder)),
        _ => return None,
    })
}

impl Parser<'_> {
    /// `expr = assignment`: any expression, within another one or a statement.
    pub(super) fn expr(&mut self) -> Expr {
        self.nested(|p| p.operand(Level::Assign))
    }

    /// An expression of operators that bind at least as tightly as `least`.
    pub(super) fn operand(&mut self, least: Level) -> Expr {
        self.beside(|p| {
            let first = p.prefixed();
            p.infixes(first, least)
        })
    }

    fn infixes(&mut self, first: Expr, least: Level) -> Expr {
        let mut left = first;
        while let Some((level, operator)) = self.opt_infix()
            && level >= least
        {
            self.place_before(&mut left);
            left = match operator {
                Infix::Assign => self.assign(left),
                Infix::Order => self.order(left),
                Infix::Binary(operator) => self.binary(left, level, operator),
            };
        }
        left
    }

    /// Puts nothing on the left of an operator right before it: what begins with it begins there.
    fn place_before(&self, left: &mut Expr) {
        if matches!(left.kind, ExprKind::Missing) && left.span.start == left.span.end {
            left.span = Span::at(self.span().start);
        }
    }

    fn opt_infix(&self) -> Option<(Level, Infix)> {
        match self.kind() {
            TokenKind::Name if self.text() == "mod" => {
                Some((Level::Multiply, Infix::Binary(BinaryOperator::Remainder)))
            }
            kind => infix(kind),
        }
    }

    /// `assignment = orderExpr [ ":=" expr ]`
    fn assign(&mut self, target: Expr) -> Expr {
        if !matches!(
            target.kind,
            ExprKind::Name(_) | ExprKind::YesNo(_) | ExprKind::Member { .. } | ExprKind::Missing
        ) {
            let hint = Some("`=` compares, `:=` assigns");
            let message = "expected a variable or a field on the left of `:=`";
            self.report_with(codes::INVALID_TARGET, target.span, message, hint);
        }
        self.bump();
        let value = self.expr();
        self.grow();
        let span = target.span.to(value.span);
        Expr { kind: ExprKind::Assign { target: Box::new(target), value: Box::new(value) }, span }
    }

    /// `orderExpr = orExpr { "order" [ "by" ] orExpr [ "desc" ] }`
    fn order(&mut self, source: Expr) -> Expr {
        let key = self.order_key();
        self.grow();
        let span = source.span.to(self.span_from(source.span.start));
        Expr { kind: ExprKind::Order(Box::new(Order { source, key })), span }
    }

    /// What follows a source or a `select`, from `order` on.
    pub(super) fn order_key(&mut self) -> OrderKey {
        self.bump();
        if self.at_word("by") && self.kind_after(1).starts_operand() {
            self.bump();
        }
        let key = self.operand(Level::Or);
        let descending = self.eat_word("desc");
        OrderKey { key, descending }
    }

    fn binary(&mut self, left: Expr, level: Level, operator: BinaryOperator) -> Expr {
        let was_within_parens = left.span == self.last_parens;
        self.bump();
        let right = match self.opt_infix() {
            // `x += A`: nothing stands before the second operator, which is taken to begin the right operand.
            Some((next, Infix::Binary(_))) if next <= Level::Compare => {
                let missing = self.expect_operand();
                self.nested(|p| p.infixes(missing, next))
            }
            _ => self.operand(level.above()),
        };
        let span = left.span.to(right.span);
        match left.kind {
            ExprKind::Binary(mut chain)
                if crate::level::of_operator(chain.rest[0].0) == level
                    && !(level == Level::Compare && was_within_parens) =>
            {
                chain.rest.push((operator, right));
                Expr { kind: ExprKind::Binary(chain), span }
            }
            kind => {
                self.grow();
                let first = Expr { kind, span: left.span };
                Expr {
                    kind: ExprKind::Binary(Box::new(Binary { first, rest: vec![(operator, right)] })),
                    span,
                }
            }
        }
    }

    /// `notExpr`, `unary`
    fn prefixed(&mut self) -> Expr {
        let (operator, least) = match self.kind() {
            TokenKind::Minus => (UnaryOperator::Minus, Level::Unary),
            TokenKind::Plus => (UnaryOperator::Plus, Level::Unary),
            TokenKind::Not => (UnaryOperator::Not, Level::Not),
            _ => return self.postfix_expression(),
        };
        let start = self.bump().start;
        let operand = self.nested(|p| p.operand(least));
        self.grow();
        let kind = ExprKind::Unary { operator, operand: Box::new(operand) };
        Expr { kind, span: self.span_from(start) }
    }

    /// `postfix = primary { "." member | "[" expr "]" }`
    pub(super) fn postfix_expression(&mut self) -> Expr {
        let primary = self.primary();
        self.postfixes(primary)
    }

    pub(super) fn postfixes(&mut self, first: Expr) -> Expr {
        let mut object = first;
        loop {
            if matches!(self.kind(), TokenKind::Dot | TokenKind::LeftBracket) {
                self.place_before(&mut object);
            }
            let start = object.span.start;
            let kind = match self.kind() {
                TokenKind::Dot => self.member(object),
                TokenKind::LeftBracket => {
                    let opening = self.at;
                    self.bump();
                    let condition = Box::new(self.expr());
                    self.expect_closing(opening, TokenKind::RightBracket);
                    ExprKind::Filter { object: Box::new(object), condition }
                }
                _ => return object,
            };
            self.grow();
            object = Expr { kind, span: self.span_from(start) };
        }
    }

    /// `member = name | name "(" [ args ] ")" | "(" sequence ")" | object`
    fn member(&mut self, object: Expr) -> ExprKind {
        if matches!(object.kind, ExprKind::Select(_))
            && self.tokens[self.at - 1].kind != TokenKind::RightParen
        {
            let message = "a `select` needs parentheses before `.`";
            let hint = Some("write `(select T).Field`");
            self.report_with(codes::BARE_SELECT, object.span, message, hint);
        }
        self.bump();
        let object = Box::new(object);
        let opening = self.at;
        match self.kind() {
            TokenKind::LeftParen => {
                self.bump();
                let body = self.unswitched(Self::block);
                self.expect_closing(opening, TokenKind::RightParen);
                ExprKind::RecordBlock { object, body }
            }
            TokenKind::LeftBrace => {
                let value = self.object();
                let span = value.span;
                let statement = crate::ast::Statement { kind: StatementKind::Expr(value), span };
                ExprKind::RecordBlock {
                    object,
                    body: crate::ast::Block { statements: vec![statement], span },
                }
            }
            _ => {
                let name = self.expect_name("of a field or function behind `.`");
                if self.kind() != TokenKind::LeftParen || name.text.is_empty() && !name.quoted {
                    return ExprKind::Member { object, name };
                }
                ExprKind::MemberCall { object, function: name, arguments: self.arguments() }
            }
        }
    }

    /// Runs `parse` where `case` and `default` end nothing: within a bracket.
    fn unswitched<T>(&mut self, parse: impl FnOnce(&mut Self) -> T) -> T {
        let in_switch = std::mem::replace(&mut self.in_switch, false);
        let node = parse(self);
        self.in_switch = in_switch;
        node
    }

    fn primary(&mut self) -> Expr {
        use TokenKind as T;
        let start = self.span().start;
        let kind = match self.kind() {
            T::Name | T::QuotedName => return self.name_or_call(),
            T::Number => ExprKind::Number(self.bump().text(self.source).into()),
            T::Text => {
                let span = self.bump();
                ExprKind::Text(self.text_of(span))
            }
            T::True => self.word(ExprKind::Bool(true)),
            T::False => self.word(ExprKind::Bool(false)),
            T::Yes | T::No => {
                let span = self.bump();
                ExprKind::YesNo(Name { text: span.text(self.source).into(), span, quoted: false })
            }
            T::Null => self.word(ExprKind::Null),
            T::Void => self.word(ExprKind::Void),
            T::This => self.word(ExprKind::This),
            T::Break => self.word(ExprKind::Break),
            T::TemplateStart => self.template(),
            T::LeftParen => return self.unswitched(Self::parenthesised),
            T::LeftBracket => {
                let opening = self.at;
                self.bump();
                ExprKind::Array(self.list(opening, T::RightBracket, Self::expr))
            }
            T::LeftBrace => return self.object(),
            T::If => self.if_expression(),
            T::Switch => self.switch(),
            T::For => self.for_loop(),
            T::While => self.while_loop(),
            T::Do => self.do_block(),
            T::Select => self.select(),
            T::Create => {
                self.bump();
                ExprKind::Create(self.expect_name("of a table behind `create`"))
            }
            T::Delete => {
                self.bump();
                ExprKind::Delete(Box::new(self.nested(|p| p.operand(Level::Order))))
            }
            T::Duplicate => self.duplicate(),
            _ => return self.expect_operand(),
        };
        self.grow();
        Expr { kind, span: self.span_from(start) }
    }

    fn word(&mut self, kind: ExprKind) -> ExprKind {
        self.bump();
        kind
    }

    /// Nothing, where an operand should be.
    fn expect_operand(&mut self) -> Expr {
        let message = format!("expected an expression, found {}", self.found());
        let word = self.text();
        let hint = (TokenKind::reserved(word).is_some() && !self.kind().ends_block())
            .then(|| format!("`{word}` is a keyword; a field or variable of that name is written '{word}'"));
        self.report_with(codes::EXPECTED_EXPRESSION, self.span(), message, hint.as_deref());
        self.missing()
    }

    pub(super) fn missing(&self) -> Expr {
        Expr { kind: ExprKind::Missing, span: Span::at(self.passed()) }
    }

    /// `call = name "(" [ args ] ")"`, or just a name.
    fn name_or_call(&mut self) -> Expr {
        let name = self.expect_name("of a variable or field");
        let start = name.span.start;
        let kind = if self.kind() == TokenKind::LeftParen {
            ExprKind::Call { function: name, arguments: self.arguments() }
        } else {
            ExprKind::Name(name)
        };
        self.grow();
        Expr { kind, span: self.span_from(start) }
    }

    /// `"(" [ args ] ")"`
    fn arguments(&mut self) -> Vec<Expr> {
        let opening = self.at;
        self.bump();
        self.list(opening, TokenKind::RightParen, Self::expr)
    }

    /// Items up to the partner of the bracket at `opening`, which is passed already. The last may be followed by `,`.
    fn list<T>(&mut self, opening: usize, closing: TokenKind, item: fn(&mut Self) -> T) -> Vec<T> {
        let items = self.unswitched(|p| {
            let mut items = Vec::new();
            while p.kind() != closing {
                items.push(item(p));
                if !p.eat(TokenKind::Comma) {
                    break;
                }
            }
            items
        });
        self.expect_closing(opening, closing);
        items
    }

    /// `object = "{" [ pair { "," pair } [","] ] "}"`
    fn object(&mut self) -> Expr {
        let (opening, start) = (self.at, self.bump().start);
        let pairs = self.list(opening, TokenKind::RightBrace, Self::pair);
        self.grow();
        Expr { kind: ExprKind::Object(pairs), span: self.span_from(start) }
    }

    /// `pair = ( name | string | number ) ( ":" | "=" ) expr`
    fn pair(&mut self) -> Pair {
        let key = match self.kind() {
            TokenKind::Text => {
                let span = self.bump();
                Key::Text(self.text_of(span), span)
            }
            TokenKind::Number => {
                let span = self.bump();
                Key::Number(span.text(self.source).into(), span)
            }
            kind if kind.ends_operand() && TokenKind::reserved(self.text()) == Some(kind) => {
                let span = self.bump();
                Key::Name(Name { text: span.text(self.source).into(), span, quoted: false })
            }
            _ => Key::Name(self.expect_name("for a key of the object")),
        };
        if !self.eat(TokenKind::Equal) {
            self.expect(TokenKind::Colon, "behind the key");
        }
        Pair { key, value: self.expr() }
    }

    /// `template = "---" { chars | "{" sequence "}" } "---"`
    fn template(&mut self) -> ExprKind {
        self.bump();
        let mut parts = Vec::new();
        loop {
            match self.kind() {
                TokenKind::TemplateText => {
                    parts.push(TemplatePart::Text(self.bump().text(self.source).into()));
                }
                TokenKind::HoleStart => {
                    let opening = self.at;
                    self.bump();
                    let hole = self.nested(|p| p.unswitched(Self::block));
                    self.expect_closing(opening, TokenKind::HoleEnd);
                    parts.push(TemplatePart::Hole(hole));
                }
                // The lexer has reported a template that goes on to the end of the script.
                _ => {
                    self.eat(TokenKind::TemplateEnd);
                    return ExprKind::Template(parts);
                }
            }
        }
    }

    /// `"(" sequence ")"`. Parentheses that open in a row need no stack: `((((a+b)+c)+d)+e)`.
    fn parenthesised(&mut self) -> Expr {
        let mut opened = Vec::new();
        while self.kind() == TokenKind::LeftParen {
            opened.push(self.at);
            self.bump();
        }
        let mut block = self.block();
        let mut closed_in_a_row = 0;
        loop {
            let Some(opening) = opened.pop() else { return self.missing() };
            let start = self.tokens[opening].span.start;
            self.expect_closing(opening, TokenKind::RightParen);
            let span = self.span_from(start);
            let expr = self.block_as_expr(block, span);
            if opened.is_empty() {
                return expr;
            }
            closed_in_a_row = if self.kind() == TokenKind::RightParen { closed_in_a_row + 1 } else { 0 };
            if closed_in_a_row > self.limits.nesting_max {
                self.stop();
            }
            let expr = self.postfixes(expr);
            let expr = self.infixes(expr, Level::Assign);
            block = self.block_from(expr);
        }
    }

    fn block_as_expr(&mut self, mut block: crate::ast::Block, span: Span) -> Expr {
        if let [statement] = &block.statements[..]
            && matches!(statement.kind, StatementKind::Expr(_))
            && let Some(statement) = block.statements.pop()
            && let StatementKind::Expr(expr) = statement.kind
        {
            self.last_parens = span;
            return Expr { span, ..expr };
        }
        if block.statements.is_empty() {
            self.report_with(
                codes::EXPECTED_EXPRESSION,
                span,
                "expected an expression in the parentheses",
                None,
            );
            return Expr { kind: ExprKind::Missing, span };
        }
        self.grow();
        Expr { kind: ExprKind::Block(block), span }
    }
}
