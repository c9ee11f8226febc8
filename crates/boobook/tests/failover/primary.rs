//! The primary dies, its standby takes over; nodes die and come back. Clients write all the while.
//!
//! `BOOBOOK_KILL_ROUNDS` (default 1 here) sets how often the primary dies, `BOOBOOK_KILL_SEED` repeats a run's choices.

use std::{
    env,
    sync::atomic::Ordering,
    time::{SystemTime, UNIX_EPOCH},
};

use boobook_testkit::Postgres;

use crate::{
    cluster::{Cluster, check_unavailable, wait_until},
    ledger::{Dice, Ledger, writing_through},
};

const NODES: usize = 3;

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

#[test]
fn every_acknowledged_write_survives_its_primary_and_its_node() {
    let Some(primary) = Postgres::start() else { return };
    let rounds = number("BOOBOOK_KILL_ROUNDS").unwrap_or(1);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |d| d.as_nanos() as u64);
    let seed = number("BOOBOOK_KILL_SEED").unwrap_or(now);
    println!("BOOBOOK_KILL_SEED={seed} BOOBOOK_KILL_ROUNDS={rounds}");
    let mut dice = Dice::new(seed);

    let standby = primary.standby();
    let url = format!(
        "postgres://postgres@127.0.0.1:{},127.0.0.1:{}/postgres?target_session_attrs=read-write&schema=failover\
         &connect_timeout=2&statement_timeout=10&connections=8",
        primary.port(),
        standby.port()
    );
    let cluster = Cluster::start(&url, NODES);
    let mut servers = Some((primary, standby));
    writing_through(&cluster, |ledger| {
        for round in 0..rounds {
            let (primary, standby) = servers.take().expect("there are two servers");
            fail_over(&cluster, ledger, &primary, &standby);
            kill_nodes(&cluster, ledger, &mut dice);
            println!("round {round}: {}", ledger.summary());
            servers = Some(if round + 1 < rounds {
                let port = primary.port();
                drop(primary);
                let next = standby.standby_at(port);
                (standby, next)
            } else {
                (primary, standby)
            });
        }
    });

    let agreed = cluster.agreed_state();
    cluster.stop_all();
    cluster.revive(0);
    let after = cluster.state(0);
    assert_eq!(after.0, agreed.0, "a node that reads all anew stands where the others stood");
    assert!(after.1 == agreed.1, "and has the same records");
}

/// Kills the primary and promotes the standby. Between the two, everything is answered with 503.
fn fail_over(cluster: &Cluster, ledger: &Ledger, primary: &Postgres, standby: &Postgres) {
    ledger.wait_for(40);
    primary.kill9();
    let refused = ledger.refused.load(Ordering::Relaxed);
    for node in 0..NODES {
        let client = cluster.client(node);
        // A process of the server that is at work when its parent dies goes on until it has answered.
        wait_until("the loss is noticed", || client.get("/readyz").status() != 200);
        check_unavailable(&client.get("/readyz"));
        check_unavailable(&client.get(&cluster.records("Log")));
    }
    wait_until("writes are refused", || ledger.refused.load(Ordering::Relaxed) > refused + 5);
    standby.promote();
    ledger.wait_for(40);
    for node in 0..NODES {
        let client = cluster.client(node);
        wait_until("every node is ready again", || client.get("/readyz").status() == 200);
    }
}

/// Kills nodes at random and starts them again.
fn kill_nodes(cluster: &Cluster, ledger: &Ledger, dice: &mut Dice) {
    for _ in 0..2 {
        ledger.wait_for(dice.below(20));
        let node = dice.below(NODES as u64) as usize;
        cluster.kill9(node);
        ledger.wait_for(10);
        cluster.revive(node);
    }
}
