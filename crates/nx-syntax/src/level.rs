//! How tightly operators bind: the one table that parser and printer share.

use crate::ast::{BinaryOperator, Expr, ExprKind, UnaryOperator};

/// From the weakest to the tightest. A sequence `a; b` is weaker than all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// `:=`, from the right.
    Assign,
    /// `order by`; also `select` and `delete`, which go on to the right as far as they can.
    Order,
    Or,
    And,
    /// `not a = b` is `not (a = b)`.
    Not,
    Compare,
    Add,
    Multiply,
    /// The signs.
    Unary,
    /// Names, literals, brackets, blocks with an `end`, and what follows them with `.` or `[`.
    Postfix,
}

impl Level {
    /// The next tighter level.
    pub(crate) fn above(self) -> Self {
        match self {
            Self::Assign => Self::Order,
            Self::Order => Self::Or,
            Self::Or => Self::And,
            Self::And => Self::Not,
            Self::Not => Self::Compare,
            Self::Compare => Self::Add,
            Self::Add => Self::Multiply,
            Self::Multiply => Self::Unary,
            Self::Unary | Self::Postfix => Self::Postfix,
        }
    }
}

/// The level of an operator between operands.
pub(crate) fn of_operator(operator: BinaryOperator) -> Level {
    use BinaryOperator::*;
    match operator {
        Or => Level::Or,
        And => Level::And,
        Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual | Like => Level::Compare,
        Add | Subtract => Level::Add,
        Multiply | Divide | Remainder => Level::Multiply,
    }
}

/// The level of a whole expression.
pub(crate) fn level(expr: &Expr) -> Level {
    match &expr.kind {
        ExprKind::Assign { .. } => Level::Assign,
        ExprKind::Order(_) | ExprKind::Select(_) | ExprKind::Delete(_) => Level::Order,
        ExprKind::Binary(chain) => {
            chain.rest.first().map_or(Level::Postfix, |(operator, _)| of_operator(*operator))
        }
        ExprKind::Unary { operator: UnaryOperator::Not, .. } => Level::Not,
        ExprKind::Unary { .. } => Level::Unary,
        _ => Level::Postfix,
    }
}
