//! The whole corpus of the language, `conformance/nx`, over HTTP against two nodes on PostgreSQL, every request to the other
//! one: what one has written, the other's scripts read.
//!
//! The nodes run in this process, so that their clock can stand still where the pages say it does.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "what is put off is done a little later")]

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use boobook_app::{App, Host, Limits, NewKey, NewUser, SystemHost};
use boobook_http::{HttpConfig, ListenConfig};
use boobook_store_postgres::PostgresStore;
use boobook_testkit::{
    Client, Postgres, Response, RoundRobin,
    manual::{Expected, Script, Section, Step, fixture, functions, same, sections, table_examples, vectors},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime::Runtime, sync::watch};

/// A clock that stands still over real randomness.
struct Still;

impl Host for Still {
    fn now_ms(&self) -> i64 {
        // 2024-03-15T14:30:00
        1_710_513_000_000
    }

    fn random(&self, bytes: &mut [u8]) {
        SystemHost.random(bytes);
    }
}

/// Two servers over one store, and who asks them.
struct Nodes {
    runtime: Runtime,
    apps: Vec<App>,
    stop: watch::Sender<()>,
    balancer: RoundRobin,
    team: String,
    user: String,
    key: String,
    /// By schema: a database with the records of the fixture.
    ready: BTreeMap<String, Ready>,
}

/// A database that is as the fixture says.
#[derive(Clone)]
struct Ready {
    path: String,
    /// The sequence that says so.
    sq: u64,
    /// Scripts that the server did not take, `types.A.fields.C.fn`, and why.
    refused: Vec<(String, String)>,
}

impl Nodes {
    fn start(postgres: &Postgres, limits: &Limits) -> Self {
        let url = postgres.url();
        let node = || {
            let store = Arc::new(PostgresStore::open(&url).unwrap());
            App::start(store, Arc::new(Still), limits.clone()).unwrap()
        };
        let first = node();
        let team = first.catalogue().create_team("Language").unwrap().id;
        let ada =
            NewUser { email: "ada@example.com", name: Some("Ada Lovelace"), team: &team, role: "admin" };
        let user = first.catalogue().create_user(&ada).unwrap().id;
        let new = NewKey { team: &team, user: Some(&user), ..NewKey::default() };
        let key = first.catalogue().create_key(&new).unwrap().1;
        let apps = vec![first, node()];
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let stop = watch::channel(()).0;
        let addresses: Vec<SocketAddr> = apps.iter().map(|app| serve(&runtime, app.clone(), &stop)).collect();
        let balancer = RoundRobin::before(&addresses).unwrap();
        Self { runtime, apps, stop, balancer, team, user, key, ready: BTreeMap::new() }
    }

    /// On a connection of its own, so that the next node gets it.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Response {
        let client = Client::new(self.balancer.addr(), Some(&self.key));
        let body = (method != "GET").then(|| body.to_string());
        client.request(method, path, &[], body.as_ref().map(String::as_bytes)).unwrap()
    }

    fn script(&self, database: &str, script: &Script) -> Response {
        let action = if script.may_write { "exec" } else { "query" };
        let source = script.source.replace("\"u1\"", &format!("\"{}\"", self.user));
        let body = json!({"query": source, "this": script.this});
        self.ask("POST", &format!("{database}/{action}"), &body)
    }

    /// A database with this schema and the fixture's records.
    fn fixture(&mut self, schema: &Value) -> Ready {
        if let Some(ready) = self.ready.get(&schema.to_string()) {
            return ready.clone();
        }
        let (plain, records) = fixture();
        let new = json!({"name": "Fixture", "schema": plain});
        let made = self.ask("POST", &format!("/v1/teams/{}/databases", self.team), &new).ok();
        let path = format!("/v1/teams/{}/databases/{}", self.team, made["id"].as_str().unwrap());
        for (table, records) in records {
            let rows: Vec<Value> =
                records.iter().map(|fields| json!({"fields": self.known(fields)})).collect();
            self.ask("POST", &format!("{path}/tables/{table}/records"), &json!(rows)).ok();
        }
        // What a section adds comes behind the records: its triggers and conditions are none of theirs.
        let (mut taken, mut refused) = (schema.clone(), Vec::new());
        while taken != plain {
            let version = self.ask("GET", &format!("{path}/schema"), &json!(null)).ok()["version"].clone();
            taken["version"] = version;
            let patched = self.ask("PATCH", &format!("{path}/schema"), &taken);
            if patched.status() == 200 {
                break;
            }
            // The pages have scripts that cannot be read; a server takes none.
            let answer = patched.json();
            let place = answer["field"].as_str().unwrap_or_else(|| panic!("{patched:?}")).to_owned();
            let said = told(&answer).replace(&format!("{place}: "), "");
            let mut parts = place.split('.');
            let last = parts.next_back().unwrap();
            let parent = parts.fold(&mut taken, |within, part| &mut within[part]);
            parent.as_object_mut().unwrap().insert(last.into(), json!(""));
            refused.push((place, said));
        }
        let sq = sq_of(&self.ask("GET", &format!("{path}/schema"), &json!(null)));
        let ready = Ready { path, sq, refused };
        self.ready.insert(schema.to_string(), ready.clone());
        ready
    }

    /// With the ids that the user, team and database have here.
    fn known(&self, value: &Value) -> Value {
        match value {
            Value::String(text) if text == "u1" => json!(self.user),
            Value::Array(items) => items.iter().map(|item| self.known(item)).collect(),
            Value::Object(members) => {
                members.iter().map(|(key, value)| (key.clone(), self.known(value))).collect()
            }
            other => other.clone(),
        }
    }

    fn stop(self) {
        drop(self.stop);
        for app in &self.apps {
            app.stop();
        }
        self.runtime.shutdown_timeout(Duration::from_secs(10));
    }
}

/// The state that an answer was made from.
fn sq_of(answer: &Response) -> u64 {
    answer.header("X-Boobook-Sq").and_then(|sq| sq.parse().ok()).unwrap_or_else(|| panic!("{answer:?}"))
}

fn serve(runtime: &Runtime, app: App, stop: &watch::Sender<()>) -> SocketAddr {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let background = app.clone();
    runtime.spawn(async move { background.run_background().await });
    let mut stopped = stop.subscribe();
    let service = boobook_http::service(app, HttpConfig::default());
    let shutdown = async move { _ = stopped.changed().await };
    runtime.spawn(boobook_http::serve(listener, None, service, ListenConfig::default(), shutdown));
    address
}

/// An answer that is an error, as the pages tell one in a line: `1:5 message (hint)`.
fn told(answer: &Value) -> String {
    let message = answer["message"].as_str().unwrap_or_default();
    match (answer["line"].as_u64(), answer["column"].as_u64()) {
        (Some(line), Some(column)) => format!("{line}:{column} {message}"),
        _ => message.to_owned(),
    }
}

/// The first error of a text that tells all in full, in a line.
fn shortly(full: &str) -> String {
    let Some((head, rest)) = full.split_once('\n') else { return full.to_owned() };
    let message = head.split_once("]: ").map_or(head, |(_, message)| message);
    let first = rest.split("\n\n").next().unwrap_or_default();
    let after = |mark: &str| first.lines().find_map(|line| line.trim_start().strip_prefix(mark));
    let place = after("--> line ").map(|place| place.replace(", column ", ":")).unwrap_or_default();
    let hint = after("= hint: ").map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!("{place} {message}{hint}")
}

/// What the server says of a script that may write where it only reads begins as the pages tell it.
const MAY_WRITE: &str = "this script may write";

/// Runs sections; what is not as it should be is told.
struct Run<'n> {
    nodes: &'n mut Nodes,
    count: usize,
    wrong: Vec<String>,
}

impl Run<'_> {
    fn section(&mut self, section: &Section) {
        let mut schema = fixture().0;
        let mut kept = None;
        for step in &section.steps {
            match step {
                Step::Schema(newer) => schema = newer.clone(),
                Step::Problems(expected) => self.problems(&section.place, &schema, expected),
                Step::Script(script) => {
                    let database = kept.filter(|_| script.goes_on);
                    let database = database.unwrap_or_else(|| self.nodes.fixture(&schema).path);
                    self.script(&section.place, &schema, &database, script);
                    kept = Some(database);
                }
            }
        }
    }

    /// What cannot be read was refused, the rest is there to be asked for.
    fn problems(&mut self, place: &str, schema: &Value, expected: &str) {
        let ready = self.nodes.fixture(schema);
        let path = format!("{}/schema/problems", ready.path);
        let problems = self.nodes.ask("GET", &path, &json!(null)).ok();
        let mut said = ready.refused;
        for problem in problems.as_array().unwrap() {
            said.push((problem["place"].as_str().unwrap().to_owned(), told(problem)));
        }
        said.sort();
        let blocks = expected.split("types.").filter(|block| !block.is_empty());
        let mut wanted: Vec<(String, String)> = blocks
            .map(|block| {
                let (at, full) = block.split_once(": ").unwrap();
                (format!("types.{at}"), shortly(full.trim_end()))
            })
            .collect();
        wanted.sort();
        // Scripts are kept by ids: what is wrong with one is told with its place in that form.
        let of = |all: &[(String, String)]| {
            let message = |text: &str| text.split_once(' ').map_or(text, |(_, message)| message).to_owned();
            all.iter().map(|(at, text)| (at.clone(), message(text))).collect::<Vec<_>>()
        };
        self.check(place, "", &format!("{wanted:?}"), &format!("{said:?}"), of(&wanted) == of(&said));
    }

    fn script(&mut self, place: &str, schema: &Value, database: &str, script: &Script) {
        let answer = self.nodes.script(database, script);
        let is_value = answer.status() == 200;
        let is_as_it_was = |ready: &Ready| ready.path == database && ready.sq == sq_of(&answer);
        let puts_off = script.source.contains("deferred");
        if is_value && (puts_off || !self.nodes.ready.get(&schema.to_string()).is_some_and(is_as_it_was)) {
            // It has written: whoever begins with the fixture gets another one.
            self.nodes.ready.remove(&schema.to_string());
        }
        let got = answer.json();
        let actual = if is_value { got.to_string() } else { told(&got) };
        for expected in &script.expected {
            let (wanted, is_right) = match expected {
                // How scripts are printed is no server's matter.
                Expected::Human(_) | Expected::Ids(_) => continue,
                Expected::Value(value) => {
                    let value = match &*script.source {
                        "teamId()" => json!(self.nodes.team),
                        "databaseId()" => json!(database.rsplit('/').next().unwrap()),
                        _ => self.nodes.known(value),
                    };
                    // What the script before has put off is done soon, but not at once.
                    let soon = || script.goes_on && self.comes_to(database, &script.source, &value);
                    (value.to_string(), is_value && (same(&got, &value) || soon()))
                }
                Expected::Told(text) if text == MAY_WRITE => (text.clone(), actual.starts_with(text)),
                Expected::Told(text) => (shortly(text), actual == shortly(text)),
                Expected::ToldShortly(text) if text == MAY_WRITE => (text.clone(), actual.starts_with(text)),
                Expected::ToldShortly(text) => (text.clone(), actual == *text),
                Expected::Says(text) => (text.clone(), !is_value && actual.contains(text)),
                Expected::Then(query, value) => {
                    (format!("{query}: {value}"), self.comes_to(database, query, value))
                }
            };
            let answered =
                if is_value || answer.status() == 400 { actual.clone() } else { format!("{answer:?}") };
            self.check(place, &script.source, &wanted, &answered, is_right);
        }
    }

    /// Whether a script comes to a value within ten seconds.
    fn comes_to(&self, database: &str, query: &str, value: &Value) -> bool {
        let script = Script { source: query.to_owned(), ..Script::default() };
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(10) {
            if same(&self.nodes.script(database, &script).ok(), value) {
                return true;
            }
            thread::sleep(Duration::from_millis(20));
        }
        false
    }

    fn check(&mut self, place: &str, source: &str, wanted: &str, actual: &str, is_right: bool) {
        self.count += 1;
        if !is_right {
            let source: String = source.chars().take(300).collect();
            self.wrong.push(format!("{place}\n{source}\n--- expected\n{wanted}\n--- actual\n{actual}"));
        }
    }
}

/// The limits that scripts ask for, if any.
fn limits_of(script: &Script) -> Option<Limits> {
    let mut limits = Limits::default();
    for (limit, n) in &script.limits {
        match &**limit {
            "steps" => limits.script.steps_max = *n,
            "bytes" => limits.script.bytes_max = *n,
            "depth" => limits.script.depth_max = u32::try_from(*n).unwrap(),
            other => panic!("{other} is no setting of a server"),
        }
    }
    if script.is_late {
        limits.script.ms_max = 0;
    }
    (script.is_late || !script.limits.is_empty()).then_some(limits)
}

/// The sections, without their scripts that ask for limits of their own.
fn usual(sections: &[Section]) -> Vec<Section> {
    let mut sections = sections.to_vec();
    for section in &mut sections {
        section.steps.retain(|step| !matches!(step, Step::Script(script) if limits_of(script).is_some()));
    }
    sections
}

fn run(nodes: &mut Nodes, sections: &[Section]) -> usize {
    let mut run = Run { nodes, count: 0, wrong: Vec::new() };
    for section in sections {
        run.section(section);
    }
    let (count, wrong) = (run.count, run.wrong);
    assert!(wrong.is_empty(), "{} of {count} wrong:\n{}", wrong.len(), wrong.join("\n=====\n"));
    count
}

#[test]
fn pages_hold_on_two_nodes() {
    let Some(postgres) = Postgres::shared() else { return };
    let all = sections("");
    let mut nodes = Nodes::start(&postgres, &Limits::default());
    let mut count = run(&mut nodes, &usual(&all));
    nodes.stop();
    for section in &all {
        for step in &section.steps {
            let Step::Script(script) = step else { continue };
            let Some(limits) = limits_of(script) else { continue };
            let schema = section.steps.iter().rev().find(|step| matches!(step, Step::Schema(_))).cloned();
            let steps = schema.into_iter().chain([step.clone()]).collect();
            let mut nodes = Nodes::start(&postgres, &limits);
            count += run(&mut nodes, &[Section { place: section.place.clone(), steps }]);
            nodes.stop();
        }
    }
    assert!(count > 1_000, "only {count} scripts");
}

#[test]
fn vectors_and_functions_hold_on_two_nodes() {
    let Some(postgres) = Postgres::shared() else { return };
    let mut nodes = Nodes::start(&postgres, &Limits::default());
    let examples = boobook_nx::functions::all().flat_map(|def| def.examples.iter().copied());
    let mut all = table_examples();
    all.extend([vectors(), functions(examples)]);
    let count = run(&mut nodes, &all);
    nodes.stop();
    assert!(count > 600, "only {count} scripts");
}
