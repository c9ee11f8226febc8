//! The hot paths for counting instructions: `cargo xtask counts`. Without arguments each runs once.
//!
//! `counts PATH N` prepares one and runs it N times, so that the difference of two counts is what the runs took alone.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

mod data;

use std::{hint::black_box, sync::Arc};

use boobook_app::{App, Computed, Limits, NewKey, ScriptRequest, SystemHost};
use boobook_engine::{Condition, Row, Test};
use boobook_http::wire::record::{RecordStyle, RecordWriter};
use boobook_model::{Schema, Value};
use boobook_nx::Library;
use boobook_store::MemStore;
use futures_util::FutureExt as _;

use self::data::{contact, load, rid, scatter, table};

const ROWS: u32 = 20_000;

/// Does something so many times.
type Path = fn(u32);

/// By the names that `counts.txt` has.
const PATHS: [(&str, Path); 6] = [
    ("record", |runs| write_records(1, runs)),
    ("list", |runs| write_records(100, runs)),
    ("count-first", |runs| count(true, runs)),
    ("count-again", |runs| count(false, runs)),
    ("compile", compile),
    ("query", query),
];

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    match &arguments[..] {
        [wanted, runs] => {
            let (_, path) = PATHS.iter().find(|(name, _)| name == wanted).unwrap();
            path(runs.parse().unwrap());
        }
        _ => PATHS.iter().for_each(|(_, path)| path(1)),
    }
}

/// Records by id, or lists of them, as JSON.
fn write_records(page: u32, runs: u32) {
    let snapshot = load(ROWS, false);
    let table = table(&snapshot);
    let computed = Computed::default();
    let mut out = Vec::with_capacity(1 << 20);
    for run in 0..runs {
        let first = scatter(run) % (ROWS - page) + 1;
        let rows: Vec<Row> = (first..first + page).map(|id| table.row(rid(id)).unwrap()).collect();
        out.clear();
        RecordWriter::new(&snapshot, table, &RecordStyle::default(), &computed).write_list(&rows, &mut out);
        assert!(!black_box(&out).is_empty());
    }
}

/// `cnt(select Contact where age > 40 and status = "active")`, asked for the first time or again.
fn count(is_first: bool, runs: u32) {
    let snapshot = load(ROWS, true);
    let conditions = [
        Condition { slot: 3, test: Test::Greater(40.0) },
        Condition { slot: 5, test: Test::AnyOf(vec![Some(Value::Choice(2))]) },
    ];
    for _ in 0..runs {
        if is_first {
            snapshot.drop_indexes();
        }
        assert!(snapshot.count(contact(), black_box(&conditions), &[]) > 0);
    }
}

/// A script of 200 lines.
fn compile(runs: u32) {
    let schema = serde_json::from_str(include_str!("../../nx/benches/schema.json")).unwrap();
    let library = Library::compile(Arc::new(Schema::from_json(schema).unwrap()));
    let script = include_str!("../../nx/benches/script.nx").repeat(10);
    for _ in 0..runs {
        assert!(library.script(black_box(&script), None).is_sound());
    }
}

/// A script of no work, from the session to the answer.
fn query(runs: u32) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let app = App::start(Arc::new(MemStore::new()), Arc::new(SystemHost), Limits::default()).unwrap();
    let team = app.catalogue().create_team("Bench").unwrap().id;
    let new = NewKey { team: &team, role: Some("admin"), ..NewKey::default() };
    let (_, key) = app.catalogue().create_key(&new).unwrap();
    let admin = app.authenticate(key.as_bytes()).unwrap();
    let database = runtime.block_on(app.create_database(&admin, &team, "Bench", None)).unwrap().id;
    let session = runtime.block_on(app.session(&admin, &team, &database)).unwrap();
    let request = || ScriptRequest { source: "1 + 1".into(), ..ScriptRequest::default() };
    runtime.block_on(session.query(request())).unwrap();
    for _ in 0..runs {
        // Known and brief, it is answered without waiting.
        let answer = session.query(black_box(request())).now_or_never().unwrap().unwrap();
        assert_eq!(answer.json, "2");
    }
    app.stop();
}
