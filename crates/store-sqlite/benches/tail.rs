//! Commits of one thread over 100,000 records, by batch size: how many a second, and how long the slow ones take.
//! `divan` has medians; this is about what lies above them.
//!
//! `cargo bench -p boobook-store-sqlite --bench tail [-- SECONDS]`: two lines for each kind and size of batch, from
//! an empty log; the first half of the time tells how a log that still grows does.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, reason = "a bench")]

#[allow(dead_code, reason = "some of it is for the other bench")]
mod data;

use std::time::{Duration, Instant};

use boobook_store::{DatabaseStore, Store};
use data::{Batches, Work};

fn main() {
    let seconds = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(1.0);
    println!(
        "{:>9} {:>6} {:>6} {:>10} {:>11} {:>9} {:>9} {:>9}",
        "work", "batch", "part", "commits/s", "records/s", "p50 ms", "p99 ms", "max ms"
    );
    let store = data::Data::new();
    let id = store.filled(100_000);
    for work in [Work::Update, Work::Create] {
        for size in [1, 10, 32, 100, 1_000] {
            let database = store.store.open_database(&id).unwrap();
            let mut batches = Batches::after(&*database, 100_000);
            for part in ["first", "second"] {
                let limit = Duration::from_secs_f64(seconds / 2.0);
                let times = measure(&*database, &mut batches, work, size, limit);
                report(&format!("{work:?}"), size, part, times);
            }
        }
    }
}

fn measure(
    database: &dyn DatabaseStore,
    batches: &mut Batches,
    work: Work,
    size: u32,
    limit: Duration,
) -> Vec<Duration> {
    let begin = Instant::now();
    let mut times = Vec::new();
    while begin.elapsed() < limit {
        let batch = batches.next(work, size);
        let start = Instant::now();
        database.commit(batch).unwrap();
        times.push(start.elapsed());
    }
    times
}

fn report(work: &str, size: u32, part: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let total: f64 = times.iter().map(Duration::as_secs_f64).sum();
    let commits = times.len() as f64 / total;
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "{work:>9} {size:>6} {part:>6} {commits:>10.0} {:>11.0} {:>9.2} {:>9.2} {:>9.2}",
        commits * f64::from(size),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}
