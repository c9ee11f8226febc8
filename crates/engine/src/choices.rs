//! A column of sets of numbers (options of a multiple choice, records of a dynamic one): each set is kept
//! once and rows hold its code.

use std::sync::Arc;

use crate::{
    bitmap::bits,
    chunk::{Chunk, PodChunk, Pods},
    dictionary::{CodeSet, Collector, Dictionary},
};

/// The sets of a column.
#[derive(Clone, Default)]
pub(crate) struct ChoiceSets {
    codes: Pods<u32>,
    dictionary: Arc<Dictionary<Vec<u32>>>,
    collector: Collector,
}

impl ChoiceSets {
    /// The set in `row`.
    #[inline]
    pub(crate) fn get(&self, row: u32) -> Option<&[u32]> {
        self.dictionary.get(self.codes.get(row)?)
    }

    /// Sets or clears the set in `row`.
    pub(crate) fn set(&mut self, row: u32, set: Option<&[u32]>) {
        let code = set.map(|set| Dictionary::intern(&mut self.dictionary, set));
        self.codes.set(row, code);
        if self.collector.is_due(&self.dictionary, self.codes.count()) {
            self.collect();
        }
    }

    fn collect(&mut self) {
        let used = used_codes(self.codes.iter(), self.dictionary.code_bound());
        if let Some(codes) = self.collector.collect(&mut self.dictionary, &used) {
            self.codes.edit_all(|chunk| chunk.map(|old| codes[old as usize]));
        }
    }

    /// Keeps rows of `mask` whose set contains all of any of `wanted`; empty rows if `keep_empty`.
    pub(crate) fn retain_containing(&self, mask: &mut [u64], keep_empty: bool, wanted: &[&[u32]]) {
        let matches = |set: &[u32]| wanted.iter().any(|wanted| contains_all(set, wanted));
        let rows: usize = mask.iter().map(|word| word.count_ones() as usize).sum();
        if rows < self.dictionary.len() {
            // Fewer rows than sets: do not look at every set.
            for (index, word) in mask.iter_mut().enumerate() {
                let keep = |bit: &usize| self.get((index * 64 + bit) as u32).map_or(keep_empty, matches);
                *word = bits(*word).filter(keep).fold(0, |kept, bit| kept | 1 << bit);
            }
            return;
        }
        let mut codes = CodeSet::new(self.dictionary.code_bound());
        for (code, _) in self.dictionary.iter().filter(|(_, set)| matches(set)) {
            codes.insert(code);
        }
        self.codes.retain_where::<false>(mask, keep_empty, |code| codes.contains(code));
    }

    /// Keeps rows of `mask` whose set is any of `wanted`; empty rows if `keep_empty`.
    pub(crate) fn retain_equal(&self, mask: &mut [u64], keep_empty: bool, wanted: &[&[u32]]) {
        let codes: Vec<u32> = wanted.iter().filter_map(|set| self.dictionary.code(set)).collect();
        match *codes {
            [one] => self.codes.retain_where::<true>(mask, keep_empty, |code| code == one),
            _ => self.codes.retain_where::<false>(mask, keep_empty, |code| codes.contains(&code)),
        }
    }

    /// The place of `row`'s set among all sets in ascending order, for sorting many rows.
    pub(crate) fn ranks(&self) -> impl Fn(u32) -> Option<u32> {
        let ranks = self.dictionary.ranks();
        move |row| Some(ranks[self.codes.get(row)? as usize])
    }

    /// Ends a bulk load.
    pub(crate) fn finish(&mut self) {
        self.codes.finish();
        Arc::make_mut(&mut self.dictionary).shrink();
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.codes.heap_bytes() + self.dictionary.heap_bytes()
    }

    #[cfg(test)]
    pub(crate) fn recounted_bytes(&self) -> usize {
        self.codes.recounted_bytes() + self.dictionary.recounted_bytes()
    }
}

/// Whether the ascending `set` has every number of the ascending `wanted`.
pub(crate) fn contains_all(set: &[u32], wanted: &[u32]) -> bool {
    let mut set = set.iter();
    wanted.iter().all(|wanted| set.find(|&number| number >= wanted) == Some(wanted))
}

/// The codes that occur in chunks of them.
pub(crate) fn used_codes<'a>(chunks: impl Iterator<Item = &'a PodChunk<u32>>, bound: usize) -> CodeSet {
    let mut used = CodeSet::new(bound);
    for chunk in chunks.filter(|chunk| chunk.count() > 0) {
        chunk.for_each(|_, code| used.insert(code));
    }
    used
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_contains_its_subsets() {
        for (set, wanted, expected) in [
            (&[1, 3, 5][..], &[3][..], true),
            (&[1, 3, 5], &[1, 5], true),
            (&[1, 3, 5], &[2], false),
            (&[1, 3, 5], &[5, 6], false),
            (&[1], &[], true),
            (&[], &[1], false),
        ] {
            assert_eq!(contains_all(set, wanted), expected, "{set:?} {wanted:?}");
        }
    }
}
