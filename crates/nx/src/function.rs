//! What a built-in function is (nx-language.md §4). The functions themselves are in [`crate::functions`].

use crate::{Context, RunError, Value};

/// A built-in function: everything the checker, the manual, completion and the example tests know of it.
#[derive(Debug)]
pub struct FunctionDef {
    /// Its name, camelCase as in Ninox.
    pub name: &'static str,
    /// Other names of it.
    pub aliases: &'static [&'static str],
    /// What it does to the world.
    pub effect: Effect,
    /// The forms it has; the first whose parameters fit is taken.
    pub overloads: &'static [Overload],
    /// What it does, one or two sentences of the manual.
    pub doc: &'static str,
    /// Scripts and the JSON they come to. Tests run them. Empty only where the answer depends on the world.
    pub examples: &'static [(&'static str, &'static str)],
}

/// What a function does to the world, which decides where it may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// The same arguments always give the same value.
    Pure,
    /// Reads records beyond its arguments.
    Reads,
    /// Depends on time, user or chance: never memoised.
    Volatile,
    /// Concerns a screen. On a server its arguments are evaluated, a line is logged, and it is null (§4.8).
    Screen,
    /// Runs a script that is not known before: it may do whatever the script around it may.
    Evaluates,
    /// Reaches outside the database: not in formulas and queries.
    Outside,
    /// Writes records: not in formulas and queries.
    Writes,
}

/// One form of a function.
#[derive(Debug)]
pub struct Overload {
    /// `"text, number, text? -> text"`: parameter types, `?` for those that may be left out, `...` behind one that may
    /// repeat, `[x]` for arrays, and the result, which may be `item` (of the first argument), `first` (as the first
    /// argument) or a type. Read by `crate::signature`.
    pub signature: &'static str,
    /// How it is computed.
    pub run: Run,
}

/// A function's code. It gets as many arguments as were written, converted to the types of the signature: a
/// parameter `number` gets a number or null, `text` text or null, `any` whatever it is.
#[derive(Clone, Copy, Debug)]
pub enum Run {
    /// Null if any argument is null; else this.
    Strict(Code),
    /// Knows what to do with nulls.
    Nullable(Code),
    /// A number of a number; null of null, and where it is none.
    Real(fn(f64) -> f64),
    /// The compiler knows it: it does not evaluate all its arguments, or not as values.
    Compiled,
}

impl FunctionDef {
    /// A pure function without aliases.
    pub const fn new(
        name: &'static str,
        overloads: &'static [Overload],
        doc: &'static str,
        examples: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self { name, aliases: &[], effect: Effect::Pure, overloads, doc, examples }
    }

    /// With other names.
    pub const fn alias(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// With an effect.
    pub const fn effect(self, effect: Effect) -> Self {
        Self { effect, ..self }
    }
}

impl Overload {
    /// A form that is null if any argument is.
    pub const fn strict(signature: &'static str, run: Code) -> Self {
        Self { signature, run: Run::Strict(run) }
    }

    /// A form that makes a number of a number.
    pub const fn real(f: fn(f64) -> f64) -> Self {
        Self { signature: "number -> number", run: Run::Real(f) }
    }

    /// A form that knows what to do with nulls.
    pub const fn nullable(signature: &'static str, run: Code) -> Self {
        Self { signature, run: Run::Nullable(run) }
    }

    /// A form the compiler knows.
    pub const fn compiled(signature: &'static str) -> Self {
        Self { signature, run: Run::Compiled }
    }
}

/// A function's code.
pub type Code = fn(&mut Context<'_>, &[Value]) -> Result<Value, RunError>;
