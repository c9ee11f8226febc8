//! Which row a record is in, which rows are alive, and what order the ids have.
//!
//! Rows are appended as records are made, so row order is id order, but for records that came by an upsert with
//! an id below the greatest: those are listed aside, with their place, until a vacuum.

use std::sync::Arc;

use crate::{
    cow::CowVec,
    meta::{META_ROWS, Meta},
};

/// No row.
const NONE: u32 = u32::MAX;

/// Words of the live bitmap in a leaf: 4,096 rows.
pub(crate) const LIVE_WORDS: usize = if cfg!(test) { 1 } else { 64 };

/// Up to here ids are dense whatever their number.
const DENSE_IDS_MIN: u64 = if cfg!(test) { 8 } else { 4096 };

/// A record whose row is not at its place in id order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Aside {
    pub(crate) rid: u32,
    pub(crate) row: u32,
    /// The row it goes before. It never changes: it was there when this record came.
    pub(crate) before: u32,
}

/// The rows of a table.
#[derive(Clone, Default)]
pub(crate) struct Rows {
    len: u32,
    live_len: u32,
    live: CowVec<u64, LIVE_WORDS>,
    /// The greatest id there ever was in a row.
    rid_max: u32,
    /// For each leaf of the metadata, the greatest id before it: what a search by id starts from.
    bounds: Arc<Vec<u32>>,
    /// Ascending by id.
    aside: Arc<Vec<Aside>>,
    /// Of the transaction being applied; merged at its end, as inserting one by one would be quadratic.
    aside_new: Vec<Aside>,
    /// Rows by id, while ids are dense enough to afford it. Else they are searched for.
    by_rid: Option<CowVec<u32, 1024>>,
}

impl Rows {
    /// How many rows there are, dead ones included.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// How many are alive.
    pub(crate) fn live_len(&self) -> usize {
        self.live_len as usize
    }

    /// The live bits.
    pub(crate) fn live(&self) -> &CowVec<u64, LIVE_WORDS> {
        &self.live
    }

    /// Records out of order, ascending by id.
    pub(crate) fn aside(&self) -> &[Aside] {
        &self.aside
    }

    /// Whether a row is alive.
    #[inline]
    pub(crate) fn is_live(&self, row: u32) -> bool {
        self.live.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// The newest row of a record, dead or alive.
    #[inline]
    pub(crate) fn row_of(&self, rid: u32, meta: &Meta) -> Option<u32> {
        match &self.by_rid {
            Some(by_rid) => by_rid.get(rid as usize).filter(|&row| row != NONE),
            None => self.search(rid, meta),
        }
    }

    fn search(&self, rid: u32, meta: &Meta) -> Option<u32> {
        if rid > self.rid_max {
            return None;
        }
        if let Ok(at) = self.aside.binary_search_by_key(&rid, |a| a.rid) {
            return Some(self.aside[at].row);
        }
        let block = self.bounds.partition_point(|&bound| bound < rid).checked_sub(1)?;
        let from = (block * META_ROWS) as u32;
        let to = self.len.min(from + META_ROWS as u32);
        if self.aside.is_empty() && self.aside_new.is_empty() {
            let (mut low, mut high) = (from, to);
            while low < high {
                let middle = low.midpoint(high);
                if meta.rid(middle) < rid { low = middle + 1 } else { high = middle }
            }
            return (low < to && meta.rid(low) == rid).then_some(low);
        }
        (from..to).find(|&row| meta.rid(row) == rid)
    }

    /// The first row at which an id above `rid` has been seen: in id order, all rows before it that are not
    /// aside have ids up to `rid`, all from it on greater ones.
    pub(crate) fn first_after(&self, rid: u32, meta: &Meta) -> u32 {
        let Some(block) = self.bounds.partition_point(|&bound| bound <= rid).checked_sub(1) else { return 0 };
        let from = (block * META_ROWS) as u32;
        let to = self.len.min(from + META_ROWS as u32);
        (from..to).find(|&row| meta.rid(row) > rid).unwrap_or(to)
    }

    /// Appends a live row for a record. Its metadata is pushed beside it.
    pub(crate) fn push(&mut self, rid: u32, meta: &Meta) -> u32 {
        let row = self.len;
        if (row as usize).is_multiple_of(META_ROWS) {
            Arc::make_mut(&mut self.bounds).push(self.rid_max);
        }
        if row.is_multiple_of(64) {
            self.live.push(0);
        }
        *self.live.at_mut(row as usize / 64) |= 1 << (row % 64);
        if rid <= self.rid_max {
            self.aside_new.push(Aside { rid, row, before: self.first_after(rid, meta) });
        }
        self.len += 1;
        self.live_len += 1;
        self.rid_max = self.rid_max.max(rid);
        if u64::from(self.rid_max) >= 4 * u64::from(self.len) + DENSE_IDS_MIN {
            self.by_rid = None;
        } else if let Some(by_rid) = &mut self.by_rid {
            by_rid.grow_to(rid as usize + 1, NONE);
            *by_rid.at_mut(rid as usize) = row;
        }
        row
    }

    /// Makes a row dead.
    pub(crate) fn kill(&mut self, row: u32) {
        *self.live.at_mut(row as usize / 64) &= !(1 << (row % 64));
        self.live_len -= 1;
    }

    /// Whether [`Self::settle`] has anything to do.
    pub(crate) fn is_unsettled(&self) -> bool {
        !self.aside_new.is_empty() || self.wants_map()
    }

    /// The gap to the factor of [`Self::push`] keeps a table at the edge from building the map again and again.
    fn wants_map(&self) -> bool {
        self.by_rid.is_none() && u64::from(self.rid_max) < 2 * u64::from(self.len) + DENSE_IDS_MIN
    }

    /// Ends a transaction or a load: files what it put aside, and maps ids to rows again once they are dense.
    pub(crate) fn settle(&mut self, meta: &Meta) {
        if !self.aside_new.is_empty() {
            let mut new = std::mem::take(&mut self.aside_new);
            new.sort_unstable_by_key(|a| (a.rid, a.row));
            let mut merged: Vec<Aside> = Vec::with_capacity(self.aside.len() + new.len());
            let mut old = self.aside.iter().peekable();
            for aside in new {
                while let Some(&older) = old.next_if(|older| older.rid <= aside.rid) {
                    merged.push(older);
                }
                // A revived record's earlier row is dead.
                merged.pop_if(|earlier| earlier.rid == aside.rid);
                merged.push(aside);
            }
            merged.extend(old);
            self.aside = Arc::new(merged);
        }
        if self.wants_map() {
            let mut flat = vec![NONE; self.rid_max as usize + 1];
            for row in 0..self.len {
                flat[meta.rid(row) as usize] = row;
            }
            self.by_rid = Some(flat.into_iter().collect());
        }
    }

    /// Live rows in id order.
    pub(crate) fn in_id_order(&self) -> Vec<u32> {
        let mut skip = vec![false; self.len as usize];
        for aside in self.aside.iter() {
            skip[aside.row as usize] = true;
        }
        let mut out = Vec::with_capacity(self.live_len());
        let mut asides = self.aside.iter().peekable();
        for row in 0..self.len {
            while let Some(aside) = asides.next_if(|a| a.before <= row) {
                out.extend(Some(aside.row).filter(|&row| self.is_live(row)));
            }
            if !skip[row as usize] && self.is_live(row) {
                out.push(row);
            }
        }
        out.extend(asides.map(|a| a.row).filter(|&row| self.is_live(row)));
        out
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.live.heap_bytes()
            + self.bounds.len() * 4
            + self.aside.len() * size_of::<Aside>()
            + self.by_rid.as_ref().map_or(0, CowVec::heap_bytes)
    }
}
