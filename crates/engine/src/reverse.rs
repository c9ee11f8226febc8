//! Who refers to a record: for each `ref` field, from a target's id to the ids of the records that name it.
//!
//! It is kept with every write, since NX walks it constantly. A chunk covers 1,024 targets: compact bases that
//! versions share, and a short sorted list of what came and went since. When the list is full the bases it touches
//! are rewritten, the others stay, so that a write costs microseconds even where a million records refer to one.

use std::sync::Arc;

/// Changes a chunk collects before its bases are rewritten.
const PATCHES_MAX: usize = if cfg!(test) { 6 } else { 256 };
/// Pairs a base holds at most; what writing back the changes of a chunk copies for each that one falls into.
const BASE_PAIRS_MAX: usize = if cfg!(test) { 8 } else { 512 };
/// Chunks below one branch.
const BRANCH: usize = 64;

/// Referrers by target of one `ref` field.
#[derive(Clone, Default)]
pub(crate) struct Reverse {
    /// By `target >> 16`, ascending; ids may be sparse.
    branches: Vec<(u32, Arc<Branch>)>,
    heap_bytes: usize,
}

type Branch = Vec<Option<Arc<Chunk>>>;

#[derive(Clone, Default)]
struct Chunk {
    /// Ascending, none empty: the referrers of one key may lie in several.
    bases: Arc<Vec<Arc<Base>>>,
    /// Of the bases and their list.
    base_bytes: usize,
    /// Ascending by key and referrer, each pair once.
    patches: Vec<Patch>,
}

#[derive(Clone, Copy)]
struct Patch {
    rid: u32,
    key: u16,
    added: bool,
}

/// Referrers by key (the low ten bits of the target).
#[derive(Default)]
struct Base {
    /// Ascending.
    keys: Vec<u16>,
    /// Where each key's referrers start in `rids`; one more for the end.
    starts: Vec<u32>,
    /// Ascending for each key.
    rids: Vec<u32>,
}

impl Base {
    fn of(&self, key: u16) -> &[u32] {
        match self.keys.binary_search(&key) {
            Ok(at) => &self.rids[self.starts[at] as usize..self.starts[at + 1] as usize],
            Err(_) => &[],
        }
    }

    /// From pairs ascending by key and referrer.
    fn collect(pairs: &[(u16, u32)]) -> Self {
        let mut base = Self { rids: Vec::with_capacity(pairs.len()), ..Self::default() };
        for &(key, rid) in pairs {
            if base.keys.last() != Some(&key) {
                base.keys.push(key);
                base.starts.push(base.rids.len() as u32);
            }
            base.rids.push(rid);
        }
        base.starts.push(base.rids.len() as u32);
        base.keys.shrink_to_fit();
        base.starts.shrink_to_fit();
        base
    }

    /// The last pair.
    fn last(&self) -> Option<(u16, u32)> {
        Some((*self.keys.last()?, *self.rids.last()?))
    }

    fn pairs(&self) -> impl Iterator<Item = (u16, u32)> + '_ {
        let of = |at: usize| &self.rids[self.starts[at] as usize..self.starts[at + 1] as usize];
        self.keys.iter().enumerate().flat_map(move |(at, &key)| of(at).iter().map(move |&rid| (key, rid)))
    }

    fn heap_bytes(&self) -> usize {
        self.keys.capacity() * 2 + self.starts.capacity() * 4 + self.rids.capacity() * 4
    }
}

impl Chunk {
    /// From pairs ascending by key and referrer.
    fn of(pairs: &[(u16, u32)]) -> Self {
        Self::from_bases(pairs.chunks(BASE_PAIRS_MAX).map(|some| Arc::new(Base::collect(some))).collect())
    }

    fn from_bases(bases: Vec<Arc<Base>>) -> Self {
        let each = size_of::<Arc<Base>>() + size_of::<Base>();
        let base_bytes = bases.iter().map(|base| base.heap_bytes() + each).sum();
        Self { bases: Arc::new(bases), base_bytes, patches: Vec::new() }
    }

    fn heap_bytes(&self) -> usize {
        self.base_bytes + self.patches.capacity() * size_of::<Patch>() + size_of::<Self>()
    }

    /// Notes a pair that is new, or one that is there and goes.
    fn patch(&mut self, key: u16, rid: u32, added: bool) {
        match self.patches.binary_search_by_key(&(key, rid), |p| (p.key, p.rid)) {
            // It is taken back: the base is right again.
            Ok(at) => {
                debug_assert_ne!(self.patches[at].added, added);
                self.patches.remove(at);
            }
            Err(at) => self.patches.insert(at, Patch { rid, key, added }),
        }
        if self.patches.len() > PATCHES_MAX {
            self.write_back();
        }
    }

    /// Puts the patches into the bases they fall into; the others stay as they are.
    fn write_back(&mut self) {
        let mut bases = Vec::with_capacity(self.bases.len() + 1);
        let mut patches = &self.patches[..];
        let nothing = Arc::default();
        // The last base takes all that is left; where there is none yet, an empty one does.
        let count = self.bases.len().max(1);
        for (at, base) in self.bases.iter().chain(self.bases.is_empty().then_some(&nothing)).enumerate() {
            let own = if at + 1 == count {
                patches.len()
            } else {
                patches.partition_point(|p| Some((p.key, p.rid)) <= base.last())
            };
            let (own, rest) = patches.split_at(own);
            patches = rest;
            if own.is_empty() {
                bases.push(Arc::clone(base));
                continue;
            }
            let pairs: Vec<_> = merge(base.pairs(), own).collect();
            // In equal parts, or the one after a full base would be a sliver.
            let parts = pairs.len().div_ceil(BASE_PAIRS_MAX).max(1);
            let part = pairs.len().div_ceil(parts).max(1);
            bases.extend(pairs.chunks(part).map(|some| Arc::new(Base::collect(some))));
        }
        *self = Self::from_bases(bases);
    }

    fn list(&self, key: u16, out: &mut Vec<u32>) {
        let from = self.patches.partition_point(|p| p.key < key);
        let patches = &self.patches[from..];
        let patches = &patches[..patches.partition_point(|p| p.key == key)];
        let from = self.bases.partition_point(|base| base.last() < Some((key, 0)));
        let having =
            self.bases[from..].iter().take_while(|base| base.keys.first().is_some_and(|&k| k <= key));
        if patches.is_empty() {
            having.for_each(|base| out.extend_from_slice(base.of(key)));
        } else {
            let pairs = having.flat_map(|base| base.of(key)).map(|&rid| (key, rid));
            out.extend(merge(pairs, patches).map(|(_, rid)| rid));
        }
    }
}

/// Pairs with patches applied; both ascending.
fn merge(pairs: impl Iterator<Item = (u16, u32)>, patches: &[Patch]) -> impl Iterator<Item = (u16, u32)> {
    let mut pairs = pairs.peekable();
    let mut patches = patches.iter().peekable();
    std::iter::from_fn(move || {
        loop {
            let Some(patch) = patches.peek() else { return pairs.next() };
            let at = (patch.key, patch.rid);
            if let Some(pair) = pairs.next_if(|&pair| pair < at) {
                return Some(pair);
            }
            let added = patch.added;
            patches.next();
            if added {
                return Some(at);
            }
            pairs.next_if_eq(&at);
        }
    })
}

impl Reverse {
    /// From `(target, referrer)` pairs in any order, each once.
    pub(crate) fn of(mut pairs: Vec<(u32, u32)>) -> Self {
        pairs.sort_unstable();
        let mut reverse = Self::default();
        for group in pairs.chunk_by(|a, b| a.0 >> 10 == b.0 >> 10) {
            let pairs: Vec<_> = group.iter().map(|&(target, rid)| ((target & 1023) as u16, rid)).collect();
            let chunk = Chunk::of(&pairs);
            reverse.heap_bytes += chunk.heap_bytes();
            *reverse.slot(group[0].0) = Some(Arc::new(chunk));
        }
        reverse
    }

    fn slot(&mut self, target: u32) -> &mut Option<Arc<Chunk>> {
        let branch = target >> 16;
        let at = match self.branches.binary_search_by_key(&branch, |(number, _)| *number) {
            Ok(at) => at,
            Err(at) => {
                self.branches.insert(at, (branch, Arc::new(vec![None; BRANCH])));
                self.heap_bytes += BRANCH * 8 + 48;
                at
            }
        };
        &mut Arc::make_mut(&mut self.branches[at].1)[(target >> 10) as usize % BRANCH]
    }

    /// Ids of the records that name `target`, ascending, appended to `out`.
    pub(crate) fn list(&self, target: u32, out: &mut Vec<u32>) {
        let branch = target >> 16;
        let Ok(at) = self.branches.binary_search_by_key(&branch, |(number, _)| *number) else { return };
        if let Some(chunk) = &self.branches[at].1[(target >> 10) as usize % BRANCH] {
            chunk.list((target & 1023) as u16, out);
        }
    }

    /// `rid` names `target` now, and did not before.
    pub(crate) fn add(&mut self, target: u32, rid: u32) {
        self.patch(target, rid, true);
    }

    /// `rid` names `target` no more.
    pub(crate) fn remove(&mut self, target: u32, rid: u32) {
        self.patch(target, rid, false);
    }

    fn patch(&mut self, target: u32, rid: u32, added: bool) {
        let slot = self.slot(target);
        let before = slot.as_ref().map_or(0, |chunk| chunk.heap_bytes());
        let chunk = Arc::make_mut(slot.get_or_insert_default());
        chunk.patch((target & 1023) as u16, rid, added);
        let after = chunk.heap_bytes();
        self.heap_bytes = self.heap_bytes + after - before;
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.heap_bytes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn lists_are_what_was_added(
            start in prop::collection::btree_set((0u32..5, 0u32..40), 0..60),
            flips in prop::collection::vec((0u32..5, 0u32..400), 0..1500),
        ) {
            // Targets in different chunks and branches.
            let target = |t: u32| t * 700 + (t / 3) * 100_000;
            let mut pairs: BTreeSet<(u32, u32)> = start.iter().map(|&(t, rid)| (target(t), rid)).collect();
            let mut reverse = Reverse::of(pairs.iter().copied().collect());
            let (then, pairs_then) = (reverse.clone(), pairs.clone());
            for (t, rid) in flips {
                if pairs.remove(&(target(t), rid)) {
                    reverse.remove(target(t), rid);
                } else {
                    pairs.insert((target(t), rid));
                    reverse.add(target(t), rid);
                }
            }
            for (reverse, pairs) in [(reverse, pairs), (then, pairs_then)] {
                for t in 0..6 {
                    let mut list = Vec::new();
                    reverse.list(target(t), &mut list);
                    let expected: Vec<u32> = pairs.iter().filter(|p| p.0 == target(t)).map(|p| p.1).collect();
                    prop_assert_eq!(list, expected);
                }
            }
        }
    }
}
