//! What a store adds that several nodes write to at the same time (architecture.md §4).
//!
//! Each handle to such a store is a node with an id of its own. Nothing here elects anybody: all nodes are alike, a
//! commit is a compare-and-set on the database's sequence, and whoever loses reads what changed and runs again.

use std::{future::Future, pin::Pin, time::Duration};

use boobook_model::{DatabaseId, Sq};

use crate::{Batch, LoadSink, StoreError};

/// How long a node keeps work put off without saying that it lives, where nobody says otherwise.
pub const LEASE_MS: i64 = 60_000;

/// Where things stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Look {
    /// As [`crate::Store::catalogue_version`].
    pub catalogue: u64,
    /// The sequence of each database asked for, in that order; `None` where there is none.
    pub sequences: Vec<Option<Sq>>,
}

/// Work put off that a node takes over from one that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// The database that holds it.
    pub database: DatabaseId,
    /// Its id.
    pub id: u128,
    /// What is to be done, as [`Batch::put_off`] gave it.
    pub body: Vec<u8>,
}

/// A look that is under way.
pub type Looking<'a> = Pin<Box<dyn Future<Output = Result<Look, StoreError>> + Send + 'a>>;

/// A store as one of its nodes sees it.
///
/// Work put off belongs to the node that stored it or took it, for as long as that node lives: its lease ends
/// [`Self::lease`] after the node's last [`Self::take_over`], by the clock of the store, which is one for all.
pub trait Cluster: Send + Sync {
    /// How long a node keeps work put off without saying that it lives.
    fn lease(&self) -> Duration {
        Duration::from_millis(LEASE_MS.unsigned_abs())
    }

    /// Where the catalogue and some databases stand: every commit that was answered before the call is in it. The most
    /// frequent question of all, one round trip.
    fn look(&self, databases: &[DatabaseId]) -> Result<Look, StoreError>;

    /// As [`Self::look`], without blocking. A store that speaks to a network finds what it needs for that in the runtime
    /// of tokio that polls it, the same one each time.
    fn look_soon<'a>(&'a self, databases: &'a [DatabaseId]) -> Looking<'a> {
        Box::pin(std::future::ready(self.look(databases)))
    }

    /// Says that this node lives, and takes over work, in whatever database, whose node does not. Called several times
    /// a [`Self::lease`]. A bounded number at a time; the rest comes with the next call.
    fn take_over(&self) -> Result<Vec<Work>, StoreError>;

    /// Leaves this node's work to the others at once. Called when it stops.
    fn leave(&self) -> Result<(), StoreError>;
}

/// A database as one of several nodes sees it.
pub trait SharedDatabase: Send + Sync {
    /// Streams what changed since a sequence: first the head, whose schema is empty unless it is newer than that, then
    /// the newest state of every record and tombstone changed since, ascending by sequence. All of it from one
    /// consistent view. Below [`crate::Head::sq_min`] deletions are missing.
    fn load_since(&self, since: Sq, sink: &mut dyn LoadSink) -> Result<(), StoreError>;

    /// Keeps all other nodes from committing until it is dropped: for who has lost the race for the next sequence
    /// several times. Waits for those who hold it, for a bounded time ([`StoreError::NotCommitted`]).
    fn hold(&self) -> Result<Box<dyn Held + '_>, StoreError>;

    /// All work put off that no batch has done yet, in the order it was put off, whichever node has it: to be looked at.
    /// [`crate::DatabaseStore::put_off`] would take what is free.
    fn all_put_off(&self) -> Result<Vec<(u128, Vec<u8>)>, StoreError>;

    /// Which work put off is still to be done, as of no earlier than this call; one for each id.
    fn are_put_off(&self, ids: &[u128]) -> Result<Vec<bool>, StoreError>;
}

/// A database that no other node can commit to. Dropped without a commit, it leaves everything as it was.
pub trait Held {
    /// As [`SharedDatabase::load_since`].
    fn load_since(&mut self, since: Sq, sink: &mut dyn LoadSink) -> Result<(), StoreError>;

    /// As [`crate::DatabaseStore::commit`]; the others may commit again after it.
    fn commit(self: Box<Self>, batch: &Batch) -> Result<(), StoreError>;
}
