//! What it costs to write and to read a row.

use std::hint::black_box;

use boobook_model::{Cell, FieldId, RecordId};
use boobook_store::codec::{RowMeta, decode_fields, decode_meta, decode_row, encode_row};

fn main() {
    divan::main();
}

const META: RowMeta<'static> = RowMeta {
    created_at_ms: 1_760_000_000_000,
    created_by: "jane7",
    modified_at_ms: 1_760_000_360_000,
    modified_by: "jane7",
};

/// Seven fields, one of each kind, the text of 200 bytes.
fn fields<'a>(text: &'a str, choices: &'a [u32]) -> [Cell<'a>; 7] {
    [
        Cell::Text(text),
        Cell::Number(129.95),
        Cell::Bool(true),
        Cell::Time(1_760_000_000_000),
        Cell::Reference(RecordId::new(70_123).expect("in range")),
        Cell::Choice(3),
        Cell::Choices(choices),
    ]
}

fn encode(cells: &[Cell<'_>], out: &mut Vec<u8>) {
    let fid = |n: usize| FieldId::nth(n as u32).expect("a letter");
    encode_row(&META, cells.iter().enumerate().map(|(n, cell)| (fid(n), *cell)), out);
}

#[divan::bench]
fn encode_7_fields(bencher: divan::Bencher) {
    let text = "n".repeat(200);
    let mut out = Vec::new();
    bencher.bench_local(|| {
        out.clear();
        encode(black_box(&fields(&text, &[1, 4, 9])), &mut out);
    });
}

#[divan::bench(args = ["ascii", "german"])]
fn decode_7_fields(bencher: divan::Bencher, kind: &str) {
    let text = if kind == "ascii" { "n".repeat(200) } else { "Größe ".repeat(25) };
    let mut row = Vec::new();
    encode(&fields(&text, &[1, 4, 9]), &mut row);
    let mut scratch = Vec::new();
    bencher.bench_local(|| {
        decode_row(black_box(&row), &mut scratch, |fid, cell| {
            black_box((fid, cell));
        })
        .map(|meta| meta.modified_at_ms)
    });
}

#[divan::bench]
fn decode_only_meta(bencher: divan::Bencher) {
    let mut row = Vec::new();
    encode(&fields("text", &[1]), &mut row);
    bencher.bench_local(|| decode_meta(black_box(&row)).map(|meta| meta.modified_at_ms));
}

#[divan::bench]
fn decode_nothing(bencher: divan::Bencher) {
    let mut scratch = Vec::new();
    bencher.bench_local(|| decode_fields(black_box(&[]), &mut scratch, |_, _| {}));
}
