//! Work put off outlives its node.

use std::collections::BTreeSet;

use boobook_testkit::Postgres;
use serde_json::json;

use crate::cluster::{Cluster, wait_until};

/// Pieces of work of one script, each of which takes some time.
const PIECES: u64 = 12;
/// How often a node is killed at most, until one had work left.
const ROUNDS: usize = 10;

#[test]
fn work_put_off_is_done_once_though_its_node_is_killed() {
    let Some(postgres) = Postgres::shared() else { return };
    let cluster = Cluster::start(&format!("{}&lease=2", postgres.url()), 2);
    let mut wanted = BTreeSet::new();
    for round in 0..ROUNDS {
        let script = format!(
            "for i from 0 to {PIECES} do do as deferred \
             let s := 0; for k from 0 to 20000 do s := s + k end; \
             let t := create Tick; t.Who := \"{round}-\" + i; \
             let c := record(Counter, 1); c.N := c.N + 1 \
             end end; 1"
        );
        cluster.client(0).post(&format!("{}/exec", cluster.base), &json!({ "query": script })).ok();
        cluster.kill9(0);
        wanted.extend((0..PIECES).map(|i| format!("{round}-{i}")));
        let client = cluster.client(1);
        let done = || {
            let ticks = client.get(&format!("{}?perPage=100000", cluster.records("Tick"))).ok();
            let ticks = ticks.as_array().expect("an array").clone();
            ticks.iter().map(|t| t["fields"]["Who"].as_str().unwrap_or("").to_owned()).collect::<Vec<_>>()
        };
        wait_until("another node does what was left", || done().len() >= wanted.len());
        let done = done();
        assert_eq!(done.len(), wanted.len(), "no piece is done twice: {done:?}");
        assert_eq!(done.into_iter().collect::<BTreeSet<_>>(), wanted);
        let counter = client.get(&format!("{}/1", cluster.records("Counter"))).ok();
        assert_eq!(counter["fields"]["N"], json!(wanted.len()));
        if cluster.log(1).contains("work of another node is taken over") {
            return;
        }
        cluster.revive(0);
    }
    panic!("a node that is killed at once never had work left");
}
