//! The binary form of a record, and of the old values in its history. Version 1:
//!
//! ```text
//! row    = version:u8 created_at:zigzag created_by:text modified_at:zigzag modified_by:actor field*
//! fields = version:u8 field*                     (nothing at all: no fields)
//! field  = id:varint tag:u8 value
//! text   = length:varint UTF-8
//! actor  = 0                                      (the same as created_by)
//!        | length+1:varint UTF-8
//! ```
//!
//! | tag | value |
//! |---|---|
//! | 0 | empty; only in `fields`, where "it was empty" is an old value |
//! | 1, 2 | no, yes |
//! | 3 | number: 8 bytes, little endian |
//! | 4 | whole number below 2⁴⁸ in size: zigzag (most numbers people type take one to three bytes) |
//! | 5 | time: zigzag |
//! | 6 | reference: varint |
//! | 7 | choice: varint |
//! | 8 | choices: count, then each number's distance from the one before, as varints |
//! | 9 | text |
//!
//! `modified_at` is stored as its distance from `created_at`. Field ids are the packed numbers of
//! [`FieldId::packed`]. A row says nothing about its table's schema: unknown fields are for the reader to skip.
//!
//! A million rows are decoded when a large database is opened, so decoding allocates nothing (lists go through
//! the caller's scratch vector). Bytes from a broken disk give an error, never a panic or a huge allocation.

use boobook_model::{Cell, FieldId, RecordId};

pub use crate::error::CodecError;

/// The version written.
pub const VERSION: u8 = 1;

const TAG_EMPTY: u8 = 0;
const TAG_NO: u8 = 1;
const TAG_YES: u8 = 2;
const TAG_NUMBER: u8 = 3;
const TAG_WHOLE: u8 = 4;
const TAG_TIME: u8 = 5;
const TAG_REFERENCE: u8 = 6;
const TAG_CHOICE: u8 = 7;
const TAG_CHOICES: u8 = 8;
const TAG_TEXT: u8 = 9;

/// Whole numbers below this take at most seven bytes as a varint; beyond it the eight plain bytes are no worse.
const WHOLE_MAX: f64 = (1u64 << 48) as f64;

/// What every row carries besides its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowMeta<'a> {
    /// When the record was made, ms since the epoch.
    pub created_at_ms: i64,
    /// Who made it.
    pub created_by: &'a str,
    /// When it was changed last, ms since the epoch.
    pub modified_at_ms: i64,
    /// Who changed it last.
    pub modified_by: &'a str,
}

/// Appends a row to `out`. Empty cells are left out: an empty field is the absence of a value.
pub fn encode_row<'a>(
    meta: &RowMeta<'_>,
    fields: impl Iterator<Item = (FieldId, Cell<'a>)>,
    out: &mut Vec<u8>,
) {
    out.push(VERSION);
    put_varint(zigzag(meta.created_at_ms), out);
    put_text(meta.created_by, out);
    put_varint(zigzag(meta.modified_at_ms.wrapping_sub(meta.created_at_ms)), out);
    if meta.modified_by == meta.created_by {
        out.push(0);
    } else {
        put_varint(meta.modified_by.len() as u64 + 1, out);
        out.extend_from_slice(meta.modified_by.as_bytes());
    }
    for (fid, cell) in fields {
        if !cell.is_empty() {
            put_field(fid, cell, out);
        }
    }
}

/// Appends old values to `out`, empty ones included. Writes nothing where there are no fields.
pub fn encode_fields<'a>(fields: impl Iterator<Item = (FieldId, Cell<'a>)>, out: &mut Vec<u8>) {
    let mut started = false;
    for (fid, cell) in fields {
        if !started {
            out.push(VERSION);
            started = true;
        }
        put_field(fid, cell, out);
    }
}

/// Reads a row: every field goes to `on_field` in the order it was written; answers who and when.
///
/// `scratch` holds lists while `on_field` looks at them; its contents before and after mean nothing. After an
/// error, `on_field` may have seen some of the fields.
pub fn decode_row<'a>(
    body: &'a [u8],
    scratch: &mut Vec<u32>,
    on_field: impl FnMut(FieldId, Cell<'_>),
) -> Result<RowMeta<'a>, CodecError> {
    let mut reader = Reader { bytes: body, at: 0 };
    let meta = reader.meta()?;
    reader.fields(scratch, on_field)?;
    Ok(meta)
}

/// Reads only who and when of a row.
pub fn decode_meta(body: &[u8]) -> Result<RowMeta<'_>, CodecError> {
    Reader { bytes: body, at: 0 }.meta()
}

/// Reads what [`encode_fields`] wrote; see [`decode_row`].
pub fn decode_fields(
    body: &[u8],
    scratch: &mut Vec<u32>,
    on_field: impl FnMut(FieldId, Cell<'_>),
) -> Result<(), CodecError> {
    if body.is_empty() {
        return Ok(());
    }
    let mut reader = Reader { bytes: body, at: 0 };
    reader.version()?;
    reader.fields(scratch, on_field)
}

fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

fn unzigzag(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

fn put_varint(mut n: u64, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    put_varint(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

/// The number as an integer if the short form keeps every bit of it (so not for −0).
fn as_short_whole(n: f64) -> Option<i64> {
    let whole = n as i64;
    (n.abs() < WHOLE_MAX && (whole as f64).to_bits() == n.to_bits()).then_some(whole)
}

fn put_field(fid: FieldId, cell: Cell<'_>, out: &mut Vec<u8>) {
    put_varint(u64::from(fid.packed()), out);
    match cell {
        Cell::Empty => out.push(TAG_EMPTY),
        Cell::Bool(false) => out.push(TAG_NO),
        Cell::Bool(true) => out.push(TAG_YES),
        Cell::Number(n) => match as_short_whole(n) {
            Some(whole) => {
                out.push(TAG_WHOLE);
                put_varint(zigzag(whole), out);
            }
            None => {
                out.push(TAG_NUMBER);
                out.extend_from_slice(&n.to_le_bytes());
            }
        },
        Cell::Time(t) => {
            out.push(TAG_TIME);
            put_varint(zigzag(t), out);
        }
        Cell::Reference(rid) => {
            out.push(TAG_REFERENCE);
            put_varint(u64::from(rid.get()), out);
        }
        Cell::Choice(option) => {
            out.push(TAG_CHOICE);
            put_varint(u64::from(option), out);
        }
        Cell::Choices(list) => {
            out.push(TAG_CHOICES);
            put_varint(list.len() as u64, out);
            let mut last = 0u32;
            for &n in list {
                // Wrapping: the list should ascend, but one that does not must come back as it was.
                put_varint(u64::from(n.wrapping_sub(last)), out);
                last = n;
            }
        }
        Cell::Text(text) => {
            out.push(TAG_TEXT);
            put_text(text, out);
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    #[inline]
    fn byte(&mut self) -> Result<u8, CodecError> {
        let byte = *self.bytes.get(self.at).ok_or(CodecError::Truncated { at: self.at })?;
        self.at += 1;
        Ok(byte)
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, CodecError> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        self.long_varint(first)
    }

    fn long_varint(&mut self, first: u8) -> Result<u64, CodecError> {
        let start = self.at - 1;
        let mut n = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            // The tenth byte has room for one bit.
            if shift == 63 && byte > 1 {
                break;
            }
            n |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(n);
            }
        }
        Err(CodecError::Number { at: start })
    }

    #[inline]
    fn varint_u32(&mut self) -> Result<u32, CodecError> {
        let start = self.at;
        u32::try_from(self.varint()?).map_err(|_| CodecError::Number { at: start })
    }

    #[inline]
    fn slice(&mut self, len: u64) -> Result<&'a [u8], CodecError> {
        let truncated = CodecError::Truncated { at: self.at };
        let len = usize::try_from(len).map_err(|_| truncated)?;
        let end = self.at.checked_add(len).ok_or(truncated)?;
        let slice = self.bytes.get(self.at..end).ok_or(truncated)?;
        self.at = end;
        Ok(slice)
    }

    #[inline]
    fn text(&mut self, len: u64) -> Result<&'a str, CodecError> {
        let start = self.at;
        std::str::from_utf8(self.slice(len)?).map_err(|_| CodecError::Text { at: start })
    }

    fn version(&mut self) -> Result<(), CodecError> {
        match self.byte()? {
            VERSION => Ok(()),
            other => Err(CodecError::Version(other)),
        }
    }

    fn meta(&mut self) -> Result<RowMeta<'a>, CodecError> {
        self.version()?;
        let created_at_ms = unzigzag(self.varint()?);
        let len = self.varint()?;
        let created_by = self.text(len)?;
        let modified_at_ms = created_at_ms.wrapping_add(unzigzag(self.varint()?));
        let modified_by = match self.varint()? {
            0 => created_by,
            len => self.text(len - 1)?,
        };
        Ok(RowMeta { created_at_ms, created_by, modified_at_ms, modified_by })
    }

    fn fields(
        &mut self,
        scratch: &mut Vec<u32>,
        mut on_field: impl FnMut(FieldId, Cell<'_>),
    ) -> Result<(), CodecError> {
        while self.at < self.bytes.len() {
            let fid = FieldId::from_packed(self.varint_u32()?);
            let tag_at = self.at;
            let cell = match self.byte()? {
                TAG_EMPTY => Cell::Empty,
                TAG_NO => Cell::Bool(false),
                TAG_YES => Cell::Bool(true),
                TAG_NUMBER => {
                    let mut eight = [0; 8];
                    eight.copy_from_slice(self.slice(8)?);
                    Cell::Number(f64::from_le_bytes(eight))
                }
                TAG_WHOLE => Cell::Number(unzigzag(self.varint()?) as f64),
                TAG_TIME => Cell::Time(unzigzag(self.varint()?)),
                TAG_REFERENCE => {
                    let start = self.at;
                    let rid = RecordId::new(self.varint()?).ok_or(CodecError::Number { at: start })?;
                    Cell::Reference(rid)
                }
                TAG_CHOICE => {
                    let start = self.at;
                    let option =
                        u16::try_from(self.varint()?).map_err(|_| CodecError::Number { at: start })?;
                    Cell::Choice(option)
                }
                TAG_CHOICES => {
                    self.choices(scratch)?;
                    Cell::Choices(scratch)
                }
                TAG_TEXT => {
                    let len = self.varint()?;
                    Cell::Text(self.text(len)?)
                }
                tag => return Err(CodecError::Tag { tag, at: tag_at }),
            };
            on_field(fid, cell);
        }
        Ok(())
    }

    fn choices(&mut self, scratch: &mut Vec<u32>) -> Result<(), CodecError> {
        scratch.clear();
        let count = self.varint()?;
        // Each takes a byte at least: a count beyond what is left is a lie, and must not become a reservation.
        let left = self.bytes.len() - self.at;
        if count > left as u64 {
            return Err(CodecError::Truncated { at: self.bytes.len() });
        }
        let mut last = 0u32;
        for _ in 0..count {
            last = last.wrapping_add(self.varint_u32()?);
            scratch.push(last);
        }
        Ok(())
    }
}
