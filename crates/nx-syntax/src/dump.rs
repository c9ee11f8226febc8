//! The tree as text, for tests and for people who wonder how a script is read.

use std::fmt::Write;

use crate::{
    ast::{
        Block, DatabaseName, DoMode, Expr, ExprKind, Function, Key, Name, OrderKey, Pair, Script, Statement,
        StatementKind, TemplatePart, Type, TypeKind,
    },
    lexer::is_word,
    token::TokenKind,
};

/// A line for each statement; every operation in parentheses, every block in `⟨…⟩`, what is missing as `∅`. Trees that
/// are equal but for their spans, quotes that were not needed and the spelling of `true` give the same text, and a
/// comment gives that of the text it is printed as.
pub fn dump(script: &Script) -> String {
    let mut dump = Dump(String::new());
    for statement in &script.body.statements {
        dump.statement(statement);
        dump.0.push('\n');
    }
    dump.0
}

struct Dump(String);

impl Dump {
    fn block(&mut self, block: &Block) {
        self.0.push('⟨');
        self.list(&block.statements, "; ", Self::statement);
        self.0.push('⟩');
    }

    fn list<T>(&mut self, items: &[T], separator: &str, item: fn(&mut Self, &T)) {
        for (at, one) in items.iter().enumerate() {
            if at > 0 {
                self.0.push_str(separator);
            }
            item(self, one);
        }
    }

    fn statement(&mut self, statement: &Statement) {
        match &statement.kind {
            StatementKind::Let { name, value } => {
                self.0.push_str("let ");
                self.name(name);
                self.0.push_str(" := ");
                self.expr(value);
            }
            StatementKind::Function(function) => self.function(function),
            StatementKind::Comment(text) => self.text(text),
            StatementKind::Expr(expr) => self.expr(expr),
        }
    }

    fn function(&mut self, function: &Function) {
        self.0.push_str("function ");
        self.name(&function.name);
        self.0.push('(');
        self.list(&function.parameters, ", ", |d, p| {
            d.name(&p.name);
            d.0.push_str(" : ");
            d.type_(&p.type_);
        });
        self.0.push(')');
        if let Some(result) = &function.result {
            self.0.push_str(" : ");
            self.type_(result);
        }
        self.0.push(' ');
        self.block(&function.body);
    }

    fn type_(&mut self, type_: &Type) {
        let (head, table) = match &type_.kind {
            TypeKind::Builtin(builtin) => return self.0.push_str(builtin.word()),
            TypeKind::Array(item) => {
                self.0.push('[');
                self.type_(item);
                return self.0.push(']');
            }
            TypeKind::Table(table) => ("table", table),
            TypeKind::Nid(table) => ("nid", table),
            TypeKind::Rid(table) => ("rid", table),
        };
        self.0.push_str(head);
        self.0.push('(');
        self.name(table);
        self.0.push(')');
    }

    fn name(&mut self, name: &Name) {
        if name.text.is_empty() {
            self.0.push('∅');
        } else if is_word(&name.text) && TokenKind::reserved(&name.text).is_none() {
            self.0.push_str(&name.text);
        } else {
            let _ = write!(self.0, "'{}'", name.text.replace('\'', "''"));
        }
    }

    fn text(&mut self, text: &str) {
        let _ = write!(self.0, "{text:?}");
    }

    fn key(&mut self, order: &OrderKey) {
        self.0.push_str(" order by ");
        self.expr(&order.key);
        if order.descending {
            self.0.push_str(" desc");
        }
    }

    fn pair(&mut self, pair: &Pair) {
        match &pair.key {
            Key::Name(name) => self.name(name),
            Key::Text(text, _) => self.text(text),
            Key::Number(text, _) => self.0.push_str(text),
        }
        self.0.push_str(": ");
        self.expr(&pair.value);
    }

    fn part(&mut self, part: &TemplatePart) {
        match part {
            TemplatePart::Text(text) => self.text(text),
            TemplatePart::Hole(body) => self.block(body),
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Missing => self.0.push('∅'),
            ExprKind::Number(text) => self.0.push_str(text),
            ExprKind::Text(text) => self.text(text),
            ExprKind::Bool(value) => self.0.push_str(if *value { "true" } else { "false" }),
            ExprKind::YesNo(name) => self.0.push_str(if &*name.text == "yes" { "true" } else { "false" }),
            ExprKind::Null => self.0.push_str("null"),
            ExprKind::Void => self.0.push_str("void"),
            ExprKind::This => self.0.push_str("this"),
            ExprKind::Break => self.0.push_str("break"),
            ExprKind::Name(name) => self.name(name),
            ExprKind::Template(parts) => self.wrapped("template(", parts, ")", Self::part),
            ExprKind::Array(items) => self.wrapped("[", items, "]", Self::expr),
            ExprKind::Object(pairs) => self.wrapped("{", pairs, "}", Self::pair),
            ExprKind::Block(block) => self.block(block),
            ExprKind::Call { function, arguments } => {
                self.name(function);
                self.wrapped("(", arguments, ")", Self::expr);
            }
            _ => {
                self.0.push('(');
                self.composite(expr);
                self.0.push(')');
            }
        }
    }

    fn wrapped<T>(&mut self, opening: &str, items: &[T], closing: &str, item: fn(&mut Self, &T)) {
        self.0.push_str(opening);
        self.list(items, ", ", item);
        self.0.push_str(closing);
    }

    fn composite(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Unary { operator, operand } => {
                let _ = write!(self.0, "{} ", operator.text());
                self.expr(operand);
            }
            ExprKind::Binary(chain) => {
                self.expr(&chain.first);
                for (operator, operand) in &chain.rest {
                    let _ = write!(self.0, " {} ", operator.text());
                    self.expr(operand);
                }
            }
            ExprKind::Assign { target, value } => {
                self.expr(target);
                self.0.push_str(" := ");
                self.expr(value);
            }
            ExprKind::Order(order) => {
                self.expr(&order.source);
                self.key(&order.key);
            }
            ExprKind::Member { object, name } => {
                self.expr(object);
                self.0.push_str(" . ");
                self.name(name);
            }
            ExprKind::MemberCall { object, function, arguments } => {
                self.expr(object);
                self.0.push_str(" . ");
                self.name(function);
                self.wrapped("(", arguments, ")", Self::expr);
            }
            ExprKind::RecordBlock { object, body } => {
                self.expr(object);
                self.0.push_str(" . ");
                self.block(body);
            }
            ExprKind::Filter { object, condition } => {
                self.expr(object);
                self.wrapped("[", std::slice::from_ref(&**condition), "]", Self::expr);
            }
            ExprKind::Create(table) => {
                self.0.push_str("create ");
                self.name(table);
            }
            ExprKind::Delete(target) => {
                self.0.push_str("delete ");
                self.expr(target);
            }
            ExprKind::Duplicate(record) => {
                self.0.push_str("duplicate ");
                self.expr(record);
            }
            _ => self.construct(expr),
        }
    }

    fn construct(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::If(if_) => {
                for (at, (condition, body)) in if_.branches.iter().enumerate() {
                    self.0.push_str(if at == 0 { "if " } else { " else if " });
                    self.expr(condition);
                    self.0.push(' ');
                    self.block(body);
                }
                self.opt_block(" else ", if_.otherwise.as_ref());
            }
            ExprKind::Switch(switch) => {
                self.0.push_str("switch ");
                self.expr(&switch.subject);
                for case in &switch.cases {
                    self.wrapped(" case ", &case.labels, " ", Self::expr);
                    self.block(&case.body);
                }
                self.opt_block(" default ", switch.default.as_ref());
            }
            ExprKind::ForIn(for_) => {
                self.0.push_str("for ");
                self.name(&for_.name);
                if let Some(second) = &for_.second {
                    self.0.push_str(", ");
                    self.name(second);
                }
                self.0.push_str(" in ");
                self.expr(&for_.source);
                self.opt_block(" ", Some(&for_.body));
            }
            ExprKind::ForRange(for_) => {
                self.0.push_str("for ");
                self.name(&for_.name);
                self.opt_expr(" from ", Some(&for_.from));
                self.opt_expr(" to ", Some(&for_.to));
                self.opt_expr(" step ", for_.step.as_ref());
                self.opt_block(" ", Some(&for_.body));
            }
            ExprKind::While { condition, body } => {
                self.opt_expr("while ", Some(condition));
                self.opt_block(" ", Some(body));
            }
            ExprKind::Do { mode, body } => {
                self.mode(mode);
                self.opt_block(" ", Some(body));
            }
            ExprKind::Select(select) => {
                self.0.push_str("select ");
                self.name(&select.table);
                if let Some(filter) = &select.filter {
                    self.wrapped("[", std::slice::from_ref(filter), "]", Self::expr);
                }
                self.opt_expr(" where ", select.condition.as_ref());
                if let Some(order) = &select.order {
                    self.key(order);
                }
                if let Some((from, to)) = &select.range {
                    self.opt_expr(" from ", Some(from));
                    self.opt_expr(" to ", Some(to));
                }
                self.opt_expr(" limit ", select.limit.as_ref());
            }
            _ => {}
        }
    }

    fn opt_block(&mut self, head: &str, block: Option<&Block>) {
        if let Some(block) = block {
            self.0.push_str(head);
            self.block(block);
        }
    }

    fn opt_expr(&mut self, head: &str, expr: Option<&Expr>) {
        if let Some(expr) = expr {
            self.0.push_str(head);
            self.expr(expr);
        }
    }

    fn mode(&mut self, mode: &DoMode) {
        match mode {
            DoMode::Plain => self.0.push_str("do"),
            DoMode::Server => self.0.push_str("do as server"),
            DoMode::Transaction => self.0.push_str("do as transaction"),
            DoMode::Deferred => self.0.push_str("do as deferred"),
            DoMode::Database(DatabaseName::Name(name)) => {
                self.0.push_str("do as database ");
                self.name(name);
            }
            DoMode::Database(DatabaseName::Text(text, _)) => {
                self.0.push_str("do as database ");
                self.text(text);
            }
        }
    }
}
