//! The kill -9 loop: writers note what was acknowledged, the server is killed at a random moment and started again,
//! and then everything acknowledged must be there, what was not acknowledged wholly or not at all.
//!
//! `BOOBOOK_KILL_ROUNDS` (default 20) sets the number of rounds, `BOOBOOK_KILL_SEED` repeats a run's choices.
//! SIGKILL does not lose what the kernel has: that half is the store's own fault tests.
#![allow(clippy::disallowed_methods, reason = "tests read their environment and the clock")]

use std::{
    collections::BTreeMap,
    env, thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use boobook_testkit::{Client, Installation};
use serde_json::{Value, json};

const WRITERS: usize = 3;

/// What a record must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    sq: u64,
    payload: String,
}

/// Records by id.
type State = BTreeMap<u64, Held>;

/// A request that was sent but not answered: it happened wholly or not at all.
#[derive(Debug)]
enum Unanswered {
    Create(Vec<String>),
    Update(Vec<(u64, String)>),
    Delete(Vec<u64>),
}

/// One writer's part of the truth. No two writers touch the same record.
#[derive(Debug, Default)]
struct Writer {
    name: usize,
    acknowledged: State,
    unanswered: Option<Unanswered>,
    requests: u64,
    problem: Option<String>,
}

/// A small xorshift: enough to vary what is done.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

#[test]
fn every_acknowledged_write_survives() {
    let number = |name: &str| env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let rounds = number("BOOBOOK_KILL_ROUNDS").unwrap_or(20);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |d| d.as_nanos() as u64);
    let seed = number("BOOBOOK_KILL_SEED").unwrap_or(now) | 1;
    println!("BOOBOOK_KILL_SEED={seed} BOOBOOK_KILL_ROUNDS={rounds}");
    let mut dice = Dice(seed);

    let place = Installation::new(env!("CARGO_BIN_EXE_boobook"));
    let team = place.team("Kill");
    let key = place.key(&team, &["--role", "admin"]);
    let server = place.serve();
    let client = server.client(&key);
    let db = client.create_database(&team, "Kill", &json!({}));
    let base = format!("/v1/teams/{team}/databases/{db}");
    let fields = json!([{"name": "Payload", "type": "string"}, {"name": "Writer", "type": "number"}]);
    client.post(&format!("{base}/tables"), &json!({"name": "Log", "fields": fields})).ok();
    let records = format!("{base}/tables/Log/records");
    drop(client);
    assert!(server.terminate().success(), "SIGTERM ends the server orderly");

    let mut writers: Vec<Writer> = (0..WRITERS).map(|name| Writer { name, ..Writer::default() }).collect();
    let mut highest = 0;
    let mut requests = 0;
    for round in 0..rounds {
        let server = place.serve();
        let pause = Duration::from_millis(50 + dice.below(300));
        thread::scope(|scope| {
            for writer in &mut writers {
                let client = server.client(&key);
                let (records, seed) = (&records, dice.below(u64::MAX) | 1);
                scope.spawn(move || writer.run(&client, records, round, &mut Dice(seed), highest));
            }
            thread::sleep(pause);
            server.kill9();
        });
        for writer in &mut writers {
            assert!(writer.problem.is_none(), "seed {seed}, round {round}: {:?}", writer.problem);
            requests += std::mem::take(&mut writer.requests);
        }

        let server = place.serve();
        let found = read(&server.client(&key), &records);
        check(&mut writers, &found, &format!("seed {seed}, round {round}, after {pause:?}"));
        check_feed(&server.client(&key), &base, &found);
        highest = found.values().map(|held| held.sq).max().unwrap_or(0).max(highest);
        server.kill9();
    }
    assert!(requests > 0, "no write was ever acknowledged");
    println!("{rounds} rounds, {requests} acknowledged requests, all there");
}

impl Writer {
    /// Writes until the connection breaks.
    fn run(&mut self, client: &Client, records: &str, round: u64, dice: &mut Dice, highest: u64) {
        let mut last = highest;
        for serial in 0.. {
            let (method, body, attempt) = self.next(round, serial, dice);
            match client.request(method, records, &[], Some(body.to_string().as_bytes())) {
                Err(_) => {
                    self.unanswered = Some(attempt);
                    return;
                }
                Ok(response) if response.status() != 200 => {
                    self.problem = Some(response.to_string());
                    return;
                }
                Ok(response) => {
                    self.requests += 1;
                    if let Err(problem) = self.note(attempt, &response.json(), &mut last) {
                        self.problem = Some(format!("{problem}\n{response}"));
                        return;
                    }
                }
            }
        }
    }

    /// A create of some records, else an update or delete of some of its own.
    fn next(&self, round: u64, serial: u64, dice: &mut Dice) -> (&'static str, Value, Unanswered) {
        let payload = |n: u64| format!("{}-{round}-{serial}-{n}", self.name);
        let mut own: Vec<u64> = Vec::new();
        if !self.acknowledged.is_empty() {
            for _ in 0..=dice.below(3) {
                let at = dice.below(self.acknowledged.len() as u64) as usize;
                own.extend(self.acknowledged.keys().nth(at));
            }
        }
        own.sort_unstable();
        own.dedup();
        match dice.below(10) {
            0 if !own.is_empty() => ("DELETE", json!(own), Unanswered::Delete(own)),
            1..=4 if !own.is_empty() => {
                let changes: Vec<(u64, String)> =
                    own.iter().enumerate().map(|(n, id)| (*id, payload(n as u64))).collect();
                let body: Vec<Value> =
                    changes.iter().map(|(id, p)| json!({"id": id, "fields": {"Payload": p}})).collect();
                ("POST", json!(body), Unanswered::Update(changes))
            }
            _ => {
                let payloads: Vec<String> = (0..=dice.below(4)).map(payload).collect();
                let body: Vec<Value> =
                    payloads.iter().map(|p| json!({"fields": {"Payload": p, "Writer": self.name}})).collect();
                ("POST", json!(body), Unanswered::Create(payloads))
            }
        }
    }

    /// Takes an answer down. Sequences only rise.
    fn note(&mut self, done: Unanswered, answer: &Value, last: &mut u64) -> Result<(), String> {
        let wanted: Vec<(Option<u64>, String)> = match done {
            Unanswered::Delete(ids) => {
                for id in ids {
                    self.acknowledged.remove(&id);
                }
                return Ok(());
            }
            Unanswered::Create(payloads) => payloads.into_iter().map(|p| (None, p)).collect(),
            Unanswered::Update(changes) => changes.into_iter().map(|(id, p)| (Some(id), p)).collect(),
        };
        let answer = answer.as_array().ok_or("the answer is no array")?;
        if answer.len() != wanted.len() {
            return Err(format!("{} records sent, {} answered", wanted.len(), answer.len()));
        }
        for (record, (id, payload)) in answer.iter().zip(wanted) {
            let (got_id, held) = held(record).ok_or("a record without id, sequence or payload")?;
            if held.payload != payload || id.is_some_and(|id| id != got_id) {
                return Err(format!("sent {payload}, answered {held:?}"));
            }
            if held.sq <= *last {
                return Err(format!("sequence {} after {last}", held.sq));
            }
            *last = held.sq;
            self.acknowledged.insert(got_id, held);
        }
        Ok(())
    }
}

fn held(record: &Value) -> Option<(u64, Held)> {
    let payload = record["fields"]["Payload"].as_str()?.to_owned();
    Some((record["id"].as_u64()?, Held { sq: record["sequence"].as_u64()?, payload }))
}

fn read(client: &Client, records: &str) -> State {
    let all = client.get(&format!("{records}?perPage=10000000")).ok();
    all.as_array()
        .expect("records come as an array")
        .iter()
        .map(|record| held(record).expect("a record has id, sequence and payload"))
        .collect()
}

/// What was found is what was acknowledged, plus each unanswered request wholly or not at all.
fn check(writers: &mut [Writer], found: &State, context: &str) {
    let ids: BTreeMap<&str, u64> = found.iter().map(|(id, held)| (held.payload.as_str(), *id)).collect();
    assert_eq!(ids.len(), found.len(), "{context}: a payload is stored twice");
    for writer in &mut *writers {
        let Some(attempt) = writer.unanswered.take() else { continue };
        let there: Vec<bool> = match &attempt {
            Unanswered::Create(payloads) => payloads.iter().map(|p| ids.contains_key(p.as_str())).collect(),
            Unanswered::Update(changes) => {
                changes.iter().map(|(id, p)| found.get(id).is_some_and(|h| h.payload == *p)).collect()
            }
            Unanswered::Delete(list) => list.iter().map(|id| !found.contains_key(id)).collect(),
        };
        let all = there.iter().all(|&done| done);
        assert!(
            all || !there.contains(&true),
            "{context}: an unanswered request happened in part: {attempt:?} {there:?}"
        );
        if !all {
            continue;
        }
        let touched: Vec<u64> = match attempt {
            Unanswered::Create(payloads) => payloads.iter().map(|p| ids[p.as_str()]).collect(),
            Unanswered::Update(changes) => changes.iter().map(|(id, _)| *id).collect(),
            Unanswered::Delete(list) => {
                for id in list {
                    writer.acknowledged.remove(&id);
                }
                Vec::new()
            }
        };
        for id in touched {
            writer.acknowledged.insert(id, found[&id].clone());
        }
    }
    let mut expected = State::new();
    for writer in writers {
        expected.extend(writer.acknowledged.clone());
    }
    for (id, held) in &expected {
        assert_eq!(found.get(id), Some(held), "{context}: record {id} was acknowledged so");
    }
    for (id, held) in found {
        assert!(
            expected.contains_key(id),
            "{context}: record {id} ({held:?}) was never written or was deleted"
        );
    }
}

/// The change feed tells the same records, in strictly rising order.
fn check_feed(client: &Client, base: &str, found: &State) {
    let (mut since, mut last) = (0, 0);
    let mut told = State::new();
    loop {
        let page = client.get(&format!("{base}/tables/Log/changes?sinceSq={since}")).ok();
        for item in page["changes"].as_array().expect("changes come as an array") {
            let (id, sq) = (item["_id"].as_u64().expect("an id"), item["_sq"].as_u64().expect("a sequence"));
            assert!(sq > last, "the feed goes from {last} to {sq}");
            last = sq;
            if item["_deleted"] != json!(true) {
                let payload = item["A"].as_str().expect("the payload is field A").to_owned();
                assert!(told.insert(id, Held { sq, payload }).is_none(), "record {id} is told twice");
            }
        }
        since = page["seq"].as_u64().expect("a page has its seq");
        if page["more"] != json!(true) {
            break;
        }
    }
    assert_eq!(told.len(), found.len(), "the feed tells every record");
    assert!(told == *found, "the feed tells what the records say");
}
