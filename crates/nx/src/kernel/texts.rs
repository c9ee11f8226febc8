//! Texts of a block of records, one at a time: a text is rarely so short that several would fit together.

use boobook_model::{Lane, Needle};

use crate::{compare::utf16, ir::Comparison};

/// A text for each record; empty text is empty.
#[derive(Debug)]
pub(super) enum Texts {
    /// A stored field.
    Lane(usize),
    Constant(Box<str>),
    Upper(Box<Texts>),
    Lower(Box<Texts>),
    Trim(Box<Texts>),
    Join(Box<(Texts, Texts)>),
}

impl Texts {
    /// The text of a record as it lies.
    fn as_is<'a>(&'a self, lanes: &[Lane<'a>], at: usize) -> Option<&'a str> {
        match self {
            Self::Constant(text) => Some(text),
            Self::Lane(lane) => match &lanes[*lane] {
                Lane::Texts(texts) => Some(texts.get(at)),
                Lane::Numbers(_) => Some(""),
            },
            Self::Trim(of) => of.as_is(lanes, at).map(str::trim),
            _ => None,
        }
    }

    /// Appends the text of a record.
    fn write<'a>(&'a self, lanes: &[Lane<'a>], at: usize, out: &mut String) {
        let from = out.len();
        match self {
            Self::Lane(_) | Self::Constant(_) => out.push_str(self.as_is(lanes, at).unwrap_or_default()),
            Self::Join(sides) => {
                sides.0.write(lanes, at, out);
                sides.1.write(lanes, at, out);
            }
            Self::Upper(of) => {
                of.write(lanes, at, out);
                if out[from..].is_ascii() {
                    out[from..].make_ascii_uppercase();
                } else {
                    let upper = out[from..].to_uppercase();
                    out.replace_range(from.., &upper);
                }
            }
            Self::Lower(of) => {
                of.write(lanes, at, out);
                if out[from..].is_ascii() {
                    out[from..].make_ascii_lowercase();
                } else {
                    let lower = out[from..].to_lowercase();
                    out.replace_range(from.., &lower);
                }
            }
            Self::Trim(of) => {
                of.write(lanes, at, out);
                out.truncate(from + out[from..].trim_end().len());
                let blanks = out[from..].len() - out[from..].trim_start().len();
                out.replace_range(from..from + blanks, "");
            }
        }
    }

    /// The text of a record, in `scratch` if it must be made.
    fn get<'s, 'a: 's>(&'a self, lanes: &[Lane<'a>], at: usize, scratch: &'s mut String) -> &'s str {
        match self.as_is(lanes, at) {
            Some(text) => text,
            None => {
                scratch.clear();
                self.write(lanes, at, scratch);
                scratch
            }
        }
    }

    /// Writes what `f` makes of each record's text.
    pub(super) fn each<'a, T>(&'a self, lanes: &[Lane<'a>], out: &mut [T], f: impl Fn(&str) -> T) {
        let mut scratch = String::new();
        for (at, out) in out.iter_mut().enumerate() {
            *out = f(self.get(lanes, at, &mut scratch));
        }
    }
}

impl Texts {
    /// Says of each record's text whether a needle is in it, whatever the case: of ASCII, then, it makes no difference
    /// whether the text is put in one case before.
    pub(super) fn find<'a>(&'a self, lanes: &[Lane<'a>], needle: &Needle, out: &mut [bool]) {
        let inner = match self {
            Self::Upper(of) | Self::Lower(of) => of,
            _ => return self.each(lanes, out, |text| needle.is_in(text)),
        };
        let mut scratch = String::new();
        for (at, out) in out.iter_mut().enumerate() {
            *out = match inner.as_is(lanes, at).filter(|text| text.is_ascii()) {
                Some(text) => needle.is_in_ascii(text),
                None => needle.is_in(self.get(lanes, at, &mut scratch)),
            };
        }
    }
}

/// Ordering with empty does not hold, but that two empty ones are not apart (§9-7).
pub(super) fn compare<'a>(
    comparison: Comparison,
    sides: &'a (Texts, Texts),
    lanes: &[Lane<'a>],
    out: &mut [bool],
) {
    let (mut left, mut right) = (String::new(), String::new());
    for (at, out) in out.iter_mut().enumerate() {
        let a = sides.0.get(lanes, at, &mut left);
        let b = sides.1.get(lanes, at, &mut right);
        let can_order = !a.is_empty() && !b.is_empty();
        *out = match comparison {
            Comparison::Equal => a == b,
            Comparison::NotEqual => a != b,
            Comparison::Less => can_order && utf16(a, b).is_lt(),
            Comparison::LessOrEqual if can_order => utf16(a, b).is_le(),
            Comparison::Greater => can_order && utf16(a, b).is_gt(),
            Comparison::GreaterOrEqual if can_order => utf16(a, b).is_ge(),
            Comparison::LessOrEqual | Comparison::GreaterOrEqual => a.is_empty() && b.is_empty(),
            Comparison::Like => false,
        };
    }
}
