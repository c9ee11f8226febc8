//! `/openapi.json` against what the server does: requests are generated from the document (PyPI `schemathesis`, which
//! `cargo xtask test` installs), and every answer must be one that the document describes. No answer is a 5xx.
#![allow(clippy::disallowed_methods, reason = "how long it may take is told by the environment")]
#![allow(clippy::print_stdout, reason = "what the generator printed belongs to the test output")]

use std::{env, path::Path, process::Command};

use boobook_testkit::{Client, Installation, Server, client_dir};
use serde_json::{Value, json};

/// Everything that a path can name, made once; gives the names.
fn stage(client: &Client, team: &str) -> Value {
    let db = client.create_database(team, "Stage", &json!({}));
    let base = format!("/v1/teams/{team}/databases/{db}");
    for name in ["Person", "Emptied"] {
        let table = json!({"name": name, "fields": [
            {"name": "Name", "type": "string"},
            {"name": "Age", "type": "number"},
            {"name": "Born", "type": "date"},
            {"name": "Status", "type": "choice", "choices": [{"caption": "new"}, {"caption": "won"}]},
            {"name": "Boss", "type": "ref", "referenceToTable": "Person", "reverseName": format!("Staff {name}")},
            {"name": "Double", "type": "fn", "fn": "Age * 2"},
            {"name": "Photo", "type": "image"},
        ]});
        client.post(&format!("{base}/tables"), &table).ok();
    }
    let record = json!({"fields": {"Name": "Jane", "Age": 33, "Born": "2001-02-03", "Status": "new"}});
    client.post(&format!("{base}/tables/A/records"), &record).ok();
    let view = json!({"caption": "All", "config": {"cols": [{"expression": "A"}, {"expression": "B", "agg": "sum"}]}});
    let view = client.post(&format!("{base}/tables/A/views"), &view).ok();
    client.post(&format!("{base}/reports"), &json!([{"id": "r1", "name": "Invoice"}])).ok();
    for (path, name, content) in
        [("tables/A/records/1", "jane.txt", &b"Hello, owl!"[..]), ("reports/r1", "template.txt", b"{{Name}}")]
    {
        let part = format!("Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
        let body = [b"--XX\r\n", part.as_bytes(), content, b"\r\n--XX--\r\n"].concat();
        let headers = [("Content-Type", "multipart/form-data; boundary=XX")];
        client
            .request("POST", &format!("{base}/{path}/files"), &headers, Some(&body))
            .expect("an answer")
            .ok();
    }
    let share = format!("{base}/tables/A/views/{}/share", view["id"].as_str().expect("an id"));
    let share = client.post(&share, &json!({})).ok();
    json!({
        "token": share["token"],
        "teamid": team, "dbid": db, "tid": "A", "fid": "B", "rid": 1, "viewid": view["id"], "reportid": "r1",
        "file": "jane.txt", "name": "template.txt", "emptied": "B", "key": client.key(),
    })
}

/// `BOOBOOK_DEEP` makes it ten minutes with a new seed instead of one and a half with always the same requests.
fn generator(venv: &Path, place: &Installation, server: &Server) -> Command {
    let tool =
        if cfg!(windows) { venv.join("Scripts/schemathesis.exe") } else { venv.join("bin/schemathesis") };
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients/schemathesis");
    // It writes where it stands, and looks there for the hooks that its configuration names.
    for file in ["schemathesis.toml", "hooks.py"] {
        std::fs::copy(ours.join(file), place.file(file)).expect("a copy");
    }
    let mut command = Command::new(tool);
    command.args(["run", &format!("{}/openapi.json", server.url()), "--no-color"]);
    // How many of the generated requests it throws away, and how slow the machine is, says nothing of the server.
    command.args(["--suppress-health-check", "filter_too_much,too_slow"]);
    let limits: &[&str] = if env::var_os("BOOBOOK_DEEP").is_some() {
        &["--max-examples", "200", "--max-time", "600", "--generation-database", "none"]
    } else {
        &["--max-examples", "12", "--max-time", "90", "--seed", "1", "--generation-deterministic"]
    };
    command.args(limits).current_dir(place.file("."));
    command
}

#[test]
fn every_answer_is_one_that_the_document_describes() {
    let Some(venv) = client_dir("schemathesis", "clients") else { return };
    let place = Installation::new(env!("CARGO_BIN_EXE_boobook"));
    let team = place.team("Stage");
    let key = place.key(&team, &["--role", "admin"]);
    let mut server = place.serve();
    let mut stage = stage(&server.client(&key), &team);
    stage["url"] = server.url().into();
    let mut command = generator(&venv, &place, &server);
    command
        .args(["--header", &format!("Authorization: Bearer {key}")])
        .env("BOOBOOK_STAGE", stage.to_string());
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => panic!("cannot start {}: {error}", command.get_program().display()),
    };
    let printed = String::from_utf8_lossy(&output.stdout);
    println!("{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}", output.status);
    assert!(server.is_running());
    let panics = server.log().matches("panicked").count();
    assert_eq!(panics, 0, "the server's log tells of panics");
}
