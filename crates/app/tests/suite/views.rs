//! Views, evaluated, against a naive evaluation of the same rows.

use std::{cmp::Ordering, ops::Range, sync::Arc};

use boobook_app::{AppError, Limits, Session, ViewCell, ViewTable, ViewWanted};
use boobook_model::{Document, Value};
use boobook_store::MemStore;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use crate::harness::*;

/// A record of the model: text, number, option of a choice, yes/no.
type Record = (Option<String>, Option<f64>, Option<u16>, Option<bool>);

const OPTIONS: [&str; 3] = ["open", "paid", "opened late"];
/// Where each option comes in the order of the field.
const RANKS: [usize; 3] = [1, 2, 0];

const EXPRESSIONS: [&str; 7] = ["A", "B", "C", "D", "upper(A)", "B * 2", "Id"];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Filter {
    Text(&'static str),
    Number(f64),
    Greater(f64),
    AtMost(f64),
    Condition,
}

#[derive(Debug, Clone)]
struct Column {
    expression: usize,
    filter: Option<Filter>,
    agg: Option<&'static str>,
}

#[derive(Debug, Clone)]
struct View {
    columns: Vec<Column>,
    sort: Option<usize>,
    descending: bool,
    group: Option<usize>,
}

/// What is shown of a view: cells, groups with their totals, totals.
#[derive(Debug, PartialEq)]
struct Shown {
    rows: Vec<Vec<String>>,
    groups: Vec<(Range<usize>, Vec<String>)>,
    totals: Vec<String>,
}

fn cell((text, number, option, flag): &Record, id: usize, expression: usize) -> ViewCell<'static> {
    let as_text = |text: String| {
        if text.is_empty() { ViewCell::Empty } else { ViewCell::Text(text.into()) }
    };
    match expression {
        0 => text.clone().map_or(ViewCell::Empty, as_text),
        1 => number.map_or(ViewCell::Empty, ViewCell::Number),
        2 => option.map_or(ViewCell::Empty, |o| as_text(OPTIONS[usize::from(o) - 1].into())),
        3 => flag.map_or(ViewCell::Empty, ViewCell::Bool),
        4 => text.clone().map_or(ViewCell::Empty, |text| as_text(text.to_uppercase())),
        // Nothing times two is nought (nx-language.md §9-7).
        5 => ViewCell::Number(number.unwrap_or(0.0) * 2.0),
        _ => ViewCell::Number(id as f64),
    }
}

fn passes(record: &Record, id: usize, column: &Column) -> bool {
    let cell = cell(record, id, column.expression);
    match (column.filter, &cell) {
        (None, _) => true,
        (Some(Filter::Text(part)), ViewCell::Text(text)) => {
            text.to_lowercase().contains(&part.to_lowercase())
        }
        (Some(Filter::Number(n)), ViewCell::Number(own)) => *own == n,
        (Some(Filter::Greater(n)), ViewCell::Number(own)) => *own > n,
        (Some(Filter::AtMost(n)), ViewCell::Number(own)) => *own <= n,
        (Some(Filter::Condition), _) => record.1.is_some_and(|n| n > 2.0) || record.3 == Some(true),
        _ => false,
    }
}

fn order(a: &(usize, &Record), b: &(usize, &Record), expression: usize) -> Ordering {
    let key = |(id, record): &(usize, &Record)| match cell(record, *id, expression) {
        ViewCell::Empty => (0, 0.0, String::new()),
        ViewCell::Number(n) => (1, n, String::new()),
        ViewCell::Bool(b) => (1, f64::from(b), String::new()),
        _ if expression == 2 => (1, RANKS[usize::from(record.2.unwrap()) - 1] as f64, String::new()),
        ViewCell::Text(text) => (2, 0.0, format!("{} {text}", text.to_lowercase())),
        other => panic!("{other:?}"),
    };
    key(a).partial_cmp(&key(b)).unwrap()
}

fn naive(records: &[Record], view: &View) -> Shown {
    let numbered = records.iter().enumerate().map(|(at, record)| (at + 1, record));
    let mut rows: Vec<(usize, &Record)> = numbered
        .filter(|(id, record)| view.columns.iter().all(|column| passes(record, *id, column)))
        .collect();
    if let Some(by) = view.sort {
        let expression = view.columns[by].expression;
        rows.sort_by(|a, b| {
            let order = order(a, b, expression);
            if view.descending { order.reverse() } else { order }
        });
    }
    let mut groups: Vec<Range<usize>> = Vec::new();
    if let Some(by) = view.group {
        let expression = view.columns[by].expression;
        let is_reversed = view.descending && view.sort == view.group;
        rows.sort_by(|a, b| {
            let order = order(a, b, expression);
            if is_reversed { order.reverse() } else { order }
        });
        for at in 0..rows.len() {
            let same = |a: &(usize, &Record), b: &(usize, &Record)| {
                cell(a.1, a.0, expression) == cell(b.1, b.0, expression)
            };
            match groups.last_mut() {
                Some(group) if same(&rows[at - 1], &rows[at]) => group.end = at + 1,
                _ => groups.push(at..at + 1),
            }
        }
    }
    let total = |range: Range<usize>| -> Vec<String> {
        let of = |column: &Column| {
            let cells: Vec<_> =
                rows[range.clone()].iter().map(|(id, record)| cell(record, *id, column.expression)).collect();
            let filled = cells.iter().filter(|cell| !cell.is_empty()).count();
            let numbers: Vec<f64> = cells
                .iter()
                .filter_map(|cell| if let ViewCell::Number(n) = cell { Some(*n) } else { None })
                .collect();
            let total = match column.agg {
                Some("cnt") => ViewCell::Number(filled as f64),
                None => ViewCell::Empty,
                Some(_) if numbers.is_empty() => ViewCell::Empty,
                Some("sum") => ViewCell::Number(numbers.iter().sum()),
                Some("min") => ViewCell::Number(numbers.iter().copied().fold(f64::INFINITY, f64::min)),
                Some(_) => ViewCell::Number(numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
            };
            format!("{total:?}")
        };
        view.columns.iter().map(of).collect()
    };
    let shown = |(id, record): &(usize, &Record)| {
        view.columns.iter().map(|column| format!("{:?}", cell(record, *id, column.expression))).collect()
    };
    Shown {
        rows: rows.iter().map(shown).collect(),
        groups: groups.into_iter().map(|range| (range.clone(), total(range))).collect(),
        totals: total(0..rows.len()),
    }
}

fn shown(table: &ViewTable<'_>) -> Shown {
    let columns = 0..table.columns.len();
    let row = |at| columns.clone().map(|column| format!("{:?}", table.cell(column, at))).collect();
    let totals = |totals: &[ViewCell<'_>]| totals.iter().map(|total| format!("{total:?}")).collect();
    Shown {
        rows: table.page.clone().map(row).collect(),
        groups: table.groups.iter().map(|group| (group.rows.clone(), totals(&group.totals))).collect(),
        totals: table.columns.iter().map(|column| format!("{:?}", column.total)).collect(),
    }
}

fn document(view: &View) -> Json {
    let column = |column: &Column| {
        let mut json = json!({"expression": EXPRESSIONS[column.expression]});
        let filter = column.filter.map(|filter| match filter {
            Filter::Text(text) => format!("{text:?}"),
            Filter::Number(n) => n.to_string(),
            Filter::Greater(n) => format!("> {n}"),
            Filter::AtMost(n) => format!("<= {n}"),
            Filter::Condition => "B > 2 or D".into(),
        });
        if let Some(filter) = filter {
            json["filter"] = filter.into();
        }
        if let Some(agg) = column.agg {
            json["agg"] = agg.into();
        }
        json
    };
    let columns: Vec<Json> = view.columns.iter().map(column).collect();
    let mut config = json!({"cols": columns, "descending": view.descending});
    for (key, place) in [("sort", view.sort), ("group", view.group)] {
        if let Some(at) = place {
            config[key] = at.into();
        }
    }
    json!({"type": "C", "caption": "V", "config": config})
}

pub fn view_of(json: Json) -> Arc<Document> {
    Arc::new(Document::from_json(json, "view", Some("v1")).unwrap())
}

async fn evaluated(session: &Session, json: Json, wanted: ViewWanted) -> Result<Shown, AppError> {
    session.view(session.snapshot(), view_of(json), wanted, |table| Ok(shown(table))).await
}

async fn table_of(records: &[Record]) -> (Workspace, Session) {
    let w = workspace(Arc::new(MemStore::default()), Limits::default()).await;
    let session = w.session().await;
    let Json::Object(table) = json!({"name": "T", "fields": [
        {"name": "A", "type": "string"}, {"name": "B", "type": "number"},
        {"name": "C", "type": "choice", "choices": [{"caption": OPTIONS[0], "order": 1}, {"caption": OPTIONS[1], "order": 2},
            {"caption": OPTIONS[2], "order": 0}]},
        {"name": "D", "type": "boolean"}]})
    else {
        unreachable!()
    };
    session.create_table(table).await.unwrap();
    let inputs = records.iter().map(|(a, b, c, d)| {
        create(vec![
            (0, a.as_deref().and_then(text)),
            (1, b.map(Value::Number)),
            (2, c.map(Value::Choice)),
            (3, d.map(Value::Bool)),
        ])
    });
    write(&session, "T", inputs.collect()).await.unwrap();
    (w, session)
}

fn record() -> impl Strategy<Value = Record> {
    let text = prop::option::of(prop::sample::select(vec!["ab", "Ab", "abc", "xy", "B", "zz"]));
    let number = prop::option::of((-3i32..6).prop_map(f64::from));
    (text, number, prop::option::of(1u16..4), prop::option::of(any::<bool>()))
        .prop_map(|(text, number, option, flag)| (text.map(str::to_owned), number, option, flag))
}

fn view() -> impl Strategy<Value = View> {
    let column = (
        0..EXPRESSIONS.len(),
        0..8u8,
        prop::option::of(prop::sample::select(vec!["sum", "min", "max", "cnt"])),
    );
    let column = column.prop_map(|(expression, filter, agg)| {
        let is_number = matches!(expression, 1 | 5 | 6);
        let filter = match filter {
            0 if is_number => Some(Filter::Number(2.0)),
            1 if is_number => Some(Filter::Greater(0.0)),
            2 if is_number => Some(Filter::AtMost(4.0)),
            0 if expression != 3 => Some(Filter::Text("b")),
            1 if expression != 3 => Some(Filter::Text("OPEN")),
            3 => Some(Filter::Condition),
            _ => None,
        };
        Column { expression, filter, agg }
    });
    (
        prop::collection::vec(column, 1..5),
        prop::option::of(0..4usize),
        any::<bool>(),
        prop::option::of(0..4usize),
    )
        .prop_map(|(columns, sort, descending, group)| {
            let place = |at: Option<usize>| at.filter(|at| *at < columns.len());
            View { sort: place(sort), group: place(group), descending, columns }
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(debug_assertions) { 24 } else { 200 }, ..ProptestConfig::default() })]

    #[test]
    fn a_view_is_what_a_naive_evaluation_says(
        records in prop::collection::vec(record(), 1..30),
        views in prop::collection::vec(view(), 6),
        skip in 0..20usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (w, session) = table_of(&records).await;
            for view in views {
                let wanted = ViewWanted { grouped: true, ..ViewWanted::default() };
                let expected = naive(&records, &view);
                let all = evaluated(&session, document(&view), wanted.clone()).await.unwrap();
                assert_eq!(all, expected, "{view:?}");
                // A page is part of the whole, with the same groups and totals.
                let paged = ViewWanted { page: Some((skip, 5)), ..wanted.clone() };
                let page = evaluated(&session, document(&view), paged).await.unwrap();
                let rows = expected.rows.into_iter().skip(skip).take(5).collect();
                assert_eq!(page, Shown { rows, ..all }, "{view:?}");
                // Without groups there is one order throughout.
                let plain = naive(&records, &View { group: None, ..view.clone() });
                let flat = evaluated(&session, document(&view), ViewWanted::default()).await.unwrap();
                assert_eq!(flat.rows, plain.rows, "{view:?}");
            }
            w.app.stop();
        });
    }
}

#[tokio::test]
async fn what_does_not_work_is_told_and_shows_nothing() {
    let (_w, session) = table_of(&[(Some("a".into()), Some(1.0), None, None)]).await;
    let column = |filter: &str| json!({"expression": "A", "filter": filter});
    for (view, rows, problem) in [
        (json!({"cols": [{"expression": "A +"}, {"expression": "A"}]}), 1, "A +"),
        (json!({"cols": [{"expression": "Nothing"}]}), 1, "Nothing"),
        (json!({"cols": [{"expression": "B := 7"}]}), 1, "only reads"),
        (json!({"cols": [{"expression": "http(\"GET\", \"http://x\")"}]}), 1, "only reads"),
        (json!({"cols": [column("> (")]}), 0, "filter"),
        (json!({"cols": [column("Nothing = 1")]}), 0, "filter"),
        (json!({"cols": [column("B := 7")]}), 0, "filter"),
        (json!({"filter": "> 5", "cols": [{"expression": "A"}]}), 0, "name the field"),
        (json!({"filter": "B > 5", "cols": [{"expression": "A"}]}), 0, ""),
        (json!({"cols": [], "sort": 7, "group": "x"}), 1, ""),
    ] {
        let document = view_of(json!({"type": "C", "caption": "V", "config": view.clone()}));
        let outcome = session.view(session.snapshot(), document, ViewWanted::default(), |table| {
            let problems: Vec<String> =
                table.problems.iter().map(|p| format!("{}: {}", p.column, p.message)).collect();
            Ok((table.len(), problems.join("; ")))
        });
        let (len, problems) = outcome.await.unwrap();
        assert_eq!(len, rows, "{view}: {problems}");
        assert_eq!(problems.is_empty(), problem.is_empty(), "{view}: {problems}");
        assert!(problems.contains(problem), "{view}: {problems}");
    }
}

#[tokio::test]
async fn a_view_has_its_bounds() {
    let limits = Limits { view_rows_max: 2, ..Limits::default() };
    let w = workspace(Arc::new(MemStore::default()), limits).await;
    let session = w.session().await;
    write(&session, "Kunden", (0..3).map(|_| create(vec![(0, text("x"))])).collect()).await.unwrap();
    let view = |filter: &str| {
        view_of(
            json!({"type": "A", "caption": "V", "config": {"cols": [{"expression": "Id", "filter": filter}]}}),
        )
    };
    let rows = |filter| {
        let (session, view) = (&session, view(filter));
        async move { session.view(session.snapshot(), view, ViewWanted::default(), |table| Ok(table.len())).await }
    };
    assert_eq!(rows("< 3").await, Ok(2));
    let error = rows("").await.unwrap_err();
    assert!(matches!(&error, AppError::TooLarge(text) if text.contains("limits.view_rows_max")), "{error}");
    let endless = view_of(
        json!({"type": "A", "config": {"cols": [{"expression": "let x := 0; while true do x := x + 1 end; x"}]}}),
    );
    let limits = Limits {
        script: boobook_app::ScriptLimits {
            steps_max: 10_000,
            result_bytes_max: 5,
            ..Limits::default().script
        },
        ..Limits::default()
    };
    let w = workspace(Arc::new(MemStore::default()), limits).await;
    let session = w.session().await;
    write(&session, "Kunden", vec![create(vec![(0, text("x"))])]).await.unwrap();
    let error = session.view(session.snapshot(), endless, ViewWanted::default(), |table| Ok(table.len()));
    assert!(error.await.unwrap_err().to_string().contains("limits.script.steps_max"));
    let large =
        session.view(session.snapshot(), view("1"), ViewWanted::default(), |table| table.check_size(6));
    assert!(large.await.unwrap_err().to_string().contains("result_bytes_max"));
}
