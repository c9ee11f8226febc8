//! What looks cost, many nodes at a time: the real [`Looks`], with a clock that is counted (docs/design/scale.md).

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use boobook_store::MemStore;
use futures_util::FutureExt as _;

use super::{Looks, Seen};
use crate::{AppError, SystemHost};

type Asking = Pin<Box<dyn Future<Output = Result<Seen, AppError>> + Send>>;

/// What a second of a node comes to.
#[derive(Debug)]
struct Second {
    looks: usize,
    /// Longest wait of a read, in round trips.
    longest: f64,
    mean: f64,
}

/// A node that gets so many reads a second, one after another at even distances, over a store so many µs away.
fn second(reads: usize, round_trip_us: usize) -> Second {
    let looks = Looks::new(Arc::new(MemStore::new().node()), Arc::new(SystemHost));
    let arrival = |n: usize| n * 1_000_000 / reads;
    let mut context = Context::from_waker(Waker::noop());
    let (mut next, mut waits, mut count, mut now) = (0, Vec::new(), 0, 0);
    while next < reads {
        // The store is free: who arrived by now, or the next one, is asked for.
        now = now.max(arrival(next));
        let mut waiting: Vec<(usize, Asking)> = Vec::new();
        while next < reads && arrival(next) <= now {
            let looks = Arc::clone(&looks);
            let mut asking: Asking = Box::pin(async move { looks.ask(None).await });
            assert!(asking.as_mut().poll(&mut context).is_pending());
            waiting.push((arrival(next), asking));
            next += 1;
        }
        assert_eq!(looks.step().now_or_never(), Some(waiting.len()), "one look for all who wait");
        count += 1;
        now += round_trip_us;
        for (arrived, mut asking) in waiting {
            assert!(matches!(asking.as_mut().poll(&mut context), Poll::Ready(Ok(_))));
            waits.push((now - arrived) as f64 / round_trip_us as f64);
        }
    }
    let mean = waits.iter().sum::<f64>() / waits.len() as f64;
    Second { looks: count, longest: waits.iter().copied().fold(0.0, f64::max), mean }
}

/// However many reads come, a node asks the store once a round trip at most, and nobody waits for more than two.
#[test]
fn looks_are_bounded_by_the_round_trip() {
    // Requests have a limit for their wait, which needs a clock; none comes near it here.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let _within = runtime.enter();
    for (reads, round_trip_us) in [(100, 500), (1_000, 500), (10_000, 500), (50_000, 500), (50_000, 2_000)] {
        let second = second(reads, round_trip_us);
        let most = reads.min(1_000_000 / round_trip_us + 1);
        assert!(second.looks <= most, "{reads} reads, {round_trip_us} µs: {second:?}");
        assert!(second.longest <= 2.0, "{reads} reads, {round_trip_us} µs: {second:?}");
        assert!(second.mean <= 1.6, "{reads} reads, {round_trip_us} µs: {second:?}");
        println!("{reads} reads/s, {round_trip_us} µs: {second:?}");
    }
}
