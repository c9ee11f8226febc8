//! Static types (nx-language.md §3.1).

use std::fmt;

use boobook_model::{Field, Schema, StorageClass, TableId};

use crate::FieldRef;

/// What one value is. Arrays are homogeneous and one-dimensional, so a [`Type`] is this and whether there are many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Base {
    /// Not known before it runs: JSON, an item of `[]`, branches of different types.
    Any,
    /// Nothing: the value of a loop without one, of `delete`.
    Void,
    /// yes/no
    Bool,
    /// A number.
    Number,
    /// Text of a kind.
    Text(TextKind),
    /// A civil date.
    Date,
    /// An instant.
    DateTime,
    /// A time of day.
    Time,
    /// A time interval.
    Interval,
    /// From one instant to another.
    Appointment,
    /// An option, of a field where that is known.
    Choice(Option<FieldRef>),
    /// Options of a field.
    Multi(Option<FieldRef>),
    /// A user.
    User,
    /// A file of a record.
    File,
    /// A record of a table.
    Record(TableId),
    /// A record of some table: only in signatures of functions.
    AnyRecord,
}

/// What is text when it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TextKind {
    /// Text as such.
    Plain,
    /// Rich text.
    Html,
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// A web address.
    Url,
    /// A colour.
    Color,
    /// The name of an icon.
    Icon,
    /// `Title\n<lat,lon>`
    Location,
    /// Text with colours.
    Styled,
}

/// The static type of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Type {
    /// What one value is.
    pub base: Base,
    /// Whether there are many.
    pub is_array: bool,
}

impl Type {
    /// Anything.
    pub const ANY: Self = Self::one(Base::Any);
    /// Nothing.
    pub const VOID: Self = Self::one(Base::Void);
    /// yes/no
    pub const BOOL: Self = Self::one(Base::Bool);
    /// A number.
    pub const NUMBER: Self = Self::one(Base::Number);
    /// Text.
    pub const TEXT: Self = Self::one(Base::Text(TextKind::Plain));

    /// One value.
    pub const fn one(base: Base) -> Self {
        Self { base, is_array: false }
    }

    /// An array of such values.
    pub const fn array(base: Base) -> Self {
        Self { base, is_array: true }
    }

    /// The type of one item.
    pub const fn item(self) -> Self {
        Self::one(self.base)
    }

    /// Whether it is known only when it runs.
    pub fn is_any(self) -> bool {
        self.base == Base::Any && !self.is_array
    }

    /// What a field holds. A formula's type comes from its script, so that here it is [`Type::ANY`].
    pub fn of_field(table: TableId, field: &Field) -> Self {
        let at = FieldRef { table, field: field.id };
        let base = match field.kind.base() {
            "number" => Base::Number,
            "boolean" => Base::Bool,
            "date" => Base::Date,
            "timestamp" => Base::DateTime,
            "time" => Base::Time,
            "timeinterval" => Base::Interval,
            "appointment" => Base::Appointment,
            "choice" => Base::Choice(Some(at)),
            "multi" => Base::Multi(Some(at)),
            // The source of a dynamic choice's records is a script; its table is not part of the schema.
            "dchoice" => Base::Number,
            "dmulti" => return Self::array(Base::Number),
            "ref" => field.target.map_or(Base::Any, Base::Record),
            "rev" => return Self::array(field.target.map_or(Base::Any, Base::Record)),
            "user" => Base::User,
            "file" | "image" | "signature" => Base::File,
            "html" => Base::Text(TextKind::Html),
            "email" => Base::Text(TextKind::Email),
            "phone" => Base::Text(TextKind::Phone),
            "url" | "link" => Base::Text(TextKind::Url),
            "color" => Base::Text(TextKind::Color),
            "icon" => Base::Text(TextKind::Icon),
            "location" => Base::Text(TextKind::Location),
            _ if field.kind.storage() == Some(StorageClass::Text) => Base::Text(TextKind::Plain),
            _ => Base::Any,
        };
        Self::one(base)
    }

    /// What both branches of an `if` may be.
    pub fn unify(self, other: Self) -> Self {
        if self == other || other == Self::VOID {
            return self;
        }
        if self == Self::VOID {
            return other;
        }
        let base = match (self.base, other.base) {
            (a, b) if a == b => a,
            (Base::Text(_), Base::Text(_)) => Base::Text(TextKind::Plain),
            (Base::Choice(_), Base::Choice(_)) => Base::Choice(None),
            (Base::Multi(_), Base::Multi(_)) => Base::Multi(None),
            _ => Base::Any,
        };
        if self.is_array == other.is_array { Self { base, is_array: self.is_array } } else { Self::ANY }
    }

    /// The type in the words of a schema, for messages.
    pub fn display(self, schema: &Schema) -> impl fmt::Display {
        struct Shown<'a>(Type, &'a Schema);
        impl fmt::Display for Shown<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                if self.0.is_array {
                    f.write_str("[")?;
                }
                match self.0.base {
                    Base::Record(table) => match self.1.table(table) {
                        Some(table) => f.write_str(&table.caption)?,
                        None => f.write_str("record")?,
                    },
                    base => f.write_str(base.name())?,
                }
                if self.0.is_array { f.write_str("]") } else { Ok(()) }
            }
        }
        Shown(self, schema)
    }
}

impl Base {
    /// The word of the language (§2.1, `type`).
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Void => "void",
            Self::Bool => "boolean",
            Self::Number => "number",
            Self::Text(TextKind::Plain | TextKind::Styled) => "text",
            Self::Text(TextKind::Html) => "html",
            Self::Text(TextKind::Email) => "email",
            Self::Text(TextKind::Phone) => "phone",
            Self::Text(TextKind::Url) => "url",
            Self::Text(TextKind::Color) => "color",
            Self::Text(TextKind::Icon) => "icon",
            Self::Text(TextKind::Location) => "location",
            Self::Date => "date",
            Self::DateTime => "datetime",
            Self::Time => "time",
            Self::Interval => "timeinterval",
            Self::Appointment => "appointment",
            Self::Choice(_) => "choice",
            Self::Multi(_) => "multi",
            Self::User => "user",
            Self::File => "file",
            Self::Record(_) | Self::AnyRecord => "record",
        }
    }
}
