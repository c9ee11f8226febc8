//! The same work over a store that fails at every place in turn: nothing acknowledged is lost, nothing refused as
//! "not stored" is there, and the server recovers without a restart.

use std::{collections::BTreeSet, sync::Arc};

use boobook_app::{AppError, Limits};
use boobook_store::{Fault, FaultStore, Faults, MemStore};

use crate::harness::*;

/// Writes ten names one by one; answers those acknowledged and those refused as surely not stored.
async fn work(w: &Workspace, round: usize) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut acknowledged, mut refused) = (BTreeSet::new(), BTreeSet::new());
    for n in 0..10 {
        let name = format!("{round}-{n}");
        let Ok(session) = w.session_of(&w.admin).await else { continue };
        match write(&session, "Kunden", vec![create(vec![(0, text(&name))])]).await {
            Ok(_) => {
                acknowledged.insert(name);
            }
            Err(AppError::Unavailable(message)) if message.starts_with("nothing was stored") => {
                refused.insert(name);
            }
            Err(AppError::Unavailable(_) | AppError::Busy(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    (acknowledged, refused)
}

async fn names(w: &Workspace) -> BTreeSet<String> {
    let session = w.session().await;
    let all = dump(&session);
    all.iter()
        .filter(|(k, _)| k.ends_with("/Name"))
        .map(|(_, v)| v.trim_start_matches("Text(\"").trim_end_matches("\")").to_owned())
        .collect()
}

async fn check(fault: fn() -> Fault) {
    for at in 0..8 {
        let inner = MemStore::default();
        let faults = Faults::new();
        let store = Arc::new(FaultStore::new(inner.clone(), faults.clone()));
        let w = workspace(store, Limits::default()).await;
        faults.fail_after(at, fault());
        let (mut acknowledged, mut refused) = work(&w, 0).await;
        faults.clear();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        // Without a restart it must work again, within the time a failed opening is remembered.
        w.host.advance(2_000);
        let (more, more_refused) = work(&w, 1).await;
        assert!(!more.is_empty(), "recovers without a restart, fault {:?} at {at}", fault());
        acknowledged.extend(more);
        refused.extend(more_refused);
        let seen = names(&w).await;
        assert!(acknowledged.is_subset(&seen), "lost: {:?}", acknowledged.difference(&seen));
        assert!(refused.is_disjoint(&seen), "not refused after all: {:?}", refused.intersection(&seen));
        let live = dump(&w.session().await);
        w.app.stop();
        let again = w.restarted(Arc::new(inner));
        assert_eq!(dump(&again.session().await), live, "what was published is what is stored");
    }
}

#[tokio::test]
async fn failing_before_the_commit() {
    check(|| Fault::BeforeCommit).await;
}

#[tokio::test]
async fn failing_after_the_commit() {
    check(|| Fault::AfterCommit).await;
}

#[tokio::test]
async fn an_unknown_outcome_that_was_no_commit() {
    check(|| Fault::UnknownNotCommitted).await;
}

#[tokio::test]
async fn a_full_disk() {
    check(|| Fault::Persistent).await;
}

/// Many writes that wait behind a slow commit, so that they are one batch; what became of each.
async fn behind_a_slow_commit(w: &Workspace, faults: &Faults, count: usize) -> Vec<Result<(), AppError>> {
    faults.fail_after(0, Fault::Delay(std::time::Duration::from_millis(300)));
    let commits = faults.counts().commits;
    let mut tasks = Vec::new();
    for n in 0..count {
        // The first one is being stored when the others come.
        while n > 0 && faults.counts().commits == commits {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        let session = w.session().await;
        tasks.push(tokio::spawn(async move {
            write(&session, "Kunden", vec![create(vec![(0, text(&n.to_string()))])]).await.map(drop)
        }));
    }
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

#[tokio::test]
async fn a_batch_that_may_be_stored_says_so_to_each_writer() {
    let faults = Faults::new();
    let store = Arc::new(FaultStore::new(MemStore::default(), faults.clone()));
    let w = workspace(store, Limits::default()).await;
    for n in 1..5 {
        faults.fail_after(n, Fault::UnknownNotCommitted);
    }
    let answers = behind_a_slow_commit(&w, &faults, 20).await;
    let errors: Vec<String> = answers.into_iter().filter_map(Result::err).map(|e| e.to_string()).collect();
    assert!(errors.len() > 1, "{errors:?}");
    // Not "try again": whoever does may have it twice.
    for error in errors {
        assert!(error.starts_with("it is not known whether this was stored"), "{error}");
    }
}

#[tokio::test]
async fn a_store_that_fails_is_not_asked_again_for_each_writer_of_a_batch() {
    let faults = Faults::new();
    let store = Arc::new(FaultStore::new(MemStore::default(), faults.clone()));
    let w = workspace(store, Limits::default()).await;
    faults.fail_after(1, Fault::Persistent);
    let struck = faults.counts().struck;
    let answers = behind_a_slow_commit(&w, &faults, 60).await;
    let refused = answers.iter().filter(|answer| matches!(answer, Err(AppError::Unavailable(_)))).count();
    let asked = faults.counts().struck - struck;
    assert!(refused > 30 && asked < 20, "{refused} refused, the store asked {asked} times");
    assert_eq!(names(&w).await.len(), 60 - refused, "what was refused is not there");
}

#[tokio::test]
async fn a_full_disk_answers_each_writer_of_a_batch() {
    let faults = Faults::new();
    let store = Arc::new(FaultStore::new(MemStore::default(), faults.clone()));
    let w = workspace(store, Limits::default()).await;
    faults.fail_after(0, Fault::Persistent);
    let mut tasks = Vec::new();
    for n in 0..20 {
        let session = w.session().await;
        tasks.push(tokio::spawn(async move {
            write(&session, "Kunden", vec![create(vec![(0, text(&n.to_string()))])]).await
        }));
    }
    for task in tasks {
        let error = task.await.unwrap().unwrap_err();
        assert!(matches!(error, AppError::Unavailable(_)), "{error:?}");
    }
    assert!(names(&w).await.is_empty());
    faults.clear();
    let session = w.session().await;
    write(&session, "Kunden", vec![create(vec![(0, text("again"))])]).await.unwrap();
    assert_eq!(names(&w).await.len(), 1);
}

#[tokio::test]
async fn the_catalogue_fails_whole() {
    let faults = Faults::new();
    let store = Arc::new(FaultStore::new(MemStore::default(), faults.clone()));
    let w = workspace(store, Limits::default()).await;
    faults.fail_catalogue_after(0, Fault::BeforeCommit);
    assert!(w.app.catalogue().create_team("Zweite").is_err());
    assert_eq!(w.app.catalogue().view().teams.len(), 1);
    faults.clear();
    w.app.catalogue().create_team("Zweite").unwrap();
    assert_eq!(w.app.catalogue().view().teams.len(), 2);
}
