//! Speed of compiling scripts: `cargo bench -p boobook-nx --bench compile`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::sync::Arc;

use boobook_model::Schema;
use boobook_nx::Library;
use divan::{Bencher, counter::BytesCount};

fn main() {
    divan::main();
}

fn schema() -> Schema {
    Schema::from_json(serde_json::from_str(include_str!("schema.json")).unwrap()).unwrap()
}

/// Twenty lines of a plain script, ten times over, each time in a block of its own.
fn script() -> String {
    include_str!("script.nx").repeat(10)
}

/// Parsing, checking and compiling.
#[divan::bench]
fn compile_200_lines(bencher: Bencher) {
    let library = Library::compile(Arc::new(schema()));
    let script = script();
    let checked = library.script(&script, None);
    assert!(checked.is_sound(), "{:?}", checked.diagnostics.first());
    bencher.counter(BytesCount::of_str(&script)).bench(|| library.script(&script, None));
}

/// All scripts of a small schema, one formula among them.
#[divan::bench]
fn compile_library(bencher: Bencher) {
    let schema = Arc::new(schema());
    bencher.bench(|| Library::compile(Arc::clone(&schema)));
}
