//! A vector whose versions share what they have in common.
//!
//! A table of a million rows is published after every write. A flat `Vec<Arc<Leaf>>` would count a thousand
//! references up and down each time; two levels make that a few dozen, whatever the table's size.

use std::sync::Arc;

/// Leaves below one branch.
const BRANCH: usize = 64;

/// Neighbouring leaves; all branches but the last are full.
type Branch<T> = Arc<[Arc<Vec<T>>]>;

/// A persistent vector of `LEAF` elements a leaf. Cloning is cheap; writing copies one leaf and one branch if
/// they are shared.
pub(crate) struct CowVec<T, const LEAF: usize> {
    len: usize,
    branches: Vec<Branch<T>>,
}

impl<T, const LEAF: usize> Clone for CowVec<T, LEAF> {
    fn clone(&self) -> Self {
        Self { len: self.len, branches: self.branches.clone() }
    }
}

impl<T, const LEAF: usize> Default for CowVec<T, LEAF> {
    fn default() -> Self {
        Self { len: 0, branches: Vec::new() }
    }
}

impl<T: Copy, const LEAF: usize> CowVec<T, LEAF> {
    /// How many elements there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many leaves there are.
    pub(crate) fn leaves(&self) -> usize {
        self.len.div_ceil(LEAF)
    }

    /// The elements of leaf `at`, which is there.
    #[inline]
    pub(crate) fn leaf(&self, at: usize) -> &[T] {
        &self.branches[at / BRANCH][at % BRANCH]
    }

    /// Element `at`; panics beyond the end, as a slice does.
    #[inline]
    pub(crate) fn at(&self, at: usize) -> T {
        self.leaf(at / LEAF)[at % LEAF]
    }

    /// Element `at`, `None` beyond the end.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<T> {
        self.branches.get(at / LEAF / BRANCH)?.get(at / LEAF % BRANCH)?.get(at % LEAF).copied()
    }

    /// Element `at` for writing.
    pub(crate) fn at_mut(&mut self, at: usize) -> &mut T {
        let leaf = at / LEAF;
        let branch = Arc::make_mut(&mut self.branches[leaf / BRANCH]);
        &mut Arc::make_mut(&mut branch[leaf % BRANCH])[at % LEAF]
    }

    /// Appends an element.
    pub(crate) fn push(&mut self, value: T) {
        let leaf = self.len / LEAF;
        if self.len.is_multiple_of(LEAF) {
            self.add_leaf(leaf);
        }
        let last = &mut Arc::make_mut(&mut self.branches[leaf / BRANCH])[leaf % BRANCH];
        match Arc::get_mut(last) {
            Some(values) => values.push(value),
            None => {
                // A plain copy would have no room and be copied again for the new element.
                let mut copy = Vec::with_capacity((last.len() * 2).clamp(8.min(LEAF), LEAF));
                copy.extend_from_slice(last);
                copy.push(value);
                *last = Arc::new(copy);
            }
        }
        self.len += 1;
    }

    fn add_leaf(&mut self, leaf: usize) {
        let begun = if leaf.is_multiple_of(BRANCH) { None } else { self.branches.pop() };
        let earlier = begun.iter().flat_map(|branch| branch.iter().cloned());
        let branch = earlier.chain([Arc::default()]).collect();
        self.branches.push(branch);
    }

    /// Appends copies of `value` until there are `len` elements.
    pub(crate) fn grow_to(&mut self, len: usize, value: T) {
        while self.len < len {
            self.push(value);
        }
    }

    /// The first place from which on `before` does not hold; it holds for a prefix.
    pub(crate) fn partition_point(&self, before: impl Fn(T) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = low.midpoint(high);
            if before(self.at(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// All elements in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = T> + '_ {
        self.branches.iter().flat_map(|branch| branch.iter().flat_map(|leaf| leaf.iter().copied()))
    }

    /// Bytes on the heap, near enough: the last leaf's spare room is not counted.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.len * size_of::<T>() + self.leaves() * (size_of::<Vec<T>>() + 24)
    }
}

impl<T: Copy, const LEAF: usize> FromIterator<T> for CowVec<T, LEAF> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut vec = Self::default();
        for value in values {
            vec.push(value);
        }
        vec
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_do_not_see_each_other() {
        let mut now: CowVec<usize, 4> = (0..4 * BRANCH + 3).collect();
        let then = now.clone();
        for at in [0, 3, 4, 4 * BRANCH - 1, 4 * BRANCH, 4 * BRANCH + 2] {
            *now.at_mut(at) += 1000;
        }
        now.push(7);
        now.grow_to(4 * BRANCH + 9, 1);
        assert!(then.iter().eq(0..4 * BRANCH + 3));
        assert_eq!(
            (now.len(), now.at(4 * BRANCH), now.get(4 * BRANCH + 9)),
            (4 * BRANCH + 9, 4 * BRANCH + 1000, None)
        );
        assert_eq!((now.at(4 * BRANCH + 3), now.at(4 * BRANCH + 8), then.get(4 * BRANCH + 3)), (7, 1, None));
        assert_eq!(then.partition_point(|n| n < 77), 77);
    }
}
