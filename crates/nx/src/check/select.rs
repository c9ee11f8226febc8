//! `select`, filters in brackets, and which conditions the host can test (nx-language.md §5.1, §9-2, §9-6).

use boobook_model::TableId;
use boobook_nx_syntax::{
    Span,
    ast::{BinaryOperator, Expr as Ast, ExprKind, UnaryOperator},
};

use super::{Checker, ContextOf, codes, expr};
use crate::{
    Base, Effect, Type, Value,
    ir::{Comparison, Expr, Kind, Local, Planned, Select, Slice},
};

impl Checker<'_> {
    pub(super) fn select(&mut self, select: &boobook_nx_syntax::ast::Select, span: Span) -> Expr {
        let Some(table) = self.table(&select.table) else {
            let message = format!("Table not found: {}", select.table.text);
            return expr(Kind::Broken(message.into()), Type::array(Base::Any), span);
        };
        self.raise(Effect::Reads);
        let next = self.next;
        let item = self.new_local();
        let mut compiled = Select { table, item, conditions: Vec::new(), residual: None };
        if let Some(condition) = &select.condition {
            self.where_conjuncts(condition, &mut compiled);
        }
        if let Some(filter) = &select.filter {
            self.in_record(table, item, |this| this.conjuncts(filter, &mut compiled));
        }
        self.next = next.max(item + 1);
        let ty = Type::array(Base::Record(table));
        let mut found = expr(Kind::Select(Box::new(compiled)), ty, span);
        if let Some(key) = &select.order {
            found = self.order(found, key, span);
        }
        if select.range.is_some() || select.limit.is_some() {
            let range = select.range.as_ref().map(|(from, to)| (self.expr(from), self.expr(to)));
            let limit = select.limit.as_ref().map(|limit| self.expr(limit));
            found = expr(Kind::Slice(Box::new(Slice { of: found, range, limit })), ty, span);
        }
        self.next = next;
        found
    }

    fn in_record<T>(&mut self, table: TableId, item: Local, work: impl FnOnce(&mut Self) -> T) -> T {
        self.contexts.push(ContextOf { local: item, ty: Type::one(Base::Record(table)) });
        let done = work(self);
        self.contexts.pop();
        done
    }

    /// A condition behind `where`. `this` is the record looked at, unless the condition makes sense only with the record
    /// of the script (§9-2).
    fn where_conjuncts(&mut self, condition: &Ast, select: &mut Select) {
        let (diagnostics, references) = (self.diagnostics.len(), self.references.len());
        let outer_this = self.contexts.last().copied();
        let mut inner =
            Select { table: select.table, item: select.item, conditions: Vec::new(), residual: None };
        self.in_record(select.table, select.item, |this| this.conjuncts(condition, &mut inner));
        if self.diagnostics.len() > diagnostics
            && let Some(outer_this) = outer_this
            && mentions_this(condition)
        {
            let said = self.diagnostics.split_off(diagnostics);
            let referred = self.references.split_off(references);
            let mut outer =
                Select { table: select.table, item: select.item, conditions: Vec::new(), residual: None };
            // Names are looked up in the record first all the same; `this` alone is another.
            self.this_in_where.push((self.contexts.len() + 1, outer_this));
            self.in_record(select.table, select.item, |this| this.conjuncts(condition, &mut outer));
            self.this_in_where.pop();
            if self.diagnostics.len() == diagnostics {
                inner = outer;
            } else {
                self.diagnostics.truncate(diagnostics);
                self.references.truncate(references);
                self.diagnostics.extend(said);
                self.references.extend(referred);
            }
        }
        select.conditions.extend(inner.conditions);
        if let Some(residual) = inner.residual {
            add_residual(select, residual);
        }
    }

    /// Splits a condition at its `and`s and gives each part to the host or to the residual.
    fn conjuncts(&mut self, condition: &Ast, select: &mut Select) {
        if let ExprKind::Binary(binary) = &condition.kind
            && binary.rest.iter().all(|(operator, _)| *operator == BinaryOperator::And)
        {
            self.conjuncts(&binary.first, select);
            for (_, operand) in &binary.rest {
                self.conjuncts(operand, select);
            }
            return;
        }
        let compiled = self.expr(condition);
        match plan(compiled, select.item) {
            Ok(planned) => select.conditions.push(planned),
            Err(residual) => add_residual(select, residual),
        }
    }

    /// `x[condition]`, or `x[2]` with a constant: an item (§9-6).
    pub(super) fn filter(&mut self, object: &Ast, condition: &Ast, span: Span) -> Expr {
        let mut object = self.expr(object);
        if let Some(at) = constant_place(condition) {
            let ty = if object.ty.is_array { object.ty.item() } else { Type::ANY };
            let ty = if matches!(object.ty, Type { base: Base::Text(_), is_array: false }) {
                Type::TEXT
            } else {
                ty
            };
            return expr(Kind::Item(Box::new(object), at), ty, span);
        }
        if let (Kind::Select(select), Base::Record(table)) = (&mut object.kind, object.ty.base) {
            // Filtering what was selected is selecting with one more condition.
            let item = select.item;
            let next = self.next;
            self.next = next.max(item + 1);
            self.locals = self.locals.max(self.next);
            let mut extended = Select { table, item, conditions: Vec::new(), residual: None };
            self.in_record(table, item, |this| this.conjuncts(condition, &mut extended));
            self.next = next;
            select.conditions.append(&mut extended.conditions);
            if let Some(residual) = extended.residual {
                add_residual(select, residual);
            }
            object.span = (span.start, span.end);
            return object;
        }
        if !object.ty.is_array && !object.ty.is_any() && !matches!(object.ty.base, Base::Record(_)) {
            let ty = self.type_name(object.ty);
            return self.error(codes::TYPE_MISMATCH, span, format!("`[…]` filters arrays; this is {ty}"));
        }
        let next = self.next;
        let item = self.new_local();
        self.contexts.push(ContextOf { local: item, ty: object.ty.item() });
        let predicate = self.expr(condition);
        self.contexts.pop();
        self.next = next;
        let ty = Type { base: object.ty.base, is_array: true };
        expr(Kind::Filter(Box::new(object), item, Box::new(predicate)), ty, span)
    }
}

fn add_residual(select: &mut Select, more: Expr) {
    select.residual = Some(match select.residual.take() {
        None => more,
        Some(before) => {
            let span = (before.span.0.min(more.span.0), before.span.1.max(more.span.1));
            Expr { kind: Kind::And(Box::new((before, more))), ty: Type::BOOL, span }
        }
    });
}

/// Whether `this` stands in a condition, outside of inner brackets and blocks that give it another meaning. It is
/// enough to know whether it may: what does not is compiled once more in vain.
fn mentions_this(ast: &Ast) -> bool {
    match &ast.kind {
        ExprKind::This => true,
        ExprKind::Binary(binary) => {
            mentions_this(&binary.first) || binary.rest.iter().any(|(_, operand)| mentions_this(operand))
        }
        ExprKind::Unary { operand, .. } => mentions_this(operand),
        ExprKind::Member { object, .. }
        | ExprKind::MemberCall { object, .. }
        | ExprKind::RecordBlock { object, .. }
        | ExprKind::Filter { object, .. } => mentions_this(object),
        ExprKind::Call { arguments, .. } | ExprKind::Array(arguments) => arguments.iter().any(mentions_this),
        _ => false,
    }
}

/// A condition for the host: a stored field of the record looked at, compared with what does not depend on it.
fn plan(condition: Expr, item: Local) -> Result<Planned, Expr> {
    let own_field = |expr: &Expr| match &expr.kind {
        Kind::Field(of, at) if matches!(of.kind, Kind::Local(local) if local == item) => Some(at.slot),
        _ => None,
    };
    match condition.kind {
        Kind::Compare(comparison, sides) => {
            let (left, right) = *sides;
            if let Some(slot) = own_field(&left)
                && right.is_fixed(item)
            {
                return Ok(Planned { slot, comparison, value: right, span: condition.span });
            }
            if let Some(slot) = own_field(&right)
                && left.is_fixed(item)
                && let Some(comparison) = turned(comparison)
            {
                return Ok(Planned { slot, comparison, value: left, span: condition.span });
            }
            let kind = Kind::Compare(comparison, Box::new((left, right)));
            Err(Expr { kind, ty: condition.ty, span: condition.span })
        }
        Kind::Field(..) if condition.ty == Type::BOOL => match own_field(&condition) {
            Some(slot) => Ok(Planned {
                slot,
                comparison: Comparison::Equal,
                value: yes(condition.span),
                span: condition.span,
            }),
            None => Err(condition),
        },
        Kind::Not(inner) if inner.ty == Type::BOOL && own_field(&inner).is_some() => {
            let slot = own_field(&inner).unwrap_or_default();
            Ok(Planned {
                slot,
                comparison: Comparison::NotEqual,
                value: yes(condition.span),
                span: condition.span,
            })
        }
        _ => Err(condition),
    }
}

fn yes(span: (u32, u32)) -> Expr {
    Expr { kind: Kind::Constant(Value::Bool(true)), ty: Type::BOOL, span }
}

/// `a < b` as `b > a`; `like` has no other side.
fn turned(comparison: Comparison) -> Option<Comparison> {
    Some(match comparison {
        Comparison::Equal => Comparison::Equal,
        Comparison::NotEqual => Comparison::NotEqual,
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        Comparison::Like => return None,
    })
}

/// A whole number written as such; a minus makes it a place that no array has.
fn constant_place(condition: &Ast) -> Option<usize> {
    match &condition.kind {
        ExprKind::Number(digits) => {
            let n: f64 = digits.parse().ok()?;
            Some(if n.fract() == 0.0 && n < 4_294_967_296.0 { n as usize } else { usize::MAX })
        }
        ExprKind::Unary { operator: UnaryOperator::Minus, operand } => {
            constant_place(operand).map(|at| if at == 0 { 0 } else { usize::MAX })
        }
        _ => None,
    }
}
