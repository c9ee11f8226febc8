//! `boobook import`: runs that are cut off and done again, files as programs write them, and what is said when it
//! cannot be done.
#![allow(clippy::disallowed_methods, reason = "tests wait with a deadline")]

use std::{
    fmt::Write as _,
    fs,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use boobook_testkit::{Client, Installation, Server};
use serde_json::{Value, json};

/// Longest wait for something to happen.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server with an empty database.
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
        let team = place.team("Import");
        let key = place.key(&team, &["--role", "admin"]);
        let server = place.serve();
        let db = server.client(&key).create_database(&team, "Data", &json!({}));
        Self { place, server, team, db, key }
    }

    fn client(&self) -> Client {
        self.server.client(&self.key)
    }

    fn table(&self, name: &str) -> String {
        format!("/v1/teams/{}/databases/{}/tables/{name}", self.team, self.db)
    }

    fn make_table(&self, name: &str, fields: &Value) {
        let tables = format!("/v1/teams/{}/databases/{}/tables", self.team, self.db);
        self.client().post(&tables, &json!({"name": name, "fields": fields})).ok();
    }

    /// The fields of all records of a table.
    fn fields(&self, table: &str) -> Vec<Value> {
        let all = self.client().get(&format!("{}/records?perPage=1000000", self.table(table))).ok();
        all.as_array().expect("an array").iter().map(|record| record["fields"].clone()).collect()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.place.file(name), bytes).expect("a file");
    }

    fn command(&self, file: &str, table: &str, more: &[&str]) -> Command {
        let mut command = self.place.command(&["import", file, "--table", table]);
        command.args(["--team", &self.team, "--database", &self.db]);
        command.args(more).env("BOOBOOK_URL", self.server.url()).env("BOOBOOK_KEY", &self.key);
        command
    }

    /// Imports and gives what was printed; panics where it fails.
    #[track_caller]
    fn import(&self, file: &str, table: &str, more: &[&str]) -> String {
        let output = self.command(file, table, more).output().expect("the binary starts");
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Imports with `--json`; gives the exit code and the summary.
    #[track_caller]
    fn summary(&self, file: &str, table: &str, more: &[&str]) -> (Option<i32>, Value) {
        let output = self.command(file, table, more).arg("--json").output().expect("the binary starts");
        match serde_json::from_slice(&output.stdout) {
            Ok(json) => (output.status.code(), json),
            Err(error) => panic!("--json prints JSON alone: {error}\n{}", said(&output)),
        }
    }

    /// Imports what must not go; gives what was said.
    #[track_caller]
    fn refused(&self, code: i32, mut command: Command, words: &[&str]) {
        let output = command.output().expect("the binary starts");
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        for word in words {
            assert!(said.contains(word), "no {word:?} in:\n{said}");
        }
        assert!(!said.contains("panicked"), "{said}");
        self.client().get("/v1/teams").ok();
    }
}

fn said(output: &Output) -> String {
    [String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)].concat()
}

/// A file of that many rows, each with its own number, some with a line break in a cell.
fn rows(count: usize) -> String {
    let mut text = "N,Name,Paid,Note\n".to_owned();
    for n in 0..count {
        let _ =
            writeln!(text, "{n},\"Customer {}, GmbH\",{},\"line {n}\nline 2\"", n % 97, ["yes", "no"][n % 2]);
    }
    text
}

#[track_caller]
fn each_once(stage: &Stage, table: &str, count: usize) {
    let numbers: Vec<u64> = stage.fields(table).iter().filter_map(|fields| fields["N"].as_u64()).collect();
    assert_eq!(numbers.len(), count);
    assert!(numbers.iter().copied().eq(0..count as u64), "each row once, in the order of the file");
}

#[test]
fn an_import_cut_off_by_the_servers_death_is_done_again_without_doubles() {
    const ROWS: usize = 15_000;
    let mut stage = Stage::new();
    stage.write("rows.csv", rows(ROWS));
    let mut command = stage.command("rows.csv", "Row", &["--batch", "50"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let (client, start) = (stage.client(), Instant::now());
    let count = format!("{}/records?perPage=2000", stage.table("Row"));
    loop {
        let there = client.get(&count);
        if there.status() == 200 && there.ok().as_array().is_some_and(|all| all.len() >= 1_000) {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "the import does not get on");
        thread::sleep(Duration::from_millis(2));
    }
    stage.server.kill9();
    let output = child.wait_with_output().expect("the import ends");
    let first = said(&output);
    assert_eq!(output.status.code(), Some(1), "{first}");
    assert!(first.contains("does not answer") && first.contains("run the same import again"), "{first}");

    stage.server = stage.place.serve();
    let before = stage.fields("Row").len();
    assert!((1_000..ROWS).contains(&before), "{before} rows came before the end");
    let (code, summary) = stage.summary("rows.csv", "Row", &["--batch", "50"]);
    assert_eq!(code, Some(0), "{summary}");
    assert_eq!(summary["importedBefore"], before);
    assert_eq!(summary["imported"], ROWS - before);
    each_once(&stage, "Row", ROWS);
}

#[test]
fn the_same_import_twice_adds_nothing_until_asked_to() {
    let stage = Stage::new();
    stage.write("rows.csv", rows(300));
    stage.import("rows.csv", "Row", &["--batch", "70"]);
    let again = stage.import("rows.csv", "Row", &["--batch", "70"]);
    assert!(
        again.contains("imported 0 records") && again.contains("300 had been imported before"),
        "{again}"
    );
    each_once(&stage, "Row", 300);

    // The same database by another name of it.
    let mut by_name = stage.place.command(&["import", "rows.csv", "--table", "row", "--batch", "70"]);
    by_name.args(["--team", "Import", "--database", "Data", "--url", &stage.server.url()]);
    let by_name = by_name.env("BOOBOOK_KEY", &stage.key).output().expect("the binary starts");
    assert!(by_name.status.success(), "{}", said(&by_name));
    each_once(&stage, "Row", 300);

    let (_, summary) = stage.summary("rows.csv", "Row", &["--again"]);
    assert_eq!((&summary["imported"], &summary["importedBefore"]), (&json!(300), &json!(0)));
    assert_eq!(stage.fields("Row").len(), 600);
}

#[test]
fn equal_rows_of_one_file_are_rows_of_their_own() {
    let stage = Stage::new();
    stage.write("same.csv", format!("A,B\n{}", "x,1\n".repeat(100)));
    stage.import("same.csv", "Same", &["--batch", "10"]);
    assert_eq!(stage.fields("Same").len(), 100);
}

#[test]
fn bad_rows_are_told_by_line() {
    let stage = Stage::new();
    stage.make_table(
        "Order",
        &json!([
            {"name": "Number", "type": "string"},
            {"name": "Amount", "type": "number"},
            {"name": "Ordered", "type": "date"},
            {"name": "Status", "type": "choice", "choices": [{"caption": "new"}, {"caption": "paid"}]},
        ]),
    );
    let csv = "number,AMOUNT,Ordered,Status\n\
               \"A-1\nof two lines\",1,2025-01-01,new\n\
               A-2,abc,2025-01-02,new\n\
               \n\
               A-3,3,2025-02-30,paid\n\
               A-4,4,,late\n\
               A-5,5,03.04.2025,\n\
               A-6,6\n";
    stage.write("orders.csv", csv);
    let (code, summary) = stage.summary("orders.csv", "Order", &[]);
    assert_eq!(code, Some(1), "{summary}");
    let bad: Vec<(u64, &str)> = summary["badRows"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| (row["line"].as_u64().unwrap_or(0), row["problem"].as_str().unwrap_or("")))
        .collect();
    let wanted = [(4, "\"abc\""), (6, "\"2025-02-30\""), (7, "\"late\""), (9, "2 cells")];
    assert_eq!(bad.len(), wanted.len(), "{bad:?}");
    for ((line, problem), (want, word)) in bad.iter().zip(wanted) {
        assert!(*line == want && problem.contains(word), "line {want}, {word}: {bad:?}");
    }
    assert!(bad[0].1.contains("Amount") && bad[2].1.contains("Status"), "the column is named: {bad:?}");
    assert_eq!(summary["imported"], 0);
    assert_eq!(stage.fields("Order"), Vec::<Value>::new(), "nothing of a file with bad rows");

    let (code, summary) = stage.summary("orders.csv", "Order", &["--skip-bad"]);
    assert_eq!((code, &summary["imported"]), (Some(0), &json!(2)), "{summary}");
    let want = [
        json!({"Number": "A-1\nof two lines", "Amount": 1, "Ordered": "2025-01-01", "Status": "new"}),
        json!({"Number": "A-5", "Amount": 5, "Ordered": "2025-04-03"}),
    ];
    assert_eq!(stage.fields("Order"), want);
}

#[test]
fn many_bad_rows_are_counted_on_the_terminal_and_listed_in_json() {
    let stage = Stage::new();
    stage.make_table("T", &json!([{"name": "N", "type": "number"}]));
    stage.write("t.csv", format!("N\n{}7\n", "x\n".repeat(1_030)));
    stage.refused(
        1,
        stage.command("t.csv", "T", &[]),
        &["line 2:", "line 21:", "1,010 more rows", "1,030 of 1,031 rows"],
    );
    let (_, summary) = stage.summary("t.csv", "T", &["--dry-run", "--skip-bad"]);
    assert_eq!(summary["badRows"].as_array().map(Vec::len), Some(1_030));
    assert_eq!(stage.fields("T").len(), 0, "a dry run writes nothing");
}

#[test]
fn a_table_that_is_there_decides_the_types() {
    let stage = Stage::new();
    stage.make_table(
        "T",
        &json!([{"name": "Zip", "type": "string"}, {"name": "Sum", "type": "fn", "fn": "1"},
            {"name": "Done", "type": "boolean"}]),
    );
    stage.write("t.csv", "Zip,Done\n7,1\n00123,0\n");
    stage.import("t.csv", "T", &[]);
    assert_eq!(
        stage.fields("T"),
        [json!({"Zip": "7", "Sum": 1, "Done": true}), json!({"Zip": "00123", "Sum": 1, "Done": false})],
        "a number in the file is text where the field is text"
    );

    stage.write("more.csv", "Zip,Colour\n1,red\n");
    stage.refused(1, stage.command("more.csv", "T", &[]), &["Colour", "--create-fields"]);
    stage.import("more.csv", "T", &["--create-fields"]);
    assert_eq!(stage.fields("T")[2], json!({"Zip": "1", "Sum": 1, "Colour": "red"}));

    stage.write("type.csv", "Zip\n1\n");
    stage.refused(2, stage.command("type.csv", "T", &["--type", "Zap=number"]), &["Zap", "Zip"]);
    stage.refused(1, stage.command("type.csv", "New", &["--type", "Zip=nonsense"]), &["nonsense", "string"]);
    assert_eq!(stage.client().get(&stage.table("New")).status(), 404, "no table is left behind");
}

#[test]
fn files_as_programs_write_them() {
    let stage = Stage::new();
    // A spreadsheet in German: Windows-1252, semicolons, decimal commas, CRLF.
    let german = b"Gr\xF6\xDFe;Preis;Seit\r\n\"M; mit \"\"G\xFCrtel\"\"\r\nund mehr\";1.234,50;24.12.2024\r\nL \x80;2,5;1.2.2025\r\n";
    stage.write("german.csv", german);
    stage.import("german.csv", "German", &[]);
    assert_eq!(
        stage.fields("German"),
        [
            json!({"Größe": "M; mit \"Gürtel\"\r\nund mehr", "Preis": 1234.5, "Seit": "2024-12-24"}),
            json!({"Größe": "L €", "Preis": 2.5, "Seit": "2025-02-01"}),
        ]
    );
    // With a byte order mark, tabs, and empty lines at the end.
    stage.write("bom.csv", b"\xEF\xBB\xBFId\tW\xC3\xA4hrung\n1\t\xE2\x82\xAC\n\n\n");
    stage.import("bom.csv", "Bom", &[]);
    assert_eq!(stage.fields("Bom"), [json!({"Id": 1, "Währung": "€"})]);
    // Column names alone.
    stage.write("head.csv", "A,B\n");
    let (code, summary) = stage.summary("head.csv", "Head", &[]);
    assert_eq!((code, &summary["imported"]), (Some(0), &json!(0)));
    assert_eq!(stage.client().get(&stage.table("Head")).ok()["fields"].as_array().map(Vec::len), Some(2));

    stage.write("empty.csv", "");
    stage.write("utf16.csv", b"\xFF\xFEA\0\n\0");
    stage.write("sheet.xlsx", b"PK\x03\x04\0\0\0\0");
    fs::create_dir(stage.place.file("folder.csv")).expect("a folder");
    for (file, word) in [
        ("empty.csv", "it is empty"),
        ("utf16.csv", "save it as UTF-8"),
        ("sheet.xlsx", "no text"),
        ("folder.csv", "cannot be read"),
        ("nothing.csv", "cannot be read"),
    ] {
        stage.refused(1, stage.command(file, "T", &[]), &[file, word]);
    }
    assert_eq!(stage.client().get(&stage.table("T")).status(), 404);
}

#[test]
fn servers_and_keys_that_are_not_right() {
    let stage = Stage::new();
    stage.write("a.csv", "A\n1\n");
    let with = |name: &str, value: &str| {
        let mut command = stage.command("a.csv", "T", &[]);
        command.env(name, value);
        command
    };
    // Nobody listens there; a port that was free a moment ago may be another test's by now.
    let nobody = "http://127.0.0.1:1";
    stage.refused(1, with("BOOBOOK_URL", nobody), &[nobody, "does not answer", "boobook serve"]);
    stage.refused(2, with("BOOBOOK_URL", "localhost:8080"), &["localhost:8080", "http://127.0.0.1:8080"]);
    stage.refused(1, with("BOOBOOK_KEY", "bb_wrong"), &["Unauthorized", "401", "boobook key create"]);
    let reader = stage.place.key(&stage.team, &["--role", "admin", "--read-only"]);
    stage.server.wait_for_key(&reader);
    stage.refused(1, with("BOOBOOK_KEY", &reader), &["403", "admin role"]);
    let editor = stage.place.key(&stage.team, &["--role", "editor"]);
    stage.server.wait_for_key(&editor);
    stage.refused(1, with("BOOBOOK_KEY", &editor), &["\"T\" was not made", "403", "admin role"]);
    for (team, database, problem) in
        [("Nobody", "Data", "Team Not Found"), ("Import", "No", "Database Not Found")]
    {
        let mut command = stage.place.command(&["import", "a.csv", "--table", "T"]);
        command.args(["--team", team, "--database", database, "--url", &stage.server.url()]);
        command.env("BOOBOOK_KEY", &stage.key);
        stage.refused(1, command, &[problem, "--team and --database"]);
    }
    // An editor may import into what is there.
    stage.make_table("T", &json!([{"name": "A", "type": "number"}]));
    assert!(with("BOOBOOK_KEY", &editor).status().is_ok_and(|status| status.success()));
    assert_eq!(stage.fields("T"), [json!({"A": 1})]);
}
