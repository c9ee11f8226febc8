//! What an expression comes to when it runs.

use std::sync::Arc;

use boobook_model::{FieldId, RecordId, TableId};
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

/// A JSON object: keys in the order they were written.
pub type Object = IndexMap<Arc<str>, Value, FxBuildHasher>;

/// A field of a table, by their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldRef {
    /// The table.
    pub table: TableId,
    /// The field.
    pub field: FieldId,
}

/// A value of NX (nx-language.md §3.1).
///
/// What differs in its static type only (text, e-mail, HTML …) is one variant here. Collections are shared, so that
/// a copy costs a counter.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Value {
    /// Empty. Not 0, not false.
    #[default]
    Null,
    /// yes/no
    Bool(bool),
    /// An IEEE double. NaN and infinities do not come about: what would be one is [`Value::Null`] (§9-7).
    Number(f64),
    /// Text of any kind, and colours, icons, places.
    Text(Arc<str>),
    /// A civil date, as the UTC milliseconds of its midnight.
    Date(i64),
    /// An instant, in UTC milliseconds.
    DateTime(i64),
    /// A time of day, in milliseconds since midnight.
    Time(i64),
    /// A time interval in milliseconds, perhaps negative.
    Interval(i64),
    /// From one instant to another, in UTC milliseconds.
    Appointment(i64, i64),
    /// An option of a choice field.
    Choice(FieldRef, u16),
    /// Options of a multi choice field, ascending.
    Choices(FieldRef, Arc<[u32]>),
    /// A record, which need not exist.
    Record(TableId, RecordId),
    /// Records of one table: a selection, the many side of a relation.
    Records(TableId, Arc<[RecordId]>),
    /// A user's id.
    User(Arc<str>),
    /// A file of a record, by name.
    File(TableId, RecordId, Arc<str>),
    /// Any values in order.
    Array(Arc<[Value]>),
    /// A JSON object.
    Object(Arc<Object>),
}

impl Value {
    /// Text.
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// A number, or null for what is none (§9-7).
    pub fn number(n: f64) -> Self {
        if n.is_finite() { Self::Number(n) } else { Self::Null }
    }

    /// Values in order.
    pub fn array(items: impl Into<Arc<[Value]>>) -> Self {
        Self::Array(items.into())
    }

    /// Whether this is [`Value::Null`].
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Empty text counts as empty as well (§3.4).
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.is_empty(),
            _ => false,
        }
    }

    /// Whether a condition holds (§3.5): not for `false`, empty, 0, empty text, an empty array or selection.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(b) => *b,
            Self::Number(n) => *n != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Array(items) => !items.is_empty(),
            Self::Records(_, records) => !records.is_empty(),
            Self::Choices(_, options) => !options.is_empty(),
            _ => true,
        }
    }

    /// Whether this is an array or a set of records.
    pub fn is_array(&self) -> bool {
        matches!(self, Self::Array(_) | Self::Records(..))
    }

    /// How many items: of null none, of what is no array one.
    pub fn item_count(&self) -> usize {
        match self {
            Self::Null => 0,
            Self::Array(items) => items.len(),
            Self::Records(_, records) => records.len(),
            _ => 1,
        }
    }

    /// An item by its place; a value that is no array is its own only item.
    pub fn item(&self, at: usize) -> Option<Value> {
        match self {
            Self::Null => None,
            Self::Array(items) => items.get(at).cloned(),
            Self::Records(table, records) => records.get(at).map(|&record| Self::Record(*table, record)),
            one => (at == 0).then(|| one.clone()),
        }
    }

    /// The items one after another.
    pub fn items(&self) -> impl DoubleEndedIterator<Item = Value> + ExactSizeIterator + '_ {
        (0..self.item_count()).map(|at| self.item(at).unwrap_or_default())
    }

    /// An array of values; records of one table become a set of records, which is smaller and quicker.
    pub fn from_items(items: Vec<Value>) -> Self {
        let Some(Self::Record(table, _)) = items.first() else { return Self::Array(items.into()) };
        let of_table = |item: &Value| match item {
            Self::Record(t, record) if t == table => Some(*record),
            _ => None,
        };
        match items.iter().map(of_table).collect::<Option<Vec<_>>>() {
            Some(records) => Self::Records(*table, records.into()),
            None => Self::Array(items.into()),
        }
    }

    /// About how many bytes it holds on the heap, shared ones included: for limits.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Text(text) | Self::User(text) | Self::File(.., text) => text.len(),
            Self::Choices(_, options) => options.len() * 4,
            Self::Records(_, records) => records.len() * 4,
            Self::Array(items) => items.len() * size_of::<Value>(),
            Self::Object(object) => object.len() * (size_of::<Value>() + 32),
            _ => 0,
        }
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<f64> for Value {
    fn from(n: f64) -> Self {
        Self::number(n)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

/// `None` is null.
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
