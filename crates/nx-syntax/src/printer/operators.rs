//! Operators and where they need parentheses.

use super::Printer;
use crate::{
    ast::{Binary, BinaryOperator, Expr, ExprKind, OrderKey, UnaryOperator},
    level::{Level, level, of_operator},
};

impl Printer<'_> {
    pub(super) fn needs_parentheses(&self, expr: &Expr, least: Level) -> bool {
        // The stored form's parentheses are part of the operation.
        let has_its_own = self.wraps && is_operation(expr);
        !has_its_own && (level(expr) < least || least > Level::Assign && lacks_operand(expr))
    }

    pub(super) fn operation(&mut self, expr: &Expr) {
        let stored = self.wraps;
        if let ExprKind::Binary(chain) = &expr.kind {
            return if stored { self.stored_chain(chain) } else { self.chain(chain) };
        }
        if stored {
            self.push("(");
        }
        match &expr.kind {
            ExprKind::Unary { operator, operand } => {
                self.push(operator.text());
                if *operator == UnaryOperator::Not {
                    self.push(" ");
                }
                self.expr(operand, level(expr));
            }
            ExprKind::Assign { target, value } => {
                self.expr(target, Level::Postfix);
                self.push(" := ");
                self.expr(value, Level::Assign);
            }
            ExprKind::Order(order) => {
                // `delete` and `select` would take the order for their own.
                let is_order = matches!(order.source.kind, ExprKind::Order(_));
                self.present(&order.source, if is_order { Level::Order } else { Level::Or });
                self.order_key(&order.key);
            }
            _ => {}
        }
        if stored {
            self.push(")");
        }
    }

    pub(super) fn order_key(&mut self, order: &OrderKey) {
        self.push(" order by ");
        self.present(&order.key, Level::Or);
        if order.descending {
            self.push(" desc");
        }
    }

    fn chain(&mut self, chain: &Binary) {
        let Some((first_operator, _)) = chain.rest.first() else { return self.bare(&chain.first) };
        let level = of_operator(*first_operator);
        // A comparison of a comparison keeps its parentheses: without them it is another tree.
        let least = if level == Level::Compare { level.above() } else { level };
        self.expr(&chain.first, least);
        for (operator, operand) in &chain.rest {
            self.push(" ");
            self.push(operator.text());
            self.push(" ");
            self.expr(operand, level.above());
        }
    }

    /// `a + b - c` as `((a+b)-c)`; `a < b < c`, which would become a comparison of a comparison, in one parenthesis.
    fn stored_chain(&mut self, chain: &Binary) {
        let Some((first_operator, _)) = chain.rest.first() else { return self.bare(&chain.first) };
        let level = of_operator(*first_operator);
        let pairs = if level == Level::Compare { 1 } else { chain.rest.len() };
        self.out.push_str(&"(".repeat(pairs));
        self.expr(&chain.first, level);
        for (at, (operator, operand)) in chain.rest.iter().enumerate() {
            let tight = matches!(level, Level::Add | Level::Multiply);
            if tight {
                self.push(operator.text());
            } else {
                self.push(" ");
                self.push(operator.text());
                self.push(" ");
            }
            // `/` and `*` of nothing would begin a comment.
            if tight && *operator == BinaryOperator::Divide && matches!(operand.kind, ExprKind::Missing) {
                self.push(" ");
            }
            self.expr(operand, level.above());
            if level != Level::Compare || at + 1 == chain.rest.len() {
                self.push(")");
            }
        }
    }
}

pub(super) fn is_operation(expr: &Expr) -> bool {
    matches!(
        expr.kind,
        ExprKind::Unary { .. } | ExprKind::Binary(_) | ExprKind::Assign { .. } | ExprKind::Order(_)
    )
}

/// Whether a side of the operation is empty, so that what stands beside it would be taken for that side.
fn lacks_operand(expr: &Expr) -> bool {
    let missing = |e: &Expr| matches!(e.kind, ExprKind::Missing);
    match &expr.kind {
        ExprKind::Binary(chain) => {
            missing(&chain.first) || chain.rest.iter().any(|(_, operand)| missing(operand))
        }
        ExprKind::Unary { operand, .. } => missing(operand),
        ExprKind::Assign { target, value } => missing(target) || missing(value),
        _ => false,
    }
}
