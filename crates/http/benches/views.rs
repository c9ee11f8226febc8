//! Speed of a shared view: 10,000 rows of 6 columns, evaluated and written as JSON and as CSV, and one page of them:
//! `cargo bench -p boobook-http --bench views`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::{
    hint::black_box,
    sync::{Arc, OnceLock},
};

use boobook_app::{
    App, Limits, NewKey, RecordInput, RecordInputs, Session, SystemHost, ViewTable, ViewWanted, WriteRequest,
};
use boobook_http::wire::view::{write_csv, write_json};
use boobook_model::{Document, RecordId, Value};
use boobook_store::MemStore;
use divan::{Bencher, counter::ItemsCount};
use serde_json::{Value as Json, json};
use tokio::runtime::Runtime;

const ROWS: u32 = 10_000;

fn main() {
    divan::main();
}

struct Stage {
    runtime: Runtime,
    session: Session,
}

fn stage() -> &'static Stage {
    static STAGE: OnceLock<Stage> = OnceLock::new();
    STAGE.get_or_init(|| {
        let runtime = Runtime::new().unwrap();
        let app = App::start(Arc::new(MemStore::default()), Arc::new(SystemHost), Limits::default()).unwrap();
        let team = app.catalogue().create_team("T").unwrap().id;
        let key = NewKey { team: &team, role: Some("admin"), ..NewKey::default() };
        let key = app.catalogue().create_key(&key).unwrap().1;
        let admin = app.authenticate(key.as_bytes()).unwrap();
        let session = runtime.block_on(async {
            let database = app.create_database(&admin, &team, "D", None).await.unwrap().id;
            let session = app.session(&admin, &team, &database).await.unwrap();
            session.create_table(object(json!({"name": "Customer", "fields": [{"name": "Name", "type": "string"}]}))).await.unwrap();
            session
                .create_table(object(json!({"name": "Order", "fields": [
                    {"name": "Number", "type": "string"}, {"name": "Amount", "type": "number"}, {"name": "Due", "type": "date"},
                    {"name": "Status", "type": "choice", "choices": [{"caption": "open"}, {"caption": "paid"}]},
                    {"name": "Done", "type": "boolean"}, {"name": "Mail", "type": "email"},
                    {"name": "Customer", "type": "ref", "referenceToTable": "Customer"}]})))
                .await
                .unwrap();
            let customers = (0..100).map(|n| vec![text(&format!("Customer {n}"))]);
            write(&session, "Customer", customers.collect()).await;
            let orders = (0..ROWS).map(|n| {
                vec![
                    text(&format!("A-{n:05}")),
                    Value::Number(f64::from(n * 7_919 % 10_007) / 4.0),
                    Value::Time(i64::from(n) * 86_400_000),
                    Value::Choice((n % 2 + 1) as u16),
                    Value::Bool(n % 3 == 0),
                    text(&format!("someone{n}@example.com")),
                    Value::Reference(RecordId::new(u64::from(n % 100 + 1)).unwrap()),
                ]
            });
            write(&session, "Order", orders.collect()).await;
            session
        });
        Stage { runtime, session }
    })
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn object(json: Json) -> serde_json::Map<String, Json> {
    let Json::Object(map) = json else { unreachable!() };
    map
}

async fn write(session: &Session, table: &str, rows: Vec<Vec<Value>>) {
    let records: Vec<RecordInput> = rows
        .into_iter()
        .map(|row| RecordInput {
            values: row.into_iter().enumerate().map(|(slot, value)| (slot, Some(value))).collect(),
            ..RecordInput::default()
        })
        .collect();
    let request = WriteRequest {
        table: table.into(),
        prepare: Box::new(move |_| Ok(RecordInputs { records: records.clone(), single: false })),
        render: Box::new(|_, _, _, _| bytes::Bytes::new()),
        if_match: None,
        idempotency: None,
        skip_missing_deletes: false,
        body_bytes: 1 << 20,
    };
    session.write(request).await.unwrap();
}

/// Six stored fields; with a formula and a link instead of two of them.
fn view(is_computed: bool) -> Arc<Document> {
    let mut columns = ["A", "B", "C", "D", "E", "F"];
    if is_computed {
        columns[4] = "B * 1.19";
        columns[5] = "G";
    }
    let columns: Vec<Json> = columns.iter().map(|expression| json!({"expression": expression})).collect();
    let json =
        json!({"type": "B", "caption": "V", "config": {"sort": 1, "descending": true, "cols": columns}});
    Arc::new(Document::from_json(json, "view", Some("v")).unwrap())
}

fn run(
    view: &Arc<Document>,
    wanted: ViewWanted,
    write: fn(&ViewTable<'_>) -> Result<Vec<u8>, boobook_app::AppError>,
) -> usize {
    let Stage { runtime, session } = stage();
    let answer = session.view(session.snapshot(), Arc::clone(view), wanted, write);
    runtime.block_on(answer).unwrap().len()
}

#[divan::bench(args = [false, true])]
fn json_of_10_000(bencher: Bencher, is_computed: bool) {
    let view = view(is_computed);
    stage();
    bencher.counter(ItemsCount::new(ROWS)).bench(|| black_box(run(&view, ViewWanted::default(), write_json)));
}

#[divan::bench]
fn csv_of_10_000(bencher: Bencher) {
    let view = view(false);
    stage();
    bencher.counter(ItemsCount::new(ROWS)).bench(|| black_box(run(&view, ViewWanted::default(), write_csv)));
}

/// What the web page asks for: 500 of the rows in their order.
#[divan::bench]
fn page_of_500(bencher: Bencher) {
    let view = view(true);
    stage();
    let wanted = || ViewWanted { page: Some((5_000, 500)), grouped: true, ..ViewWanted::default() };
    bencher.bench(|| black_box(run(&view, wanted(), write_json)));
}
