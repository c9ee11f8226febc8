//! The row codec: fixed bytes of version 1, round trips, and bytes that are no rows.
#![allow(clippy::unwrap_used, reason = "tests")]

use boobook_model::{Cell, FieldId, RECORD_ID_MAX, RecordId, Value};
use boobook_store::codec::{
    CodecError, RowMeta, decode_fields, decode_meta, decode_row, encode_fields, encode_row,
};
use proptest::prelude::*;

fn fid(text: &str) -> FieldId {
    text.parse().unwrap()
}

type Fields = Vec<(FieldId, Option<Value>)>;

fn cells(fields: &Fields) -> impl Iterator<Item = (FieldId, Cell<'_>)> {
    fields.iter().map(|(fid, value)| (*fid, value.as_ref().map_or(Cell::Empty, Value::as_cell)))
}

fn row(meta: &RowMeta<'_>, fields: &Fields) -> Vec<u8> {
    let mut out = Vec::new();
    encode_row(meta, cells(fields), &mut out);
    out
}

fn fields_of(body: &[u8]) -> Result<(RowMeta<'_>, Fields), CodecError> {
    let mut fields = Vec::new();
    let meta = decode_row(body, &mut vec![9; 3], |fid, cell| fields.push((fid, cell.to_value())))?;
    Ok((meta, fields))
}

fn golden_fields() -> Fields {
    let text = |s: &str| Value::Text(s.into());
    vec![
        (fid("A"), Some(text("Zoë"))),
        (fid("B"), Some(Value::Bool(false))),
        (fid("C"), Some(Value::Bool(true))),
        (fid("D"), Some(Value::Number(0.1))),
        (fid("E"), Some(Value::Number(-3.0))),
        (fid("F"), Some(Value::Time(1_760_000_000_000))),
        (fid("G"), Some(Value::Reference(RecordId::new(300).unwrap()))),
        (fid("H"), Some(Value::Choice(2))),
        (fid("I"), Some(Value::Choices([1, 4, 200].into()))),
        (fid("A0"), Some(text(""))),
    ]
}

/// These bytes are in people's files. If this fails, the codec broke them: a change of the form is a new version,
/// and this test stays.
#[test]
fn version_1_is_fixed() {
    let meta = RowMeta { created_at_ms: 1000, created_by: "u1", modified_at_ms: 936, modified_by: "u22" };
    #[rustfmt::skip]
    let expected: &[u8] = &[
        1,                                              // version
        0xd0, 0x0f, 2, b'u', b'1',                      // created
        0x7f, 4, b'u', b'2', b'2',                      // modified: 64 ms earlier, a name of three bytes
        0, 9, 4, b'Z', b'o', 0xc3, 0xab,                // A: text
        1, 1,                                           // B: no
        2, 2,                                           // C: yes
        3, 3, 0x9a, 0x99, 0x99, 0x99, 0x99, 0x99, 0xb9, 0x3f, // D: 0.1
        4, 4, 5,                                        // E: -3
        5, 5, 0x80, 0x80, 0xe6, 0x82, 0xb9, 0x66,       // F: time
        6, 6, 0xac, 0x02,                               // G: reference
        7, 7, 2,                                        // H: choice
        8, 8, 3, 1, 3, 0xc4, 0x01,                      // I: 1, +3, +196
        0x80, 0x80, 0x02, 9, 0,                         // A0: empty text
    ];
    assert_eq!(row(&meta, &golden_fields()), expected);
    assert_eq!(fields_of(expected), Ok((meta, golden_fields())));
    assert_eq!(decode_meta(expected), Ok(meta));
}

#[test]
fn old_values_of_version_1_are_fixed() {
    let fields = vec![(fid("A"), None), (fid("B"), Some(Value::Number(7.0)))];
    let mut out = Vec::new();
    encode_fields(cells(&fields), &mut out);
    assert_eq!(out, [1, 0, 0, 1, 4, 14]);
    let mut back = Vec::new();
    decode_fields(&out, &mut Vec::new(), |fid, cell| back.push((fid, cell.to_value()))).unwrap();
    assert_eq!(back, fields);

    let mut nothing = Vec::new();
    encode_fields(std::iter::empty(), &mut nothing);
    assert!(nothing.is_empty());
    decode_fields(&nothing, &mut Vec::new(), |_, _| panic!("no fields")).unwrap();
}

#[test]
fn rows_leave_empty_cells_out_and_name_an_actor_once() {
    let meta = RowMeta { created_at_ms: 0, created_by: "jane7", modified_at_ms: 0, modified_by: "jane7" };
    let body = row(&meta, &vec![(fid("A"), None)]);
    assert_eq!(body, [1, 0, 5, b'j', b'a', b'n', b'e', b'7', 0, 0]);
    assert_eq!(fields_of(&body), Ok((meta, vec![])));
}

#[test]
fn numbers_keep_every_bit() {
    let big = (1u64 << 48) as f64;
    for n in [
        0.0,
        -0.0,
        1.0,
        -1.0,
        big - 1.0,
        big,
        -big,
        0.5,
        f64::MAX,
        f64::MIN_POSITIVE,
        f64::INFINITY,
        f64::NAN,
    ] {
        let mut out = Vec::new();
        encode_fields(std::iter::once((fid("A"), Cell::Number(n))), &mut out);
        decode_fields(&out, &mut Vec::new(), |_, cell| match cell {
            Cell::Number(back) => assert_eq!(back.to_bits(), n.to_bits(), "{n}"),
            other => panic!("{other:?}"),
        })
        .unwrap();
    }
}

#[test]
fn what_is_no_row_is_an_error_that_says_where() {
    let head = [1, 0, 0, 0, 0];
    let with = |tail: &[u8]| [&head[..], tail].concat();
    for (bytes, expected) in [
        (vec![], CodecError::Truncated { at: 0 }),
        (vec![2, 0, 0, 0, 0], CodecError::Version(2)),
        (vec![1, 0, 9, b'x'], CodecError::Truncated { at: 3 }),
        (vec![1, 0, 1, 0xff, 0, 0], CodecError::Text { at: 3 }),
        (with(&[0]), CodecError::Truncated { at: 6 }),
        (with(&[0, 10]), CodecError::Tag { tag: 10, at: 6 }),
        (with(&[0, 3, 1, 2]), CodecError::Truncated { at: 7 }),
        (with(&[0, 6, 0]), CodecError::Number { at: 7 }),
        (with(&[0, 7, 0xff, 0xff, 0x7f]), CodecError::Number { at: 7 }),
        (with(&[0xff; 11]), CodecError::Number { at: 5 }),
        // A list of 2⁶³ numbers, in nine bytes.
        (
            with(&[0, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
            CodecError::Truncated { at: 16 },
        ),
        (
            with(&[0, 9, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
            CodecError::Truncated { at: 17 },
        ),
    ] {
        let error = decode_row(&bytes, &mut Vec::new(), |_, _| {}).unwrap_err();
        assert_eq!(error, expected, "{bytes:?}");
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<f64>().prop_filter("NaN is not equal to itself", |n| !n.is_nan()).prop_map(Value::Number),
        any::<i32>().prop_map(|n| Value::Number(f64::from(n))),
        any::<i64>().prop_map(Value::Time),
        (1..=u64::from(RECORD_ID_MAX)).prop_map(|n| Value::Reference(RecordId::new(n).unwrap())),
        any::<u16>().prop_map(Value::Choice),
        // Ascending or not.
        prop::collection::vec(any::<u32>(), 0..20).prop_map(|list| Value::Choices(list.into())),
        ".{0,40}".prop_map(|text| Value::Text(text.into())),
    ]
}

fn any_fields() -> impl Strategy<Value = Fields> {
    let field = (any::<u32>().prop_map(FieldId::from_packed), prop::option::of(any_value()));
    prop::collection::vec(field, 0..12)
}

proptest! {
    #[test]
    fn rows_round_trip(
        fields in any_fields(),
        created_at_ms: i64,
        modified_at_ms: i64,
        created_by in ".{0,12}",
        modified_by in ".{0,12}",
    ) {
        let meta = RowMeta { created_at_ms, created_by: &created_by, modified_at_ms, modified_by: &modified_by };
        let body = row(&meta, &fields);
        let present: Fields = fields.into_iter().filter(|(_, value)| value.is_some()).collect();
        prop_assert_eq!(fields_of(&body), Ok((meta, present)));
        prop_assert_eq!(decode_meta(&body), Ok(meta));
    }

    #[test]
    fn old_values_round_trip(fields in any_fields()) {
        let mut body = Vec::new();
        encode_fields(cells(&fields), &mut body);
        let mut back = Vec::new();
        decode_fields(&body, &mut Vec::new(), |fid, cell| back.push((fid, cell.to_value()))).unwrap();
        prop_assert_eq!(back, fields);
    }

    #[test]
    fn any_bytes_are_a_row_or_an_error(mut bytes in prop::collection::vec(any::<u8>(), 0..200), like_a_row: bool) {
        if like_a_row && !bytes.is_empty() {
            bytes[0] = 1;
        }
        let mut scratch = Vec::new();
        let _ = decode_row(&bytes, &mut scratch, |_, _| {});
        let _ = decode_fields(&bytes, &mut scratch, |_, _| {});
        prop_assert!(scratch.capacity() <= 512, "reserved {} for {} bytes", scratch.capacity(), bytes.len());
    }

    #[test]
    fn a_damaged_row_is_a_row_or_an_error(fields in any_fields(), at: prop::sample::Index, byte: u8, cut: bool) {
        let meta = RowMeta { created_at_ms: 1, created_by: "a", modified_at_ms: 2, modified_by: "b" };
        let mut body = row(&meta, &fields);
        let at = at.index(body.len());
        if cut { body.truncate(at) } else { body[at] = byte }
        let _ = decode_row(&body, &mut Vec::new(), |_, _| {});
    }
}
