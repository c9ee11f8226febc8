//! What boobook asks of a durable store, and nothing about how one does it.
//!
//! A store keeps *state*, not logs: one row per record with the sequence number of its last change, which makes
//! `sinceSq` a range scan for clients, other nodes and back-ups alike (architecture.md §3). It is *not* asked to
//! answer queries: all reading is done from memory, the store is read when a database is opened, for a record's
//! history, and to look up an idempotency key.
//!
//! * [`Store`]: a data directory or a cluster; opens, creates and deletes databases; holds the catalogue.
//! * [`DatabaseStore`]: one open database. [`DatabaseStore::commit`] makes a [`Batch`] durable, whole or not at all.
//! * [`Cluster`], [`SharedDatabase`]: what a store adds that several nodes write to at the same time.
//! * [`copy_database`], [`Summary`]: a database copied from one store into another, and told apart by a hash of all of it.
//! * [`codec`]: the versioned binary form of a record.
//! * [`MemStore`], [`FaultStore`]: for tests. [`conformance`]: the suite every store passes.
//!
//! Everything here blocks; callers are on threads that may.

pub mod codec;
pub mod conformance;
mod copy;
mod error;
mod fault;
mod mem;
mod shared;

use std::ops::Range;

use boobook_model::{DatabaseId, RecordId, Sq, TableId};

pub use copy::{Summary, copy_database};
pub use error::{CodecError, StoreError};
pub use fault::{Fault, FaultCounts, FaultStore, Faults};
pub use mem::MemStore;
pub use shared::{Cluster, Held, LEASE_MS, Look, Looking, SharedDatabase, Work};

/// A data directory, or a schema of a database server.
pub trait Store: Send + Sync + 'static {
    /// The catalogue as it is now.
    fn load_catalogue(&self) -> Result<CatalogueState, StoreError>;

    /// A number that moves whenever the catalogue changes, by whichever process. Cheap: asked several times a second.
    fn catalogue_version(&self) -> Result<u64, StoreError>;

    /// Applies changes if the catalogue still stands at `base`; answers the new `seq`.
    /// [`StoreError::Conflict`] if it moved on: load again and decide anew.
    fn commit_catalogue(&self, base: u64, changes: &[CatalogueChange]) -> Result<u64, StoreError>;

    /// Makes an empty database whose first schema is `schema`, at sequence `1`. Succeeds without effect on a
    /// database that an earlier, interrupted call made (the catalogue says `creating` until it is done).
    fn create_database(&self, id: &DatabaseId, schema: &[u8], at_ms: i64) -> Result<(), StoreError>;

    /// Opens a database. One handle per database at a time.
    fn open_database(&self, id: &DatabaseId) -> Result<Box<dyn DatabaseStore>, StoreError>;

    /// Deletes a database's data. Succeeds where there is none.
    fn delete_database(&self, id: &DatabaseId) -> Result<(), StoreError>;

    /// What is needed beside that where other nodes write to the same data; `None` where this process has it alone.
    fn cluster(&self) -> Option<&dyn Cluster> {
        None
    }
}

/// One open database. Committing and reading history may happen at the same time.
pub trait DatabaseStore: Send + Sync {
    /// Streams the whole state: first the head, then every record and tombstone ascending by table and record id.
    /// All of it from one consistent view.
    fn load(&self, sink: &mut dyn LoadSink) -> Result<(), StoreError>;

    /// Streams everything there is, for a copy: what [`Self::load`] does, then history ascending by sequence, remembered
    /// answers ascending by time and key, and work put off in its order, whosever it is. Takes nothing and changes
    /// nothing. All of it from one consistent view.
    fn export(&self, sink: &mut dyn ExportSink) -> Result<(), StoreError>;

    /// Makes a batch durable, whole or not at all, before it returns.
    /// * `NotCommitted`: surely not written; may be tried again.
    /// * `Unknown`: ask [`Self::is_committed`] before anything else is done.
    /// * `Conflict`: the database no longer stands at [`Batch::base`].
    fn commit(&self, batch: &Batch) -> Result<(), StoreError>;

    /// Whether it was the batch of that id that brought the database to `seq`. Kept for a day at least.
    fn is_committed(&self, seq: Sq, tx_id: u128) -> Result<bool, StoreError>;

    /// History of one record, newest first, following `prev` from `newest`; only rows with `sq > since`.
    /// At most `limit` rows.
    fn history(&self, newest: Sq, since: Sq, limit: usize) -> Result<Vec<History>, StoreError>;

    /// The answers remembered for idempotency keys, unless they are older than `not_before_ms`; one for each key.
    fn idempotency(&self, keys: &[&[u8]], not_before_ms: i64)
    -> Result<Vec<Option<Idempotency>>, StoreError>;

    /// Work put off that no batch has done yet, in the order it was put off. In a cluster, only what no other node that
    /// lives has taken; it is this node's from now on.
    fn put_off(&self) -> Result<Vec<(u128, Vec<u8>)>, StoreError>;

    /// Work for idle times: moves the write-ahead log into the file, purges history, idempotency and transaction
    /// rows that are older than the limits. Bounded to a fraction of a second a call; `true` if more is left.
    fn maintain(&self, limits: &Retention) -> Result<bool, StoreError>;

    /// Forgets deletions for good: removes tombstones and raises [`Head::sq_min`], whole or not at all. The sequence
    /// stays. Doing it again changes nothing, so nobody needs to know what became of a call:
    /// * `NotCommitted`, `Unknown`: it may be done again.
    /// * `Conflict`: the database does not stand at [`Forget::base`].
    fn forget(&self, forget: &Forget) -> Result<(), StoreError>;

    /// Gives back file handles and caches of an idle database; the next call opens them again.
    fn release(&self);

    /// What is needed beside that where other nodes write to it; there if [`Store::cluster`] is.
    fn shared(&self) -> Option<&dyn SharedDatabase> {
        None
    }
}

/// What a purge keeps.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// History rows older than this instant go (ms since the epoch).
    pub history_before_ms: i64,
    /// Idempotency and transaction rows older than this instant go.
    pub idempotency_before_ms: i64,
}

/// Deletions to be forgotten.
#[derive(Debug, Clone, Default)]
pub struct Forget {
    /// The sequence the caller knows the database at: only there are the tombstones all there are.
    pub base: Sq,
    /// The new `sq_min`, unless it is greater already.
    pub upto: Sq,
    /// Every record whose newest change is a deletion at or below `upto`. One that has changed since is left alone.
    pub tombstones: Vec<(TableId, RecordId)>,
}

/// Where a database stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// Sequence of the last committed change.
    pub seq: Sq,
    /// Sequence of the last schema change.
    pub schema_sq: Sq,
    /// Newest clock value written (ms since the epoch); time never runs backwards within a database.
    pub clock_ms: i64,
    /// Deletions at or below this sequence may be forgotten.
    pub sq_min: Sq,
    /// The current schema, as [`Batch::schema`] gave it.
    pub schema: Vec<u8>,
    /// Next record id of each table that ever had one.
    pub counters: Vec<(TableId, u64)>,
}

/// Takes what [`DatabaseStore::load`] reads.
pub trait LoadSink {
    /// Called once, first.
    fn head(&mut self, head: Head) -> Result<(), StoreError>;
    /// Called for every record and tombstone. `body` is what [`Record::body`] said; empty for a tombstone of an
    /// earlier format. An error ends the load.
    fn record(
        &mut self,
        tid: TableId,
        rid: RecordId,
        sq: Sq,
        deleted: bool,
        body: &[u8],
    ) -> Result<(), StoreError>;
}

/// Takes what [`DatabaseStore::export`] reads. An error ends the export.
pub trait ExportSink: LoadSink {
    /// Called for every row of history, after the last record.
    fn history(&mut self, row: History) -> Result<(), StoreError>;
    /// Called for every remembered answer, after the last row of history.
    fn answer(&mut self, key: Vec<u8>, known: Idempotency) -> Result<(), StoreError>;
    /// Called for all work put off, last.
    fn put_off(&mut self, id: u128, body: Vec<u8>) -> Result<(), StoreError>;
}

/// Everything one group commit changes. Bodies lie one after another in `bytes`, so that a batch is two
/// allocations, not thousands.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Random; resolves an unknown commit outcome.
    pub tx_id: u128,
    /// The sequence this batch was computed on.
    pub base: Sq,
    /// The sequence after it; greater than `base`.
    pub seq: Sq,
    /// Clock of its newest change, ms since the epoch.
    pub clock_ms: i64,
    /// Records changed, each once, in no particular order.
    pub records: Vec<Record>,
    /// One row per change, ascending by `sq`.
    pub history: Vec<HistoryRow>,
    /// Next record ids that moved.
    pub counters: Vec<(TableId, u64)>,
    /// A new schema and the sequence of that change.
    pub schema: Option<(Sq, Vec<u8>)>,
    /// Answers to remember.
    pub idempotency: Vec<(Vec<u8>, Idempotency)>,
    /// Work put off until after this batch, in its order: an id, which nothing else has, and what is to be done.
    pub put_off: Vec<(u128, Vec<u8>)>,
    /// Ids of work put off earlier that is done with this batch. Unknown ones are no mistake.
    pub done: Vec<u128>,
    /// Bodies.
    pub bytes: Vec<u8>,
}

impl Batch {
    /// The bytes of a body.
    pub fn body(&self, range: &Range<usize>) -> &[u8] {
        &self.bytes[range.clone()]
    }
}

/// A record's new state.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its table.
    pub tid: TableId,
    /// Its id.
    pub rid: RecordId,
    /// Sequence of the change.
    pub sq: Sq,
    /// Whether it is a tombstone now.
    pub deleted: bool,
    /// Its row ([`codec`]) in [`Batch::bytes`]; of a tombstone, a row without fields.
    pub body: Range<usize>,
}

/// What a change did to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum HistoryKind {
    /// It came into being, or came back by an upsert.
    Created = 1,
    /// Fields changed.
    Updated = 2,
    /// It went.
    Deleted = 3,
}

impl HistoryKind {
    /// From its stored number.
    pub fn from_u8(n: u8) -> Option<Self> {
        Some(match n {
            1 => Self::Created,
            2 => Self::Updated,
            3 => Self::Deleted,
            _ => return None,
        })
    }
}

/// One change of one record as it is written: old values of the changed fields only.
#[derive(Debug, Clone)]
pub struct HistoryRow {
    /// Sequence of the change; primary key.
    pub sq: Sq,
    /// Sequence of the same record's change before, 0 for none. Rows of a record form a chain, newest first.
    pub prev: Sq,
    /// When, ms since the epoch.
    pub at_ms: i64,
    /// Who.
    pub actor: String,
    /// Table.
    pub tid: TableId,
    /// Record.
    pub rid: RecordId,
    /// What happened.
    pub kind: HistoryKind,
    /// Old values ([`codec::encode_fields`]) in [`Batch::bytes`]; empty for `Created`.
    pub before: Range<usize>,
}

/// One change of one record as it is read back.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "as HistoryRow")]
pub struct History {
    pub sq: Sq,
    pub prev: Sq,
    pub at_ms: i64,
    pub actor: String,
    pub tid: TableId,
    pub rid: RecordId,
    pub kind: HistoryKind,
    pub before: Vec<u8>,
}

/// What is remembered of a request with an `Idempotency-Key`. The key includes the principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// Hash of the request it answered; another body under the same key is refused.
    pub request_hash: [u8; 32],
    /// Table of the records.
    pub tid: TableId,
    /// The records of the answer, in order; `None` for one that was deleted by the request.
    pub rids: Vec<Option<RecordId>>,
    /// When, ms since the epoch.
    pub at_ms: i64,
}

/// The catalogue: teams, users, keys, databases, as named documents.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CatalogueState {
    /// +1 with each commit.
    pub seq: u64,
    /// All entries, ascending by kind and id.
    pub entries: Vec<CatalogueEntry>,
}

/// A document of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueEntry {
    /// `team`, `user`, `key`, `database`, …
    pub kind: String,
    /// Unique within its kind.
    pub id: String,
    /// JSON; its shape is `app`'s.
    pub body: Vec<u8>,
}

/// A change of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CatalogueChange {
    /// Adds or replaces.
    Put(CatalogueEntry),
    /// Removes, if there.
    Delete {
        /// Kind of the entry.
        kind: String,
        /// Id of the entry.
        id: String,
    },
}
