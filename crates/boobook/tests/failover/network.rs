//! Machines that lose sight of each other: three nodes, a primary and its synchronous standby, each in a network namespace
//! of its own. Packets get lost and nobody is told. Clients reach all nodes, and write all the while.
//!
//! Where no namespaces can be made, this is skipped; [`super::partition`] runs everywhere, with wires that are proxies.

use std::sync::atomic::Ordering;

use boobook_testkit::{Installation, Machine, Network, Postgres};

use crate::{
    cluster::{Cluster, check_unavailable, wait_until},
    ledger::{Ledger, writing_through},
};

const NODES: usize = 3;

#[test]
fn every_acknowledged_write_survives_what_the_network_loses() {
    let Some(network) = Network::new() else { return };
    let servers = [network.machine(), network.machine()];
    let Some(primary) = Postgres::start_on(&servers[0]) else { return };
    if !servers[1].reaches(servers[0].address(), primary.port()) {
        println!("skipped: this machine does not let its network namespaces reach each other");
        return;
    }
    let standby = primary.standby_on(&servers[1]);
    let url = format!(
        "postgres://postgres@{}:{},{}:{}/postgres?target_session_attrs=read-write&schema=network\
         &connect_timeout=1&statement_timeout=2",
        servers[0].address(),
        primary.port(),
        servers[1].address(),
        standby.port()
    );
    let machines = [(); NODES].map(|()| network.machine());
    let place = |machine: &Machine| Installation::shared(env!("CARGO_BIN_EXE_boobook"), &url).on(machine);
    let cluster = Cluster::start_at(place(&machines[0]));
    let others = [place(&machines[1]), place(&machines[2])];
    for other in &others {
        cluster.add(other, &[]);
    }
    writing_through(&cluster, |ledger| {
        for (node, machine) in machines.iter().enumerate() {
            part(&cluster, ledger, (node, machine), &servers[0]);
        }
        fail_over(&cluster, ledger, &servers[0], (&primary, &standby));
    });
    let agreed = cluster.agreed_state();
    cluster.stop_all();
    assert!(cluster.state_of_new(&others[0]) == agreed, "a node that reads all anew has what the others had");
}

/// A node and the primary lose sight of each other. The node says so, the others go on, and it comes back.
fn part(cluster: &Cluster, ledger: &Ledger, (node, machine): (usize, &Machine), primary: &Machine) {
    let parted = |is_parted| [machine, primary].map(|machine| machine.part(is_parted));
    parted(true);
    let lost = cluster.client(node);
    wait_until("the loss is noticed", || lost.get("/readyz").status() != 200);
    check_unavailable(&lost.get("/readyz"));
    check_unavailable(&lost.get(&cluster.records("Log")));
    // Whatever the node had locked, the others get it.
    ledger.wait_for(20);
    parted(false);
    wait_until("the node is ready again", || lost.get("/readyz").status() == 200);
    ledger.wait_for(20);
}

/// Everybody loses sight of the primary, which lives on. Nothing is acknowledged before its standby is promoted, and
/// nothing that was acknowledged is lost then.
fn fail_over(
    cluster: &Cluster,
    ledger: &Ledger,
    machine: &Machine,
    (primary, standby): (&Postgres, &Postgres),
) {
    let refused = ledger.refused.load(Ordering::Relaxed);
    machine.unplug();
    for node in 0..NODES {
        let client = cluster.client(node);
        wait_until("the loss is noticed", || client.get("/readyz").status() != 200);
        check_unavailable(&client.get(&cluster.records("Log")));
    }
    wait_until("writes are refused", || ledger.refused.load(Ordering::Relaxed) > refused + 5);
    standby.promote();
    // Whoever promotes sees to it that the old primary is none when it comes back.
    primary.kill9();
    ledger.wait_for(40);
}
