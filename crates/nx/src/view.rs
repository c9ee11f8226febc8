//! Scripts of views (rest-api.md §7): the expression of a column, and filters, which together are one `select`.

use boobook_model::{TableId, TableSchema};
use boobook_nx_syntax::{
    Diagnostic, Span,
    ast::{Binary, BinaryOperator, Block, Expr, ExprKind, StatementKind, UnaryOperator},
    parse,
};

use crate::{Checked, Form, Library, check::codes, stored::leading_comparison};

/// A filter of a view, in the form that a schema keeps.
#[derive(Clone, Copy, Debug)]
pub struct ViewFilter<'s> {
    /// The column that it is about, by its expression; `None`: the view as a whole.
    pub column: Option<&'s str>,
    /// What the column shows as text, where that is not its expression: a link shows a field of the other record.
    pub text: Option<&'s str>,
    /// A literal (the column is that, or has that text in it), a comparison without its left side, or a condition.
    pub filter: &'s str,
}

impl Library {
    /// Compiles a script of a view, in whose words `this` is a record of the table.
    pub fn view_script(&self, source: &str, table: TableId) -> Checked {
        let parsed = parse(source);
        let mut checked = self.check_in(source, &parsed.script, Some(table), Form::Ids);
        checked.diagnostics.splice(0..0, parsed.diagnostics);
        checked
    }

    /// Compiles filters: they come to the records of the table that pass all of them.
    pub fn view_select(&self, filters: &[ViewFilter<'_>], table: &TableSchema) -> Checked {
        let mut diagnostics = Vec::new();
        let conditions: Vec<Expr> = filters.iter().map(|filter| filter.condition(&mut diagnostics)).collect();
        let condition = conditions.into_iter().reduce(|left, right| joined(left, BinaryOperator::And, right));
        let mut checked = self.selecting("", condition, table, Form::Ids);
        checked.diagnostics.splice(0..0, diagnostics);
        checked
    }
}

impl ViewFilter<'_> {
    fn condition(&self, diagnostics: &mut Vec<Diagnostic>) -> Expr {
        let mut read = |source: &str| {
            let parsed = parse(source);
            diagnostics.extend(parsed.diagnostics);
            expression(parsed.script.body)
        };
        match (leading_comparison(self.filter), self.column) {
            (Some((sign, rest)), Some(column)) => {
                let (column, rest) = (read(column), read(rest));
                joined(column, operator(sign), rest)
            }
            (Some(_), None) => {
                let message = "a filter of a whole view is a condition: name the field that is compared";
                let span = Span::new(0, self.filter.len() as u32);
                diagnostics.push(Diagnostic::error(codes::UNKNOWN_NAME, span, message));
                Expr { kind: ExprKind::Missing, span }
            }
            (None, column) => {
                let filter = read(self.filter);
                match column {
                    Some(column) if is_text(&filter) => {
                        joined(read(self.text.unwrap_or(column)), BinaryOperator::Like, filter)
                    }
                    Some(column) if is_literal(&filter) => {
                        joined(read(column), BinaryOperator::Equal, filter)
                    }
                    _ => filter,
                }
            }
        }
    }
}

fn operator(sign: &str) -> BinaryOperator {
    match sign {
        "<" => BinaryOperator::Less,
        "<=" => BinaryOperator::LessEqual,
        ">" => BinaryOperator::Greater,
        ">=" => BinaryOperator::GreaterEqual,
        "=" => BinaryOperator::Equal,
        _ => BinaryOperator::NotEqual,
    }
}

fn joined(left: Expr, operator: BinaryOperator, right: Expr) -> Expr {
    let span = right.span;
    Expr { kind: ExprKind::Binary(Box::new(Binary { first: left, rest: vec![(operator, right)] })), span }
}

/// A script as one expression.
fn expression(mut body: Block) -> Expr {
    match body.statements.pop() {
        Some(only) if body.statements.is_empty() => match only.kind {
            StatementKind::Expr(expr) => expr,
            _ => {
                body.statements.push(only);
                Expr { span: body.span, kind: ExprKind::Block(body) }
            }
        },
        last => {
            body.statements.extend(last);
            Expr { span: body.span, kind: ExprKind::Block(body) }
        }
    }
}

fn is_text(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Text(_))
}

fn is_literal(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Number(_) | ExprKind::Bool(_) | ExprKind::YesNo(_) | ExprKind::Null => true,
        ExprKind::Unary { operator: UnaryOperator::Minus, operand } => {
            matches!(operand.kind, ExprKind::Number(_))
        }
        _ => false,
    }
}
