//! Any bytes as a row and as old values: an error, or what is written of it reads as the same. The fuzz target
//! `row_codec` includes this file.
#![allow(dead_code, clippy::unwrap_used, reason = "tests; the fuzz target runs none")]

use boobook_model::{Cell, FieldId, Value};
use boobook_store::codec::{RowMeta, decode_fields, decode_meta, decode_row, encode_fields, encode_row};

type Field = (FieldId, Option<Value>);
type Fields = Vec<Field>;

/// Holds any bytes to what is said above.
///
/// # Panics
/// Where it does not hold.
pub(crate) fn check_row_codec(data: &[u8]) {
    let mut scratch = Vec::new();
    if let Ok((meta, fields)) = row(data, &mut scratch) {
        assert_eq!(decode_meta(data), Ok(meta));
        // Nothing is written of an empty field of a row.
        let present: Fields = fields.into_iter().filter(|(_, value)| value.is_some()).collect();
        let written = write_row(&meta, &present);
        let (meta_again, again) = row(&written, &mut scratch).unwrap();
        assert_eq!(meta_again, meta);
        assert_same(&again, &present);
        assert_eq!(write_row(&meta_again, &again), written);
    }
    if let Ok(fields) = old_values(data, &mut scratch) {
        let written = write_old_values(&fields);
        assert_same(&old_values(&written, &mut scratch).unwrap(), &fields);
    }
    // A few bytes must not say how much memory is taken.
    assert!(scratch.capacity() <= 2 * data.len() + 64, "reserved {}", scratch.capacity());
}

fn row<'a>(body: &'a [u8], scratch: &mut Vec<u32>) -> Result<(RowMeta<'a>, Fields), ()> {
    let mut fields = Vec::new();
    let meta = decode_row(body, scratch, |fid, cell| fields.push((fid, cell.to_value()))).map_err(drop)?;
    Ok((meta, fields))
}

fn old_values(body: &[u8], scratch: &mut Vec<u32>) -> Result<Fields, ()> {
    let mut fields = Vec::new();
    decode_fields(body, scratch, |fid, cell| fields.push((fid, cell.to_value()))).map_err(drop)?;
    Ok(fields)
}

fn cells(fields: &Fields) -> impl Iterator<Item = (FieldId, Cell<'_>)> {
    fields.iter().map(|(fid, value)| (*fid, value.as_ref().map_or(Cell::Empty, Value::as_cell)))
}

fn write_row(meta: &RowMeta<'_>, fields: &Fields) -> Vec<u8> {
    let mut out = Vec::new();
    encode_row(meta, cells(fields), &mut out);
    out
}

fn write_old_values(fields: &Fields) -> Vec<u8> {
    let mut out = Vec::new();
    encode_fields(cells(fields), &mut out);
    out
}

/// Equal, to the last bit of a number.
fn assert_same(a: &Fields, b: &Fields) {
    let is_same = |((fid, a), (other, b)): (&Field, &Field)| {
        let same_value = match (a, b) {
            (Some(Value::Number(a)), Some(Value::Number(b))) => a.to_bits() == b.to_bits(),
            _ => a == b,
        };
        fid == other && same_value
    };
    assert!(a.len() == b.len() && a.iter().zip(b).all(is_same), "{a:?}\nis not\n{b:?}");
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
#[test]
fn kept_inputs_of_the_fuzzer() {
    replay::replay("row_codec", check_row_codec);
}
