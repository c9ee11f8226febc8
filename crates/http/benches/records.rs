//! Speed of writing records as JSON: `cargo bench -p boobook-http --bench records`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::{
    hint::black_box,
    sync::{Arc, OnceLock},
};

use boobook_app::Computed;
use boobook_engine::{Loader, RecordMeta, Row, Snapshot, Table};
use boobook_http::wire::record::{ChangeWriter, RecordStyle, RecordWriter};
use boobook_model::{Cell, FieldId, RecordId, Schema, Sq, TableId};
use divan::{Bencher, counter::ItemsCount};
use serde_json::json;

const NOW_MS: i64 = 1_700_000_000_000;
const ROWS: u32 = 100_000;
const PAGE: u32 = 100;

/// Spreads row numbers over values, the same at each run.
fn scatter(n: u32) -> u32 {
    n.wrapping_mul(0x9E37_79B1).rotate_left(13).wrapping_mul(0x85EB_CA6B)
}

/// Contacts of first and last name, e-mail, age, birthday, status, notes; all made by one request, or each by one
/// of its own.
fn load(by_one_request: bool) -> Snapshot {
    let bases = ["string", "string", "email", "number", "date", "choice", "string"];
    let names = ["first_name", "last_name", "email", "age", "birthday", "status", "notes"];
    let fields = bases.iter().zip(names).enumerate().map(|(at, (base, name))| {
        let mut field = json!({"base": base, "caption": name});
        if *base == "choice" {
            field["values"] =
                json!({"1": {"caption": "new"}, "2": {"caption": "active"}, "3": {"caption": "won"}});
        }
        (FieldId::nth(at as u32).unwrap().to_string(), field)
    });
    let fields: serde_json::Map<_, _> = fields.collect();
    let schema = json!({"types": {"A": {"caption": "Contact", "fields": fields}}});
    let schema = Arc::new(Schema::from_json(schema).unwrap());
    let mut loader = Loader::new(schema, Sq(ROWS.into()), Sq(0), Sq(0), NOW_MS * 2, Vec::new());
    for n in 1..=ROWS {
        let s = scatter(n);
        let at_ms = if by_one_request { NOW_MS } else { NOW_MS + i64::from(n) * 1_700 };
        let meta = RecordMeta {
            sq: Sq(n.into()),
            created_at_ms: at_ms,
            created_by: "u8K2mQ",
            modified_at_ms: at_ms,
            modified_by: "u8K2mQ",
        };
        let mut row = loader.record(contact(), RecordId::new(n.into()).unwrap(), false, &meta);
        let field = |at| FieldId::nth(at).unwrap();
        row.field(field(0), Cell::Text(["Ada", "Benjamin", "Cleo", "Dina"][s as usize % 4]));
        row.field(field(1), Cell::Text(&format!("Surname{}", s % 5_003)));
        row.field(field(2), Cell::Text(&format!("user{n}@example.com")));
        row.field(field(3), Cell::Number(f64::from(18 + s % 70)));
        row.field(field(4), Cell::Time(i64::from(s % 30_000) * 86_400_000));
        row.field(field(5), Cell::Choice((s % 3 + 1) as u16));
        row.field(field(6), Cell::Text(&format!("{s:x} alpha bravo charlie ").repeat(8)));
    }
    loader.finish()
}

fn contact() -> TableId {
    TableId::nth(0).unwrap()
}

fn snapshot(by_one_request: bool) -> &'static Snapshot {
    static LOADED: [OnceLock<Snapshot>; 2] = [OnceLock::new(), OnceLock::new()];
    LOADED[usize::from(by_one_request)].get_or_init(|| load(by_one_request))
}

fn table(snapshot: &Snapshot) -> &Table {
    snapshot.table(contact()).unwrap()
}

/// The rows of page after page, in an order that no cache foresees.
fn pages(table: &Table) -> impl FnMut() -> Vec<Row> {
    let mut page = 0;
    move || {
        page += 1;
        let first = scatter(page) % (ROWS / PAGE) * PAGE + 1;
        (first..first + PAGE).map(|id| table.row(RecordId::new(id.into()).unwrap()).unwrap()).collect()
    }
}

#[divan::bench(args = [true, false])]
fn page_of_100(bencher: Bencher, by_one_request: bool) {
    let snapshot = snapshot(by_one_request);
    let table = table(snapshot);
    let computed = &Computed::default();
    let mut out = Vec::with_capacity(1 << 20);
    bencher.counter(ItemsCount::new(PAGE)).with_inputs(pages(table)).bench_local_values(|rows| {
        out.clear();
        RecordWriter::new(snapshot, table, &RecordStyle::default(), computed).write_list(&rows, &mut out);
        black_box(out.len())
    });
}

#[divan::bench]
fn changes_of_100(bencher: Bencher) {
    let snapshot = snapshot(true);
    let table = table(snapshot);
    let mut out = Vec::with_capacity(1 << 20);
    bencher.counter(ItemsCount::new(PAGE)).with_inputs(pages(table)).bench_local_values(|rows| {
        out.clear();
        let writer = ChangeWriter::new(table.schema(), |_| true);
        for row in rows {
            writer.write_state(table, row, &mut out);
        }
        black_box(out.len())
    });
}

fn main() {
    divan::main();
}
