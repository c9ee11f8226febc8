//! Reads the signatures of functions ([`crate::Overload::signature`]) and matches arguments with them.

use crate::{Base, TextKind, Type};

/// A parsed signature.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    /// Its parameters.
    pub params: Vec<Param>,
    /// What comes out.
    pub result: ResultType,
}

/// A parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Param {
    /// What fits.
    pub ty: ParamType,
    /// May be left out, as all behind it.
    pub is_optional: bool,
    /// The last one, which may come any number of times, but once at least.
    pub is_repeated: bool,
}

/// What fits a parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ParamType {
    /// Anything, an array too.
    Any,
    /// One value, no array.
    Scalar,
    /// An array of anything, a record set, a multi choice.
    Array,
    /// One value of that type.
    One(Base),
    /// An array of that type.
    Many(Base),
    /// A date, or an instant, whose date counts.
    Day,
    /// Any of date, datetime, time, time interval, appointment.
    Temporal,
}

/// What a function results in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ResultType {
    /// Always this.
    Fixed(Type),
    /// An item of the first argument.
    Item,
    /// What the first argument is.
    First,
    /// What all arguments have in common.
    Common,
}

impl Signature {
    /// Reads `"text, number? -> text"`. The signatures are ours: a word that is unknown is a bug, found by a test, and
    /// counts as `any` here.
    pub fn parse(signature: &str) -> Self {
        let (params, result) = signature.split_once("->").unwrap_or((signature, "any"));
        let params = params.split(',').map(str::trim).filter(|p| !p.is_empty());
        let param = |word: &str| {
            let is_repeated = word.ends_with("...");
            let is_optional = word.ends_with('?');
            let ty = param_type(word.trim_end_matches("...").trim_end_matches('?'));
            Param { ty: ty.unwrap_or(ParamType::Any), is_optional, is_repeated }
        };
        let result = match result.trim() {
            "item" => ResultType::Item,
            "first" => ResultType::First,
            "common" => ResultType::Common,
            word => ResultType::Fixed(fixed_type(word).unwrap_or(Type::ANY)),
        };
        Self { params: params.map(param).collect(), result }
    }

    /// The parameter for the argument at `at`.
    pub fn param(&self, at: usize) -> Option<Param> {
        self.params.get(at).or_else(|| self.params.last().filter(|last| last.is_repeated)).copied()
    }

    /// Whether arguments of these types may be given.
    pub fn fits(&self, arguments: &[Type]) -> bool {
        let least = self.params.iter().filter(|p| !p.is_optional).count();
        arguments.len() >= least
            && arguments
                .iter()
                .enumerate()
                .all(|(at, &argument)| self.param(at).is_some_and(|param| param.ty.takes(argument)))
    }

    /// Whether it takes these arguments for what they are: what is known only when it runs goes to a parameter that
    /// takes anything, not to one that would have it converted.
    pub fn fits_well(&self, arguments: &[Type]) -> bool {
        let takes_as_is = |(at, argument): (usize, &Type)| {
            !argument.is_any()
                || self.param(at).is_some_and(|param| matches!(param.ty, ParamType::Any | ParamType::Scalar))
        };
        self.fits(arguments) && arguments.iter().enumerate().all(takes_as_is)
    }

    /// The type of the result for such arguments.
    pub fn result(&self, arguments: &[Type]) -> Type {
        let first = arguments.first().copied().unwrap_or(Type::ANY);
        match self.result {
            ResultType::Fixed(ty) => ty,
            ResultType::Item => first.item(),
            ResultType::First => first,
            ResultType::Common => arguments.iter().copied().reduce(Type::unify).unwrap_or(Type::ANY),
        }
    }
}

impl ParamType {
    /// Whether an argument of that static type fits. What is known only when it runs always does.
    pub fn takes(self, argument: Type) -> bool {
        if argument.is_any() || argument == Type::VOID {
            return true;
        }
        let is_items = argument.is_array || matches!(argument.base, Base::Multi(_));
        match self {
            Self::Any => true,
            Self::Scalar => !argument.is_array,
            Self::Array => is_items,
            Self::One(base) => !argument.is_array && fits(base, argument.base),
            Self::Many(base) => is_items && (argument.base == Base::Any || fits(base, argument.base)),
            Self::Day => !argument.is_array && matches!(argument.base, Base::Date | Base::DateTime),
            Self::Temporal => {
                !argument.is_array
                    && matches!(
                        argument.base,
                        Base::Date | Base::DateTime | Base::Time | Base::Interval | Base::Appointment
                    )
            }
        }
    }
}

fn fits(param: Base, argument: Base) -> bool {
    match (param, argument) {
        (_, Base::Any) => true,
        (Base::Text(_), Base::Text(_)) => true,
        (Base::Choice(_), Base::Choice(_)) | (Base::Multi(_), Base::Multi(_)) => true,
        (Base::AnyRecord, Base::Record(_)) => true,
        (param, argument) => param == argument,
    }
}

fn param_type(word: &str) -> Option<ParamType> {
    Some(match word {
        // A table or field stands for itself, not for a value; the compiler takes it before types are looked at.
        "any" | "table" | "field" => ParamType::Any,
        "scalar" => ParamType::Scalar,
        "[any]" => ParamType::Array,
        "day" => ParamType::Day,
        "temporal" => ParamType::Temporal,
        _ => match fixed_type(word)? {
            Type { base, is_array: true } => ParamType::Many(base),
            Type { base, .. } => ParamType::One(base),
        },
    })
}

fn fixed_type(word: &str) -> Option<Type> {
    if let Some(item) = word.strip_prefix('[').and_then(|w| w.strip_suffix(']')) {
        return Some(Type::array(fixed_type(item)?.base));
    }
    Some(Type::one(match word {
        "any" | "json" => Base::Any,
        "void" => Base::Void,
        "boolean" => Base::Bool,
        "number" => Base::Number,
        "text" => Base::Text(TextKind::Plain),
        "html" => Base::Text(TextKind::Html),
        "email" => Base::Text(TextKind::Email),
        "phone" => Base::Text(TextKind::Phone),
        "url" => Base::Text(TextKind::Url),
        "color" => Base::Text(TextKind::Color),
        "icon" => Base::Text(TextKind::Icon),
        "location" => Base::Text(TextKind::Location),
        "styled" => Base::Text(TextKind::Styled),
        "date" => Base::Date,
        "datetime" => Base::DateTime,
        "time" => Base::Time,
        "timeinterval" => Base::Interval,
        "appointment" => Base::Appointment,
        "choice" => Base::Choice(None),
        "multi" => Base::Multi(None),
        "user" => Base::User,
        "file" => Base::File,
        "record" => Base::AnyRecord,
        _ => return None,
    }))
}

/// Whether every word of a signature is known: for the test that reads all functions.
#[cfg(test)]
pub(crate) fn is_known(signature: &str) -> bool {
    let Some((params, result)) = signature.split_once("->") else { return false };
    let word = |w: &str| param_type(w.trim().trim_end_matches("...").trim_end_matches('?')).is_some();
    params.split(',').map(str::trim).filter(|p| !p.is_empty()).all(word)
        && (matches!(result.trim(), "item" | "first" | "common") || fixed_type(result.trim()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optional_and_repeated_parameters() {
        let lpad = Signature::parse("text, number, text? -> text");
        assert!(lpad.fits(&[Type::TEXT, Type::NUMBER]));
        assert!(lpad.fits(&[Type::TEXT, Type::ANY, Type::TEXT]));
        assert!(!lpad.fits(&[Type::TEXT]));
        assert!(!lpad.fits(&[Type::NUMBER, Type::NUMBER]));
        let max = Signature::parse("scalar, scalar... -> common");
        assert!(max.fits(&[Type::NUMBER, Type::NUMBER, Type::NUMBER]));
        assert!(!max.fits(&[Type::NUMBER]));
        assert_eq!(max.result(&[Type::NUMBER, Type::NUMBER]), Type::NUMBER);
        assert_eq!(
            Signature::parse("[any] -> item").result(&[Type::array(Base::Date)]),
            Type::one(Base::Date)
        );
        assert!(Signature::parse("-> number").fits(&[]));
    }
}
