//! Scripts drawn at random, run over the engine and by a walker that knows nothing of it: both must say the same.
//!
//! The walker ([`naive`]) works on a typed tree of its own and on plain maps, so that no mistake of parser, checker,
//! evaluator or engine is in it, too. The same case is run over a snapshot, and over a transaction in which half of
//! the records are not yet applied.

mod draw;
mod functions;
mod generate;
mod naive;
mod script;
mod text;
mod world;

use std::sync::Arc;

use boobook_nx::{Context, Library, Locale, RunLimits, User, json};
use proptest::prelude::*;
use serde_json::Value as Json;

use super::{Accesses, Recording, Runner, overlay::Overlay, snapshot::Reader};
use crate::SystemHost;
use boobook_model::Role;
use draw::Draw;
use world::World;

const NOW_MS: i64 = 1_700_000_000_000;

fn runner() -> Runner {
    let user = User { id: "u1".parse().unwrap(), name: "Ada".into(), email: "".into(), roles: Vec::new() };
    Runner {
        is_admin: true,
        users: vec![user.clone()],
        user,
        team: "team".into(),
        database: "database".into(),
    }
}

/// What a host makes of a script.
fn run(host: &mut dyn boobook_nx::Host, source: &str) -> Result<Json, String> {
    let library = Arc::new(Library::compile(Arc::clone(host.schema())));
    if let Some(problem) = library.problems.first() {
        return Err(format!("{}: {}: {:?}", problem.place, problem.source, problem.diagnostics));
    }
    let checked = library.script(source, None);
    if !checked.is_sound() {
        return Err(format!("{:?}", checked.diagnostics));
    }
    let limits = RunLimits { steps_max: u64::MAX, bytes_max: u64::MAX, ..RunLimits::default() };
    let mut cx = Context::new(host, library, Locale::default(), limits, &|| false);
    let value = checked.program.run(&mut cx, Vec::new()).map_err(|error| error.to_string())?;
    let mut out = String::new();
    json::write(&value, &mut out);
    serde_json::from_str(&out).map_err(|error| format!("{out}: {error}"))
}

/// Equal, but that numbers may differ where they are rounded.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
        }
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

/// Runs the case that the bytes stand for.
fn check(data: &[u8], choices: &[u8], records_max: usize, is_flat: bool) {
    let world = World::draw(&mut Draw::new(data), records_max);
    let script = generate::script(&world, &mut Draw::new(choices), is_flat);
    let source = script::write(&script);
    let expected = naive::answer(&world, &script);

    let accesses =
        |schema: &boobook_model::Schema| Accesses::new(schema, &Role::new(Role::ADMIN).unwrap(), false);
    let host = SystemHost;
    let actor = || "u1".parse().unwrap();
    let tell = |what: &str, got: &Result<Json, String>| {
        format!(
            "{what}: {source}\n  expected {expected}\n  got {got:?}\n  schema {}\n  records {:?}",
            world.schema(),
            world.tables.iter().map(|table| table.records.iter().take(20).collect()).collect::<Vec<Vec<_>>>()
        )
    };

    let mut head = world.head();
    let mut tx = head.begin(actor(), NOW_MS);
    world.fill(&mut tx, &|_| true);
    let writes = tx.finish().unwrap();
    head.apply(&writes).unwrap();
    let snapshot = head.publish();
    let rights = accesses(&snapshot.schema);
    let got = run(&mut Reader::new(&snapshot, &rights, runner(), &host), &source);
    assert!(got.as_ref().is_ok_and(|got| same(got, &expected)), "{}", tell("snapshot", &got));

    let mut head = world.head();
    let half = records_max as u64 / 2;
    let mut tx = head.begin(actor(), NOW_MS);
    world.fill(&mut tx, &|number| number <= half);
    let writes = tx.finish().unwrap();
    head.apply(&writes).unwrap();
    let mut tx = head.begin(actor(), NOW_MS);
    world.fill(&mut tx, &|number| number > half);
    world.settle(&mut tx, half);
    let (rights, runner) = (accesses(tx.schema()), runner());
    let got = run(&mut Overlay::new(&mut tx, &rights, &runner, &host, &Recording::default()), &source);
    assert!(got.as_ref().is_ok_and(|got| same(got, &expected)), "{}", tell("transaction", &got));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases * 4, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn few_records(
        data in prop::collection::vec(any::<u8>(), 0..200),
        choices in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        check(&data, &choices, 8, false);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 64 + 1, failure_persistence: None, ..ProptestConfig::default() })]

    /// So many that columns have several chunks, and indexes are worth their while.
    #[test]
    fn many_records(seed in any::<u64>(), choices in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&draw::expand(seed, 150_000), &choices, 6_000, true);
    }
}
