//! Calls: functions of the script, built-in ones, and those that take a table, a field or code instead of a value.

use std::sync::{Arc, OnceLock};

use boobook_nx_syntax::{
    Span,
    ast::{BuiltinType, Expr as Ast, ExprKind, Function, Name, Type as AstType, TypeKind},
    suggest,
};

use super::{Checker, Variable, codes, expr};
use crate::{
    Base, Effect, FunctionDef, ParamType, Run, Signature, TextKind, Type, Value, functions,
    ir::{Aggregate, Expr, Kind, Program, UserFunction},
    names,
};

impl Checker<'_> {
    pub(super) fn call(&mut self, name: &Name, arguments: &[Ast], span: Span) -> Expr {
        let user = self.functions.iter().rev().find(|function| *function.name == *name.text).cloned();
        if let Some(function) = user {
            return self.call_user(function, arguments, span);
        }
        if let Some(special) = self.special(&name.text, arguments, span) {
            return special;
        }
        let arguments: Vec<Expr> = arguments.iter().map(|argument| self.expr(argument)).collect();
        let Some(def) = functions::function(&name.text) else {
            let known = functions::all().map(|def| def.name);
            let user = self.functions.iter().map(|function| &*function.name);
            let near = || suggest(&name.text, known.chain(user)).map(|near| format!("did you mean {near}?"));
            let hint = functions::foreign(&name.text).map(str::to_owned).or_else(near);
            return self.error_with_hint(
                codes::UNKNOWN_FUNCTION,
                name.span,
                format!("Function is not defined: {}", name.text),
                hint,
            );
        };
        self.call_built_in(def, arguments, span)
    }

    /// A built-in function: the first of its forms that takes these arguments.
    pub(super) fn call_built_in(
        &mut self,
        def: &'static FunctionDef,
        arguments: Vec<Expr>,
        span: Span,
    ) -> Expr {
        let types: Vec<Type> = arguments.iter().map(|argument| argument.ty).collect();
        let mut fitting: Vec<_> = def
            .overloads
            .iter()
            .filter(|overload| !matches!(overload.run, Run::Compiled))
            .map(|overload| (overload, Signature::parse(overload.signature)))
            .filter(|(_, signature)| signature.fits(&types))
            .collect();
        let best = fitting.iter().position(|(_, signature)| signature.fits_well(&types)).unwrap_or(0);
        if fitting.is_empty() {
            let given: Vec<String> = types.iter().map(|&ty| self.type_name(ty)).collect();
            return self.error_with_hint(
                codes::UNKNOWN_FUNCTION,
                span,
                format!("Function is not defined: {}({})", def.name, given.join(", ")),
                Some(forms_hint(def, &types)),
            );
        }
        let (overload, signature) = fitting.swap_remove(best);
        self.raise(def.effect);
        if let ("cnt" | "count", [Expr { kind: Kind::Select(_), .. }]) = (def.name, &arguments[..]) {
            let Some(Expr { kind: Kind::Select(select), .. }) = arguments.into_iter().next() else {
                return self.error(codes::UNKNOWN_FUNCTION, span, "nothing to count");
            };
            return expr(Kind::Count(select), Type::NUMBER, span);
        }
        if let (Some(aggregate), [Expr { kind: Kind::Field(_, at), .. }]) =
            (Aggregate::of(def.name), &arguments[..])
        {
            let at = *at;
            let field = self.scope.schema.table(at.table).and_then(|t| t.fields.get(usize::from(at.slot)));
            if field.is_some_and(|field| field.kind.base() == "number") && arguments[0].ty.is_array {
                let Some(Expr { kind: Kind::Field(of, _), .. }) = arguments.into_iter().next() else {
                    return self.error(codes::UNKNOWN_FUNCTION, span, "nothing to add up");
                };
                return expr(Kind::Aggregate(aggregate, of, at), Type::NUMBER, span);
            }
        }
        if matches!(def.name, "chosen" | "contains" | "index")
            && let [of, wanted] = &arguments[..]
        {
            self.note_options(of.ty, wanted);
        }
        let is_text = matches!(def.name, "text" | "string");
        let converted = arguments.into_iter().enumerate().map(|(at, argument)| {
            let argument = if is_text { self.shown(argument) } else { argument };
            match signature.param(at).map(|param| param.ty) {
                Some(ParamType::One(base)) if is_convertible(base) => {
                    self.converted(argument, Type::one(base))
                }
                _ => argument,
            }
        });
        let arguments = converted.collect();
        expr(Kind::Call(def, overload, arguments), signature.result(&types), span)
    }

    fn call_user(&mut self, function: Arc<UserFunction>, arguments: &[Ast], span: Span) -> Expr {
        if arguments.len() != function.parameters.len() {
            let (count, given) = (function.parameters.len(), arguments.len());
            let noun = if count == 1 { "argument" } else { "arguments" };
            let message = format!("{} takes {count} {noun}, not {given}", function.name);
            return self.error(codes::UNKNOWN_FUNCTION, span, message);
        }
        let mut given = Vec::with_capacity(arguments.len());
        for (argument, &ty) in arguments.iter().zip(&function.parameters) {
            let argument = self.expr(argument);
            given.push(self.converted(argument, ty));
        }
        // One that is being compiled calls itself: what it does to the world is added when its body is done.
        let effect = function.program.get().map_or(Effect::Pure, |program| program.effect);
        self.raise(effect);
        let ty = function.result.get().copied().unwrap_or(Type::ANY);
        expr(Kind::CallUser(function, given), ty, span)
    }

    /// Name and parameters of a function; its body comes when all heads are known.
    pub(super) fn function_head(&mut self, function: &Function) -> Arc<UserFunction> {
        let parameters = function.parameters.iter().map(|parameter| self.type_of(&parameter.type_)).collect();
        let head = Arc::new(UserFunction {
            name: (&*function.name.text).into(),
            parameters,
            result: OnceLock::new(),
            program: OnceLock::new(),
        });
        if let Some(result) = &function.result {
            let ty = self.type_of(result);
            // The lock is new: nobody has set it.
            let _ = head.result.set(ty);
        }
        self.functions.push(Arc::clone(&head));
        self.defined.push(Arc::clone(&head));
        head
    }

    /// Compiles a body in a frame of its own: a function sees no variables and no record of the script around it.
    pub(super) fn function_body(&mut self, head: &Arc<UserFunction>, function: &Function) {
        let variables = std::mem::take(&mut self.variables);
        let contexts = std::mem::take(&mut self.contexts);
        let (next, locals, effect, loops) = (self.next, self.locals, self.effect, self.loops);
        (self.next, self.locals, self.effect, self.loops) = (0, 0, Effect::Pure, 0);
        for (parameter, &ty) in function.parameters.iter().zip(&head.parameters) {
            if self.variables.iter().any(|variable| *variable.name == *parameter.name.text) {
                let message = format!("two parameters are called {}", parameter.name.text);
                self.error(codes::DUPLICATE_NAME, parameter.name.span, message);
            }
            let local = self.new_local();
            self.variables.push(Variable { name: parameter.name.text.clone(), local, ty });
        }
        let parameters = self.next;
        let body = self.block(&function.body);
        let body = match head.result.get() {
            Some(&ty) => self.converted(body, ty),
            None => body,
        };
        let _ = head.result.set(body.ty);
        let program = Program { body, locals: self.locals, parameters, effect: self.effect };
        let _ = head.program.set(program);
        (self.variables, self.contexts) = (variables, contexts);
        (self.next, self.locals, self.effect, self.loops) = (next, locals, effect, loops);
    }

    fn type_of(&mut self, ty: &AstType) -> Type {
        match &ty.kind {
            TypeKind::Builtin(builtin) => builtin_type(*builtin),
            TypeKind::Table(name) | TypeKind::Nid(name) | TypeKind::Rid(name) => {
                self.table(name).map_or(Type::ANY, |table| Type::one(Base::Record(table)))
            }
            TypeKind::Array(item) => Type::array(self.type_of(item).base),
        }
    }

    /// Functions the compiler itself knows.
    fn special(&mut self, name: &str, arguments: &[Ast], span: Span) -> Option<Expr> {
        Some(match (name, arguments) {
            ("record" | "records", [Ast { kind: ExprKind::Name(table), .. }, number]) => {
                let number = self.expr(number);
                let Some(table) = self.table(table) else {
                    return Some(expr(Kind::Broken("there is no such table".into()), Type::ANY, span));
                };
                self.raise(Effect::Reads);
                let ty =
                    Type { base: Base::Record(table), is_array: name == "records" || number.ty.is_array };
                expr(Kind::Record(table, Box::new(number)), ty, span)
            }
            ("get", [of, name]) => {
                let of = self.expr(of);
                match constant_text(name) {
                    Some(field) if matches!(of.ty.base, Base::Record(_)) => self.member(of, &field, span),
                    _ => {
                        let name = self.expr(name);
                        self.raise(Effect::Reads);
                        expr(Kind::Get(Box::new((of, name))), Type::ANY, span)
                    }
                }
            }
            ("set", [of, name, value]) => {
                let (of, name, value) = (self.expr(of), self.expr(name), self.expr(value));
                self.raise(Effect::Writes);
                expr(Kind::Set(Box::new([of, name, value])), Type::VOID, span)
            }
            ("duplicate", [of]) => self.duplicate(of, span),
            ("cached", [of]) => self.expr(of),
            ("invalidate", [of]) => {
                // A table or a record: there are no caches that a script would have to tell.
                match &of.kind {
                    ExprKind::Name(name) if self.known_table(name).is_some() => {}
                    _ => _ = self.expr(of),
                }
                expr(Kind::Constant(Value::Null), Type::VOID, span)
            }
            ("tableId", [of]) => self.table_id(of, span),
            ("fieldId", [of]) => self.field_id(of, span),
            ("fieldId", [of, name]) => {
                let name = constant_text(name)?;
                let of = self.expr(of);
                let field = self.member(of, &name, span);
                self.id_of(&field, span)
            }
            ("setItem" | "removeItem", [Ast { kind: ExprKind::Name(of), .. }, ..]) => {
                let (local, ty) = self.variable(&of.text).filter(|(_, ty)| ty.is_any() || ty.is_array)?;
                let def = functions::function(name)?;
                let arguments = arguments.iter().map(|argument| self.expr(argument)).collect();
                let changed = self.call_built_in(def, arguments, span);
                // The variable has the change, too: Ninox scripts are written for either (§9-14).
                let changed = self.converted(changed, ty);
                expr(Kind::SetLocal(local, Box::new(changed)), ty, span)
            }
            ("typeof", [of]) => {
                let of = self.expr(of);
                let name = self.type_name(of.ty);
                expr(Kind::Constant(Value::text(name)), Type::TEXT, span)
            }
            ("debugValueInfo", [of]) => self.value_info(of, span),
            _ => return None,
        })
    }

    /// A value as JSON in brackets behind its type: `text("Sofia")`.
    fn value_info(&mut self, of: &Ast, span: Span) -> Expr {
        let of = self.expr(of);
        let name = self.type_name(of.ty);
        let value = match functions::function("formatJSON") {
            Some(def) => self.call_built_in(def, vec![of], span),
            None => of,
        };
        let constant = |text: String| expr(Kind::Constant(Value::text(text)), Type::TEXT, span);
        let pieces = vec![constant(format!("{name}(")), value, constant(")".into())];
        expr(Kind::Template(pieces), Type::TEXT, span)
    }

    fn table_id(&mut self, of: &Ast, span: Span) -> Expr {
        if let ExprKind::Name(name) = &of.kind
            && self.variable(&name.text).is_none()
            && let Some(table) = self.known_table(name)
        {
            return expr(Kind::Constant(Value::text(table.to_string())), Type::TEXT, span);
        }
        if let ExprKind::Text(name) = &of.kind {
            let id = names::table(self.scope.schema, name).map(|table| Value::text(table.id.to_string()));
            return expr(Kind::Constant(id.unwrap_or_default()), Type::TEXT, span);
        }
        let of = self.expr(of);
        match of.ty.base {
            // Of nothing, nothing.
            Base::Record(table) => {
                let id = expr(Kind::Constant(Value::text(table.to_string())), Type::TEXT, span);
                let nothing = expr(Kind::Constant(Value::Null), Type::VOID, span);
                expr(Kind::If(Box::new([of, id, nothing])), Type::TEXT, span)
            }
            _ => self.error(codes::TYPE_MISMATCH, span, "tableId takes a record, a table or its name"),
        }
    }

    fn field_id(&mut self, of: &Ast, span: Span) -> Expr {
        let of = self.expr(of);
        self.id_of(&of, span)
    }

    fn id_of(&mut self, field: &Expr, span: Span) -> Expr {
        match &field.kind {
            Kind::Field(_, at) | Kind::Formula(_, at) => {
                let id = super::field_id(self.scope.schema, *at).map(|id| Value::text(id.to_string()));
                expr(Kind::Constant(id.unwrap_or_default()), Type::TEXT, span)
            }
            Kind::Broken(_) => expr(Kind::Broken("there is no such field".into()), Type::ANY, span),
            _ => self.error(codes::TYPE_MISMATCH, span, "fieldId takes a field"),
        }
    }
}

/// Types whose parameters take what is known only when it runs, by converting it then.
fn is_convertible(base: Base) -> bool {
    !matches!(base, Base::Any | Base::AnyRecord | Base::Record(_) | Base::File | Base::User)
}

/// `"name"` as a name.
fn constant_text(ast: &Ast) -> Option<Name> {
    match &ast.kind {
        ExprKind::Text(text) => Some(Name { text: text.clone(), span: ast.span, quoted: true }),
        _ => None,
    }
}

/// How a function is called; of each item, where that is what was meant.
fn forms_hint(def: &FunctionDef, given: &[Type]) -> String {
    let forms: Vec<String> = def.overloads.iter().map(|o| form(def.name, o.signature)).collect();
    let mut hint = format!("it is {}", forms.join(" or "));
    if let Some((first, rest)) = given.split_first().filter(|(first, _)| first.is_array) {
        let of_item: Vec<Type> = std::iter::once(first.item()).chain(rest.iter().copied()).collect();
        if def.overloads.iter().any(|overload| Signature::parse(overload.signature).fits(&of_item)) {
            let more = if rest.is_empty() { "" } else { ", …" };
            hint.push_str(&format!("; of each item: `x.{}(this{more})`", def.name));
        }
    }
    hint
}

/// `lpad(text, number, text?)`
fn form(name: &str, signature: &str) -> String {
    let parameters = signature.split("->").next().unwrap_or_default().trim();
    format!("{name}({parameters})")
}

fn builtin_type(ty: BuiltinType) -> Type {
    Type::one(match ty {
        BuiltinType::Text | BuiltinType::String => Base::Text(TextKind::Plain),
        BuiltinType::Number => Base::Number,
        BuiltinType::Boolean => Base::Bool,
        BuiltinType::Date => Base::Date,
        BuiltinType::DateTime | BuiltinType::Timestamp => Base::DateTime,
        BuiltinType::Time => Base::Time,
        BuiltinType::TimeInterval => Base::Interval,
        BuiltinType::Appointment => Base::Appointment,
        BuiltinType::Color => Base::Text(TextKind::Color),
        BuiltinType::Icon => Base::Text(TextKind::Icon),
        BuiltinType::Html => Base::Text(TextKind::Html),
        BuiltinType::Email => Base::Text(TextKind::Email),
        BuiltinType::Phone => Base::Text(TextKind::Phone),
        BuiltinType::Url | BuiltinType::Link => Base::Text(TextKind::Url),
        BuiltinType::Location => Base::Text(TextKind::Location),
        BuiltinType::File => Base::File,
        BuiltinType::User => Base::User,
        BuiltinType::Choice => Base::Choice(None),
        BuiltinType::Multi => Base::Multi(None),
        BuiltinType::Any | BuiltinType::Json => Base::Any,
        BuiltinType::Void => Base::Void,
    })
}
