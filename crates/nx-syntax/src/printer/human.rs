//! The form people read and write: lines and tabs.

use super::{Form, Printer};
use crate::{
    ast::{Block, Expr, ExprKind, Function, If, Statement, StatementKind, Switch},
    level::Level,
};

impl Printer<'_> {
    /// The statements, a line each.
    pub(super) fn lines(&mut self, block: &Block) {
        for (at, statement) in block.statements.iter().enumerate() {
            if at > 0 {
                self.push(";");
                self.new_line();
            }
            self.statement(statement, true);
        }
    }

    /// The statements on one line, as far as they allow it.
    pub(super) fn inline(&mut self, block: &Block) {
        if self.form == Form::Ids {
            return self.pairs(block);
        }
        for (at, statement) in block.statements.iter().enumerate() {
            if at > 0 {
                self.push("; ");
            }
            self.statement(statement, false);
        }
    }

    fn new_line(&mut self) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n('\t', self.indent));
    }

    /// The block between the words before and behind it, indented; or just a blank, if it is empty.
    fn indented(&mut self, block: &Block) {
        self.indent += 1;
        if !block.statements.is_empty() {
            self.new_line();
            self.lines(block);
        }
        self.indent -= 1;
        self.new_line();
    }

    fn body(&mut self, block: &Block, in_lines: bool) {
        if in_lines {
            return self.indented(block);
        }
        self.push(" ");
        self.inline(block);
        if !block.statements.is_empty() {
            self.push(" ");
        }
    }

    fn statement(&mut self, statement: &Statement, in_lines: bool) {
        match &statement.kind {
            StatementKind::Let { name, value } => {
                self.push("let ");
                self.name(name);
                self.push(" := ");
                self.expr(value, Level::Assign);
            }
            StatementKind::Function(function) => self.function(function),
            StatementKind::Comment(text) => self.text(text),
            StatementKind::Expr(expr) if in_lines && is_construct(expr) => self.construct(expr, true),
            StatementKind::Expr(expr) => self.expr(expr, Level::Assign),
        }
    }

    fn function(&mut self, function: &Function) {
        self.function_head(function);
        self.indented(&function.body);
        self.push("end");
    }

    /// Up to the `do`.
    pub(super) fn function_head(&mut self, function: &Function) {
        self.push("function ");
        self.name(&function.name);
        self.push("(");
        for (at, parameter) in function.parameters.iter().enumerate() {
            if at > 0 {
                self.push(", ");
            }
            self.name(&parameter.name);
            self.push(" : ");
            self.type_(&parameter.type_);
        }
        self.push(")");
        if let Some(result) = &function.result {
            self.push(" : ");
            self.type_(result);
        }
        self.push(" do");
    }

    /// `if`, loops and so on within an expression: on one line if they are short enough.
    pub(super) fn human_construct(&mut self, expr: &Expr) {
        let in_lines = match &expr.kind {
            ExprKind::If(if_) => !(if_.branches.iter().map(|(_, b)| b).chain(&if_.otherwise).all(is_short)),
            ExprKind::ForIn(for_) => !is_short(&for_.body),
            ExprKind::ForRange(for_) => !is_short(&for_.body),
            ExprKind::While { body, .. } | ExprKind::Do { body, .. } => !is_short(body),
            _ => true,
        };
        self.construct(expr, in_lines);
    }

    fn construct(&mut self, expr: &Expr, in_lines: bool) {
        let body = match &expr.kind {
            ExprKind::If(if_) => return self.if_(if_, in_lines),
            ExprKind::Switch(switch) => return self.switch(switch),
            ExprKind::Block(block) => {
                self.push("(");
                self.inline(block);
                return self.push(")");
            }
            ExprKind::ForIn(for_) => &for_.body,
            ExprKind::ForRange(for_) => &for_.body,
            ExprKind::While { body, .. } | ExprKind::Do { body, .. } => body,
            _ => return self.bare(expr),
        };
        self.loop_head(expr);
        self.body(body, in_lines);
        self.push("end");
    }

    fn if_(&mut self, if_: &If, in_lines: bool) {
        for (at, (condition, body)) in if_.branches.iter().enumerate() {
            self.push(if at == 0 { "if " } else { "else if " });
            self.expr(condition, Level::Assign);
            self.push(" then");
            self.body(body, in_lines);
        }
        if let Some(body) = &if_.otherwise {
            self.push("else");
            if continues_chain(body) {
                self.push(" (");
                self.inline(body);
                self.push(")");
                if in_lines { self.new_line() } else { self.push(" ") }
            } else {
                self.body(body, in_lines);
            }
        }
        self.push("end");
    }

    fn switch(&mut self, switch: &Switch) {
        self.push("switch ");
        self.present(&switch.subject, Level::Order);
        self.push(" do");
        self.new_line();
        for case in &switch.cases {
            self.labels(&case.labels);
            self.case_body(&case.body);
        }
        if let Some(body) = &switch.default {
            self.push("default:");
            self.case_body(body);
        }
        self.push("end");
    }

    pub(super) fn labels(&mut self, labels: &[Expr]) {
        self.push("case ");
        for (at, label) in labels.iter().enumerate() {
            if at > 0 {
                self.push(", ");
            }
            self.expr(label, Level::Assign);
        }
        self.push(":");
    }

    fn case_body(&mut self, body: &Block) {
        if is_short(body) {
            if !body.statements.is_empty() {
                self.push(" ");
                self.inline(body);
            }
            self.new_line();
        } else {
            self.indented(body);
        }
    }

    /// Behind the dot of `a.(…)`.
    pub(super) fn record_block(&mut self, body: &Block) {
        if let [
            Statement { kind: StatementKind::Expr(object @ Expr { kind: ExprKind::Object(_), .. }), .. },
        ] = &body.statements[..]
        {
            return self.bare(object);
        }
        self.push("(");
        if self.form == Form::Ids || is_short(body) {
            self.inline(body);
        } else {
            self.indented(body);
        }
        self.push(")");
    }
}

fn is_construct(expr: &Expr) -> bool {
    matches!(
        expr.kind,
        ExprKind::If(_)
            | ExprKind::Switch(_)
            | ExprKind::ForIn(_)
            | ExprKind::ForRange(_)
            | ExprKind::While { .. }
            | ExprKind::Do { .. }
    )
}

/// Whether the block is at most one plain expression, fit to stand on the line of its construct.
fn is_short(block: &Block) -> bool {
    match &block.statements[..] {
        [] => true,
        [Statement { kind: StatementKind::Expr(expr), .. }] => !is_construct(expr),
        _ => false,
    }
}

/// Whether the block, standing behind `else`, would be read as a further branch of the chain, being more than that.
pub(super) fn continues_chain(block: &Block) -> bool {
    let Some(Statement { kind: StatementKind::Expr(first), .. }) = block.statements.first() else {
        return false;
    };
    let mut leftmost = first;
    loop {
        leftmost = match &leftmost.kind {
            ExprKind::If(_) => return true,
            ExprKind::Binary(chain) => &chain.first,
            ExprKind::Assign { target, .. } => target,
            ExprKind::Order(order) => &order.source,
            ExprKind::Member { object, .. }
            | ExprKind::MemberCall { object, .. }
            | ExprKind::RecordBlock { object, .. }
            | ExprKind::Filter { object, .. } => object,
            _ => return false,
        };
    }
}
