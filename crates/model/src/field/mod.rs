//! Field kinds: one file per kind or family, one line each in [`FIELD_KINDS`] (rest-api.md §8).
//!
//! To add a kind: implement [`FieldKind`] for a unit struct in a file of this folder, with its tests below it,
//! and list it in [`FIELD_KINDS`]. Nothing else in the server changes.

mod boolean;
#[cfg(test)]
mod check;
mod choice;
mod civil;
mod file;
mod formula;
mod number;
mod reference;
mod text;
mod time;

use std::fmt;

pub use civil::{parse_timestamp, write_clock, write_date, write_interval, write_timestamp};

use crate::{Cell, Field, Json, StorageClass, Value, ValueError};

/// How values are written: `choiceStyle` and `dateStyle` of rest-api.md §3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WireStyle {
    /// Choices as option ids in strings (`"1"`) instead of captions.
    pub choice_ids: bool,
}

/// A type of field: what it is called, how it is stored, how it looks in JSON and as text.
pub trait FieldKind: Sync + Send + 'static {
    /// The schema's `base` and the public shape's `type`, e.g. `number`.
    fn base(&self) -> &'static str;

    /// How the engine stores it; `None` where nothing is stored (formula, 1:N).
    fn storage(&self) -> Option<StorageClass>;

    /// A value from JSON. `null` never comes here (it clears the field). `Ok(None)` clears too.
    /// References are not checked to exist; options are.
    fn read(&self, json: &Json<'_>, field: &Field) -> Result<Option<Value>, ValueError>;

    /// Appends the JSON of a cell of this kind's storage class; never called with an empty one.
    fn write(&self, cell: Cell<'_>, field: &Field, style: WireStyle, out: &mut Vec<u8>);

    /// Appends the JSON of a cell as the change feed has it: as [`Self::write`], but choices as option ids
    /// (numbers), so that [`Self::read`] takes it back unchanged (rest-api.md §5).
    fn write_change(&self, cell: Cell<'_>, field: &Field, out: &mut Vec<u8>) {
        self.write(cell, field, WireStyle::default(), out);
    }

    /// Whether `{"name": ""}` clears the field as well as `null`: so it does for every kind that is stored.
    fn empty_text_clears(&self) -> bool {
        self.storage().is_some()
    }
}

impl fmt::Debug for dyn FieldKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldKind({})", self.base())
    }
}

/// Every field kind there is, in the order of rest-api.md §8.
pub const FIELD_KINDS: &[&dyn FieldKind] = &[
    &text::Text("string"),
    &number::Number,
    &time::Date,
    &time::Timestamp,
    &time::TimeInterval,
    &time::TimeOfDay,
    &time::Appointment,
    &boolean::Boolean,
    &choice::Choice,
    &choice::Multi,
    &choice::DynamicChoice,
    &choice::DynamicMulti,
    &text::Text("link"),
    &text::Text("url"),
    &text::Text("email"),
    &text::Text("phone"),
    &text::Text("location"),
    &text::Text("html"),
    &reference::Reference,
    &reference::Reverse,
    &text::Text("user"),
    &text::Text("color"),
    &text::Text("icon"),
    &file::File("file"),
    &file::File("image"),
    &file::File("signature"),
    &formula::Formula,
];

/// The kind of the hidden field with a record's files ([`crate::FieldId::FILES`]): text that no request reads or writes.
pub(crate) static HIDDEN_FILES: &dyn FieldKind = &text::Text("files");

/// The kind of a `base`/`type`; `datetime` and `text` are accepted for `timestamp` and `string`.
pub fn field_kind(base: &str) -> Option<&'static dyn FieldKind> {
    let base = match base {
        "text" => "string",
        "datetime" => "timestamp",
        "bool" => "boolean",
        other => other,
    };
    FIELD_KINDS.iter().copied().find(|kind| kind.base() == base)
}
