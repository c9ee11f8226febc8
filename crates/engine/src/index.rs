//! Lazily built ordered indexes: all rows of a table sorted by one key.
//!
//! They hang in a slot that all versions of a table share, so that no write loses one and memory counts once.
//! An index stays as it was built; who uses it at a later version leaves out the rows changed since, which the
//! `(sq, row)` vector names, and sorts those few by themselves. The writer pays nothing.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use boobook_model::Sq;

use crate::hits::Remembered;

/// What an index sorts by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Key {
    /// The field in a slot.
    Field(usize),
    /// Time of creation.
    Created,
    /// Time of the last change.
    Modified,
}

/// Live rows of a table at one moment, ascending by key, then by id.
pub(crate) struct Ordered {
    /// The table's newest change when it was built.
    pub(crate) at: Sq,
    rows: Vec<u32>,
    /// One bit a place: set where a row has another key than the one before.
    starts: Vec<u64>,
    /// Of a field of numbers or times, their keys ([`crate::column::Column::key`]), without the empty ones, which come
    /// first.
    keys: Vec<u64>,
}

/// In which direction an index is walked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Walk {
    /// Ascending by key and id.
    Up,
    /// Descending by key, ascending by id where keys are equal.
    Down,
    /// Descending by both.
    Back,
}

impl Ordered {
    /// From rows sorted by key and id; `same` says whether two of them have one key, `key` what that is as a number.
    pub(crate) fn new(
        at: Sq,
        rows: Vec<u32>,
        same: impl Fn(u32, u32) -> bool,
        key: impl Fn(u32) -> Option<u64>,
    ) -> Self {
        let mut starts = vec![0u64; rows.len().div_ceil(64)];
        for place in 0..rows.len() {
            if place == 0 || !same(rows[place - 1], rows[place]) {
                starts[place / 64] |= 1 << (place % 64);
            }
        }
        let mut keys: Vec<u64> = rows.iter().filter_map(|&row| key(row)).collect();
        keys.shrink_to_fit();
        Self { at, rows, starts, keys }
    }

    /// The rows whose key is between two, ascending by key.
    pub(crate) fn within(&self, from: u64, to: u64) -> &[u32] {
        let first = self.keys.partition_point(|&key| key < from);
        let end = self.keys.partition_point(|&key| key <= to).max(first);
        let empty = self.rows.len() - self.keys.len();
        &self.rows[empty + first..empty + end]
    }

    /// The first `need` rows whose bit is set in `mask`, in the order of the walk.
    pub(crate) fn hits(&self, walk: Walk, mask: &[u64], need: usize) -> Vec<u32> {
        let is_hit = |row: u32| mask.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 == 1);
        let mut out = Vec::with_capacity(need.min(self.rows.len()));
        match walk {
            Walk::Up => out.extend(self.rows.iter().copied().filter(|&row| is_hit(row)).take(need)),
            Walk::Back => out.extend(self.rows.iter().rev().copied().filter(|&row| is_hit(row)).take(need)),
            Walk::Down => {
                let mut end = self.rows.len();
                while end > 0 && out.len() < need {
                    let start = self.start_of(end - 1);
                    let group = self.rows[start..end].iter().copied();
                    out.extend(group.filter(|&row| is_hit(row)).take(need - out.len()));
                    end = start;
                }
            }
        }
        out
    }

    /// Where the run of equal keys begins that `place` is in.
    fn start_of(&self, place: usize) -> usize {
        let mut at = place / 64;
        let mut word = self.starts[at] & (u64::MAX >> (63 - place % 64));
        while word == 0 && at > 0 {
            at -= 1;
            word = self.starts[at];
        }
        at * 64 + word.checked_ilog2().unwrap_or(0) as usize
    }

    fn heap_bytes(&self) -> usize {
        self.rows.capacity() * 4 + (self.starts.capacity() + self.keys.capacity()) * 8
    }
}

/// The indexes of a table, shared by its versions until rows are renumbered or columns replaced.
#[derive(Default)]
pub(crate) struct Indexes {
    built: ArcSwap<Vec<(Key, Arc<Ordered>)>>,
    /// How often an index was missed that is not there yet.
    asked: Mutex<Vec<(Key, u32)>>,
    /// Rows that passed conditions.
    pub(crate) hits: Remembered,
}

impl Indexes {
    /// The index of a key, if there is one.
    pub(crate) fn find(&self, key: Key) -> Option<Arc<Ordered>> {
        self.built.load().iter().find(|(k, _)| *k == key).map(|(_, index)| Arc::clone(index))
    }

    /// Installs an index unless a newer one is there.
    pub(crate) fn install(&self, key: Key, index: &Arc<Ordered>) {
        self.built.rcu(|built| {
            let mut built = Vec::clone(built);
            match built.iter_mut().find(|(k, _)| *k == key) {
                Some((_, old)) if old.at > index.at => {}
                Some((_, old)) => *old = Arc::clone(index),
                None => built.push((key, Arc::clone(index))),
            }
            built
        });
    }

    /// Notes that the index of a key would have helped; how often that was so.
    pub(crate) fn ask(&self, key: Key) -> u32 {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        match asked.iter_mut().find(|(known, _)| *known == key) {
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                asked.push((key, 1));
                1
            }
        }
    }

    /// Gives all of them back.
    pub(crate) fn clear(&self) {
        self.built.store(Arc::default());
        self.hits.clear();
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.built.load().iter().map(|(_, index)| index.heap_bytes()).sum::<usize>() + self.hits.heap_bytes()
    }
}
