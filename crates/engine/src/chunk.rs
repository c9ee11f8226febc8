//! Chunks of 4,096 rows: shared between snapshots, copied when written to.
//!
//! [`Chunks`] is the list a column keeps of them, whatever they hold; [`PodChunk`] holds any fixed-width value.

use std::sync::Arc;

use crate::{
    bitmap::{Bitmap, bits, clone_with_capacity, grow, word_of},
    column::CHUNK_ROWS,
};

/// Words of a selection that one chunk covers.
pub(crate) const CHUNK_WORDS: usize = CHUNK_ROWS / 64;

/// Up to here a chunk is dense whatever its density: a sparse one would save nothing worth a search.
const DENSE_ROWS_MIN: usize = 16;

/// What [`Chunks`] needs to know of a chunk.
pub(crate) trait Chunk: Clone + Default {
    /// Bytes on the heap, the chunk's own struct not included. Constant time: it is asked around every write.
    fn heap_bytes(&self) -> usize;
    /// How many rows have a value; a chunk without any is dropped.
    fn count(&self) -> usize;
    /// Gives back spare capacity and chooses the encoding anew.
    fn finish(&mut self);
}

/// Chunks below one branch: about the root of a table's number of them, as a write copies the list of branches
/// and one branch.
const BRANCH: usize = if cfg!(test) { 2 } else { 32 };

/// Neighbouring chunks; all branches but the last are full.
type Branch<C> = Arc<[Option<Arc<C>>]>;

/// The chunks of a column, `None` where all rows are empty. A clone shares them all.
///
/// In two levels: a flat list would count a reference for each 4,096 rows up and down with every write, and find
/// most of those counters in cold memory.
#[derive(Clone, Default)]
pub(crate) struct Chunks<C> {
    /// In place, so that columns of up to 131,072 rows are read with no step more than a flat list takes.
    first: Branch<C>,
    others: Vec<Branch<C>>,
    /// Chunks, absent ones included.
    len: usize,
    /// Of the chunks; kept up by every edit, as is `count`.
    heap_bytes: usize,
    count: usize,
}

impl<C: Chunk> Chunks<C> {
    /// The chunk that covers `row` and the row's place in it.
    #[inline]
    pub(crate) fn find(&self, row: u32) -> Option<(&C, usize)> {
        Some((self.chunk(row as usize / CHUNK_ROWS)?, row as usize % CHUNK_ROWS))
    }

    /// The chunk with this number.
    #[inline]
    pub(crate) fn chunk(&self, index: usize) -> Option<&C> {
        match (index / BRANCH).checked_sub(1) {
            None => self.first.get(index)?.as_deref(),
            Some(other) => self.others.get(other)?.get(index % BRANCH)?.as_deref(),
        }
    }

    fn branches(&self) -> impl Iterator<Item = &Branch<C>> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// All chunks that have a value, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &C> {
        self.branches().flat_map(|branch| branch.iter().flatten().map(|chunk| &**chunk))
    }

    /// How many chunks there are, absent ones included.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many rows have a value.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Lets `edit` change chunk `index`, which is created if absent, copied if a snapshot shares it, and
    /// dropped if it comes out without a value.
    pub(crate) fn edit<R>(&mut self, index: usize, edit: impl FnOnce(&mut C) -> R) -> R {
        if index >= self.len {
            self.resize(index + 1);
        }
        let branch = match (index / BRANCH).checked_sub(1) {
            None => &mut self.first,
            Some(other) => &mut self.others[other],
        };
        let slot = &mut Arc::make_mut(branch)[index % BRANCH];
        let (bytes_before, count_before) = slot.as_deref().map_or((0, 0), |c| (chunk_bytes(c), c.count()));
        let chunk = Arc::make_mut(slot.get_or_insert_default());
        let result = edit(chunk);
        let (mut bytes, count) = (chunk_bytes(chunk), chunk.count());
        if count == 0 {
            *slot = None;
            bytes = 0;
        }
        self.heap_bytes = self.heap_bytes - bytes_before + bytes;
        self.count = self.count - count_before + count;
        result
    }

    /// Makes it `len` chunks: absent ones are added, or present ones dropped, at the end.
    fn resize(&mut self, len: usize) {
        let full = self.len.min(len) / BRANCH;
        let mut last = self.branches().nth(full).map_or(Vec::new(), |branch| branch.to_vec()).into_iter();
        self.others.truncate(full.saturating_sub(1));
        for from in (full * BRANCH..len.max(1)).step_by(BRANCH) {
            let branch = (from..len.min(from + BRANCH)).map(|_| last.next().flatten()).collect();
            if from == 0 {
                self.first = branch;
            } else {
                self.others.push(branch);
            }
        }
        self.len = len;
    }

    /// Lets `edit` change every chunk that has a value.
    pub(crate) fn edit_all(&mut self, edit: impl FnMut(&mut C)) {
        self.edit_all_where(|_| true, edit);
    }

    /// Lets `edit` change every chunk that is one of `which`; the others stay shared.
    pub(crate) fn edit_all_where(&mut self, which: impl Fn(&C) -> bool, mut edit: impl FnMut(&mut C)) {
        for index in 0..self.len {
            if self.chunk(index).is_some_and(&which) {
                self.edit(index, &mut edit);
            }
        }
    }

    /// Ends a bulk load.
    pub(crate) fn finish(&mut self) {
        self.edit_all(C::finish);
        let used = (0..self.len).rev().find(|&index| self.chunk(index).is_some()).map_or(0, |last| last + 1);
        self.resize(used);
        self.others.shrink_to_fit();
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.heap_bytes + self.list_bytes(self.len)
    }

    /// What the lists cost for so many chunks.
    fn list_bytes(&self, len: usize) -> usize {
        let counters = len.div_ceil(BRANCH) * 2 * size_of::<usize>();
        self.others.capacity() * size_of::<Branch<C>>() + counters + len * size_of::<Option<Arc<C>>>()
    }

    /// As [`Chunks::heap_bytes`], counted from the ground up.
    #[cfg(test)]
    pub(crate) fn recounted_bytes(&self) -> usize {
        assert_eq!(self.count, self.iter().map(C::count).sum::<usize>());
        let len = self.branches().map(|branch| branch.len()).sum();
        self.iter().map(chunk_bytes).sum::<usize>() + self.list_bytes(len)
    }

    /// Runs `retain` on each chunk that has both values and a word left in `mask`; rows of absent chunks stay
    /// if `keep_empty`.
    pub(crate) fn retain(&self, mask: &mut [u64], keep_empty: bool, retain: impl Fn(&C, &mut [u64])) {
        for (index, words) in mask.chunks_mut(CHUNK_WORDS).enumerate() {
            if words.iter().all(|&word| word == 0) {
                continue;
            }
            match self.chunk(index) {
                Some(chunk) => retain(chunk, words),
                None if keep_empty => {}
                None => words.fill(0),
            }
        }
    }
}

/// What a chunk costs: its struct, the two counters of its `Arc`, and what it holds.
fn chunk_bytes<C: Chunk>(chunk: &C) -> usize {
    size_of::<C>() + 2 * size_of::<usize>() + chunk.heap_bytes()
}

/// A column of fixed-width values.
pub(crate) type Pods<T> = Chunks<PodChunk<T>>;

impl<T: Copy> Pods<T> {
    /// The value in `row`.
    #[inline]
    pub(crate) fn get(&self, row: u32) -> Option<T> {
        let (chunk, at) = self.find(row)?;
        chunk.get(at)
    }

    /// Sets or clears the value in `row`.
    #[inline]
    pub(crate) fn set(&mut self, row: u32, value: Option<T>) {
        let (index, at) = (row as usize / CHUNK_ROWS, row as usize % CHUNK_ROWS);
        match value {
            Some(value) => self.edit(index, |chunk| chunk.set(at, value)),
            // Clearing what is empty anyway must not copy a shared chunk.
            None if self.get(row).is_none() => {}
            None => self.edit(index, |chunk| chunk.remove(at)),
        }
    }

    /// Keeps rows of `mask` whose value passes `test`; empty ones if `keep_empty`.
    ///
    /// With `WHOLE_WORDS` the test is so cheap (a comparison) that running it on all 64 rows of a word beats
    /// looking at which are still wanted.
    pub(crate) fn retain_where<const WHOLE_WORDS: bool>(
        &self,
        mask: &mut [u64],
        keep_empty: bool,
        test: impl Fn(T) -> bool + Copy,
    ) {
        self.retain(mask, keep_empty, |chunk, words| chunk.retain::<WHOLE_WORDS>(words, keep_empty, test));
    }
}

/// Up to 4,096 fixed-width values, some of them empty.
///
/// Dense chunks reach to their last value, so that the last chunk of a table costs what it holds. Below 25 %
/// density a chunk is sparse; a chunk that is written to changes its encoding only when well past that bound,
/// or one at the bound would be rewritten again and again.
pub(crate) enum PodChunk<T> {
    /// A place for each row. Places of empty rows hold any value.
    Dense { values: Vec<T>, valid: Bitmap, count: usize },
    /// Only rows with a value, by ascending place.
    Sparse { places: Vec<u16>, values: Vec<T> },
}

impl<T> Default for PodChunk<T> {
    fn default() -> Self {
        Self::Sparse { places: Vec::new(), values: Vec::new() }
    }
}

impl<T: Copy> Clone for PodChunk<T> {
    /// Keeps the capacities: a copy is made to be written to.
    fn clone(&self) -> Self {
        match self {
            Self::Dense { values, valid, count } => {
                Self::Dense { values: clone_with_capacity(values), valid: valid.clone(), count: *count }
            }
            Self::Sparse { places, values } => {
                Self::Sparse { places: clone_with_capacity(places), values: clone_with_capacity(values) }
            }
        }
    }
}

impl<T: Copy> PodChunk<T> {
    /// The value at `at`.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<T> {
        match self {
            Self::Dense { values, valid, .. } => values.get(at).copied().filter(|_| valid.get(at)),
            Self::Sparse { places, values } => {
                let index = places.binary_search(&(at as u16)).ok()?;
                values.get(index).copied()
            }
        }
    }

    /// Sets the value at `at`.
    #[inline]
    pub(crate) fn set(&mut self, at: usize, value: T) {
        if let Self::Dense { values, valid, count } = self {
            if at < values.len() {
                values[at] = value;
                *count += usize::from(valid.insert(at));
                return;
            }
            if !well_below(*count + 1, at + 1) {
                grow(values, at + 1, CHUNK_ROWS);
                values.resize(at + 1, value);
                valid.insert(at);
                *count += 1;
                return;
            }
        }
        self.set_sparse(at, value);
    }

    fn set_sparse(&mut self, at: usize, value: T) {
        self.make_sparse();
        let Self::Sparse { places, values } = self else { return };
        match places.binary_search(&(at as u16)) {
            Ok(index) => values[index] = value,
            Err(index) => {
                let len = values.len() + 1;
                grow(places, len, CHUNK_ROWS);
                grow(values, len, CHUNK_ROWS);
                places.insert(index, at as u16);
                values.insert(index, value);
            }
        }
        if well_above(values.len(), extent(places)) {
            self.make_dense();
        }
    }

    /// Makes `at` empty.
    pub(crate) fn remove(&mut self, at: usize) {
        match self {
            Self::Dense { values, valid, count } => {
                *count -= usize::from(valid.remove(at));
                if well_below(*count, values.len()) {
                    self.make_sparse();
                }
            }
            Self::Sparse { places, values } => {
                if let Ok(index) = places.binary_search(&(at as u16)) {
                    places.remove(index);
                    values.remove(index);
                    if places.len() * 4 < places.capacity() {
                        places.shrink_to(places.len() * 2);
                        values.shrink_to(values.len() * 2);
                    }
                }
            }
        }
    }

    /// Calls `each` with place and value of every row that has one, ascending.
    pub(crate) fn for_each(&self, mut each: impl FnMut(usize, T)) {
        match self {
            Self::Dense { values, valid, .. } => valid.iter().for_each(|at| each(at, values[at])),
            Self::Sparse { places, values } => {
                places.iter().zip(values).for_each(|(&at, &value)| each(usize::from(at), value));
            }
        }
    }

    /// Replaces every value.
    pub(crate) fn map(&mut self, map: impl Fn(T) -> T) {
        let (Self::Dense { values, .. } | Self::Sparse { values, .. }) = self;
        for value in values {
            *value = map(*value);
        }
    }

    /// Keeps bits of `words` whose value passes `test`; empty rows if `keep_empty`. See [`Pods::retain_where`].
    pub(crate) fn retain<const WHOLE_WORDS: bool>(
        &self,
        words: &mut [u64],
        keep_empty: bool,
        test: impl Fn(T) -> bool + Copy,
    ) {
        let empty_mask = if keep_empty { u64::MAX } else { 0 };
        match self {
            Self::Dense { values, valid, .. } => {
                for (index, word) in words.iter_mut().enumerate().filter(|(_, word)| **word != 0) {
                    let valid = valid.word(index);
                    let mut hits = 0;
                    if valid & *word != 0 {
                        let from = index * 64;
                        let values = &values[from..values.len().min(from + 64)];
                        hits = if WHOLE_WORDS {
                            // A full word has a length the compiler knows, which spares the loop's tail.
                            values
                                .first_chunk::<64>()
                                .map_or_else(|| word_of(values, test), |all| word_of(all, test))
                        } else {
                            bits(valid & *word)
                                .filter(|&bit| test(values[bit]))
                                .fold(0, |hits, bit| hits | 1 << bit)
                        };
                    }
                    *word &= (hits & valid) | (empty_mask & !valid);
                }
            }
            Self::Sparse { places, values } => {
                let mut entries = places.iter().zip(values).peekable();
                for (index, word) in words.iter_mut().enumerate() {
                    let (mut valid, mut hits) = (0u64, 0u64);
                    while let Some((&at, &value)) = entries.next_if(|(at, _)| usize::from(**at) / 64 == index)
                    {
                        valid |= 1 << (at % 64);
                        hits |= u64::from(test(value)) << (at % 64);
                    }
                    *word &= hits | (empty_mask & !valid);
                }
            }
        }
    }

    fn make_sparse(&mut self) {
        let Self::Dense { values, valid, count } = self else { return };
        let places: Vec<u16> = {
            let mut places = Vec::with_capacity(*count);
            places.extend(valid.iter().map(|at| at as u16));
            places
        };
        let values = places.iter().map(|&at| values[usize::from(at)]).collect();
        *self = Self::Sparse { places, values };
    }

    fn make_dense(&mut self) {
        let Self::Sparse { places, values } = self else { return };
        let Some(&filler) = values.first() else { return };
        let mut dense = vec![filler; extent(places)];
        let mut valid = Bitmap::default();
        // From the end, so that the bitmap takes its size at once.
        for (&at, &value) in places.iter().zip(&*values).rev() {
            dense[usize::from(at)] = value;
            valid.insert(usize::from(at));
        }
        *self = Self::Dense { values: dense, valid, count: places.len() };
    }
}

impl<T: Copy> Chunk for PodChunk<T> {
    #[inline]
    fn heap_bytes(&self) -> usize {
        match self {
            Self::Dense { values, valid, .. } => values.capacity() * size_of::<T>() + valid.heap_bytes(),
            Self::Sparse { places, values } => values.capacity() * size_of::<T>() + places.capacity() * 2,
        }
    }

    #[inline]
    fn count(&self) -> usize {
        match self {
            Self::Dense { count, .. } => *count,
            Self::Sparse { values, .. } => values.len(),
        }
    }

    fn finish(&mut self) {
        match self {
            Self::Dense { values, count, .. }
                if values.len() > DENSE_ROWS_MIN && *count * 4 < values.len() =>
            {
                self.make_sparse();
            }
            Self::Sparse { places, values } if values.len() * 4 >= extent(places) => self.make_dense(),
            _ => {}
        }
        match self {
            Self::Dense { values, valid, .. } => {
                values.shrink_to_fit();
                valid.shrink();
            }
            Self::Sparse { places, values } => {
                places.shrink_to_fit();
                values.shrink_to_fit();
            }
        }
    }
}

/// Rows a sparse chunk would span if it were dense.
fn extent(places: &[u16]) -> usize {
    places.last().map_or(0, |&at| usize::from(at) + 1)
}

/// Whether a dense chunk should become sparse: below 3/16 of its rows have a value.
pub(crate) fn well_below(count: usize, rows: usize) -> bool {
    rows > DENSE_ROWS_MIN && count * 16 < rows * 3
}

/// Whether a sparse chunk should become dense: above 5/16 of its rows have a value.
pub(crate) fn well_above(count: usize, rows: usize) -> bool {
    rows <= DENSE_ROWS_MIN || count * 16 > rows * 5
}

/// Up to 4,096 yes/no values: two bits each, which no sparse form would beat by much.
#[derive(Clone, Default)]
pub(crate) struct BoolChunk {
    valid: Bitmap,
    /// Only ever set where `valid` is.
    yes: Bitmap,
    count: usize,
}

impl BoolChunk {
    /// The value at `at`.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<bool> {
        self.valid.get(at).then(|| self.yes.get(at))
    }

    fn set(&mut self, at: usize, value: bool) {
        self.count += usize::from(self.valid.insert(at));
        if value {
            self.yes.insert(at);
        } else {
            self.yes.remove(at);
        }
    }

    fn remove(&mut self, at: usize) {
        self.count -= usize::from(self.valid.remove(at));
        self.yes.remove(at);
    }
}

impl Chunk for BoolChunk {
    fn heap_bytes(&self) -> usize {
        self.valid.heap_bytes() + self.yes.heap_bytes()
    }

    fn count(&self) -> usize {
        self.count
    }

    fn finish(&mut self) {
        self.valid.shrink();
        self.yes.shrink();
    }
}

/// A column of yes/no values.
pub(crate) type Bools = Chunks<BoolChunk>;

impl Bools {
    /// The value in `row`.
    #[inline]
    pub(crate) fn get(&self, row: u32) -> Option<bool> {
        let (chunk, at) = self.find(row)?;
        chunk.get(at)
    }

    /// Sets or clears the value in `row`.
    pub(crate) fn set(&mut self, row: u32, value: Option<bool>) {
        let (index, at) = (row as usize / CHUNK_ROWS, row as usize % CHUNK_ROWS);
        match value {
            Some(value) => self.edit(index, |chunk| chunk.set(at, value)),
            None if self.get(row).is_none() => {}
            None => self.edit(index, |chunk| chunk.remove(at)),
        }
    }

    /// Keeps rows of `mask` that hold one of the wanted: `yes`, `no`, empty.
    pub(crate) fn retain_wanted(&self, mask: &mut [u64], yes: bool, no: bool, empty: bool) {
        let all = |wanted: bool| if wanted { u64::MAX } else { 0 };
        self.retain(mask, empty, |chunk, words| {
            for (index, word) in words.iter_mut().enumerate() {
                let (valid, set) = (chunk.valid.word(index), chunk.yes.word(index));
                *word &= (set & all(yes)) | (valid & !set & all(no)) | (!valid & all(empty));
            }
        });
    }
}
