//! Unmodified clients of the Ninox API against the real binary. `cargo xtask test` installs them.
#![allow(clippy::print_stdout, reason = "what a client printed belongs to the test output")]

use std::{path::Path, process::Command};

use boobook_testkit::{Installation, Server, client_dir};
use serde_json::json;

/// A server with a team `Werkstatt`, a database `Lager` and an empty table `Contact`; gives it and a key.
fn prepare(place: &Installation) -> (Server, String) {
    let team = place.team("Werkstatt");
    let key = place.key(&team, &["--role", "admin"]);
    let server = place.serve();
    let client = server.client(&key);
    let db = client.create_database(&team, "Lager", &json!({}));
    let table = json!({"name": "Contact", "fields": [
        {"name": "Name", "type": "string"},
        {"name": "Age", "type": "number"},
        {"name": "Status", "type": "choice", "choices": [{"caption": "new"}, {"caption": "won"}]},
    ]});
    client.post(&format!("/v1/teams/{team}/databases/{db}/tables"), &table).ok();
    (server, key)
}

/// Runs a client's script and shows what it printed where it failed.
#[track_caller]
fn run(script: &mut Command, server: &Server, key: &str) {
    script
        .env("NINOX_URL", server.url())
        .env("NINOX_KEY", key)
        .env("NINOX_TEAM", "Werkstatt")
        .env("NINOX_DATABASE", "Lager");
    let output = match script.output() {
        Ok(output) => output,
        Err(error) => panic!("cannot start {}: {error}", script.get_program().display()),
    };
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{printed}\n{errors}", output.status);
    println!("{printed}");
}

fn script(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients").join(path)
}

#[test]
fn npm_ninoxjs() {
    let Some(modules) = client_dir("ninoxjs", "clients") else { return };
    let place = Installation::new(env!("CARGO_BIN_EXE_boobook"));
    let (server, key) = prepare(&place);
    let mut node = Command::new("node");
    node.arg(script("ninoxjs/run.mjs")).env("NINOX_MODULES", modules);
    run(&mut node, &server, &key);
}

#[test]
fn pypi_ninox() {
    let Some(venv) = client_dir("ninox-py", "clients") else { return };
    let place = Installation::new(env!("CARGO_BIN_EXE_boobook"));
    let (server, key) = prepare(&place);
    let python = if cfg!(windows) { venv.join("Scripts/python.exe") } else { venv.join("bin/python") };
    let mut python = Command::new(python);
    python.arg(script("ninox-py/run.py"));
    run(&mut python, &server, &key);
}
