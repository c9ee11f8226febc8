//! Deleted records that have no row any more.

use boobook_model::Sq;

/// Deletions by sequence and by record. One whose record came back meanwhile has a row again and means nothing.
#[derive(Default)]
pub(crate) struct Gone {
    /// Ascending.
    by_sq: Vec<(Sq, u32)>,
    /// Places in `by_sq`, ascending by record.
    by_rid: Vec<u32>,
}

impl Gone {
    /// From deletions in any order, one a record.
    pub(crate) fn of(mut by_sq: Vec<(Sq, u32)>) -> Self {
        by_sq.sort_unstable();
        by_sq.shrink_to_fit();
        let mut by_rid: Vec<u32> = (0..by_sq.len() as u32).collect();
        by_rid.sort_unstable_by_key(|&at| by_sq[at as usize].1);
        Self { by_sq, by_rid }
    }

    /// When a record was deleted.
    pub(crate) fn sq_of(&self, rid: u32) -> Option<Sq> {
        let at = self.by_rid.binary_search_by_key(&rid, |&at| self.by_sq[at as usize].1).ok()?;
        Some(self.by_sq[self.by_rid[at] as usize].0)
    }

    /// The place of the first deletion after `since`.
    pub(crate) fn after(&self, since: Sq) -> usize {
        self.by_sq.partition_point(|&(sq, _)| sq <= since)
    }

    /// The deletion at a place.
    pub(crate) fn get(&self, at: usize) -> Option<(Sq, u32)> {
        self.by_sq.get(at).copied()
    }

    /// Sequence of the newest.
    pub(crate) fn last(&self) -> Sq {
        self.by_sq.last().map_or(Sq(0), |&(sq, _)| sq)
    }

    /// All, ascending by sequence.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Sq, u32)> + '_ {
        self.by_sq.iter().copied()
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.by_sq.capacity() * size_of::<(Sq, u32)>() + self.by_rid.capacity() * 4
    }
}
