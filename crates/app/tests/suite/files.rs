//! Contents and the records that name them, whatever breaks in between.

use std::{convert::Infallible, sync::Arc};

use boobook_app::{AppError, Limits, NewFile, Session};
use boobook_files::{Blobs, ByteRange, Hash, ThumbnailOptions, Thumbnails};
use boobook_model::{DatabaseId, RecordId};
use boobook_store::{Fault, FaultStore, Faults, MemStore, Store};
use bytes::Bytes;

use crate::harness::*;

/// Short enough for a test that moves the clock.
const GRACE_S: u64 = 60;

fn rid(n: u64) -> RecordId {
    RecordId::new(n).unwrap()
}

async fn with_files(store: Arc<dyn Store>, blobs: &Blobs) -> Workspace {
    let w = workspace(store, Limits { files_grace_s: GRACE_S, ..Limits::default() }).await;
    w.app.keep_files(blobs.clone(), Thumbnails::new(blobs.clone(), ThumbnailOptions::default()).unwrap());
    write(&w.session().await, "Kunden", vec![create(vec![(0, text("Jane"))])]).await.unwrap();
    w
}

async fn upload(session: &Session, name: &str, content: &str) -> Result<(), AppError> {
    let content = futures_util::stream::iter([Ok::<_, Infallible>(Bytes::from(content.to_owned()))]);
    let entry = session.store_content(name, content).await?;
    session.attach("Kunden", rid(1), entry, &NewFile::default()).await.map(|_| ())
}

async fn is_there(blobs: &Blobs, w: &Workspace, content: &str) -> bool {
    let database: DatabaseId = w.database.parse().unwrap();
    blobs.exists(&database, &Hash::of(content.as_bytes())).await.unwrap()
}

/// The collector goes by the times that the blobs have, so that its clock is moved far beyond all of them.
async fn collect_much_later(w: &Workspace) {
    w.host.advance(2_000_000_000_000);
    w.app.collect_files().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_files_are_one_content_that_goes_with_the_last_of_them() {
    let blobs = Blobs::memory();
    let w = with_files(Arc::new(MemStore::default()), &blobs).await;
    let session = w.session().await;
    upload(&session, "a.txt", "same").await.unwrap();
    upload(&session, "b.txt", "same").await.unwrap();
    upload(&session, "c.txt", "other").await.unwrap();
    session.remove_file("Kunden", rid(1), "a.txt").await.unwrap();
    session.remove_file("Kunden", rid(1), "c.txt").await.unwrap();
    assert!(is_there(&blobs, &w, "other").await, "kept for a while");
    collect_much_later(&w).await;
    assert!(is_there(&blobs, &w, "same").await && !is_there(&blobs, &w, "other").await);
    let got = session.download("Kunden", rid(1), "b.txt", ByteRange::Whole).await.unwrap();
    assert_eq!(got.content.bytes().await.unwrap(), "same");
    write(&session, "Kunden", vec![delete(1)]).await.unwrap();
    collect_much_later(&w).await;
    assert!(!is_there(&blobs, &w, "same").await);
    w.app.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_fails_leaves_no_file_and_no_content_for_ever() {
    let (blobs, faults) = (Blobs::memory(), Faults::new());
    let store = Arc::new(FaultStore::new(MemStore::default(), faults.clone()));
    let w = with_files(store, &blobs).await;
    let session = w.session().await;
    upload(&session, "kept.txt", "kept").await.unwrap();
    faults.fail_after(0, Fault::Persistent);
    let refused = upload(&session, "lost.txt", "lost").await;
    assert!(matches!(refused, Err(AppError::Unavailable(_))), "{refused:?}");
    faults.clear();
    assert!(is_there(&blobs, &w, "lost").await, "it was stored before the record failed");
    w.host.advance(2_000);
    let session = w.session().await;
    let names: Vec<_> =
        session.files("Kunden", rid(1)).await.unwrap().into_iter().map(|file| file.name).collect();
    assert_eq!(names, ["kept.txt"]);
    collect_much_later(&w).await;
    assert!(is_there(&blobs, &w, "kept").await && !is_there(&blobs, &w, "lost").await);
    w.app.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_database_takes_its_contents_along() {
    let blobs = Blobs::memory();
    let w = with_files(Arc::new(MemStore::default()), &blobs).await;
    upload(&w.session().await, "a.txt", "gone").await.unwrap();
    w.app.delete_database(&w.admin, &w.team, "Lager").await.unwrap();
    w.app.finish_deletions().await.unwrap();
    assert!(!is_there(&blobs, &w, "gone").await);
    w.app.stop();
}
