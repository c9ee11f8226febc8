//! Deleted records that have no row any more.

use boobook_model::Sq;

/// A deletion.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Deletion {
    pub(crate) sq: Sq,
    pub(crate) rid: u32,
    /// When, ms since the epoch.
    pub(crate) at_ms: i64,
}

/// Deletions by sequence and by record. One whose record came back meanwhile has a row again and means nothing.
#[derive(Default)]
pub(crate) struct Gone {
    /// Ascending.
    by_sq: Vec<Deletion>,
    /// Places in `by_sq`, ascending by record.
    by_rid: Vec<u32>,
}

impl Gone {
    /// From deletions in any order, one a record.
    pub(crate) fn of(mut by_sq: Vec<Deletion>) -> Self {
        by_sq.sort_unstable();
        by_sq.shrink_to_fit();
        let mut by_rid: Vec<u32> = (0..by_sq.len() as u32).collect();
        by_rid.sort_unstable_by_key(|&at| by_sq[at as usize].rid);
        Self { by_sq, by_rid }
    }

    /// When a record was deleted.
    pub(crate) fn sq_of(&self, rid: u32) -> Option<Sq> {
        let at = self.by_rid.binary_search_by_key(&rid, |&at| self.by_sq[at as usize].rid).ok()?;
        Some(self.by_sq[self.by_rid[at] as usize].sq)
    }

    /// The place of the first deletion after `since`.
    pub(crate) fn after(&self, since: Sq) -> usize {
        self.by_sq.partition_point(|gone| gone.sq <= since)
    }

    /// The deletion at a place.
    pub(crate) fn get(&self, at: usize) -> Option<Deletion> {
        self.by_sq.get(at).copied()
    }

    /// Sequence of the newest.
    pub(crate) fn last(&self) -> Sq {
        self.by_sq.last().map_or(Sq(0), |gone| gone.sq)
    }

    /// All, ascending by sequence.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Deletion> + '_ {
        self.by_sq.iter().copied()
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.by_sq.capacity() * size_of::<Deletion>() + self.by_rid.capacity() * 4
    }
}
