//! A cell of a view: what JSON, CSV and the page are written from.

use std::borrow::Cow;

use boobook_model::{Cell, Field, Schema, field::parse_timestamp};
use boobook_nx::{Locale, Value, shown};

/// What one record shows in one column. What only people need to tell apart (options, users, links to records) is text
/// here.
#[derive(Debug, Clone, PartialEq)]
pub enum ViewCell<'a> {
    /// Nothing.
    Empty,
    /// yes/no
    Bool(bool),
    /// A number.
    Number(f64),
    /// A civil date, as the milliseconds of its midnight.
    Date(i64),
    /// An instant, in UTC milliseconds.
    DateTime(i64),
    /// A time of day, in milliseconds.
    Time(i64),
    /// A time interval, in milliseconds.
    Interval(i64),
    /// From one instant to another.
    Appointment(i64, i64),
    /// Text, never empty.
    Text(Cow<'a, str>),
}

/// What cells are put into words with.
pub(super) struct Words<'a> {
    pub(super) schema: &'a Schema,
    pub(super) locale: Locale,
}

impl<'a> ViewCell<'a> {
    /// Nothing to show.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// One that borrows nothing.
    pub(super) fn into_owned(self) -> ViewCell<'static> {
        match self {
            Self::Empty => ViewCell::Empty,
            Self::Bool(b) => ViewCell::Bool(b),
            Self::Number(n) => ViewCell::Number(n),
            Self::Date(ms) => ViewCell::Date(ms),
            Self::DateTime(ms) => ViewCell::DateTime(ms),
            Self::Time(ms) => ViewCell::Time(ms),
            Self::Interval(ms) => ViewCell::Interval(ms),
            Self::Appointment(from, to) => ViewCell::Appointment(from, to),
            Self::Text(text) => ViewCell::Text(Cow::Owned(text.into_owned())),
        }
    }

    pub(super) fn text(text: &'a str) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Text(Cow::Borrowed(text)) }
    }

    /// From a value of the language.
    pub(super) fn of_value(value: &'a Value, words: &Words<'_>) -> Self {
        match value {
            Value::Null => Self::Empty,
            Value::Bool(b) => Self::Bool(*b),
            Value::Number(n) => Self::Number(*n),
            Value::Date(ms) => Self::Date(*ms),
            Value::DateTime(ms) => Self::DateTime(*ms),
            Value::Time(ms) => Self::Time(*ms),
            Value::Interval(ms) => Self::Interval(*ms),
            Value::Appointment(from, to) => Self::Appointment(*from, *to),
            Value::Text(text) | Value::File(.., text) => Self::text(text),
            other => {
                let text = shown::text(other, words.schema, &words.locale);
                if text.is_empty() { Self::Empty } else { Self::Text(Cow::Owned(text.as_ref().to_owned())) }
            }
        }
    }

    /// From what a stored field holds, straight from its column.
    pub(super) fn of_stored(cell: Cell<'a>, field: &'a Field, words: &'a Words<'_>) -> Self {
        match cell {
            Cell::Empty => Self::Empty,
            Cell::Bool(b) => Self::Bool(b),
            Cell::Number(n) => Self::Number(n),
            Cell::Time(ms) => match field.kind.base() {
                "date" => Self::Date(ms),
                "time" => Self::Time(ms),
                "timeinterval" => Self::Interval(ms),
                _ => Self::DateTime(ms),
            },
            Cell::Reference(record) => Self::Number(f64::from(record.get())),
            Cell::Choice(option) => match caption(field, option, words) {
                Some(caption) => Self::text(caption),
                None => Self::Text(Cow::Owned(option.to_string())),
            },
            Cell::Choices(options) => {
                let captions = options.iter().map(|&option| {
                    let known = u16::try_from(option).ok().and_then(|option| caption(field, option, words));
                    known.map_or_else(|| Cow::Owned(option.to_string()), Cow::Borrowed)
                });
                let joined = captions.collect::<Vec<_>>().join(", ");
                if joined.is_empty() { Self::Empty } else { Self::Text(Cow::Owned(joined)) }
            }
            Cell::Text(text) => match field.kind.base() {
                "user" => Self::user(text, words),
                "appointment" => match text.split_once(" - ") {
                    Some((from, to)) => match (parse_timestamp(from), parse_timestamp(to)) {
                        (Some(from), Some(to)) => Self::Appointment(from, to),
                        _ => Self::Empty,
                    },
                    None => Self::Empty,
                },
                _ => Self::text(text),
            },
        }
    }

    /// A user by the name that people read.
    pub(super) fn user(id: &'a str, words: &'a Words<'_>) -> Self {
        Self::text(words.locale.user(id).map_or(id, |name| name))
    }

    /// The cell in the words of a language. Rich text is as it is stored.
    pub(super) fn write_text(&self, field: Option<&Field>, locale: &Locale, out: &mut String) {
        let moment = match *self {
            Self::Empty => return,
            Self::Text(ref text) => return out.push_str(text),
            Self::Bool(b) => return out.push_str(shown::yes_no(b, locale.language)),
            Self::Number(n) => return out.push_str(&shown::number_text(n, field, locale.language)),
            Self::Date(ms) => Value::Date(ms),
            Self::DateTime(ms) => Value::DateTime(ms),
            Self::Time(ms) => Value::Time(ms),
            Self::Interval(ms) => Value::Interval(ms),
            Self::Appointment(from, to) => Value::Appointment(from, to),
        };
        shown::moment_text(&moment, locale, out);
    }
}

/// The caption of an option, in the language where it has one in that.
fn caption<'a>(field: &'a Field, option: u16, words: &Words<'_>) -> Option<&'a str> {
    let option = field.option(option)?;
    let translated = option.captions.get(words.locale.language.code()).and_then(|caption| caption.as_str());
    Some(translated.filter(|caption| !caption.is_empty()).unwrap_or(&option.caption))
}
