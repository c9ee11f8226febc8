//! Conditions over many records at once, a block after the other, straight from the columns.
//!
//! `select A where Price * Amount > 100 and upper(Name) like "ABC"`: walking the tree for each record costs some hundred
//! nanoseconds, and nearly all of it is not the multiplication. A [`Kernel`] is the same tree for what is simple enough:
//! each node computes all values of a block. It cannot fail, has no effects, and says of each record just what
//! [`crate::eval`] would say (a test over random scripts holds it to that).
//!
//! What it knows: stored numbers, yes/no, dates, times and texts of the record looked at, and formulas over them; `+ - * /
//! %`, comparisons, `like`, `and`, `or`, `not`, `if`, functions of one number, `upper`, `lower`, `trim`, `length`;
//! whatever does not depend on the record. All else is for the walker.

mod by_text;
mod compile;
mod numbers;
mod texts;

use boobook_model::{Lane, Needle, Sieve};

use self::{by_text::ByText, numbers::Numbers, texts::Texts};
use crate::ir::Comparison;

pub(crate) use compile::Compiler;

/// A condition for blocks of records.
#[derive(Debug)]
pub(crate) struct Kernel {
    slots: Vec<usize>,
    condition: Flags,
}

/// A truth value for each record.
#[derive(Debug)]
enum Flags {
    Constant(bool),
    Not(Box<Flags>),
    And(Box<(Flags, Flags)>),
    Or(Box<(Flags, Flags)>),
    /// Neither 0 nor empty.
    IsTrue(Numbers),
    Numbers(Comparison, Box<(Numbers, Numbers)>),
    Texts(Comparison, Box<(Texts, Texts)>),
    Like(Texts, Needle),
    /// Depends on nothing but one text.
    ByText(Box<ByText>),
}

/// The values of a block's records, or one that all have.
enum Many<'a> {
    Each(std::borrow::Cow<'a, [f64]>),
    All(f64),
}

impl Sieve for Kernel {
    fn slots(&self) -> &[usize] {
        &self.slots
    }

    fn test(&self, lanes: &[Lane<'_>], keep: &mut [bool]) {
        self.condition.test(lanes, keep);
    }
}

impl Flags {
    fn test(&self, lanes: &[Lane<'_>], out: &mut [bool]) {
        match self {
            Self::Constant(holds) => out.fill(*holds),
            Self::Not(inner) => {
                inner.test(lanes, out);
                for flag in out {
                    *flag = !*flag;
                }
            }
            Self::And(sides) => Self::both(sides, lanes, out, |a, b| a & b),
            Self::Or(sides) => Self::both(sides, lanes, out, |a, b| a | b),
            Self::IsTrue(numbers) => {
                numbers.compare(&Numbers::Constant(0.0), lanes, out, |n, zero| n.abs() > zero);
            }
            Self::Numbers(comparison, sides) => {
                let (left, right) = &**sides;
                // Ordering with empty does not hold, but that two empty ones are not apart (§9-7).
                match comparison {
                    Comparison::Equal => left.compare(right, lanes, out, is_equal),
                    Comparison::NotEqual => left.compare(right, lanes, out, |a, b| !is_equal(a, b)),
                    Comparison::Less => left.compare(right, lanes, out, |a, b| a < b),
                    Comparison::Greater => left.compare(right, lanes, out, |a, b| a > b),
                    Comparison::LessOrEqual => {
                        left.compare(right, lanes, out, |a, b| (a <= b) | (a.is_nan() & b.is_nan()));
                    }
                    Comparison::GreaterOrEqual => {
                        left.compare(right, lanes, out, |a, b| (a >= b) | (a.is_nan() & b.is_nan()));
                    }
                    Comparison::Like => out.fill(false),
                }
            }
            Self::Texts(comparison, sides) => texts::compare(*comparison, sides, lanes, out),
            Self::Like(texts, needle) => texts.find(lanes, needle, out),
            Self::ByText(by_text) => by_text.test(lanes, out),
        }
    }

    fn both(sides: &(Self, Self), lanes: &[Lane<'_>], out: &mut [bool], join: impl Fn(bool, bool) -> bool) {
        let mut right = vec![false; out.len()];
        sides.0.test(lanes, out);
        sides.1.test(lanes, &mut right);
        out.iter_mut().zip(right).for_each(|(left, right)| *left = join(*left, right));
    }
}

/// NaN is empty, and empty is empty.
#[inline]
fn is_equal(a: f64, b: f64) -> bool {
    (a == b) | (a.is_nan() & b.is_nan())
}
