//! Out of one machine and back: a data directory copied into PostgreSQL, served from there, and copied into a directory
//! again, all of it compared over HTTP; a copy that is killed and goes on; the engine tried out on site.
//!
//! Without PostgreSQL they are skipped, with a printed reason.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod demo;

use std::{
    fs,
    path::PathBuf,
    process::{Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use boobook_testkit::{Client, Installation, Postgres, Server};
use demo::Demo;
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_boobook");

/// Runs the binary, without settings of the surroundings.
fn boobook(args: &[&str]) -> Output {
    Installation::new(BINARY).command(args).output().unwrap()
}

#[track_caller]
fn copy(args: &[&str]) -> Value {
    let output = boobook(&[&["store", "copy", "--json"], args].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn refused(args: &[&str], word: &str) {
    let output = boobook(&[&["store", "copy"], args].concat());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains(word), "{args:?}: {told}");
}

/// All that a client can see of a database.
fn everything(server: &Server, key: &str, base: &str) -> Value {
    let client = server.client(key);
    let mut all = json!({
        "teams": client.get("/v1/teams").ok(),
        "schema": client.get(&format!("{base}/schema")).ok(),
        "changes": client.get(&format!("{base}/changes?sinceSq=0&limit=1000000")).ok(),
    });
    for table in client.get(&format!("{base}/tables")).ok().as_array().unwrap() {
        let id = table["id"].as_str().unwrap();
        let records = client.get(&format!("{base}/tables/{id}/records?perPage=1000000")).ok();
        let first = records[0]["id"].as_u64();
        all[id] = records;
        if let Some(first) = first {
            let of_one = format!("{base}/tables/{id}/records/{first}");
            all[format!("{id} history")] = client.get(&format!("{of_one}/changes")).ok();
            all[format!("{id} files")] = client.get(&format!("{of_one}/files")).ok();
        }
    }
    all
}

/// A demo workspace with some history, an answered request, and a file.
struct Original {
    place: Installation,
    key: String,
    base: String,
    seen: Value,
}

const FILE: &str = "Hello from one machine";

fn original() -> Original {
    let place = Installation::new(BINARY);
    let demo = Demo::start(place.data().parent().unwrap(), 60);
    let (key, base) = (demo.admin_key.clone(), demo.database.clone());
    drop(demo);
    let server = place.serve();
    let client = server.client(&key);
    let contact = format!("{base}/tables/Contact/records");
    for n in 0..3 {
        let name = json!({"fields": {"First name": format!("Jane {n}")}});
        client.put(&format!("{contact}/1"), &name).ok();
    }
    client.delete(&format!("{contact}/2")).ok();
    once(&client, &contact);
    let body = format!(
        "--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n{FILE}\r\n--X--\r\n"
    );
    let headers = [("Content-Type", "multipart/form-data; boundary=X")];
    client.request("POST", &format!("{contact}/1/files"), &headers, Some(body.as_bytes())).unwrap().ok();
    let seen = everything(&server, &key, &base);
    assert!(server.terminate().success());
    Original { place, key, base, seen }
}

/// A request that has its effect once, however often it is sent.
fn once(client: &Client, contact: &str) {
    let body = br#"[{"fields":{"First name":"Once"}}]"#;
    let headers = [("Content-Type", "application/json"), ("Idempotency-Key", "only-once")];
    client.request("POST", contact, &headers, Some(body)).unwrap().ok();
}

#[test]
fn a_directory_grows_into_postgres_and_back() {
    let Some(postgres) = Postgres::shared() else { return };
    let (first, url) = (original(), postgres.url());
    let (key, base) = (&first.key, &first.base);
    let (grown, back) = (Installation::shared(BINARY, &url), Installation::new(BINARY));
    let text = |path: PathBuf| path.display().to_string();
    let (data, files, back_data) = (text(first.place.data()), text(grown.file("files")), text(back.data()));
    let contact = format!("{base}/tables/Contact/records");

    let server = first.place.serve();
    refused(&[&data, &url], "is in use by process");
    assert!(server.terminate().success());
    refused(&["/nowhere", &url], "there is no data directory");
    refused(&[&data, "mysql://db/boobook"], "a store is a data directory, or postgres://");
    refused(&[&data, &format!("{data}/../data")], "FROM and TO are the same");
    refused(&[&url, &back_data], "there is nothing to copy");

    let report = copy(&[&data, &url, "--files-to", &files]);
    let copied = &report["databases"][0];
    assert_eq!(
        (&report["files"], &copied["written"], &copied["answers"]),
        (&json!(1), &json!(true), &json!(1))
    );
    assert!(copied["history"].as_u64() > Some(2), "{report}");
    let again = copy(&[&data, &url, "--files-to", &files]);
    assert_eq!(again["databases"][0]["written"], json!(false), "it was there");
    assert_eq!(again["databases"][0]["sha256"], copied["sha256"]);

    let server = grown.serve();
    let client = server.client(key);
    assert_eq!(everything(&server, key, base), first.seen);
    assert_eq!(client.get(&format!("{contact}/1/files/a.txt")).text(), FILE);
    let before = client.get(&contact).text();
    once(&client, &contact);
    assert_eq!(client.get(&contact).text(), before, "the answer is remembered");
    client.put(&format!("{contact}/1"), &json!({"fields": {"First name": "Grown"}})).ok();
    let seen = everything(&server, key, base);
    assert_ne!(seen, first.seen);
    assert!(server.terminate().success());
    refused(&[&data, &url], "not the same any more");

    // To another server, and from there back into a directory.
    let moved = postgres.url();
    let on = copy(&[&url, &moved, "--files", &files]);
    let back_again = copy(&[&moved, &back_data, "--files", &files]);
    assert_eq!(on["databases"][0]["sha256"], back_again["databases"][0]["sha256"]);
    refused(&[&data, &back_data], "not the same any more");
    let server = back.serve();
    assert_eq!(everything(&server, key, base), seen);
    assert_eq!(server.client(key).get(&format!("{contact}/1/files/a.txt")).text(), FILE);
}

/// Waits for something to become true.
#[track_caller]
fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_mins(1), "{what} never happens");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_copy_that_is_killed_goes_on() {
    let Some(postgres) = Postgres::shared() else { return };
    let (first, url) = (original(), postgres.url());
    let (data, grown) = (first.place.data().display().to_string(), Installation::shared(BINARY, &url));
    let schema = url.split("schema=").nth(1).unwrap().to_owned();
    // Makes the tables.
    assert!(boobook(&["team", "list", "--store", &url]).status.success());
    postgres.psql(&format!("create table {schema}.go_on (n int)"));
    // Who writes history has to wait until there is that row.
    let hold = format!(
        "do $$ begin lock table {schema}.bb_history in exclusive mode; \
         loop perform pg_sleep(0.05); exit when exists (select 1 from {schema}.go_on); end loop; end $$"
    );
    let waiting = format!(
        "from pg_stat_activity where wait_event_type = 'Lock' and query like '%{schema}%' \
         and pid <> pg_backend_pid()"
    );
    thread::scope(|scope| {
        scope.spawn(|| postgres.psql(&hold));
        let locked = format!(
            "select count(*) from pg_locks where mode = 'ExclusiveLock' and relation = '{schema}.bb_history'::regclass"
        );
        wait_for("the lock", || postgres.psql(&locked) != "0");
        let mut child = grown
            .command(&["store", "copy", &data, &url])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for("writing", || postgres.psql(&format!("select count(*) {waiting}")) != "0");
        child.kill().unwrap();
        child.wait().unwrap();
        postgres.psql(&format!("select pg_terminate_backend(pid) {waiting}"));
        wait_for("the end of its work", || postgres.psql(&format!("select count(*) {waiting}")) == "0");
        postgres.psql(&format!("insert into {schema}.go_on values (1)"));
    });
    let half = postgres.psql(&format!("select count(*) from {schema}.bb_database where db <> ''"));
    let teams = boobook(&["team", "list", "--json", "--store", &url]);
    assert_eq!((&*half, String::from_utf8_lossy(&teams.stdout).trim()), ("1", "[]"), "half, and not served");

    let files = grown.file("files").display().to_string();
    let report = copy(&[&data, &url, "--files-to", &files]);
    assert_eq!(report["databases"][0]["written"], json!(true));
    assert_eq!(everything(&grown.serve(), &first.key, &first.base), first.seen);
}

#[test]
fn an_engine_is_tried_out_and_left_as_it_was() {
    let Some(postgres) = Postgres::shared() else { return };
    let place = tempfile::tempdir().unwrap();
    let (url, files) = (postgres.url(), place.path().join("files"));
    let at = ["--store", &url, "--files", files.to_str().unwrap()];
    let doctor = |more: &[&str]| {
        let output = boobook(&[&["doctor", "--json"], more, &at].concat());
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stdout));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let report = doctor(&[]);
    assert_eq!((&report["sound"], &report["databases"]), (&json!(true), &json!([])), "{report}");
    let tables = format!(
        "select count(*) from information_schema.tables where table_schema = '{}'",
        url.split("schema=").nth(1).unwrap()
    );
    assert_eq!(postgres.psql(&tables), "0", "looking makes nothing");
    let report = &report["engine"];
    assert_eq!((&report["sound"], &report["isolation"]), (&json!(true), &json!("read committed")));
    assert!(report["engine"].as_str().unwrap().starts_with("PostgreSQL"), "{report}");
    for of in [report, &report["files"]] {
        let holds = |property: &Value| property["holds"] == json!(true);
        assert!(of["properties"].as_array().unwrap().iter().all(holds), "{report}");
        assert!(of["latencies"][0]["medianMs"].as_f64() > Some(0.0), "{report}");
    }
    assert_eq!(report["files"]["properties"].as_array().unwrap().len(), 7);
    let schema = report["scratch"].as_str().unwrap().strip_prefix("schema ").unwrap();
    let left = format!("select count(*) from pg_namespace where nspname = '{schema}'");
    assert!(schema.starts_with("boobook_doctor_"), "{schema}");
    assert_eq!(postgres.psql(&left), "0", "{schema} is left behind");
    let mut contents = fs::read_dir(&files).unwrap().flatten().filter(|e| e.path().is_dir());
    assert!(contents.all(|folder| fs::read_dir(folder.path()).unwrap().next().is_none()));

    // Where there is data, that is looked through as well.
    for command in [&["team", "create", "Doctor"][..], &["database", "create", "--team", "Doctor", "Data"]] {
        assert!(boobook(&[command, &at].concat()).status.success());
    }
    let report = doctor(&[]);
    assert_eq!((&report["databases"][0]["name"], &report["engine"]["sound"]), (&json!("Data"), &json!(true)));
    let report = doctor(&["--only", "data"]);
    assert_eq!((&report["teams"], report.get("engine")), (&json!(1), None));
}

#[test]
fn a_disk_is_tried_out_and_left_as_it_was() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().to_str().unwrap();
    let output = boobook(&["doctor", "--only", "engine", "--data", data]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("SQLite 3.") && told.contains("commit of 1 record"), "{told}");
    let left = fs::read_dir(data).unwrap().flatten().map(|entry| entry.file_name());
    assert_eq!(left.filter(|name| name != "files").count(), 0);
}
