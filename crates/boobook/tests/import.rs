//! Public data sets go in, by `boobook import` and by the REST API, and are read back equal.

use std::{
    fs,
    path::{Path, PathBuf},
};

use boobook_testkit::{Client, Installation, Server, client_dir};
use serde_json::{Map, Value, json};

/// A server with an empty database, and how to reach it.
struct Stage {
    place: Installation,
    server: Server,
    client: Client,
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
        let client = server.client(&key);
        let db = client.create_database(&team, "Data", &json!({}));
        Self { place, server, client, team, db, key }
    }

    fn path(&self) -> String {
        format!("/v1/teams/{}/databases/{}", self.team, self.db)
    }

    fn records(&self, table: &str) -> Vec<Value> {
        let all = self.client.get(&format!("{}/tables/{table}/records?perPage=100000", self.path())).ok();
        all.as_array().expect("records come as an array").clone()
    }

    /// `boobook import`; gives whether it succeeded and all it said.
    fn import(&self, file: &Path, table: &str) -> (bool, String) {
        self.import_with(file, table, &[])
    }

    fn import_with(&self, file: &Path, table: &str, more: &[&str]) -> (bool, String) {
        let file = file.to_string_lossy();
        let url = self.server.url();
        let mut command = self.place.command(&["import", &file]);
        command.args(["--team", &self.team, "--database", &self.db, "--table", table]);
        command.args(["--url", &url, "--key", &self.key]).args(more);
        let output = command.output().expect("the binary starts");
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        (output.status.success(), said.into_owned())
    }
}

fn vega(file: &str) -> Option<PathBuf> {
    Some(client_dir("data", "data")?.join("node_modules/vega-datasets/data").join(file))
}

#[test]
fn airports_csv() {
    let Some(file) = vega("airports.csv") else { return };
    let stage = Stage::new();
    let (ok, said) = stage.import(&file, "Airport");
    assert!(ok, "{said}");
    assert!(said.contains("3376"), "the summary counts the rows:\n{said}");

    let table = stage.client.get(&format!("{}/tables/Airport", stage.path())).ok();
    let types: Vec<(&str, &str)> = table["fields"]
        .as_array()
        .expect("fields come as an array")
        .iter()
        .map(|field| (field["name"].as_str().unwrap_or(""), field["type"].as_str().unwrap_or("")))
        .collect();
    let names: Vec<&str> = types.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["iata", "name", "city", "state", "country", "latitude", "longitude"]);
    assert!(types.contains(&("latitude", "number")) && types.contains(&("longitude", "number")), "{types:?}");
    assert!(types.contains(&("iata", "string")), "a code is no number: {types:?}");

    let records = stage.records("Airport");
    let mut reader = csv::Reader::from_path(&file).expect("the file is there");
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("the file is CSV");
    assert_eq!(records.len(), rows.len());
    for (record, row) in records.iter().zip(&rows) {
        for (name, cell) in names.iter().zip(row) {
            let got = &record["fields"][name];
            let equal = match got {
                Value::Null => cell.is_empty(),
                Value::String(text) => text == cell,
                Value::Number(number) => cell.parse::<f64>().ok() == number.as_f64(),
                _ => false,
            };
            assert!(equal, "{name}: {cell:?} came back as {got} in {record}");
        }
    }
}

#[test]
fn movies_json() {
    let Some(file) = vega("movies.json") else { return };
    let stage = Stage::new();
    let movies: Vec<Map<String, Value>> =
        serde_json::from_slice(&fs::read(file).expect("the file is there")).expect("the file is JSON");
    let is_number = |name: &str| movies.iter().all(|m| m[name].is_number() || m[name].is_null());
    let numbers: Vec<&String> = movies[0].keys().filter(|name| is_number(name)).collect();
    let number = |name: &String| numbers.contains(&name);
    let fields: Vec<Value> = movies[0]
        .keys()
        .map(|name| json!({"name": name, "type": if number(name) { "number" } else { "string" }}))
        .collect();
    stage.client.post(&format!("{}/tables", stage.path()), &json!({"name": "Movie", "fields": fields})).ok();

    let bodies: Vec<Value> = movies.iter().map(|movie| json!({ "fields": movie })).collect();
    let answered = stage.client.post(&format!("{}/tables/Movie/records", stage.path()), &json!(bodies)).ok();
    let records = stage.records("Movie");
    assert_eq!(answered.as_array().map(Vec::as_slice), Some(&records[..]), "the answer is what is stored");
    assert_eq!(records.len(), movies.len());
    for (record, movie) in records.iter().zip(&movies) {
        // `null` is an empty field, which is left out; a number in a text field becomes text (the film 1776).
        let want: Map<String, Value> = movie
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| {
                let text = value.is_number() && !number(name);
                (name.clone(), if text { Value::String(value.to_string()) } else { value.clone() })
            })
            .collect();
        let got = record["fields"].as_object().expect("fields are an object");
        let same = want.len() == got.len() && want.iter().all(|(name, value)| equal(value, &got[name]));
        assert!(same, "{want:?} came back as {got:?}");
    }

    // The same data by filter and order, against a plain search.
    let found = stage
        .client
        .get(&format!(
            "{}/tables/Movie/records?filters=%7B%22Major%20Genre%22:%22Comedy%22%7D&order=Title&perPage=9999",
            stage.path()
        ))
        .ok();
    let titles = |record: &Value| record["fields"]["Title"].as_str().unwrap_or("").to_owned();
    let found: Vec<String> = found.as_array().expect("an array").iter().map(titles).collect();
    let comedies = records.iter().filter(|r| r["fields"]["Major Genre"] == "Comedy").count();
    assert_eq!(found.len(), comedies);
}

/// JSON numbers are doubles: 7.0 and 7 are one number.
fn equal(a: &Value, b: &Value) -> bool {
    a == b || (a.is_number() && a.as_f64() == b.as_f64())
}

#[test]
fn bad_rows_are_reported_with_their_lines() {
    let stage = Stage::new();
    let file = stage.place.file("orders.csv");
    let csv = "Number,Amount,Ordered,Note\n\
               A-1,18.5,2025-03-04,\"two\nlines, and a comma\"\n\
               A-2,20,2025-03-05,\"he said \"\"no\"\"\"\n\
               A-3,21,2025-03-06,Größe,too many cells\n\
               A-4,22,2025-03-07,\n";
    fs::write(&file, csv).expect("the file can be written");
    let (ok, said) = stage.import(&file, "Order");
    assert!(!ok, "a bad row and nothing is imported:\n{said}");
    let absent = stage.client.get(&format!("{}/tables/Order", stage.path()));
    assert_eq!(absent.status(), 404, "not even the table is made");
    let (_, said) = stage.import_with(&file, "Order", &["--skip-bad"]);
    assert!(
        said.contains('5') && said.to_lowercase().contains("line"),
        "the ragged row is on line 5:\n{said}"
    );
    let records = stage.records("Order");
    let numbers: Vec<&str> = records.iter().filter_map(|r| r["fields"]["Number"].as_str()).collect();
    assert_eq!(numbers, ["A-1", "A-2", "A-4"], "{said}");
    let want =
        json!({"Number": "A-1", "Amount": 18.5, "Ordered": "2025-03-04", "Note": "two\nlines, and a comma"});
    assert_eq!(records[0]["fields"], want);
    assert_eq!(records[1]["fields"]["Note"], json!("he said \"no\""));
    assert_eq!(records[2]["fields"].get("Note"), None);
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let stage = Stage::new();
    let (ok, said) = stage.import(Path::new("nothing.csv"), "Order");
    assert!(!ok);
    assert!(said.contains("nothing.csv"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}
