//! Nodes of one cluster, and what tests ask of all of them.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use boobook_testkit::{Client, Installation, Response, Server};
use serde_json::{Value, json};

/// How long a condition may take to come true.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Nodes on one store, with a database that has tables `Log` (field `Payload`), `Counter` (field `N`, one record) and
/// `Tick` (field `Who`).
pub(crate) struct Cluster {
    pub(crate) place: Installation,
    key: String,
    /// `/v1/teams/…/databases/…`
    pub(crate) base: String,
    nodes: Mutex<Vec<Node>>,
}

struct Node {
    /// `None` while it is down.
    server: Option<Server>,
    /// How often it was killed.
    kills: u64,
}

impl Node {
    fn up(server: Server) -> Self {
        Self { server: Some(server), kills: 0 }
    }
}

impl Cluster {
    /// Starts so many nodes on the store of a URL.
    #[track_caller]
    pub(crate) fn start(url: &str, nodes: usize) -> Self {
        let cluster = Self::start_at(Installation::shared(env!("CARGO_BIN_EXE_boobook"), url));
        for _ in 1..nodes {
            cluster.add(&cluster.place, &[]);
        }
        cluster
    }

    /// Starts the first node.
    #[track_caller]
    pub(crate) fn start_at(place: Installation) -> Self {
        let team = place.team("Team");
        let key = place.key(&team, &["--role", "admin"]);
        let first = place.serve();
        let client = first.client(&key);
        let db = client.create_database(&team, "Base", &json!({}));
        let base = format!("/v1/teams/{team}/databases/{db}");
        for (table, field, kind) in
            [("Log", "Payload", "string"), ("Counter", "N", "number"), ("Tick", "Who", "string")]
        {
            let table = json!({"name": table, "fields": [{"name": field, "type": kind}]});
            client.post(&format!("{base}/tables"), &table).ok();
        }
        client.post(&format!("{base}/tables/Counter/records"), &json!({"fields": {"N": 0}})).ok();
        Self { place, key, base, nodes: Mutex::new(vec![Node::up(first)]) }
    }

    fn nodes(&self) -> MutexGuard<'_, Vec<Node>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a node with more arguments, which may reach the store by another way.
    #[track_caller]
    pub(crate) fn add(&self, place: &Installation, more: &[&str]) {
        let node = Node::up(place.serve_with(more));
        self.nodes().push(node);
    }

    /// A client of one node; `None` while that is down.
    pub(crate) fn try_client(&self, node: usize) -> Option<Client> {
        self.nodes()[node].server.as_ref().map(|server| server.client(&self.key))
    }

    /// A client of one node.
    #[track_caller]
    pub(crate) fn client(&self, node: usize) -> Client {
        self.try_client(node).expect("the node is up")
    }

    /// How often a node was killed: a connection to it may break when this changes, and only then.
    pub(crate) fn kills(&self, node: usize) -> u64 {
        self.nodes()[node].kills
    }

    /// How many nodes there are, up or down.
    pub(crate) fn size(&self) -> usize {
        self.nodes().len()
    }

    /// `…/tables/TABLE/records`
    pub(crate) fn records(&self, table: &str) -> String {
        format!("{}/tables/{table}/records", self.base)
    }

    /// SIGKILL to a node.
    pub(crate) fn kill9(&self, node: usize) {
        let server = {
            let node = &mut self.nodes()[node];
            node.kills += 1;
            node.server.take()
        };
        server.expect("the node is up").kill9();
    }

    /// Starts a node that is down.
    pub(crate) fn revive(&self, node: usize) {
        let server = self.place.serve();
        self.nodes()[node].server = Some(server);
    }

    /// Stops all nodes in good order.
    pub(crate) fn stop_all(&self) {
        for server in self.nodes().iter_mut().filter_map(|node| node.server.take()) {
            assert!(server.terminate().success(), "SIGTERM ends a node orderly");
        }
    }

    /// What a node wrote to standard error.
    pub(crate) fn log(&self, node: usize) -> String {
        self.nodes()[node].server.as_ref().map(Server::log).unwrap_or_default()
    }

    /// All records of the three tables, and the sequence of the answers, as one node tells it.
    #[track_caller]
    pub(crate) fn state(&self, node: usize) -> (String, Vec<Value>) {
        let client = self.client(node);
        let mut sequence = String::new();
        let tables = ["Log", "Counter", "Tick"].map(|table| {
            let answer = client.get(&format!("{}?perPage=10000000", self.records(table)));
            let stands = answer.header("X-Boobook-Sq").expect("an answer has its sequence");
            stands.clone_into(&mut sequence);
            answer.ok()
        });
        (sequence, tables.to_vec())
    }

    /// The state as a new node tells it.
    #[track_caller]
    pub(crate) fn state_of_new(&self, place: &Installation) -> (String, Vec<Value>) {
        self.add(place, &[]);
        self.state(self.size() - 1)
    }

    /// The state, the same on all nodes.
    #[track_caller]
    pub(crate) fn agreed_state(&self) -> (String, Vec<Value>) {
        let first = self.state(0);
        for node in 1..self.size() {
            let (sequence, tables) = self.state(node);
            assert_eq!(sequence, first.0, "node {node} stands where node 0 does");
            assert!(tables == first.1, "node {node} has the records that node 0 has");
        }
        first
    }
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "in vain: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A 503 as it has to be: with a sentence, and when to try again.
#[track_caller]
pub(crate) fn check_unavailable(answer: &Response) {
    assert!(!answer.error(503).is_empty(), "{answer}");
    let after = answer.header("Retry-After").and_then(|seconds| seconds.parse::<u32>().ok());
    assert!(after.is_some_and(|seconds| seconds > 0), "{answer}");
}

/// Runs until it gets an answer that is no 503.
#[track_caller]
pub(crate) fn insist(what: &str, mut ask: impl FnMut() -> Response) -> Response {
    let start = Instant::now();
    loop {
        let answer = ask();
        if answer.status() != 503 {
            return answer;
        }
        check_unavailable(&answer);
        assert!(start.elapsed() < PATIENCE, "{what}: in vain\n{answer}");
        thread::sleep(Duration::from_millis(20));
    }
}
