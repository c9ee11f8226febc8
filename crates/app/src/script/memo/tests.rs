//! Scripts that recall formulas say what scripts say that work everything out, whatever was written in between.

use std::sync::Arc;

use boobook_engine::{Head, Loader, Snapshot, Tx};
use boobook_model::{RecordId, Role, Schema, Sq, TableId, Value as Stored};
use boobook_nx::{Context, FieldAtKey, Library, Locale, RunLimits, User, json};
use proptest::prelude::*;
use serde_json::json;

use super::{Memos, Recall};
use crate::{
    SystemHost,
    script::{Accesses, Runner, snapshot::Reader},
};

/// What the formulas of customers and invoices are; the second list is that of another schema version.
const FORMULAS: [(&str, &str, &str, &str); 19] = [
    ("A", "Total", "sum(Invoices.Net)", "sum(Invoices.Net) + 1"),
    ("A", "Count", "cnt(Invoices)", "cnt(Invoices)"),
    ("A", "Best", "max(Invoices.Gross)", "max(Invoices.Gross)"),
    ("A", "Label", "Name + \": \" + Total", "Total + Name"),
    ("A", "Big", "Total > 3", "Total > 3"),
    ("A", "Rank", "let l := Level; cnt(select Customer where Level > l)", "Level"),
    ("A", "Mine", "Level * 2 + Kind", "Level * 3"),
    ("A", "Sort", "Kind", "Kind"),
    ("A", "Seen", "_sq", "_sq"),
    ("A", "Last", "last(Invoices)", "first(Invoices)"),
    ("A", "Notes", "Invoices.Note", "Invoices.Label"),
    ("A", "Known", "cnt(select Invoice)", "cnt(select Customer)"),
    ("B", "Gross", "Net * 2", "Net * 2"),
    ("B", "Label", "Customer.Name + Note", "Customer.Label"),
    ("B", "Up", "Parent.Gross", "Parent.Parent.Gross"),
    ("B", "Changed", "Customer._sq", "Customer._sq"),
    ("B", "Peers", "cnt(Customer.Invoices)", "Customer.Count"),
    ("B", "Mixed", "if Net > 1 then Net else Note end", "if Net > 1 then Note else Net end"),
    ("B", "Shared", "share(this)", "share(this) + 1"),
];

const SCRIPTS: [&str; 18] = [
    "(select Customer).Total",
    "(select Customer).(Count + \" \" + Best + \" \" + Label + \" \" + Rank)",
    "(select Customer order by Total).Nr",
    "(select Customer order by Label).Nr",
    "(select Customer where Total > 2).Nr",
    "(select Customer where Big and Level > 1).Label",
    "sum((select Customer).Total)",
    "for c in select Customer do [c.Mine, c.Seen, c.Known] end",
    "(select Customer).Sort",
    "(select Customer).(raw(Last) + Notes)",
    "(select Invoice).Gross",
    "(select Invoice).(Label + Up + Changed)",
    "(select Invoice where Peers > 1).Nr",
    "(select Invoice).Mixed",
    "(select Invoice where Up = Gross or Mixed).Nr",
    "(select Invoice).Shared",
    "(select Customer where sum(Invoices.Net) > 2).Nr",
    "(select Customer where Seen > 3 and Mine < 9).(Nr + max(Invoices.Up))",
];

fn schema(version: usize) -> Arc<Schema> {
    let mut schema = json!({
        "globalCode": "function share(i : Invoice) do i.Net / sum(i.Customer.Invoices.Net) end",
        "types": {
            "A": {"caption": "Customer", "fields": {
                "A": {"base": "string", "caption": "Name"}, "B": {"base": "number", "caption": "Level"},
                "C": {"base": "choice", "caption": "Kind", "values": {
                    "1": {"caption": "one"}, "2": {"caption": "two"}, "3": {"caption": "three"}}},
                "D": {"base": "rev", "caption": "Invoices", "refTypeId": "B", "refFieldId": "A"}}},
            "B": {"caption": "Invoice", "fields": {
                "A": {"base": "ref", "caption": "Customer", "refTypeId": "A", "refFieldId": "D"},
                "B": {"base": "number", "caption": "Net"}, "C": {"base": "string", "caption": "Note"},
                "D": {"base": "ref", "caption": "Parent", "refTypeId": "B"}}}}});
    for (at, (table, caption, first, second)) in FORMULAS.iter().enumerate() {
        let id = format!("{}", char::from(b'F' + at as u8));
        let text = if version == 0 { first } else { second };
        schema["types"][table]["fields"][id] = json!({"base": "fn", "caption": caption, "fn": text});
    }
    Arc::new(Schema::from_json(schema).unwrap())
}

fn tid(id: &str) -> TableId {
    id.parse().unwrap()
}

fn rid(n: u64) -> RecordId {
    RecordId::new(n).unwrap()
}

/// One state, and the scripts of its schema.
#[derive(Clone)]
struct State {
    snapshot: Arc<Snapshot>,
    library: Arc<Library>,
}

impl State {
    /// What a script comes to.
    fn run(&self, reader: &mut Reader<'_>, source: &str) -> String {
        let checked = self.library.script(source, None);
        assert!(checked.is_sound(), "{source}: {:?}", checked.diagnostics);
        let limits = RunLimits { steps_max: u64::MAX, bytes_max: u64::MAX, ..RunLimits::default() };
        let mut cx = Context::new(reader, Arc::clone(&self.library), Locale::default(), limits, &|| false);
        let value = checked.program.run(&mut cx, Vec::new()).unwrap();
        let mut out = String::new();
        json::write(&value, &mut out);
        out
    }

    fn accesses(&self) -> Accesses {
        Accesses::new(&self.snapshot.schema, &Role::admin(), true)
    }

    fn reader<'a>(&'a self, accesses: &'a Accesses) -> Reader<'a> {
        let user = User { id: "u1".parse().unwrap(), name: "".into(), email: "".into(), roles: Vec::new() };
        let (team, database) = ("t".to_owned(), "d".to_owned());
        let runner =
            Runner { is_admin: true, users: Vec::new(), user, team, database, public_url: String::new() };
        Reader::new(&self.snapshot, accesses, runner, &SystemHost)
    }

    fn recall<'a>(&'a self, memos: &'a Memos) -> Recall<'a> {
        Recall::new(memos, &self.snapshot, &self.library)
    }

    fn afresh(&self, source: &str) -> String {
        self.run(&mut self.reader(&self.accesses()), source)
    }

    fn recalled(&self, memos: &Memos, source: &str) -> String {
        let accesses = self.accesses();
        self.run(&mut self.reader(&accesses).recalling(self.recall(memos)), source)
    }

    fn at(&self, table: &str, caption: &str) -> FieldAtKey {
        let of = self.snapshot.schema.table(tid(table)).unwrap();
        let slot = of.fields.iter().position(|field| field.caption == caption).unwrap();
        FieldAtKey(tid(table), slot as u16)
    }

    /// Of how many records a formula is known.
    fn known(&self, memos: &Memos, table: &str, caption: &str) -> usize {
        let of = self.snapshot.table(tid(table)).unwrap();
        let pinned = memos.pin(&self.snapshot, &self.library, self.at(table, caption)).unwrap();
        let all = self.snapshot.select(tid(table), &boobook_engine::Select::default()).rows;
        assert_eq!(all.len(), of.len());
        all.into_iter().filter(|row| pinned.get(*row).is_some()).count()
    }
}

struct World {
    head: Head,
    libraries: Vec<Arc<Library>>,
}

impl World {
    fn start() -> Self {
        let libraries = (0..2).map(|version| Arc::new(Library::compile(schema(version)))).collect::<Vec<_>>();
        for library in &libraries {
            assert!(library.problems.is_empty(), "{:?}", library.problems);
        }
        let empty =
            Loader::new(Arc::clone(&libraries[0].schema), Sq(1), Sq(1), Sq(0), 0, Vec::new()).finish();
        Self { head: Head::new(Arc::new(empty)), libraries }
    }

    fn write(&mut self, work: impl FnOnce(&mut Tx<'_>)) {
        let mut tx = self.head.begin("u1".parse().unwrap(), 1_000);
        work(&mut tx);
        if let Ok(writes) = tx.finish() {
            self.head.apply(&writes).unwrap();
        }
    }

    fn state_of(&self, snapshot: Arc<Snapshot>) -> State {
        let of_schema = |library: &&Arc<Library>| Arc::ptr_eq(&library.schema, &snapshot.schema);
        let library = Arc::clone(self.libraries.iter().find(of_schema).unwrap());
        State { snapshot, library }
    }

    fn publish(&self) -> State {
        self.state_of(self.head.publish())
    }

    /// Customers with ten invoices each.
    fn filled(customers: u64) -> Self {
        let mut world = Self::start();
        world.write(|tx| {
            for n in 0..customers {
                let customer = tx.create(tid("A"), vec![(1, Some(Stored::Number(n as f64)))]).unwrap();
                for net in 0..10 {
                    let values = [Stored::Reference(customer), Stored::Number(f64::from(net))];
                    let values = values.into_iter().enumerate().map(|(slot, value)| (slot, Some(value)));
                    tx.create(tid("B"), values.collect()).unwrap();
                }
            }
        });
        world
    }
}

/// What happens to a record that is picked when it does.
#[derive(Clone, Debug)]
enum Op {
    Create(bool, Vec<(u8, Option<u8>)>),
    Update(bool, u8, Vec<(u8, Option<u8>)>),
    /// Also of records that were deleted, or never were.
    Upsert(bool, u8, Vec<(u8, Option<u8>)>),
    Delete(bool, u8),
}

#[derive(Clone, Debug)]
enum Step {
    /// In one transaction, which readers see.
    Write(Vec<Op>),
    /// It cannot be stored, and is dropped after something has read from it.
    Fail(Vec<Op>, usize),
    Reschema,
    Forget,
    /// A script over a state some steps back.
    Read(usize, usize),
    /// Three scripts over two states; the first run ends last.
    Overlap([usize; 2], [usize; 3]),
}

fn values() -> impl Strategy<Value = Vec<(u8, Option<u8>)>> {
    prop::collection::vec((0u8..4, prop::option::weighted(0.8, 0u8..6)), 1..4)
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (any::<bool>(), values()).prop_map(|(table, values)| Op::Create(table, values)),
        4 => (any::<bool>(), 0u8..12, values()).prop_map(|(table, pick, values)| Op::Update(table, pick, values)),
        1 => (any::<bool>(), 0u8..12, values()).prop_map(|(table, pick, values)| Op::Upsert(table, pick, values)),
        1 => (any::<bool>(), 0u8..12).prop_map(|(table, pick)| Op::Delete(table, pick)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let back = || prop_oneof![4 => Just(0usize), 1 => 0usize..6];
    // Half of them the favourite of the case, so that what one run remembers is what another asks for.
    let script = || 0..2 * SCRIPTS.len();
    let ops = || prop::collection::vec(op(), 1..5);
    prop_oneof![
        6 => ops().prop_map(Step::Write),
        1 => (ops(), script()).prop_map(|(ops, script)| Step::Fail(ops, script)),
        1 => Just(Step::Reschema),
        1 => Just(Step::Forget),
        8 => (back(), script()).prop_map(|(back, script)| Step::Read(back, script)),
        3 => ([back(), back()], [script(), script(), script()])
            .prop_map(|(backs, scripts)| Step::Overlap(backs, scripts)),
    ]
}

/// Slots and values of a table: A has text, number, choice; B link, number, text, link.
fn stored(tx: &Tx<'_>, table: &str, values: &[(u8, Option<u8>)]) -> Vec<(usize, Option<Stored>)> {
    let link = |target: &str, n: u8| {
        let target_id = rid(u64::from(n) + 1);
        tx.exists(tid(target), target_id).then_some(Stored::Reference(target_id))
    };
    let one = |slot: usize, n: u8| match (table, slot) {
        ("A", 0) | ("B", 2) => Some(Stored::Text(["", "a", "b", "ä", "12", "x y"][usize::from(n)].into())),
        ("A", 2) => Some(Stored::Choice(u16::from(n % 3) + 1)),
        ("B", 0) => link("A", n),
        ("B", 3) => link("B", n),
        _ => Some(Stored::Number(f64::from(n) - 1.0)),
    };
    let slots = if table == "A" { 3 } else { 4 };
    values
        .iter()
        .map(|(slot, value)| {
            let slot = usize::from(*slot) % slots;
            (slot, value.and_then(|n| one(slot, n)))
        })
        .collect()
}

fn act(tx: &mut Tx<'_>, op: &Op) {
    let id = |is_first: bool| if is_first { "A" } else { "B" };
    // What is not there cannot be changed; the others go on.
    let _ = match op {
        Op::Create(table, values) => {
            let values = stored(tx, id(*table), values);
            tx.create(tid(id(*table)), values).map(|_| ())
        }
        Op::Update(table, pick, values) => {
            let values = stored(tx, id(*table), values);
            tx.update(tid(id(*table)), rid(u64::from(*pick) + 1), values)
        }
        Op::Upsert(table, pick, values) => {
            let values = stored(tx, id(*table), values);
            tx.upsert(tid(id(*table)), rid(u64::from(*pick) + 1), values).map(|_| ())
        }
        Op::Delete(table, pick) => tx.delete(tid(id(*table)), rid(u64::from(*pick) + 1)),
    };
}

fn check(steps: &[Step], favourite: usize, bytes_max: usize) {
    let script_of = |number: usize| SCRIPTS.get(number).unwrap_or(&SCRIPTS[favourite]);
    let memos = Memos::new(bytes_max);
    let mut world = World::start();
    let mut version = 0;
    let mut states = vec![world.publish()];
    for step in steps {
        let back = |back: usize| &states[states.len() - 1 - back.min(states.len() - 1)];
        match step {
            Step::Write(ops) => world.write(|tx| ops.iter().for_each(|op| act(tx, op))),
            Step::Fail(ops, script) => {
                world.write(|tx| ops.iter().for_each(|op| act(tx, op)));
                let working = world.state_of(Arc::new(world.head.snapshot().clone()));
                let script = script_of(*script);
                assert_eq!(working.recalled(&memos, script), working.afresh(script), "{script}");
                world.head = Head::new(Arc::clone(&back(0).snapshot));
            }
            Step::Reschema => {
                version = 1 - version;
                let schema = schema(version);
                world.libraries.push(Arc::new(Library::compile(Arc::clone(&schema))));
                world.write(|tx| tx.change_schema(schema));
            }
            Step::Forget => {
                let upto = Sq(world.head.snapshot().sq.0 / 2);
                world.head.forget_tombstones(upto);
            }
            Step::Read(steps_back, script) => {
                let state = back(*steps_back);
                let script = script_of(*script);
                assert_eq!(state.recalled(&memos, script), state.afresh(script), "{script}");
            }
            Step::Overlap([one, other], scripts) => {
                let (one, other) = (back(*one), back(*other));
                let [first, second, third] = scripts.map(script_of);
                let accesses = one.accesses();
                let mut reader = one.reader(&accesses).recalling(one.recall(&memos));
                assert_eq!(one.run(&mut reader, first), one.afresh(first), "{first}");
                assert_eq!(other.recalled(&memos, second), other.afresh(second), "{second}");
                assert_eq!(one.run(&mut reader, third), one.afresh(third), "{third}");
            }
        }
        assert!(memos.heap_bytes() <= bytes_max, "{} bytes", memos.heap_bytes());
        if !matches!(step, Step::Read(..) | Step::Overlap(..) | Step::Fail(..)) {
            states.push(world.publish());
            // What nobody looks at any more is changed in place.
            if states.len() > 6 {
                states.remove(0);
            }
        }
    }
    // The newest state knows nothing wrong either.
    let newest = world.publish();
    for script in SCRIPTS {
        assert_eq!(newest.recalled(&memos, script), newest.afresh(script), "{script}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_recalled_is_what_is_worked_out(
        steps in prop::collection::vec(step(), 1..40),
        favourite in 0..SCRIPTS.len(),
        bytes_max in prop_oneof![4 => Just(usize::MAX), 1 => Just(6_000usize), 1 => Just(0)],
    ) {
        check(&steps, favourite, bytes_max);
    }
}

/// What is known, of how many records, after a write.
fn known_after(work: impl FnOnce(&mut Tx<'_>)) -> Vec<usize> {
    let memos = Memos::new(usize::MAX);
    let mut world = World::filled(30);
    let before = world.publish();
    for script in SCRIPTS {
        assert_eq!(before.recalled(&memos, script), before.afresh(script));
    }
    let captions = ["Total", "Mine", "Rank", "Seen"];
    let known = |state: &State| -> Vec<usize> {
        captions.iter().map(|caption| state.known(&memos, "A", caption)).collect()
    };
    assert_eq!(known(&before), [30; 4]);
    world.write(work);
    known(&world.publish())
}

#[test]
fn what_a_write_does_not_concern_stays_known() {
    let note =
        |tx: &mut Tx<'_>| tx.update(tid("B"), rid(7), vec![(2, Some(Stored::Text("x".into())))]).unwrap();
    assert_eq!(known_after(note), [30; 4], "nothing of the customer's is in a note of an invoice");
    let name =
        |tx: &mut Tx<'_>| tx.update(tid("A"), rid(3), vec![(0, Some(Stored::Text("x".into())))]).unwrap();
    assert_eq!(known_after(name), [29; 4], "the record itself is worked out anew");
    let net = |tx: &mut Tx<'_>| tx.update(tid("B"), rid(7), vec![(1, Some(Stored::Number(70.0)))]).unwrap();
    assert_eq!(known_after(net), [0, 30, 30, 30]);
    let level = |tx: &mut Tx<'_>| tx.update(tid("A"), rid(3), vec![(1, Some(Stored::Number(70.0)))]).unwrap();
    assert_eq!(known_after(level), [29, 29, 0, 29]);
    let made = |tx: &mut Tx<'_>| assert!(tx.create(tid("A"), Vec::new()).is_ok());
    assert_eq!(known_after(made), [30, 30, 0, 30], "of 31");
}

#[test]
fn a_vacuum_gives_rows_other_numbers() {
    let memos = Memos::new(usize::MAX);
    let mut world = World::filled(1_000);
    let before = world.publish();
    let script = "(select Invoice).Gross";
    before.recalled(&memos, script);
    world.write(|tx| (1..=400).for_each(|n| tx.delete(tid("A"), rid(n)).unwrap()));
    world.write(|tx| (1..=9_000).step_by(2).for_each(|n| tx.delete(tid("B"), rid(n)).unwrap()));
    let emptied = world.publish();
    assert_eq!(emptied.known(&memos, "B", "Gross"), 5_500 - 2_000);
    assert!(world.head.vacuum());
    let vacuumed = world.publish();
    assert_eq!(vacuumed.snapshot.sq, emptied.snapshot.sq);
    assert_eq!(vacuumed.recalled(&memos, script), vacuumed.afresh(script));
    assert_eq!(emptied.recalled(&memos, script), emptied.afresh(script), "an older state, other numbers");
    assert_eq!(vacuumed.known(&memos, "B", "Gross"), 5_500);
}

#[test]
fn an_older_state_is_not_told_what_came_later() {
    let memos = Memos::new(usize::MAX);
    let mut world = World::filled(30);
    let (before, script) = (world.publish(), "(select Customer).Mine");
    world.write(|tx| tx.update(tid("A"), rid(3), vec![(1, Some(Stored::Number(70.0)))]).unwrap());
    let after = world.publish();
    assert_eq!(after.recalled(&memos, script), after.afresh(script));
    assert_eq!(before.recalled(&memos, script), before.afresh(script));
    assert_eq!(after.known(&memos, "A", "Mine"), 30, "nor does it make it forget");
}

#[test]
fn a_later_state_is_not_told_what_was_before() {
    let memos = Memos::new(usize::MAX);
    let mut world = World::filled(30);
    let (before, script) = (world.publish(), "(select Customer).Mine");
    let accesses = before.accesses();
    let mut reader = before.reader(&accesses).recalling(before.recall(&memos));
    before.run(&mut reader, script);
    world.write(|tx| tx.update(tid("A"), rid(3), vec![(1, Some(Stored::Number(70.0)))]).unwrap());
    let after = world.publish();
    assert_eq!(after.known(&memos, "A", "Mine"), 0, "the run has not ended");
    drop(reader);
    assert_eq!(after.recalled(&memos, script), after.afresh(script));
    assert_eq!(after.known(&memos, "A", "Mine"), 30);
}

#[test]
fn a_few_records_of_many_are_not_kept() {
    let memos = Memos::new(usize::MAX);
    let state = World::filled(100).publish();
    state.recalled(&memos, "record(Customer, 5).Total");
    assert_eq!(memos.heap_bytes(), 0);
    state.recalled(&memos, "(select Customer).Total");
    let bytes = memos.heap_bytes();
    assert!((1_000..10_000).contains(&bytes), "{bytes}");
    let small = Memos::new(bytes - 1);
    state.recalled(&small, "(select Customer).Total");
    assert_eq!(small.heap_bytes(), 0, "what does not fit is not kept");
}

#[test]
fn those_go_first_that_were_asked_for_longest_ago() {
    let memos = Memos::new(usize::MAX);
    let state = World::filled(100).publish();
    for script in ["(select Customer).Total", "(select Customer).Mine", "(select Customer).Total"] {
        state.recalled(&memos, script);
    }
    let tight = Memos::new(memos.heap_bytes() + 100);
    for caption in ["Total", "Mine", "Total", "Seen"] {
        state.recalled(&tight, &format!("(select Customer).{caption}"));
    }
    let known = |caption: &str| state.known(&tight, "A", caption);
    assert_eq!(["Total", "Seen", "Mine"].map(known), [100, 100, 0]);
}
