//! `sendEmail()`: queued with the transaction, sent after it, at least once.

use std::sync::Arc;

use boobook_app::{AppError, Limits, MailCounts, Undelivered};
use boobook_files::{Blobs, Hash, ThumbnailOptions, Thumbnails};
use boobook_store::{Fault, FaultStore, Faults, MemStore, Store};

use crate::{harness::*, web::*};

fn send(subject: &str) -> String {
    format!("sendEmail({{to: \"a@x.example\", subject: \"{subject}\"}})")
}

async fn start() -> (Workspace, Arc<Web>, MemStore, Faults) {
    let (inner, faults) = (MemStore::default(), Faults::new());
    let w = workspace(Arc::new(FaultStore::new(inner.clone(), faults.clone())), Limits::default()).await;
    let web = Web::of(&w);
    (w, web, inner, faults)
}

/// Waits until nothing of the database's is put off, or all of that is for later.
async fn settled(w: &Workspace, is_settled: impl Fn(MailCounts) -> bool) {
    while !is_settled(w.app.mails()) {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    // What became of it is in the queue, or will be in a moment: stopping waits for both.
    w.app.stop();
}

fn queued(w: &Workspace, inner: &MemStore) -> usize {
    inner.open_database(&w.database.parse().unwrap()).unwrap().put_off().unwrap().len()
}

#[tokio::test]
async fn a_message_goes_out_after_its_transaction() {
    let (w, web, inner, _) = start().await;
    let source = format!("(create Kunden).Name := \"x\"; {}", send("one"));
    assert_eq!(exec(&w, &source).await.unwrap(), "{\"result\":true,\"queued\":true}");
    let bad = "sendEmail({to: \"nowhere\", subject: \"bad\"})";
    assert_eq!(exec(&w, bad).await.unwrap(), "{\"error\":\"no address\"}");
    let failing = format!("{}; record(Kunden, 99).Name := \"x\"", send("never"));
    assert!(matches!(exec(&w, &failing).await, Err(AppError::Script(_))));
    exec(&w, &format!("do as deferred {} end", send("two"))).await.unwrap();
    settled(&w, |mails| mails.sent == 2).await;
    assert_eq!(web.sent(), ["one", "two"]);
    assert_eq!(w.app.mails(), MailCounts { sent: 2, failed: 0, dropped: 0 });
    assert_eq!(queued(&w, &inner), 0);
}

#[tokio::test]
async fn a_transaction_that_is_not_stored_sends_nothing() {
    let (w, web, _, faults) = start().await;
    faults.fail_after(0, Fault::BeforeCommit);
    assert!(matches!(exec(&w, &send("never")).await, Err(AppError::Unavailable(_))));
    exec(&w, &send("one")).await.unwrap();
    settled(&w, |mails| mails.sent == 1).await;
    assert_eq!(web.sent(), ["one"]);
}

#[tokio::test]
async fn what_is_not_taken_is_tried_again_after_a_restart_too() {
    let (w, web, inner, _) = start().await;
    let away = || Undelivered { message: "away".into(), is_final: false };
    web.refusals.lock().extend([away(), away()]);
    exec(&w, &send("one")).await.unwrap();
    settled(&w, |mails| mails.failed == 1).await;
    assert_eq!((web.sent().len(), queued(&w, &inner)), (0, 1));
    // The second try is noted in the store as the first one was.
    w.host.advance(30_000);
    let again = w.restarted(Arc::new(inner.clone()));
    again.app.reach_outside(Arc::clone(&web) as _);
    again.session().await;
    settled(&again, |mails| mails.failed == 1).await;
    w.host.advance(60_000);
    let third = w.restarted(Arc::new(inner.clone()));
    third.app.reach_outside(Arc::clone(&web) as _);
    third.session().await;
    // Not yet: the third try is two minutes after the second one.
    exec(&third, "(create Kunden).Name := \"x\"").await.unwrap();
    assert_eq!(third.app.mails(), MailCounts { sent: 0, failed: 0, dropped: 0 });
    w.host.advance(60_000);
    tokio::select! {
        () = third.app.run_background() => {}
        () = async { while third.app.mails().sent == 0 { tokio::time::sleep(std::time::Duration::from_millis(1)).await } } => {}
    }
    third.app.stop();
    assert_eq!((web.sent(), queued(&w, &inner)), (vec!["one".to_owned()], 0));
}

#[tokio::test]
async fn what_is_refused_for_good_is_dropped() {
    let (w, web, inner, _) = start().await;
    web.refusals.lock().push_back(Undelivered { message: "no such user".into(), is_final: true });
    exec(&w, &send("one")).await.unwrap();
    settled(&w, |mails| mails.dropped == 1).await;
    assert_eq!((web.sent().len(), queued(&w, &inner)), (0, 0));
    // And so is what is not taken six times.
    let (w, web, inner, _) = start().await;
    let away = || Undelivered { message: "away".into(), is_final: false };
    web.refusals.lock().extend((0..6).map(|_| away()));
    exec(&w, &send("one")).await.unwrap();
    settled(&w, |mails| mails.failed == 1).await;
    for wait_ms in [30_000, 120_000, 480_000, 1_920_000, 7_680_000] {
        assert_eq!(queued(&w, &inner), 1);
        w.host.advance(wait_ms);
        let again = w.restarted(Arc::new(inner.clone()));
        again.app.reach_outside(Arc::clone(&web) as _);
        again.session().await;
        settled(&again, |mails| mails.failed == 1).await;
    }
    assert_eq!((web.sent().len(), web.refusals.lock().len(), queued(&w, &inner)), (0, 0, 0));
}

/// Attachments are what they were when the message was queued, however long it takes, whatever becomes of the record.
#[tokio::test(flavor = "multi_thread")]
async fn attachments_wait_with_their_message() {
    let (w, web, inner, _) = start().await;
    let blobs = Blobs::memory();
    let thumbnails = || Thumbnails::new(blobs.clone(), ThumbnailOptions::default()).unwrap();
    w.app.keep_files(blobs.clone(), thumbnails());
    web.refusals.lock().push_back(Undelivered { message: "away".into(), is_final: false });
    let source = "let k := (create Kunden);
        let files := [createTextFile(k, \"first\", \"a.txt\"), createTextFile(k, \"second\", \"b.txt\")];
        sendEmail({to: \"a@x.example\", subject: \"two\", attachments: files}); delete k";
    exec(&w, source).await.unwrap();
    settled(&w, |mails| mails.failed == 1).await;
    let later_ms = 2_000_000_000_000;
    w.host.advance(later_ms);
    let again = w.restarted(Arc::new(inner.clone()));
    again.app.keep_files(blobs.clone(), thumbnails());
    let database = again.database.parse().unwrap();
    let is_kept = async || blobs.exists(&database, &Hash::of(b"first")).await.unwrap();
    // Opened before there is a way out, so that it is still queued when the collector comes.
    again.session().await;
    again.app.collect_files().await.unwrap();
    assert!(is_kept().await, "no record has it, but a message");
    again.app.stop();
    let third = w.restarted(Arc::new(inner.clone()));
    third.app.keep_files(blobs.clone(), thumbnails());
    third.app.reach_outside(Arc::clone(&web) as _);
    w.host.advance(later_ms / 2);
    third.session().await;
    settled(&third, |mails| mails.sent == 1).await;
    assert_eq!(web.sent(), ["two + a.txt: first + b.txt: second"]);
    let last = w.restarted(Arc::new(inner.clone()));
    last.app.keep_files(blobs.clone(), thumbnails());
    last.session().await;
    last.app.collect_files().await.unwrap();
    assert!(!is_kept().await);
    last.app.stop();
}

/// A collector on another node keeps what a message wants, and leaves the message to the node that has it.
#[tokio::test(flavor = "multi_thread")]
async fn attachments_are_kept_by_collectors_of_other_nodes() {
    let store = MemStore::new();
    let w = workspace(Arc::new(store.node()), Limits::default()).await;
    let web = Web::of(&w);
    let blobs = Blobs::memory();
    let thumbnails = || Thumbnails::new(blobs.clone(), ThumbnailOptions::default()).unwrap();
    w.app.keep_files(blobs.clone(), thumbnails());
    web.refusals.lock().push_back(Undelivered { message: "away".into(), is_final: false });
    let source = "let k := (create Kunden);
        let files := [createTextFile(k, \"first\", \"a.txt\")];
        sendEmail({to: \"a@x.example\", subject: \"two\", attachments: files}); delete k";
    exec(&w, source).await.unwrap();
    while w.app.mails().failed < 1 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let other = w.restarted(Arc::new(store.node()));
    other.app.keep_files(blobs.clone(), thumbnails());
    other.session().await;
    // Its lease is over, so that whoever asks for work would get it.
    store.pass_time(boobook_store::LEASE_MS);
    w.host.advance(2_000_000_000_000);
    other.app.collect_files().await.unwrap();
    let database = w.database.parse().unwrap();
    assert!(blobs.exists(&database, &Hash::of(b"first")).await.unwrap(), "no record has it, but a message");
    // Another node takes the message over, which it could not if the collector had.
    let third = store.node();
    let taken = third.cluster().unwrap().take_over().unwrap();
    assert_eq!(taken.len(), 1);
    w.app.stop();
    other.app.stop();
}

/// At least once: who stops between sending and noting sends it again.
#[tokio::test]
async fn what_was_sent_and_not_noted_is_sent_again() {
    let (w, web, inner, faults) = start().await;
    faults.fail_after(1, Fault::Persistent);
    exec(&w, &send("one")).await.unwrap();
    settled(&w, |mails| mails.sent == 1).await;
    assert_eq!(queued(&w, &inner), 1);
    let again = w.restarted(Arc::new(inner.clone()));
    again.app.reach_outside(Arc::clone(&web) as _);
    again.session().await;
    settled(&again, |mails| mails.sent == 1).await;
    assert_eq!((web.sent(), queued(&w, &inner)), (vec!["one".to_owned(); 2], 0));
}

/// In the same process it is noted as soon as the store takes something again, and not sent a second time.
#[tokio::test]
async fn what_was_sent_is_noted_when_the_store_is_back() {
    let (w, web, inner, faults) = start().await;
    faults.fail_after(1, Fault::BeforeCommit);
    exec(&w, &send("one")).await.unwrap();
    while faults.counts().struck == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    for name in ["a", "b", "c"] {
        exec(&w, &format!("(create Kunden).Name := \"{name}\"")).await.unwrap();
    }
    w.app.stop();
    assert_eq!((web.sent(), queued(&w, &inner)), (vec!["one".to_owned()], 0));
}
