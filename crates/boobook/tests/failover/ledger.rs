//! Clients that write all the time, and a ledger of what they were told.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use boobook_testkit::{Client, Response};
use serde_json::{Value, json};

use crate::cluster::{Cluster, check_unavailable, wait_until};

/// The longest any answer may take. Far above what is usual; a request that hangs is far above this.
pub(crate) const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Clients at the same time.
const WRITERS: usize = 4;

/// A small xorshift: enough to vary what is done.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % bound
    }
}

/// What is known of what was written.
#[derive(Debug, Default)]
struct Book {
    /// Payloads of records by id: acknowledged, and not deleted as far as is known.
    held: BTreeMap<u64, String>,
    /// Groups of payloads whose creation was not acknowledged: all or none of a group.
    open_creates: Vec<Vec<String>>,
    /// Records whose change was not acknowledged, by id: the payload before, and the one it may have now; `None`: it may
    /// be gone.
    open_changes: BTreeMap<u64, (String, Option<String>)>,
    /// Increments that were acknowledged.
    ticks: BTreeSet<String>,
    /// Increments that were not.
    open_ticks: BTreeSet<String>,
}

/// What clients were told, and how long it took.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    book: Mutex<Book>,
    /// No answer from here on may have a lower sequence.
    acknowledged_sq: AtomicU64,
    /// Writes acknowledged so far.
    pub(crate) done: AtomicU64,
    /// Answers with 503 so far.
    pub(crate) refused: AtomicU64,
    /// Milliseconds of the longest wait for an answer.
    pub(crate) longest_ms: AtomicU64,
    /// Ends the clients.
    pub(crate) stop: AtomicBool,
}

/// What became of a request.
enum Outcome {
    Done(Response),
    /// Nothing was stored.
    Refused,
    /// Nobody knows.
    Open,
}

/// A client of a node, as long as that lives.
struct Connected {
    client: Client,
    kills: u64,
}

/// What one client is about to do.
enum Write {
    Create { payloads: Vec<String>, key: Option<String> },
    Update { id: u64, was: String, payload: String },
    Delete { id: u64, was: String },
    Tick { who: String },
}

/// A client that writes, at a node after another.
pub(crate) struct Writer<'a> {
    pub(crate) name: usize,
    pub(crate) cluster: &'a Cluster,
    pub(crate) ledger: &'a Ledger,
    pub(crate) dice: Dice,
}

/// Clients write while something fails and is mended again; then all nodes have what the clients were told.
#[track_caller]
pub(crate) fn writing_through(cluster: &Cluster, fails: impl FnOnce(&Ledger)) {
    let ledger = Ledger::default();
    thread::scope(|scope| {
        // Whatever fails here, the clients end.
        let _stop = Stop(&ledger);
        for name in 0..WRITERS {
            let dice = Dice::new(name as u64 + 1);
            let ledger = &ledger;
            scope.spawn(move || Writer { name, cluster, ledger, dice }.run());
        }
        ledger.wait_for(20);
        fails(&ledger);
        for node in 0..cluster.size() {
            let client = cluster.client(node);
            wait_until("every node is ready again", || client.get("/readyz").status() == 200);
        }
        ledger.wait_for(20);
    });
    println!("{}", ledger.summary());
    ledger.check(&cluster.agreed_state().1);
}

struct Stop<'a>(&'a Ledger);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

impl Ledger {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until so many more writes are acknowledged.
    #[track_caller]
    pub(crate) fn wait_for(&self, more: u64) {
        let aim = self.done.load(Ordering::Relaxed) + more;
        wait_until("writes are acknowledged", || self.done.load(Ordering::Relaxed) >= aim);
    }

    /// Sends one request to a node, and looks at how it is answered.
    fn send(&self, cluster: &Cluster, node: usize, to: &Connected, write: &Write) -> Outcome {
        let log = cluster.records("Log");
        let (method, target, body) = match write {
            Write::Create { payloads, .. } => {
                let records: Vec<Value> =
                    payloads.iter().map(|p| json!({"fields": {"Payload": p}})).collect();
                ("POST", log, json!(records))
            }
            Write::Update { id, payload, .. } => {
                ("PUT", format!("{log}/{id}"), json!({"fields": {"Payload": payload}}))
            }
            Write::Delete { id, .. } => ("DELETE", log, json!([id])),
            Write::Tick { who } => {
                let script = format!(
                    "let c := record(Counter, 1); c.N := c.N + 1; let t := create Tick; t.Who := \"{who}\"; c.N"
                );
                ("POST", format!("{}/exec", cluster.base), json!({ "query": script }))
            }
        };
        let key = match write {
            Write::Create { key: Some(key), .. } => vec![("Idempotency-Key", key.as_str())],
            _ => Vec::new(),
        };
        let begin = Instant::now();
        let answer = to.client.request(method, &target, &key, Some(body.to_string().as_bytes()));
        let took = begin.elapsed();
        self.longest_ms.fetch_max(took.as_millis() as u64, Ordering::Relaxed);
        assert!(took < ANSWER_MAX, "{method} {target} took {took:?}");
        match answer {
            Ok(answer) if answer.status() == 200 => Outcome::Done(answer),
            Ok(answer) => {
                check_unavailable(&answer);
                self.refused.fetch_add(1, Ordering::Relaxed);
                let is_sure = answer.error(503).starts_with("nothing was stored");
                if is_sure { Outcome::Refused } else { Outcome::Open }
            }
            Err(error) => {
                assert!(cluster.kills(node) > to.kills, "{method} {target}: no answer: {error}");
                Outcome::Open
            }
        }
    }

    fn acknowledge(&self, write: Write, answer: &Value, floor: u64) {
        let mut book = self.book();
        match write {
            Write::Create { payloads, .. } => {
                let records = answer.as_array().expect("created records come as an array");
                assert_eq!(records.len(), payloads.len(), "{answer}");
                let mut last = floor;
                for (record, payload) in records.iter().zip(payloads) {
                    let (id, sq) = (record["id"].as_u64(), record["sequence"].as_u64());
                    let (id, sq) = (id.expect("an id"), sq.expect("a sequence"));
                    assert_eq!(record["fields"]["Payload"], json!(payload));
                    assert!(sq > last, "sequence {sq} after {last}");
                    last = sq;
                    assert_eq!(book.held.insert(id, payload), None, "record {id} was made twice");
                }
                self.acknowledged_sq.fetch_max(last, Ordering::Relaxed);
            }
            Write::Update { id, payload, .. } => {
                let sq = answer["sequence"].as_u64().expect("a sequence");
                assert!(sq > floor, "sequence {sq} after {floor}");
                self.acknowledged_sq.fetch_max(sq, Ordering::Relaxed);
                book.held.insert(id, payload);
            }
            Write::Delete { .. } => {}
            Write::Tick { who } => assert!(book.ticks.insert(who)),
        }
        drop(book);
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    fn leave_open(&self, write: Write) {
        let mut book = self.book();
        match write {
            Write::Create { payloads, .. } => book.open_creates.push(payloads),
            Write::Update { id, was, payload } => {
                book.open_changes.insert(id, (was, Some(payload)));
            }
            Write::Delete { id, was } => {
                book.open_changes.insert(id, (was, None));
            }
            Write::Tick { who } => {
                book.open_ticks.insert(who);
            }
        }
    }

    /// Takes down that nothing came of a write.
    fn refuse(&self, write: Write) {
        let mut book = self.book();
        match write {
            Write::Update { id, was, .. } | Write::Delete { id, was } => {
                book.held.insert(id, was);
            }
            // What is found and not in the book is a mistake.
            Write::Create { .. } | Write::Tick { .. } => {}
        }
    }

    /// Compares what a node says with what clients were told.
    #[track_caller]
    pub(crate) fn check(&self, tables: &[Value]) {
        let book = self.book();
        let field = |record: &Value, name: &str| record["fields"][name].as_str().unwrap_or("").to_owned();
        let records = |n: usize| tables[n].as_array().expect("records come as an array");
        let mut found: BTreeMap<u64, String> =
            records(0).iter().map(|r| (r["id"].as_u64().unwrap_or(0), field(r, "Payload"))).collect();
        for (id, payload) in &book.held {
            assert_eq!(found.remove(id).as_ref(), Some(payload), "record {id} was acknowledged so");
        }
        for (id, (was, may_be)) in &book.open_changes {
            match (found.remove(id), may_be) {
                (Some(payload), Some(new)) => {
                    assert!(payload == *was || payload == *new, "record {id}: {payload}");
                }
                (Some(payload), None) => assert_eq!(payload, *was, "record {id}"),
                (None, None) => {}
                (None, Some(_)) => panic!("record {id} ({was}) was never deleted and is gone"),
            }
        }
        let mut rest: BTreeSet<String> = found.values().cloned().collect();
        assert_eq!(rest.len(), found.len(), "a payload is stored twice");
        for group in &book.open_creates {
            let there = group.iter().filter(|payload| rest.remove(*payload)).count();
            assert!(there == 0 || there == group.len(), "{group:?} happened in part: {there}");
        }
        assert!(rest.is_empty(), "deleted, or never stored as the server said, or nobody's: {rest:?}");

        let ticks: Vec<String> = records(2).iter().map(|r| field(r, "Who")).collect();
        let distinct: BTreeSet<String> = ticks.iter().cloned().collect();
        assert_eq!(distinct.len(), ticks.len(), "an increment happened twice");
        assert!(book.ticks.is_subset(&distinct), "lost: {:?}", book.ticks.difference(&distinct));
        let unknown = distinct.difference(&book.ticks).find(|who| !book.open_ticks.contains(*who));
        assert_eq!(unknown, None, "never stored as the server said, or nobody asked for this increment");
        assert_eq!(records(1)[0]["fields"]["N"].as_u64(), Some(ticks.len() as u64), "the counter");
    }

    /// One line of figures.
    pub(crate) fn summary(&self) -> String {
        let book = self.book();
        format!(
            "{} acknowledged, {} answered 503, {} open; longest answer {} ms",
            self.done.load(Ordering::Relaxed),
            self.refused.load(Ordering::Relaxed),
            book.open_creates.len() + book.open_changes.len() + book.open_ticks.len(),
            self.longest_ms.load(Ordering::Relaxed)
        )
    }
}

impl Writer<'_> {
    /// Writes until told to stop.
    pub(crate) fn run(mut self) {
        let mut clients: Vec<Option<Connected>> = Vec::new();
        for serial in 0u64.. {
            if self.ledger.stop.load(Ordering::Relaxed) {
                return;
            }
            let write = self.next(serial);
            self.write(write, &mut clients);
        }
    }

    /// Makes a record, or changes or deletes one of its own that nothing is open of, or counts.
    fn next(&mut self, serial: u64) -> Write {
        let name = self.name;
        let payload = |n: u64| format!("{name}-{serial}-{n}");
        let own = if self.dice.below(3) == 0 { self.take_own() } else { None };
        match (self.dice.below(4), own) {
            (0, Some((id, was))) => Write::Delete { id, was },
            (_, Some((id, was))) => Write::Update { id, was, payload: payload(0) },
            (0..2, None) => Write::Tick { who: payload(0) },
            (with_key, None) => Write::Create {
                payloads: (0..=self.dice.below(3)).map(payload).collect(),
                key: (with_key == 2).then(|| format!("key-{}-{serial}", self.name)),
            },
        }
    }

    /// Takes one of this client's own records out of the book, to change it.
    fn take_own(&mut self) -> Option<(u64, String)> {
        let mut book = self.ledger.book();
        let mine = format!("{}-", self.name);
        let own: Vec<u64> =
            book.held.iter().filter(|(_, p)| p.starts_with(&mine)).map(|(id, _)| *id).collect();
        let id = *own.get(self.dice.below(own.len().max(1) as u64) as usize)?;
        book.held.remove_entry(&id)
    }

    /// Writes at some node. With a key, again at others until it is acknowledged.
    fn write(&mut self, write: Write, clients: &mut Vec<Option<Connected>>) {
        let floor = self.ledger.acknowledged_sq.load(Ordering::Relaxed);
        let insists = matches!(write, Write::Create { key: Some(_), .. });
        let mut node = self.dice.below(self.cluster.size() as u64) as usize;
        // What an earlier attempt left open, a later one cannot close but by success.
        let mut is_open = false;
        loop {
            if let Some(to) = self.connected(node, clients) {
                let outcome = self.ledger.send(self.cluster, node, to, &write);
                is_open |= matches!(outcome, Outcome::Open);
                if let Outcome::Done(answer) = outcome {
                    return self.ledger.acknowledge(write, &answer.json(), floor);
                }
                clients[node] = None;
                if !insists || self.ledger.stop.load(Ordering::Relaxed) {
                    return if is_open { self.ledger.leave_open(write) } else { self.ledger.refuse(write) };
                }
            }
            // A pause, so that clients do not take the processor from who is to recover.
            thread::sleep(Duration::from_millis(20));
            node = (node + 1) % self.cluster.size();
        }
    }

    /// A client of a node, kept while the node lives.
    fn connected<'c>(&self, node: usize, clients: &'c mut Vec<Option<Connected>>) -> Option<&'c Connected> {
        clients.resize_with(self.cluster.size().max(clients.len()), || None);
        if clients[node].is_none() {
            let kills = self.cluster.kills(node);
            clients[node] = self.cluster.try_client(node).map(|client| Connected { client, kills });
        }
        clients[node].as_ref()
    }
}
