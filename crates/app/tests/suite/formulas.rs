//! Formulas that are remembered between requests: a server that does answers what one says that does not.

use std::sync::Arc;

use boobook_app::{Limits, NewKey, NxValue, RecordInput, ScriptRequest, Session, Wanted};
use boobook_engine::{Order, Select};
use boobook_model::{Principal, Value};
use boobook_store::MemStore;
use proptest::prelude::*;
use serde_json::json;

use crate::harness::*;

/// What happens on both servers.
#[derive(Clone, Debug)]
enum Step {
    /// Orders and customers by their number, made where there are none.
    Order(u64, Option<u64>, Option<i32>),
    Customer(u64, Option<i32>, u16),
    Delete(bool, u64),
    /// A formula more.
    Field,
    Script(i32),
    Read {
        is_viewer: bool,
        what: usize,
    },
}

const QUERIES: [&str; 9] = [
    "(select Customer).Total",
    "(select Customer where Total > 3).Name",
    "(select Customer order by Total).Nr",
    "sum((select Order).Share)",
    "(select Order where Share > 0.2).Nr",
    "(select Customer).(Mine + \" \" + Rank + \" \" + Who)",
    "max((select Customer).Best)",
    "(select Customer where Level = 2 and Total > 1).Rank",
    "(select Order).Of",
];

async fn start(formula_bytes_max: usize) -> (Workspace, Arc<Principal>) {
    let limits = Limits { formula_bytes_max, ..Limits::default() };
    let w = workspace(Arc::new(MemStore::default()), limits).await;
    let s = w.session().await;
    let tables = [
        json!({"name": "Customer", "canRead": "not Hidden", "fields": [
            {"name": "Name", "type": "string"}, {"name": "Level", "type": "number"},
            {"name": "Kind", "type": "choice", "choices": [{"caption": "x"}, {"caption": "y"}, {"caption": "z"}]},
            {"name": "Hidden", "type": "boolean"}]}),
        json!({"name": "Order", "fields": [
            {"name": "Customer", "type": "ref", "referenceToTable": "Customer"},
            {"name": "Net", "type": "number", "canRead": "Net > 1"}]}),
    ];
    for table in tables {
        let serde_json::Value::Object(body) = table else { unreachable!() };
        s.create_table(body).await.unwrap();
    }
    for (table, name, text) in [
        ("Customer", "Total", "sum(Order.Net)"),
        ("Customer", "Best", "max(Order.Net) + Level"),
        ("Customer", "Mine", "Level * 2"),
        ("Customer", "Sort", "Kind"),
        ("Customer", "Rank", "let t := Total; cnt(select Customer where Total > t)"),
        ("Customer", "Who", "userRole() + Level"),
        ("Order", "Share", "Net / Customer.Total"),
        ("Order", "Of", "Customer.Name + Net"),
    ] {
        field(&s, table, name, text).await;
    }
    let customers = (0..40).map(|n| create(vec![(0, text(&format!("C{n}"))), (1, number(n % 4))]));
    write(&s, "Customer", customers.collect()).await.unwrap();
    let orders = (0..120).map(|n| create(vec![(0, Some(Value::Reference(rid(n % 40 + 1)))), (1, number(1))]));
    write(&s, "Order", orders.collect()).await.unwrap();
    let viewer = w.key_with(NewKey { role: Some("viewer"), ..NewKey::default() });
    (w, viewer)
}

async fn field(session: &Session, table: &str, name: &str, text: &str) {
    let serde_json::Value::Object(body) = json!({"name": name, "type": "fn", "fn": text}) else {
        unreachable!()
    };
    session.create_field(table, body).await.unwrap();
}

fn number(n: u64) -> Option<Value> {
    Some(Value::Number(n as f64))
}

fn upsert(id: u64, values: Vec<(usize, Option<Value>)>) -> RecordInput {
    RecordInput { upsert: true, ..update(id, values) }
}

/// What a step is answered with.
async fn answer(w: &Workspace, viewer: &Arc<Principal>, at: usize, step: &Step) -> String {
    let admin = w.session().await;
    let written = match step {
        Step::Order(id, customer, net) => {
            let mut values = vec![(1, net.map(|n| Value::Number(f64::from(n))))];
            values.extend(customer.map(|id| (0, Some(Value::Reference(rid(id))))));
            write(&admin, "Order", vec![upsert(*id, values)]).await
        }
        Step::Customer(id, level, kind) => {
            let level = level.map(|n| Value::Number(f64::from(n)));
            let hidden = Some(Value::Bool(*kind == 2));
            let values = vec![(1, level), (2, Some(Value::Choice(kind + 1))), (3, hidden)];
            write(&admin, "Customer", vec![upsert(*id, values)]).await
        }
        Step::Delete(is_order, id) => {
            let table = if *is_order { "Order" } else { "Customer" };
            write(&admin, table, vec![delete(*id)]).await
        }
        Step::Field => {
            field(&admin, "Customer", &format!("F{at}"), "Level + 1").await;
            return String::new();
        }
        // It reads what it has just written.
        Step::Script(n) => {
            let source = format!(
                "for o in select Order where Nr < 9 do o.Net := o.Net + {n} end; \
                 (select Customer where Total > {n}).Total"
            );
            let request = ScriptRequest { source, ..ScriptRequest::default() };
            return format!("{:?}", admin.exec(request).await.map(|answer| answer.json));
        }
        Step::Read { is_viewer, what } => {
            let session = if *is_viewer { w.session_of(viewer).await.unwrap() } else { admin };
            return read(&session, *what).await;
        }
    };
    format!("{:?}", written.map(|answer| answer.sq))
}

async fn read(session: &Session, what: usize) -> String {
    if let Some(query) = QUERIES.get(what) {
        let request =
            ScriptRequest { source: (*query).into(), explain: what % 2 == 1, ..ScriptRequest::default() };
        let json = session.query(request).await.map(|answer| answer.json);
        // But for how long it took.
        return format!("{query}: {:?}", json.map(|json| json.split("\"ms\"").next().unwrap().to_owned()));
    }
    let snapshot = session.snapshot();
    let access = session.readable_table(&snapshot, "Customer").unwrap();
    let slot = |name: &str| access.schema.fields.iter().position(|field| field.caption == name).unwrap();
    let select = |order| Select { order, take: usize::MAX, count: true, ..Select::default() };
    let by = |name, desc| select(Order::Field { slot: slot(name), desc });
    let wanted = match what - QUERIES.len() {
        0 => Wanted { select: by("Total", true), ..Wanted::default() },
        1 => Wanted { select: Select { skip: 3, take: 5, ..by("Rank", false) }, ..Wanted::default() },
        2 => {
            let computed = vec![(slot("Total") as u16, vec![NxValue::Number(3.0), NxValue::Null])];
            Wanted { select: select(Order::IdAsc), computed, ..Wanted::default() }
        }
        3 => {
            let computed = vec![(slot("Sort") as u16, vec![NxValue::text("y")])];
            Wanted { select: by("Best", true), computed, ..Wanted::default() }
        }
        4 => {
            let predicate = Some("Total > 2 and Rank < 30".to_owned());
            Wanted { select: by("Mine", false), predicate, ..Wanted::default() }
        }
        _ => Wanted { select: by("Who", true), ..Wanted::default() },
    };
    let found = session.find(&snapshot, &access, wanted).await.unwrap();
    let formulas = session.formulas(&access, None);
    let computed = formulas.compute(&snapshot, &found.rows).await.unwrap();
    let mut out = format!("{found:?}: ");
    for record in 0..found.rows.len() {
        for position in 0..access.schema.formulas().len() {
            out += &format!("{:?} ", computed.value(record, position));
        }
    }
    out
}

fn step() -> impl Strategy<Value = Step> {
    let amount = || prop::option::weighted(0.9, -2i32..6);
    let reads = QUERIES.len() + 6;
    prop_oneof![
        3 => (1u64..130, prop::option::of(1u64..40), amount()).prop_map(|(id, of, net)| Step::Order(id, of, net)),
        3 => (1u64..45, amount(), 0u16..3).prop_map(|(id, level, kind)| Step::Customer(id, level, kind)),
        1 => (any::<bool>(), 1u64..45).prop_map(|(is_order, id)| Step::Delete(is_order, id)),
        1 => Just(Step::Field),
        1 => (0i32..3).prop_map(Step::Script),
        9 => (prop::bool::weighted(0.3), 0..reads)
            .prop_map(|(is_viewer, what)| Step::Read { is_viewer, what }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 8, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn remembering_changes_no_answer(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (one, one_viewer) = start(Limits::default().formula_bytes_max).await;
            let (other, other_viewer) = start(0).await;
            for (at, step) in steps.iter().enumerate() {
                let remembered = answer(&one, &one_viewer, at, step).await;
                let afresh = answer(&other, &other_viewer, at, step).await;
                assert_eq!(remembered, afresh, "step {at}: {step:?}");
            }
        });
    }
}

#[tokio::test]
async fn what_is_remembered_counts_as_memory_and_goes_first() {
    let (w, _) = start(Limits::default().formula_bytes_max).await;
    let s = w.session().await;
    let background = tokio::spawn({
        let app = w.app.clone();
        async move { app.run_background().await }
    });
    let used = || async {
        tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
        w.app.usage().1
    };
    let before = used().await;
    read(&s, 0).await;
    let with_formulas = used().await;
    assert!(with_formulas > before + 300, "{before} and then {with_formulas} bytes");
    background.abort();
    w.app.stop();
}
