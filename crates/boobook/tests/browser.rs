//! The page of a shared view in a real browser. `cargo xtask test` installs what drives it.
#![allow(clippy::print_stdout, reason = "what the browser's script printed belongs to the test output")]

use std::{path::Path, process::Command};

use boobook_testkit::{Client, Installation, client_dir};
use serde_json::{Value, json};

/// Projects with what people write, and with what they should not.
fn projects() -> Value {
    let notes =
        "<p>Offer <b>sent</b>.</p><ul><li>Roof</li><li>Windows &amp; doors</li></ul><script>ran = 4</script>";
    json!([
        {"Name": "Owl house, north wing", "Customer": 1, "Budget": 12500, "Start": "2025-03-01", "Running": true,
         "Status": "in work", "Web": "www.owl.example/a?b=1&c=2", "Mail": "ada@owl.example", "Phone": "+49 (221) 123-45",
         "Notes": notes},
        {"Name": "Bridge", "Customer": 2, "Budget": 480_000.5, "Start": "2025-09-15", "Running": true, "Status": "planned",
         "Web": "https://example.com", "Notes": "Waits for the permit."},
        {"Name": "Äußere Ringstraße: renewal of pavement, kerbs and lighting between the station and the old town hall",
         "Customer": 2, "Budget": 78_000, "Start": "2024-11-04", "Status": "done", "Running": false},
        {"Name": "<script>ran = 1</script>", "Customer": 1, "Budget": 1, "Status": "planned", "Web": "javascript:alert(1)"},
        {"Name": "\" onmouseover=\"ran = 2", "Budget": -20, "Status": "done", "Running": false,
         "Notes": "<img src=x onerror='ran = 5'>picture"},
        {"Name": "<img src=x onerror='ran = 3'>", "Budget": 3, "Status": "done"},
        {"Name": "مشروع الجسر \u{202e}evil\u{202c}", "Customer": 3, "Budget": 9100, "Start": "2025-01-20", "Status": "in work"},
        {"Name": "School", "Customer": 3, "Budget": 1_250_000, "Start": "2026-02-01", "Status": "planned",
         "Phone": "0221 998877", "Mail": "school@example.com"},
        {"Name": "Garden", "Budget": 800, "Start": "2025-05-05", "Running": false},
    ])
}

struct Stage<'a> {
    client: &'a Client,
    database: String,
}

impl Stage<'_> {
    fn post(&self, path: &str, body: &Value) -> Value {
        self.client.post(&format!("{}/{path}", self.database), body).ok()
    }

    fn records(&self, table: &str, rows: &Value) {
        let rows: Vec<Value> =
            rows.as_array().into_iter().flatten().map(|row| json!({ "fields": row })).collect();
        self.post(&format!("tables/{table}/records"), &json!(rows));
    }

    /// Makes a view and shares it; gives the link.
    fn share(&self, table: &str, view: &Value, share: &Value) -> String {
        let view = self.post(&format!("tables/{table}/views?formatScripts=T"), view);
        let id = view["id"].as_str().unwrap_or_default().to_owned();
        let share = self.post(&format!("views/{id}/share"), share);
        share["link"].as_str().unwrap_or_default().to_owned()
    }
}

#[test]
fn a_shared_view_in_chromium() {
    let Some(modules) = client_dir("browser", "browser") else { return };
    let place = Installation::new(env!("CARGO_BIN_EXE_boobook"));
    let team = place.team("Werkstatt");
    let key = place.key(&team, &["--role", "admin"]);
    let server = place.serve();
    let client = server.client(&key);
    let db = client.create_database(&team, "City works", &json!({}));
    let stage = Stage { client: &client, database: format!("/v1/teams/{team}/databases/{db}") };
    stage.post("tables", &json!({"name": "Customer", "fields": [{"name": "Name", "type": "string"}]}));
    stage.post("tables", &json!({"name": "Project", "fields": [
        {"name": "Name", "type": "string"}, {"name": "Customer", "type": "ref", "referenceToTable": "Customer"},
        {"name": "Budget", "type": "number", "numberFormat": "#,##0.00 €"}, {"name": "Start", "type": "date"},
        {"name": "Running", "type": "boolean"},
        {"name": "Status", "type": "choice", "choices": [{"caption": "planned"}, {"caption": "in work"}, {"caption": "done"}]},
        {"name": "Web", "type": "link"}, {"name": "Mail", "type": "email"}, {"name": "Phone", "type": "phone"},
        {"name": "Notes", "type": "html"}]}));
    stage.records(
        "Customer",
        &json!([{"Name": "Owl Trust"}, {"Name": "City of Köln"}, {"Name": "مكتب البناء"}]),
    );
    stage.records("Project", &projects());
    let column = |expression: &str| json!({ "expression": expression });
    let mut columns: Vec<Value> =
        ["Name", "Customer", "Budget", "Start", "Running", "Web", "Mail", "Phone", "Notes", "Status"]
            .map(column)
            .to_vec();
    columns[2]["agg"] = "sum".into();
    columns[0]["agg"] = "cnt".into();
    let view = json!({"caption": "Projects in hand", "config": {"sort": 2, "descending": true, "group": 9, "cols": columns}});
    let link = stage.share("Project", &view, &json!({}));
    let secret = json!({"caption": "Secret", "config": {"cols": [{"expression": "Name"}]}});
    let secret = stage.share("Customer", &secret, &json!({"password": "grün & blau"}));
    stage.post(
        "tables",
        &json!({"name": "Entry", "fields": [
        {"name": "Text", "type": "string"}, {"name": "Amount", "type": "number"}]}),
    );
    let entries: Vec<Value> =
        (0..1_200).map(|n| json!({"Text": format!("Entry {n}"), "Amount": n * 7_919 % 10_007})).collect();
    stage.records("Entry", &json!(entries));
    let long = json!({"caption": "Entries", "config": {"cols": [
        {"expression": "Text"}, {"expression": "Amount", "agg": "avg"}, {"expression": "Amount % 2 = 0", "caption": "Even"}]}});
    let long = stage.share("Entry", &long, &json!({}));
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
    let output = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/browser/run.mjs"))
        .env("BROWSER_MODULES", modules)
        .env("BROWSER_PICTURES", &pictures)
        .env("LINK", &link)
        .env("LONG_LINK", &long)
        .env("SECRET_LINK", &secret)
        .env("DEAD_LINK", format!("{}/share/{}", server.url(), "x".repeat(36)))
        .output();
    let output = match output {
        Ok(output) => output,
        Err(error) => panic!("node cannot be started: {error}"),
    };
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{printed}\n{errors}", output.status);
    println!("{printed}");
}
