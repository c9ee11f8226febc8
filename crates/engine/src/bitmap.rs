//! One bit a row, in words of 64: validity, yes/no values, selections.
//!
//! A selection is a plain `[u64]`, as the kernels take it; [`Bitmap`] is the growing kind a chunk keeps.

/// Bits that only grows where a bit is set, so that the last chunk of a small table costs a word or two.
/// Bits beyond its end are 0.
#[derive(Default, Debug)]
pub(crate) struct Bitmap {
    words: Vec<u64>,
}

impl Clone for Bitmap {
    /// Keeps the capacity: a copy is made in order to write to it, and should not be copied again at the next word.
    fn clone(&self) -> Self {
        Self { words: clone_with_capacity(&self.words) }
    }
}

impl Bitmap {
    /// Whether bit `at` is set.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> bool {
        self.words.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// The 64 bits from bit `index * 64` on.
    #[inline]
    pub(crate) fn word(&self, index: usize) -> u64 {
        self.words.get(index).copied().unwrap_or(0)
    }

    /// Sets bit `at`; true if it was not set before.
    pub(crate) fn insert(&mut self, at: usize) -> bool {
        let index = at / 64;
        if index >= self.words.len() {
            grow(&mut self.words, index + 1, super::column::CHUNK_ROWS / 64);
            self.words.resize(index + 1, 0);
        }
        let bit = 1 << (at % 64);
        let fresh = self.words[index] & bit == 0;
        self.words[index] |= bit;
        fresh
    }

    /// Clears bit `at`; true if it was set before.
    pub(crate) fn remove(&mut self, at: usize) -> bool {
        let Some(word) = self.words.get_mut(at / 64) else { return false };
        let bit = 1 << (at % 64);
        let was = *word & bit != 0;
        *word &= !bit;
        was
    }

    /// The set bits, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(index, &word)| bits(word).map(move |bit| index * 64 + bit))
    }

    /// Gives back spare capacity.
    pub(crate) fn shrink(&mut self) {
        while self.words.last() == Some(&0) {
            self.words.pop();
        }
        self.words.shrink_to_fit();
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.words.capacity() * 8
    }
}

/// The set bits of a word, ascending.
#[inline]
pub(crate) fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        (word != 0).then(|| {
            let bit = word.trailing_zeros() as usize;
            word &= word - 1;
            bit
        })
    })
}

/// Calls `each` with the rows whose bits are set in `words`, which begin with word `from`.
pub(crate) fn each_row(from: usize, words: &[u64], mut each: impl FnMut(u32)) {
    for (at, &word) in words.iter().enumerate() {
        bits(word).for_each(|bit| each(((from + at) * 64 + bit) as u32));
    }
}

/// A word with bit `i` set where `test(values[i])` holds; `values` are at most 64.
///
/// The tests go to bytes first, which the compiler turns into vector compares, and eight bytes become eight
/// bits by one multiplication: four times faster than shifting bit by bit.
#[inline]
pub(crate) fn word_of<T: Copy>(values: &[T], test: impl Fn(T) -> bool) -> u64 {
    let mut hits = [0u8; 64];
    for (hit, &value) in hits.iter_mut().zip(values) {
        *hit = u8::from(test(value));
    }
    let mut word = 0;
    for (i, eight) in hits.as_chunks::<8>().0.iter().enumerate() {
        let packed = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        word |= packed << (i * 8);
    }
    word
}

/// Makes room for `len` elements: doubles, but never reserves beyond `max`, which a chunk cannot outgrow.
pub(crate) fn grow<T>(vec: &mut Vec<T>, len: usize, max: usize) {
    if len > vec.capacity() {
        let target = len.max((vec.capacity() * 2).min(max));
        vec.reserve_exact(target - vec.len());
    }
}

/// A copy with the same capacity.
pub(crate) fn clone_with_capacity<T: Clone>(vec: &Vec<T>) -> Vec<T> {
    let mut copy = Vec::with_capacity(vec.capacity());
    copy.extend_from_slice(vec);
    copy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_tests_have_the_bits_of_the_values() {
        let values: Vec<u16> = (0..64).map(|i| i * 7 % 5).collect();
        let expected = (0..64).filter(|&i| values[i] == 3).fold(0, |word, i| word | 1u64 << i);
        assert_eq!(word_of(&values, |v| v == 3), expected);
        assert_eq!(word_of(&values[..10], |_| true), 0x3ff);
        assert_eq!(bits(expected).count(), expected.count_ones() as usize);
    }

    #[test]
    fn bits_come_and_go() {
        let mut bitmap = Bitmap::default();
        assert!(bitmap.insert(100) && !bitmap.insert(100) && bitmap.insert(3));
        assert_eq!(bitmap.iter().collect::<Vec<_>>(), [3, 100]);
        assert!(bitmap.remove(100) && !bitmap.remove(100) && !bitmap.remove(4000));
        bitmap.shrink();
    }
}
