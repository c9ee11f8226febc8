//! From a condition to a kernel, where all of it can be one.

use boobook_model::{Needle, StorageClass, TableId};

use super::{Flags, Kernel, Numbers, Texts};
use crate::{
    Base, Library, Run, Type, Value,
    ir::{Comparison, Expr, FieldAt, Kind, Local, Operator},
};

/// Formulas within formulas that are looked into.
const FORMULA_DEPTH_MAX: u32 = 8;

/// What an expression comes to that does not depend on the record; `None` where it fails.
pub(crate) type Fixed<'f> = dyn FnMut(&Expr) -> Option<Value> + 'f;

/// A part that no kernel knows.
struct Unknown;

/// Compiles conditions on the records of one table.
pub(crate) struct Compiler<'c> {
    pub(crate) library: &'c Library,
    pub(crate) table: TableId,
    /// The record looked at.
    pub(crate) item: Local,
    /// Fields that may not be read from all records alike.
    hidden: &'c [u16],
    pub(crate) fixed: &'c mut Fixed<'c>,
    slots: Vec<usize>,
    /// Formulas around.
    depth: u32,
}

impl<'c> Compiler<'c> {
    pub(crate) fn new(
        library: &'c Library,
        table: TableId,
        item: Local,
        hidden: &'c [u16],
        fixed: &'c mut Fixed<'c>,
    ) -> Self {
        Self { library, table, item, hidden, fixed, slots: Vec::new(), depth: 0 }
    }

    /// The kernel of a condition.
    pub(crate) fn kernel(mut self, condition: &Expr) -> Option<Kernel> {
        let condition = self.flags(condition)?;
        Some(Kernel { slots: self.slots, condition: condition.by_text() })
    }

    fn flags(&mut self, expr: &Expr) -> Option<Flags> {
        if let Some(value) = self.constant(expr) {
            return Some(Flags::Constant(value.ok()?.is_true()));
        }
        if let Some(flags) = self.in_formula(expr, Self::flags) {
            return flags.ok();
        }
        Some(match &expr.kind {
            Kind::Not(inner) => Flags::Not(Box::new(self.flags(inner)?)),
            Kind::And(sides) => Flags::And(Box::new((self.flags(&sides.0)?, self.flags(&sides.1)?))),
            Kind::Or(sides) => Flags::Or(Box::new((self.flags(&sides.0)?, self.flags(&sides.1)?))),
            Kind::Compare(comparison, sides) => self.comparison(*comparison, &sides.0, &sides.1)?,
            _ if is_text(expr.ty) => {
                let none = Texts::Constant("".into());
                Flags::Texts(Comparison::NotEqual, Box::new((self.texts(expr)?, none)))
            }
            _ if matches!(expr.ty, Type { base: Base::Bool | Base::Number, is_array: false }) => {
                Flags::IsTrue(self.numbers(expr)?)
            }
            _ => return None,
        })
    }

    fn comparison(&mut self, comparison: Comparison, left: &Expr, right: &Expr) -> Option<Flags> {
        if is_text(left.ty) && is_text(right.ty) {
            if comparison != Comparison::Like {
                return Some(Flags::Texts(comparison, Box::new((self.texts(left)?, self.texts(right)?))));
            }
            let Texts::Constant(needle) = self.texts(right)? else { return None };
            return Some(Flags::Like(self.texts(left)?, Needle::new(&needle)));
        }
        let is_same = left.ty == right.ty && !left.ty.is_array;
        let can_order =
            matches!(left.ty.base, Base::Number | Base::Date | Base::DateTime | Base::Time | Base::Interval);
        let can_equal = can_order || left.ty.base == Base::Bool;
        let is_able = match comparison {
            Comparison::Equal | Comparison::NotEqual => can_equal,
            Comparison::Like => false,
            _ => can_order,
        };
        if !is_same || !is_able {
            return None;
        }
        Some(Flags::Numbers(comparison, Box::new((self.numbers(left)?, self.numbers(right)?))))
    }

    fn numbers(&mut self, expr: &Expr) -> Option<Numbers> {
        if let Some(value) = self.constant(expr) {
            return Some(Numbers::Constant(match (value.ok()?, expr.ty.base) {
                (Value::Null, _) => f64::NAN,
                (Value::Number(n), Base::Number) => n,
                (Value::Bool(yes), Base::Bool) => f64::from(yes),
                (Value::Date(ms), Base::Date)
                | (Value::DateTime(ms), Base::DateTime)
                | (Value::Time(ms), Base::Time)
                | (Value::Interval(ms), Base::Interval) => ms as f64,
                _ => return None,
            }));
        }
        if let Some(numbers) = self.in_formula(expr, Self::numbers) {
            return numbers.ok();
        }
        let is_number = expr.ty == Type::NUMBER;
        Some(match &expr.kind {
            Kind::Field(of, at) => Numbers::Lane(self.lane(of, *at, |class| {
                matches!(class, StorageClass::Number | StorageClass::Time | StorageClass::Bool)
            })?),
            Kind::Arithmetic(operator, sides) if is_number && both_are_numbers(sides) => {
                let sides = (self.numbers(&sides.0)?, self.numbers(&sides.1)?);
                Numbers::Arithmetic(*operator, Box::new(sides))
            }
            Kind::Negate(of) if is_number && of.ty == Type::NUMBER => {
                Numbers::Negate(Box::new(self.numbers(of)?))
            }
            Kind::Convert(of) if of.ty == expr.ty => self.numbers(of)?,
            Kind::If(parts) if parts[1].ty == expr.ty && parts[2].ty == expr.ty => {
                let condition = self.flags(&parts[0])?;
                Numbers::If(Box::new((condition, self.numbers(&parts[1])?, self.numbers(&parts[2])?)))
            }
            Kind::Call(def, overload, arguments) => match (overload.run, &arguments[..]) {
                (Run::Real(f), [of]) if of.ty == Type::NUMBER => {
                    Numbers::Real(f, Box::new(self.numbers(of)?))
                }
                (_, [of]) if def.name == "length" && is_text(of.ty) => Numbers::Length(self.texts(of)?),
                _ => return None,
            },
            _ => return None,
        })
    }

    fn texts(&mut self, expr: &Expr) -> Option<Texts> {
        if let Some(value) = self.constant(expr) {
            return match value.ok()? {
                Value::Null => Some(Texts::Constant("".into())),
                Value::Text(text) => Some(Texts::Constant((*text).into())),
                _ => None,
            };
        }
        if let Some(texts) = self.in_formula(expr, Self::texts) {
            return texts.ok();
        }
        Some(match &expr.kind {
            Kind::Field(of, at) => Texts::Lane(self.lane(of, *at, |class| class == StorageClass::Text)?),
            Kind::Arithmetic(Operator::Add, sides) if is_text(sides.0.ty) && is_text(sides.1.ty) => {
                Texts::Join(Box::new((self.texts(&sides.0)?, self.texts(&sides.1)?)))
            }
            Kind::Convert(of) if is_text(of.ty) && is_text(expr.ty) => self.texts(of)?,
            Kind::Call(def, _, arguments) => {
                let [of] = &arguments[..] else { return None };
                if !is_text(of.ty) {
                    return None;
                }
                let of = Box::new(self.texts(of)?);
                match def.name {
                    "upper" => Texts::Upper(of),
                    "lower" => Texts::Lower(of),
                    "trim" => Texts::Trim(of),
                    _ => return None,
                }
            }
            _ => return None,
        })
    }

    /// What an expression comes to that is the same for all records. Within formulas only what is written as such.
    fn constant(&mut self, expr: &Expr) -> Option<Result<Value, Unknown>> {
        if let Kind::Constant(value) = &expr.kind {
            return Some(Ok(value.clone()));
        }
        (self.depth == 0 && expr.is_fixed(self.item)).then(|| (self.fixed)(expr).ok_or(Unknown))
    }

    /// Looks into a formula of the record looked at.
    fn in_formula<T>(
        &mut self,
        expr: &Expr,
        look: impl FnOnce(&mut Self, &Expr) -> Option<T>,
    ) -> Option<Result<T, Unknown>> {
        let Kind::Formula(of, at) = &expr.kind else { return None };
        let is_own = self.is_own(of, *at);
        let formula = self.library.formula(*at).filter(|_| is_own && self.depth < FORMULA_DEPTH_MAX);
        let Some(formula) = formula.filter(|formula| formula.body.ty == expr.ty) else {
            return Some(Err(Unknown));
        };
        let outer = std::mem::replace(&mut self.item, 0);
        self.depth += 1;
        let looked = look(self, &formula.body);
        self.depth -= 1;
        self.item = outer;
        Some(looked.ok_or(Unknown))
    }

    /// Whether a field is one of the record looked at, and may be read. Formulas read everything.
    fn is_own(&self, of: &Expr, at: FieldAt) -> bool {
        matches!(of.kind, Kind::Local(local) if local == self.item)
            && at.table == self.table
            && (self.depth > 0 || !self.hidden.contains(&at.slot))
    }

    /// The lane of a stored field of the record looked at.
    fn lane(&mut self, of: &Expr, at: FieldAt, fits: impl FnOnce(StorageClass) -> bool) -> Option<usize> {
        let is_own = self.is_own(of, at);
        let field = self.library.schema.table(at.table)?.fields.get(usize::from(at.slot))?;
        if !is_own || !field.kind.storage().is_some_and(fits) {
            return None;
        }
        let slot = usize::from(at.slot);
        let known = self.slots.iter().position(|&known| known == slot);
        Some(known.unwrap_or_else(|| {
            self.slots.push(slot);
            self.slots.len() - 1
        }))
    }
}

fn is_text(ty: Type) -> bool {
    matches!(ty, Type { base: Base::Text(_), is_array: false })
}

fn both_are_numbers(sides: &(Expr, Expr)) -> bool {
    sides.0.ty == Type::NUMBER && sides.1.ty == Type::NUMBER
}
