//! In which order a table's rows changed: pairs of sequence and row, ascending, some of them outdated.

use boobook_model::Sq;

use crate::{cow::CowVec, meta::Meta};

/// Below this many entries outdated ones are not worth removing.
const COMPACT_LEN_MIN: usize = if cfg!(test) { 8 } else { 1024 };

/// Twelve bytes; with a `u64` it would be sixteen.
#[derive(Clone, Copy)]
struct Entry {
    sq_high: u32,
    sq_low: u32,
    row: u32,
}

impl Entry {
    fn new(sq: Sq, row: u32) -> Self {
        Self { sq_high: (sq.0 >> 32) as u32, sq_low: sq.0 as u32, row }
    }

    fn sq(self) -> Sq {
        Sq(u64::from(self.sq_high) << 32 | u64::from(self.sq_low))
    }
}

/// The `(sq, row)` vector of a table. An entry is outdated when its row has changed again.
#[derive(Clone, Default)]
pub(crate) struct Log {
    entries: CowVec<Entry, 1024>,
    outdated: usize,
}

impl Log {
    /// A log of entries in any order, all of them current.
    pub(crate) fn of(mut entries: Vec<(Sq, u32)>) -> Self {
        entries.sort_unstable();
        Self { entries: entries.into_iter().map(|(sq, row)| Entry::new(sq, row)).collect(), outdated: 0 }
    }

    /// Entries, outdated ones included.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Sequence of the newest entry.
    pub(crate) fn last(&self) -> Sq {
        self.entries.len().checked_sub(1).map_or(Sq(0), |at| self.entries.at(at).sq())
    }

    /// The place of the first entry after `since`.
    pub(crate) fn after(&self, since: Sq) -> usize {
        self.entries.partition_point(|entry| entry.sq() <= since)
    }

    /// The row of an entry and its sequence, `None` if it is outdated.
    #[inline]
    pub(crate) fn current(&self, at: usize, meta: &Meta) -> Option<(Sq, u32)> {
        let entry = self.entries.at(at);
        (meta.sq(entry.row) == entry.sq()).then(|| (entry.sq(), entry.row))
    }

    /// Appends a change.
    pub(crate) fn push(&mut self, sq: Sq, row: u32) {
        self.entries.push(Entry::new(sq, row));
    }

    /// Notes that an entry somewhere has become outdated.
    pub(crate) fn outdate(&mut self) {
        self.outdated += 1;
    }

    /// Ends a transaction: drops outdated entries once they are half of all.
    pub(crate) fn settle(&mut self, meta: &Meta) {
        if self.outdated * 2 > self.len() && self.len() > COMPACT_LEN_MIN {
            let current = self.entries.iter().filter(|entry| meta.sq(entry.row) == entry.sq());
            self.entries = current.collect();
            self.outdated = 0;
        }
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.entries.heap_bytes()
    }
}
