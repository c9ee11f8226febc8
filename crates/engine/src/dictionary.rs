//! Values a column keeps once and refers to by code: texts, sets of options.
//!
//! A dictionary only ever grows; snapshots share its pieces. A new value copies one piece of the values, one
//! page of the index and the two lists of those, never the whole. Codes that no row uses any more are found
//! by [`Collector`] and dropped by building the dictionary anew.

use std::{hash::BuildHasher, sync::Arc};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::bitmap::{bits, grow};

/// Values a piece holds at most.
const PIECE_VALUES: usize = 1024;
/// Units (bytes of text, numbers of a set) after which a piece is closed: what a new value may have to copy.
const PIECE_UNITS: usize = 32 * 1024;
/// Entries a page of the index holds on average.
const PAGE_ENTRIES: usize = 1024;
/// Units of garbage nobody looks for.
const SLACK_UNITS: usize = 64 * 1024;
/// Values of garbage nobody looks for.
const SLACK_VALUES: usize = 1024;

/// Values laid end to end.
pub(crate) trait Pool: Clone + Default {
    /// What is stored, borrowed.
    type Item: ?Sized + Ord + std::hash::Hash;
    /// Units stored.
    fn units(&self) -> usize;
    /// Units of one value.
    fn units_of(item: &Self::Item) -> usize;
    /// Appends a value.
    fn push(&mut self, item: &Self::Item);
    /// The value between two offsets.
    fn slice(&self, from: usize, to: usize) -> &Self::Item;
    /// Gives back spare capacity.
    fn shrink(&mut self);
    /// Bytes on the heap.
    fn heap_bytes(&self) -> usize;
}

impl Pool for String {
    type Item = str;
    fn units(&self) -> usize {
        self.len()
    }
    fn units_of(item: &str) -> usize {
        item.len()
    }
    fn push(&mut self, item: &str) {
        self.push_str(item);
    }
    #[inline]
    fn slice(&self, from: usize, to: usize) -> &str {
        self.get(from..to).unwrap_or_default()
    }
    fn shrink(&mut self) {
        self.shrink_to_fit();
    }
    fn heap_bytes(&self) -> usize {
        self.capacity()
    }
}

impl Pool for Vec<u32> {
    type Item = [u32];
    fn units(&self) -> usize {
        self.len()
    }
    fn units_of(item: &[u32]) -> usize {
        item.len()
    }
    fn push(&mut self, item: &[u32]) {
        self.extend_from_slice(item);
    }
    #[inline]
    fn slice(&self, from: usize, to: usize) -> &[u32] {
        self.get(from..to).unwrap_or_default()
    }
    fn shrink(&mut self) {
        self.shrink_to_fit();
    }
    fn heap_bytes(&self) -> usize {
        self.capacity() * 4
    }
}

/// Up to [`PIECE_VALUES`] values. Value `i` lies between `offsets[i]` and `offsets[i + 1]`.
#[derive(Clone)]
struct Piece<P> {
    offsets: Vec<u32>,
    pool: P,
}

impl<P: Pool> Piece<P> {
    fn new() -> Self {
        Self { offsets: vec![0], pool: P::default() }
    }
    fn len(&self) -> usize {
        self.offsets.len() - 1
    }
    fn is_full(&self) -> bool {
        self.len() >= PIECE_VALUES || self.pool.units() >= PIECE_UNITS
    }
    #[inline]
    fn get(&self, index: usize) -> Option<&P::Item> {
        let to = *self.offsets.get(index + 1)?;
        Some(self.pool.slice(self.offsets[index] as usize, to as usize))
    }
    fn heap_bytes(&self) -> usize {
        size_of::<Self>() + 16 + self.offsets.capacity() * 4 + self.pool.heap_bytes()
    }
}

/// Values by code and codes by value.
///
/// A code is the number of the piece times [`PIECE_VALUES`] plus the place in it; a piece closed early by a
/// large value leaves codes unused. The index is a linear hash table of pages, each a small hash table: it
/// grows by splitting one page at a time, so that no insert pays for a rehash of the whole.
#[derive(Clone)]
pub(crate) struct Dictionary<P: Pool> {
    pieces: Vec<Arc<Piece<P>>>,
    pages: Vec<Arc<HashTable<u32>>>,
    /// Seeded at random, as the texts are the users'. Nothing observable follows the hashes' order.
    hasher: RandomState,
    len: usize,
    units: usize,
    heap_bytes: usize,
}

impl<P: Pool> Default for Dictionary<P> {
    fn default() -> Self {
        Self {
            pieces: Vec::new(),
            pages: Vec::new(),
            hasher: RandomState::default(),
            len: 0,
            units: 0,
            heap_bytes: 0,
        }
    }
}

impl<P: Pool> Dictionary<P> {
    /// How many values there are, unused ones included.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// All codes are below this.
    pub(crate) fn code_bound(&self) -> usize {
        self.pieces.len() * PIECE_VALUES
    }

    /// The value of a code.
    #[inline]
    pub(crate) fn get(&self, code: u32) -> Option<&P::Item> {
        let code = code as usize;
        self.pieces.get(code / PIECE_VALUES)?.get(code % PIECE_VALUES)
    }

    /// All codes and their values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &P::Item)> {
        self.pieces.iter().enumerate().flat_map(|(number, piece)| {
            let base = (number * PIECE_VALUES) as u32;
            (0..piece.len()).filter_map(move |index| Some((base + index as u32, piece.get(index)?)))
        })
    }

    /// The code of a value.
    pub(crate) fn code(&self, item: &P::Item) -> Option<u32> {
        self.code_hashed(self.hasher.hash_one(item), item)
    }

    fn code_hashed(&self, hash: u64, item: &P::Item) -> Option<u32> {
        let page = self.pages.get(page_of(hash, self.pages.len()))?;
        page.find(hash, |&code| self.get(code) == Some(item)).copied()
    }

    /// The code of a value, a new one if need be. A dictionary that a snapshot shares is copied (its lists, not
    /// its contents) only in that case.
    pub(crate) fn intern(this: &mut Arc<Self>, item: &P::Item) -> u32 {
        let hash = this.hasher.hash_one(item);
        this.code_hashed(hash, item).unwrap_or_else(|| Arc::make_mut(this).push(hash, item))
    }

    fn push(&mut self, hash: u64, item: &P::Item) -> u32 {
        if self.pieces.last().is_none_or(|piece| piece.is_full()) {
            if let Some(full) = self.pieces.last_mut() {
                self.heap_bytes -= full.heap_bytes();
                let full = Arc::make_mut(full);
                full.offsets.shrink_to_fit();
                full.pool.shrink();
                self.heap_bytes += full.heap_bytes();
            }
            let piece = Piece::new();
            self.heap_bytes += piece.heap_bytes();
            self.pieces.push(Arc::new(piece));
        }
        let number = self.pieces.len() - 1;
        // Before it is copied: a copy has less spare room than what was counted.
        self.heap_bytes -= self.pieces[number].heap_bytes();
        let piece = Arc::make_mut(&mut self.pieces[number]);
        let code = (number * PIECE_VALUES + piece.len()) as u32;
        piece.pool.push(item);
        let offsets = piece.offsets.len() + 1;
        grow(&mut piece.offsets, offsets, PIECE_VALUES + 1);
        piece.offsets.push(piece.pool.units() as u32);
        self.heap_bytes += piece.heap_bytes();
        self.len += 1;
        self.units += P::units_of(item);
        self.index(hash, code);
        code
    }

    fn index(&mut self, hash: u64, code: u32) {
        if self.len > self.pages.len() * PAGE_ENTRIES {
            self.split_page();
        }
        let Self { pieces, pages, hasher, heap_bytes, .. } = self;
        let number = page_of(hash, pages.len());
        *heap_bytes -= page_bytes(&pages[number]);
        let page = Arc::make_mut(&mut pages[number]);
        page.insert_unique(hash, code, |&code| hash_of(pieces, hasher, code));
        *heap_bytes += page_bytes(page);
    }

    /// Adds a page; it takes its share of the entries of the one page that held them so far.
    fn split_page(&mut self) {
        let Self { pieces, pages, hasher, heap_bytes, .. } = self;
        let added = pages.len();
        let mut fresh = HashTable::new();
        if added > 0 {
            let halved = &mut pages[added - (added + 1).next_power_of_two() / 2];
            *heap_bytes -= page_bytes(halved);
            let mut kept = HashTable::with_capacity(PAGE_ENTRIES);
            for &code in halved.iter() {
                let hash = hash_of(pieces, hasher, code);
                let page = if page_of(hash, added + 1) == added { &mut fresh } else { &mut kept };
                page.insert_unique(hash, code, |&code| hash_of(pieces, hasher, code));
            }
            *heap_bytes += page_bytes(&kept);
            *halved = Arc::new(kept);
        }
        *heap_bytes += page_bytes(&fresh);
        pages.push(Arc::new(fresh));
    }

    /// For each code its place among all values in ascending order.
    pub(crate) fn ranks(&self) -> Vec<u32> {
        let mut sorted: Vec<(u32, &P::Item)> = self.iter().collect();
        sorted.sort_unstable_by_key(|(_, a)| *a);
        let mut ranks = vec![0; self.code_bound()];
        for (rank, (code, _)) in sorted.into_iter().enumerate() {
            ranks[code as usize] = rank as u32;
        }
        ranks
    }

    /// Gives back spare capacity at the end of a bulk load.
    pub(crate) fn shrink(&mut self) {
        if let Some(last) = self.pieces.last_mut() {
            self.heap_bytes -= last.heap_bytes();
            let last = Arc::make_mut(last);
            last.offsets.shrink_to_fit();
            last.pool.shrink();
            self.heap_bytes += last.heap_bytes();
        }
        self.pieces.shrink_to_fit();
        self.pages.shrink_to_fit();
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        size_of::<Self>() + 16 + self.heap_bytes + (self.pieces.capacity() + self.pages.capacity()) * 8
    }

    /// As [`Dictionary::heap_bytes`], counted from the ground up.
    #[cfg(test)]
    pub(crate) fn recounted_bytes(&self) -> usize {
        let pieces: usize = self.pieces.iter().map(|piece| piece.heap_bytes()).sum();
        let pages: usize = self.pages.iter().map(|page| page_bytes(page)).sum();
        size_of::<Self>() + 16 + pieces + pages + (self.pieces.capacity() + self.pages.capacity()) * 8
    }
}

fn hash_of<P: Pool>(pieces: &[Arc<Piece<P>>], hasher: &RandomState, code: u32) -> u64 {
    let code = code as usize;
    pieces[code / PIECE_VALUES].get(code % PIECE_VALUES).map_or(0, |item| hasher.hash_one(item))
}

/// The page of a hash among `pages`, by bits that the tables in the pages do not use. Pages from the last
/// power of two on have been split off, those before are found by one bit less where theirs has not been yet.
fn page_of(hash: u64, pages: usize) -> usize {
    let mask = pages.next_power_of_two().wrapping_sub(1);
    let page = (hash >> 32) as usize & mask;
    if page < pages { page } else { page & (mask >> 1) }
}

fn page_bytes(page: &HashTable<u32>) -> usize {
    page.allocation_size() + size_of::<HashTable<u32>>() + 16
}

/// Decides when a dictionary is worth looking through for values no row uses.
///
/// Looking costs a pass over the column, so it waits until the dictionary has doubled since the last look, or
/// has twice as many values as the column has rows. What a dictionary wastes is thereby at most what it had in
/// use at the last look, and a little slack.
#[derive(Clone)]
pub(crate) struct Collector {
    values_max: usize,
    units_max: usize,
}

impl Default for Collector {
    fn default() -> Self {
        Self { values_max: SLACK_VALUES, units_max: SLACK_UNITS }
    }
}

impl Collector {
    /// Whether it is time to look, `count` being the rows that have a code.
    #[inline]
    pub(crate) fn is_due<P: Pool>(&self, dictionary: &Dictionary<P>, count: usize) -> bool {
        dictionary.len > self.values_max
            || dictionary.units > self.units_max
            || dictionary.len > 2 * count + SLACK_VALUES
    }

    /// Given the codes in use, builds the dictionary anew if less than half of it is used; then returns the
    /// new code of each old one, for the caller to put into its rows.
    pub(crate) fn collect<P: Pool>(
        &mut self,
        dictionary: &mut Arc<Dictionary<P>>,
        used: &CodeSet,
    ) -> Option<Vec<u32>> {
        let live = || used.iter().filter_map(|code| Some((code, dictionary.get(code)?)));
        let (values, units) =
            live().fold((0, 0), |(values, units), (_, item)| (values + 1, units + P::units_of(item)));
        self.values_max = 2 * values + SLACK_VALUES;
        self.units_max = 2 * units + SLACK_UNITS;
        if values * 2 >= dictionary.len && units * 2 >= dictionary.units {
            return None;
        }
        let mut compact = Dictionary::default();
        let mut codes = vec![0; dictionary.code_bound()];
        for (code, item) in live() {
            let hash = compact.hasher.hash_one(item);
            codes[code as usize] = compact.push(hash, item);
        }
        *dictionary = Arc::new(compact);
        Some(codes)
    }
}

/// A set of codes.
pub(crate) struct CodeSet(Vec<u64>);

impl CodeSet {
    /// None of the codes below `bound`.
    pub(crate) fn new(bound: usize) -> Self {
        Self(vec![0; bound.div_ceil(64)])
    }

    /// Adds a code.
    #[inline]
    pub(crate) fn insert(&mut self, code: u32) {
        if let Some(word) = self.0.get_mut(code as usize / 64) {
            *word |= 1 << (code % 64);
        }
    }

    /// Whether the set has this code.
    #[inline]
    pub(crate) fn contains(&self, code: u32) -> bool {
        self.0.get(code as usize / 64).is_some_and(|word| word >> (code % 64) & 1 == 1)
    }

    /// The codes, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0
            .iter()
            .enumerate()
            .flat_map(|(index, &word)| bits(word).map(move |bit| (index * 64 + bit) as u32))
    }
}
