//! From a syntax tree to a compiled script: what names mean, which function is called, whether types fit
//! (nx-language.md §2.3, §3, §5.1).
//!
//! It never stops at an error: what cannot be compiled becomes [`Kind::Broken`], and a diagnostic says why.

mod assign;
mod call;
mod control;
mod names;
mod operators;
mod select;

use std::sync::Arc;

use boobook_model::{FieldId, Schema, TableId};
use boobook_nx_syntax::{
    Diagnostic, Limits, Severity, Span,
    ast::{Block, Expr as Ast, ExprKind, Script, Statement, StatementKind, TemplatePart},
};

use crate::{
    Base, Effect, Type, Value,
    ir::{Deferred, Expr, FieldAt, Kind, Local, Program, UserFunction},
};

pub use boobook_nx_syntax::Form;
pub use names::Reference;

/// What a script may refer to besides its own variables.
pub struct Scope<'a> {
    /// The text of the script, which blocks of `do as deferred` take along.
    pub source: &'a str,
    /// Tables and fields.
    pub schema: &'a Schema,
    /// Functions of the global code.
    pub functions: &'a [Arc<UserFunction>],
    /// Types of formula fields; a formula that refers to itself is told so.
    pub formula_type: &'a dyn Fn(FieldAt) -> Result<Type, String>,
    /// The record that is `this`; none in `/query`.
    pub this: Option<TableId>,
    /// Whether names are captions or ids first.
    pub form: Form,
}

/// What came of a script.
#[derive(Debug)]
pub struct Checked {
    /// The program; one with errors fails where it is broken.
    pub program: Program,
    /// What it results in.
    pub ty: Type,
    /// Functions it defines.
    pub functions: Vec<Arc<UserFunction>>,
    /// Its blocks of `do as deferred`.
    pub deferred: Vec<Arc<Deferred>>,
    /// What is wrong, in the order of the source.
    pub diagnostics: Vec<Diagnostic>,
    /// Which tables and fields its names mean, for printing it by ids or by captions.
    pub references: Vec<(Span, Reference)>,
}

impl Checked {
    /// Whether it may run.
    pub fn is_sound(&self) -> bool {
        !self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// Expressions may be nested so deep. A quarter of what the evaluator allows: the rest is for functions.
const DEPTH_MAX: u32 = 500;

/// Compiles a script.
pub fn check(script: &Script, scope: &Scope<'_>) -> Checked {
    let mut checker = Checker::new(scope);
    if let Some(table) = scope.this {
        let local = checker.new_local();
        checker.contexts.push(ContextOf { local, ty: Type::one(Base::Record(table)) });
    }
    let parameters = checker.next;
    let body = checker.block(&script.body);
    let ty = body.ty;
    let Checker { defined, deferred, mut diagnostics, references, effect, locals, .. } = checker;
    diagnostics.sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.span.end));
    // A mistake repeated a hundred thousand times is told often enough.
    diagnostics.truncate(Limits::DEFAULT.diagnostics_max);
    let functions = defined;
    let program = Program { body, locals, parameters, effect };
    Checked { program, ty, functions, deferred, diagnostics, references }
}

/// What `this` may mean.
#[derive(Clone, Copy)]
pub(crate) struct ContextOf {
    local: Local,
    ty: Type,
}

struct Variable {
    name: Box<str>,
    local: Local,
    ty: Type,
}

pub(crate) struct Checker<'a> {
    scope: &'a Scope<'a>,
    variables: Vec<Variable>,
    /// The innermost last.
    contexts: Vec<ContextOf>,
    /// What `this` means in conditions behind `where` where it is not the record looked at, and how many contexts
    /// there are in the condition itself: in brackets and blocks inside of it `this` is what it always is.
    this_in_where: Vec<(usize, ContextOf)>,
    /// Functions that can be seen here, the innermost last.
    functions: Vec<Arc<UserFunction>>,
    /// All functions the script defines.
    defined: Vec<Arc<UserFunction>>,
    /// Blocks of `do as deferred`.
    deferred: Vec<Arc<Deferred>>,
    next: Local,
    locals: Local,
    effect: Effect,
    depth: u32,
    loops: u32,
    diagnostics: Vec<Diagnostic>,
    references: Vec<(Span, Reference)>,
}

impl<'a> Checker<'a> {
    fn new(scope: &'a Scope<'a>) -> Self {
        Self {
            scope,
            variables: Vec::new(),
            contexts: Vec::new(),
            this_in_where: Vec::new(),
            functions: scope.functions.to_vec(),
            defined: Vec::new(),
            deferred: Vec::new(),
            next: 0,
            locals: 0,
            effect: Effect::Pure,
            depth: 0,
            loops: 0,
            diagnostics: Vec::new(),
            references: Vec::new(),
        }
    }

    fn new_local(&mut self) -> Local {
        let local = self.next;
        self.next = self.next.saturating_add(1);
        self.locals = self.locals.max(self.next);
        local
    }

    fn raise(&mut self, effect: Effect) {
        self.effect = self.effect.max(effect);
    }

    fn error(
        &mut self,
        code: boobook_nx_syntax::DiagnosticCode,
        span: Span,
        message: impl Into<String>,
    ) -> Expr {
        let message = message.into();
        let broken = expr(Kind::Broken(message.as_str().into()), Type::ANY, span);
        self.diagnostics.push(Diagnostic::error(code, span, message));
        broken
    }

    /// Statements with a scope of their own.
    fn block(&mut self, block: &Block) -> Expr {
        let (variables, functions, next) = (self.variables.len(), self.functions.len(), self.next);
        // Functions may be called before they are defined.
        let mut heads = Vec::new();
        for statement in &block.statements {
            if let StatementKind::Function(function) = &statement.kind {
                heads.push((self.function_head(function), &**function));
            }
        }
        for (head, function) in heads {
            self.function_body(&head, function);
        }
        let mut statements: Vec<Expr> = Vec::with_capacity(block.statements.len());
        for statement in &block.statements {
            if let Some(statement) = self.statement(statement) {
                statements.push(statement);
            }
        }
        self.variables.truncate(variables);
        self.functions.truncate(functions);
        self.next = next;
        let ty = statements.last().map_or(Type::VOID, |last| last.ty);
        match statements.len() {
            0 => expr(Kind::Constant(Value::Null), Type::VOID, block.span),
            1 => statements.remove(0),
            _ => expr(Kind::Sequence(statements), ty, block.span),
        }
    }

    fn statement(&mut self, statement: &Statement) -> Option<Expr> {
        match &statement.kind {
            StatementKind::Comment(_) | StatementKind::Function(_) => None,
            StatementKind::Expr(ast) => Some(self.expr(ast)),
            StatementKind::Let { name, value } => {
                let value = self.expr(value);
                let ty = if value.ty == Type::VOID { Type::ANY } else { value.ty };
                let local = self.new_local();
                self.variables.push(Variable { name: name.text.clone(), local, ty });
                let set = expr(Kind::SetLocal(local, Box::new(value)), ty, statement.span);
                Some(expr(Kind::Discard(Box::new(set)), Type::VOID, statement.span))
            }
        }
    }

    /// An expression.
    fn expr(&mut self, ast: &Ast) -> Expr {
        self.depth += 1;
        let compiled = if self.depth > DEPTH_MAX {
            self.error(
                codes::NESTED_TOO_DEEPLY,
                ast.span,
                format!("expressions are nested more than {DEPTH_MAX} deep"),
            )
        } else {
            self.expr_nested(ast)
        };
        self.depth -= 1;
        compiled
    }

    fn expr_nested(&mut self, ast: &Ast) -> Expr {
        let span = ast.span;
        let constant = |value: Value, ty: Type| expr(Kind::Constant(value), ty, span);
        match &ast.kind {
            // The parser has told so already.
            ExprKind::Missing => expr(Kind::Broken("something is missing here".into()), Type::ANY, span),
            ExprKind::Number(digits) => {
                constant(Value::number(digits.parse().unwrap_or(f64::NAN)), Type::NUMBER)
            }
            ExprKind::Text(text) => constant(Value::text(&**text), Type::TEXT),
            ExprKind::Bool(value) => constant(Value::Bool(*value), Type::BOOL),
            ExprKind::Null => constant(Value::Null, Type::ANY),
            ExprKind::Void => constant(Value::Null, Type::VOID),
            ExprKind::YesNo(name) => self.yes_no(name, span),
            ExprKind::Template(parts) => self.template(parts, span),
            ExprKind::This => self.this(span),
            ExprKind::Name(name) => self.name(name, span),
            ExprKind::Call { function, arguments } => self.call(function, arguments, span),
            ExprKind::Array(items) => self.array(items, span),
            ExprKind::Object(pairs) => self.object(pairs, span),
            ExprKind::Block(block) => self.block(block),
            ExprKind::Unary { operator, operand } => self.unary(*operator, operand, span),
            ExprKind::Binary(binary) => self.binary(binary, span),
            ExprKind::Assign { target, value } => self.assign(target, value, span),
            ExprKind::Order(order) => {
                let of = self.expr(&order.source);
                self.order(of, &order.key, span)
            }
            ExprKind::Member { object, name } => {
                let object = self.expr(object);
                self.member(object, name, span)
            }
            ExprKind::MemberCall { object, function, arguments } => {
                let object = self.expr(object);
                self.map(object, span, |this| this.call(function, arguments, span))
            }
            ExprKind::RecordBlock { object, body } => {
                let object = self.expr(object);
                self.map(object, span, |this| this.block(body))
            }
            ExprKind::Filter { object, condition } => self.filter(object, condition, span),
            ExprKind::If(branches) => self.if_chain(branches, span),
            ExprKind::Switch(switch) => self.switch(switch, span),
            ExprKind::ForIn(each) => self.for_in(each, span),
            ExprKind::ForRange(range) => self.for_range(range, span),
            ExprKind::While { condition, body } => self.while_loop(condition, body, span),
            ExprKind::Do { mode, body } => self.do_block(mode, body, span),
            ExprKind::Select(select) => self.select(select, span),
            ExprKind::Create(table) => self.create(table, span),
            ExprKind::Delete(of) => self.delete(of, span),
            ExprKind::Duplicate(of) => self.duplicate(of, span),
            ExprKind::Break => self.break_loop(span),
        }
    }

    fn template(&mut self, parts: &[TemplatePart], span: Span) -> Expr {
        let pieces = parts.iter().map(|part| match part {
            TemplatePart::Text(text) => expr(Kind::Constant(Value::text(&**text)), Type::TEXT, span),
            TemplatePart::Hole(block) => {
                let value = self.block(block);
                self.shown(value)
            }
        });
        let pieces = pieces.collect();
        expr(Kind::Template(pieces), Type::TEXT, span)
    }

    fn array(&mut self, items: &[Ast], span: Span) -> Expr {
        let items: Vec<Expr> = items.iter().map(|item| self.expr(item)).collect();
        // Null fits in with everything.
        let known = items.iter().filter(|item| !matches!(item.kind, Kind::Constant(Value::Null)));
        let base = known
            .map(|item| item.ty)
            .reduce(Type::unify)
            .map_or(Base::Any, |ty| if ty.is_array { Base::Any } else { ty.base });
        let base = if base == Base::Void { Base::Any } else { base };
        expr(Kind::Array(items), Type::array(base), span)
    }

    fn object(&mut self, pairs: &[boobook_nx_syntax::ast::Pair], span: Span) -> Expr {
        let pairs = pairs.iter().map(|pair| {
            let key: &str = match &pair.key {
                boobook_nx_syntax::ast::Key::Name(name) => &name.text,
                boobook_nx_syntax::ast::Key::Text(text, _) | boobook_nx_syntax::ast::Key::Number(text, _) => {
                    text
                }
            };
            (Arc::from(key), self.expr(&pair.value))
        });
        let pairs = pairs.collect();
        expr(Kind::Object(pairs), Type::ANY, span)
    }

    /// `x.(…)`: `body` with the items of `x` as the innermost context.
    fn map(&mut self, object: Expr, span: Span, body: impl FnOnce(&mut Self) -> Expr) -> Expr {
        let next = self.next;
        let item = self.new_local();
        self.contexts.push(ContextOf { local: item, ty: object.ty.item() });
        let body = body(self);
        self.contexts.pop();
        self.next = next;
        let is_array = object.ty.is_array || body.ty.is_array;
        // What has no known type may be an array when it runs.
        let base = if body.ty.base == Base::Void { Base::Any } else { body.ty.base };
        let ty = if object.ty.is_any() { Type::ANY } else { Type { base, is_array } };
        expr(Kind::Map(Box::new(object), item, Box::new(body)), ty, span)
    }

    /// A field as people see it, where a field itself becomes part of a text (§9-8, §9-9).
    fn shown(&mut self, value: Expr) -> Expr {
        let Kind::Field(_, at) = value.kind else { return value };
        let field =
            self.scope.schema.table(at.table).and_then(|table| table.fields.get(usize::from(at.slot)));
        let is_shown = match value.ty {
            Type { base: Base::Bool, is_array: false } => true,
            Type { base: Base::Number, is_array: false } => field
                .is_some_and(|field| field.rest.get("numberFormat").is_some_and(|f| f.as_str() != Some(""))),
            _ => false,
        };
        if !is_shown {
            return value;
        }
        let span = value.span;
        Expr { kind: Kind::Shown(Box::new(value), at), ty: Type::TEXT, span }
    }

    /// The value for a place of that type: what is known only when it runs is converted there.
    fn converted(&mut self, value: Expr, ty: Type) -> Expr {
        let fits = value.ty == ty || ty.is_any() || matches!(value.kind, Kind::Constant(Value::Null));
        if fits {
            return value;
        }
        let span = value.span;
        Expr { kind: Kind::Convert(Box::new(value)), ty, span }
    }

    fn type_name(&self, ty: Type) -> String {
        ty.display(self.scope.schema).to_string()
    }
}

pub(crate) fn expr(kind: Kind, ty: Type, span: Span) -> Expr {
    Expr { kind, ty, span: (span.start, span.end) }
}

/// A field of a reference, by its id.
pub(crate) fn field_id(schema: &Schema, at: FieldAt) -> Option<FieldId> {
    schema.table(at.table)?.fields.get(usize::from(at.slot)).map(|field| field.id)
}

macro_rules! codes {
    ($($(#[doc = $about:literal])+ $constant:ident = $name:literal;)+) => {
        /// What may be wrong with the meaning of a script.
        pub mod codes {
            use boobook_nx_syntax::DiagnosticCode;

            $($(#[doc = $about])+
            pub const $constant: DiagnosticCode =
                DiagnosticCode { name: $name, about: concat!($($about),+) };)+

            /// All of them, in order.
            pub const ALL: &[DiagnosticCode] = &[$($constant),+];
        }
    };
}

codes! {
    /// A name that is no variable, no field of the record at hand, no table.
    UNKNOWN_NAME = "unknown-name";
    /// There is no such table.
    UNKNOWN_TABLE = "unknown-table";
    /// The table has no such field.
    UNKNOWN_FIELD = "unknown-field";
    /// No function has this name and takes these arguments.
    UNKNOWN_FUNCTION = "unknown-function";
    /// An operator or place that does not take such a value.
    TYPE_MISMATCH = "type-mismatch";
    /// Something that cannot be assigned to.
    READ_ONLY = "read-only";
    /// `this` where no record is at hand.
    NO_CONTEXT = "no-context";
    /// `break` outside of a loop.
    BREAK_OUTSIDE_LOOP = "break-outside-loop";
    /// Formulas that refer to each other in a circle.
    FORMULA_CYCLE = "formula-cycle";
    /// Something this server does not offer.
    NOT_AVAILABLE = "not-available";
    /// Two functions, or two parameters, of one name.
    DUPLICATE_NAME = "duplicate-name";
    /// Expressions are nested deeper than can be evaluated.
    NESTED_TOO_DEEPLY = "nested-too-deeply-to-run";
}
