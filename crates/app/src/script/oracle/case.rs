//! A case: scripts over a world, by the walker and over everything that can run them.

use std::sync::Arc;

use boobook_engine::{Snapshot, Tx};
use boobook_model::{Role, Schema};
use boobook_nx::{Checked, Context, Host, Library, Locale, RunLimits, User, json};
use serde_json::Value as Json;

use super::{
    draw::Draw,
    generate, naive,
    script::{Expr, write},
    statements,
    world::{Data, World},
    writes,
};
use crate::{
    SystemHost,
    script::{Accesses, Memos, Recall, Recording, Runner, overlay::Overlay, snapshot::Reader},
};

const NOW_MS: i64 = 1_700_000_000_000;

/// Scripts, the world they run in, and what they run on.
pub(super) struct Case<'w> {
    world: &'w World,
    library: Arc<Library>,
    accesses: Accesses,
    runner: Runner,
    /// What the scripts of the case leave known about formulas.
    memos: Memos,
}

/// A script that was compiled.
struct Script {
    source: String,
    tree: Expr,
    checked: Checked,
}

fn runner() -> Runner {
    let user = User { id: "u1".parse().unwrap(), name: "Ada".into(), email: "".into(), roles: Vec::new() };
    Runner {
        is_admin: true,
        users: vec![user.clone()],
        user,
        team: "team".into(),
        database: "database".into(),
        public_url: String::new(),
    }
}

impl<'w> Case<'w> {
    pub(super) fn new(world: &'w World) -> Self {
        let schema = Arc::new(Schema::from_json(world.schema()).unwrap());
        let library = Arc::new(Library::compile(Arc::clone(&schema)));
        if let Some(problem) = library.problems.first() {
            panic!("{}: {}: {:?}", problem.place, problem.source, problem.diagnostics);
        }
        let accesses = Accesses::new(&schema, &Role::new(Role::ADMIN).unwrap(), false);
        Self { world, library, accesses, runner: runner(), memos: Memos::new(usize::MAX) }
    }

    /// Draws scripts and runs them: one that reads, over a snapshot and over a transaction that has not applied half of
    /// the records; one that writes; and others that read what it left.
    pub(super) fn check(&self, draw: &mut Draw<'_>, half: u64, is_flat: bool) {
        let reads = self.compile(generate::script(self.world, draw, is_flat));
        let writes = self.compile(statements::program(self.world, draw, is_flat));
        let after = self.compile(generate::script(self.world, draw, is_flat));
        let data = &self.world.data;

        let mut head = self.world.head(&self.library.schema);
        let mut tx = head.begin(actor(), NOW_MS);
        self.world.fill(&mut tx, &|_| true);
        head.apply(&tx.finish().unwrap()).unwrap();
        let before = head.publish();
        // What is asked for again may be answered by other means than the first time.
        for what in ["snapshot", "snapshot, once more", "snapshot, for the third time"] {
            self.reads(what, &before, &reads, data);
        }
        self.half_applied(half, &reads);

        let mut tx = head.begin(actor(), NOW_MS);
        let expected = naive::answer(self.world, data, &writes.tree);
        let got = self.run_in(&mut tx, &writes);
        let expected_json = expected.as_ref().map(|(json, _)| json);
        self.expect("writing", &writes, data, expected_json, &got);
        let Some((_, written)) = expected else { return };
        self.reads_in("transaction that wrote", &mut tx, &after, &written);
        let finished = tx.finish();
        let is_whole = writes::is_whole(self.world, &written);
        let outcome = finished.as_ref().map(|_| Json::Null).map_err(|error| error.to_string());
        self.expect("commit", &writes, data, is_whole.then_some(&Json::Null), &outcome);
        let Ok(finished) = finished else { return };

        head.apply(&finished).unwrap();
        let mut snapshot = head.publish();
        for what in ["snapshot behind the writes", "snapshot behind a vacuum"] {
            if let Some(difference) = self.world.differs(&written, &snapshot) {
                panic!("{what}: {difference}\n{}", self.told(&writes, data));
            }
            self.reads(what, &snapshot, &reads, &written);
            self.reads(what, &snapshot, &after, &written);
            if !head.vacuum() {
                break;
            }
            snapshot = head.publish();
        }
        self.reads("snapshot from before the writes", &before, &after, data);
    }

    /// A transaction in which half of the records are new, over an engine with the other half.
    fn half_applied(&self, half: u64, script: &Script) {
        let mut head = self.world.head(&self.library.schema);
        let mut tx = head.begin(actor(), NOW_MS);
        self.world.fill(&mut tx, &|number| number <= half);
        head.apply(&tx.finish().unwrap()).unwrap();
        let mut tx = head.begin(actor(), NOW_MS);
        self.world.fill(&mut tx, &|number| number > half);
        self.world.settle(&mut tx, half);
        self.reads_in("transaction", &mut tx, script, &self.world.data);
    }

    fn compile(&self, tree: Expr) -> Script {
        let source = write(&tree);
        let checked = self.library.script(&source, None);
        let script = Script { source, tree, checked };
        if !script.checked.is_sound() {
            let problems = &script.checked.diagnostics;
            panic!("does not compile: {problems:?}\n{}", self.told(&script, &self.world.data));
        }
        script
    }

    fn reads(&self, what: &str, snapshot: &Snapshot, script: &Script, data: &Data) {
        let reader = || Reader::new(snapshot, &self.accesses, runner(), &SystemHost);
        self.expect_answer(what, script, data, &self.run(&mut reader(), script));
        let recall = Recall::new(&self.memos, snapshot, &self.library);
        let got = self.run(&mut reader().recalling(recall), script);
        self.expect_answer(&format!("{what}, with what is known of formulas"), script, data, &got);
    }

    fn reads_in(&self, what: &str, tx: &mut Tx<'_>, script: &Script, data: &Data) {
        let got = self.run_in(tx, script);
        self.expect_answer(what, script, data, &got);
    }

    fn run_in(&self, tx: &mut Tx<'_>, script: &Script) -> Result<Json, String> {
        self.run(
            &mut Overlay::new(tx, &self.accesses, &self.runner, &SystemHost, &Recording::default()),
            script,
        )
    }

    /// What a host makes of a script.
    fn run(&self, host: &mut dyn Host, script: &Script) -> Result<Json, String> {
        let limits = RunLimits { steps_max: u64::MAX, bytes_max: u64::MAX, ..RunLimits::default() };
        let mut cx = Context::new(host, Arc::clone(&self.library), Locale::default(), limits, &|| false);
        let value = script.checked.program.run(&mut cx, Vec::new()).map_err(|error| error.to_string())?;
        let mut out = String::new();
        json::write(&value, &mut out);
        serde_json::from_str(&out).map_err(|error| format!("{out}: {error}"))
    }

    fn expect_answer(&self, what: &str, script: &Script, data: &Data, got: &Result<Json, String>) {
        let expected = naive::answer(self.world, data, &script.tree);
        self.expect(what, script, data, expected.as_ref().map(|(json, _)| json), got);
    }

    /// Holds what was got against what should be; nothing stands for failing.
    fn expect(
        &self,
        what: &str,
        script: &Script,
        data: &Data,
        expected: Option<&Json>,
        got: &Result<Json, String>,
    ) {
        let is_right = match (expected, got) {
            (Some(expected), Ok(got)) => same(got, expected),
            (None, Err(_)) => true,
            _ => false,
        };
        if !is_right {
            let expected = expected.map_or("an error".to_owned(), Json::to_string);
            panic!("{what}: expected {expected}\n  got {got:?}\n{}", self.told(script, data));
        }
    }

    fn told(&self, script: &Script, data: &Data) -> String {
        let records: Vec<Vec<_>> = data.iter().map(|rows| rows.records.iter().take(20).collect()).collect();
        format!("  script {}\n  schema {}\n  records {records:?}", script.source, self.world.schema())
    }
}

fn actor() -> boobook_model::UserId {
    "u1".parse().unwrap()
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
