//! Which rows passed conditions that were asked before: scripts and lists ask for the same ones again and again.
//!
//! A bit a row, beside the ordered indexes and kept up in the same way: what was worked out stays as it is, and who
//! uses it at a later version asks the rows that changed since, which the `(sq, row)` vector names, anew. The writer
//! pays nothing.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use arc_swap::ArcSwap;
use boobook_model::Sq;

use crate::{Condition, Table, rows::LIVE_WORDS};

/// Sets of conditions that a table remembers: two bytes a row.
const SETS_MAX: usize = 16;
/// Fewer rows than this are looked at faster than they are remembered.
const ROWS_MIN: u32 = if cfg!(test) { 4 } else { 4096 };
/// Where more than this part of the rows changed since, all are looked at.
const CHANGED_PART_MAX: usize = if cfg!(test) { 2 } else { 64 };
/// From so many changed rows on, what was brought up to date is remembered in its turn.
const RENEWED_AT: usize = if cfg!(test) { 2 } else { 256 };

/// The rows that passed some conditions at one moment. Whether a row is alive is not told.
struct Hits {
    conditions: Vec<Condition>,
    /// The table's newest change then.
    at: Sq,
    words: Vec<u64>,
    was_used: AtomicBool,
}

/// What a table remembers, shared by its versions as its indexes are.
#[derive(Default)]
pub(crate) struct Remembered {
    sets: ArcSwap<Vec<Arc<Hits>>>,
}

impl Remembered {
    fn find(&self, conditions: &[Condition]) -> Option<Arc<Hits>> {
        let sets = self.sets.load();
        let hits = sets.iter().find(|hits| hits.conditions == conditions)?;
        hits.was_used.store(true, Ordering::Relaxed);
        Some(Arc::clone(hits))
    }

    /// Remembers rows, unless something newer is known. The oldest that nobody used since is forgotten for them.
    fn note(&self, hits: &Arc<Hits>) {
        self.sets.rcu(|sets| {
            let mut sets = Vec::clone(sets);
            match sets.iter_mut().find(|old| old.conditions == hits.conditions) {
                Some(old) if old.at > hits.at => {}
                Some(old) => *old = Arc::clone(hits),
                None => {
                    if sets.len() >= SETS_MAX {
                        let is_unused = |old: &Arc<Hits>| !old.was_used.swap(false, Ordering::Relaxed);
                        sets.remove(sets.iter().position(is_unused).unwrap_or(0));
                    }
                    sets.push(Arc::clone(hits));
                }
            }
            sets
        });
    }

    /// Forgets all.
    pub(crate) fn clear(&self) {
        self.sets.store(Arc::default());
    }

    /// Bytes on the heap, near enough.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.sets.load().iter().map(|hits| hits.words.capacity() * 8 + size_of::<Hits>()).sum()
    }
}

impl Table {
    /// Whether what these conditions come to is worth remembering.
    pub(crate) fn remembers(&self, conditions: &[Condition]) -> bool {
        !conditions.is_empty() && self.rows.len() >= ROWS_MIN && conditions.iter().all(Condition::is_short)
    }

    /// The live rows that pass conditions, a bit each, where they are remembered and not too much has changed since.
    pub(crate) fn remembered(&self, conditions: &[Condition], may_note: bool) -> Option<Vec<u64>> {
        let hits = self.indexes.hits.find(conditions)?;
        if hits.at > self.log.last() {
            return None;
        }
        let changed = self.log.after(hits.at)..self.log.len();
        if changed.len() > self.rows.len() as usize / CHANGED_PART_MAX {
            return None;
        }
        let live = self.rows.live();
        let mut words = Vec::with_capacity(live.len());
        words.extend_from_slice(&hits.words);
        words.resize(live.len(), 0);
        for at in changed.clone() {
            if let Some((_, row)) = self.log.current(at, &self.meta) {
                let (word, bit) = (&mut words[row as usize / 64], 1 << (row % 64));
                if conditions.iter().all(|condition| self.passes(condition, row)) {
                    *word |= bit;
                } else {
                    *word &= !bit;
                }
            }
        }
        if may_note && changed.len() >= RENEWED_AT {
            self.note(conditions, &words);
        }
        for (leaf, words) in words.chunks_mut(LIVE_WORDS).enumerate() {
            words.iter_mut().zip(live.leaf(leaf)).for_each(|(word, live)| *word &= live);
        }
        Some(words)
    }

    /// Remembers what conditions came to.
    pub(crate) fn note(&self, conditions: &[Condition], words: &[u64]) {
        let hits = Hits {
            conditions: conditions.to_vec(),
            at: self.log.last(),
            words: words.to_vec(),
            was_used: AtomicBool::new(false),
        };
        self.indexes.hits.note(&Arc::new(hits));
    }
}
