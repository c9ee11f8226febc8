//! Operators (nx-language.md §2.2, §3.3 to §3.6).

use boobook_nx_syntax::{
    Span,
    ast::{Binary, BinaryOperator, Expr as Ast, OrderKey, UnaryOperator},
};

use super::{Checker, ContextOf, codes, expr};
use crate::{
    Base, Type, arithmetic,
    ir::{Comparison, Expr, Kind, Operator, Order},
};

impl Checker<'_> {
    pub(super) fn unary(&mut self, operator: UnaryOperator, operand: &Ast, span: Span) -> Expr {
        let operand = self.expr(operand);
        match operator {
            UnaryOperator::Not => expr(Kind::Not(Box::new(operand)), Type::BOOL, span),
            UnaryOperator::Plus => operand,
            UnaryOperator::Minus => match arithmetic::negated_type(operand.ty) {
                Some(ty) => expr(Kind::Negate(Box::new(operand)), ty, span),
                None => {
                    let ty = self.type_name(operand.ty);
                    self.error(codes::TYPE_MISMATCH, span, format!("`-` needs a number, not {ty}"))
                }
            },
        }
    }

    /// A chain of operators of one level, from left to right.
    pub(super) fn binary(&mut self, binary: &Binary, span: Span) -> Expr {
        let mut left = self.expr(&binary.first);
        if binary.rest.len() > 1
            && let Some((operator, _)) =
                binary.rest.iter().find(|(operator, _)| comparison(*operator).is_some())
        {
            let message = format!("`{}` compares two values; join comparisons with `and`", operator.text());
            return self.error(codes::TYPE_MISMATCH, span, message);
        }
        // A long chain would be a deep tree; halves of `and`, `or` and of sums of texts are lists elsewhere.
        if binary.rest.len() > super::DEPTH_MAX as usize {
            return self.long_chain(left, binary, span);
        }
        for (operator, right) in &binary.rest {
            let right = self.expr(right);
            left = self.join(*operator, left, right, span);
        }
        left
    }

    /// Hundreds of operands: balanced where the operator allows it, refused where the order of evaluation decides.
    fn long_chain(&mut self, first: Expr, binary: &Binary, span: Span) -> Expr {
        let operator = binary.rest[0].0;
        let is_same = binary.rest.iter().all(|(o, _)| *o == operator);
        let mut operands = vec![first];
        for (_, operand) in &binary.rest {
            let operand = self.expr(operand);
            operands.push(operand);
        }
        let is_text = operands[0].ty == Type::TEXT;
        match operator {
            BinaryOperator::Add if is_same && is_text => {
                let pieces = operands.into_iter().map(|operand| self.shown(operand)).collect();
                expr(Kind::Template(pieces), Type::TEXT, span)
            }
            BinaryOperator::And | BinaryOperator::Or if is_same => self.halves(operator, operands, span),
            _ => {
                let message = format!(
                    "more than {} operands in a row; split the expression with variables",
                    super::DEPTH_MAX
                );
                self.error(codes::NESTED_TOO_DEEPLY, span, message)
            }
        }
    }

    fn halves(&mut self, operator: BinaryOperator, mut operands: Vec<Expr>, span: Span) -> Expr {
        if operands.len() <= 1 {
            return operands
                .pop()
                .unwrap_or_else(|| expr(Kind::Broken("nothing here".into()), Type::ANY, span));
        }
        let right = operands.split_off(operands.len() / 2);
        let (left, right) = (self.halves(operator, operands, span), self.halves(operator, right, span));
        self.join(operator, left, right, span)
    }

    fn join(&mut self, operator: BinaryOperator, left: Expr, right: Expr, span: Span) -> Expr {
        match operator {
            BinaryOperator::And => expr(Kind::And(Box::new((left, right))), Type::BOOL, span),
            BinaryOperator::Or => expr(Kind::Or(Box::new((left, right))), Type::BOOL, span),
            BinaryOperator::Add => self.arithmetic(Operator::Add, left, right, span),
            BinaryOperator::Subtract => self.arithmetic(Operator::Subtract, left, right, span),
            BinaryOperator::Multiply => self.arithmetic(Operator::Multiply, left, right, span),
            BinaryOperator::Divide => self.arithmetic(Operator::Divide, left, right, span),
            BinaryOperator::Remainder => self.arithmetic(Operator::Remainder, left, right, span),
            other => match comparison(other) {
                Some(comparison) => self.compare(comparison, left, right, span),
                None => left,
            },
        }
    }

    fn arithmetic(&mut self, operator: Operator, left: Expr, right: Expr, span: Span) -> Expr {
        let Some(ty) = arithmetic::result_type(operator, left.ty, right.ty) else {
            let sign = operator.symbol();
            let of_items = arithmetic::result_type(operator, left.ty.item(), right.ty.item());
            let hint = of_items
                .filter(|_| left.ty.is_array != right.ty.is_array)
                .map(|_| format!("of each item: `x.(this {sign} …)`"));
            let (left, right) = (self.type_name(left.ty), self.type_name(right.ty));
            let message = format!("`{sign}` is not defined for {left} and {right}");
            return self.error_with_hint(codes::TYPE_MISMATCH, span, message, hint);
        };
        let is_text = matches!(ty, Type { base: Base::Text(_), is_array: false });
        let (left, right) = if operator == Operator::Add && is_text {
            (self.shown(left), self.shown(right))
        } else {
            (left, right)
        };
        expr(Kind::Arithmetic(operator, Box::new((left, right))), ty, span)
    }

    fn compare(&mut self, comparison: Comparison, left: Expr, right: Expr, span: Span) -> Expr {
        if comparison != Comparison::Like && !are_comparable(left.ty, right.ty) {
            let (left, right) = (self.type_name(left.ty), self.type_name(right.ty));
            return self.error(codes::TYPE_MISMATCH, span, format!("cannot compare {left} with {right}"));
        }
        if comparison != Comparison::Like {
            self.note_options(left.ty, &right);
            self.note_options(right.ty, &left);
        }
        expr(Kind::Compare(comparison, Box::new((left, right))), Type::BOOL, span)
    }

    /// `of order by key`
    pub(super) fn order(&mut self, of: Expr, key: &OrderKey, span: Span) -> Expr {
        let next = self.next;
        let item = self.new_local();
        self.contexts.push(ContextOf { local: item, ty: of.ty.item() });
        let key_of = self.expr(&key.key);
        self.contexts.pop();
        self.next = next;
        let ty = Type { base: of.ty.base, is_array: true };
        expr(Kind::Order(Box::new(Order { of, item, key: key_of, desc: key.descending })), ty, span)
    }
}

/// Whether two values of these types may be equal or one before the other (§3.4).
fn are_comparable(left: Type, right: Type) -> bool {
    use Base::{
        Any, AnyRecord, Bool, Choice, Date, DateTime, Interval, Multi, Number, Record, Text, Time, User, Void,
    };
    let is_any = |ty: Type| matches!(ty.base, Any | Void | AnyRecord);
    if is_any(left) || is_any(right) || left.base == right.base {
        return true;
    }
    match (left.base, right.base) {
        (Record(a), Record(b)) => a == b,
        (Text(_), Text(_)) | (Choice(_), Choice(_)) | (Multi(_), Multi(_)) => true,
        (Date, DateTime) | (DateTime, Date) | (Time, Interval) | (Interval, Time) => true,
        (Number, other) | (other, Number) => {
            matches!(
                other,
                Text(_) | Choice(_) | Multi(_) | Record(_) | Bool | Date | DateTime | Time | Interval
            )
        }
        (Text(_), other) | (other, Text(_)) => {
            matches!(other, Choice(_) | Multi(_) | User | Record(_) | Bool | Base::File)
        }
        (Choice(_), Multi(_)) | (Multi(_), Choice(_)) => true,
        _ => false,
    }
}

fn comparison(operator: BinaryOperator) -> Option<Comparison> {
    Some(match operator {
        BinaryOperator::Equal => Comparison::Equal,
        BinaryOperator::NotEqual => Comparison::NotEqual,
        BinaryOperator::Less => Comparison::Less,
        BinaryOperator::LessEqual => Comparison::LessOrEqual,
        BinaryOperator::Greater => Comparison::Greater,
        BinaryOperator::GreaterEqual => Comparison::GreaterOrEqual,
        BinaryOperator::Like => Comparison::Like,
        _ => return None,
    })
}
