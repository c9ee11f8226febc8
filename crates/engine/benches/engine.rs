//! Speed and size of tables: `cargo bench -p boobook-engine --bench engine`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::{
    hint::black_box,
    sync::{Arc, OnceLock},
};

use boobook_engine::{Condition, Head, Loader, Order, RecordMeta, Select, Snapshot, Test};
use boobook_model::{Cell, FieldId, RecordId, Schema, Sq, TableId, Value};
use divan::{Bencher, counter::ItemsCount};
use serde_json::{Map, json};

const NOW_MS: i64 = 1_700_000_000_000;
const STATUS: usize = 0;
const LAST_NAME: usize = 1;
const COMPANY: usize = 5;
const COMPANIES: u32 = 1_000;

/// Spreads row numbers over values, the same at each run.
fn scatter(n: u32) -> u32 {
    n.wrapping_mul(0x9E37_79B1).rotate_left(13).wrapping_mul(0x85EB_CA6B)
}

fn rid(n: u32) -> RecordId {
    RecordId::new(u64::from(n)).unwrap()
}

fn contacts() -> TableId {
    TableId::nth(1).unwrap()
}

fn schema_of(tables: &[&[&str]]) -> Arc<Schema> {
    let field = |base: &str| match base {
        "ref" => json!({"base": base, "refTypeId": "A"}),
        "choice" => {
            let options = (1..=5).map(|id| (id.to_string(), json!({"caption": format!("option {id}")})));
            json!({"base": base, "values": options.collect::<Map<_, _>>()})
        }
        _ => json!({"base": base}),
    };
    let table = |(at, fields): (usize, &&[&str])| {
        let fields = fields
            .iter()
            .enumerate()
            .map(|(at, base)| (FieldId::nth(at as u32).unwrap().to_string(), field(base)));
        let id = TableId::nth(at as u32).unwrap().to_string();
        (id.clone(), json!({"caption": id, "fields": fields.collect::<Map<_, _>>()}))
    };
    let types: Map<_, _> = tables.iter().enumerate().map(table).collect();
    Arc::new(Schema::from_json(json!({"types": types})).unwrap())
}

fn meta(sq: u32) -> RecordMeta<'static> {
    RecordMeta {
        sq: Sq(u64::from(sq)),
        created_at_ms: NOW_MS + i64::from(sq),
        created_by: "u8K2mQ",
        modified_at_ms: NOW_MS + i64::from(scatter(sq)),
        modified_by: "u8K2mQ",
    }
}

/// A thousand companies, and contacts of status, last name, first name, amount, birthday, company, remark.
fn load(rows: u32) -> Snapshot {
    let schema =
        schema_of(&[&["string"], &["choice", "string", "string", "number", "date", "ref", "string"]]);
    let last = COMPANIES + rows;
    let mut loader =
        Loader::new(schema, Sq(last.into()), Sq(0), Sq(0), NOW_MS + i64::from(u32::MAX), Vec::new());
    let field = |at| FieldId::nth(at).unwrap();
    for n in 1..=COMPANIES {
        let mut row = loader.record(TableId::nth(0).unwrap(), rid(n), false, &meta(n));
        row.field(field(0), Cell::Text(&format!("Company {n}")));
    }
    let (mut text, mut remark) = (String::new(), String::new());
    for n in 1..=rows {
        let s = scatter(n);
        let mut row = loader.record(contacts(), rid(n), false, &meta(COMPANIES + n));
        row.field(field(0), Cell::Choice((s % 5 + 1) as u16));
        write(&mut text, format_args!("Surname{}", s % 5_003));
        row.field(field(1), Cell::Text(&text));
        write(&mut text, format_args!("Name{}", s % 499));
        row.field(field(2), Cell::Text(&text));
        row.field(field(3), Cell::Number(f64::from(s % 1_000_000) / 100.0));
        row.field(field(4), Cell::Time(i64::from(s % 30_000) * 86_400_000));
        row.field(field(5), Cell::Reference(rid(s % COMPANIES + 1)));
        write(&mut remark, format_args!("remark no. {s:09}"));
        row.field(field(6), Cell::Text(&remark));
    }
    loader.finish()
}

fn write(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.clear();
    std::fmt::Write::write_fmt(text, what).unwrap();
}

fn base(rows: u32) -> Arc<Snapshot> {
    static SMALL: OnceLock<Arc<Snapshot>> = OnceLock::new();
    static MIDDLE: OnceLock<Arc<Snapshot>> = OnceLock::new();
    static LARGE: OnceLock<Arc<Snapshot>> = OnceLock::new();
    let slot = match rows {
        1_000 => &SMALL,
        100_000 => &MIDDLE,
        _ => &LARGE,
    };
    Arc::clone(slot.get_or_init(|| Arc::new(load(rows))))
}

fn update(head: &mut Head, n: u32, slot: usize, value: Value) -> Arc<Snapshot> {
    let mut tx = head.begin("u8K2mQ".parse().unwrap(), NOW_MS);
    tx.update(contacts(), rid(n), vec![(slot, Some(value))]).unwrap();
    let writes = tx.finish().unwrap();
    head.apply(&writes).unwrap();
    head.publish()
}

/// One number of one record: transaction, application, publication, the snapshot before let go.
#[divan::bench(args = [1_000, 100_000, 1_000_000])]
fn update_number(bencher: Bencher, rows: u32) {
    let mut head = Head::new(base(rows));
    let mut published = head.publish();
    let mut n = 0;
    bencher.bench_local(|| {
        n += 1;
        published = update(&mut head, scatter(n) % rows + 1, 3, Value::Number(f64::from(n)));
    });
    black_box(published);
}

/// A text nobody had before, in a field of mostly distinct texts.
#[divan::bench(args = [1_000, 100_000, 1_000_000])]
fn update_remark(bencher: Bencher, rows: u32) {
    let mut head = Head::new(base(rows));
    let mut published = head.publish();
    let mut n = 0;
    bencher.bench_local(|| {
        n += 1;
        published =
            update(&mut head, scatter(n) % rows + 1, 6, Value::Text(format!("changed to {n}").into()));
    });
    black_box(published);
}

/// A reference: the reverse list is kept up, too.
#[divan::bench(args = [1_000, 100_000, 1_000_000])]
fn update_reference(bencher: Bencher, rows: u32) {
    let mut head = Head::new(base(rows));
    let mut published = head.publish();
    let mut n = 0;
    bencher.bench_local(|| {
        n += 1;
        let company = Value::Reference(rid(scatter(n * 3) % COMPANIES + 1));
        published = update(&mut head, scatter(n) % rows + 1, COMPANY, company);
    });
    black_box(published);
}

fn new_contact(n: u32) -> Vec<(usize, Option<Value>)> {
    vec![
        (STATUS, Some(Value::Choice((n % 5 + 1) as u16))),
        (LAST_NAME, Some(Value::Text(format!("Surname{}", n % 5_003).into()))),
        (2, Some(Value::Text(format!("Name{}", n % 499).into()))),
        (3, Some(Value::Number(f64::from(n)))),
        (4, Some(Value::Time(i64::from(n) * 1_000))),
        (COMPANY, Some(Value::Reference(rid(n % COMPANIES + 1)))),
        (6, Some(Value::Text(format!("remark no. {n:09}").into()))),
    ]
}

/// 10,000 records of 7 fields in one transaction, into a table of as many as given.
#[divan::bench(args = [1_000, 100_000], sample_count = 20, sample_size = 1)]
fn create_10_000(bencher: Bencher, rows: u32) {
    let base = base(rows);
    bencher
        .counter(ItemsCount::new(10_000u32))
        .with_inputs(|| (Head::new(Arc::clone(&base)), (0..10_000).map(new_contact).collect::<Vec<_>>()))
        .bench_local_values(|(mut head, records)| {
            let mut tx = head.begin("u8K2mQ".parse().unwrap(), NOW_MS);
            for values in records {
                tx.create(contacts(), values).unwrap();
            }
            let writes = tx.finish().unwrap();
            head.apply(&writes).unwrap();
            head.publish()
        });
}

/// A record's row, metadata and seven fields.
#[divan::bench(args = [1_000, 1_000_000])]
fn read_by_id(bencher: Bencher, rows: u32) {
    let snapshot = base(rows);
    let mut n = 0;
    bencher.bench_local(|| {
        n += 1;
        let table = snapshot.table(contacts()).unwrap();
        let row = table.row(rid(scatter(n) % rows + 1)).unwrap();
        black_box(table.meta(row));
        (0..7).filter(|slot| !black_box(table.cell(*slot, row)).is_empty()).count()
    });
}

/// Who refers to a company: 100 of 100,000.
#[divan::bench]
fn reverse_100(bencher: Bencher) {
    let snapshot = base(100_000);
    let (mut n, mut out) = (0, Vec::new());
    bencher.bench_local(|| {
        n += 1;
        out.clear();
        snapshot.reverse(contacts(), COMPANY, rid(n % COMPANIES + 1), &mut out);
        out.len()
    });
}

/// The last 100 changes of 100,000, and 100 in the middle.
#[divan::bench(args = [100_900, 50_000])]
fn changes_100(bencher: Bencher, since: u64) {
    let snapshot = base(100_000);
    bencher.bench_local(|| snapshot.changes(None, Sq(black_box(since)), 100).items.len());
}

fn one_status_by_name(page: usize) -> Select {
    let status = Condition { slot: STATUS, test: Test::AnyOf(vec![Some(Value::Choice(2))]) };
    let order = Order::Field { slot: LAST_NAME, desc: false };
    Select { filters: vec![status], order, skip: page * 100, take: 100, ..Select::default() }
}

/// Contacts of one status (20 %) by last name: a page of 100 of 100,000.
#[divan::bench(args = [0, 4, 9])]
fn filtered_page_by_name(bencher: Bencher, page: usize) {
    let (snapshot, select) = (base(100_000), one_status_by_name(page));
    bencher.bench_local(|| snapshot.select(contacts(), &select).rows.len());
}

/// The same, 1,000,000 records.
#[divan::bench]
fn filtered_page_by_name_of_a_million(bencher: Bencher) {
    let (snapshot, select) = (base(1_000_000), one_status_by_name(0));
    bencher.bench_local(|| snapshot.select(contacts(), &select).rows.len());
}

/// The same of 100,000, each time after another record's last name has changed.
#[divan::bench(args = [0, 9])]
fn filtered_page_by_name_after_a_write(bencher: Bencher, page: usize) {
    let mut head = Head::new(Arc::new(load(100_000)));
    let select = one_status_by_name(page);
    let mut n = 0;
    bencher
        .with_inputs(|| {
            n += 1;
            let name = Value::Text(format!("Surname{}", n * 7 % 5_003).into());
            update(&mut head, scatter(n) % 100_000 + 1, LAST_NAME, name)
        })
        .bench_local_refs(|snapshot| snapshot.select(contacts(), &select).rows.len());
}

/// The first page, when the index has yet to be built.
#[divan::bench]
fn filtered_page_by_name_cold(bencher: Bencher) {
    let (snapshot, select) = (base(100_000), one_status_by_name(0));
    bencher
        .with_inputs(|| snapshot.drop_indexes())
        .bench_local_values(|()| snapshot.select(contacts(), &select).rows.len());
}

/// The last page of 100,000 by id.
#[divan::bench]
fn deep_page_by_id(bencher: Bencher) {
    let snapshot = base(100_000);
    let select = Select { skip: 99_900, take: 100, count: true, ..Select::default() };
    bencher.bench_local(|| snapshot.select(contacts(), black_box(&select)).rows.len());
}

/// A page in the middle of the contacts of one status, by id, with their number.
#[divan::bench]
fn filtered_page_by_id(bencher: Bencher) {
    let snapshot = base(100_000);
    let select =
        Select { order: Order::IdAsc, skip: 10_000, take: 100, count: true, ..one_status_by_name(0) };
    bencher.bench_local(|| snapshot.select(contacts(), black_box(&select)).rows.len());
}

/// A snapshot of 1,000,000 records of 7 fields, the making of the texts included.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn load_a_million(bencher: Bencher) {
    bencher.counter(ItemsCount::new(1_000_000u32)).bench_local(|| load(1_000_000));
}

/// Prints what a million records of 20 fields take, metadata included (architecture.md §1).
fn print_size() {
    use std::io::Write as _;
    let bases: Vec<&str> = [("string", 4), ("choice", 2), ("number", 6), ("date", 6), ("string", 2)]
        .into_iter()
        .flat_map(|(base, count)| std::iter::repeat_n(base, count))
        .collect();
    let schema = schema_of(&[&[], &bases]);
    let mut loader = Loader::new(schema, Sq(1_000_000), Sq(0), Sq(0), NOW_MS, Vec::new());
    let mut text = String::new();
    for n in 1..=1_000_000 {
        let mut row = loader.record(contacts(), rid(n), false, &meta(n));
        for (at, base) in (0..).zip(&bases) {
            let s = scatter(n + at * 7_777_777);
            match *base {
                "choice" => row.field(FieldId::nth(at).unwrap(), Cell::Choice((s % 5 + 1) as u16)),
                "number" => row.field(FieldId::nth(at).unwrap(), Cell::Number(f64::from(s) / 100.0)),
                "date" => {
                    row.field(FieldId::nth(at).unwrap(), Cell::Time(i64::from(s % 30_000) * 86_400_000));
                }
                _ => {
                    if at < 4 {
                        write(&mut text, format_args!("one of many {}", s % 2_000));
                    } else {
                        write(&mut text, format_args!("free text {s:010}"));
                    }
                    row.field(FieldId::nth(at).unwrap(), Cell::Text(&text));
                }
            }
        }
    }
    let bytes = loader.finish().heap_bytes() as f64;
    let mut out = std::io::stdout().lock();
    let _ = writeln!(
        out,
        "1,000,000 records of 20 fields: {:.0} MB, {:.1} bytes a record\n",
        bytes / 1e6,
        bytes / 1e6
    );
}

fn main() {
    print_size();
    divan::main();
}
