//! What every record carries besides its fields: id, sequence, times, users.
//!
//! 36 bytes a row: one element for what a change rewrites (with the id, which fills its padding), one for what
//! stays. Small leaves, as every update copies one of the former.

use std::sync::Arc;

use boobook_model::Sq;
use rustc_hash::FxHashMap;

use crate::{RecordMeta, cow::CowVec};

/// Rows of a leaf; [`crate::rows::Rows`] keeps one bound for each. Few in unit tests, as other limits are.
pub(crate) const META_ROWS: usize = if cfg!(test) { 4 } else { 512 };

/// Who changed a record, when.
#[derive(Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) sq: Sq,
    pub(crate) at_ms: i64,
    /// A code of [`Users`].
    pub(crate) by: u32,
}

#[derive(Clone, Copy)]
struct Changed {
    sq: u64,
    at_ms: i64,
    by: u32,
    rid: u32,
}

/// Twelve bytes; with an `i64` it would be sixteen.
#[derive(Clone, Copy)]
struct Created {
    at_high: u32,
    at_low: u32,
    by: u32,
}

impl Created {
    fn new(at_ms: i64, by: u32) -> Self {
        Self { at_high: (at_ms as u64 >> 32) as u32, at_low: at_ms as u32, by }
    }

    fn at_ms(self) -> i64 {
        (u64::from(self.at_high) << 32 | u64::from(self.at_low)) as i64
    }
}

/// The metadata of all rows of a table.
#[derive(Clone, Default)]
pub(crate) struct Meta {
    changed: CowVec<Changed, META_ROWS>,
    /// Behind a counter of its own, as updates leave it alone.
    created: Arc<CowVec<Created, META_ROWS>>,
    users: Arc<Users>,
}

/// The few users named in a table, each once. Only grows.
#[derive(Clone, Default)]
struct Users {
    names: Vec<Arc<str>>,
    codes: FxHashMap<Arc<str>, u32>,
}

impl Meta {
    /// The record in a row.
    #[inline]
    pub(crate) fn rid(&self, row: u32) -> u32 {
        self.changed.at(row as usize).rid
    }

    /// Sequence of a row's last change; 0 where the row means nothing any more.
    #[inline]
    pub(crate) fn sq(&self, row: u32) -> Sq {
        Sq(self.changed.at(row as usize).sq)
    }

    /// When a row was made.
    pub(crate) fn created_at_ms(&self, row: u32) -> i64 {
        self.created.at(row as usize).at_ms()
    }

    /// When a row was changed last.
    pub(crate) fn modified_at_ms(&self, row: u32) -> i64 {
        self.changed.at(row as usize).at_ms
    }

    /// All of it.
    pub(crate) fn of(&self, row: u32) -> RecordMeta<'_> {
        let changed = self.changed.at(row as usize);
        let created = self.created.at(row as usize);
        RecordMeta {
            sq: Sq(changed.sq),
            created_at_ms: created.at_ms(),
            created_by: &self.users.names[created.by as usize],
            modified_at_ms: changed.at_ms,
            modified_by: &self.users.names[changed.by as usize],
        }
    }

    /// The code of a user, given on first use.
    pub(crate) fn user(&mut self, name: &str) -> u32 {
        if let Some(&code) = self.users.codes.get(name) {
            return code;
        }
        let users = Arc::make_mut(&mut self.users);
        let code = users.names.len() as u32;
        let name: Arc<str> = name.into();
        users.names.push(Arc::clone(&name));
        users.codes.insert(name, code);
        code
    }

    /// Appends a row.
    pub(crate) fn push(&mut self, rid: u32, created_at_ms: i64, created_by: u32, stamp: Stamp) {
        self.changed.push(Changed { sq: stamp.sq.0, at_ms: stamp.at_ms, by: stamp.by, rid });
        Arc::make_mut(&mut self.created).push(Created::new(created_at_ms, created_by));
    }

    /// Appends a copy of another table version's row, whose users this one shares.
    pub(crate) fn push_copy(&mut self, other: &Self, row: u32) {
        self.changed.push(other.changed.at(row as usize));
        Arc::make_mut(&mut self.created).push(other.created.at(row as usize));
    }

    /// An empty one with the same users.
    pub(crate) fn emptied(&self) -> Self {
        Self { users: Arc::clone(&self.users), ..Self::default() }
    }

    /// Notes a change of a row; answers the sequence of the one before.
    pub(crate) fn touch(&mut self, row: u32, stamp: Stamp) -> Sq {
        let changed = self.changed.at_mut(row as usize);
        let before = Sq(changed.sq);
        *changed = Changed { sq: stamp.sq.0, at_ms: stamp.at_ms, by: stamp.by, rid: changed.rid };
        before
    }

    /// Makes a dead row mean nothing: its record lives elsewhere, or its deletion is forgotten.
    pub(crate) fn forget(&mut self, row: u32) {
        self.changed.at_mut(row as usize).sq = 0;
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.changed.heap_bytes() + self.created.heap_bytes() + self.users.names.len() * 128
    }
}
