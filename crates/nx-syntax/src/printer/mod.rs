//! A syntax tree to text.
//!
//! What the forms share is here: operands, literals, names. [`human`] lays blocks out in lines, [`ids`] nests them as
//! the stored form does. Printing what was parsed from printed text gives the same text again.

mod human;
mod ids;
mod operators;

use crate::{
    ast::{Expr, ExprKind, Key, Name, Pair, Script, Select, TemplatePart, Type, TypeKind},
    level::Level,
    lexer::is_word,
    limits::Limits,
    token::TokenKind,
};
use operators::is_operation;

/// How a script is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// For people: lines, tabs, an `end` for every block, no parentheses that are not needed.
    Human,
    /// As it is stored: on one line, every operation in parentheses (unless they would nest too deeply), sequences as
    /// nested pairs, `var` for `let`.
    Ids,
}

/// Writes the script. `names` may give another text for a name, which it finds by its span; quotes are set as the new
/// text needs them. It is asked for every name that may refer to something, the places of declaration included, but
/// not for the keys of objects. A comment is written as a text that stands as a statement.
pub fn print(script: &Script, form: Form, names: &dyn Fn(&Name) -> Option<String>) -> String {
    let printed = |wraps: bool| {
        let (out, indent, depth, depth_max) = (String::new(), 0, 0, 0);
        let mut printer = Printer { out, form, names, indent, wraps, depth, depth_max };
        match form {
            Form::Human => printer.lines(&script.body),
            Form::Ids => printer.pairs(&script.body),
        }
        printer
    };
    let mut printer = printed(form == Form::Ids);
    // What was read must be read again once it is stored: where parentheses that are not needed would nest deeper than
    // the parser goes, there are none.
    if printer.wraps && printer.depth_max > Limits::DEFAULT.nesting_max {
        printer = printed(false);
    }
    printer.out
}

struct Printer<'a> {
    out: String,
    form: Form,
    names: &'a dyn Fn(&Name) -> Option<String>,
    indent: usize,
    /// Every operation stands in parentheses.
    wraps: bool,
    /// Expressions around, those twice that have parentheses of the stored form.
    depth: u32,
    depth_max: u32,
}

impl Printer<'_> {
    fn push(&mut self, text: &str) {
        // Three dashes would open a template.
        if text.starts_with('-') && self.out.ends_with('-') {
            self.out.push(' ');
        }
        self.out.push_str(text);
    }

    /// An expression where operators must bind at least as tightly as `least`.
    fn expr(&mut self, expr: &Expr, least: Level) {
        if self.needs_parentheses(expr, least) {
            self.push("(");
            self.bare(expr);
            self.push(")");
        } else {
            self.bare(expr);
        }
    }

    /// An expression in a place where nothing at all would be read as something else.
    fn present(&mut self, expr: &Expr, least: Level) {
        if matches!(expr.kind, ExprKind::Missing) {
            self.push("()");
        } else {
            self.expr(expr, least);
        }
    }

    fn bare(&mut self, expr: &Expr) {
        let wrapped = u32::from(self.wraps && is_operation(expr));
        self.depth += 1 + wrapped;
        self.depth_max = self.depth_max.max(self.depth);
        self.kind(expr);
        self.depth -= 1 + wrapped;
    }

    fn kind(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Missing => {}
            ExprKind::Number(text) => self.push(text),
            ExprKind::Text(text) => self.text(text),
            ExprKind::Template(parts) => self.template(parts),
            ExprKind::Bool(value) => self.push(if *value { "true" } else { "false" }),
            ExprKind::YesNo(name) => match (self.names)(name) {
                Some(other) => self.name_text(&other),
                None => self.push(if &*name.text == "yes" { "true" } else { "false" }),
            },
            ExprKind::Null => self.push("null"),
            ExprKind::Void => self.push("void"),
            ExprKind::This => self.push("this"),
            ExprKind::Break => self.push("break"),
            ExprKind::Name(name) => self.name(name),
            ExprKind::Call { function, arguments } => {
                self.name(function);
                self.items("(", arguments, ")");
            }
            ExprKind::Array(items) => self.items("[", items, "]"),
            ExprKind::Object(pairs) => self.object(pairs),
            ExprKind::Create(table) => {
                self.push("create ");
                self.name(table);
            }
            ExprKind::Delete(target) => {
                self.push("delete ");
                self.present(target, Level::Or);
            }
            ExprKind::Duplicate(record) => {
                self.push("duplicate(");
                self.expr(record, Level::Assign);
                self.push(")");
            }
            ExprKind::Select(select) => self.select(select),
            ExprKind::Member { object, name } => {
                self.member_object(object);
                self.name(name);
            }
            ExprKind::MemberCall { object, function, arguments } => {
                self.member_object(object);
                self.name(function);
                self.items("(", arguments, ")");
            }
            ExprKind::Filter { object, condition } => {
                self.present(object, Level::Postfix);
                self.push("[");
                self.expr(condition, Level::Assign);
                self.push("]");
            }
            ExprKind::Unary { .. } | ExprKind::Binary(_) | ExprKind::Assign { .. } | ExprKind::Order(_) => {
                self.operation(expr);
            }
            ExprKind::RecordBlock { object, body } => {
                self.member_object(object);
                self.record_block(body);
            }
            _ if self.form == Form::Human => self.human_construct(expr),
            _ => self.ids_construct(expr),
        }
    }

    fn member_object(&mut self, object: &Expr) {
        self.present(object, Level::Postfix);
        self.push(".");
    }

    fn items(&mut self, opening: &str, items: &[Expr], closing: &str) {
        self.push(opening);
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.push(", ");
            }
            self.present(item, Level::Assign);
        }
        self.push(closing);
    }

    fn object(&mut self, pairs: &[Pair]) {
        self.push("{");
        for (at, pair) in pairs.iter().enumerate() {
            if at > 0 {
                self.push(", ");
            }
            match &pair.key {
                // Keywords are keys as they are.
                Key::Name(name) if is_word(&name.text) => self.push(&name.text),
                Key::Name(name) => self.quoted_name(&name.text),
                Key::Text(text, _) => self.text(text),
                Key::Number(text, _) => self.push(text),
            }
            self.push(": ");
            self.expr(&pair.value, Level::Assign);
        }
        self.push("}");
    }

    fn select(&mut self, select: &Select) {
        self.push("select ");
        self.name(&select.table);
        if let Some(filter) = &select.filter {
            self.push("[");
            self.expr(filter, Level::Assign);
            self.push("]");
        }
        if let Some(condition) = &select.condition {
            self.push(" where ");
            self.present(condition, Level::Or);
        }
        if let Some(order) = &select.order {
            self.order_key(order);
        }
        if let Some((from, to)) = &select.range {
            self.push(" from ");
            self.present(from, Level::Add);
            self.push(" to ");
            self.present(to, Level::Add);
        }
        if let Some(limit) = &select.limit {
            self.push(" limit ");
            self.present(limit, Level::Add);
        }
    }

    fn text(&mut self, text: &str) {
        self.push("\"");
        self.out.push_str(&text.replace('"', "\"\""));
        self.out.push('"');
    }

    /// Text in a template cannot hold `{` nor `---`, nor end in a dash; those become expressions.
    fn template(&mut self, parts: &[TemplatePart]) {
        self.push("---");
        for (at, part) in parts.iter().enumerate() {
            match part {
                TemplatePart::Text(text) => {
                    let plain = if at + 1 == parts.len() { text.trim_end_matches('-') } else { text };
                    let dashes = &text[plain.len()..];
                    let plain = plain.replace('{', "{\"{\"}").replace("---", "{\"---\"}");
                    self.out.push_str(&plain);
                    if !dashes.is_empty() {
                        self.out.push_str("{\"");
                        self.out.push_str(dashes);
                        self.out.push_str("\"}");
                    }
                }
                TemplatePart::Hole(body) => {
                    self.out.push('{');
                    self.inline(body);
                    self.out.push('}');
                }
            }
        }
        self.out.push_str("---");
    }

    fn name(&mut self, name: &Name) {
        match (self.names)(name) {
            Some(other) => self.name_text(&other),
            None => self.name_text(&name.text),
        }
    }

    /// A name, in quotes if it needs them: it is not a word, or it is a keyword, if only in some place where names stand.
    fn name_text(&mut self, text: &str) {
        let is_keyword =
            TokenKind::reserved(text).is_some() || matches!(text, "by" | "as" | "case" | "default");
        if is_word(text) && !is_keyword { self.push(text) } else { self.quoted_name(text) }
    }

    fn quoted_name(&mut self, text: &str) {
        self.push("'");
        self.out.push_str(&text.replace('\'', "''"));
        self.out.push('\'');
    }

    fn type_(&mut self, type_: &Type) {
        match &type_.kind {
            TypeKind::Builtin(builtin) => self.push(builtin.word()),
            TypeKind::Table(name) => {
                let text = (self.names)(name).unwrap_or_else(|| name.text.to_string());
                let is_type =
                    crate::ast::BuiltinType::from_word(&text).is_some() || text == "nid" || text == "rid";
                if is_type { self.quoted_name(&text) } else { self.name_text(&text) }
            }
            TypeKind::Nid(table) | TypeKind::Rid(table) => {
                self.push(if matches!(type_.kind, TypeKind::Nid(_)) { "nid(" } else { "rid(" });
                self.name(table);
                self.push(")");
            }
            TypeKind::Array(item) => {
                self.push("[");
                self.type_(item);
                self.push("]");
            }
        }
    }
}
