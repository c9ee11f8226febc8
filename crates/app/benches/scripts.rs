//! Speed of scripts in an open database: `cargo bench -p boobook-app --bench scripts`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::{
    hint::black_box,
    sync::{Arc, OnceLock},
};

use boobook_app::{App, AppError, Limits, NewKey, ScriptRequest, Session, SystemHost};
use boobook_model::{Cell, DatabaseId, FieldId, RecordId, Schema, Sq, TableId};
use boobook_store::{
    Batch, MemStore, Record, Store,
    codec::{RowMeta, encode_row},
};
use divan::{Bencher, counter::ItemsCount};
use serde_json::json;
use tokio::runtime::Runtime;

const META: RowMeta<'static> = RowMeta {
    created_at_ms: 1_760_000_000_000,
    created_by: "jane7",
    modified_at_ms: 1_760_000_360_000,
    modified_by: "jane7",
};

/// Rows of a table, few where the benchmarks are only tried.
fn rows_of(rows: u32) -> u32 {
    if std::env::args().any(|argument| argument == "--test") { rows.min(1_000) } else { rows }
}

/// Spreads row numbers over values, the same at each run.
fn scatter(n: u32) -> u32 {
    n.wrapping_mul(0x9E37_79B1).rotate_left(13).wrapping_mul(0x85EB_CA6B)
}

/// Contacts, which belong to companies, and entries that a trigger completes.
fn schema() -> Schema {
    let status = json!({"1": {"caption": "new"}, "2": {"caption": "active"}, "3": {"caption": "won"},
        "4": {"caption": "paused"}, "5": {"caption": "lost"}});
    let schema = json!({"types": {
        "A": {"caption": "Contact", "fields": {
            "A": {"base": "string", "caption": "first_name"},
            "B": {"base": "string", "caption": "last_name"},
            "C": {"base": "string", "caption": "email"},
            "D": {"base": "number", "caption": "age"},
            "E": {"base": "number", "caption": "amount"},
            "F": {"base": "choice", "caption": "status", "values": status},
            "G": {"base": "ref", "caption": "company", "refTypeId": "B", "refFieldId": "B"}}},
        "B": {"caption": "Company", "fields": {
            "A": {"base": "string", "caption": "name"},
            "B": {"base": "rev", "caption": "contacts", "refTypeId": "A", "refFieldId": "G"}}},
        "C": {"caption": "Entry", "afterCreate": "this.total := 1.19 * 100; this.mark := \"new \" + Nr", "fields": {
            "A": {"base": "number", "caption": "total"},
            "B": {"base": "string", "caption": "mark"}}}}});
    Schema::from_json(schema).unwrap()
}

struct Workspace {
    runtime: Runtime,
    session: Session,
    rows: u32,
}

impl Workspace {
    /// A database of so many contacts of so many companies.
    fn new(contacts: u32, companies: u32) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let store: Arc<dyn Store> = Arc::new(MemStore::new());
        let limits = Limits::default();
        let app = App::start(Arc::clone(&store), Arc::new(SystemHost), limits).unwrap();
        let team = app.catalogue().create_team("Bench").unwrap().id;
        let new = NewKey { team: &team, role: Some("admin"), ..NewKey::default() };
        let (_, key) = app.catalogue().create_key(&new).unwrap();
        let admin = app.authenticate(key.as_bytes()).unwrap();
        let made = app.create_database(&admin, &team, "Bench", Some(schema()));
        let database = runtime.block_on(made).unwrap().id;
        fill(&*store, &database.parse().unwrap(), contacts, companies);
        let session = runtime.block_on(app.session(&admin, &team, &database)).unwrap();
        Self { runtime, session, rows: contacts }
    }

    fn query(&self, source: &str) -> String {
        let request = ScriptRequest { source: source.to_owned(), ..ScriptRequest::default() };
        let answer = self.runtime.block_on(self.session.query(request));
        answer.unwrap_or_else(|error| panic!("{source}: {error}")).json
    }

    fn exec(&self, source: &str) -> Result<String, AppError> {
        let request = ScriptRequest { source: source.to_owned(), ..ScriptRequest::default() };
        self.runtime.block_on(self.session.exec(request)).map(|answer| answer.json)
    }
}

/// Writes contacts and companies to the store, past everything that would make single writes of them.
fn fill(store: &dyn Store, database: &DatabaseId, contacts: u32, companies: u32) {
    let store = store.open_database(database).unwrap();
    let field = |at| FieldId::nth(at).unwrap();
    let (contact, company) = (TableId::nth(0).unwrap(), TableId::nth(1).unwrap());
    let mut batch = Batch { tx_id: 1, base: Sq(1), seq: Sq(1), clock_ms: 1, ..Batch::default() };
    let mut add = |tid, n: u32, cells: &[Cell<'_>]| {
        let from = batch.bytes.len();
        encode_row(&META, (0..).map(field).zip(cells.iter().copied()), &mut batch.bytes);
        batch.seq = Sq(batch.seq.0 + 1);
        let body = from..batch.bytes.len();
        batch.records.push(Record {
            tid,
            rid: RecordId::new(n.into()).unwrap(),
            sq: batch.seq,
            deleted: false,
            body,
        });
    };
    for n in 1..=contacts {
        let s = scatter(n);
        let (last_name, email) = (format!("Surname{}", s % 5_003), format!("user{n}@example.com"));
        let cells = [
            Cell::Text(["Ada", "Benjamin", "Cleo", "Dina"][s as usize % 4]),
            Cell::Text(&last_name),
            Cell::Text(&email),
            Cell::Number(f64::from(18 + s % 70)),
            Cell::Number(f64::from(s % 1_000_000) / 100.0),
            Cell::Choice((s / 7 % 5 + 1) as u16),
            Cell::Reference(RecordId::new(u64::from(s % companies + 1)).unwrap()),
        ];
        add(contact, n, &cells);
    }
    for n in 1..=companies {
        add(company, n, &[Cell::Text(&format!("Company {n}"))]);
    }
    batch.counters = vec![(contact, u64::from(contacts) + 1), (company, u64::from(companies) + 1)];
    store.commit(&batch).unwrap();
}

fn large() -> &'static Workspace {
    static MADE: OnceLock<Workspace> = OnceLock::new();
    MADE.get_or_init(|| Workspace::new(rows_of(1_000_000), 1_000))
}

fn middle() -> &'static Workspace {
    static MADE: OnceLock<Workspace> = OnceLock::new();
    MADE.get_or_init(|| Workspace::new(rows_of(100_000), rows_of(10_000)))
}

/// Of a million contacts: counts, sums, first ones, by the shape of the condition.
const OF_A_MILLION: [&str; 13] = [
    "cnt(select Contact)",
    "cnt(select Contact where age > 40 and status = \"active\")",
    "cnt(select Contact where last_name = \"Surname77\")",
    "cnt(select Contact where email = \"user777@example.com\")",
    "cnt(select Contact where amount < 200 and status = \"active\")",
    "sum((select Contact).age)",
    "avg((select Contact where status = \"active\").age)",
    "cnt(select Contact where age * 2 - amount > 40)",
    "cnt(select Contact where age * 2 - amount / 3 > 40 and age + amount < 5000)",
    "cnt(select Contact where upper(last_name) like \"NAME12\" and age * 2 > 60)",
    "cnt(select Contact where lower(first_name + last_name) = \"adasurname77\")",
    "cnt(select Contact where upper(email) like \"R77\")",
    "first(select Contact order by amount).Nr",
];

/// A script that was asked before.
#[divan::bench(args = OF_A_MILLION, sample_size = 1)]
fn again(bencher: Bencher, source: &str) {
    let workspace = large();
    workspace.query(source);
    bencher.counter(ItemsCount::new(workspace.rows)).bench_local(|| workspace.query(black_box(source)));
}

/// A script whose conditions nobody asked for yet; it is compiled already.
#[divan::bench(args = OF_A_MILLION, sample_size = 1, sample_count = 20)]
fn first(bencher: Bencher, source: &str) {
    let workspace = large();
    bencher
        .counter(ItemsCount::new(workspace.rows))
        .with_inputs(|| workspace.session.snapshot().drop_indexes())
        .bench_local_values(|()| workspace.query(black_box(source)));
}

/// Conditions that leave 2 % of a million, another each time, once they have come so often that there is an index.
#[divan::bench(sample_size = 1)]
fn probe(bencher: Bencher) {
    let workspace = large();
    let mut n = 0;
    let mut next = || {
        n += 1;
        format!("cnt(select Contact where amount < {} and status = \"active\")", 200.0 + f64::from(n) / 1e4)
    };
    for _ in 0..64 {
        workspace.query(&next());
    }
    bencher.with_inputs(next).bench_local_values(|source| workspace.query(black_box(&source)));
}

/// 10,000 companies with 100,000 contacts.
#[divan::bench(args = [
    "cnt(select Company where sum(contacts.amount) > 40000)",
    "cnt(select Company where cnt(contacts) > 10)",
    "for s in unique((select Contact).status) do \
        {status: s, n: cnt(select Contact where status = s), age: avg((select Contact where status = s).age)} end",
], sample_size = 1)]
fn of_companies(bencher: Bencher, source: &str) {
    let workspace = middle();
    bencher.bench_local(|| workspace.query(black_box(source)));
}

/// What a script costs that does nearly nothing.
#[divan::bench]
fn trivial(bencher: Bencher) {
    let workspace = middle();
    bencher.bench_local(|| workspace.query(black_box("1 + 1")));
}

/// 10,000 records made in one transaction, each completed by a trigger.
#[divan::bench(sample_size = 1, sample_count = 10)]
fn create_with_trigger(bencher: Bencher) {
    let workspace = Workspace::new(1, 1);
    let rows = rows_of(10_000);
    let script = format!("for i from 0 to {rows} do create Entry end");
    bencher.counter(ItemsCount::new(rows)).bench_local(|| workspace.exec(black_box(&script)).unwrap());
    let marked = workspace.query("last(select Entry).mark = \"new \" + last(select Entry).Nr");
    assert_eq!(marked, "true");
}

fn main() {
    divan::main();
}
