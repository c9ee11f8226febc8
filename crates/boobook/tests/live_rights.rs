//! Who may listen to `changes?live=T`, what a listener gets to see, and how fast it loses what it may no longer see.
#![allow(clippy::disallowed_methods, reason = "tests wait with a deadline")]

use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

use boobook_testkit::{BodyReader, Client, Installation, Server};
use serde_json::{Value, json};

/// Longest wait for an event or for the end of a stream. What is promised is a second; a busy machine gets more,
/// and still far less than the heartbeat of 15 s that would end a stream without all this.
const PATIENCE: Duration = Duration::from_secs(8);

/// A server with an open table `Order`, and a table `Salary` and a field `Margin` that only `boss` reads.
struct Stage {
    place: Installation,
    server: Server,
    admin: Client,
    team: String,
    db: String,
}

impl Stage {
    fn new() -> Self {
        let place = Installation::new(env!("CARGO_BIN_EXE_boobook"));
        let team = place.team("Werkstatt");
        let boss = place.key(&team, &["--role", "boss"]);
        let admin = place.key(&team, &["--role", "admin"]);
        let server = place.serve();
        let db = server.client(&admin).create_database(&team, "Lager", &json!({}));
        let tables = format!("/v1/teams/{team}/databases/{db}/tables");
        let only_boss = json!(["boss"]);
        let order = json!({"name": "Order", "fields": [
            {"name": "Number", "type": "number"},
            {"name": "Margin", "type": "number", "readRoles": only_boss},
        ]});
        let salary = json!({"name": "Salary", "fields": [{"name": "Amount", "type": "number"}],
            "readRoles": only_boss});
        let admin = server.client(&admin);
        admin.post(&tables, &order).ok();
        admin.post(&tables, &salary).ok();
        let admin = admin.with_key(&boss);
        Self { place, server, admin, team, db }
    }

    fn path(&self) -> String {
        format!("/v1/teams/{}/databases/{}", self.team, self.db)
    }

    fn key(&self, more: &[&str]) -> Client {
        self.server.client(&self.place.key(&self.team, more))
    }

    fn add(&self, table: &str, fields: &Value) {
        let records = format!("{}/tables/{table}/records", self.path());
        self.admin.post(&records, &json!({ "fields": fields })).ok();
    }

    /// Listens to the whole database from its beginning.
    #[track_caller]
    fn listen(&self, client: &Client, more: &str) -> BodyReader {
        let target = format!("{}/changes?live=T&sinceSq=0{more}", self.path());
        let (head, stream) = client.stream(&target, &[]).expect("an answer");
        assert_eq!(head.status, 200);
        stream.set_timeout(PATIENCE).expect("a timeout");
        stream
    }
}

/// The next item of a stream; panics where none comes in time.
#[track_caller]
fn next(stream: &mut BodyReader) -> Value {
    let (_, _, data) = stream.next_event().expect("an event in time").expect("the stream goes on");
    serde_json::from_str(&data).expect("an item is JSON")
}

/// Reads to the end of a stream; panics where it goes on.
#[track_caller]
fn ends(stream: &mut BodyReader, why: &str) {
    let start = Instant::now();
    loop {
        match stream.next_event() {
            Ok(None) => return,
            Ok(Some(event)) => assert!(start.elapsed() < PATIENCE, "{why}, and still comes {event:?}"),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return,
            Err(error) => panic!("{why}, and the stream is open after {:?}: {error}", start.elapsed()),
        }
    }
}

#[test]
fn only_those_who_may_read_may_listen() {
    let stage = Stage::new();
    let other_team = stage.place.team("Andere");
    let stranger = stage.server.client(&stage.place.key(&other_team, &["--role", "admin"]));
    let other_db = stage.place.database(&stage.team, "Zweite");
    let elsewhere = stage.key(&["--role", "admin", "--database", &other_db]);
    let editor = stage.key(&["--role", "editor"]);
    let live = format!("{}/changes?live=T", stage.path());
    let of = |table: &str| format!("{}/tables/{table}/changes?live=T", stage.path());
    for (who, client, target, status) in [
        ("no key", &stage.server.anonymous(), &live, 401),
        ("a key that is none", &stage.server.client("bb_nonsense"), &live, 401),
        ("a key of another team", &stranger, &live, 404),
        ("a key of another database", &elsewhere, &live, 404),
        ("a key of another database, by table", &elsewhere, &of("Order"), 404),
        ("a role that may not read the table", &editor, &of("Salary"), 403),
        ("a table that is not there", &editor, &of("Nothing"), 404),
    ] {
        // An answer that ends: a stream would keep the client waiting here.
        let (head, _) = client.stream(target, &[]).expect("an answer");
        assert_eq!(head.status, status, "{who}");
        assert!(head.header("Content-Type").is_some_and(|t| t.contains("json")), "{who}: {head:?}");
    }
    let (head, _stream) = editor.stream(&of("Order"), &[]).expect("an answer");
    assert_eq!(head.status, 200);
}

#[test]
fn tables_and_fields_of_other_roles_are_not_in_the_stream() {
    let stage = Stage::new();
    let mut editor = stage.listen(&stage.key(&["--role", "editor"]), "");
    let mut boss = stage.listen(&stage.admin, "");
    for n in 1..=3 {
        stage.add("Salary", &json!({ "Amount": n }));
        stage.add("Order", &json!({ "Number": n, "Margin": 100 + n }));
    }
    for n in 1..=3 {
        let item = next(&mut editor);
        assert_eq!((&item["_tid"], &item["A"], item.get("B")), (&json!("A"), &json!(n), None), "{item}");
        let item = next(&mut boss);
        assert_eq!((&item["_tid"], &item["A"]), (&json!("B"), &json!(n)), "{item}");
        let item = next(&mut boss);
        assert_eq!((&item["_tid"], &item["B"]), (&json!("A"), &json!(100 + n)), "{item}");
    }
}

/// A page that holds nothing for this listener is not the end of what is there.
#[test]
fn changes_behind_a_page_of_hidden_ones_come_at_once() {
    let stage = Stage::new();
    for n in 0..5 {
        stage.add("Salary", &json!({ "Amount": n }));
    }
    stage.add("Order", &json!({ "Number": 7 }));
    let mut stream = stage.listen(&stage.key(&["--role", "editor"]), "&limit=2");
    assert_eq!(next(&mut stream)["A"], json!(7));
}

#[test]
fn a_stream_ends_when_its_key_is_revoked() {
    let stage = Stage::new();
    let key = stage.place.key(&stage.team, &["--role", "editor", "--name", "listener"]);
    stage.add("Order", &json!({ "Number": 1 }));
    let mut stream = stage.listen(&stage.server.client(&key), "");
    next(&mut stream);
    let listed: Value = serde_json::from_str(&stage.place.cli(&["key", "list", "--json"])).expect("JSON");
    let entry = listed.as_array().and_then(|keys| keys.iter().find(|entry| entry["name"] == "listener"));
    let id = entry.and_then(|entry| entry["id"].as_str()).expect("the key's id");
    stage.place.cli(&["key", "revoke", id]);
    ends(&mut stream, "the key is revoked and nothing is written");
}

#[test]
fn a_stream_ends_when_its_key_expires() {
    let stage = Stage::new();
    let mut stream = stage.listen(&stage.key(&["--role", "editor", "--expires", "1s"]), "");
    ends(&mut stream, "the key has expired");
}

#[test]
fn a_stream_ends_when_its_database_is_deleted() {
    let stage = Stage::new();
    let mut stream = stage.listen(&stage.admin, "");
    stage.place.cli(&["database", "delete", &stage.db, "--yes"]);
    ends(&mut stream, "the database is deleted");
}

/// A role is the user's: who loses it must not go on listening with what the stream began with.
#[test]
fn a_stream_ends_when_its_users_role_changes() {
    let stage = Stage::new();
    stage.place.cli(&["user", "create", "anna@example.com", "--team", &stage.team, "--role", "boss"]);
    let client = stage.key(&["--user", "anna@example.com"]);
    let mut stream = stage.listen(&client, "");
    stage.add("Salary", &json!({ "Amount": 1 }));
    assert_eq!(next(&mut stream)["_tid"], json!("B"));
    stage.place.cli(&["user", "create", "anna@example.com", "--team", &stage.team, "--role", "editor"]);
    ends(&mut stream, "the user has another role");
    let mut again = stage.listen(&client, "");
    stage.add("Salary", &json!({ "Amount": 2 }));
    stage.add("Order", &json!({ "Number": 3 }));
    assert_eq!(next(&mut again)["_tid"], json!("A"), "salaries are not for an editor");
}

/// A database that is closed to make room is the same one when it is opened again: those who listen go on.
#[test]
fn a_listener_of_a_database_closed_for_room_misses_nothing() {
    let place = Installation::new(env!("CARGO_BIN_EXE_boobook"));
    let team = place.team("Werkstatt");
    let key = place.key(&team, &["--role", "admin"]);
    let server = place.serve_with(&["--set", "limits.cache_bytes_max=6000000"]);
    let client = server.client(&key);
    let table = json!({"name": "Log", "fields": [{"name": "Text", "type": "string"}]});
    let text = "x".repeat(1_000);
    let rows: Vec<Value> =
        (0..4_000).map(|n| json!({ "fields": { "Text": format!("{n} {text}") } })).collect();
    let [listened, other] = ["Gehört", "Andere"].map(|name| {
        let db = client.create_database(&team, name, &json!({}));
        let tables = format!("/v1/teams/{team}/databases/{db}/tables");
        client.post(&tables, &table).ok();
        (db, format!("{tables}/Log"))
    });
    let seq =
        client.post(&format!("{}/records", listened.1), &json!(rows)).ok()[3_999]["sequence"].to_string();
    let target = format!("{}/changes?live=T&sinceSq={seq}", listened.1);
    let (_, mut stream) = client.stream(&target, &[]).expect("an answer");
    stream.set_timeout(PATIENCE).expect("a timeout");
    // The other one takes the room; used last, it stays.
    client.post(&format!("{}/records", other.1), &json!(rows)).ok();
    let start = Instant::now();
    while !server.log().contains(&format!("database={}", listened.0)) {
        client.get(&format!("{}/records/1", other.1)).ok();
        let used = server.anonymous().get("/metrics").text();
        assert!(start.elapsed() < PATIENCE, "it is not closed:\n{}\n{used}", server.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    client.post(&format!("{}/records", listened.1), &json!({"fields": {"Text": "after"}})).ok();
    assert_eq!(next(&mut stream)["A"], "after");
}

/// A listener that is gone is noticed when it is written to, at the next heartbeat at the latest.
#[test]
fn a_listener_that_is_gone_makes_room_for_another() {
    let place = Installation::new(env!("CARGO_BIN_EXE_boobook"));
    let team = place.team("Werkstatt");
    let key = place.key(&team, &["--role", "admin"]);
    let server = place.serve_with(&["--set", "http.streams_max=1", "--set", "http.heartbeat_s=1"]);
    let client = server.client(&key);
    let db = client.create_database(&team, "Lager", &json!({}));
    let target = format!("/v1/teams/{team}/databases/{db}/changes?live=T");
    let (head, stream) = client.stream(&target, &[]).expect("an answer");
    assert_eq!(head.status, 200);
    assert_eq!(client.stream(&target, &[]).expect("an answer").0.status, 429, "one at a time");
    drop(stream);
    let start = Instant::now();
    while client.stream(&target, &[]).expect("an answer").0.status != 200 {
        assert!(start.elapsed() < PATIENCE, "the place is still taken");
        std::thread::sleep(Duration::from_millis(50));
    }
}
