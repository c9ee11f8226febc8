//! Work put off (`do as deferred`): done once, whatever fails meanwhile, restarts included.

use std::sync::Arc;

use boobook_app::{AppError, Limits};
use boobook_store::{Fault, FaultStore, Faults, MemStore, Store};

use crate::{harness::*, web::exec};

/// Puts off adding 1, which puts off adding 1000.
const COUNT: &str = "let c := first(select Kunden); c.Name := \"put off\";
    do as deferred
        c.Alter := number(c.Alter) + 1;
        do as deferred c.Alter := number(c.Alter) + 1000 end
    end";

/// What stands there once nothing waits any more.
async fn counted(w: &Workspace) -> String {
    // What was put off is in the queue before the answer to what put it off, so that two writes later it is done.
    for name in ["a", "b", "c"] {
        exec(w, &format!("first(select Kunden).Name := \"{name}\"")).await.unwrap();
    }
    exec(w, "first(select Kunden).Alter").await.unwrap()
}

async fn workspace_with_one(store: Arc<dyn Store>) -> Workspace {
    let w = workspace(store, Limits::default()).await;
    exec(&w, "(create Kunden).Alter := 0").await.unwrap();
    w
}

async fn check(fault: fn() -> Fault) {
    for at in 0..12 {
        let inner = MemStore::default();
        let faults = Faults::new();
        let w = workspace_with_one(Arc::new(FaultStore::new(inner.clone(), faults.clone()))).await;
        faults.fail_after(at, fault());
        let mut acknowledged = 0;
        for _ in 0..4 {
            match exec(&w, COUNT).await {
                Ok(_) => acknowledged += 1,
                Err(AppError::Unavailable(_) | AppError::Busy(_)) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        faults.clear();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        w.host.advance(2_000);
        let live = counted(&w).await;
        w.app.stop();
        let again = counted(&w.restarted(Arc::new(inner))).await;
        assert_eq!(again, live, "nothing is done a second time, fault {:?} at {at}", fault());
        assert_eq!(live, (acknowledged * 1001).to_string(), "fault {:?} at {at}", fault());
    }
}

#[tokio::test]
async fn done_once_when_a_commit_fails() {
    check(|| Fault::BeforeCommit).await;
}

#[tokio::test]
async fn done_once_when_it_is_unknown_what_became_of_a_commit() {
    check(|| Fault::AfterCommit).await;
}

#[tokio::test]
async fn a_restart_goes_on_with_what_was_put_off() {
    let inner = MemStore::default();
    let faults = Faults::new();
    let w = workspace_with_one(Arc::new(FaultStore::new(inner.clone(), faults.clone()))).await;
    for n in 1..20 {
        faults.fail_after(n, Fault::BeforeCommit);
    }
    exec(&w, COUNT).await.unwrap();
    w.app.stop();
    let again = w.restarted(Arc::new(inner));
    // It is in the queue by the time there is a session.
    assert_eq!(counted(&again).await, "1001");
}

#[tokio::test]
async fn work_that_fails_is_dropped() {
    let inner = MemStore::default();
    let w = workspace_with_one(Arc::new(inner.clone())).await;
    exec(&w, "do as deferred record(Kunden, 77).Name := \"nobody\" end; first(select Kunden).Name := \"x\"")
        .await
        .unwrap();
    assert_eq!(counted(&w).await, "0");
    w.app.stop();
    let store = inner.open_database(&w.database.parse().unwrap()).unwrap();
    assert_eq!(store.put_off().unwrap(), []);
}
