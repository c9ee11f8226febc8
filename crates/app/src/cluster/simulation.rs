//! Several nodes over one store, stepped one at a time by a seeded draw: requests, writers, looks, faults, nodes that
//! die and come back. Nothing runs by itself, so that a seed makes the same happen again; the seed is in every failure.
//!
//! What must hold (architecture.md §6): every read is the state after some prefix of the committed order, the same on
//! every node, and no older than anything acknowledged before it began; nothing acknowledged is lost, nothing refused as
//! not stored is there, nothing happens twice; work put off outlives its node and is done once.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    future::Future,
    hash::{DefaultHasher, Hash, Hasher},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use boobook_engine::Snapshot;
use boobook_model::{Cell, DatabaseId, Principal, RecordId, TableKind, Value};
use boobook_store::{Fault, FaultStore, Faults, LEASE_MS, MemStore, Store};
use futures_util::FutureExt as _;
use parking_lot::Mutex;
use serde_json::json;

use crate::{
    App, AppError, Host, Limits, NewKey, RecordInput, RecordInputs, ScriptRequest, WriteRequest, read_state,
};

/// Draws that a seed decides.
#[derive(Clone)]
struct Draw(Arc<AtomicU64>);

impl Draw {
    fn next(&self) -> u64 {
        // SplitMix64.
        let mut z = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

struct SeededHost {
    now_ms: AtomicI64,
    draw: Draw,
}

impl Host for SeededHost {
    fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    fn random(&self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.draw.next() as u8;
        }
    }
}

/// What a request came to.
enum Came {
    Read(Arc<Snapshot>),
    Written(Result<(), AppError>),
    Other,
}

type Request = Pin<Box<dyn Future<Output = Came>>>;

/// A request on its way.
struct InFlight {
    node: usize,
    /// What it writes is named so.
    name: Option<String>,
    /// Everything that was acknowledged when it began.
    before: BTreeSet<String>,
    request: Request,
}

struct Node {
    app: App,
    faults: Faults,
}

struct Simulation {
    seed: u64,
    draw: Draw,
    host: Arc<SeededHost>,
    store: MemStore,
    nodes: Vec<Node>,
    team: String,
    database: DatabaseId,
    admin: Arc<Principal>,
    in_flight: Vec<InFlight>,
    /// The state after each commit.
    committed: Arc<Mutex<HashMap<u64, u64>>>,
    acknowledged: BTreeSet<String>,
    /// Names of single use that were refused as not stored.
    refused: BTreeSet<String>,
    deferring: BTreeSet<String>,
    named: usize,
    reads: usize,
}

/// Everything in a state, as one number.
fn digest(snapshot: &Snapshot) -> u64 {
    let mut hash = DefaultHasher::new();
    (snapshot.sq.0, snapshot.schema_sq.0, snapshot.clock_ms).hash(&mut hash);
    for schema in snapshot.schema.tables.iter().filter(|table| table.kind == TableKind::Table) {
        schema.caption.hash(&mut hash);
        let Some(table) = snapshot.table(schema.id) else { continue };
        (table.next_id(), table.len()).hash(&mut hash);
        for row in table.rows_by_id() {
            format!("{:?}{:?}", table.record_id(row), table.meta(row)).hash(&mut hash);
            for slot in 0..schema.fields.len() {
                format!("{:?}", table.cell(slot, row)).hash(&mut hash);
            }
        }
    }
    for change in snapshot.changes(None, boobook_model::Sq(0), usize::MAX).items {
        (change.table.packed(), change.rid.get(), change.sq.0, change.row.is_none()).hash(&mut hash);
    }
    hash.finish()
}

/// The names in table `Log`, with how often each is there.
fn log(snapshot: &Snapshot) -> BTreeMap<String, usize> {
    let schema = snapshot.schema.tables.iter().find(|table| &*table.caption == "Log").unwrap();
    let table = snapshot.table(schema.id).unwrap();
    let slot = schema.fields.iter().position(|field| &*field.caption == "X").unwrap();
    let mut names = BTreeMap::new();
    for row in table.rows_by_id() {
        if let Cell::Text(name) = table.cell(slot, row) {
            *names.entry(name.to_owned()).or_default() += 1;
        }
    }
    names
}

fn script(source: String) -> ScriptRequest {
    ScriptRequest { source, ..ScriptRequest::default() }
}

impl Simulation {
    async fn start(seed: u64) -> Self {
        let draw = Draw(Arc::new(AtomicU64::new(seed)));
        let host = Arc::new(SeededHost { now_ms: AtomicI64::new(1_700_000_000_000), draw: draw.clone() });
        let store = MemStore::new();
        let first = node(&store, &host);
        let catalogue = first.app.catalogue();
        let team = catalogue.create_team("Werkstatt").unwrap().id;
        let new = NewKey { team: &team, role: Some("admin"), ..NewKey::default() };
        let (_, key) = catalogue.create_key(&new).unwrap();
        let admin = first.app.authenticate(key.as_bytes()).unwrap();
        let database = first.app.create_database(&admin, &team, "Lager", None).await.unwrap().id;
        let mut simulation = Self {
            seed,
            nodes: vec![first],
            database: database.parse().unwrap(),
            draw,
            host,
            store,
            team,
            admin,
            in_flight: Vec::new(),
            committed: Arc::default(),
            acknowledged: BTreeSet::new(),
            refused: BTreeSet::new(),
            deferring: BTreeSet::new(),
            named: 0,
            reads: 0,
        };
        simulation.note_commits();
        for table in ["Log", "Count", "Temp"] {
            let number = if table == "Log" { "string" } else { "number" };
            let fields = json!({"name": table, "fields": [{"name": "X", "type": number}]});
            simulation.create_table(0, fields).await.unwrap();
        }
        simulation.write(0, "(create Count).X := 0", None);
        simulation.drain().await;
        for _ in 0..=simulation.draw.below(3) {
            let another = node(&simulation.store, &simulation.host);
            simulation.nodes.push(another);
        }
        simulation
    }

    async fn create_table(&mut self, node: usize, fields: serde_json::Value) -> Result<(), AppError> {
        let serde_json::Value::Object(body) = fields else { unreachable!() };
        let (app, admin, team) = (self.nodes[node].app.clone(), Arc::clone(&self.admin), self.team.clone());
        let database = self.database.to_string();
        let request = async move {
            let session = app.session(&admin, &team, &database).await;
            let made = match session {
                Ok(session) => session.create_table(body).await.map(|_| ()),
                Err(error) => Err(error),
            };
            Came::Written(made)
        };
        self.begin(node, None, Box::pin(request));
        self.drain().await;
        Ok(())
    }

    fn begin(&mut self, node: usize, name: Option<String>, request: Request) {
        self.in_flight.push(InFlight { node, name, before: self.acknowledged.clone(), request });
    }

    fn write(&mut self, node: usize, source: &str, name: Option<String>) {
        let (app, admin, team) = (self.nodes[node].app.clone(), Arc::clone(&self.admin), self.team.clone());
        let (database, source) = (self.database.to_string(), source.to_owned());
        let request = async move {
            let session = match app.session(&admin, &team, &database).await {
                Ok(session) => session,
                // Nothing was begun: it says no more than that.
                Err(_) => return Came::Other,
            };
            Came::Written(session.exec(script(source)).await.map(|_| ()))
        };
        self.begin(node, name, Box::pin(request));
    }

    /// Makes a record under an idempotency key, which others use at the same time: the answer shows it, made once.
    fn write_keyed(&mut self, node: usize) {
        let name = format!("key{}", self.draw.below(6));
        let (app, admin, team) = (self.nodes[node].app.clone(), Arc::clone(&self.admin), self.team.clone());
        let (database, text, seed) = (self.database.to_string(), name.clone(), self.seed);
        let request = WriteRequest {
            table: "Log".into(),
            prepare: Box::new(move |access| {
                let slot = access.schema.fields.iter().position(|field| &*field.caption == "X");
                let values = vec![(slot.unwrap(), Some(Value::Text(text.as_str().into())))];
                let records = vec![RecordInput { values, ..RecordInput::default() }];
                Ok(RecordInputs { records, single: true })
            }),
            render: Box::new(|snapshot, access, rids, _| {
                let table = snapshot.table(access.id()).unwrap();
                let is_there = |rid: &Option<RecordId>| rid.is_some_and(|rid| table.row(rid).is_some());
                if rids.iter().all(is_there) { "there".into() } else { "missing".into() }
            }),
            if_match: None,
            idempotency: Some((name.clone(), [7; 32])),
            skip_missing_deletes: false,
            body_bytes: 100,
        };
        let written = async move {
            let session = match app.session(&admin, &team, &database).await {
                Ok(session) => session,
                Err(_) => return Came::Other,
            };
            Came::Written(session.write(request).await.map(|answer| {
                assert_eq!(&answer.body[..], b"there", "seed {seed}: what a key answers is there");
            }))
        };
        self.begin(node, Some(name), Box::pin(written));
    }

    fn read(&mut self, node: usize) {
        let (app, admin, team) = (self.nodes[node].app.clone(), Arc::clone(&self.admin), self.team.clone());
        let database = self.database.to_string();
        let request = async move {
            match app.session(&admin, &team, &database).await {
                Ok(session) => Came::Read(session.snapshot()),
                Err(_) => Came::Other,
            }
        };
        self.begin(node, None, Box::pin(request));
    }

    /// Polls a request; whether it came to its end.
    fn poll(&mut self, at: usize) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(came) = self.in_flight[at].request.as_mut().poll(&mut context) else { return false };
        let InFlight { name, before, .. } = self.in_flight.swap_remove(at);
        match came {
            Came::Read(snapshot) => {
                self.reads += 1;
                let known = self.committed.lock().get(&snapshot.sq.0).copied();
                assert_eq!(known, Some(digest(&snapshot)), "seed {}: a read at {}", self.seed, snapshot.sq);
                let seen = log(&snapshot);
                let missing: Vec<_> = before.iter().filter(|name| !seen.contains_key(*name)).collect();
                assert!(missing.is_empty(), "seed {}: a read does not see {missing:?}", self.seed);
            }
            Came::Written(Ok(())) => self.acknowledged.extend(name),
            Came::Written(Err(AppError::Unavailable(message)))
                if message.starts_with("nothing was stored") =>
            {
                // A key may have been used before, or be again.
                self.refused.extend(name.filter(|name| !name.starts_with("key")));
            }
            Came::Written(Err(AppError::Unavailable(_) | AppError::Busy(_))) | Came::Other => {}
            Came::Written(Err(error)) => panic!("seed {}: {error:?}", self.seed),
        }
        true
    }

    /// A step of a node's writer.
    fn step(&mut self, node: usize) -> bool {
        self.nodes[node].app.inner.pool.step()
    }

    /// Keeps what the store holds after each commit, by its sequence.
    fn note_commits(&self) {
        let (store, committed, seed) = (self.store.clone(), Arc::clone(&self.committed), self.seed);
        let note = move |id: &DatabaseId| {
            let database = store.open_database(id).unwrap();
            let state = read_state(id, &*database).unwrap();
            let earlier = committed.lock().insert(state.sq.0, digest(&state));
            assert_eq!(earlier, None, "seed {seed}: {} was committed twice", state.sq);
        };
        self.store.after_commit(note);
    }

    fn look(&self, node: usize) -> bool {
        self.nodes[node].app.inner.looks.as_ref().is_some_and(|looks| looks.step().now_or_never() > Some(0))
    }

    /// Lets everything that is on its way come to its end.
    async fn drain(&mut self) {
        for _ in 0..10_000 {
            let mut any = false;
            for node in 0..self.nodes.len() {
                any |= self.look(node);
                any |= self.step(node);
            }
            let mut at = 0;
            while at < self.in_flight.len() {
                at += usize::from(!self.poll(at));
            }
            if !any && self.in_flight.is_empty() {
                return;
            }
            if !any {
                // Somebody waits for a thread that opens a database.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        panic!("seed {}: requests hang", self.seed);
    }

    fn name(&mut self) -> String {
        self.named += 1;
        format!("n{}", self.named)
    }

    /// One draw.
    async fn act(&mut self) {
        let node = self.draw.below(self.nodes.len());
        match self.draw.below(40) {
            0..=6 if self.in_flight.len() < 8 => self.begin_write(node),
            7..=9 if self.in_flight.len() < 8 => self.read(node),
            0..=18 if !self.in_flight.is_empty() => {
                let at = self.draw.below(self.in_flight.len());
                self.poll(at);
            }
            19..=26 => {
                self.look(node);
            }
            27..=35 => {
                self.step(node);
            }
            36 => {
                let app = self.nodes[node].app.clone();
                let follow = async move {
                    let _ = app.follow_once().await;
                    Came::Other
                };
                self.begin(node, None, Box::pin(follow));
            }
            37 | 38 => {
                let faults = [
                    Fault::BeforeCommit,
                    Fault::AfterCommit,
                    Fault::UnknownNotCommitted,
                    Fault::UnknownLandsLate,
                ];
                let fault = faults[self.draw.below(faults.len())];
                self.nodes[node].faults.fail_after(self.draw.below(3) as u64, fault);
            }
            39 if self.draw.below(2) == 0 => {
                // A node that lives, but was held up for so long that others take it for dead.
                self.store.pass_time(LEASE_MS);
                self.take_over(node);
                for _ in 0..5 {
                    // The last one that began is the last in line.
                    if self.poll(self.in_flight.len() - 1) {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
            39 if self.draw.below(4) == 0 => {
                self.in_flight.retain(|request| request.node != node);
                self.nodes[node] = self::node(&self.store, &self.host);
            }
            _ => {
                self.host.now_ms.fetch_add(self.draw.below(50) as i64, Ordering::Relaxed);
                // Threads that open databases get on.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }

    fn take_over(&mut self, node: usize) {
        let app = self.nodes[node].app.clone();
        let take_over = async move {
            app.take_over_once().await.unwrap();
            Came::Other
        };
        self.begin(node, None, Box::pin(take_over));
    }

    fn begin_write(&mut self, node: usize) {
        if self.draw.below(6) == 0 {
            return self.write_keyed(node);
        }
        let name = self.name();
        let count = "let c := first(select Count); c.X := number(c.X) + 1";
        let source = match self.draw.below(8) {
            0..=3 => format!("{count}; (create Log).X := \"{name}\""),
            4 | 5 => {
                self.deferring.insert(name.clone());
                format!(
                    "(create Log).X := \"{name}\"; do as deferred {count}; (create Log).X := \"late {name}\" end"
                )
            }
            6 => format!(
                "(create Log).X := \"{name}\"; (create Temp).X := 1;
                 if cnt(select Temp) > 2 then delete first(select Temp) end"
            ),
            _ => format!("(create Log).X := \"{name}\"; for t in select Temp do t.X := t.X + 1 end"),
        };
        self.write(node, &source, Some(name));
    }

    async fn finish(mut self) {
        for node in &self.nodes {
            node.faults.clear();
        }
        self.host.now_ms.fetch_add(10_000, Ordering::Relaxed);
        self.drain().await;
        // What stalled goes on after the next write of its node; what died with its node, when its lease has ended.
        for node in 0..self.nodes.len() {
            let name = self.name();
            self.write(node, &format!("(create Log).X := \"{name}\""), Some(name));
            self.drain().await;
        }
        self.store.pass_time(LEASE_MS);
        for node in 0..self.nodes.len() {
            self.take_over(node);
            self.drain().await;
        }
        for node in 0..self.nodes.len() {
            self.read(node);
        }
        let reads = self.reads;
        self.drain().await;
        assert_eq!(self.reads, reads + self.nodes.len(), "seed {}: every node serves", self.seed);
        self.check_end();
        for node in &self.nodes {
            node.app.stop();
        }
    }

    fn check_end(&self) {
        let (seed, database) = (self.seed, self.store.open_database(&self.database).unwrap());
        let state = read_state(&self.database, &*database).unwrap();
        let log = log(&state);
        let twice: Vec<_> = log.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "seed {seed}: done twice: {twice:?}");
        let there = |name: &str| log.contains_key(name);
        let lost: Vec<_> = self.acknowledged.iter().filter(|name| !there(name)).collect();
        assert!(lost.is_empty(), "seed {seed}: lost: {lost:?}");
        let risen: Vec<_> = self.refused.iter().filter(|name| there(name)).collect();
        assert!(risen.is_empty(), "seed {seed}: stored after all: {risen:?}");
        for name in &self.deferring {
            assert_eq!(there(name), there(&format!("late {name}")), "seed {seed}: work put off by {name}");
        }
        assert_eq!(database.put_off().unwrap(), [], "seed {seed}: all work is done");
    }
}

fn node(store: &MemStore, host: &Arc<SeededHost>) -> Node {
    let faults = Faults::new();
    let store = Arc::new(FaultStore::new(store.node(), faults.clone()));
    let app = App::assemble(store, Arc::clone(host) as Arc<dyn Host>, Limits::default(), 0).unwrap();
    Node { app, faults }
}

/// Runs seeds; `BOOBOOK_SEED` names one to run alone.
#[expect(
    clippy::disallowed_methods,
    reason = "a failure names a seed; whoever looks into it names that here"
)]
fn run(seeds: std::ops::Range<u64>) {
    let only = std::env::var("BOOBOOK_SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    for seed in seeds.filter(|seed| only.is_none_or(|only| only == *seed)) {
        runtime.block_on(async {
            let mut simulation = Simulation::start(seed).await;
            for _ in 0..250 {
                simulation.act().await;
            }
            simulation.finish().await;
        });
    }
}

#[test]
fn nodes_agree_0() {
    run(0..250);
}

#[test]
fn nodes_agree_1() {
    run(250..500);
}

#[test]
fn nodes_agree_2() {
    run(500..750);
}

#[test]
fn nodes_agree_3() {
    run(750..1_000);
}
