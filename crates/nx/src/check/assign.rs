//! Assignments, and making, deleting and copying records (nx-language.md §2.3 "Assignment targets", §3.2).

use std::sync::Arc;

use boobook_nx_syntax::{
    Span,
    ast::{Expr as Ast, ExprKind, Name},
};

use super::{Checker, codes, expr};
use crate::{
    Base, Effect, Type, Value,
    ir::{Expr, Kind, Local},
};

impl Checker<'_> {
    pub(super) fn assign(&mut self, target: &Ast, value: &Ast, span: Span) -> Expr {
        if let ExprKind::Name(name) = &target.kind
            && let Some((local, ty)) = self.variable(&name.text)
        {
            let value = self.expr(value);
            return self.assign_variable(local, ty, value, span);
        }
        if let Some((local, path)) = self.key_path(target) {
            let value = self.expr(value);
            let ty = value.ty;
            return expr(Kind::SetKey(local, path, Box::new(value)), ty, span);
        }
        let target_span = target.span;
        let target = self.expr(target);
        let value = self.expr(value);
        self.assign_field(target, value, target_span, span)
    }

    fn assign_variable(&mut self, local: Local, ty: Type, value: Expr, span: Span) -> Expr {
        let is_null = matches!(value.kind, Kind::Constant(Value::Null));
        // An array that began empty takes items of any type.
        let begins_any = ty.base == Base::Any && (ty.is_array == value.ty.is_array || !ty.is_array);
        let is_convertible = match (ty.base, value.ty.base) {
            _ if ty.is_array != value.ty.is_array && !value.ty.is_any() => false,
            (_, Base::Any) | (Base::Text(_), _) => true,
            (Base::Date, Base::DateTime) | (Base::DateTime, Base::Date) => true,
            (Base::Choice(_), Base::Choice(_)) | (Base::Multi(_), Base::Multi(_)) => true,
            _ => false,
        };
        if !(is_null || begins_any || ty == value.ty || is_convertible) {
            let (from, to) = (self.type_name(value.ty), self.type_name(ty));
            let message = format!("the variable holds {to}; {from} cannot be assigned to it");
            return self.error(codes::TYPE_MISMATCH, span, message);
        }
        let value = self.converted(value, ty);
        expr(Kind::SetLocal(local, Box::new(value)), ty, span)
    }

    /// `variable.key.key`, where the variable holds JSON.
    fn key_path(&self, target: &Ast) -> Option<(Local, Vec<Arc<str>>)> {
        match &target.kind {
            ExprKind::Member { object, name } => {
                let (local, mut path) = match &object.kind {
                    ExprKind::Name(variable) => {
                        let (local, ty) = self.variable(&variable.text)?;
                        (local, if ty.is_any() { Vec::new() } else { return None })
                    }
                    _ => self.key_path(object)?,
                };
                path.push((&*name.text).into());
                Some((local, path))
            }
            _ => None,
        }
    }

    fn assign_field(&mut self, target: Expr, value: Expr, target_span: Span, span: Span) -> Expr {
        match target.kind {
            Kind::Field(of, at) => {
                self.raise(Effect::Writes);
                if let Some(message) = self.misfit(target.ty, value.ty) {
                    return self.error(codes::TYPE_MISMATCH, span, message);
                }
                self.note_options(target.ty, &value);
                let ty = value.ty;
                expr(Kind::SetField(Box::new((*of, value)), at), ty, span)
            }
            Kind::Formula(..) => self.error(codes::READ_ONLY, target_span, "a formula cannot be assigned to"),
            Kind::Reverse(..) => {
                let message =
                    "the many side of a relation cannot be assigned to; set the link in its records";
                self.error(codes::READ_ONLY, target_span, message)
            }
            Kind::System(..) => {
                self.error(codes::READ_ONLY, target_span, "a system field cannot be assigned to")
            }
            Kind::Broken(_) => target,
            // A key of JSON that is in no variable, or of a record that is known only when it runs.
            Kind::Key(of, key, _) => {
                self.raise(Effect::Writes);
                let key = expr(Kind::Constant(Value::Text(key)), Type::TEXT, target_span);
                expr(Kind::Set(Box::new([*of, key, value])), Type::VOID, span)
            }
            _ => self.error(codes::READ_ONLY, target_span, "only variables and fields can be assigned to"),
        }
    }

    /// Why a field does not take such a value, as far as can be known (§3.2).
    fn misfit(&self, field: Type, value: Type) -> Option<String> {
        use Base::{
            Any, Appointment, Bool, Choice, Date, DateTime, Interval, Multi, Number, Record, Text, Time, Void,
        };
        let fits = match (field.base, value.base) {
            (_, Any | Void) => true,
            (a, b) if a == b => true,
            (Record(_), Record(_)) => false,
            (Record(_), other) => matches!(other, Number),
            (Text(_), other) => !matches!(other, Record(_) | Appointment),
            (Number, other) => !matches!(other, Record(_) | Appointment | Bool),
            (Bool, other) => matches!(other, Number),
            (Choice(_) | Multi(_), other) => {
                matches!(other, Number | Text(_) | Choice(_) | Multi(_))
            }
            (Date | DateTime, other) => matches!(other, Date | DateTime | Number),
            (Time, other) => matches!(other, DateTime | Number),
            (Interval, other) => matches!(other, Time | Number),
            (Appointment, _) => false,
            _ => true,
        };
        if fits {
            return None;
        }
        Some(format!(
            "the field holds {}; {} cannot be assigned to it",
            self.type_name(field),
            self.type_name(value)
        ))
    }

    pub(super) fn create(&mut self, table: &Name, span: Span) -> Expr {
        self.raise(Effect::Writes);
        match self.table(table) {
            Some(table) => expr(Kind::Create(table), Type::one(Base::Record(table)), span),
            None => expr(Kind::Broken(format!("Table not found: {}", table.text).into()), Type::ANY, span),
        }
    }

    pub(super) fn delete(&mut self, of: &Ast, span: Span) -> Expr {
        self.raise(Effect::Writes);
        let of = self.expr(of);
        match of.ty.base {
            Base::Record(_) | Base::Any | Base::Void | Base::AnyRecord => {
                expr(Kind::Delete(Box::new(of)), Type::VOID, span)
            }
            _ => {
                let ty = self.type_name(of.ty);
                self.error(codes::TYPE_MISMATCH, span, format!("`delete` takes records, not {ty}"))
            }
        }
    }

    pub(super) fn duplicate(&mut self, of: &Ast, span: Span) -> Expr {
        self.raise(Effect::Writes);
        let of = self.expr(of);
        match of.ty.base {
            Base::Record(_) | Base::Any | Base::Void | Base::AnyRecord => {
                let ty = of.ty;
                expr(Kind::Duplicate(Box::new(of)), ty, span)
            }
            _ => {
                let ty = self.type_name(of.ty);
                self.error(codes::TYPE_MISMATCH, span, format!("`duplicate` takes records, not {ty}"))
            }
        }
    }
}
