//! A node that is cut off from the store, while others are not: it says so, the others go on, and it comes back.

use std::{net::SocketAddr, sync::atomic::Ordering, thread, time::Duration};

use boobook_testkit::{Installation, Postgres, Way, Wire};
use serde_json::json;

use crate::{
    cluster::{Cluster, check_unavailable, insist, wait_until},
    ledger::writing_through,
};

/// A cluster of which node 1 reaches the store along a wire.
fn with_wire(postgres: &Postgres) -> (Cluster, Wire) {
    let url = format!("{}&connect_timeout=1&statement_timeout=2", postgres.url());
    let wire = Wire::to(SocketAddr::from(([127, 0, 0, 1], postgres.port()))).expect("a port is free");
    let cluster = Cluster::start(&url, 1);
    let far = url.replacen(&format!(":{}/", postgres.port()), &format!(":{}/", wire.addr().port()), 1);
    cluster.add(&Installation::shared(env!("CARGO_BIN_EXE_boobook"), &far), &[]);
    (cluster, wire)
}

/// Node 1 is cut off in one way, notices, and comes back; nothing is lost of what was written meanwhile and before.
fn cut_off(how: impl Fn(&Wire)) {
    let Some(postgres) = Postgres::shared() else { return };
    let (cluster, wire) = with_wire(&postgres);
    let (near, far) = (cluster.client(0), cluster.client(1));
    let target = cluster.records("Log");
    let record = |payload: &str| json!({"fields": {"Payload": payload}});
    far.post(&target, &record("before")).ok();

    how(&wire);
    check_unavailable(&far.get("/readyz"));
    check_unavailable(&far.get(&target));
    let lost = far.post(&target, &record("at the wrong node"));
    check_unavailable(&lost);
    near.post(&target, &record("meanwhile")).ok();
    near.post(&target, &record("meanwhile, too")).ok();

    wire.mend();
    let read = insist("the node reads again", || far.get(&target)).ok();
    let payloads: Vec<_> =
        read.as_array().expect("an array").iter().map(|r| &r["fields"]["Payload"]).collect();
    assert_eq!(payloads, ["before", "meanwhile", "meanwhile, too"]);
    insist("the node writes again", || far.post(&target, &record("after"))).ok();
    wait_until("the node is ready again", || far.get("/readyz").status() == 200);
    let (_, tables) = cluster.agreed_state();
    assert_eq!(tables[0].as_array().map(Vec::len), Some(4));
}

#[test]
fn a_node_whose_connections_end_comes_back() {
    cut_off(Wire::cut);
}

#[test]
fn a_node_that_is_cut_off_both_ways_comes_back() {
    cut_off(|wire| {
        wire.hold(Way::There);
        wire.hold(Way::Back);
    });
}

#[test]
fn a_node_that_hears_nothing_comes_back() {
    cut_off(|wire| wire.hold(Way::Back));
}

/// Commits are on their way when the wire is cut, in every way; the last ones arrive when it is mended, long after their
/// nodes gave them up.
#[test]
fn commits_that_arrive_late_or_whose_answer_is_lost_are_no_surprise() {
    let Some(postgres) = Postgres::shared() else { return };
    let (cluster, wire) = with_wire(&postgres);
    writing_through(&cluster, |ledger| {
        let holds: [&[Way]; 3] = [&[Way::There], &[Way::Back], &[Way::There, Way::Back]];
        for ways in holds {
            for way in ways {
                wire.hold(*way);
            }
            let refused = ledger.refused.load(Ordering::Relaxed);
            wait_until("the node is cut off", || ledger.refused.load(Ordering::Relaxed) > refused + 3);
            wire.mend();
            ledger.wait_for(10);
            wire.cut();
            thread::sleep(Duration::from_millis(50));
            wire.mend();
            ledger.wait_for(10);
        }
    });
}
