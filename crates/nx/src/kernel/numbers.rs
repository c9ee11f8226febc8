//! Numbers, moments (ms) and yes/no (1 and 0) of a block of records; NaN is empty.

use std::borrow::Cow;

use boobook_model::Lane;

use super::{Flags, Many, Texts};
use crate::ir::Operator;

/// A number for each record.
#[derive(Debug)]
pub(super) enum Numbers {
    /// A stored field.
    Lane(usize),
    Constant(f64),
    Arithmetic(Operator, Box<(Numbers, Numbers)>),
    Negate(Box<Numbers>),
    Real(fn(f64) -> f64, Box<Numbers>),
    /// In UTF-16 units.
    Length(Texts),
    If(Box<(Flags, Numbers, Numbers)>),
}

impl Numbers {
    pub(super) fn values<'l>(&self, lanes: &'l [Lane<'_>], len: usize) -> Many<'l> {
        match self {
            Self::Constant(n) => Many::All(*n),
            Self::Lane(at) => match &lanes[*at] {
                Lane::Numbers(numbers) => Many::Each(Cow::Borrowed(numbers)),
                Lane::Texts(_) => Many::All(f64::NAN),
            },
            Self::Arithmetic(operator, sides) => {
                let (left, right) = (sides.0.values(lanes, len), sides.1.values(lanes, len));
                match operator {
                    Operator::Add => left.calculate(right, |a, b| a + b),
                    Operator::Subtract => left.calculate(right, |a, b| a - b),
                    Operator::Multiply => left.calculate(right, |a, b| a * b),
                    Operator::Divide => left.calculate(right, |a, b| a / b),
                    Operator::Remainder => left.calculate(right, |a, b| a % b),
                }
            }
            // Of empty it is 0, and 0 has no sign.
            Self::Negate(of) => of.values(lanes, len).map(|n| 0.0 - or_zero(n)),
            Self::Real(f, of) => of.values(lanes, len).map(|n| or_empty(f(n))),
            Self::Length(of) => {
                let mut lengths = vec![0.0; len];
                of.each(lanes, &mut lengths, |text| {
                    if text.is_ascii() { text.len() as f64 } else { text.encode_utf16().count() as f64 }
                });
                Many::Each(lengths.into())
            }
            Self::If(parts) => {
                let (condition, yes, no) = &**parts;
                let mut flags = vec![false; len];
                condition.test(lanes, &mut flags);
                let (yes, no) = (yes.values(lanes, len), no.values(lanes, len));
                let pick = |(at, &flag): (usize, &bool)| if flag { yes.at(at) } else { no.at(at) };
                Many::Each(flags.iter().enumerate().map(pick).collect())
            }
        }
    }

    pub(super) fn compare(
        &self,
        other: &Self,
        lanes: &[Lane<'_>],
        out: &mut [bool],
        holds: impl Fn(f64, f64) -> bool,
    ) {
        match (self.values(lanes, out.len()), other.values(lanes, out.len())) {
            (Many::All(a), Many::All(b)) => out.fill(holds(a, b)),
            (Many::Each(a), Many::All(b)) => out.iter_mut().zip(&*a).for_each(|(out, &a)| *out = holds(a, b)),
            (Many::All(a), Many::Each(b)) => out.iter_mut().zip(&*b).for_each(|(out, &b)| *out = holds(a, b)),
            (Many::Each(a), Many::Each(b)) => {
                out.iter_mut().zip(a.iter().zip(&*b)).for_each(|(out, (&a, &b))| *out = holds(a, b));
            }
        }
    }
}

impl Many<'_> {
    fn at(&self, at: usize) -> f64 {
        match self {
            Self::Each(numbers) => numbers[at],
            Self::All(n) => *n,
        }
    }

    /// What an operator makes of two numbers: an empty one is 0, two are empty, and what is no number is empty (§9-7).
    /// Without a branch, so that several are worked out at once.
    #[inline]
    fn calculate(self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        match (&self, &other) {
            (_, &Self::All(b)) if !b.is_nan() => self.map(|a| or_empty(f(or_zero(a), b))),
            (&Self::All(a), _) if !a.is_nan() => other.map(|b| or_empty(f(a, or_zero(b)))),
            _ => self.zip(other, |a, b| {
                let n = or_empty(f(or_zero(a), or_zero(b)));
                if a.is_nan() & b.is_nan() { f64::NAN } else { n }
            }),
        }
    }

    /// What `f` makes of each, in place where that can be.
    #[inline]
    fn map(self, f: impl Fn(f64) -> f64) -> Self {
        match self {
            Self::Each(Cow::Owned(mut numbers)) => {
                for n in &mut numbers {
                    *n = f(*n);
                }
                Self::Each(numbers.into())
            }
            Self::Each(Cow::Borrowed(numbers)) => Self::Each(numbers.iter().map(|&n| f(n)).collect()),
            Self::All(n) => Self::All(f(n)),
        }
    }

    #[inline]
    fn zip(self, other: Self, f: impl Fn(f64, f64) -> f64) -> Self {
        match (self, other) {
            (one, Self::All(b)) => one.map(|a| f(a, b)),
            (Self::All(a), other) => other.map(|b| f(a, b)),
            (Self::Each(Cow::Owned(mut left)), Self::Each(right)) => {
                left.iter_mut().zip(&*right).for_each(|(a, &b)| *a = f(*a, b));
                Self::Each(left.into())
            }
            (Self::Each(left), Self::Each(Cow::Owned(mut right))) => {
                left.iter().zip(&mut right).for_each(|(&a, b)| *b = f(a, *b));
                Self::Each(right.into())
            }
            (Self::Each(left), Self::Each(right)) => {
                Self::Each(left.iter().zip(&*right).map(|(&a, &b)| f(a, b)).collect())
            }
        }
    }
}

#[inline(always)]
fn or_zero(n: f64) -> f64 {
    if n.is_nan() { 0.0 } else { n }
}

/// The number, or empty for what is none.
#[inline(always)]
pub(super) fn or_empty(n: f64) -> f64 {
    // Of an infinite number this is NaN, and of the others nothing.
    n + n * 0.0
}
