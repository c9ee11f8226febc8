//! `boobook query`, `boobook nx fmt` and `boobook nx check`, as somebody at a shell uses them.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    fs,
    io::Write as _,
    process::{Output, Stdio},
};

use boobook_testkit::{Installation, Server};
use serde_json::{Value, json};

struct Stage {
    place: Installation,
    server: Server,
    team: String,
    db: String,
    key: String,
}

impl Stage {
    fn new() -> Self {
        let place = Installation::new(env!("CARGO_BIN_EXE_boobook"));
        let team = place.team("Shell");
        let key = place.key(&team, &["--role", "admin"]);
        let server = place.serve();
        let client = server.client(&key);
        let db = client.create_database(&team, "Data", &json!({}));
        let stage = Self { place, server, team, db, key };
        let path = stage.path();
        client
            .post(
                &format!("{path}/tables"),
                &json!({"name": "Customer", "fields": [
            {"name": "Name", "type": "string"}, {"name": "Net", "type": "number"}]}),
            )
            .ok();
        client
            .post(
                &format!("{path}/tables/Customer/records"),
                &json!([
            {"fields": {"Name": "Ada", "Net": 1}}, {"fields": {"Name": "Bo", "Net": 2}}]),
            )
            .ok();
        stage
    }

    fn path(&self) -> String {
        format!("/v1/teams/{}/databases/{}", self.team, self.db)
    }

    /// `boobook query` with arguments, and what goes to standard input.
    fn query(&self, arguments: &[&str], input: &str) -> (bool, String, String) {
        let mut command = self.place.command(&["query"]);
        command.args(arguments).args(["--team", "Shell", "--database", "Data"]);
        command.env("BOOBOOK_URL", self.server.url()).env("BOOBOOK_KEY", &self.key);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        said(&child.wait_with_output().unwrap())
    }
}

fn said(output: &Output) -> (bool, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn scripts_run_on_a_server() {
    let stage = Stage::new();
    let ok = |arguments: &[&str], input: &str| {
        let (success, stdout, stderr) = stage.query(arguments, input);
        assert!(success, "{arguments:?}: {stderr}");
        stdout
    };
    assert_eq!(ok(&["sum((select Customer).Net)"], ""), "3\n");
    assert_eq!(ok(&["first(select Customer).Name"], ""), "Ada\n");
    assert_eq!(ok(&["Name + Nr", "--this", "A1"], ""), "Ada1\n");
    assert_eq!(ok(&["first(select Customer).Name", "--json"], ""), "\"Ada\"\n");
    assert_eq!(ok(&["-"], "cnt(select Customer)"), "2\n");
    assert_eq!(ok(&[], "1 +\n 1"), "2\n", "a pipe needs no dash");
    let objects = "for c in select Customer do {name: c.Name, net: c.Net} end";
    assert_eq!(ok(&[objects, "--table"], ""), "name  net\nAda   1\nBo    2\n");
    let printed: Value = serde_json::from_str(&ok(&[objects], "")).unwrap();
    assert_eq!(printed[1], json!({"name": "Bo", "net": 2}));
    assert_eq!(ok(&["--exec", "first(select Customer).Net := 7"], ""), "7\n");
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "sum((select Customer).Net)").unwrap();
    assert_eq!(ok(&["--file", &file.path().to_string_lossy()], ""), "9\n");
}

#[test]
fn what_is_wrong_with_a_script_is_shown_where_it_is() {
    let stage = Stage::new();
    let fails = |arguments: &[&str]| {
        let (success, stdout, stderr) = stage.query(arguments, "");
        assert!(!success && stdout.is_empty(), "{arguments:?}: {stdout}");
        stderr
    };
    let error = fails(&["let a := 1;\n(select Custmer).Name"]);
    assert!(
        error.contains("Table not found: Custmer")
            && error.contains("2 | (select Custmer).Name\n  |         ^"),
        "{error}"
    );
    assert!(error.contains("help: `.tables` and `.fields TABLE`"), "{error}");
    let error = fails(&["uper(\"x\")"]);
    assert!(error.contains("1 | uper(\"x\")\n  | ^^^^\n") && error.contains("nx functions NAME"), "{error}");
    let error = fails(&["(create Customer).Name := \"x\""]);
    assert!(error.contains("help: run it with --exec"), "{error}");
    let error = fails(&["1", "--url", "http://127.0.0.1:1"]);
    assert!(error.contains("does not answer") && error.contains("boobook serve"), "{error}");
    let error = fails(&["1", "--key", "wrong"]);
    assert!(error.contains("boobook key create"), "{error}");
    let error = fails(&["--file", "/does/not/exist.nx"]);
    assert!(error.contains("/does/not/exist.nx cannot be read"), "{error}");
}

#[test]
fn scripts_in_files_are_formatted() {
    let place = Installation::new(env!("CARGO_BIN_EXE_boobook"));
    let dir = tempfile::tempdir().unwrap();
    let (good, bad) = (dir.path().join("good.nx"), dir.path().join("bad.nx"));
    fs::write(&good, "if Net>(60) then Paid:=true").unwrap();
    fs::write(&bad, "1 +").unwrap();
    let run = |arguments: &[&str]| said(&place.command(&["nx", "fmt"]).args(arguments).output().unwrap());
    let (good_name, bad_name) = (good.to_string_lossy(), bad.to_string_lossy());
    let (success, _, stderr) = run(&["--check", &good_name]);
    assert!(!success && stderr.contains("1 of 1 scripts are not formatted"), "{stderr}");
    assert_eq!(fs::read_to_string(&good).unwrap(), "if Net>(60) then Paid:=true");
    let (success, stdout, _) = run(&[&good_name]);
    assert!(success && stdout.starts_with("formatted: "), "{stdout}");
    assert_eq!(fs::read_to_string(&good).unwrap(), "if Net > 60 then\n\tPaid := true\nend\n");
    assert!(run(&["--check", &good_name]).0, "what is formatted stays so");
    let (success, _, stderr) = run(&[&bad_name]);
    assert!(
        !success && stderr.contains("expected an expression") && stderr.contains("line 1, column 4"),
        "{stderr}"
    );
    assert_eq!(fs::read_to_string(&bad).unwrap(), "1 +");
    // One that cannot be read does not keep others from being formatted.
    fs::write(&good, "1+1").unwrap();
    let (success, stdout, stderr) = run(&[&bad_name, &good_name]);
    assert!(!success && stdout.starts_with("formatted: ") && stderr.contains("bad.nx"), "{stdout}{stderr}");
    assert_eq!(fs::read_to_string(&good).unwrap(), "1 + 1\n");
}

#[test]
fn scripts_are_checked_against_the_schema_of_a_server() {
    let stage = Stage::new();
    let dir = tempfile::tempdir().unwrap();
    let (schema, script) = (dir.path().join("schema.json"), dir.path().join("script.nx"));
    let served = stage.server.client(&stage.key).get(&format!("{}/schema", stage.path())).ok();
    fs::write(&schema, served.to_string()).unwrap();
    let check = |source: &str, more: &[&str]| {
        fs::write(&script, source).unwrap();
        let mut command = stage.place.command(&["nx", "check"]);
        command.args([&script, std::path::Path::new("--schema"), &schema]).args(more);
        said(&command.output().unwrap())
    };
    let (success, _, stderr) = check("(select Customer).Net", &[]);
    assert!(success && stderr.contains("no errors"), "{stderr}");
    assert!(check("Net * 2", &["--table", "Customer"]).0);
    let (success, stdout, _) = check("Nett * 2", &["--table", "Customer"]);
    assert!(!success && stdout.contains("Field not found: Nett") && stdout.contains("Net"), "{stdout}");
    let (success, stdout, _) = check("1 +\n Nett", &["--table", "Customer", "--json"]);
    let found: Value = serde_json::from_str(&stdout).unwrap();
    assert!(!success);
    assert_eq!(
        (&found[0]["line"], &found[0]["column"], &found[0]["severity"]),
        (&json!(2), &json!(2), &json!("error"))
    );
    let (success, _, stderr) = check("1", &["--table", "Custmer"]);
    assert!(!success && stderr.contains("it has Customer"), "{stderr}");
}
