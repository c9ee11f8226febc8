//! What a field has to be for a record to be selected.

use std::sync::Arc;

use boobook_model::{Cell, Needle, StorageClass, Value};

use crate::choices::contains_all;

/// Values of a condition that is short.
const VALUES_MAX: usize = 16;
/// Bytes of a text in one.
const TEXT_BYTES_MAX: usize = 256;

/// A field passes a test.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The field's slot; computed fields are empty.
    pub slot: usize,
    /// What it has to be.
    pub test: Test,
}

/// A test of one value. A value of another class than the test asks for passes none but a [`Test::Not`].
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// It equals one of these; `None` is empty. NaN equals nothing.
    AnyOf(Vec<Option<Value>>),
    /// As `AnyOf`, but a `Choices` value passes if it has all members of one of these.
    ContainsAll(Vec<Option<Value>>),
    /// A number, or a time in ms, below this. Empty never passes, nor does NaN.
    Less(f64),
    /// A number, or a time in ms, up to this.
    LessOrEqual(f64),
    /// A number, or a time in ms, above this.
    Greater(f64),
    /// A number, or a time in ms, from this on.
    GreaterOrEqual(f64),
    /// A text that contains this one, both in lower case. Empty contains the empty text only.
    Like(Arc<str>),
    /// Everything, empty included, that fails a test.
    Not(Box<Self>),
}

impl Condition {
    /// Whether it is so short that a copy of it may be kept.
    pub(crate) fn is_short(&self) -> bool {
        let is_short = |value: &Option<Value>| match value {
            Some(Value::Text(text)) => text.len() <= TEXT_BYTES_MAX,
            Some(Value::Choices(set)) => set.len() <= VALUES_MAX,
            _ => true,
        };
        match self.test.positive().0 {
            Test::AnyOf(any_of) | Test::ContainsAll(any_of) => {
                any_of.len() <= VALUES_MAX && any_of.iter().all(is_short)
            }
            Test::Like(text) => text.len() <= TEXT_BYTES_MAX,
            _ => true,
        }
    }

    /// What judging a row costs, roughly: cheap conditions come first, so that dear ones see fewer rows.
    pub(crate) fn cost(&self, class: Option<StorageClass>) -> u32 {
        match class {
            None => 0,
            Some(StorageClass::Bool) => 1,
            Some(StorageClass::Choice) => 2,
            Some(StorageClass::Reference) => 3,
            Some(StorageClass::Number | StorageClass::Time) => 4,
            Some(StorageClass::Choices) => 5,
            Some(StorageClass::Text) => match self.test.positive() {
                (Test::Like(_), _) => 7,
                _ => 6,
            },
        }
    }
}

impl Test {
    /// The test without the `Not`s around it, and whether their number is odd.
    pub(crate) fn positive(&self) -> (&Self, bool) {
        let (mut test, mut is_negated) = (self, false);
        while let Self::Not(inner) = test {
            (test, is_negated) = (inner, !is_negated);
        }
        (test, is_negated)
    }

    /// Whether it asks for an order.
    pub(crate) fn is_order(&self) -> bool {
        matches!(self, Self::Less(_) | Self::LessOrEqual(_) | Self::Greater(_) | Self::GreaterOrEqual(_))
    }

    /// Whether a value passes.
    pub(crate) fn passes(&self, cell: Cell<'_>) -> bool {
        let (test, is_negated) = self.positive();
        test.passes_positive(cell) != is_negated
    }

    fn passes_positive(&self, cell: Cell<'_>) -> bool {
        match self {
            Self::AnyOf(wanted) => {
                wanted.iter().any(|w| w.as_ref().map_or(Cell::Empty, Value::as_cell) == cell)
            }
            Self::ContainsAll(wanted) => wanted.iter().any(|wanted| {
                match (wanted.as_ref().map_or(Cell::Empty, Value::as_cell), cell) {
                    (Cell::Choices(wanted), Cell::Choices(set)) => contains_all(set, wanted),
                    (wanted, cell) => wanted == cell,
                }
            }),
            Self::Less(_) | Self::LessOrEqual(_) | Self::Greater(_) | Self::GreaterOrEqual(_) => match cell {
                Cell::Number(n) => self.passes_number(n),
                Cell::Time(t) => TimeRange::of(self).has(t),
                _ => false,
            },
            Self::Like(needle) => match cell {
                Cell::Text(text) => Needle::new(needle).is_in(text),
                cell => cell.is_empty() && needle.is_empty(),
            },
            Self::Not(inner) => !inner.passes(cell),
        }
    }

    fn passes_number(&self, n: f64) -> bool {
        match *self {
            Self::Less(bound) => n < bound,
            Self::LessOrEqual(bound) => n <= bound,
            Self::Greater(bound) => n > bound,
            Self::GreaterOrEqual(bound) => n >= bound,
            _ => false,
        }
    }
}

/// Times from the first to the last: an ordering test in whole milliseconds, which spares a conversion a row.
#[derive(Clone, Copy)]
pub(crate) struct TimeRange {
    from: i64,
    to: i64,
}

impl TimeRange {
    /// The times that pass an ordering test; none for other tests.
    pub(crate) fn of(test: &Test) -> Self {
        let (from, to) = match *test {
            Test::Less(bound) if !bound.is_nan() => (i64::MIN, (bound.ceil() as i64).saturating_sub(1)),
            Test::LessOrEqual(bound) if !bound.is_nan() => (i64::MIN, bound.floor() as i64),
            Test::Greater(bound) if !bound.is_nan() => ((bound.floor() as i64).saturating_add(1), i64::MAX),
            Test::GreaterOrEqual(bound) if !bound.is_nan() => (bound.ceil() as i64, i64::MAX),
            _ => (i64::MAX, i64::MIN),
        };
        Self { from, to }
    }

    /// The first and the last; the other way round where there is none.
    pub(crate) fn bounds(self) -> (i64, i64) {
        (self.from, self.to)
    }

    /// Whether a time is in it.
    #[inline]
    pub(crate) fn has(self, time: i64) -> bool {
        self.from <= time && time <= self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_compared_with_parts_of_milliseconds() {
        let cases = [
            (Test::Less(4.5), [true, true, false]),
            (Test::Less(4.0), [true, false, false]),
            (Test::LessOrEqual(4.5), [true, true, false]),
            (Test::Greater(3.5), [false, true, true]),
            (Test::Greater(4.0), [false, false, true]),
            (Test::GreaterOrEqual(3.5), [false, true, true]),
            (Test::Greater(f64::NAN), [false; 3]),
            (Test::Less(f64::INFINITY), [true; 3]),
            (Test::Not(Box::new(Test::Less(f64::NAN))), [true; 3]),
        ];
        for (test, expected) in cases {
            assert_eq!([3, 4, 5].map(|t| test.passes(Cell::Time(t))), expected, "{test:?}");
        }
    }
}
