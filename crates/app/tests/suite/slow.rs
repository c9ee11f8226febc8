//! Scripts that wait for the web or take long: others do not wait for them, nothing is asked twice, and what comes of
//! it is as if one had run after the other.

use std::sync::{Arc, mpsc};

use boobook_app::{AppError, Limits, Session};
use boobook_store::{Fault, FaultStore, Faults, MemStore};
use serde_json::json;
use tokio::sync::mpsc as channel;

use crate::{harness::*, web::*};

/// Every script of more than a few thousand steps is slow.
fn impatient() -> Limits {
    let mut limits = Limits::default();
    limits.script.writer_ms_max = 0;
    limits
}

/// So many steps that the clock is looked at.
const BUSY: &str = "let busy := 0; while busy < 5000 do busy := busy + 1 end;";

async fn start(limits: Limits) -> (Arc<Workspace>, Arc<Web>) {
    let w = workspace(Arc::new(MemStore::default()), limits).await;
    let web = Web::of(&w);
    (Arc::new(w), web)
}

/// Has each request tell that it is there and wait until it may be answered.
fn gate(web: &Web) -> (channel::UnboundedReceiver<String>, mpsc::Sender<()>) {
    let (arrive, arrived) = channel::unbounded_channel();
    let (open, opened) = mpsc::channel();
    let opened = std::sync::Mutex::new(opened);
    web.before_answers(move |what| {
        let _ = arrive.send(what.to_owned());
        opened.lock().unwrap().recv().unwrap();
    });
    (arrived, open)
}

/// Has each request, before it is answered, make a record and wait until that is stored.
async fn interfere(w: &Arc<Workspace>, web: &Web, table: &'static str, requests: usize) {
    let (session, handle) = (w.session().await, tokio::runtime::Handle::current());
    let left = std::sync::atomic::AtomicUsize::new(requests);
    web.before_answers(move |_| {
        let one_less = |left: usize| left.checked_sub(1);
        use std::sync::atomic::Ordering::SeqCst;
        if left.fetch_update(SeqCst, SeqCst, one_less).is_ok() {
            handle.block_on(write(&session, table, vec![create(vec![])])).unwrap();
        }
    });
}

fn names(session: &Session) -> Vec<String> {
    let all = dump(session);
    all.iter().filter(|(key, _)| key.ends_with("/Name")).map(|(_, name)| name.clone()).collect()
}

#[tokio::test]
async fn others_write_while_a_script_waits_for_the_web() {
    let (w, web) = start(Limits::default()).await;
    let (mut arrived, open) = gate(&web);
    let slow = tokio::spawn({
        let w = Arc::clone(&w);
        async move { exec(&w, "(create Kunden).Name := \"slow \" + http(\"GET\", \"http://x/a\").result").await }
    });
    assert_eq!(arrived.recv().await.unwrap(), "a");
    let session = w.session().await;
    write(&session, "Kunden", vec![create(vec![(0, text("quick"))])]).await.unwrap();
    exec(&w, "(create Auftraege).Nummer := \"quick\"").await.unwrap();
    assert_eq!(names(&session), ["Text(\"quick\")"]);
    assert!(!slow.is_finished());
    open.send(()).unwrap();
    assert_eq!(slow.await.unwrap().unwrap(), "\"slow 1\"");
    assert_eq!(names(&session), ["Text(\"quick\")", "Text(\"slow 1\")"]);
    assert_eq!(web.asked(), ["a"]);
}

#[tokio::test]
async fn others_write_while_a_trigger_waits_for_the_web() {
    let (w, web) = start(Limits::default()).await;
    let session = w.session().await;
    let trigger = "Name := \"t\" + http(\"POST\", \"http://x/\" + Name, {a: 1}).result";
    let table =
        json!({"name": "Wecker", "fields": [{"name": "Name", "type": "string"}], "afterCreate": trigger});
    let serde_json::Value::Object(table) = table else { unreachable!() };
    session.create_table(table).await.unwrap();
    let (mut arrived, open) = gate(&web);
    let slow = tokio::spawn({
        let session = w.session().await;
        async move {
            let two = vec![create(vec![(0, text("a"))]), create(vec![(0, text("b"))])];
            write(&session, "Wecker", two).await
        }
    });
    assert_eq!(arrived.recv().await.unwrap(), "a");
    write(&session, "Kunden", vec![create(vec![(0, text("quick"))])]).await.unwrap();
    open.send(()).unwrap();
    assert_eq!(arrived.recv().await.unwrap(), "b");
    write(&session, "Kunden", vec![create(vec![(0, text("quick"))])]).await.unwrap();
    assert!(!slow.is_finished());
    open.send(()).unwrap();
    assert_eq!(slow.await.unwrap().unwrap().body, "1,2");
    assert_eq!(names(&session), ["Text(\"quick\")", "Text(\"quick\")", "Text(\"t1\")", "Text(\"t2\")"]);
    assert_eq!(web.asked(), ["a", "b"]);
}

#[tokio::test]
async fn others_write_while_a_script_loops() {
    let mut limits = Limits::default();
    limits.script.write_ms_max = 2_000;
    let (w, _) = start(limits).await;
    let (tell, mut told) = channel::unbounded_channel();
    // Each is in the queue before the next one is begun.
    let begin = |what: &'static str, source: &'static str| {
        let (w, tell) = (Arc::clone(&w), tell.clone());
        async move {
            let outcome = exec(&w, source).await;
            tell.send(what).unwrap();
            outcome
        }
    };
    let endless = begin("endless", "(create Kunden).Name := \"never\"; while true do 1 end");
    let quick = begin("quick", "(create Kunden).Name := \"quick\"");
    let (endless, quick) = tokio::join!(endless, quick);
    quick.unwrap();
    assert!(matches!(endless, Err(AppError::Script(error)) if error.message.contains("takes longer")));
    assert_eq!([told.recv().await.unwrap(), told.recv().await.unwrap()], ["quick", "endless"]);
    assert_eq!(names(&w.session().await), ["Text(\"quick\")"]);
}

#[tokio::test]
async fn a_lost_race_replays_answers_time_and_chance() {
    let (w, web) = start(Limits::default()).await;
    interfere(&w, &web, "Kunden", usize::MAX).await;
    let source = "let r := http(\"GET\", \"http://x/\" + random() + number(now())).result;
        let c := create Kunden; c.Name := cnt(select Kunden) + \" \" + r + \" \" + number(now())";
    assert_eq!(exec(&w, source).await.unwrap(), "\"2 1 1700000000000\"");
    w.host.advance(60_000);
    assert_eq!(web.asked().len(), 1, "the second run asks for the same");
    // A slow one loses, too, and runs apart again.
    let (w, web) = start(impatient()).await;
    interfere(&w, &web, "Kunden", usize::MAX).await;
    let source = format!("{BUSY} {source}");
    assert_eq!(exec(&w, &source).await.unwrap(), "\"2 1 1700000000000\"");
    assert_eq!(web.asked().len(), 1);
}

#[tokio::test]
async fn writes_to_other_tables_take_nothing_away() {
    let (w, web) = start(impatient()).await;
    interfere(&w, &web, "Kunden", usize::MAX).await;
    // It would ask for something else, if it ran once more.
    let source = format!(
        "{BUSY} let a := create Auftraege; a.Nummer := http(\"GET\", \"http://x/a\" + a._id).result; a.Nummer"
    );
    assert_eq!(exec(&w, &source).await.unwrap(), "\"1\"");
    assert_eq!(web.asked().len(), 1);
}

/// What a reference names is looked at, though no script reads it.
#[tokio::test]
async fn what_goes_meanwhile_cannot_be_referred_to() {
    let (w, web) = start(Limits::default()).await;
    exec(&w, "create Kunden; 1").await.unwrap();
    let (session, handle) = (w.session().await, tokio::runtime::Handle::current());
    web.before_answers(move |_| {
        handle.block_on(write(&session, "Kunden", vec![delete(1)])).unwrap();
    });
    let session = w.session().await;
    let trigger = json!({"name": "Wecker", "afterCreate": "http(\"POST\", \"http://x/a\")", "fields":
        [{"name": "Kunde", "type": "ref", "referenceToTable": "Kunden", "reverseName": "Wecker"}]});
    let serde_json::Value::Object(table) = trigger else { unreachable!() };
    session.create_table(table).await.unwrap();
    let to_first = create(vec![(0, Some(boobook_model::Value::Reference(rid(1))))]);
    let error = write(&session, "Wecker", vec![to_first]).await.unwrap_err();
    assert!(
        matches!(&error, AppError::BadInput { place, .. } if place == "records[0].fields.Kunde"),
        "{error:?}"
    );
    assert_eq!(web.asked().len(), 1);
}

#[tokio::test]
async fn who_asks_for_something_else_each_time_gives_up() {
    for limits in [Limits::default(), impatient()] {
        let is_impatient = limits.script.writer_ms_max == 0;
        let (w, web) = start(limits).await;
        interfere(&w, &web, "Kunden", usize::MAX).await;
        let source = "http(\"GET\", \"http://x/\" + cnt(select Kunden)); (create Auftraege).Nummer := \"x\"";
        let source = if is_impatient { format!("{BUSY} {source}") } else { source.to_owned() };
        let error = exec(&w, &source).await.unwrap_err();
        assert!(matches!(&error, AppError::Conflict(message) if message.contains("3 times")), "{error:?}");
        // A slow one runs apart three times before others wait for it.
        let asked = if is_impatient { 7 } else { 4 };
        assert_eq!(web.asked(), (0..asked).map(|n| n.to_string()).collect::<Vec<_>>());
        assert_eq!(exec(&w, "cnt(select Auftraege)").await.unwrap(), "0");
        // With fewer others in its way it comes to an end, and is told the answer to what it asked for last.
        let (w, web) = start(Limits::default()).await;
        interfere(&w, &web, "Kunden", 3).await;
        let source = "(create Auftraege).Nummer := http(\"GET\", \"http://x/\" + cnt(select Kunden)).result";
        assert_eq!(exec(&w, source).await.unwrap(), "4");
        assert_eq!(web.asked(), ["0", "1", "2", "3"]);
    }
}

#[tokio::test]
async fn who_lost_three_times_is_waited_for() {
    let (w, web) = start(impatient()).await;
    interfere(&w, &web, "Kunden", usize::MAX).await;
    let source = format!(
        "{BUSY} let n := min(cnt(select Kunden), 2);
         (create Auftraege).Nummer := http(\"GET\", \"http://x/\" + n).result; cnt(select Kunden)"
    );
    assert_eq!(exec(&w, &source).await.unwrap(), "3", "on the writer, though it is slow");
    assert_eq!(web.asked(), ["0", "1", "2"]);
}

#[tokio::test]
async fn a_key_that_is_under_way_is_not_begun_again() {
    let (w, web) = start(Limits::default()).await;
    let session = w.session().await;
    let table = json!({"name": "Wecker", "fields": [{"name": "Name", "type": "string"}],
        "afterCreate": "http(\"POST\", \"http://x/a\")"});
    let serde_json::Value::Object(table) = table else { unreachable!() };
    session.create_table(table).await.unwrap();
    let (mut arrived, open) = gate(&web);
    let keyed = || {
        let mut request = request("Wecker", vec![create(vec![])]);
        request.idempotency = Some(("k".into(), [7; 32]));
        request
    };
    let first = tokio::spawn({
        let session = w.session().await;
        async move { session.write(keyed()).await }
    });
    arrived.recv().await.unwrap();
    let error = session.write(keyed()).await.unwrap_err();
    assert!(matches!(&error, AppError::Conflict(message) if message.contains("under way")), "{error:?}");
    open.send(()).unwrap();
    assert_eq!(first.await.unwrap().unwrap().body, "1");
    assert_eq!(session.write(keyed()).await.unwrap().body, "1", "it is remembered");
    assert_eq!(web.asked().len(), 1);
}

#[tokio::test]
async fn deferred_work_that_waits_holds_up_nobody() {
    let (w, web) = start(Limits::default()).await;
    let (mut arrived, open) = gate(&web);
    let source = "do as deferred (create Kunden).Name := http(\"GET\", \"http://x/a\").result end; 1";
    exec(&w, source).await.unwrap();
    assert_eq!(arrived.recv().await.unwrap(), "a");
    exec(&w, "(create Kunden).Name := \"quick\"").await.unwrap();
    let mut published = w.session().await.subscribe();
    open.send(()).unwrap();
    while names(&w.session().await).len() < 2 {
        published.changed().await.unwrap();
    }
    assert_eq!(web.asked(), ["a"]);
}

/// Many at a time over a store that fails: each asks once, however often it is run, and what is acknowledged is there
/// once, what is refused is not there.
async fn posts_once(fault: Fault) {
    for at in 0..4 {
        let faults = Faults::new();
        let store = FaultStore::new(MemStore::default(), faults.clone());
        let w = Arc::new(workspace(Arc::new(store), Limits::default()).await);
        let web = Web::of(&w);
        faults.fail_after(at, fault);
        let tasks: Vec<_> = (0..12)
            .map(|n| {
                let w = Arc::clone(&w);
                tokio::spawn(async move {
                    let ask = format!(
                        "(create Kunden).Alter := number(http(\"POST\", \"http://x/{n}\", 1).result)"
                    );
                    let plain = format!("(create Auftraege).Nummer := \"{n}\"");
                    exec(&w, if n % 3 == 0 { &plain } else { &ask }).await
                })
            })
            .collect();
        let mut acknowledged = 0;
        for (n, task) in tasks.into_iter().enumerate() {
            match task.await.unwrap() {
                Ok(_) => acknowledged += usize::from(n % 3 != 0),
                Err(AppError::Unavailable(_) | AppError::Busy(_)) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        faults.clear();
        assert!(
            web.counts().values().all(|&times| times == 1),
            "{:?}, fault {fault:?} at {at}",
            web.counts()
        );
        assert!(acknowledged <= web.asked().len());
        w.host.advance(2_000);
        let stored = exec(&w, "cnt(select Kunden)").await.unwrap();
        assert_eq!(stored, acknowledged.to_string(), "fault {fault:?} at {at}");
    }
}

#[tokio::test]
async fn posts_once_when_a_commit_fails() {
    posts_once(Fault::BeforeCommit).await;
}

#[tokio::test]
async fn posts_once_when_it_is_unknown_what_became_of_a_commit() {
    posts_once(Fault::AfterCommit).await;
    posts_once(Fault::UnknownNotCommitted).await;
}

/// One change of one of two records: what it makes of the value depends on the order.
struct Change {
    record: u64,
    factor: u64,
    source: String,
}

impl Change {
    fn nth(n: u64) -> Self {
        let (record, factor) = (n % 2 + 1, n % 7 + 2);
        let (table, field) = if record == 1 { ("Kunden", "Alter") } else { ("Zaehler", "Stand") };
        let step = format!(
            "let c := record({table}, 1); c.{field} := (number(c.{field}) * {factor} + {n}) % 10007;"
        );
        // Plain, slow, waiting for the web, both; some look at the other table, too.
        let before = match n % 5 {
            0 | 1 => String::new(),
            2 => BUSY.to_owned(),
            3 => format!("http(\"POST\", \"http://x/{n}\", 1);"),
            _ => format!("{BUSY} http(\"POST\", \"http://x/{n}\", 1);"),
        };
        let look =
            if n.is_multiple_of(3) { "let k := cnt(select Kunden) + cnt(select Zaehler);" } else { "" };
        Self { record, factor, source: format!("{look} {before} {step} c.{field}") }
    }
}

/// Scripts at the same time come to what they come to one after the other, in the order of their sequences.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn at_once_is_as_one_after_the_other() {
    const CHANGES: u64 = 160;
    let (w, web) = start(impatient()).await;
    let table = json!({"name": "Zaehler", "fields": [{"name": "Stand", "type": "number"}]});
    let serde_json::Value::Object(table) = table else { unreachable!() };
    w.session().await.create_table(table).await.unwrap();
    exec(&w, "(create Kunden).Alter := 1; (create Zaehler).Stand := 1").await.unwrap();
    let tasks: Vec<_> = (0..CHANGES)
        .map(|n| {
            let w = Arc::clone(&w);
            tokio::spawn(async move { answer(&w, &Change::nth(n).source).await.unwrap() })
        })
        .collect();
    let mut outcomes = Vec::new();
    for (n, task) in tasks.into_iter().enumerate() {
        let answer = task.await.unwrap();
        outcomes.push((answer.sq, n as u64, answer.json));
    }
    outcomes.sort();
    let mut values = [1, 1];
    for (sq, n, json) in outcomes {
        let change = Change::nth(n);
        let value = &mut values[change.record as usize - 1];
        *value = (*value * change.factor + n) % 10_007;
        assert_eq!(json, value.to_string(), "change {n} at {sq}");
    }
    assert_eq!(exec(&w, "record(Kunden, 1).Alter").await.unwrap(), values[0].to_string());
    assert_eq!(exec(&w, "record(Zaehler, 1).Stand").await.unwrap(), values[1].to_string());
    assert!(web.counts().values().all(|&times| times == 1), "{:?}", web.counts());
    assert_eq!(web.asked().len() as u64, CHANGES / 5 * 2);
}
