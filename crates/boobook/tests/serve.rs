//! The server as a process: start and stop, one per data directory, what the command line changes under it, live
//! streams, a copy that serves.
#![allow(clippy::disallowed_methods, reason = "tests measure time")]

use std::{
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use boobook_testkit::{Client, Installation, Server};
use serde_json::json;

/// A server with a team, a key and an empty database; gives its path.
struct Stage {
    place: Installation,
    server: Server,
    client: Client,
    team: String,
    base: String,
}

impl Stage {
    fn new() -> Self {
        let place = Installation::new(env!("CARGO_BIN_EXE_boobook"));
        let team = place.team("Werkstatt");
        let key = place.key(&team, &["--role", "admin"]);
        let server = place.serve();
        let client = server.client(&key);
        let db = client.create_database(&team, "Lager", &json!({}));
        let base = format!("/v1/teams/{team}/databases/{db}");
        let table = json!({"name": "Log", "fields": [{"name": "N", "type": "number"}]});
        client.post(&format!("{base}/tables"), &table).ok();
        Self { place, server, client, team, base }
    }

    fn records(&self) -> String {
        format!("{}/tables/Log/records", self.base)
    }

    fn add(&self, n: u64) {
        self.client.post(&self.records(), &json!({"fields": {"N": n}})).ok();
    }
}

/// Waits until the server answers a key with that status; panics after two seconds.
#[track_caller]
fn answers(client: &Client, status: u16) {
    let start = Instant::now();
    loop {
        let answer = client.get("/v1/teams");
        if answer.status() == status {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(2), "expected {status}: {answer}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn sigterm_ends_orderly_and_everything_is_there_again() {
    let stage = Stage::new();
    stage.add(1);
    let Stage { place, server, client, base, .. } = stage;
    // A live stream does not hold it up.
    let (head, _stream) = client.stream(&format!("{base}/changes?live=T"), &[]).expect("a stream");
    assert_eq!(head.status, 200);
    let start = Instant::now();
    assert_eq!(server.terminate().code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(15), "took {:?}", start.elapsed());

    let server = place.serve();
    let client = server.client(client.key().unwrap_or_default());
    let records = client.get(&format!("{base}/tables/Log/records")).ok();
    assert_eq!(records[0]["fields"], json!({"N": 1}));
}

#[test]
fn requests_under_way_are_answered_before_it_ends() {
    let stage = Stage::new();
    let records = stage.records();
    let client = stage.client.clone();
    let many: Vec<_> = (0..20_000).map(|n| json!({"fields": {"N": n}})).collect();
    let writer = thread::spawn({
        let records = records.clone();
        move || client.request("POST", &records, &[], Some(json!(many).to_string().as_bytes()))
    });
    thread::sleep(Duration::from_millis(150));
    assert_eq!(stage.server.terminate().code(), Some(0));
    let answered = writer.join().expect("the thread ends");
    let server = stage.place.serve();
    let client = server.client(stage.client.key().unwrap_or_default());
    let there = client.get(&format!("{records}?perPage=100000")).ok().as_array().map_or(0, Vec::len);
    match answered {
        Ok(answer) if answer.status() == 200 => assert_eq!(there, 20_000),
        // It came too late: refused, or not even read.
        _ => assert!(there == 0 || there == 20_000, "{there} of 20000 records"),
    }
}

#[test]
fn a_second_server_on_the_same_directory_is_refused() {
    let stage = Stage::new();
    let message = stage.place.try_serve(&[]).expect_err("the second server does not start");
    assert!(message.contains("ended"), "{message}");
    let data = stage.place.data();
    assert!(message.contains(&*data.to_string_lossy()), "the message names the directory: {message}");
    assert!(!message.contains("panicked"), "{message}");
    // The first goes on.
    stage.add(1);
}

#[test]
fn the_command_line_changes_what_a_running_server_knows() {
    let stage = Stage::new();
    let key = stage.place.key(&stage.team, &["--role", "editor", "--name", "temporary"]);
    let client = stage.server.client(&key);
    answers(&client, 200);

    let listed = stage.place.cli(&["key", "list", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("a JSON array");
    assert!(!listed.to_string().contains(&key), "a key is shown once");
    let id = listed
        .as_array()
        .and_then(|keys| keys.iter().find(|entry| entry["name"] == "temporary"))
        .and_then(|entry| entry["id"].as_str())
        .expect("the list has the key's id");
    stage.place.cli(&["key", "revoke", id]);
    answers(&client, 401);

    let brief = stage.server.client(&stage.place.key(&stage.team, &["--role", "admin", "--expires", "2s"]));
    answers(&brief, 200);
    thread::sleep(Duration::from_secs(2));
    assert_eq!(brief.get("/v1/teams").status(), 401, "its time has passed");

    let db = stage.place.database(&stage.team, "Zweite");
    let start = Instant::now();
    let path = format!("/v1/teams/{}/databases/{db}/tables", stage.team);
    while stage.client.get(&path).status() == 404 {
        assert!(start.elapsed() < Duration::from_secs(2), "the new database is not seen");
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(stage.client.get(&path).ok(), json!([]));
}

#[test]
fn keys_are_not_on_the_disk() {
    let place = Installation::new(env!("CARGO_BIN_EXE_boobook"));
    let team = place.team("Werkstatt");
    let key = place.key(&team, &["--role", "admin"]);
    let mut folders = vec![place.data()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
                continue;
            }
            let bytes = fs::read(entry.path()).expect("a file");
            assert!(!bytes.windows(key.len()).any(|w| w == key.as_bytes()), "{}", entry.path().display());
            files += 1;
        }
    }
    assert!(files > 0);
}

#[test]
fn live_streams_follow_commits() {
    let stage = Stage::new();
    stage.add(1);
    let target = format!("{}/changes?live=T&sinceSq=0", stage.base);
    let (head, mut stream) = stage.client.stream(&target, &[]).expect("a stream");
    assert_eq!(head.status, 200);
    assert!(head.header("Content-Type").is_some_and(|t| t.starts_with("text/event-stream")));
    stream.set_timeout(Duration::from_secs(10)).expect("a timeout");
    let mut next = |n: u64| {
        let (id, _, data) = stream.next_event().expect("an event in time").expect("the stream goes on");
        let item: serde_json::Value = serde_json::from_str(&data).expect("JSON");
        assert_eq!(item["A"], json!(n), "{item}");
        assert_eq!(item["_sq"].to_string(), id, "the event's id is its sequence");
        id
    };
    next(1);
    let mut last = String::new();
    for n in 2..=20 {
        stage.add(n);
        last = next(n);
    }

    // A client that comes back misses nothing and gets nothing twice.
    stage.add(21);
    let again = format!("{}/changes?live=T", stage.base);
    let (_, mut stream) = stage.client.stream(&again, &[("Last-Event-ID", &last)]).expect("a stream");
    stream.set_timeout(Duration::from_secs(10)).expect("a timeout");
    let (_, _, data) = stream.next_event().expect("an event in time").expect("the stream goes on");
    assert!(data.contains("\"A\":21"), "{data}");
}

#[test]
fn a_backup_made_while_clients_write_serves() {
    let stage = Stage::new();
    for n in 0..50 {
        stage.add(n);
    }
    let copy = Installation::new(env!("CARGO_BIN_EXE_boobook"));
    let dest = copy.data();
    thread::scope(|scope| {
        let (client, records) = (stage.client.clone(), stage.records());
        let writer = scope.spawn(move || {
            for n in 50..150 {
                client.post(&records, &json!({"fields": {"N": n}})).ok();
            }
        });
        stage.place.cli(&["backup", &dest.to_string_lossy()]);
        writer.join().expect("the writer ends");
    });
    let server = copy.serve();
    let client = server.client(stage.client.key().unwrap_or_default());
    let records = client.get(&format!("{}?perPage=1000", stage.records())).ok();
    let numbers: Vec<u64> =
        records.as_array().expect("an array").iter().filter_map(|r| r["fields"]["N"].as_u64()).collect();
    assert!(numbers.len() >= 50, "all that was there before is in the copy");
    assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>(), "the copy is one moment's state");
    // And it takes writes of its own.
    client.post(&stage.records(), &json!({"fields": {"N": 1}})).ok();
}

#[test]
fn the_demo_serves_what_it_prints() {
    let place = Installation::new(env!("CARGO_BIN_EXE_boobook"));
    let mut command = place.command(&["demo", "--listen", "127.0.0.1:0", "--contacts", "50"]);
    command.arg("--data").arg(place.data());
    command.stdout(fs::File::create(place.file("out")).expect("a file"));
    command.stderr(fs::File::create(place.file("err")).expect("a file"));
    let mut child = command.spawn().expect("the demo starts");
    let start = Instant::now();
    let printed = loop {
        let text = fs::read_to_string(place.file("out")).unwrap_or_default();
        if text.contains("API documentation") || start.elapsed() > Duration::from_secs(30) {
            break text;
        }
        thread::sleep(Duration::from_millis(20));
    };
    let outcome = try_demo(&place, &printed);
    let _ = child.kill();
    let _ = child.wait();
    if let Err(problem) = outcome {
        let errors = fs::read_to_string(place.file("err")).unwrap_or_default();
        panic!("{problem}\n--- printed\n{printed}\n{errors}");
    }
}

/// Uses the address, the key and the curl lines that the demo printed.
fn try_demo(place: &Installation, printed: &str) -> Result<(), String> {
    let word = |name: &str| {
        let rest = &printed[printed.find(name).ok_or(format!("{name} is not printed"))? + name.len()..];
        Ok::<_, String>(rest.split_whitespace().next().unwrap_or_default().to_owned())
    };
    let (url, key) = (word("BOOBOOK_URL=")?, word("BOOBOOK_KEY=")?);
    let addr = url.trim_start_matches("http://").parse().map_err(|e| format!("{url}: {e}"))?;
    let client = Client::new(addr, Some(&key));
    let start = Instant::now();
    while client.request("GET", "/readyz", &[], None).is_err() && start.elapsed() < Duration::from_secs(10) {
        thread::sleep(Duration::from_millis(20));
    }
    let get = |path: &str| {
        let answer = client.request("GET", path, &[], None).map_err(|e| format!("{path}: {e}"))?;
        if answer.status() == 200 { Ok(answer.json()) } else { Err(answer.to_string()) }
    };
    let team = get("/v1/teams")?[0]["id"].as_str().unwrap_or_default().to_owned();
    let db = get(&format!("/v1/teams/{team}/databases"))?[0]["id"].as_str().unwrap_or_default().to_owned();
    let tables = format!("/v1/teams/{team}/databases/{db}/tables");
    let all = get(&tables)?.as_array().cloned().unwrap_or_default();
    if all.len() < 6 {
        return Err("there should be customers, contacts, products, orders, order items, invoices".into());
    }
    for table in &all {
        let id = table["id"].as_str().unwrap_or_default();
        if get(&format!("{tables}/{id}/records?perPage=5"))? == json!([]) {
            return Err(format!("no records in {table}"));
        }
    }
    // The lines ready to paste; the live stream does not end.
    let lines: Vec<&str> = printed.lines().map(str::trim).filter(|l| l.starts_with("curl ")).collect();
    if lines.is_empty() {
        return Err("no curl lines".into());
    }
    for line in lines.into_iter().filter(|line| !line.contains("live=T")) {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("{line} --silent --show-error --fail-with-body"));
        shell.env("BOOBOOK_URL", &url).env("BOOBOOK_KEY", &key).current_dir(place.data());
        let output = shell.output().map_err(|e| e.to_string())?;
        // 127: no curl on this machine.
        if !output.status.success() && output.status.code() != Some(127) {
            let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            return Err(format!("{line}\n{said}"));
        }
    }
    Ok(())
}
