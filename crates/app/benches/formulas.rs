//! Formulas over the many side of a relation: 10,000 customers with 100,000 invoices.
//!
//! `Fresh`: something the formula depends on was written just before; `Known`: nothing was; `Elsewhere`: a field that it
//! does not depend on was.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "a bench")]

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use boobook_app::{
    App, NewKey, NxValue, RecordInput, RecordInputs, ScriptRequest, Session, SystemHost, Wanted, WriteRequest,
};
use boobook_engine::{Order, Row, Select};
use boobook_model::{RecordId, Value};
use boobook_store::MemStore;
use divan::{Bencher, black_box};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

const CUSTOMERS: u64 = 10_000;
const INVOICES: u64 = 100_000;

fn main() {
    divan::main();
}

struct World {
    runtime: Runtime,
    session: Session,
}

/// What was written before a measurement.
#[derive(Clone, Copy, Debug)]
enum Before {
    Fresh,
    Known,
    Elsewhere,
}

const BEFORE: [Before; 3] = [Before::Fresh, Before::Elsewhere, Before::Known];

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let store = Arc::new(MemStore::default());
        let app = App::start(store, Arc::new(SystemHost), boobook_app::Limits::default()).unwrap();
        let team = app.catalogue().create_team("Nord").unwrap().id;
        let new = NewKey { team: &team, role: Some("admin"), ..NewKey::default() };
        let (_, key) = app.catalogue().create_key(&new).unwrap();
        let admin = app.authenticate(key.as_bytes()).unwrap();
        let session = runtime.block_on(async {
            let database = app.create_database(&admin, &team, "Lager", None).await.unwrap().id;
            app.session(&admin, &team, &database).await.unwrap()
        });
        let world = World { runtime, session };
        world.fill();
        world
    })
}

impl World {
    fn fill(&self) {
        let tables = [
            json!({"name": "Customer", "fields": [{"name": "Name", "type": "string"}]}),
            json!({"name": "Invoice", "fields": [
                {"name": "Customer", "type": "ref", "referenceToTable": "Customer"},
                {"name": "Net", "type": "number"}, {"name": "Note", "type": "string"}]}),
        ];
        for table in tables {
            let serde_json::Value::Object(body) = table else { unreachable!() };
            self.runtime.block_on(self.session.create_table(body)).unwrap();
        }
        for (name, text) in [("Total", "sum(Invoice.Net)"), ("Large", "sum(Invoice[Net > 50].Net)")] {
            let serde_json::Value::Object(body) = json!({"name": name, "type": "fn", "fn": text}) else {
                unreachable!()
            };
            self.runtime.block_on(self.session.create_field("Customer", body)).unwrap();
        }
        let name = |n: u64| vec![(0, Some(Value::Text(format!("Customer {n}").into())))];
        self.write("Customer", (0..CUSTOMERS).map(|n| (None, name(n))).collect());
        let invoice = |n: u64| {
            let customer = RecordId::new(n * 7919 % CUSTOMERS + 1).unwrap();
            vec![(0, Some(Value::Reference(customer))), (1, Some(Value::Number((n * 31 % 100) as f64)))]
        };
        self.write("Invoice", (0..INVOICES).map(|n| (None, invoice(n))).collect());
    }

    #[allow(clippy::type_complexity, reason = "a bench")]
    fn write(&self, table: &str, records: Vec<(Option<u64>, Vec<(usize, Option<Value>)>)>) {
        let input = |(id, values): (Option<u64>, _)| RecordInput {
            id: id.and_then(RecordId::new),
            values,
            ..RecordInput::default()
        };
        let records: Vec<RecordInput> = records.into_iter().map(input).collect();
        let request = WriteRequest {
            table: table.into(),
            prepare: Box::new(move |_| Ok(RecordInputs { records: records.clone(), single: false })),
            render: Box::new(|_, _, _, _| "".into()),
            if_match: None,
            idempotency: None,
            skip_missing_deletes: false,
            body_bytes: 100,
        };
        self.runtime.block_on(self.session.write(request)).unwrap();
    }

    fn prepare(&self, before: Before) {
        // Never the same value twice: that would be no change.
        static TURN: AtomicU64 = AtomicU64::new(1_000);
        let turn = TURN.fetch_add(1, Relaxed);
        let id = Some(turn % INVOICES + 1);
        match before {
            Before::Fresh => self.write("Invoice", vec![(id, vec![(1, Some(Value::Number(turn as f64)))])]),
            Before::Known => {}
            Before::Elsewhere => {
                let note = Value::Text(format!("note {turn}").into());
                self.write("Invoice", vec![(id, vec![(2, Some(note))])]);
            }
        }
    }

    fn find(&self, wanted: Wanted) -> Vec<Row> {
        let snapshot = self.session.snapshot();
        let access = self.session.readable_table(&snapshot, "Customer").unwrap();
        self.runtime.block_on(self.session.find(&snapshot, &access, wanted)).unwrap().rows
    }

    fn slot(&self, caption: &str) -> usize {
        let snapshot = self.session.snapshot();
        let access = self.session.readable_table(&snapshot, "Customer").unwrap();
        access.schema.fields.iter().position(|field| field.caption == caption).unwrap()
    }

    fn query(&self, source: &str) -> String {
        let request = ScriptRequest { source: source.into(), ..ScriptRequest::default() };
        self.runtime.block_on(self.session.query(request)).unwrap().json
    }
}

/// The first measurement is not the first run.
fn bench<T>(bencher: Bencher<'_, '_>, before: Before, run: impl Fn(&World) -> T + Sync) {
    let world = world();
    run(world);
    bencher.with_inputs(|| world.prepare(before)).bench_values(|()| black_box(run(world)));
}

fn page(order: Order) -> Select {
    Select { order, take: 100, ..Select::default() }
}

#[divan::bench(args = BEFORE)]
fn order_by_formula(bencher: Bencher<'_, '_>, before: Before) {
    bench(bencher, before, |world| {
        let select = page(Order::Field { slot: world.slot("Total"), desc: true });
        world.find(Wanted { select, ..Wanted::default() })
    });
}

#[divan::bench(args = BEFORE)]
fn order_by_formula_with_a_condition(bencher: Bencher<'_, '_>, before: Before) {
    bench(bencher, before, |world| {
        let select = page(Order::Field { slot: world.slot("Large"), desc: true });
        world.find(Wanted { select, ..Wanted::default() })
    });
}

#[divan::bench(args = BEFORE)]
fn filter_by_formula(bencher: Bencher<'_, '_>, before: Before) {
    bench(bencher, before, |world| {
        let computed = vec![(world.slot("Total") as u16, vec![NxValue::Number(510.0)])];
        world.find(Wanted { select: page(Order::IdAsc), computed, ..Wanted::default() })
    });
}

#[divan::bench(args = BEFORE)]
fn select_where_formula(bencher: Bencher<'_, '_>, before: Before) {
    bench(bencher, before, |world| world.query("cnt(select Customer where Total > 510)"));
}

#[divan::bench]
fn select_where_sum(bencher: Bencher<'_, '_>) {
    bench(bencher, Before::Known, |world| world.query("cnt(select Customer where sum(Invoice.Net) > 510)"));
}

#[divan::bench(args = BEFORE)]
fn sum_of_formula(bencher: Bencher<'_, '_>, before: Before) {
    bench(bencher, before, |world| world.query("sum((select Customer).Total)"));
}

/// Ten records, with `Total` and `Large`.
#[divan::bench]
fn ten_records(bencher: Bencher<'_, '_>) {
    bench(bencher, Before::Known, |world| {
        let snapshot = world.session.snapshot();
        let access = world.session.readable_table(&snapshot, "Customer").unwrap();
        let formulas = world.session.formulas(&access, None);
        let rows: Vec<Row> = (40..50).map(Row).collect();
        world.runtime.block_on(formulas.compute(&snapshot, &rows)).unwrap()
    });
}
