//! Database files that cannot be read, beside others that can: each is told by name with what to do, the others
//! serve, and a good copy is taken up again without a restart.
#![allow(clippy::disallowed_methods, reason = "tests wait with a deadline")]

use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use boobook_testkit::{Client, Installation, Server};
use serde_json::{Value, json};

/// Longest wait for a file that was put back.
const PATIENCE: Duration = Duration::from_secs(20);
/// Records of each database: enough that the middle of its file is in the middle of them.
const RECORDS: usize = 3_000;

/// What happens to a file, and what is said then.
struct Damage {
    name: &'static str,
    harm: fn(&mut Vec<u8>),
    words: &'static [&'static str],
}

const DAMAGES: [Damage; 5] = [
    Damage { name: "Empty", harm: Vec::clear, words: &["the file is empty", "back-up"] },
    Damage { name: "Half", harm: |bytes| bytes.truncate(bytes.len() / 2), words: &["back-up"] },
    Damage { name: "Garbage", harm: |bytes| garbage(bytes), words: &["back-up"] },
    Damage {
        name: "Text",
        harm: |bytes| *bytes = b"this is no database at all, whatever its name says".repeat(500),
        words: &["back-up"],
    },
    // SQLite keeps `user_version`, the format, in bytes 60 to 63.
    Damage {
        name: "Newer",
        harm: |bytes| bytes[60..64].copy_from_slice(&77_u32.to_be_bytes()),
        words: &["format 77", "newer"],
    },
];

fn garbage(bytes: &mut [u8]) {
    let (from, to) = (bytes.len() / 4, bytes.len() / 4 * 3);
    for (n, byte) in bytes[from..to].iter_mut().enumerate() {
        *byte = (n.wrapping_mul(2_654_435_761) >> 7) as u8;
    }
}

/// Databases with equal content and, of each, its id and its file as it should be.
struct Stage {
    place: Installation,
    team: String,
    key: String,
    databases: Vec<(String, Vec<u8>)>,
}

impl Stage {
    fn new(names: &[&str]) -> Self {
        let place = Installation::new(env!("CARGO_BIN_EXE_boobook"));
        let team = place.team("Werkstatt");
        let key = place.key(&team, &["--role", "admin"]);
        let server = place.serve();
        let client = server.client(&key);
        let table = json!({"name": "Log", "fields": [{"name": "Text", "type": "string"}]});
        let rows: Vec<Value> = (0..RECORDS)
            .map(|n| json!({"fields": {"Text": format!("record {n} {}", "x".repeat(60))}}))
            .collect();
        let mut ids = Vec::new();
        for name in names {
            let id = client.create_database(&team, name, &json!({}));
            let tables = format!("/v1/teams/{team}/databases/{id}/tables");
            client.post(&tables, &table).ok();
            client.post(&format!("{tables}/Log/records"), &json!(rows)).ok();
            ids.push(id);
        }
        // An orderly end leaves all of a database in its file.
        assert_eq!(server.terminate().code(), Some(0));
        let mut stage = Self { place, team, key, databases: Vec::new() };
        for id in ids {
            let bytes = fs::read(stage.file(&id)).expect("the database's file");
            stage.databases.push((id, bytes));
        }
        stage
    }

    fn file(&self, id: &str) -> PathBuf {
        self.place.data().join("databases").join(format!("{id}.db"))
    }

    fn records(&self, id: &str) -> String {
        format!("/v1/teams/{}/databases/{id}/tables/Log/records", self.team)
    }

    #[track_caller]
    fn serves(&self, client: &Client, id: &str) {
        let all = client.get(&format!("{}?perPage=100000", self.records(id))).ok();
        let all = all.as_array().expect("an array");
        assert!(all.len() >= RECORDS, "{} records of {RECORDS}", all.len());
        assert!(all[0]["fields"]["Text"].as_str().is_some_and(|text| text.starts_with("record 0 ")));
    }

    fn serve(&self) -> (Server, Client) {
        let server = self.place.serve();
        let client = server.client(&self.key);
        (server, client)
    }
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

#[test]
fn each_damage_is_told_and_mended_while_the_others_serve() {
    let names: Vec<&str> = ["Good", "Other"].into_iter().chain(DAMAGES.iter().map(|d| d.name)).collect();
    let stage = Stage::new(&names);
    let (sound, broken) = stage.databases.split_at(2);
    for ((id, bytes), damage) in broken.iter().zip(&DAMAGES) {
        let mut bytes = bytes.clone();
        (damage.harm)(&mut bytes);
        fs::write(stage.file(id), bytes).expect("the file is written");
    }
    let (server, client) = stage.serve();
    for ((id, _), damage) in broken.iter().zip(&DAMAGES) {
        let record = json!({"fields": {"Text": "more"}});
        for answer in [
            client.get(&stage.records(id)),
            client.get(&format!("/v1/teams/{}/databases/{id}/changes?live=T", stage.team)),
            client.post(&stage.records(id), &record),
        ] {
            let message = answer.error(503);
            assert_eq!(answer.json()["code"], "unavailable");
            for word in damage.words.iter().chain([&id.as_str()]) {
                assert!(message.contains(word), "{}: no {word:?} in {message:?}", damage.name);
            }
        }
        eventually(&format!("{} is in the log", damage.name), || server.log().contains(id.as_str()));
        for (id, _) in sound {
            stage.serves(&client, id);
            client.post(&stage.records(id), &record).ok();
        }
    }
    let unreadable = |n: usize| {
        let metrics = client.get("/metrics").text();
        metrics.lines().any(|line| line == format!("boobook_databases_unreadable {n}"))
    };
    assert!(unreadable(DAMAGES.len()), "{}", client.get("/metrics"));
    // One bad file is no reason to send all clients elsewhere.
    assert_eq!(client.get("/readyz").ok()["status"], "ready");
    let listed = client.get(&format!("/v1/teams/{}/databases", stage.team)).ok();
    assert_eq!(listed.as_array().map(Vec::len), Some(names.len()), "all are listed, the bad ones too");

    for ((id, bytes), damage) in broken.iter().zip(&DAMAGES) {
        fs::write(stage.file(id), bytes).expect("the file is written");
        for suffix in ["db-wal", "db-shm"] {
            let _ = fs::remove_file(stage.file(id).with_extension(suffix));
        }
        let taken_up = format!("{}: the good file is taken up", damage.name);
        eventually(&taken_up, || client.get(&stage.records(id)).status() != 503);
        stage.serves(&client, id);
        client.post(&stage.records(id), &json!({"fields": {"Text": "again"}})).ok();
    }
    assert!(unreadable(0), "{}", client.get("/metrics"));
}

#[test]
fn a_file_that_is_gone_is_told_and_its_database_can_be_deleted() {
    let stage = Stage::new(&["Good", "Gone"]);
    let (good, gone) = (&stage.databases[0].0, &stage.databases[1].0);
    fs::remove_file(stage.file(gone)).expect("the file goes");
    let (_server, client) = stage.serve();
    let message = client.get(&stage.records(gone)).error(503);
    assert!(message.contains(gone.as_str()) && message.contains("back-up"), "{message}");
    stage.serves(&client, good);
    stage.place.cli(&["database", "delete", gone, "--yes"]);
    eventually("the deleted database is forgotten", || client.get(&stage.records(gone)).status() == 404);
    eventually("it is no worry any more", || {
        client.get("/metrics").text().contains("\nboobook_databases_unreadable 0\n")
    });
    stage.serves(&client, good);
}

#[test]
fn a_backup_copies_all_that_can_be_read_and_names_the_rest() {
    let stage = Stage::new(&["Good", "Bad"]);
    let (good, bad) = (&stage.databases[0].0, &stage.databases[1].0);
    fs::write(stage.file(bad), "nonsense".repeat(1_000)).expect("the file is written");
    let copy = Installation::new(env!("CARGO_BIN_EXE_boobook"));
    let output = stage.place.try_cli(&["backup", &copy.data().to_string_lossy(), "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).expect("--json prints JSON alone");
    assert_eq!((&report["databases"], &report["failed"][0]["id"]), (&json!(1), &json!(bad)), "{report}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(bad.as_str()) && said.contains("earlier backup"), "{said}");
    let server = copy.serve();
    let client = server.client(&stage.key);
    stage.serves(&client, good);
    let message = client.get(&stage.records(bad)).error(503);
    assert!(message.contains(bad.as_str()), "{message}");
}

/// The catalogue is another matter: without it nothing can be served, and the server says so and does not start.
#[test]
fn a_damaged_catalogue_stops_the_start() {
    let stage = Stage::new(&[]);
    let catalogue = stage.place.data().join("catalogue.db");
    let good = fs::read(&catalogue).expect("the catalogue");
    for (harm, words) in
        [(DAMAGES[3].harm, ["catalogue.db", "back-up"]), (DAMAGES[4].harm, ["format 77", "newer"])]
    {
        let mut bytes = good.clone();
        harm(&mut bytes);
        fs::write(&catalogue, bytes).expect("the file is written");
        let said = stage.place.try_serve(&[]).expect_err("the server does not start");
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
        assert!(said.contains("exit status: 1") && !said.contains("panicked"), "{said}");
    }
    fs::write(&catalogue, good).expect("the file is written");
    let (_server, client) = stage.serve();
    client.get("/v1/teams").ok();
}
