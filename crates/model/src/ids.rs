//! Newtypes for every id. Shapes: rest-api.md §1 ("Id shapes").

use std::{fmt, str::FromStr, sync::Arc};

/// An id did not have the shape its kind asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{got:?} is no {kind} id: expected {expected}")]
pub struct IdError {
    /// What kind of id was expected, e.g. `table`.
    pub kind: &'static str,
    /// The shape, in words.
    pub expected: &'static str,
    /// What came.
    pub got: String,
}

const LETTER_BITS: u32 = 15;
const DIGITS_MAX: u32 = 99_999;

/// Packs `^[A-Z]{1,3}[0-9]{0,5}$` into a `u32`: letters (bijective base 26, `A` = 0) in the low 15 bits,
/// the number after them plus one above. Plain letter ids, nearly all there are, stay small numbers.
fn pack(text: &str) -> Option<u32> {
    let digits_at = text.find(|c: char| !c.is_ascii_uppercase()).unwrap_or(text.len());
    let (letters, digits) = text.split_at(digits_at);
    if letters.is_empty() || letters.len() > 3 || digits.len() > 5 {
        return None;
    }
    let mut number = 0u32;
    for b in letters.bytes() {
        number = number * 26 + u32::from(b - b'A') + 1;
    }
    let number = number - 1;
    if digits.is_empty() {
        return Some(number);
    }
    if !digits.bytes().all(|b| b.is_ascii_digit()) || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    let suffix: u32 = digits.parse().ok()?;
    (suffix <= DIGITS_MAX).then(|| ((suffix + 1) << LETTER_BITS) | number)
}

fn unpack(id: u32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut number = (id & ((1 << LETTER_BITS) - 1)) + 1;
    let mut letters = [0u8; 4];
    let mut at = letters.len();
    while number > 0 {
        number -= 1;
        at -= 1;
        letters[at] = b'A' + (number % 26) as u8;
        number /= 26;
    }
    f.write_str(std::str::from_utf8(&letters[at..]).unwrap_or("?"))?;
    match id >> LETTER_BITS {
        0 => Ok(()),
        digits => write!(f, "{}", digits - 1),
    }
}

macro_rules! letter_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl $name {
            /// The `n`-th plain letter id: 0 is `A`, 25 is `Z`, 26 is `AA`. `None` beyond three letters.
            pub fn nth(n: u32) -> Option<Self> {
                (n < 26 + 26 * 26 + 26 * 26 * 26).then_some(Self(n))
            }
            /// The packed number, as stored in rows. See [`Self::from_packed`].
            pub fn packed(self) -> u32 {
                self.0
            }
            /// The id of a packed number; any number is some id.
            pub fn from_packed(packed: u32) -> Self {
                Self(packed)
            }
            /// Place in the plain letter sequence (`A` = 0), `None` for ids with a number behind.
            pub fn ordinal(self) -> Option<u32> {
                (self.0 >> LETTER_BITS == 0).then_some(self.0)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                unpack(self.0, f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                pack(text).map(Self).ok_or_else(|| IdError {
                    kind: $kind,
                    expected: "up to three capital letters and at most five digits, such as `A` or `AB` or `C2`",
                    got: text.chars().take(64).collect(),
                })
            }
        }
    };
}

letter_id!(
    /// A table of a database: `A`, `B`, … (`^[A-Z]+[0-9]*$`).
    TableId,
    "table"
);
letter_id!(
    /// A field (or layout element) of a table: `A`, `B`, … (`^[A-Z]+[0-9]*$`).
    FieldId,
    "field"
);

impl FieldId {
    /// The hidden field of every table that holds the list of a record's files ([`crate::FileList`]). No text reads as
    /// this id, so that no request can name it; it comes after all others.
    pub const FILES: Self = Self(u32::MAX);
}

/// The highest record id: 2³²−2 (architecture.md §7, "Record ids").
pub const RECORD_ID_MAX: u32 = u32::MAX - 1;

/// A record of a table, 1 … [`RECORD_ID_MAX`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RecordId(u32);

impl RecordId {
    /// `None` outside 1 … [`RECORD_ID_MAX`].
    pub fn new(id: u64) -> Option<Self> {
        (1..=u64::from(RECORD_ID_MAX)).contains(&id).then_some(Self(id as u32))
    }
    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RecordId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u64>().ok().filter(|_| digits).and_then(Self::new).ok_or_else(|| IdError {
            kind: "record",
            expected: "a whole number from 1 to 4294967294",
            got: text.chars().take(64).collect(),
        })
    }
}

/// A database's change number: every committed change takes the next one (architecture.md §7, "One order").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Sq(pub u64);

impl fmt::Display for Sq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $len_max:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let fits = (1..=$len_max).contains(&text.len())
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
                if fits {
                    Ok(Self(text.into()))
                } else {
                    Err(IdError {
                        kind: $kind,
                        expected: concat!("1 to ", $len_max, " letters, digits, `-` or `_`"),
                        got: text.chars().take(64).collect(),
                    })
                }
            }
        }
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id!(
    /// A team (workspace): 17 of `[a-z0-9]` where we make it. Safe as a file name.
    TeamId,
    "team",
    64
);
text_id!(
    /// A database: 12 of `[a-z0-9]` where we make it. Safe as a file name.
    DatabaseId,
    "database",
    64
);
text_id!(
    /// A user, as shown in `createdBy`.
    UserId,
    "user",
    64
);
text_id!(
    /// An API key's public id (never the key itself).
    KeyId,
    "key",
    64
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letter_ids_round_trip() {
        for (n, text) in [(0, "A"), (25, "Z"), (26, "AA"), (27, "AB"), (701, "ZZ"), (702, "AAA")] {
            assert_eq!(TableId::nth(n).unwrap().to_string(), text);
            assert_eq!(text.parse::<TableId>().unwrap(), TableId::nth(n).unwrap());
        }
        for text in ["A0", "A1", "Z99999", "ZZZ99999", "AB12"] {
            assert_eq!(text.parse::<FieldId>().unwrap().to_string(), text);
        }
        for text in ["", "a", "A01", "ABCD", "1", "A123456", "A-1", "Ä"] {
            assert!(text.parse::<FieldId>().is_err(), "{text}");
        }
    }

    #[test]
    fn record_ids_have_bounds() {
        assert_eq!("1".parse::<RecordId>().unwrap().get(), 1);
        assert_eq!("4294967294".parse::<RecordId>().unwrap().get(), RECORD_ID_MAX);
        for text in ["0", "-1", "4294967295", "1.5", "+1", "", "99999999999999999999"] {
            assert!(text.parse::<RecordId>().is_err(), "{text}");
        }
    }
}
