//! The pages of `conformance/nx` (its `README.md` tells their form): sections, scripts, what is expected of them.
//!
//! Here they are only read. The language's own tests run them in a process, those of the server against nodes.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

/// A heading and what stands below it. Each of its scripts starts from the fixture, with what the section adds to its
/// schema, unless it goes on.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// `06-records.md: Conditions`
    pub place: String,
    /// In order.
    pub steps: Vec<Step>,
}

/// A block, or a row of a table.
#[derive(Debug, Clone)]
pub enum Step {
    /// From here on the fixture's schema, with what the section has added to it.
    Schema(Value),
    /// What is wrong with the scripts of the schema.
    Problems(String),
    /// A script.
    Script(Script),
}

/// A script and what is expected of it.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// The script.
    pub source: String,
    /// The record that is `this`: `A1`.
    pub this: Option<String>,
    /// It may write.
    pub may_write: bool,
    /// It goes on with the records as the script before left them.
    pub goes_on: bool,
    /// `steps`, `bytes`, `depth`, `backtracks`, with their numbers.
    pub limits: Vec<(String, u64)>,
    /// Its time is up when it begins.
    pub is_late: bool,
    /// All of it.
    pub expected: Vec<Expected>,
}

/// What is expected of a script.
#[derive(Debug, Clone)]
pub enum Expected {
    /// Its value.
    Value(Value),
    /// An error that says this.
    Says(String),
    /// Everything that is wrong with it, in full, with its lines.
    Told(String),
    /// What is wrong with it first, in a line: `1:5 message (hint)`.
    ToldShortly(String),
    /// How it is printed with captions.
    Human(String),
    /// How it is printed with ids.
    Ids(String),
    /// What a script that reads comes to afterwards, by and by where something was put off.
    Then(String, Value),
}

/// The folder of the pages.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../conformance/nx")
}

/// A file of the folder.
pub fn page(name: &str) -> String {
    let path = folder().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The fixture's schema (`{"types": …}`) and its records by table, the first one with the number 1, fields by their ids.
pub fn fixture() -> (Value, Vec<(String, Vec<Value>)>) {
    let mut fixture = json_of("fixture.json", &page("fixture.json"));
    let Value::Object(tables) = fixture["records"].take() else { panic!("fixture.json has no records") };
    let rows = |rows: Value| rows.as_array().cloned().expect("a list of records");
    let records = tables.into_iter().map(|(table, records)| (table, rows(records))).collect();
    (json!({ "types": fixture["types"].take() }), records)
}

/// The sections of all pages whose names contain `only`.
pub fn sections(only: &str) -> Vec<Section> {
    let entries = fs::read_dir(folder()).expect("the folder of the pages");
    let names = entries.map(|entry| entry.expect("a page").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> =
        names.filter(|name| name.starts_with(|c: char| c.is_ascii_digit()) && name.contains(only)).collect();
    names.sort();
    names.iter().flat_map(|name| sections_of(name, &page(name))).collect()
}

fn sections_of(file: &str, text: &str) -> Vec<Section> {
    let mut sections = vec![Section { place: file.to_owned(), steps: Vec::new() }];
    let mut schema = fixture().0;
    let mut columns: Vec<&str> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let section = sections.last_mut().expect("there is one from the beginning");
        if let Some(info) = line.strip_prefix("```") {
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            section.fence(info, &body.join("\n"), &mut schema);
        } else if line.starts_with('#') {
            schema = fixture().0;
            let place = format!("{file}: {}", line.trim_start_matches(['#', ' ']));
            sections.push(Section { place, steps: Vec::new() });
        } else if let Some(row) = line.strip_prefix('|').filter(|row| row.starts_with(' ')) {
            let cells: Vec<&str> = row.trim_end_matches('|').split(" | ").map(str::trim).collect();
            if columns.is_empty() {
                columns = cells;
            } else {
                section.row(&columns, &cells);
            }
        } else if !line.starts_with('|') {
            columns.clear();
        }
    }
    sections
}

impl Section {
    /// A fence: `nx` with options, or what is to be said of the script above it.
    fn fence(&mut self, info: &str, body: &str, schema: &mut Value) {
        let mut words = info.split(' ');
        let kind = words.next().unwrap_or_default();
        let body = body.trim_end_matches('\n');
        let expected = match kind {
            "schema" => {
                merge(schema, json_of(&self.place, body));
                return self.steps.push(Step::Schema(schema.clone()));
            }
            "problems" => return self.steps.push(Step::Problems(body.to_owned())),
            "nx" => {
                let script = self.script(body, words);
                return self.steps.push(Step::Script(script));
            }
            "json" => Expected::Value(json_of(&self.place, body)),
            "error" => Expected::Told(body.to_owned()),
            "human" => Expected::Human(body.to_owned()),
            "ids" => Expected::Ids(body.to_owned()),
            _ => return,
        };
        let Some(Step::Script(script)) = self.steps.last_mut() else {
            panic!("{}: nothing stands above {kind}", self.place)
        };
        script.expected.push(expected);
    }

    fn script<'w>(&self, source: &str, words: impl Iterator<Item = &'w str>) -> Script {
        let mut script = Script { source: source.to_owned(), ..Script::default() };
        for word in words {
            let number = |n: &str| n.parse().unwrap_or_else(|_| panic!("{}: {word:?}", self.place));
            match word.split_once('=') {
                Some(("nested", n)) => script.source = nest(source, number(n)),
                Some((limit @ ("steps" | "bytes" | "depth" | "backtracks"), n)) => {
                    script.limits.push((limit.to_owned(), number(n)));
                }
                Some(_) => panic!("{}: unknown option {word:?}", self.place),
                None if word == "exec" => script.may_write = true,
                None if word == "late" => script.is_late = true,
                None if word == "then" => script.goes_on = true,
                None => script.this = Some(word.to_owned()),
            }
        }
        script
    }

    /// A row of a table of examples: `script`, `value`, `exec` or `error`, perhaps `this`.
    fn row(&mut self, columns: &[&str], cells: &[&str]) {
        let cell = |name: &str| {
            let at = columns.iter().position(|column| *column == name)?;
            Some(cells.get(at).copied().unwrap_or_default())
        };
        let Some(source) = cell("script").map(code) else { return };
        let this = cell("this").filter(|this| !this.is_empty()).map(str::to_owned);
        let expected = if let Some(value) = cell("value").or(cell("exec")) {
            Expected::Value(json_of(&format!("{}: {source}", self.place), code(value)))
        } else if let Some(error) = cell("error").or(cell("exec error")) {
            Expected::ToldShortly(error.to_owned())
        } else {
            return;
        };
        let may_write = columns.iter().any(|column| column.starts_with("exec"));
        self.steps.push(Step::Script(Script {
            source: source.to_owned(),
            this,
            may_write,
            expected: vec![expected],
            ..Script::default()
        }));
    }
}

/// The vectors of `examples.jsonl`, which need no tables, as one section.
pub fn vectors() -> Section {
    let text = page("examples.jsonl");
    let mut section = Section { place: "examples.jsonl".into(), steps: Vec::new() };
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let vector = json_of(&section.place, line);
        // The first line tells of the file.
        let Some(source) = vector["expr"].as_str() else { continue };
        let expected = match vector.get("expect") {
            Some(value) => Expected::Value(value.clone()),
            None => Expected::Says(String::new()),
        };
        let (source, expected) = (source.to_owned(), vec![expected]);
        section.steps.push(Step::Script(Script { source, expected, ..Script::default() }));
    }
    section
}

/// Examples of the functions (script and the JSON of its value), as one section.
pub fn functions<'e>(examples: impl Iterator<Item = (&'e str, &'e str)>) -> Section {
    let place = "functions".to_owned();
    let script = |(source, value): (&str, &str)| Script {
        source: source.to_owned(),
        may_write: true,
        expected: vec![Expected::Value(json_of(source, value))],
        ..Script::default()
    };
    Section { place, steps: examples.map(|example| Step::Script(script(example))).collect() }
}

/// The examples of `table-examples.md`, each a section of its own, with its number.
pub fn table_examples() -> Vec<Section> {
    let text = page("table-examples.md");
    let mut sections = Vec::new();
    for line in text.lines() {
        let cells: Vec<&str> = line.split(" | ").map(|cell| cell.trim().trim_matches('|').trim()).collect();
        let [number, context, source, expect, ..] = cells[..] else { continue };
        let Ok(number) = number.parse::<u32>() else { continue };
        if !source.contains('`') {
            continue;
        }
        let place = format!("table-examples.md: {number}");
        sections.push(Section { steps: table_example(&place, number, (context, source, expect)), place });
    }
    sections
}

/// A few are told in words there; these stand here in code.
fn table_example(place: &str, number: u32, (context, cell, expect): (&str, &str, &str)) -> Vec<Step> {
    let span = |n: usize| cell.split('`').nth(2 * n + 1).unwrap_or_default().to_owned();
    let mut schema = fixture().0;
    let source = match number {
        82 => {
            schema["types"]["B"]["afterUpdate"] = json!("Paid := Net > 60");
            "record(Invoices,2).Net := 70; record(Invoices,2).Paid".to_owned()
        }
        83 => {
            schema["types"]["A"]["afterCreate"] = json!("Status := 1");
            "number((create Customers).Status)".to_owned()
        }
        85 | 86 => {
            schema["globalCode"] = json!(span(0));
            span(1)
        }
        _ => span(0),
    };
    let net = || "record(Invoices,1).Net".to_owned();
    let expected = match number {
        63 => vec![Expected::Says("Table not found".into())],
        64 => vec![Expected::Says("Field not found: Foo".into())],
        66 => vec![Expected::Says("may write".into())],
        78 => vec![Expected::Says("Table not found".into()), Expected::Then(net(), json!(100))],
        80 => vec![Expected::Value(json!(100)), Expected::Then(net(), json!(9))],
        81 => vec![Expected::Value(json!(5))],
        82 => vec![Expected::Value(json!(true))],
        _ => {
            let quoted =
                if expect.contains('`') { expect.split('`').nth(1) } else { expect.split(';').next() };
            vec![Expected::Value(json_of(place, quoted.unwrap_or_default()))]
        }
    };
    let script = Script {
        source,
        this: (context.len() == 2).then(|| context.to_owned()),
        may_write: cell.contains("**exec**"),
        expected,
        ..Script::default()
    };
    vec![Step::Schema(schema), Step::Script(script)]
}

fn json_of(place: &str, text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{place}: {text}: {error}"))
}

/// The text of a code span.
fn code(cell: &str) -> &str {
    let inner = cell.strip_prefix("``").and_then(|cell| cell.strip_suffix("``")).map(str::trim);
    let inner = inner.or_else(|| cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`')));
    inner.unwrap_or(cell)
}

/// The first line so often, the second once, the third so often.
fn nest(body: &str, times: u64) -> String {
    let mut lines = body.lines();
    let mut next = || lines.next().unwrap_or_default();
    let (opening, middle, closing) = (next(), next(), next());
    format!("{}{middle}{}", opening.repeat(times as usize), closing.repeat(times as usize))
}

/// JSON merge: objects are joined, all else replaced.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(json!(null)), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// Whether values are equal; `1` is `1.0`.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => a == b,
            _ => false,
        },
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}
