//! Files that scripts read and make: stored before the transaction that names them, once however often it runs.

use std::{sync::Arc, time::Duration};

use boobook_app::{AppError, HttpAnswer, HttpRequest, Limits, Mail, Outside, ScriptRequest, Undelivered};
use boobook_files::{Blobs, Hash, ThumbnailOptions, Thumbnails};
use boobook_model::{DatabaseId, FILES_MAX, FieldId, FileEntry, FileList};
use boobook_store::{Fault, FaultStore, Faults, MemStore, Store};
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::json;

use crate::{harness::*, web::exec};

async fn with_files(store: Arc<dyn Store>, blobs: &Blobs, limits: Limits) -> Workspace {
    let w = workspace(store, limits).await;
    w.app.keep_files(blobs.clone(), Thumbnails::new(blobs.clone(), ThumbnailOptions::default()).unwrap());
    write(&w.session().await, "Kunden", vec![create(vec![(0, text("Jane"))])]).await.unwrap();
    w
}

async fn is_there(blobs: &Blobs, w: &Workspace, content: &str) -> bool {
    let database: DatabaseId = w.database.parse().unwrap();
    blobs.exists(&database, &Hash::of(content.as_bytes())).await.unwrap()
}

async fn names(w: &Workspace, record: u64) -> Vec<String> {
    let files = w.session().await.files("Kunden", rid(record)).await.unwrap();
    files.into_iter().map(|file| file.name).collect()
}

fn message(error: AppError) -> String {
    match error {
        AppError::Script(error) => error.message,
        other => panic!("{other:?}"),
    }
}

const MAKE: &str = "createTextFile(record(Kunden, 1), \"made\", \"made.txt\")";

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_fails_leaves_no_file_and_no_content_for_ever() {
    let (blobs, faults) = (Blobs::memory(), Faults::new());
    let store = Arc::new(FaultStore::new(MemStore::default(), faults.clone()));
    let w = with_files(store, &blobs, Limits::default()).await;
    faults.fail_after(0, Fault::Persistent);
    let refused = exec(&w, MAKE).await;
    assert!(matches!(refused, Err(AppError::Unavailable(_))), "{refused:?}");
    faults.clear();
    assert!(is_there(&blobs, &w, "made").await, "it was stored before the transaction failed");
    w.host.advance(2_000);
    assert_eq!(names(&w, 1).await, [""; 0]);
    w.host.advance(2_000_000_000_000);
    w.app.collect_files().await.unwrap();
    assert!(!is_there(&blobs, &w, "made").await);
    assert_eq!(exec(&w, MAKE).await.unwrap(), "\"made.txt\"");
    w.app.collect_files().await.unwrap();
    assert!(is_there(&blobs, &w, "made").await);
    w.app.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_fails_once_is_tried_again_with_what_was_made() {
    let (blobs, faults) = (Blobs::memory(), Faults::new());
    let store = Arc::new(FaultStore::new(MemStore::default(), faults.clone()));
    let w = with_files(store, &blobs, Limits::default()).await;
    faults.fail_after(0, Fault::AfterCommit);
    assert_eq!(exec(&w, MAKE).await.unwrap(), "\"made.txt\"");
    assert_eq!(names(&w, 1).await, ["made.txt"]);
    w.app.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn files_have_a_limit_of_their_own() {
    let mut limits = Limits::default();
    limits.script.file_bytes_max = 10;
    let blobs = Blobs::memory();
    let w = with_files(Arc::new(MemStore::default()), &blobs, limits).await;
    exec(&w, "createTextFile(record(Kunden, 1), \"123456\", \"six.txt\")").await.unwrap();
    let two = "createTextFile(record(Kunden, 1), \"12345\", \"a.txt\"); createTextFile(record(Kunden, 1), \"123456\", \"b.txt\")";
    let read =
        "let r := record(Kunden, 1); loadFileAsBase64(r, \"six.txt\") + loadFileAsBase64(r, \"six.txt\")";
    let large = "createTextFile(record(Kunden, 1), \"12345678901\", \"large.txt\")";
    let says = "the script reads and makes files of more than 10 bytes in all (limits.script.file_bytes_max)";
    for source in [two, read, large] {
        assert_eq!(message(exec(&w, source).await.unwrap_err()), says, "{source}");
    }
    assert_eq!(names(&w, 1).await, ["six.txt"]);
    w.app.stop();
}

/// Writes what the first record keeps of its files.
async fn keep_list(w: &Workspace, stored: &str) {
    let session = w.session().await;
    let slot = session.snapshot().schema.table_by_key("Kunden").unwrap().slot(FieldId::FILES).unwrap();
    write(&session, "Kunden", vec![update(1, vec![(slot, text(stored))])]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_has_so_many_files_and_no_more() {
    let blobs = Blobs::memory();
    let w = with_files(Arc::new(MemStore::default()), &blobs, Limits::default()).await;
    exec(&w, MAKE).await.unwrap();
    let made = w.session().await.file("Kunden", rid(1), "made.txt").await.unwrap();
    let named = |n| FileEntry { name: format!("{n}.txt"), ..made.clone() };
    keep_list(&w, &FileList((0..FILES_MAX).map(named).collect()).to_stored().unwrap()).await;
    let says = "a record has at most 1000 files";
    assert_eq!(message(exec(&w, MAKE).await.unwrap_err()), says);
    exec(&w, "createTextFile(record(Kunden, 1), \"new\", \"7.txt\")").await.unwrap();
    assert_eq!(exec(&w, "cnt(files(record(Kunden, 1)))").await.unwrap(), "1000");
    w.app.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_cannot_be_read_is_left_alone() {
    let blobs = Blobs::memory();
    let w = with_files(Arc::new(MemStore::default()), &blobs, Limits::default()).await;
    keep_list(&w, "[{").await;
    for source in [MAKE, "files(record(Kunden, 1))", "removeFile(record(Kunden, 1), \"a\")"] {
        let error = message(exec(&w, source).await.unwrap_err());
        assert_eq!(error, "the list of files of record A1 is damaged; restore the database from a back-up");
    }
    w.app.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_place_for_files_scripts_say_so() {
    let w = workspace(Arc::new(MemStore::default()), Limits::default()).await;
    write(&w.session().await, "Kunden", vec![create(vec![])]).await.unwrap();
    let error = message(exec(&w, MAKE).await.unwrap_err());
    assert!(error.contains("no place for files"), "{error}");
    assert_eq!(exec(&w, "files(record(Kunden, 1))").await.unwrap(), "[]");
    w.app.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_content_is_an_error_of_the_script_that_reads_it() {
    let blobs = Blobs::memory();
    let w = with_files(Arc::new(MemStore::default()), &blobs, Limits::default()).await;
    exec(&w, MAKE).await.unwrap();
    let database: DatabaseId = w.database.parse().unwrap();
    blobs.delete_database(&database).await.unwrap();
    let read = "loadFileAsBase64(record(Kunden, 1), \"made.txt\")";
    let says = "the content of file \"made.txt\" is lost; upload it again, or restore a back-up";
    assert_eq!(message(exec(&w, read).await.unwrap_err()), says);
    let set = format!("record(Kunden, 1).Name := {read}");
    assert_eq!(message(exec(&w, &set).await.unwrap_err()), says);
    w.app.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_formula_with_a_content_is_empty_only_in_answers_of_the_writer() {
    let blobs = Blobs::memory();
    let w = with_files(Arc::new(MemStore::default()), &blobs, Limits::default()).await;
    exec(&w, MAKE).await.unwrap();
    let session = w.session().await;
    let field = json!({"name": "Inhalt", "type": "fn", "fn": "loadFileAsBase64(this, \"made.txt\")"});
    let serde_json::Value::Object(field) = field else { unreachable!() };
    session.create_field("Kunden", field).await.unwrap();
    // Read by a script that writes, it is what it is: the script goes on beside the writer.
    let set = "let k := record(Kunden, 1); k.Name := k.Inhalt; k.Name";
    assert_eq!(exec(&w, set).await.unwrap(), "\"bWFkZQ==\"");
    let query = ScriptRequest { source: "record(Kunden, 1).Inhalt".into(), ..ScriptRequest::default() };
    assert_eq!(session.query(query).await.unwrap().json, "\"bWFkZQ==\"");
    write(&session, "Kunden", vec![update(1, vec![(1, Some(boobook_model::Value::Number(3.0)))])])
        .await
        .unwrap();
    w.app.stop();
}

/// A web that has one picture, and counts what it is asked and sent.
#[derive(Default)]
struct Pictures {
    sent: Mutex<Vec<HttpRequest>>,
}

impl Outside for Pictures {
    fn http(&self, request: HttpRequest, _time_max: Duration) -> Result<HttpAnswer, String> {
        let is_success = !request.url.ends_with("none");
        self.sent.lock().push(request);
        Ok(HttpAnswer {
            status: if is_success { "200 OK".into() } else { "404 Not Found".into() },
            is_success,
            content_type: Some("image/x-owl".into()),
            body: Bytes::from_static(&[0xff, 0xd8, 0x00, 0x0a]),
        })
    }

    fn check_mail(&self, _mail: &Mail) -> Option<Result<(), String>> {
        None
    }

    fn mail(&self, _mail: &Mail, _contents: &[Bytes], _time_max: Duration) -> Result<(), Undelivered> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_imported_is_asked_for_once_and_keeps_its_bytes() {
    let blobs = Blobs::memory();
    let w = with_files(Arc::new(MemStore::default()), &blobs, Limits::default()).await;
    let web = Arc::new(Pictures::default());
    w.app.reach_outside(Arc::clone(&web) as _);
    let source = "let r := record(Kunden, 1); importFile(r, \"http://x/a%20b.png?c=d\"); \
        importFile(r, \"http://x/y\", \"named.bin\"); loadFileAsBase64URL(r, \"a b.png\")";
    assert_eq!(exec(&w, source).await.unwrap(), "\"data:image/x-owl;base64,/9gACg==\"");
    assert_eq!(names(&w, 1).await, ["a b.png", "named.bin"]);
    assert_eq!(web.sent.lock().len(), 2);
    let lost =
        "createTextFile(record(Kunden, 1), \"x\", \"x\"); importFile(record(Kunden, 1), \"http://x/none\")";
    let says = "importFile(\"http://x/none\"): 404 Not Found";
    assert_eq!(message(exec(&w, lost).await.unwrap_err()), says);
    assert_eq!(names(&w, 1).await.len(), 2);
    w.app.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_sent_as_parts_of_a_form() {
    let blobs = Blobs::memory();
    let w = with_files(Arc::new(MemStore::default()), &blobs, Limits::default()).await;
    let web = Arc::new(Pictures::default());
    w.app.reach_outside(Arc::clone(&web) as _);
    exec(&w, MAKE).await.unwrap();
    let source =
        "http(\"POST\", \"http://x/y\", {'Content-Type': \"text/plain\"}, {n: 1}, files(record(Kunden, 1)))";
    exec(&w, source).await.unwrap();
    let sent = web.sent.lock().remove(0);
    let body = String::from_utf8(sent.body.unwrap().to_vec()).unwrap();
    assert!(body.contains("name=\"n\"\r\n\r\n1\r\n"), "{body}");
    assert!(body.contains("filename=\"made.txt\"\r\nContent-Type: text/plain\r\n\r\nmade\r\n"), "{body}");
    let [(name, value)] = &sent.headers[..] else { panic!("{:?}", sent.headers) };
    assert_eq!(name, "Content-Type");
    assert!(value.starts_with("multipart/form-data; boundary=boobook-"), "{value}");
    w.app.stop();
}

/// While the content is stored, somebody else changes what it was made of: it is made anew.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_file_was_made_of_is_what_was_stored() {
    let blobs = Blobs::memory();
    let w = with_files(Arc::new(MemStore::default()), &blobs, Limits::default()).await;
    let w = Arc::new(w);
    let mut running = Vec::new();
    for _ in 0..8 {
        let w = Arc::clone(&w);
        running.push(tokio::spawn(async move {
            let source = "let r := record(Kunden, 1); r.Alter := r.Alter + 1; createTextFile(r, r.Alter, r.Alter + \".txt\")";
            exec(&w, source).await
        }));
    }
    let mut made = 0;
    for task in running {
        match task.await.unwrap() {
            Ok(_) => made += 1,
            Err(AppError::Conflict(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    let names = names(&w, 1).await;
    assert!(made > 0);
    assert_eq!(names, (1..=made).map(|n| format!("{n}.txt")).collect::<Vec<_>>());
    for n in 1..=made {
        assert!(is_there(&blobs, &w, &n.to_string()).await, "{n}");
    }
    w.app.stop();
}
