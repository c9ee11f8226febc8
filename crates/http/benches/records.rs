//! Speed of writing records as JSON: `cargo bench -p boobook-http --bench records`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

mod data;

use std::{hint::black_box, sync::OnceLock};

use boobook_app::Computed;
use boobook_engine::{Row, Snapshot, Table};
use boobook_http::wire::record::{ChangeWriter, RecordStyle, RecordWriter};
use divan::{Bencher, counter::ItemsCount};

use self::data::{load, rid, scatter, table};

const ROWS: u32 = 100_000;
const PAGE: u32 = 100;

fn snapshot(by_one_request: bool) -> &'static Snapshot {
    static LOADED: [OnceLock<Snapshot>; 2] = [OnceLock::new(), OnceLock::new()];
    LOADED[usize::from(by_one_request)].get_or_init(|| load(ROWS, by_one_request))
}

/// The rows of page after page, in an order that no cache foresees.
fn pages(table: &Table) -> impl FnMut() -> Vec<Row> {
    let mut page = 0;
    move || {
        page += 1;
        let first = scatter(page) % (ROWS / PAGE) * PAGE + 1;
        (first..first + PAGE).map(|id| table.row(rid(id)).unwrap()).collect()
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
