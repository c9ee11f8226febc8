//! The stored form: one line, sequences as nested pairs `(a;(b;c))`.

use super::{Printer, human::continues_chain};
use crate::{
    ast::{Block, DatabaseName, DoMode, Expr, ExprKind, Function, If, Statement, StatementKind, Switch},
    level::Level,
};

impl Printer<'_> {
    /// `(a;(b;c))`; a blank follows the `;` of a `var`, as in what other programs store. A single `var` has
    /// parentheses, too.
    pub(super) fn pairs(&mut self, block: &Block) {
        let mut opened = 0;
        for (at, statement) in block.statements.iter().enumerate() {
            let is_last = at + 1 == block.statements.len();
            if !is_last || (at == 0 && matches!(statement.kind, StatementKind::Let { .. })) {
                self.push("(");
                opened += 1;
            }
            self.stored_statement(statement);
            if !is_last {
                self.push(if matches!(statement.kind, StatementKind::Let { .. }) { "; " } else { ";" });
            }
        }
        self.push(&")".repeat(opened));
    }

    fn stored_statement(&mut self, statement: &Statement) {
        match &statement.kind {
            StatementKind::Let { name, value } => {
                self.push("var ");
                self.name(name);
                self.push(" := ");
                self.expr(value, Level::Assign);
            }
            StatementKind::Function(function) => self.stored_function(function),
            StatementKind::Comment(text) => self.text(text),
            StatementKind::Expr(expr) => self.expr(expr, Level::Assign),
        }
    }

    fn stored_function(&mut self, function: &Function) {
        self.function_head(function);
        self.stored_body(&function.body);
        self.push("end");
    }

    fn stored_body(&mut self, block: &Block) {
        self.push(" ");
        self.pairs(block);
        self.push(" ");
    }

    pub(super) fn ids_construct(&mut self, expr: &Expr) {
        let body = match &expr.kind {
            ExprKind::If(if_) => return self.stored_if(if_),
            ExprKind::Switch(switch) => return self.stored_switch(switch),
            ExprKind::Block(block) => {
                // One statement alone that is no expression brings its own parentheses.
                let own = block.statements.len() > 1
                    || matches!(
                        block.statements.first(),
                        Some(Statement { kind: StatementKind::Let { .. }, .. })
                    );
                if !own {
                    self.push("(");
                }
                self.pairs(block);
                if !own {
                    self.push(")");
                }
                return;
            }
            ExprKind::ForIn(for_) => &for_.body,
            ExprKind::ForRange(for_) => &for_.body,
            ExprKind::While { body, .. } | ExprKind::Do { body, .. } => body,
            _ => return,
        };
        self.loop_head(expr);
        self.stored_body(body);
        self.push("end");
    }

    fn stored_if(&mut self, if_: &If) {
        for (at, (condition, body)) in if_.branches.iter().enumerate() {
            self.push(if at == 0 { "if " } else { "else if " });
            self.expr(condition, Level::Assign);
            self.push(" then");
            self.stored_body(body);
        }
        if let Some(body) = &if_.otherwise {
            self.push("else");
            if continues_chain(body) && body.statements.len() == 1 {
                self.push(" (");
                self.pairs(body);
                self.push(") ");
            } else {
                self.stored_body(body);
            }
        }
        self.push("end");
    }

    fn stored_switch(&mut self, switch: &Switch) {
        self.push("switch ");
        self.present(&switch.subject, Level::Order);
        self.push(" do ");
        for case in &switch.cases {
            self.labels(&case.labels);
            self.stored_body(&case.body);
        }
        if let Some(body) = &switch.default {
            self.push("default:");
            self.stored_body(body);
        }
        self.push("end");
    }

    /// A loop or `do` block up to its `do`, in both forms.
    pub(super) fn loop_head(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::ForIn(for_) => {
                self.push("for ");
                self.name(&for_.name);
                if let Some(second) = &for_.second {
                    self.push(", ");
                    self.name(second);
                }
                self.push(" in ");
                self.present(&for_.source, Level::Order);
                self.push(" do");
            }
            ExprKind::ForRange(for_) => {
                self.push("for ");
                self.name(&for_.name);
                self.push(" from ");
                self.present(&for_.from, Level::Order);
                self.push(" to ");
                self.present(&for_.to, Level::Order);
                if let Some(step) = &for_.step {
                    self.push(" step ");
                    self.present(step, Level::Order);
                }
                self.push(" do");
            }
            ExprKind::While { condition, .. } => {
                self.push("while ");
                self.present(condition, Level::Order);
                self.push(" do");
            }
            ExprKind::Do { mode, .. } => self.do_head(mode),
            _ => {}
        }
    }

    fn do_head(&mut self, mode: &DoMode) {
        self.push(match mode {
            DoMode::Plain => "do",
            DoMode::Server => "do as server",
            DoMode::Transaction => "do as transaction",
            DoMode::Deferred => "do as deferred",
            DoMode::Database(_) => "do as database ",
        });
        match mode {
            DoMode::Database(DatabaseName::Name(name)) => self.name(name),
            DoMode::Database(DatabaseName::Text(text, _)) => self.text(text),
            _ => {}
        }
    }
}
