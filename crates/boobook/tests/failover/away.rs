//! The store is gone, or there and silent, or has no connection left: 503 in bounded time, and all is well again by
//! itself.

use std::{thread, time::Instant};

use boobook_testkit::{Client, Postgres};
use serde_json::json;

use crate::{
    cluster::{Cluster, check_unavailable, insist},
    ledger::{ANSWER_MAX, writing_through},
};

/// What the store of these tests may take, in the URL; an answer takes a small multiple at most.
const LIMITS: &str = "&connect_timeout=1&statement_timeout=2";

/// Sends every kind of request; all have to be refused in time.
fn all_are_refused(cluster: &Cluster, node: usize) {
    let requests = [
        ("GET", "/readyz".to_owned(), None),
        ("GET", "/v1/teams".to_owned(), None),
        ("GET", cluster.records("Log"), None),
        ("POST", cluster.records("Log"), Some(json!({"fields": {"Payload": "x"}}))),
        ("POST", format!("{}/exec", cluster.base), Some(json!({"query": "count(select Log)"}))),
        ("POST", format!("{}/query", cluster.base), Some(json!({"query": "count(select Log)"}))),
    ];
    thread::scope(|scope| {
        for (method, target, body) in requests {
            let client: Client = cluster.client(node);
            scope.spawn(move || {
                let begin = Instant::now();
                let body = body.map(|body| body.to_string());
                let answer = client.request(method, &target, &[], body.as_deref().map(str::as_bytes));
                let took = begin.elapsed();
                check_unavailable(&answer.expect("an answer"));
                assert!(took < ANSWER_MAX, "{method} {target} took {took:?}");
            });
        }
    });
}

#[test]
fn a_store_that_is_gone_is_a_503_and_its_return_is_noticed() {
    let Some(postgres) = Postgres::start() else { return };
    let cluster = Cluster::start(&format!("{}{LIMITS}", postgres.url()), 2);
    writing_through(&cluster, |_| {
        postgres.stop();
        all_are_refused(&cluster, 0);
        all_are_refused(&cluster, 1);
        postgres.restart();
    });
}

#[test]
fn a_store_that_is_silent_is_a_503_in_bounded_time() {
    let Some(postgres) = Postgres::start() else { return };
    let cluster = Cluster::start(&format!("{}{LIMITS}", postgres.url()), 2);
    writing_through(&cluster, |_| {
        let frozen = postgres.freeze();
        all_are_refused(&cluster, 0);
        all_are_refused(&cluster, 1);
        // By now no connection is left from before.
        all_are_refused(&cluster, 0);
        drop(frozen);
    });
}

#[test]
fn one_connection_serves_many_clients_slowly() {
    let Some(postgres) = Postgres::shared() else { return };
    let cluster = Cluster::start(&format!("{}{LIMITS}&connections=1", postgres.url()), 1);
    thread::scope(|scope| {
        for name in 0..32 {
            let cluster = &cluster;
            scope.spawn(move || {
                let client = cluster.client(0);
                for n in 0..10 {
                    let key = format!("{name}-{n}");
                    let body = json!({"fields": {"Payload": key}}).to_string();
                    let begin = Instant::now();
                    let answer = insist("a write", || {
                        let keys = [("Idempotency-Key", key.as_str())];
                        let target = cluster.records("Log");
                        client.request("POST", &target, &keys, Some(body.as_bytes())).expect("an answer")
                    });
                    assert_eq!(answer.ok()["fields"]["Payload"], json!(key));
                    assert!(begin.elapsed() < ANSWER_MAX, "{:?}", begin.elapsed());
                }
            });
        }
    });
    let (_, tables) = cluster.agreed_state();
    assert_eq!(tables[0].as_array().map(Vec::len), Some(320));
}
