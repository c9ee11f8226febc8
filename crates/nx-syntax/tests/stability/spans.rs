//! Where the nodes of a tree say that they are: in the source, and each within the one above it.

use boobook_nx_syntax::{Span, ast::*};

/// Checks the spans of the whole tree.
pub(crate) fn check(source: &str, script: &Script) {
    let whole = Span::new(0, source.len() as u32);
    Spans { source }.block(&script.body, whole);
}

struct Spans<'s> {
    source: &'s str,
}

impl Spans<'_> {
    fn within(&self, what: &str, span: Span, outer: Span) -> Span {
        let (start, end) = (span.start as usize, span.end as usize);
        assert!(self.source.get(start..end).is_some(), "{what} at {span:?} is not in\n{}", self.source);
        let fits = outer.start <= span.start && span.end <= outer.end;
        assert!(fits, "{what} at {span:?} is outside of {outer:?} in\n{}", self.source);
        span
    }

    fn block(&self, block: &Block, outer: Span) {
        let span = self.within("a block", block.span, outer);
        for statement in &block.statements {
            // Comments move to where a statement may stand; they say where they were.
            let is_comment = matches!(statement.kind, StatementKind::Comment(_));
            let outer = if is_comment { Span::new(0, self.source.len() as u32) } else { span };
            let span = self.within("a statement", statement.span, outer);
            match &statement.kind {
                StatementKind::Let { name, value } => {
                    self.name(name, span);
                    self.expr(value, span);
                }
                StatementKind::Function(function) => self.function(function, span),
                StatementKind::Expr(expr) => self.expr(expr, span),
                StatementKind::Comment(_) => {}
            }
        }
    }

    fn function(&self, function: &Function, span: Span) {
        self.name(&function.name, span);
        for parameter in &function.parameters {
            self.name(&parameter.name, span);
            self.type_(&parameter.type_, span);
        }
        function.result.iter().for_each(|result| self.type_(result, span));
        self.block(&function.body, span);
    }

    fn name(&self, name: &Name, outer: Span) {
        let span = self.within("a name", name.span, outer);
        if !name.quoted {
            assert_eq!(span.text(self.source), &*name.text);
        }
    }

    fn type_(&self, type_: &Type, outer: Span) {
        let span = self.within("a type", type_.span, outer);
        match &type_.kind {
            TypeKind::Builtin(_) => {}
            TypeKind::Table(name) | TypeKind::Nid(name) | TypeKind::Rid(name) => self.name(name, span),
            TypeKind::Array(item) => self.type_(item, span),
        }
    }

    fn all<'e>(&self, exprs: impl IntoIterator<Item = &'e Expr>, span: Span) {
        exprs.into_iter().for_each(|expr| self.expr(expr, span));
    }

    fn expr(&self, expr: &Expr, outer: Span) {
        let span = self.within("an expression", expr.span, outer);
        match &expr.kind {
            ExprKind::YesNo(name) | ExprKind::Name(name) | ExprKind::Create(name) => self.name(name, span),
            ExprKind::Call { function, arguments } => {
                self.name(function, span);
                self.all(arguments, span);
            }
            ExprKind::Array(items) => self.all(items, span),
            ExprKind::Object(pairs) => pairs.iter().for_each(|pair| self.pair(pair, span)),
            ExprKind::Template(parts) => {
                for part in parts {
                    if let TemplatePart::Hole(body) = part {
                        self.block(body, span);
                    }
                }
            }
            ExprKind::Unary { operand, .. } => self.expr(operand, span),
            ExprKind::Delete(operand) | ExprKind::Duplicate(operand) => self.expr(operand, span),
            ExprKind::Binary(chain) => {
                self.expr(&chain.first, span);
                self.all(chain.rest.iter().map(|(_, operand)| operand), span);
            }
            ExprKind::Assign { target, value } => self.all([&**target, &**value], span),
            ExprKind::Order(order) => self.all([&order.source, &order.key.key], span),
            ExprKind::Member { object, name } => {
                self.expr(object, span);
                self.name(name, span);
            }
            ExprKind::MemberCall { object, function, arguments } => {
                self.expr(object, span);
                self.name(function, span);
                self.all(arguments, span);
            }
            ExprKind::RecordBlock { object, body } => {
                self.expr(object, span);
                self.block(body, span);
            }
            ExprKind::Filter { object, condition } => self.all([&**object, &**condition], span),
            _ => self.construct(expr, span),
        }
    }

    fn pair(&self, pair: &Pair, span: Span) {
        match &pair.key {
            Key::Name(name) => self.name(name, span),
            Key::Text(_, key) | Key::Number(_, key) => {
                self.within("a key", *key, span);
            }
        }
        self.expr(&pair.value, span);
    }

    fn construct(&self, expr: &Expr, span: Span) {
        match &expr.kind {
            ExprKind::Block(block) => self.block(block, span),
            ExprKind::If(if_) => {
                for (condition, body) in &if_.branches {
                    self.expr(condition, span);
                    self.block(body, span);
                }
                if_.otherwise.iter().for_each(|body| self.block(body, span));
            }
            ExprKind::Switch(switch) => {
                self.expr(&switch.subject, span);
                for case in &switch.cases {
                    self.all(&case.labels, span);
                    self.block(&case.body, span);
                }
                switch.default.iter().for_each(|body| self.block(body, span));
            }
            ExprKind::ForIn(for_) => {
                self.name(&for_.name, span);
                for_.second.iter().for_each(|name| self.name(name, span));
                self.expr(&for_.source, span);
                self.block(&for_.body, span);
            }
            ExprKind::ForRange(for_) => {
                self.name(&for_.name, span);
                self.all([&for_.from, &for_.to].into_iter().chain(&for_.step), span);
                self.block(&for_.body, span);
            }
            ExprKind::While { condition, body } => {
                self.expr(condition, span);
                self.block(body, span);
            }
            ExprKind::Do { body, .. } => self.block(body, span),
            ExprKind::Select(select) => {
                self.name(&select.table, span);
                self.all(select.filter.iter().chain(&select.condition), span);
                self.all(select.order.iter().map(|order| &order.key), span);
                self.all(select.range.iter().flat_map(|(from, to)| [from, to]), span);
                self.all(&select.limit, span);
            }
            _ => {}
        }
    }
}
