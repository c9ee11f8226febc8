//! A database down and up again as the vendor's command line client does it: the schema with scripts in human form,
//! views, reports and their files; keys that it does not know are dropped on the way. Nothing may be lost by that.

use std::fmt::Write as _;

use boobook_testkit::{Client, Installation, Server};
use serde_json::{Map, Value, json};

/// Keys that the client's validators know, level by level.
const SETTINGS: &[&str] = &["name", "icon", "color", "bgType", "backgroundClass", "rolesExport"];
const SCHEMA: &[&str] = &[
    "version",
    "nextTypeId",
    "types",
    "afterOpen",
    "globalCode",
    "afterOpenBehavior",
    "fileSync",
    "dateFix",
    "compatibility",
    "hideCalendar",
    "hideSearch",
    "hideDatabase",
    "hideNavigation",
    "knownDatabases",
];
const TYPE: &[&str] = &[
    "caption",
    "captions",
    "kind",
    "uuid",
    "hidden",
    "globalSearch",
    "nextFieldId",
    "fields",
    "uis",
    "order",
    "icon",
    "afterCreate",
    "afterUpdate",
    "canRead",
    "readRoles",
];
const FIELD: &[&str] = &[
    "base",
    "caption",
    "captions",
    "required",
    "order",
    "formWidth",
    "uuid",
    "globalSearch",
    "hasIndex",
    "tooltips",
    "values",
    "nextChoiceId",
    "refTypeId",
    "refFieldId",
    "fn",
    "afterUpdate",
    "canRead",
    "writeRoles",
];
const OPTION: &[&str] = &["caption", "order"];
const UI: &[&str] = &["base", "caption", "fn", "order"];
const VIEW: &[&str] = &["id", "caption", "type", "config", "order"];
const REPORT: &[&str] = &["id", "name", "caption", "type"];

fn source() -> Value {
    json!({
        "globalCode": "function double(x : number) do\n\tx * 2\nend", "afterOpen": "1 + 1",
        "afterOpenBehavior": "openHome", "theirs": {"deep": [1, null, {"x": "y"}]},
        "types": {
            "A": {"caption": "Customer", "icon": "user", "theirs": 1, "afterCreate": "Note := \"made\"",
                "canRead": "Name != \"hidden\"", "fields": {
                "A": {"base": "string", "caption": "Name", "order": 0, "theirs": "tip", "required": true},
                "B": {"base": "choice", "caption": "Status", "order": 1, "values": {
                    "1": {"caption": "new", "order": 0, "theirs": 5}, "2": {"caption": "won", "order": 1}}},
                "C": {"base": "rev", "caption": "Orders", "order": 2, "refTypeId": "B", "refFieldId": "B"},
                "D": {"base": "fn", "caption": "Turnover", "order": 3, "fn": "sum(Orders.Gross)"},
                "E": {"base": "string", "caption": "Note", "order": 4, "writeRoles": ["admin"]},
                "F": {"base": "fn", "caption": "Twice", "order": 5, "fn": "double(length(Name))"}},
                "uis": {"U": {"base": "button", "caption": "Go", "fn": "Note := \"go\"", "order": 6, "theirs": {"a": 1}}}},
            "B": {"caption": "Order", "afterUpdate": "Saves := Saves + 1", "readRoles": ["admin"], "fields": {
                "A": {"base": "string", "caption": "Order no.", "order": 0, "canRead": "Net >= 0"},
                "B": {"base": "ref", "caption": "Customer", "order": 1, "refTypeId": "A", "refFieldId": "C"},
                "C": {"base": "number", "caption": "Net", "order": 2, "afterUpdate": "'Order no.' := \"N\" + Net"},
                "D": {"base": "fn", "caption": "Gross", "order": 3, "fn": "Net * 1.5 + cnt(Lines)"},
                "E": {"base": "rev", "caption": "Lines", "order": 4, "refTypeId": "C", "refFieldId": "A"},
                "F": {"base": "number", "caption": "Saves", "order": 5}}},
            "C": {"caption": "Line", "fields": {
                "A": {"base": "ref", "caption": "Order", "order": 0, "refTypeId": "B", "refFieldId": "E"},
                "B": {"base": "multi", "caption": "Tags", "order": 1, "values": {
                    "1": {"caption": "a", "order": 0}, "2": {"caption": "b", "order": 1}}}}},
            "D": {"caption": "Home", "kind": "page", "theirs": [], "fields": {},
                "uis": {"T": {"base": "label", "caption": "Welcome", "theirs": true}}},
        },
    })
}

/// A server with the database of [`source`], records in it, a view, a report with files, a background.
struct Stage {
    client: Client,
    team: String,
    db: String,
    _server: Server,
    _place: Installation,
}

/// All that the client downloads.
struct Tree {
    settings: Value,
    schema: Value,
    views: Value,
    reports: Value,
    /// Report, name, content as a data URL.
    files: Vec<(String, String, String)>,
}

impl Stage {
    fn new() -> Self {
        let place = Installation::new(env!("CARGO_BIN_EXE_boobook"));
        let team = place.team("Vendor");
        let key = place.key(&team, &["--role", "admin"]);
        let server = place.serve();
        let client = server.client(&key);
        let body = json!({"name": "Source", "schema": source()});
        let made = client.post(&format!("/v1/teams/{team}/databases?formatScripts=T"), &body).ok();
        let db = made["id"].as_str().expect("an id").to_owned();
        let stage = Self { client, team, db, _server: server, _place: place };
        let base = stage.base(&stage.db);
        for (table, records) in records() {
            stage.client.post(&format!("{base}/tables/{table}/records"), &records).ok();
        }
        let views = json!([{"id": "yCuVS0Uw23MePfDN", "caption": "All", "type": "B", "order": 3, "theirs": {"k": 1},
            "config": {"sort": 0, "theirs": 2, "cols": [
                {"expression": "Net", "width": 80, "theirs": 3}, {"expression": "text(Customer.Name)", "filter": "\"J\""}]}}]);
        stage.client.post(&format!("{base}/views?formatScripts=T"), &views).ok();
        stage
            .client
            .post(&format!("{base}/reports"), &json!([{"id": "r1", "name": "Invoice", "theirs": [1]}]))
            .ok();
        for name in ["template.html", "logo ü.png"] {
            stage.upload(&format!("{base}/reports/r1/files"), name, "Hello {{Name}}");
        }
        let picture = [("Content-Type", "image/jpeg")];
        let background = format!("/{}/{}/files/background.jpg", stage.team, stage.db);
        stage.client.request("POST", &background, &picture, Some(b"jpeg")).expect("an answer").ok();
        let settings = json!({"icon": "box", "color": "#123456", "bgType": "image", "rolesExport": ["admin"], "theirs": 9});
        stage.save_settings(&stage.db, &settings);
        stage
    }

    fn base(&self, db: &str) -> String {
        format!("/v1/teams/{}/databases/{db}", self.team)
    }

    #[track_caller]
    fn upload(&self, path: &str, name: &str, content: &str) {
        let head = format!("Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"");
        let body = format!("--XX\r\n{head}\r\n\r\n{content}\r\n--XX--\r\n");
        let headers = [("Content-Type", "multipart/form-data; boundary=XX")];
        self.client.request("POST", path, &headers, Some(body.as_bytes())).expect("an answer").ok();
    }

    #[track_caller]
    fn save_settings(&self, db: &str, settings: &Value) {
        let target = format!("/{}/{db}/settings/update", self.team);
        let headers = [("Content-Type", "text/plain;charset=UTF-8")];
        let body = settings.to_string();
        self.client.request("POST", &target, &headers, Some(body.as_bytes())).expect("an answer").ok();
    }

    /// Everything there is, unknown keys too, in both forms of scripts.
    fn whole(&self, db: &str) -> Value {
        let base = self.base(db);
        let get = |path: &str| self.client.get(&format!("{base}{path}")).ok();
        let mut all = json!({
            "human": get("?formatScripts=T"), "ids": get(""), "problems": get("/schema/problems"),
            "views": get("/views?fullView=T"), "reports": get("/reports?fullReport=T"),
            "files": get("/reports/r1/files"), "tables": get("/tables"),
            "A": get("/tables/A/records"), "B": get("/tables/B/records"), "C": get("/tables/C/records"),
        });
        all["background"] =
            self.client.get(&format!("/{}/{db}/files/background.jpg", self.team)).text().into();
        all
    }

    fn download(&self) -> Tree {
        let base = self.base(&self.db);
        let all = self.client.get(&format!("{base}?formatScripts=T")).ok();
        let reports = self.client.get(&format!("{base}/reports?fullReport=T")).ok();
        let mut files = Vec::new();
        for report in reports.as_array().into_iter().flatten() {
            let path = format!("{base}/reports/{}/files", report["id"].as_str().unwrap_or_default());
            for name in self.client.get(&path).ok().as_array().into_iter().flatten().filter_map(Value::as_str)
            {
                let target = format!("{path}/{}", encoded(name));
                let data = self.client.request("GET", &target, &[("nx-file", "base64url")], None);
                let data = data.expect("an answer").text();
                files.push((report["id"].as_str().unwrap_or_default().to_owned(), name.to_owned(), data));
            }
        }
        let views = self.client.get(&format!("{base}/views?fullView=T&formatScripts=T")).ok();
        Tree { settings: all["settings"].clone(), schema: all["schema"].clone(), views, reports, files }
    }

    /// As the client uploads; the schema first, as the views are of its tables.
    #[track_caller]
    fn send(&self, db: &str, tree: &Tree) -> Value {
        let base = self.base(db);
        let body = tree.schema.to_string();
        let target = format!("{base}/schema?formatScripts=T");
        let version =
            self.client.request("PATCH", &target, &[], Some(body.as_bytes())).expect("an answer").ok();
        self.client.post(&format!("{base}/views?formatScripts=T"), &tree.views).ok();
        self.client.post(&format!("{base}/reports"), &tree.reports).ok();
        for (report, name, data) in &tree.files {
            assert!(data.ends_with("SGVsbG8ge3tOYW1lfX0="), "{data}");
            self.upload(&format!("{base}/reports/{report}/files"), name, "Hello {{Name}}");
        }
        self.save_settings(db, &tree.settings);
        version
    }
}

fn records() -> [(&'static str, Value); 3] {
    [
        (
            "A",
            json!([{"fields": {"Name": "Jane", "Status": "new"}}, {"fields": {"Name": "Joe", "Status": "won"}}]),
        ),
        ("B", json!([{"fields": {"Customer": 1, "Net": 10}}, {"fields": {"Customer": 1, "Net": 20}}])),
        ("C", json!([{"fields": {"Order": 1, "Tags": ["a", "b"]}}, {"fields": {"Order": 1}}])),
    ]
}

fn encoded(name: &str) -> String {
    name.bytes().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "%{byte:02X}");
        text
    })
}

/// An object with no other keys than these.
fn only(json: &Value, keys: &[&str]) -> Map<String, Value> {
    let known = json.as_object().into_iter().flatten().filter(|(key, _)| keys.contains(&key.as_str()));
    known.map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The same for each member of an object.
fn each(json: &Value, mut with: impl FnMut(&Value) -> Value) -> Value {
    let members = json.as_object().into_iter().flatten();
    Value::Object(members.map(|(key, value)| (key.clone(), with(value))).collect())
}

/// What is left of a download when the client's validators have seen it.
fn validated(tree: &Tree) -> Tree {
    let field = |json: &Value| {
        let mut field = only(json, FIELD);
        if let Some(values) = field.get("values") {
            let values = each(values, |option| only(option, OPTION).into());
            field.insert("values".into(), values);
        }
        Value::Object(field)
    };
    let table = |json: &Value| {
        let mut table = only(json, TYPE);
        table.insert("fields".into(), each(&json["fields"], field));
        table.insert("uis".into(), each(&json["uis"], |ui| only(ui, UI).into()));
        Value::Object(table)
    };
    let view = |json: &Value| {
        let mut view = only(json, VIEW);
        let mut config = only(&json["config"], &["type", "cols", "sort"]);
        let columns = json["config"]["cols"].as_array().into_iter().flatten();
        let columns = columns.map(|column| Value::Object(only(column, &["expression", "width", "filter"])));
        config.insert("cols".into(), columns.collect());
        view.insert("config".into(), Value::Object(config));
        Value::Object(view)
    };
    let list = |json: &Value| json.as_array().cloned().unwrap_or_default();
    let mut schema = only(&tree.schema, SCHEMA);
    schema.insert("types".into(), each(&tree.schema["types"], table));
    Tree {
        settings: only(&tree.settings, SETTINGS).into(),
        schema: schema.into(),
        views: list(&tree.views).iter().map(view).collect(),
        reports: list(&tree.reports).iter().map(|report| Value::Object(only(report, REPORT))).collect(),
        files: tree.files.clone(),
    }
}

/// Takes away what counts changes.
fn uncounted(mut json: Value) -> Value {
    for key in ["human", "ids"] {
        for counter in ["seq", "version"] {
            json[key]["schema"][counter].take();
        }
    }
    for key in ["views", "reports"] {
        json[key].as_array_mut().into_iter().flatten().for_each(|item| _ = item["seq"].take());
    }
    json
}

#[test]
fn nothing_is_lost_on_the_way_down_and_up() {
    let stage = Stage::new();
    let before = stage.whole(&stage.db);
    assert_eq!(before["problems"], json!([]));
    assert_eq!(before["A"][0]["fields"]["Turnover"], 47, "{:#}", before["A"]);
    assert_eq!(before["A"][0]["fields"]["Note"], "made");
    let human = &before["human"]["schema"]["types"]["A"]["fields"]["D"]["fn"];
    assert_eq!(human, "sum(Orders.Gross)");
    assert_ne!(&before["ids"]["schema"]["types"]["A"]["fields"]["D"]["fn"], human);

    let tree = validated(&stage.download());
    assert!(!tree.schema.to_string().contains("theirs"), "{:#}", tree.schema);
    let version = stage.send(&stage.db, &tree);
    let after = stage.whole(&stage.db);
    let count = |json: &Value| json["ids"]["schema"]["version"].as_u64().unwrap_or_default();
    assert_eq!(version["version"], count(&before) + 1);
    assert_eq!(count(&after), count(&before) + 1);
    pretty_assert(&uncounted(before), &uncounted(after));

    // The same tree once more is of a version that is gone by.
    let body = tree.schema.to_string();
    let target = format!("{}/schema?formatScripts=T", stage.base(&stage.db));
    let again = stage.client.request("PATCH", &target, &[], Some(body.as_bytes())).expect("an answer");
    assert!(again.error(409).contains("download"), "{again}");
}

/// Into a database that has nothing, tables in no order: they refer to each other all the same.
#[test]
fn a_download_makes_the_same_database_anew() {
    let stage = Stage::new();
    let mut tree = validated(&stage.download());
    let fresh = stage.client.create_database(&stage.team, "Fresh", &json!({}));
    let version = stage.client.get(&format!("{}/schema", stage.base(&fresh))).ok()["version"].clone();
    let types = tree.schema["types"].as_object().cloned().unwrap_or_default();
    tree.schema["types"] = Value::Object(types.into_iter().rev().collect());
    tree.schema["version"] = version;
    stage.send(&fresh, &tree);
    for (table, records) in records() {
        stage.client.post(&format!("{}/tables/{table}/records", stage.base(&fresh)), &records).ok();
    }
    let (old, new) = (stage.whole(&stage.db), stage.whole(&fresh));
    assert_eq!(new["problems"], json!([]));
    assert_eq!(new["tables"], old["tables"]);
    let fields = |json: &Value| -> Vec<Value> {
        ["A", "B", "C"]
            .iter()
            .flat_map(|t| json[t].as_array().cloned().unwrap_or_default())
            .map(|r| r["fields"].clone())
            .collect()
    };
    assert_eq!(fields(&new), fields(&old));
    // What the client knows is the same as in the tree.
    let fresh_stage = Stage { db: fresh, ..stage };
    let again = validated(&fresh_stage.download());
    for (one, other) in [
        (&tree.schema["types"], &again.schema["types"]),
        (&tree.schema["globalCode"], &again.schema["globalCode"]),
        (&tree.settings, &again.settings),
        (&tree.views, &again.views),
        (&tree.reports, &again.reports),
    ] {
        pretty_assert(one, other);
    }
    assert_eq!(tree.files, again.files);
}

/// Two JSON values are the same; shows the lines in which they are not.
#[track_caller]
fn pretty_assert(one: &Value, other: &Value) {
    if one == other {
        return;
    }
    let mut found = Vec::new();
    differences("$", one, other, &mut found);
    panic!("they differ:\n{}", found.join("\n"));
}

fn differences(path: &str, one: &Value, other: &Value, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                let of = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or(json!("(absent)"));
                differences(&format!("{path}.{key}"), &of(a), &of(b), found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{path}[{at}]"), a, b, found);
            }
        }
        _ if one != other => found.push(format!("{path}: {one} -> {other}")),
        _ => {}
    }
}
