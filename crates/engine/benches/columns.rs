//! Speed and size of columns: `cargo bench -p boobook-engine --bench columns`.
//!
//! Columns are nobody's business outside the engine, so their sources are taken in here as they are.
#![allow(
    dead_code,
    unused,
    unreachable_pub,
    reason = "the sources of the engine's modules, of which a part is used"
)]
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

#[path = "../src/arena.rs"]
mod arena;
#[path = "../src/bitmap.rs"]
mod bitmap;
#[path = "../src/choices.rs"]
mod choices;
#[path = "../src/chunk.rs"]
mod chunk;
#[path = "../src/column.rs"]
mod column;
#[path = "../src/compare.rs"]
mod compare;
#[path = "../src/condition.rs"]
mod condition;
#[path = "../src/dictionary.rs"]
mod dictionary;
#[path = "../src/text.rs"]
mod text;

use std::hint::black_box;

use boobook_model::{Cell, RecordId, StorageClass, Value};
use column::Column;
use condition::Test;
use divan::{Bencher, counter::ItemsCount};

/// What the columns of the benchmarks hold.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Bool,
    Number,
    Time,
    Reference,
    Choice,
    Choices,
    /// 200 different texts.
    CodedText,
    /// Texts of 20 bytes, each once.
    DistinctText,
    /// A number in every tenth row.
    SparseNumber,
}

use Kind::{Bool, Choice, Choices, CodedText, DistinctText, Number, Reference, SparseNumber, Time};

const KINDS: [Kind; 9] =
    [Bool, Number, Time, Reference, Choice, Choices, CodedText, DistinctText, SparseNumber];

/// Spreads row numbers over values, the same at each run.
fn scatter(row: u32) -> u32 {
    row.wrapping_mul(0x9E37_79B1).rotate_left(13).wrapping_mul(0x85EB_CA6B)
}

impl Kind {
    fn class(self) -> StorageClass {
        match self {
            Bool => StorageClass::Bool,
            Number | SparseNumber => StorageClass::Number,
            Time => StorageClass::Time,
            Reference => StorageClass::Reference,
            Choice => StorageClass::Choice,
            Choices => StorageClass::Choices,
            CodedText | DistinctText => StorageClass::Text,
        }
    }

    fn value(self, row: u32) -> Option<Value> {
        let n = scatter(row);
        Some(match self {
            Bool => Value::Bool(n.is_multiple_of(3)),
            Number => Value::Number(f64::from(n) / 100.0),
            Time => Value::Time(i64::from(n) * 1000),
            Reference => Value::Reference(RecordId::new(u64::from(n % 5000) + 1)?),
            Choice => Value::Choice((n % 8 + 1) as u16),
            Choices => Value::Choices([n % 4 + 1, n % 4 + 3 + n / 7 % 3].into()),
            CodedText => Value::Text(format!("one of few texts {}", n % 200).into()),
            DistinctText => Value::Text(format!("free text {n:010}").into()),
            SparseNumber if row.is_multiple_of(10) => Value::Number(f64::from(n)),
            SparseNumber => return None,
        })
    }

    fn values(self, rows: u32) -> Vec<Option<Value>> {
        (0..rows).map(|row| self.value(row)).collect()
    }

    fn column(self, rows: u32) -> Column {
        load(self.class(), &self.values(rows))
    }
}

fn cell(value: Option<&Value>) -> Cell<'_> {
    value.map_or(Cell::Empty, Value::as_cell)
}

fn load(class: StorageClass, values: &[Option<Value>]) -> Column {
    let mut column = Column::new(class);
    for (row, value) in values.iter().enumerate() {
        column.append(row as u32, cell(value.as_ref()));
    }
    column.finish_load();
    column
}

const ROWS: u32 = 100_000;

/// Rows equal to one value, of 100,000.
#[divan::bench(args = KINDS)]
fn retain_one_value(bencher: Bencher, kind: Kind) {
    let column = kind.column(ROWS);
    let test = Test::AnyOf(vec![kind.value(0)]);
    bencher
        .counter(ItemsCount::new(ROWS))
        .with_inputs(|| vec![u64::MAX; ROWS.div_ceil(64) as usize])
        .bench_refs(|mask| column.retain(black_box(&test), mask));
}

/// Rows equal to any of five values or empty, of 100,000.
#[divan::bench(args = KINDS)]
fn retain_any_of_six(bencher: Bencher, kind: Kind) {
    let column = kind.column(ROWS);
    let any_of = (0..50).step_by(10).map(|row| kind.value(row)).chain([None]);
    let test = Test::AnyOf(any_of.collect());
    bencher
        .counter(ItemsCount::new(ROWS))
        .with_inputs(|| vec![u64::MAX; ROWS.div_ceil(64) as usize])
        .bench_refs(|mask| column.retain(black_box(&test), mask));
}

/// A thousand cells here and there.
#[divan::bench(args = KINDS)]
fn get_1000(bencher: Bencher, kind: Kind) {
    let column = kind.column(ROWS);
    let rows: Vec<u32> = (0..1000).map(|i| scatter(i) % ROWS).collect();
    bencher
        .counter(ItemsCount::new(rows.len()))
        .bench(|| rows.iter().filter(|&&row| !black_box(column.get(black_box(row))).is_empty()).count());
}

/// One cell changed in a column that a snapshot shares, of 1,000,000 rows.
#[divan::bench(args = KINDS)]
fn update_published(bencher: Bencher, kind: Kind) {
    let mut column = kind.column(1_000_000);
    let mut n = 0;
    bencher.bench_local(|| {
        n += 1;
        let published = column.clone();
        column.set(scatter(n) % 1_000_000 / 10 * 10, cell(kind.value(n * 10).as_ref()));
        published
    });
}

/// A new value into a column of 100,000 rows that a snapshot shares.
#[divan::bench(args = [CodedText, DistinctText])]
fn new_text_published(bencher: Bencher, kind: Kind) {
    let mut column = kind.column(ROWS);
    let mut n = 0u32;
    bencher.bench_local(|| {
        n += 1;
        let published = column.clone();
        column.set(scatter(n) % ROWS, Cell::Text(&format!("new {n}")));
        published
    });
}

/// 100,000 rows in order.
#[divan::bench(args = KINDS)]
fn sort_rows(bencher: Bencher, kind: Kind) {
    let column = kind.column(ROWS);
    bencher
        .counter(ItemsCount::new(ROWS))
        .with_inputs(|| (0..ROWS).collect::<Vec<u32>>())
        .bench_refs(|rows| column.sort_rows(rows, |row| row, &|option| u32::from(option)));
}

/// A million rows from the store.
#[divan::bench(args = KINDS, sample_count = 5, sample_size = 1)]
fn append_million(bencher: Bencher, kind: Kind) {
    let values = kind.values(1_000_000);
    bencher.counter(ItemsCount::new(values.len())).bench_local(|| load(kind.class(), &values));
}

/// Prints what a million rows of a wide table take (architecture.md §1: about 180 bytes each).
fn print_sizes() {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    let mut total = 0;
    for (kind, fields) in [
        (CodedText, 2),
        (Choice, 2),
        (Choices, 2),
        (Number, 6),
        (Time, 6),
        (DistinctText, 2),
        (Bool, 0),
        (Reference, 0),
        (SparseNumber, 0),
    ] {
        let bytes = kind.column(1_000_000).heap_bytes();
        total += bytes * fields;
        let _ = writeln!(out, "{kind:?}: {:.2} B/row, {fields} of 20 fields", bytes as f64 / 1e6);
    }
    let _ = writeln!(out, "20 fields: {:.1} B/row\n", total as f64 / 1e6);
}

fn main() {
    print_sizes();
    divan::main();
}
