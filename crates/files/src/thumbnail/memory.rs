//! What was used lately, within a number of bytes.

use std::{hash::Hash, mem};

use rustc_hash::FxHashMap;

/// Two generations: what is used moves to the young one; when that holds half of the bytes, it becomes the old one and
/// the old one is forgotten. Nearly as good as a list in order of use, and nothing to keep in order.
#[derive(Debug)]
pub(super) struct Memory<K, V> {
    young: FxHashMap<K, (V, usize)>,
    old: FxHashMap<K, (V, usize)>,
    young_bytes: usize,
    half_bytes_max: usize,
}

impl<K: Hash + Eq + Clone, V: Clone> Memory<K, V> {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            young: FxHashMap::default(),
            old: FxHashMap::default(),
            young_bytes: 0,
            half_bytes_max: bytes_max / 2,
        }
    }

    pub(super) fn get(&mut self, key: &K) -> Option<V> {
        if let Some((value, _)) = self.young.get(key) {
            return Some(value.clone());
        }
        let (value, bytes) = self.old.remove(key)?;
        self.insert(key.clone(), value.clone(), bytes);
        Some(value)
    }

    /// What is larger than half of the memory is not kept.
    pub(super) fn insert(&mut self, key: K, value: V, bytes: usize) {
        if bytes > self.half_bytes_max {
            return;
        }
        if self.young_bytes + bytes > self.half_bytes_max {
            self.old = mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        if let Some((_, replaced)) = self.young.insert(key, (value, bytes)) {
            self.young_bytes -= replaced;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_used_stays() {
        let mut memory = Memory::new(100);
        memory.insert("used", 1, 10);
        for n in 0..100 {
            memory.insert("other", n, 20);
            memory.insert("another", n, 20);
            assert_eq!(memory.get(&"used"), Some(1));
        }
        for _ in 0..3 {
            memory.insert("x", 0, 40);
            memory.insert("y", 0, 40);
        }
        assert_eq!(memory.get(&"used"), None);
        memory.insert("large", 1, 51);
        assert_eq!(memory.get(&"large"), None);
    }

    proptest! {
        #[test]
        fn bounded_and_never_wrong(steps in prop::collection::vec((0u8..12, 0usize..60, any::<bool>()), 0..200)) {
            let mut memory = Memory::new(100);
            let mut last = std::collections::HashMap::new();
            for (key, bytes, is_insert) in steps {
                if is_insert {
                    memory.insert(key, bytes, bytes);
                    if bytes <= 50 {
                        last.insert(key, bytes);
                    }
                } else if let Some(found) = memory.get(&key) {
                    prop_assert_eq!(Some(&found), last.get(&key));
                }
                let young: usize = memory.young.values().map(|(_, bytes)| bytes).sum();
                let old: usize = memory.old.values().map(|(_, bytes)| bytes).sum();
                prop_assert_eq!(young, memory.young_bytes);
                prop_assert!(young <= 50 && old <= 50);
            }
        }
    }
}
