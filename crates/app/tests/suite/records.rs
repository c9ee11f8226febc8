//! Records: one request is one transaction.

use std::sync::Arc;

use boobook_app::{AppError, Limits};
use boobook_model::{Sq, Value};
use boobook_store::MemStore;

use crate::harness::*;

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart() {
    let store = Arc::new(MemStore::default());
    let w = workspace(store.clone(), Limits::default()).await;
    let s = w.session().await;
    let answer = write(
        &s,
        "Kunden",
        vec![create(vec![(0, text("Jane"))]), create(vec![(0, text("Åsa")), (1, Some(Value::Number(41.0)))])],
    );
    assert_eq!(&answer.await.unwrap().body[..], b"1,2");
    write(&s, "Auftraege", vec![create(vec![(0, text("A-1")), (1, Some(Value::Reference(rid(2))))])])
        .await
        .unwrap();
    write(&s, "Kunden", vec![update(2, vec![(1, None)])]).await.unwrap();
    write(&s, "Kunden", vec![delete(1)]).await.unwrap();
    let before = dump(&s);
    assert_eq!(before.get("A/2/Auftraege").map(String::as_str), Some("[1]"));
    assert!(!before.contains_key("A/1"));
    w.app.stop();
    let again = w.restarted(store);
    let s = again.session().await;
    assert_eq!(dump(&s), before);
    let next = write(&s, "Kunden", vec![create(vec![])]).await.unwrap();
    assert_eq!(&next.body[..], b"3", "ids are never used again");
}

#[tokio::test]
async fn one_bad_element_and_nothing_is_written() {
    let w = workspace(Arc::new(MemStore::default()), Limits::default()).await;
    let s = w.session().await;
    let before = (dump(&s), s.snapshot().sq);
    let unknown = write(&s, "Kunden", vec![create(vec![]), update(7, vec![])]).await.unwrap_err();
    assert_eq!(unknown.to_string(), "records[1]: Record Not Found");
    let dangling =
        write(&s, "Auftraege", vec![create(vec![(1, Some(Value::Reference(rid(9))))])]).await.unwrap_err();
    assert_eq!(dangling.to_string(), "records[0].fields.Kunde: there is no record 9 in table \"Kunden\"");
    assert_eq!((dump(&s), s.snapshot().sq), before);
}

#[tokio::test]
async fn if_match_is_checked_where_the_write_happens() {
    let w = workspace(Arc::new(MemStore::default()), Limits::default()).await;
    let s = w.session().await;
    let sq = write(&s, "Kunden", vec![create(vec![])]).await.unwrap().sq;
    let mut stale = request("Kunden", vec![update(1, vec![(0, text("x"))])]);
    stale.if_match = Some(Sq(sq.0 - 1));
    assert_eq!(
        s.write(stale).await.unwrap_err(),
        AppError::PreconditionFailed { expected: sq.0 - 1, actual: sq.0 }
    );
    let mut fresh = request("Kunden", vec![update(1, vec![(0, text("x"))])]);
    fresh.if_match = Some(sq);
    s.write(fresh).await.unwrap();
}

#[tokio::test]
async fn the_same_idempotency_key_writes_once() {
    let store = Arc::new(MemStore::default());
    let w = workspace(store.clone(), Limits::default()).await;
    let s = w.session().await;
    let keyed = |key: &str, hash: u8| {
        let mut r = request("Kunden", vec![create(vec![(0, text("once"))])]);
        r.idempotency = Some((key.into(), [hash; 32]));
        r
    };
    assert_eq!(&s.write(keyed("k", 1)).await.unwrap().body[..], b"1");
    assert_eq!(&s.write(keyed("k", 1)).await.unwrap().body[..], b"1");
    assert_eq!(s.write(keyed("k", 2)).await.unwrap_err(), AppError::IdempotencyKeyReused);
    assert_eq!(&s.write(keyed("other", 1)).await.unwrap().body[..], b"2");
    let again = w.restarted(store);
    assert_eq!(&again.session().await.write(keyed("k", 1)).await.unwrap().body[..], b"1");
    w.host.advance(25 * 60 * 60 * 1000);
    assert_eq!(
        &again.session().await.write(keyed("k", 1)).await.unwrap().body[..],
        b"3",
        "forgotten after a day"
    );
    let long = s.write(keyed(&"k".repeat(256), 1)).await.unwrap_err();
    assert!(long.to_string().starts_with("Idempotency-Key: "), "{long}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_writers_get_one_order() {
    let w = workspace(Arc::new(MemStore::default()), Limits::default()).await;
    let mut tasks = Vec::new();
    for writer in 0..16 {
        let s = w.session().await;
        tasks.push(tokio::spawn(async move {
            let mut sqs = Vec::new();
            for n in 0..50 {
                let name = format!("{writer}-{n}");
                let answer =
                    write(&s, "Kunden", vec![create(vec![(0, text(&name))]), create(vec![(0, text(&name))])]);
                let answer = answer.await.unwrap();
                let ids: Vec<u64> = std::str::from_utf8(&answer.body)
                    .unwrap()
                    .split(',')
                    .map(|i| i.parse().unwrap())
                    .collect();
                assert_eq!(ids[1], ids[0] + 1, "a request's records stand together");
                sqs.push(answer.sq);
            }
            assert!(sqs.is_sorted());
            sqs
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    all.sort();
    let distinct = all.len();
    all.dedup();
    assert_eq!(all.len(), distinct, "no two transactions share a sequence");
    let s = w.session().await;
    let changes = s.changes(Some("Kunden"), Sq(0), 100_000).await.unwrap();
    assert_eq!(changes.page.items.len(), 1600);
    assert!(changes.page.items.windows(2).all(|w| w[0].sq < w[1].sq));
}

#[tokio::test]
async fn a_records_history_tells_what_each_change_set() {
    let w = workspace(Arc::new(MemStore::default()), Limits::default()).await;
    let s = w.session().await;
    write(&s, "Kunden", vec![create(vec![(0, text("a")), (1, Some(Value::Number(1.0)))])]).await.unwrap();
    write(&s, "Kunden", vec![update(1, vec![(0, text("b"))])]).await.unwrap();
    let middle = s.snapshot().sq;
    write(&s, "Kunden", vec![update(1, vec![(0, None)])]).await.unwrap();
    write(&s, "Kunden", vec![delete(1)]).await.unwrap();
    let (_, changes, more) = s.record_changes("Kunden", rid(1), Sq(0), 100).await.unwrap();
    assert!(!more);
    let seen: Vec<_> = changes
        .iter()
        .map(|c| {
            (c.deleted, c.values.iter().map(|(f, v)| format!("{f}={v:?}")).collect::<Vec<_>>().join(" "))
        })
        .collect();
    assert_eq!(
        seen,
        [
            (false, "A=Some(Text(\"a\")) B=Some(Number(1.0))".to_owned()),
            (false, "A=Some(Text(\"b\"))".to_owned()),
            (false, "A=None".to_owned()),
            (true, String::new()),
        ]
    );
    let (_, later, _) = s.record_changes("Kunden", rid(1), middle, 100).await.unwrap();
    assert_eq!(later, changes[2..]);
    let (_, first, more) = s.record_changes("Kunden", rid(1), Sq(0), 1).await.unwrap();
    assert_eq!((first.as_slice(), more), (&changes[..1], true));
    assert_eq!(
        s.record_changes("Kunden", rid(99), Sq(0), 1).await.unwrap_err(),
        AppError::RecordNotFound { place: None }
    );
}

#[tokio::test]
async fn a_database_over_the_memory_budget_is_closed_and_comes_back() {
    let store = Arc::new(MemStore::default());
    let limits = Limits { cache_bytes_max: 600_000, ..Limits::default() };
    let w = workspace(store, limits).await;
    let second = w.app.create_database(&w.admin, &w.team, "Zweite", None).await.unwrap().id;
    let s = w.session().await;
    let names: Vec<_> =
        (0..4000).map(|n| create(vec![(0, text(&format!("a customer by the number {n}")))])).collect();
    write(&s, "Kunden", names).await.unwrap();
    let before = dump(&s);
    drop(s);
    w.host.advance(10);
    let other = w.app.session(&w.admin, &w.team, &second).await.unwrap();
    let serde_json::Value::Object(body) =
        serde_json::json!({"name":"T","fields":[{"name":"x","type":"string"}]})
    else {
        unreachable!()
    };
    other.create_table(body).await.unwrap();
    let names: Vec<_> =
        (0..4000).map(|n| create(vec![(0, text(&format!("another thing by the number {n}")))])).collect();
    write(&other, "T", names).await.unwrap();
    let background = tokio::spawn({
        let app = w.app.clone();
        async move { app.run_background().await }
    });
    for _ in 0..100 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        if w.app.usage().0 == 1 {
            break;
        }
    }
    assert_eq!(w.app.usage().0, 1, "the least recently used database is closed");
    background.abort();
    assert_eq!(dump(&w.session().await), before);
}
