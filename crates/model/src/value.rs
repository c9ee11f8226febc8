//! What a field of a record holds.

use std::{fmt, sync::Arc};

use crate::RecordId;

/// How the engine stores a field's values. Closed: a new field kind picks one, the engine never changes for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum StorageClass {
    /// yes/no
    Bool,
    /// `f64`
    Number,
    /// `i64` milliseconds: an instant since the epoch (UTC), a civil date's midnight, a time of day, an interval.
    Time,
    /// A record of the field's target table.
    Reference,
    /// An option id.
    Choice,
    /// A set of numbers: option ids or record ids, ascending.
    Choices,
    /// UTF-8 text.
    Text,
}

/// An owned, non-empty value. An empty field is the absence of a value (`Option<Value>` = `None`).
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs, reason = "the variants are those of StorageClass")]
pub enum Value {
    Bool(bool),
    Number(f64),
    Time(i64),
    Reference(RecordId),
    Choice(u16),
    Choices(Arc<[u32]>),
    Text(Arc<str>),
}

/// A borrowed look at what a field holds, `Empty` included.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs, reason = "the variants are those of StorageClass")]
pub enum Cell<'a> {
    Empty,
    Bool(bool),
    Number(f64),
    Time(i64),
    Reference(RecordId),
    Choice(u16),
    Choices(&'a [u32]),
    Text(&'a str),
}

impl Value {
    /// The value, borrowed.
    pub fn as_cell(&self) -> Cell<'_> {
        match self {
            Value::Bool(b) => Cell::Bool(*b),
            Value::Number(n) => Cell::Number(*n),
            Value::Time(t) => Cell::Time(*t),
            Value::Reference(r) => Cell::Reference(*r),
            Value::Choice(c) => Cell::Choice(*c),
            Value::Choices(c) => Cell::Choices(c),
            Value::Text(t) => Cell::Text(t),
        }
    }

    /// The storage class this value fits.
    pub fn storage(&self) -> StorageClass {
        match self {
            Value::Bool(_) => StorageClass::Bool,
            Value::Number(_) => StorageClass::Number,
            Value::Time(_) => StorageClass::Time,
            Value::Reference(_) => StorageClass::Reference,
            Value::Choice(_) => StorageClass::Choice,
            Value::Choices(_) => StorageClass::Choices,
            Value::Text(_) => StorageClass::Text,
        }
    }
}

impl Cell<'_> {
    /// An owned copy; `None` for an empty cell.
    pub fn to_value(self) -> Option<Value> {
        Some(match self {
            Cell::Empty => return None,
            Cell::Bool(b) => Value::Bool(b),
            Cell::Number(n) => Value::Number(n),
            Cell::Time(t) => Value::Time(t),
            Cell::Reference(r) => Value::Reference(r),
            Cell::Choice(c) => Value::Choice(c),
            Cell::Choices(c) => Value::Choices(c.into()),
            Cell::Text(t) => Value::Text(t.into()),
        })
    }

    /// Whether there is no value.
    pub fn is_empty(self) -> bool {
        matches!(self, Cell::Empty)
    }
}

/// A value did not fit its field. Printed as `expected a number, got "abc"`; the caller adds the place.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueError {
    /// What the field takes, in words, with an article: `a number`.
    pub expected: String,
    /// What came, shortened.
    pub got: String,
}

impl ValueError {
    /// An error that says what was expected and shows what came.
    pub fn new(expected: impl Into<String>, got: &crate::Json<'_>) -> Self {
        Self { expected: expected.into(), got: got.excerpt() }
    }
}

impl fmt::Display for ValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, got {}", self.expected, self.got)
    }
}

impl std::error::Error for ValueError {}
