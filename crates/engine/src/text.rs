//! A column of texts.
//!
//! It starts with a dictionary: rows hold codes, which makes equality a comparison of numbers. Once most texts
//! turn out to be distinct a dictionary only costs, and chunks from then on are arenas. Older chunks stay coded
//! until a text that the dictionary lacks is written to them, so nothing ever converts a whole column at once,
//! the end of a bulk load apart.

use std::{cell::Cell, hash::BuildHasher, sync::Arc};

use boobook_model::{Needle, TextLane};

use crate::{
    arena::ArenaChunk,
    bitmap::{bits, each_row},
    choices::used_codes,
    chunk::{CHUNK_WORDS, Chunk, Chunks, PodChunk},
    column::CHUNK_ROWS,
    dictionary::{Collector, Dictionary},
};

/// Texts from which on it is judged whether most are distinct.
const JUDGED_TEXTS_MIN: usize = 4 * CHUNK_ROWS;

/// The texts of a column.
#[derive(Clone, Default)]
pub(crate) struct Texts {
    chunks: Chunks<TextChunk>,
    dictionary: Arc<Dictionary<String>>,
    collector: Collector,
    /// Texts in coded chunks.
    coded: usize,
    /// Most texts are distinct: new chunks are arenas.
    is_distinct: bool,
}

/// The texts of up to 4,096 rows.
#[derive(Clone)]
enum TextChunk {
    Coded(PodChunk<u32>),
    Arena(ArenaChunk),
}

impl Default for TextChunk {
    fn default() -> Self {
        Self::Coded(PodChunk::default())
    }
}

impl Chunk for TextChunk {
    fn heap_bytes(&self) -> usize {
        match self {
            Self::Coded(codes) => codes.heap_bytes(),
            Self::Arena(arena) => arena.heap_bytes(),
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::Coded(codes) => codes.count(),
            Self::Arena(arena) => arena.count(),
        }
    }

    fn finish(&mut self) {
        match self {
            Self::Coded(codes) => codes.finish(),
            Self::Arena(arena) => arena.finish(),
        }
    }
}

impl TextChunk {
    fn codes(&self) -> Option<&PodChunk<u32>> {
        match self {
            Self::Coded(codes) => Some(codes),
            Self::Arena(_) => None,
        }
    }

    #[inline]
    fn get<'a>(&'a self, at: usize, dictionary: &'a Dictionary<String>) -> Option<&'a str> {
        match self {
            Self::Coded(codes) => dictionary.get(codes.get(at)?),
            Self::Arena(arena) => arena.get(at),
        }
    }

    fn make_arena(&mut self, dictionary: &Dictionary<String>) -> &mut ArenaChunk {
        if let Self::Coded(codes) = self {
            let mut arena = ArenaChunk::default();
            codes.for_each(|at, code| arena.set(at, dictionary.get(code)));
            *self = Self::Arena(arena);
        }
        match self {
            Self::Arena(arena) => arena,
            Self::Coded(_) => unreachable!("made an arena above"),
        }
    }
}

impl Texts {
    /// The text in `row`.
    #[inline]
    pub(crate) fn get(&self, row: u32) -> Option<&str> {
        let (chunk, at) = self.chunks.find(row)?;
        chunk.get(at, &self.dictionary)
    }

    /// Sets or clears the text in `row`.
    pub(crate) fn set(&mut self, row: u32, text: Option<&str>) {
        let (index, at) = (row as usize / CHUNK_ROWS, row as usize % CHUNK_ROWS);
        if text.is_none() && self.get(row).is_none() {
            return;
        }
        if index >= self.chunks.len() {
            self.judge();
        }
        match self.chunks.chunk(index) {
            Some(TextChunk::Arena(_)) => self.set_in_arena(index, at, text),
            None if self.is_distinct => self.set_in_arena(index, at, text),
            _ => self.set_coded(index, at, text),
        }
        if self.collector.is_due(&self.dictionary, self.coded) {
            self.collect();
        }
    }

    fn set_coded(&mut self, index: usize, at: usize, text: Option<&str>) {
        let code = match text {
            None => None,
            Some(text) if self.is_distinct => match self.dictionary.code(text) {
                Some(code) => Some(code),
                None => return self.set_in_arena(index, at, Some(text)),
            },
            Some(text) => Some(Dictionary::intern(&mut self.dictionary, text)),
        };
        self.coded = self.chunks.edit(index, |chunk| {
            let TextChunk::Coded(codes) = chunk else { return self.coded };
            let others = self.coded - codes.count();
            match code {
                Some(code) => codes.set(at, code),
                None => codes.remove(at),
            }
            others + codes.count()
        });
    }

    fn set_in_arena(&mut self, index: usize, at: usize, text: Option<&str>) {
        let coded = self.chunks.chunk(index).and_then(TextChunk::codes).map_or(0, Chunk::count);
        self.chunks.edit(index, |chunk| chunk.make_arena(&self.dictionary).set(at, text));
        if coded > 0 {
            self.coded -= coded;
            self.drop_unused();
        }
    }

    /// After chunks left the dictionary: without any left, it need not even be looked through.
    fn drop_unused(&mut self) {
        if self.coded == 0 && self.dictionary.len() > 0 {
            self.dictionary = Arc::default();
            self.collector = Collector::default();
        }
    }

    /// At each new chunk: are most texts distinct?
    fn judge(&mut self) {
        let is_suspect = |texts: &Self| texts.dictionary.len() * 2 > texts.coded;
        if !self.is_distinct && self.coded >= JUDGED_TEXTS_MIN && is_suspect(self) {
            // Texts that were overwritten do not count.
            self.collect();
            self.is_distinct = is_suspect(self);
        }
    }

    fn collect(&mut self) {
        let used = used_codes(self.chunks.iter().filter_map(TextChunk::codes), self.dictionary.code_bound());
        if let Some(new_codes) = self.collector.collect(&mut self.dictionary, &used) {
            self.chunks.edit_all_where(
                |chunk| chunk.codes().is_some(),
                |chunk| {
                    if let TextChunk::Coded(codes) = chunk {
                        codes.map(|old| new_codes[old as usize]);
                    }
                },
            );
        }
    }

    /// Keeps rows of `mask` whose text is any of `wanted`; empty rows if `keep_empty`.
    pub(crate) fn retain_any_of(&self, mask: &mut [u64], keep_empty: bool, wanted: &[&str]) {
        let mut wanted = wanted.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let mut codes: Vec<u32> = wanted.iter().filter_map(|text| self.dictionary.code(text)).collect();
        codes.sort_unstable();
        self.chunks.retain(mask, keep_empty, |chunk, words| match chunk {
            TextChunk::Coded(chunk) => match *codes {
                // No such code: 'equals none of them' leaves the empty ones.
                [] => chunk.retain::<true>(words, keep_empty, |_| false),
                [one] => chunk.retain::<true>(words, keep_empty, |code| code == one),
                [one, two] => chunk.retain::<true>(words, keep_empty, |code| code == one || code == two),
                _ => chunk.retain::<false>(words, keep_empty, |code| codes.binary_search(&code).is_ok()),
            },
            TextChunk::Arena(arena) => {
                let is_wanted = |text: &str| match *wanted {
                    [one] => text == one,
                    _ => wanted.binary_search(&text).is_ok(),
                };
                for (index, word) in words.iter_mut().enumerate() {
                    let keep = |bit: &usize| arena.get(index * 64 + bit).map_or(keep_empty, is_wanted);
                    *word = bits(*word).filter(keep).fold(0, |kept, bit| kept | 1 << bit);
                }
            }
        });
    }

    /// Keeps rows of `mask` whose text contains a needle; empty rows if `keep_empty`. A text with a code is looked
    /// at once, and only if a row still selected has it.
    pub(crate) fn retain_like(&self, mask: &mut [u64], keep_empty: bool, needle: &Needle) {
        const UNKNOWN: u8 = 2;
        let known = vec![Cell::new(UNKNOWN); self.dictionary.code_bound()];
        let has_needle = |code: u32| {
            let known = &known[code as usize];
            if known.get() == UNKNOWN {
                known.set(u8::from(self.dictionary.get(code).is_some_and(|text| needle.is_in(text))));
            }
            known.get() == 1
        };
        self.chunks.retain(mask, keep_empty, |chunk, words| match chunk {
            TextChunk::Coded(chunk) => chunk.retain::<false>(words, keep_empty, has_needle),
            TextChunk::Arena(arena) => {
                for (index, word) in words.iter_mut().enumerate() {
                    let keep = |bit: &usize| {
                        arena.get(index * 64 + bit).map_or(keep_empty, |text| needle.is_in(text))
                    };
                    *word = bits(*word).filter(keep).fold(0, |kept, bit| kept | 1 << bit);
                }
            }
        });
    }

    /// Appends the texts of rows whose bits are set in `words`, which begin with word `from` of the column and end in
    /// the same chunk. Those of a coded chunk come with their codes, from 1 on, as 0 is empty.
    pub(crate) fn read_lane<'t>(&'t self, from: usize, words: &[u64], lane: &mut TextLane<'t>) {
        let from_in_chunk = from % CHUNK_WORDS;
        match self.chunks.chunk(from / CHUNK_WORDS) {
            Some(TextChunk::Coded(codes)) => {
                each_row(from_in_chunk, words, |at| match codes.get(at as usize) {
                    Some(code) => lane.push_code(code + 1, || self.dictionary.get(code).unwrap_or_default()),
                    None => lane.push_code(0, || ""),
                });
            }
            Some(TextChunk::Arena(arena)) => {
                each_row(from_in_chunk, words, |at| lane.push(arena.get(at as usize).unwrap_or_default()));
            }
            None => each_row(from_in_chunk, words, |_| lane.push_code(0, || "")),
        }
    }

    /// The place of `row`'s text among all texts in ascending order, for sorting `rows` rows; `None` where the
    /// texts do better by themselves, being in arenas or far more than there are rows.
    pub(crate) fn ranks(&self, rows: usize) -> Option<impl Fn(u32) -> Option<u32>> {
        let is_coded = self.chunks.iter().all(|chunk| chunk.codes().is_some());
        if !is_coded || self.dictionary.len() > rows {
            return None;
        }
        let ranks = self.dictionary.ranks();
        Some(move |row| {
            let (chunk, at) = self.chunks.find(row)?;
            Some(ranks[chunk.codes()?.get(at)? as usize])
        })
    }

    /// Ends a bulk load. Only now is the whole column known, so its form is chosen anew: the first chunks of a
    /// column may have looked more distinct than all of it is.
    pub(crate) fn finish(&mut self) {
        if self.is_distinct && self.is_repetitive() {
            self.make_coded();
        } else if self.is_distinct {
            self.chunks.edit_all(|chunk| {
                chunk.make_arena(&self.dictionary);
            });
            self.coded = 0;
            self.drop_unused();
        }
        self.chunks.finish();
        Arc::make_mut(&mut self.dictionary).shrink();
    }

    /// Whether the texts are so few different ones that a dictionary would be better, by an estimate that is
    /// within a few per cent (a hash sketch: leading zeros in each of 4,096 buckets).
    fn is_repetitive(&self) -> bool {
        const BUCKETS: usize = 4096;
        let hasher = foldhash::quality::FixedState::default();
        let mut zeros = [0u8; BUCKETS];
        let mut texts = 0usize;
        let mut add = |text: &str| {
            texts += 1;
            let hash = hasher.hash_one(text);
            let bucket = &mut zeros[hash as usize % BUCKETS];
            *bucket = (*bucket).max((hash.leading_zeros() + 1) as u8);
        };
        for chunk in self.chunks.iter() {
            match chunk {
                TextChunk::Coded(codes) => {
                    codes.for_each(|_, code| add(self.dictionary.get(code).unwrap_or_default()));
                }
                TextChunk::Arena(arena) => arena.for_each(|_, text| add(text)),
            }
        }
        let sum: f64 = zeros.iter().map(|&zeros| 0.5f64.powi(i32::from(zeros))).sum();
        let buckets = BUCKETS as f64;
        let distinct = 0.7213 / (1.0 + 1.079 / buckets) * buckets * buckets / sum;
        // Well below a half, or the next chunks would turn it into arenas again.
        texts >= JUDGED_TEXTS_MIN && distinct * 2.5 < texts as f64
    }

    fn make_coded(&mut self) {
        let Self { chunks, dictionary, .. } = self;
        chunks.edit_all(|chunk| {
            if let TextChunk::Arena(arena) = chunk {
                let mut codes = PodChunk::default();
                arena.for_each(|at, text| codes.set(at, Dictionary::intern(dictionary, text)));
                *chunk = TextChunk::Coded(codes);
            }
        });
        self.is_distinct = false;
        self.coded = self.chunks.iter().map(Chunk::count).sum();
        self.collect();
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.chunks.heap_bytes() + self.dictionary.heap_bytes()
    }

    #[cfg(test)]
    pub(crate) fn recounted_bytes(&self) -> usize {
        let coded = self.chunks.iter().filter_map(TextChunk::codes).map(Chunk::count).sum::<usize>();
        assert_eq!(self.coded, coded);
        self.chunks.recounted_bytes() + self.dictionary.recounted_bytes()
    }

    #[cfg(test)]
    pub(crate) fn is_coded(&self) -> bool {
        self.chunks.iter().all(|chunk| chunk.codes().is_some())
    }
}
