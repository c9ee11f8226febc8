//! What a store is asked for: commits by size, a load, a record's history, a back-up.
//!
//! Records a second are in divan's throughput column. What lies above the medians of commits: `tail`.
#![allow(clippy::unwrap_used, reason = "a bench")]

mod data;

use std::cell::Cell;

use boobook_model::Sq;
use boobook_store::Store;
use data::{Batches, Counted, Data, Work};
use divan::{Bencher, counter::ItemsCount};

fn main() {
    divan::main();
}

#[divan::bench(args = [1, 10, 100, 1_000, 10_000], sample_count = 20, sample_size = 1)]
fn commit_creates(bencher: Bencher, size: u32) {
    commit(bencher, Work::Create, size);
}

#[divan::bench(args = [1, 10, 100, 1_000, 10_000], sample_count = 20, sample_size = 1)]
fn commit_updates_of_100k(bencher: Bencher, size: u32) {
    commit(bencher, Work::Update, size);
}

fn commit(bencher: Bencher, work: Work, size: u32) {
    let data = Data::new();
    let id = data.filled(100_000);
    let database = data.store.open_database(&id).unwrap();
    let mut batches = Batches::after(&*database, 100_000);
    bencher
        .counter(ItemsCount::new(size))
        .with_inputs(|| batches.next(work, size).clone())
        .bench_local_refs(|batch| database.commit(batch).unwrap());
}

#[divan::bench(args = [100_000, 1_000_000], sample_count = 3, sample_size = 1)]
fn load(bencher: Bencher, records: u32) {
    let data = Data::new();
    let id = data.filled(records);
    bencher.counter(ItemsCount::new(records)).bench_local(|| {
        let mut counted = Counted::default();
        data.store.open_database(&id).unwrap().load(&mut counted).unwrap();
        assert_eq!(counted.records, u64::from(records));
    });
}

/// 100 changes of one record among 100,000 others.
#[divan::bench]
fn history_of_100(bencher: Bencher) {
    let data = Data::new();
    let id = data.filled(100_000);
    let database = data.store.open_database(&id).unwrap();
    let mut batches = Batches::after(&*database, 100_000);
    let prev = Cell::new(Sq(0));
    for _ in 0..100 {
        let mut batch = batches.next(Work::Update, 1_000).clone();
        batch.history[0].prev = prev.get();
        prev.set(batch.history[0].sq);
        database.commit(&batch).unwrap();
    }
    bencher.counter(ItemsCount::new(100u32)).bench_local(|| {
        let rows = database.history(prev.get(), Sq(0), 1_000).unwrap();
        assert_eq!(rows.len(), 100);
    });
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn back_up_100k(bencher: Bencher) {
    let data = Data::new();
    data.filled(100_000);
    let n = Cell::new(0);
    bencher.counter(ItemsCount::new(100_000u32)).bench_local(|| {
        n.set(n.get() + 1);
        let copy = data.directory.path().join(format!("copy{}", n.get()));
        let report =
            boobook_store_sqlite::backup(&data.directory.path().join("data"), &copy, &mut |_, _, _| {});
        assert_eq!(report.unwrap().databases, 1);
    });
}
