//! What one node has acknowledged, every node knows.

use std::{thread, time::Duration};

use boobook_testkit::{BodyReader, Client, Postgres, RoundRobin};
use serde_json::{Value, json};

use crate::cluster::{Cluster, check_unavailable};

#[test]
fn a_client_reads_its_own_writes_wherever_they_went() {
    let Some(postgres) = Postgres::shared() else { return };
    let cluster = Cluster::start(&postgres.url(), 3);
    let addrs: Vec<_> = (0..3).map(|node| cluster.client(node).addr()).collect();
    let balancer = RoundRobin::before(&addrs).expect("a port is free");
    let key = cluster.client(0).key().map(str::to_owned);
    thread::scope(|scope| {
        for name in 0..4 {
            let (cluster, key, addr) = (&cluster, key.as_deref(), balancer.addr());
            scope.spawn(move || {
                // A connection for each request: the balancer sends each to the next node.
                let fresh = || Client::new(addr, key);
                for n in 0..100 {
                    let payload = format!("{name}-{n}");
                    let record = json!({"fields": {"Payload": payload}});
                    let made = fresh().post(&cluster.records("Log"), &record).ok();
                    let target = format!("{}/{}", cluster.records("Log"), made["id"]);
                    let read = fresh().get(&target);
                    assert_eq!(read.ok()["fields"]["Payload"], json!(payload));
                    let sequence = read.header("X-Boobook-Sq").and_then(|sq| sq.parse().ok());
                    assert!(sequence >= made["sequence"].as_u64(), "{read}");
                    if n % 4 == 0 {
                        fresh().delete(&target).ok();
                        assert_eq!(fresh().get(&target).status(), 404);
                    }
                }
            });
        }
    });
    cluster.agreed_state();
}

#[test]
fn a_client_says_what_it_has_seen() {
    let Some(postgres) = Postgres::shared() else { return };
    let cluster = Cluster::start(&postgres.url(), 1);
    // What this node says may be a minute old, but for clients that know better.
    cluster.add(&cluster.place, &["--set", "limits.read_staleness_ms=60000"]);
    let (one, other) = (cluster.client(0), cluster.client(1));
    let target = cluster.records("Log");
    other.get(&target).ok();
    for n in 0..50 {
        let made = one.post(&target, &json!({"fields": {"Payload": n.to_string()}})).ok();
        let sequence = made["sequence"].to_string();
        let at_least = [("X-Boobook-Min-Sq", sequence.as_str())];
        let read = other.request("GET", &format!("{target}/{}", made["id"]), &at_least, None);
        assert_eq!(read.expect("an answer").ok()["fields"]["Payload"], json!(n.to_string()));
    }
    let future = [("X-Boobook-Min-Sq", "999999")];
    let refused = other.request("GET", &target, &future, None).expect("an answer");
    check_unavailable(&refused);
    assert!(refused.error(503).contains("before the 999999 that X-Boobook-Min-Sq asks for"), "{refused}");
}

/// The next change of a stream: its sequence and what the record holds.
fn next_change(stream: &mut BodyReader) -> (String, Value) {
    let (id, _, data) = stream.next_event().expect("an event in time").expect("the stream goes on");
    let item: Value = serde_json::from_str(&data).expect("JSON");
    assert_eq!(item["_sq"].to_string(), id, "the event's id is its sequence");
    (id, item["A"].clone())
}

fn stream(client: &Client, target: &str, headers: &[(&str, &str)]) -> BodyReader {
    let (head, stream) = client.stream(target, headers).expect("a stream");
    assert_eq!(head.status, 200);
    stream.set_timeout(Duration::from_secs(30)).expect("a timeout");
    stream
}

#[test]
fn a_live_stream_follows_other_nodes_and_goes_on_at_a_third() {
    let Some(postgres) = Postgres::shared() else { return };
    let cluster = Cluster::start(&postgres.url(), 3);
    let target = format!("{}/tables/Log/changes?live=T", cluster.base);
    let mut at_first = stream(&cluster.client(0), &format!("{target}&sinceSq=0"), &[]);
    let records = cluster.records("Log");
    let write = |numbers: std::ops::Range<u64>| {
        let writer = cluster.client(1);
        for n in numbers {
            writer.post(&records, &json!({"fields": {"Payload": n.to_string()}})).ok();
        }
    };
    let mut last = String::new();
    thread::scope(|scope| {
        scope.spawn(|| write(0..100));
        for n in 0..100 {
            let (sequence, payload) = next_change(&mut at_first);
            assert_eq!(payload, json!(n.to_string()));
            last = sequence;
        }
    });
    drop(at_first);
    cluster.kill9(0);
    write(100..120);
    let mut at_third = stream(&cluster.client(2), &target, &[("Last-Event-ID", &last)]);
    write(120..130);
    for n in 100..130 {
        assert_eq!(next_change(&mut at_third).1, json!(n.to_string()));
    }
}
