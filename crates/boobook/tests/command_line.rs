//! The command line as people and scripts use it: on a directory that a server runs on, with `--json`, with
//! mistakes; and how a server ends.
#![allow(clippy::disallowed_methods, reason = "tests wait with a deadline")]

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use boobook_testkit::{Client, Installation, Server};
use serde_json::{Value, json};

/// Longest wait for what is promised within a second: machines may be busy.
const PATIENCE: Duration = Duration::from_secs(10);

fn installation() -> Installation {
    Installation::new(env!("CARGO_BIN_EXE_boobook"))
}

/// Waits until something holds; panics where it does not.
#[track_caller]
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "after {PATIENCE:?} still not: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Runs a command with `--json`; gives what it printed.
#[track_caller]
fn json_of(place: &Installation, args: &[&str]) -> Value {
    let printed = place.cli(&[args, &["--json"]].concat());
    match serde_json::from_str(&printed) {
        Ok(json) => json,
        Err(error) => panic!("boobook {} --json printed {printed:?}: {error}", args.join(" ")),
    }
}

/// Runs a command that must fail; gives what it said.
#[track_caller]
fn refused(place: &Installation, args: &[&str], code: i32) -> String {
    let output = place.try_cli(args);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "boobook {}: {said}", args.join(" "));
    assert!(
        output.stdout.is_empty(),
        "what fails prints no data: {}",
        String::from_utf8_lossy(&output.stdout)
    );
    assert!(!said.contains("panicked"), "{said}");
    said
}

#[test]
fn everything_that_prints_data_prints_json() {
    let place = installation();
    let team = json_of(&place, &["team", "create", "Werkstatt Nord"]);
    assert_eq!(team["name"], "Werkstatt Nord");
    let id = team["id"].as_str().expect("an id");
    assert_eq!(json_of(&place, &["team", "list"]), json!([team]));

    let user = json_of(&place, &["user", "create", "anna@example.com", "--team", id, "--role", "editor"]);
    assert_eq!(user["teams"], json!([{"team": id, "role": "editor"}]));
    assert_eq!(json_of(&place, &["user", "list"]), json!([user]));
    assert_eq!(json_of(&place, &["user", "list", "--team", "Werkstatt Nord"]), json!([user]));

    let database = json_of(&place, &["database", "create", "--team", id, "Handel"]);
    let listed = json_of(&place, &["database", "list"]);
    assert_eq!((&listed[0]["id"], &listed[0]["state"]), (&database["id"], &json!("active")), "{listed}");

    let args = ["key", "create", "--team", id, "--user", "anna@example.com", "--database", "Handel"];
    let key = json_of(&place, &[&args[..], &["--read-only", "--expires", "90d", "--name", "shop"]].concat());
    assert!(key["key"].as_str().is_some_and(|key| key.starts_with("bb_")), "{key}");
    assert_eq!(key["databases"], json!([database["id"]]), "{key}");
    let mut entry = key.clone();
    entry.as_object_mut().expect("an object").remove("key");
    entry["expired"] = json!(false);
    assert_eq!(json_of(&place, &["key", "list"]), json!([entry]), "all but the key itself");
    let key_id = key["id"].as_str().expect("an id");
    assert_eq!(json_of(&place, &["key", "revoke", key_id]), json!({"id": key_id, "revoked": true}));
    assert_eq!(json_of(&place, &["key", "list"]), json!([]));

    let copy = place.file("copy");
    let backup = json_of(&place, &["backup", &copy.to_string_lossy()]);
    assert_eq!((&backup["databases"], &backup["failed"]), (&json!(1), &json!([])), "{backup}");
    let gone = json_of(&place, &["database", "delete", "Handel", "--yes"]);
    assert_eq!(gone, json!({"id": database["id"], "name": "Handel", "deleted": true}));
    assert_eq!(json_of(&place, &["database", "list"]), json!([]));
}

#[test]
fn a_running_server_sees_what_the_command_line_does() {
    let place = installation();
    let first = place.team("Erste");
    let key = place.key(&first, &["--role", "admin"]);
    let server = place.serve();
    let client = server.client(&key);
    // A new team is of no use to a key of another one; its own key sees it.
    let second = place.team("Zweite");
    place.cli(&["user", "create", "anna@example.com", "--team", &second, "--role", "editor"]);
    let anna = server.client(&place.key(&second, &["--user", "anna@example.com"]));
    eventually("the key of the new user is good", || anna.get("/v1/teams").status() == 200);
    assert_eq!(anna.get("/v1/teams").ok(), json!([{"id": second, "name": "Zweite"}]));
    assert_eq!(client.get("/v1/teams").ok(), json!([{"id": first, "name": "Erste"}]));

    let db = place.database(&second, "Lager");
    let tables = format!("/v1/teams/{second}/databases/{db}/tables");
    eventually("the new database is there", || anna.get(&tables).status() == 200);
    let table = json!({"name": "T", "fields": []});
    anna.post(&tables, &table).error(403);
    place.cli(&["user", "create", "anna@example.com", "--team", &second, "--role", "admin"]);
    eventually("the new role counts", || anna.post(&tables, &table).status() == 200);

    place.cli(&["database", "delete", &db, "--yes"]);
    eventually("the database is gone", || anna.get(&tables).status() == 404);
    let file = place.data().join("databases").join(format!("{db}.db"));
    eventually("its file is gone too", || !file.exists());
    assert_eq!(anna.get(&format!("/v1/teams/{second}/databases")).ok(), json!([]));
}

#[test]
fn mistakes_are_told_with_what_to_do() {
    let place = installation();
    let said = refused(&place, &["team", "list"], 1);
    assert!(said.contains("no data directory") && said.contains("team create"), "{said}");
    let team = place.team("Werkstatt");
    place.team("Doppelt");
    place.team("Doppelt");
    for (args, code, words) in [
        (&["key", "create", "--team", "Nobody"][..], 1, &["Nobody", "team list"][..]),
        (&["key", "create", "--team", "Doppelt"], 1, &["2 teams", "id"]),
        (&["key", "create", "--team", &team, "--database", "Nothing"], 1, &["Nothing", "database list"]),
        (&["key", "create", "--team", &team, "--expires", "soon"], 2, &["soon", "90d"]),
        (&["key", "create", "--team", &team, "--user", "nobody@example.com"], 1, &["nobody@example.com"]),
        (&["key", "create"], 2, &["--team"]),
        (&["key", "revoke", "nothing"], 1, &["nothing", "key list"]),
        (&["database", "delete", "Nothing", "--yes"], 1, &["Nothing", "database list"]),
        (&["database", "create", "--team", &team, "X", "--schema", "no.json"], 1, &["no.json"]),
        (&["user", "create", "no address", "--team", &team, "--role", "admin"], 1, &["no address"]),
        (&["team", "create", ""], 1, &["name"]),
        (&["team", "list", "--set", "limits.nothing=1"], 2, &["limits.nothing"]),
        (&["team", "list", "--set", "limits.changes_max=many"], 2, &["limits.changes_max", "many"]),
        (&["team", "list", "--config", "no.toml"], 2, &["no.toml"]),
        (&["nonsense"], 2, &["nonsense"]),
        (&["serve", "--listen", "nowhere"], 1, &["nowhere", "ADDRESS:PORT"]),
        (&["serve", "--listen", "192.0.2.1:1"], 1, &["192.0.2.1:1", "--listen"]),
    ] {
        let said = refused(&place, args, code);
        for word in words {
            assert!(said.contains(word), "boobook {}: no {word:?} in:\n{said}", args.join(" "));
        }
    }
    assert_eq!(json_of(&place, &["key", "list"]), json!([]), "no key came of all this");
    fs::write(place.file("file"), "x").expect("a file");
    let output = place.command(&["team", "create", "X", "--data", "file"]).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("file") && said.contains("help:"), "{said}");
}

#[test]
fn what_is_taken_is_told() {
    let place = installation();
    place.team("Werkstatt");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("its address").to_string();
    let said = refused(&place, &["serve", "--listen", &taken], 1);
    assert!(said.contains(&taken) && said.contains("another program listens there"), "{said}");
    fs::create_dir(place.file("full")).expect("a folder");
    fs::write(place.file("full/file"), "mine").expect("a file");
    let said = refused(&place, &["backup", "full"], 1);
    assert!(said.contains("full") && said.contains("new or empty directory"), "{said}");
    assert_eq!(fs::read_dir(place.file("full")).expect("the folder").count(), 1, "nothing was put into it");

    let server = place.serve();
    let said = refused(&place, &["serve", "--listen", "127.0.0.1:0"], 1);
    assert!(said.contains(&*place.data().to_string_lossy()) && said.contains("--data"), "{said}");
    server.anonymous().get("/readyz").ok();
    // The directory is free again the moment its server has ended, however it ended.
    server.kill9();
    place.serve();
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let place = installation();
    place.team("Werkstatt");
    let mut command = place.command(&["team", "list"]);
    command.arg("--data").arg(place.data()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_command_explains_itself() {
    let place = installation();
    let help = |args: &[&str]| {
        let output = place.command(&[args, &["--help"]].concat()).output().expect("it starts");
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let commands_of = |text: &str| -> Vec<String> {
        let list = text.split("Commands:\n").nth(1).unwrap_or_default();
        let lines = list.lines().take_while(|line| line.starts_with("  "));
        let names =
            lines.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
        names.filter(|name| *name != "help").map(str::to_owned).collect()
    };
    let mut seen = 0;
    for command in commands_of(&help(&[])) {
        let text = help(&[&command]);
        assert!(text.contains("Example") && text.contains(&format!("boobook {command}")), "{text}");
        for sub in commands_of(&text) {
            let text = help(&[&command, &sub]);
            assert!(text.contains("Example") && text.contains(&format!("boobook {command} {sub}")), "{text}");
            seen += 1;
        }
        seen += 1;
    }
    assert!(seen >= 17, "{seen} commands");
}

/// Flag before variable before file. What counts is seen by the address that cannot be listened on.
#[test]
fn settings_by_file_variable_and_flag() {
    let place = installation();
    place.team("Werkstatt");
    let file = "listen = \"from-file\"\n[http]\nmetrics = false\ndocs = false\n";
    fs::write(place.file("boobook.toml"), file).expect("a file");
    let mut command = place.command(&["serve", "--data"]);
    command.arg(place.data());
    assert_eq!(address_refused(&mut command), "from-file");
    command.env("BOOBOOK_LISTEN", "from-variable");
    assert_eq!(address_refused(&mut command), "from-variable");
    command.args(["--listen", "from-flag"]);
    assert_eq!(address_refused(&mut command), "from-flag");

    let server = place.serve_with(&["--set", "http.docs=true"]);
    assert_eq!(server.anonymous().get("/metrics").status(), 404, "the rest of the file counts");
    assert_eq!(server.anonymous().get("/openapi.json").status(), 200);
}

/// The address a server says that it cannot listen on.
fn address_refused(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    let address = said.split("cannot listen on ").nth(1).and_then(|rest| rest.split(':').next());
    address.unwrap_or(&said).to_owned()
}

/// A server with a database and a table, for the ends of it.
fn with_table(more: &[&str]) -> (Installation, Server, Client, String) {
    let place = installation();
    let team = place.team("Werkstatt");
    let key = place.key(&team, &["--role", "admin"]);
    let server = place.serve_with(more);
    let client = server.client(&key);
    let db = client.create_database(&team, "Lager", &json!({}));
    let tables = format!("/v1/teams/{team}/databases/{db}/tables");
    client.post(&tables, &json!({"name": "Log", "fields": [{"name": "N", "type": "number"}]})).ok();
    (place, server, client, format!("{tables}/Log/records"))
}

/// Sends a request's head and, once the server waits for the body, a part of that; gives the connection and the
/// rest.
fn half_a_write(client: &Client, records: &str) -> (TcpStream, &'static [u8]) {
    let body = b"{\"fields\":{\"N\":7}}";
    let (first, rest) = body.split_at(9);
    let mut stream = TcpStream::connect(client.addr()).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let head = format!(
        "POST {records} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\
         Expect: 100-continue\r\n\r\n",
        client.key().unwrap_or_default(),
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("the head is sent");
    let mut goes_on = [0; 25];
    stream.read_exact(&mut goes_on).expect("the server asks for the body");
    assert_eq!(&goes_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(first).expect("half the body is sent");
    (stream, rest)
}

fn send_signal(server: &Server, signal: &str) {
    let sent = Command::new("kill").args([signal, &server.pid().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()));
}

#[test]
fn a_request_under_way_is_finished_at_either_signal() {
    for signal in ["-TERM", "-INT"] {
        let (place, mut server, client, records) = with_table(&[]);
        let (mut stream, rest) = half_a_write(&client, &records);
        // An idle connection that is kept alive does not hold it up.
        let idle = TcpStream::connect(client.addr()).expect("a connection");
        send_signal(&server, signal);
        eventually("new connections are refused", || TcpStream::connect(client.addr()).is_err());
        assert!(server.is_running(), "it waits for the request");
        stream.write_all(rest).expect("the rest is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer and the end");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        eventually("the server has ended", || !server.is_running());
        assert_eq!(server.terminated().code(), Some(0), "{signal}");
        drop(idle);
        let server = place.serve();
        let there = server.client(client.key().unwrap_or_default()).get(&records).ok();
        assert_eq!(there[0]["fields"], json!({"N": 7}), "what was answered is stored");
    }
}

#[test]
fn a_request_that_does_not_end_is_cut_off() {
    let (_place, mut server, client, records) = with_table(&["--set", "http.drain_timeout_s=1"]);
    let (mut stream, _) = half_a_write(&client, &records);
    send_signal(&server, "-TERM");
    eventually("the server has ended", || !server.is_running());
    assert_eq!(server.terminated().code(), Some(0));
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
}
