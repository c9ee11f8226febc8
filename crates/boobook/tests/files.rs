//! Files on a disk: a back-up has them, the doctor misses them, a killed server keeps them.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use boobook_testkit::{Client, Installation};
use serde_json::{Value, json};

fn upload(client: &Client, path: &str, name: &str, content: &str) -> Value {
    let body = format!(
        "--X\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n{content}\r\n--X--\r\n"
    );
    let headers = [("Content-Type", "multipart/form-data; boundary=X")];
    client.request("POST", path, &headers, Some(body.as_bytes())).unwrap().ok()
}

/// Every content below a directory.
fn contents(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().unwrap().len() == 64 {
                found.push(path);
            }
        }
    }
    found
}

fn doctor(place: &Installation, data: &Path) -> (bool, Value) {
    let output = place.command(&["doctor", "--json"]).env("BOOBOOK_DATA", data).output().unwrap();
    (output.status.success(), serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn files_outlive_a_kill_are_backed_up_and_missed() {
    let place = Installation::new(env!("CARGO_BIN_EXE_boobook"));
    let team = place.team("Files");
    let key = place.key(&team, &["--role", "admin"]);
    let server = place.serve();
    let client = server.client(&key);
    let db = client.create_database(&team, "Data", &json!({}));
    let path = format!("/v1/teams/{team}/databases/{db}");
    client.post(&format!("{path}/tables"), &json!({"name": "T", "fields": []})).ok();
    client.post(&format!("{path}/tables/T/records"), &json!({"fields": {}})).ok();
    let files = format!("{path}/tables/T/records/1/files");
    upload(&client, &files, "a.txt", "Hello, owl!");
    let copy = place.file("copy");
    place.cli(&["backup", copy.to_str().unwrap()]);
    upload(&client, &files, "b.txt", "Second");
    server.kill9();

    let server = place.serve();
    let client = server.client(&key);
    let names = client.get(&files).json();
    let names: Vec<&str> =
        names.as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a.txt", "b.txt"]);
    assert_eq!(client.get(&format!("{files}/b.txt")).text(), "Second");
    let (is_sound, report) = doctor(&place, &place.data());
    assert!(is_sound && report["databases"][0]["files"] == 2, "{report}");

    let (is_sound, report) = doctor(&place, &copy);
    assert!(is_sound && report["databases"][0]["files"] == 1, "{report}");
    let [only] = &contents(&copy.join("files"))[..] else { panic!("one file was there when it was copied") };
    assert_eq!(fs::read_to_string(only).unwrap(), "Hello, owl!");
    fs::remove_file(only).unwrap();
    let (is_sound, report) = doctor(&place, &copy);
    let hash = only.file_name().unwrap().to_str().unwrap();
    assert!(!is_sound && report["databases"][0]["missingFiles"] == json!([hash]), "{report}");
}
