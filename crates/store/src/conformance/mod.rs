//! The suite every store passes: each property that the docs of [`Store`] and [`DatabaseStore`] promise, as a
//! function that panics where it does not hold. It is *not* about speed, nor about what a store does when its disk
//! fails: that needs the store's own tests.
//!
//! A store's tests say how to make data and how to open it again:
//!
//! ```
//! use boobook_store::{MemStore, Store};
//!
//! // Called once for each check; the closure it answers opens the same data again and again.
//! fn make() -> impl Fn() -> Box<dyn Store> {
//!     let store = MemStore::new();
//!     move || Box::new(store.clone())
//! }
//!
//! boobook_store::conformance::run(&|| Box::new(make()));
//! ```
//!
//! or, with one `#[test]` for each property: `boobook_store::conformance_tests!(make());`.

#![allow(clippy::unwrap_used, reason = "it is test code, though other crates' tests call it")]

mod catalogue;
mod commit;
mod export;
mod forget;
mod history;
mod lifecycle;
mod shared;

use boobook_model::{DatabaseId, RecordId, Sq, TableId};

use crate::{Batch, DatabaseStore, Head, HistoryKind, HistoryRow, LoadSink, Record, Store, StoreError};

pub use catalogue::*;
pub use commit::*;
pub use export::*;
pub use forget::*;
pub use history::*;
pub use lifecycle::*;
pub use shared::*;

/// Data that can be opened again and again, as a restart does. What was opened before is dropped by then, but for
/// stores that are shared: there each opening is a node more.
pub trait Subject {
    /// Opens the data.
    fn open(&self) -> Box<dyn Store>;
}

impl<F: Fn() -> Box<dyn Store> + ?Sized> Subject for F {
    fn open(&self) -> Box<dyn Store> {
        self()
    }
}

macro_rules! checks {
    ($($name:ident),* $(,)?) => {
        /// All checks with their names.
        pub const CHECKS: &[(&str, fn(&dyn Subject))] = &[$((stringify!($name), $name)),*];

        /// A `#[test]` for each check of [`conformance`](crate::conformance). The expression makes a new, empty
        /// [`Subject`](crate::conformance::Subject) each time it is evaluated.
        #[macro_export]
        macro_rules! conformance_tests {
            ($make:expr) => {
                $(
                    #[test]
                    fn $name() {
                        $crate::conformance::$name(&$make);
                    }
                )*
            };
        }
    };
}

checks![
    catalogue_begins_empty,
    catalogue_keeps_entries_in_order,
    catalogue_compares_and_sets,
    catalogue_version_moves_with_every_commit,
    catalogue_survives_a_restart,
    catalogue_changes_apply_in_order,
    creating_twice_changes_nothing,
    a_missing_database_is_not_found,
    deleting_is_idempotent_and_thorough,
    databases_are_apart,
    releasing_is_invisible,
    a_new_database_stands_at_one,
    a_commit_moves_the_head,
    a_commit_survives_a_restart,
    records_load_in_order_with_their_bytes,
    a_record_keeps_only_its_newest_state,
    tombstones_stay,
    counters_are_kept,
    schemas_are_kept,
    the_clock_never_runs_backwards,
    a_commit_on_another_base_is_a_conflict,
    a_conflict_leaves_no_trace,
    a_batch_commits_once,
    committed_batches_are_known,
    a_big_batch_is_one_batch,
    a_sink_can_stop_a_load,
    load_sees_one_moment,
    history_is_a_chain_newest_first,
    history_ends_at_since_and_limit,
    history_keeps_what_was_written,
    history_of_nothing_is_empty,
    idempotency_remembers_answers,
    idempotency_forgets_old_answers,
    work_put_off_waits_until_it_is_done,
    maintain_purges_only_what_is_old,
    maintain_gets_to_an_end,
    an_export_has_everything,
    an_export_is_of_one_moment,
    a_sink_can_stop_an_export,
    an_export_takes_nothing,
    a_copy_is_the_same,
    forgetting_takes_old_tombstones_only,
    forgetting_on_another_base_is_a_conflict,
    a_look_tells_where_things_stand,
    what_changed_since_comes_by_sequence,
    what_changed_since_is_of_one_moment,
    nodes_compare_and_set,
    who_holds_a_database_commits_alone,
    who_holds_a_database_may_let_it_go,
    work_belongs_to_one_node,
];

/// Runs every check, each on new data; says which one fails.
pub fn run(make: &dyn Fn() -> Box<dyn Fn() -> Box<dyn Store>>) {
    for (name, check) in CHECKS {
        let subject = make();
        let run = std::panic::AssertUnwindSafe(|| check(&subject));
        assert!(std::panic::catch_unwind(run).is_ok(), "the store fails the check `{name}`; see above");
    }
}

/// What a load brought.
#[derive(Debug, Default, PartialEq)]
struct Loaded {
    head: Option<Head>,
    rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq)]
struct Row {
    tid: TableId,
    rid: RecordId,
    sq: Sq,
    deleted: bool,
    body: Vec<u8>,
}

impl LoadSink for Loaded {
    fn head(&mut self, head: Head) -> Result<(), StoreError> {
        assert!(self.head.is_none() && self.rows.is_empty(), "the head comes once, and first");
        self.head = Some(head);
        Ok(())
    }

    fn record(
        &mut self,
        tid: TableId,
        rid: RecordId,
        sq: Sq,
        deleted: bool,
        body: &[u8],
    ) -> Result<(), StoreError> {
        assert!(self.head.is_some(), "the head comes first");
        if let Some(last) = self.rows.last() {
            assert!((last.tid, last.rid) < (tid, rid), "{tid}/{rid} comes after {}/{}", last.tid, last.rid);
        }
        self.rows.push(Row { tid, rid, sq, deleted, body: body.to_vec() });
        Ok(())
    }
}

impl Loaded {
    fn head(&self) -> &Head {
        self.head.as_ref().expect("every load brings a head")
    }
}

fn load(database: &dyn DatabaseStore) -> Loaded {
    let mut loaded = Loaded::default();
    database.load(&mut loaded).expect("loads");
    assert!(loaded.head.is_some(), "every load brings a head");
    loaded
}

const SCHEMA: &[u8] = br#"{"version":1}"#;
const CREATED_AT_MS: i64 = 1_760_000_000_000;

fn database_id() -> DatabaseId {
    "conformance1".parse().unwrap()
}

/// A new database of that subject.
fn new_database(subject: &dyn Subject) -> Box<dyn DatabaseStore> {
    let store = subject.open();
    store.create_database(&database_id(), SCHEMA, CREATED_AT_MS).expect("is created");
    store.open_database(&database_id()).expect("opens")
}

/// The same database after a restart.
fn reopen(subject: &dyn Subject, database: Box<dyn DatabaseStore>) -> Box<dyn DatabaseStore> {
    drop(database);
    subject.open().open_database(&database_id()).expect("opens again")
}

fn tid(text: &str) -> TableId {
    text.parse().unwrap()
}

fn rid(n: u64) -> RecordId {
    RecordId::new(n).unwrap()
}

/// A batch from `base` to `seq`; its `tx_id` is that of its `seq`.
fn batch(base: u64, seq: u64) -> Batch {
    Batch {
        tx_id: tx_id(seq),
        base: Sq(base),
        seq: Sq(seq),
        clock_ms: CREATED_AT_MS + seq as i64,
        ..Batch::default()
    }
}

/// Ids with bits in all their bytes.
fn tx_id(seq: u64) -> u128 {
    u128::MAX / 3 - u128::from(seq)
}

fn put_bytes(batch: &mut Batch, bytes: &[u8]) -> std::ops::Range<usize> {
    let start = batch.bytes.len();
    batch.bytes.extend_from_slice(bytes);
    start..batch.bytes.len()
}

fn put(batch: &mut Batch, table: &str, record: u64, sq: u64, body: &[u8]) {
    let body = put_bytes(batch, body);
    batch.records.push(Record { tid: tid(table), rid: rid(record), sq: Sq(sq), deleted: false, body });
}

fn bury(batch: &mut Batch, table: &str, record: u64, sq: u64, body: &[u8]) {
    put(batch, table, record, sq, body);
    batch.records.last_mut().unwrap().deleted = true;
}

/// A row of history of record `A`/1 at its `sq`.
fn remember(batch: &mut Batch, sq: u64, prev: u64, kind: HistoryKind, before: &[u8]) {
    let before = put_bytes(batch, before);
    batch.history.push(HistoryRow {
        sq: Sq(sq),
        prev: Sq(prev),
        at_ms: CREATED_AT_MS + sq as i64,
        actor: "jane7".into(),
        tid: tid("A"),
        rid: rid(1),
        kind,
        before,
    });
}
