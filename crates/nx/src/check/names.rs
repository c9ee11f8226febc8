//! What names mean (nx-language.md §5.1, "Name lookup"): first variables, then what belongs to the records at hand
//! from the innermost to the outermost, then tables.

use std::sync::Arc;

use boobook_model::{FieldId, TableId, TableSchema};
use boobook_nx_syntax::{Form, Span, ast::Name, suggest};

use super::{Checker, ContextOf, codes, expr};
use crate::{
    Base, Effect, Type, Value, functions,
    ir::{Expr, FieldAt, Kind, SystemField},
    names,
};

/// What a name in a script refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// A table.
    Table(TableId),
    /// A field of a table.
    Field(TableId, FieldId),
    /// A text that stands for an option of a choice field by its caption.
    Option(TableId, FieldId),
}

/// What a name means in a record.
enum Member {
    Field(usize),
    System(SystemField),
}

impl Checker<'_> {
    pub(super) fn this(&mut self, span: Span) -> Expr {
        let outer = self.this_in_where.last().filter(|(depth, _)| *depth == self.contexts.len());
        match outer.map(|(_, context)| context).or(self.contexts.last()) {
            Some(context) => expr(Kind::Local(context.local), context.ty, span),
            None => self.error(codes::NO_CONTEXT, span, "there is no record here that `this` could be"),
        }
    }

    /// `yes` and `no` are the booleans unless something has exactly that name (§9-4).
    pub(super) fn yes_no(&mut self, name: &Name, span: Span) -> Expr {
        let is_variable = self.variables.iter().any(|variable| *variable.name == *name.text);
        let is_field = self.contexts.iter().any(|context| match context.ty.base {
            Base::Record(table) => self
                .scope
                .schema
                .table(table)
                .is_some_and(|table| table.fields.iter().any(|field| field.caption == *name.text)),
            _ => false,
        });
        if is_variable || is_field {
            return self.name(name, span);
        }
        expr(Kind::Constant(Value::Bool(&*name.text == "yes")), Type::BOOL, span)
    }

    pub(super) fn name(&mut self, name: &Name, span: Span) -> Expr {
        if name.text.is_empty() {
            return expr(Kind::Broken("a name is missing here".into()), Type::ANY, span);
        }
        if let Some(variable) = self.variable(&name.text) {
            return expr(Kind::Local(variable.0), variable.1, span);
        }
        let contexts: Vec<ContextOf> = self.contexts.iter().rev().copied().collect();
        match self.name_in(&contexts, name, span) {
            Some(found) => found,
            None => self.unknown_name(name, span),
        }
    }

    pub(super) fn variable(&self, name: &str) -> Option<(crate::ir::Local, Type)> {
        let found = self.variables.iter().rev().find(|variable| *variable.name == *name)?;
        Some((found.local, found.ty))
    }

    /// The name in the first of the contexts that has it. An object has it or not only when it runs; then what the
    /// name means further out is what it means where the object does not have it.
    fn name_in(&mut self, contexts: &[ContextOf], name: &Name, span: Span) -> Option<Expr> {
        let (context, outer) = contexts.split_first()?;
        let of = expr(Kind::Local(context.local), context.ty, span);
        match context.ty.base {
            Base::Record(table) => match self.find_member(table, &name.text) {
                Some(member) => Some(self.member_of(of, table, &member, name.span, span)),
                None => self.name_in(outer, name, span),
            },
            Base::Any => {
                let key: Arc<str> = (&*name.text).into();
                let otherwise = self.name_in(outer, name, span);
                Some(expr(Kind::Key(Box::new(of), key, otherwise.map(Box::new)), Type::ANY, span))
            }
            _ => self.name_in(outer, name, span),
        }
    }

    fn unknown_name(&mut self, name: &Name, span: Span) -> Expr {
        let schema = self.scope.schema;
        if let Some(table) = names::table(schema, &name.text) {
            let message = format!("{} is a table; its records are `select {}`", table.caption, name.text);
            return self.error(codes::UNKNOWN_NAME, span, message);
        }
        let message = if self.contexts.is_empty() {
            format!("Name not found: {}", name.text)
        } else {
            format!("Field not found: {}", name.text)
        };
        let known: Vec<String> = self
            .variables
            .iter()
            .map(|variable| variable.name.to_string())
            .chain(
                self.contexts
                    .iter()
                    .filter_map(|context| match context.ty.base {
                        Base::Record(table) => schema.table(table),
                        _ => None,
                    })
                    .flat_map(|table| &table.fields)
                    .filter(|field| !field.is_hidden())
                    .map(|field| field.caption.clone()),
            )
            .collect();
        let near = suggest(&name.text, known.iter().map(String::as_str));
        let is_function = functions::function(&name.text).is_some()
            || self.functions.iter().any(|function| *function.name == *name.text);
        let hint = if is_function {
            Some(format!("a function is called with parentheses: {}()", name.text))
        } else {
            near.map(|near| format!("did you mean {near:?}?"))
        };
        self.error_with_hint(codes::UNKNOWN_NAME, span, message, hint)
    }

    pub(super) fn error_with_hint(
        &mut self,
        code: boobook_nx_syntax::DiagnosticCode,
        span: Span,
        message: String,
        hint: Option<String>,
    ) -> Expr {
        let broken = self.error(code, span, message);
        if let (Some(hint), Some(last)) = (hint, self.diagnostics.last_mut()) {
            last.hint = Some(hint);
        }
        broken
    }

    /// `object.name`
    pub(super) fn member(&mut self, object: Expr, name: &Name, span: Span) -> Expr {
        if name.text.is_empty() {
            return expr(Kind::Broken("a name is missing here".into()), Type::ANY, span);
        }
        let Base::Record(table) = object.ty.base else {
            return match object.ty.base {
                Base::Any | Base::AnyRecord | Base::Void => {
                    let ty = if object.ty.is_array { Type::array(Base::Any) } else { Type::ANY };
                    expr(Kind::Key(Box::new(object), (&*name.text).into(), None), ty, span)
                }
                _ => {
                    let of = self.type_name(object.ty);
                    self.error(codes::UNKNOWN_FIELD, name.span, format!("a {of} has no field {}", name.text))
                }
            };
        };
        match self.find_member(table, &name.text) {
            Some(member) => self.member_of(object, table, &member, name.span, span),
            None => {
                let table = self.scope.schema.table(table);
                let (caption, fields) =
                    table.map_or(("", &[][..]), |table| (&*table.caption, &table.fields[..]));
                let near = suggest(
                    &name.text,
                    fields.iter().filter(|f| !f.is_hidden()).map(|field| &*field.caption),
                );
                let hint = near.map(|near| format!("did you mean {near:?}?"));
                let message = format!("Field not found: {} (in table {caption})", name.text);
                self.error_with_hint(codes::UNKNOWN_FIELD, name.span, message, hint)
            }
        }
    }

    fn find_member(&self, table: TableId, name: &str) -> Option<Member> {
        let table = self.scope.schema.table(table)?;
        let by_id = || names::field_slot_by_id(table, name);
        let slot = match self.scope.form {
            Form::Ids => by_id().or_else(|| names::field_slot(table, name)),
            Form::Human => names::field_slot(table, name),
        };
        let slot = slot.or_else(|| names::field_slot_with_table(table, name));
        slot.map(Member::Field).or_else(|| names::system_field(name).map(Member::System))
    }

    fn member_of(&mut self, of: Expr, table: TableId, member: &Member, name: Span, span: Span) -> Expr {
        match *member {
            Member::System(field) => {
                let base = match field {
                    SystemField::Id => Base::Record(table),
                    SystemField::Number | SystemField::Sequence => Base::Number,
                    SystemField::CreatedAt | SystemField::ModifiedAt => Base::DateTime,
                    SystemField::CreatedBy | SystemField::ModifiedBy => Base::User,
                };
                let ty = Type { base, is_array: of.ty.is_array };
                self.raise(Effect::Reads);
                expr(Kind::System(Box::new(of), field), ty, span)
            }
            Member::Field(slot) => {
                let schema = self.scope.schema;
                let Some(table_schema) = schema.table(table) else {
                    return self.error(codes::UNKNOWN_TABLE, span, "Table not found");
                };
                self.references.push((name, Reference::Field(table, table_schema.fields[slot].id)));
                self.raise(Effect::Reads);
                self.field_of(of, table_schema, slot, span)
            }
        }
    }

    /// A field of an expression that is a record of the table, or many.
    pub(super) fn field_of(&mut self, of: Expr, table: &TableSchema, slot: usize, span: Span) -> Expr {
        let field = &table.fields[slot];
        let at = FieldAt { table: table.id, slot: slot as u16 };
        let of_many = of.ty.is_array;
        let many = |ty: Type| Type { base: ty.base, is_array: ty.is_array || of_many };
        if field.is_stored() {
            return expr(Kind::Field(Box::new(of), at), many(Type::of_field(table.id, field)), span);
        }
        if let Some((target, pair)) = field.target.zip(field.pair) {
            let schema = self.scope.schema;
            if let Some(slot) = schema.table(target).and_then(|target| target.slot(pair)) {
                let at = FieldAt { table: target, slot: slot as u16 };
                return expr(Kind::Reverse(Box::new(of), at), Type::array(Base::Record(target)), span);
            }
        }
        match (self.scope.formula_type)(at) {
            Ok(ty) => expr(Kind::Formula(Box::new(of), at), many(ty), span),
            Err(message) => self.error(codes::FORMULA_CYCLE, span, message),
        }
    }

    /// Notes texts that stand for options of a choice: a value that is compared with it or assigned to it.
    pub(super) fn note_options(&mut self, choice: Type, value: &Expr) {
        let (Base::Choice(Some(of)) | Base::Multi(Some(of))) = choice.base else { return };
        match &value.kind {
            Kind::Constant(Value::Text(_)) => {
                let span = Span::new(value.span.0, value.span.1);
                self.references.push((span, Reference::Option(of.table, of.field)));
            }
            Kind::Array(items) => items.iter().for_each(|item| self.note_options(choice, item)),
            Kind::If(parts) => parts[1..].iter().for_each(|branch| self.note_options(choice, branch)),
            Kind::Sequence(statements) => {
                statements.last().into_iter().for_each(|last| self.note_options(choice, last));
            }
            Kind::Switch(switch) => {
                let bodies = switch.cases.iter().map(|(_, body)| body).chain(&switch.default);
                bodies.for_each(|body| self.note_options(choice, body));
            }
            _ => {}
        }
    }

    /// The table of a name.
    pub(super) fn table(&mut self, name: &Name) -> Option<TableId> {
        // The parser has told so already.
        if name.text.is_empty() {
            return None;
        }
        if let Some(table) = self.known_table(name) {
            return Some(table);
        }
        let schema = self.scope.schema;
        let near = suggest(&name.text, schema.tables.iter().map(|table| &*table.caption));
        let hint = near.map(|near| format!("did you mean {near:?}?"));
        self.error_with_hint(
            codes::UNKNOWN_TABLE,
            name.span,
            format!("Table not found: {}", name.text),
            hint,
        );
        None
    }

    /// The table of a name, where there is one.
    pub(super) fn known_table(&mut self, name: &Name) -> Option<TableId> {
        let schema = self.scope.schema;
        let by_id = || name.text.parse().ok().and_then(|id| schema.table(id)).map(|table| &**table);
        let found = match self.scope.form {
            Form::Ids => by_id().or_else(|| names::table(schema, &name.text)),
            Form::Human => names::table(schema, &name.text),
        };
        let table = found?.id;
        self.references.push((name.span, Reference::Table(table)));
        Some(table)
    }
}
