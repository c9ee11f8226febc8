//! Deletions are forgotten when they are old, and clients that missed some begin anew.

use std::{sync::Arc, time::Duration};

use boobook_app::{Changes, Limits};
use boobook_model::Sq;
use boobook_store::{Fault, FaultStore, Faults, MemStore};

use crate::harness::*;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Runs what goes on beside requests until the condition holds.
async fn idle_until(w: &Workspace, what: &str, holds: impl AsyncFn() -> bool) {
    let app = w.app.clone();
    let background = tokio::spawn(async move { app.run_background().await });
    for _ in 0..400 {
        if holds().await {
            background.abort();
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{what} did not come about");
}

async fn sq_min(w: &Workspace) -> Sq {
    w.session().await.snapshot().sq_min
}

async fn changes(w: &Workspace, since: Sq, limit: usize) -> Changes {
    w.session().await.changes(None, since, limit).await.unwrap()
}

/// Records as the change feed has them: id, and whether it is gone.
fn ids(changes: &Changes) -> Vec<(u64, bool)> {
    changes.page.items.iter().map(|item| (item.rid.get().into(), item.row.is_none())).collect()
}

/// Five customers; 1 is deleted at once, 2 a hundred days later. Answers the sequences of the two deletions.
async fn with_deletions(w: &Workspace) -> (Sq, Sq) {
    let s = w.session().await;
    write(&s, "Kunden", (0..5).map(|_| create(vec![(0, text("a"))])).collect()).await.unwrap();
    let first = write(&s, "Kunden", vec![delete(1)]).await.unwrap().sq;
    w.host.advance(100 * DAY_MS);
    let second = write(&s, "Kunden", vec![delete(2)]).await.unwrap().sq;
    (first, second)
}

#[tokio::test]
async fn a_client_below_the_kept_deletions_begins_anew() {
    let store = Arc::new(MemStore::default());
    let w = workspace(store.clone(), Limits::default()).await;
    let (first, second) = with_deletions(&w).await;
    let before = Sq(first.0 - 1);
    let kept = changes(&w, before, 100).await;
    assert_eq!((ids(&kept), kept.reset), (vec![(1, true), (2, true)], false), "until they are forgotten");
    idle_until(&w, "forgetting", async || sq_min(&w).await == first).await;

    let again = w.restarted(store);
    for w in [&w, &again] {
        assert_eq!(sq_min(w).await, first);
        let anew = changes(w, before, 100).await;
        assert_eq!(ids(&anew), [(3, false), (4, false), (5, false), (2, true)]);
        assert_eq!((anew.reset, anew.page.seq), (true, second));
        let since_first = changes(w, first, 100).await;
        assert_eq!((ids(&since_first), since_first.reset), (vec![(2, true)], false));
        let none = changes(w, second, 100).await;
        assert_eq!((ids(&none), none.reset), (vec![], false));
        assert!(changes(w, Sq(second.0 + 9), 100).await.page.items.is_empty());
    }
    // What is written afterwards goes on from where it was.
    let s = again.session().await;
    let next = write(&s, "Kunden", vec![create(vec![])]).await.unwrap();
    assert_eq!((&next.body[..], next.sq > second), (&b"6"[..], true));
    // The second one is old by now. The record's id is not used again, but it may come back by name.
    again.host.advance(91 * DAY_MS);
    idle_until(&again, "forgetting", async || sq_min(&again).await == second).await;
    assert_eq!(ids(&changes(&again, Sq(0), 100).await), [(3, false), (4, false), (5, false), (6, false)]);
}

/// Pages of a walk from 0 end below the kept deletions, too: it must get to its end all the same.
#[tokio::test]
async fn a_walk_in_small_pages_ends() {
    let w = workspace(Arc::new(MemStore::default()), Limits::default()).await;
    let (first, second) = with_deletions(&w).await;
    idle_until(&w, "forgetting", async || sq_min(&w).await == first).await;
    for start in [Sq(0), Sq(first.0 - 1)] {
        let (mut since, mut seen, mut resets) = (start, Vec::new(), 0);
        for _ in 0..10 {
            let page = changes(&w, since, 1).await;
            resets += usize::from(page.reset);
            seen.extend(ids(&page));
            assert!(page.page.seq.0 < 1 << 53, "a whole number to every client");
            assert_eq!(page.page.items.last().map(|item| page.position(item.sq)), Some(page.page.seq));
            since = page.page.seq;
            if !page.page.more {
                break;
            }
        }
        assert_eq!(seen, [(3, false), (4, false), (5, false), (2, true)]);
        assert_eq!((since, resets), (second, usize::from(start > Sq(0))));
    }
}

#[tokio::test]
async fn nothing_is_forgotten_before_its_time() {
    let store = Arc::new(MemStore::default());
    let limits = Limits { tombstone_days: 200, ..Limits::default() };
    let w = workspace(store, limits).await;
    let (first, second) = with_deletions(&w).await;
    w.host.advance(99 * DAY_MS);
    let app = w.app.clone();
    let background = tokio::spawn(async move { app.run_background().await });
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    background.abort();
    assert_eq!(sq_min(&w).await, Sq(0));
    assert_eq!(ids(&changes(&w, Sq(first.0 - 1), 9).await), [(1, true), (2, true)]);
    w.host.advance(102 * DAY_MS);
    idle_until(&w, "forgetting", async || sq_min(&w).await == second).await;
}

/// Whatever becomes of it in the store, readers and writers go on, and an hour later it is done.
#[tokio::test]
async fn forgetting_that_fails_is_done_again() {
    for fault in
        [Fault::BeforeCommit, Fault::AfterCommit, Fault::UnknownNotCommitted, Fault::UnknownLandsLate]
    {
        let (inner, faults) = (MemStore::default(), Faults::new());
        let w = workspace(Arc::new(FaultStore::new(inner.clone(), faults.clone())), Limits::default()).await;
        let (first, second) = with_deletions(&w).await;
        let struck = faults.counts().struck;
        faults.fail_after(0, fault);
        idle_until(&w, "a failure", async || faults.counts().struck > struck).await;
        let all = changes(&w, Sq(first.0 - 1), 9).await;
        assert_eq!((ids(&all), all.reset), (vec![(1, true), (2, true)], false), "{fault:?}");
        let s = w.session().await;
        assert!(write(&s, "Kunden", vec![create(vec![])]).await.unwrap().sq > second);
        let live = dump(&s);
        assert_eq!(dump(&w.restarted(Arc::new(inner.clone())).session().await), live, "{fault:?}");
        w.host.advance(60 * 60 * 1000);
        idle_until(&w, "forgetting", async || sq_min(&w).await == first).await;
        let again = w.restarted(Arc::new(inner));
        assert_eq!((sq_min(&again).await, dump(&again.session().await)), (first, live), "{fault:?}");
    }
}
