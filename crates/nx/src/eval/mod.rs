//! Walks a compiled script ([`crate::ir`]).
//!
//! One function per form of expression. Values are made as they are needed; what touches many records goes to the
//! host in one call ([`records`], [`select`]).

mod by_value;
mod control;
mod distinct;
mod order;
mod records;
mod select;
mod write;

use std::sync::Arc;

use crate::{
    Context, Object, Run, RunError, RunErrorKind, Signature, Value, arithmetic, compare,
    convert::{convert, text_of, write_text},
    function::Overload,
    ir::{Comparison, Expr, Kind, Program, UserFunction},
};

pub(crate) use write::{describe, stored};

/// Why evaluation of an expression ends before it has a value.
#[derive(Debug)]
pub(crate) enum Stop {
    /// `break`: on its way to the innermost loop.
    Break,
    /// The script fails.
    Failed(Box<RunError>),
}

pub(crate) type Outcome = Result<Value, Stop>;

impl From<RunError> for Stop {
    fn from(error: RunError) -> Self {
        Self::Failed(Box::new(error))
    }
}

/// How deep expressions may be nested when they run, functions that call each other included. A thread that
/// evaluates needs 8 MiB of stack for this many.
pub(crate) const EVAL_DEPTH_MAX: u32 = 2_000;

impl Program {
    /// Runs it. `arguments` are the first locals: `this`, or a function's arguments.
    pub fn run(&self, cx: &mut Context<'_>, arguments: Vec<Value>) -> Result<Value, RunError> {
        let mut frame = arguments;
        frame.resize(usize::from(self.locals), Value::Null);
        let mut evaluator = Evaluator { cx, frame: &mut frame };
        match evaluator.eval(&self.body) {
            Ok(value) => Ok(value),
            Err(Stop::Break) => Ok(Value::Null),
            Err(Stop::Failed(error)) => Err(*error),
        }
    }
}

/// A frame and what a run has at hand.
pub(crate) struct Evaluator<'a, 'h> {
    pub(crate) cx: &'a mut Context<'h>,
    pub(crate) frame: &'a mut Vec<Value>,
}

impl Evaluator<'_, '_> {
    /// Evaluates an expression; an error gets its place.
    pub(crate) fn eval(&mut self, expr: &Expr) -> Outcome {
        // The two that are everywhere, without the ceremony.
        match &expr.kind {
            Kind::Local(local) => return Ok(self.frame[usize::from(*local)].clone()),
            Kind::Constant(value) => return Ok(value.clone()),
            _ => {}
        }
        self.cx.enter()?;
        let outcome = self.eval_nested(expr);
        self.cx.leave();
        outcome.map_err(|stop| match stop {
            Stop::Failed(error) => Stop::Failed(Box::new(error.at(expr.span))),
            Stop::Break => Stop::Break,
        })
    }

    fn eval_nested(&mut self, expr: &Expr) -> Outcome {
        match &expr.kind {
            Kind::Constant(value) => Ok(value.clone()),
            Kind::Local(local) => Ok(self.frame[usize::from(*local)].clone()),
            Kind::SetLocal(local, value) => {
                let value = self.eval(value)?;
                self.frame[usize::from(*local)] = value.clone();
                Ok(value)
            }
            Kind::Sequence(statements) => {
                let mut last = Value::Null;
                for statement in statements {
                    last = self.eval(statement)?;
                }
                Ok(last)
            }
            Kind::Discard(expr) => self.eval(expr).map(|_| Value::Null),
            Kind::Arithmetic(operator, sides) => {
                let left = self.eval(&sides.0)?;
                let right = self.eval(&sides.1)?;
                Ok(arithmetic::apply_as(self.cx, expr.ty, *operator, &left, &right)?)
            }
            Kind::Negate(expr) => {
                let value = self.eval(expr)?;
                Ok(arithmetic::negate_as(expr.ty, &value)?)
            }
            Kind::Compare(comparison, sides) => self.compare(*comparison, &sides.0, &sides.1),
            Kind::And(sides) => Ok((self.is_true(&sides.0)? && self.is_true(&sides.1)?).into()),
            Kind::Or(sides) => Ok((self.is_true(&sides.0)? || self.is_true(&sides.1)?).into()),
            Kind::Not(expr) => Ok((!self.is_true(expr)?).into()),
            Kind::Template(pieces) => self.template(pieces),
            Kind::Shown(expr, field) => {
                let value = self.eval(expr)?;
                self.shown(value, *field)
            }
            Kind::Convert(inner) => {
                let value = self.eval(inner)?;
                Ok(convert(self.cx, value, expr.ty)?)
            }
            Kind::Array(items) => self.array(items),
            Kind::Object(pairs) => self.object(pairs),
            Kind::Call(def, overload, arguments) => {
                let arguments = match &arguments[..] {
                    [many] if def.name == "first" => vec![self.first_of(many, 1)?],
                    [many] if def.name == "unique" => vec![self.different(many)?],
                    _ => self.arguments(arguments)?,
                };
                self.cx.step(1)?;
                Ok(call(self.cx, def.name, overload, &arguments)?)
            }
            Kind::CallUser(function, arguments) => {
                let arguments = self.arguments(arguments)?;
                self.call_user(function, arguments)
            }
            Kind::Broken(message) => Err(RunError::other(message.to_string()).into()),
            Kind::If(_)
            | Kind::Switch(_)
            | Kind::ForIn(_)
            | Kind::ForRange(_)
            | Kind::While(_)
            | Kind::Break => self.control(&expr.kind),
            Kind::Field(..)
            | Kind::Formula(..)
            | Kind::Reverse(..)
            | Kind::System(..)
            | Kind::Key(..)
            | Kind::Item(..)
            | Kind::Filter(..)
            | Kind::Map(..)
            | Kind::Order(_)
            | Kind::Slice(_)
            | Kind::Get(_)
            | Kind::Record(..) => self.reach(&expr.kind, expr.ty),
            Kind::Select(select) => self.select(select),
            Kind::Count(select) => self.count(select),
            Kind::Aggregate(which, of, at) => self.aggregate(*which, of, *at),
            Kind::Create(_)
            | Kind::Delete(_)
            | Kind::Duplicate(_)
            | Kind::SetField(..)
            | Kind::Set(_)
            | Kind::SetKey(..)
            | Kind::Deferred(..) => self.write(&expr.kind),
        }
    }

    pub(crate) fn is_true(&mut self, expr: &Expr) -> Result<bool, Stop> {
        Ok(self.eval(expr)?.is_true())
    }

    fn compare(&mut self, comparison: Comparison, left: &Expr, right: &Expr) -> Outcome {
        let (left, right) = (self.eval(left)?, self.eval(right)?);
        let holds = match (&left, &right) {
            (Value::Number(a), Value::Number(b)) => match comparison {
                Comparison::Equal => a == b,
                Comparison::NotEqual => a != b,
                Comparison::Less => a < b,
                Comparison::LessOrEqual => a <= b,
                Comparison::Greater => a > b,
                Comparison::GreaterOrEqual => a >= b,
                Comparison::Like => compare::holds(self.cx, comparison, &left, &right),
            },
            _ => compare::holds(self.cx, comparison, &left, &right),
        };
        Ok(holds.into())
    }

    fn template(&mut self, pieces: &[Expr]) -> Outcome {
        let mut out = String::new();
        for piece in pieces {
            let value = self.eval(piece)?;
            let before = out.len();
            write_text(&value, &self.cx.schema, &self.cx.locale, &mut out);
            self.cx.charge(out.len() - before)?;
        }
        Ok(out.into())
    }

    fn array(&mut self, items: &[Expr]) -> Outcome {
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            values.push(self.eval(item)?);
        }
        self.cx.charge(values.len() * size_of::<Value>())?;
        Ok(Value::from_items(values))
    }

    fn object(&mut self, pairs: &[(Arc<str>, Expr)]) -> Outcome {
        let mut object = Object::default();
        for (key, value) in pairs {
            let value = self.eval(value)?;
            object.insert(Arc::clone(key), value);
        }
        Ok(self.cx.made(Value::Object(object.into()))?)
    }

    fn arguments(&mut self, arguments: &[Expr]) -> Result<Vec<Value>, Stop> {
        arguments.iter().map(|argument| self.eval(argument)).collect()
    }

    fn call_user(&mut self, function: &Arc<UserFunction>, arguments: Vec<Value>) -> Outcome {
        let Some(program) = function.program.get() else {
            return Err(RunError::other(format!("the function {} does not compile", function.name)).into());
        };
        self.cx.step(1)?;
        self.cx.calls += 1;
        if self.cx.calls > self.cx.limits.depth_max {
            return Err(RunError::new(RunErrorKind::Depth(self.cx.limits.depth_max)).into());
        }
        let value = program.run(self.cx, arguments);
        self.cx.calls -= 1;
        Ok(value?)
    }

    /// `425,00 €`, `Yes`: text of a field in the way the field shows it.
    fn shown(&mut self, value: Value, at: crate::ir::FieldAt) -> Outcome {
        let schema = Arc::clone(&self.cx.schema);
        let field = schema.table(at.table).and_then(|table| table.fields.get(usize::from(at.slot)));
        let text = match (&value, field) {
            (Value::Number(n), Some(field)) => crate::shown::number(*n, field, self.cx.locale.language),
            (Value::Bool(b), _) => Some(crate::shown::yes_no(*b, self.cx.locale.language).into()),
            _ => None,
        };
        match text {
            Some(text) => Ok(self.cx.made(text)?),
            None => Ok(Value::Text(text_of(&value, &schema, &self.cx.locale))),
        }
    }
}

/// Calls a built-in function; the arguments are converted to its parameters already where their types were known.
pub(crate) fn call(
    cx: &mut Context<'_>,
    name: &str,
    overload: &Overload,
    arguments: &[Value],
) -> Result<Value, RunError> {
    match overload.run {
        Run::Strict(_) if arguments.iter().any(Value::is_null) => Ok(Value::Null),
        Run::Strict(run) | Run::Nullable(run) => run(cx, arguments),
        Run::Real(f) => Ok(match arguments {
            [Value::Number(n)] => Value::number(f(*n)),
            _ => Value::Null,
        }),
        Run::Compiled => {
            let signature = Signature::parse(overload.signature);
            Err(RunError::other(format!(
                "{name} with {} arguments must be written with the table or field itself",
                signature.params.len()
            )))
        }
    }
}
