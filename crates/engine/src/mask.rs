//! A selection of rows, one bit each.

use boobook_model::{RecordId, Sq};

use crate::{Row, Table, bitmap::bits, rows::LIVE_WORDS, table::record_id};

/// Rows of a table. As long as nothing was taken away it is the table's own live bitmap, not a copy.
pub(crate) struct Mask<'t> {
    table: &'t Table,
    words: Option<Vec<u64>>,
}

impl<'t> Mask<'t> {
    /// All live rows.
    pub(crate) fn live(table: &'t Table) -> Self {
        Self { table, words: None }
    }

    /// Whether nothing was taken away yet.
    pub(crate) fn is_whole(&self) -> bool {
        self.words.is_none()
    }

    /// Keeps these rows, all of them live.
    pub(crate) fn set(&mut self, words: Vec<u64>) {
        self.words = Some(words);
    }

    /// The bits, for taking away.
    pub(crate) fn words_mut(&mut self) -> &mut [u64] {
        let live = self.table.rows.live();
        self.words.get_or_insert_with(|| {
            let mut words = Vec::with_capacity(live.len());
            for leaf in 0..live.leaves() {
                words.extend_from_slice(live.leaf(leaf));
            }
            words
        })
    }

    /// Words `at * LIVE_WORDS` and up to as many after.
    fn leaf(&self, at: usize) -> &[u64] {
        match &self.words {
            Some(words) => &words[at * LIVE_WORDS..words.len().min((at + 1) * LIVE_WORDS)],
            None => self.table.rows.live().leaf(at),
        }
    }

    fn leaves(&self) -> usize {
        self.table.rows.live().leaves()
    }

    /// How many rows are selected.
    pub(crate) fn count(&self) -> usize {
        match &self.words {
            Some(words) => ones(words),
            None => self.table.len(),
        }
    }

    /// Whether a row is selected.
    #[inline]
    pub(crate) fn has(&self, row: u32) -> bool {
        match &self.words {
            Some(words) => words.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 == 1),
            None => self.table.rows.is_live(row),
        }
    }

    /// Takes a row away; whether it was selected.
    pub(crate) fn take(&mut self, row: u32) -> bool {
        let word = &mut self.words_mut()[row as usize / 64];
        let bit = 1 << (row % 64);
        let was = *word & bit != 0;
        *word &= !bit;
        was
    }

    /// All rows, ascending.
    pub(crate) fn rows(&self) -> Vec<u32> {
        let mut out = Vec::with_capacity(self.count());
        for leaf in 0..self.leaves() {
            for (at, &word) in self.leaf(leaf).iter().enumerate() {
                let from = (leaf * LIVE_WORDS + at) * 64;
                out.extend(bits(word).map(|bit| (from + bit) as u32));
            }
        }
        out
    }

    /// Calls `each` with all rows, ascending.
    pub(crate) fn each(&self, mut each: impl FnMut(u32)) {
        for leaf in 0..self.leaves() {
            for (at, &word) in self.leaf(leaf).iter().enumerate() {
                let from = (leaf * LIVE_WORDS + at) * 64;
                bits(word).for_each(|bit| each((from + bit) as u32));
            }
        }
    }

    /// Keeps some rows.
    pub(crate) fn retain_rows(&mut self, rows: &[Row]) {
        let mut words = vec![0; self.table.rows.live().len()];
        for &Row(row) in rows {
            if self.has(row) {
                words[row as usize / 64] |= 1 << (row % 64);
            }
        }
        self.words = Some(words);
    }

    /// Keeps rows changed after a sequence.
    pub(crate) fn retain_after_sq(&mut self, since: Sq) {
        let table = self.table;
        let mut words = vec![0; table.rows.live().len()];
        for at in table.log.after(since)..table.log.len() {
            if let Some((_, row)) = table.log.current(at, &table.meta)
                && self.has(row)
            {
                words[row as usize / 64] |= 1 << (row % 64);
            }
        }
        self.words = Some(words);
    }

    /// Keeps rows of records with a greater id.
    pub(crate) fn retain_after_id(&mut self, bound: u64) {
        let table = self.table;
        let Ok(bound) = u32::try_from(bound) else {
            self.words_mut().fill(0);
            return;
        };
        let first = table.rows.first_after(bound, &table.meta) as usize;
        let words = self.words_mut();
        let is_set = |words: &[u64], row: u32| words[row as usize / 64] >> (row % 64) & 1 == 1;
        let aside = table.rows.aside();
        let (below, above) = aside.split_at(aside.partition_point(|a| a.rid <= bound));
        let kept: Vec<u32> = above.iter().map(|a| a.row).filter(|&row| is_set(words, row)).collect();
        words[..first / 64].fill(0);
        if let Some(word) = words.get_mut(first / 64) {
            *word &= u64::MAX << (first % 64);
        }
        for aside in below {
            words[aside.row as usize / 64] &= !(1 << (aside.row % 64));
        }
        for row in kept {
            words[row as usize / 64] |= 1 << (row % 64);
        }
    }

    /// The ids of all rows, ascending.
    pub(crate) fn ids(self) -> Vec<RecordId> {
        let table = self.table;
        if !table.rows.aside().is_empty() {
            let rows = self.page_by_id(false, 0, usize::MAX);
            return rows.into_iter().map(|row| record_id(table.meta.rid(row))).collect();
        }
        let mut out = Vec::with_capacity(self.count());
        for leaf in 0..self.leaves() {
            for (at, &word) in self.leaf(leaf).iter().enumerate() {
                if word != 0 {
                    let from = (leaf * LIVE_WORDS + at) * 64;
                    for bit in bits(word) {
                        out.push(record_id(table.meta.rid((from + bit) as u32)));
                    }
                }
            }
        }
        out
    }

    /// One page of the rows in id order.
    pub(crate) fn page_by_id(mut self, desc: bool, skip: usize, take: usize) -> Vec<u32> {
        let mut page = Page { skip, take, desc, rows: Vec::new() };
        // Records out of order are taken from the mask and put in between, each at its place.
        let mut aside = Vec::new();
        for one in self.table.rows.aside() {
            if self.take(one.row) {
                aside.push(*one);
            }
        }
        let len = self.table.rows.len();
        if desc {
            let mut end = len;
            for one in aside.iter().rev() {
                page.take_range(&self, one.before, end);
                page.take_one(one.row);
                end = one.before;
            }
            page.take_range(&self, 0, end);
        } else {
            let mut start = 0;
            for one in &aside {
                page.take_range(&self, start, one.before);
                page.take_one(one.row);
                start = one.before;
            }
            page.take_range(&self, start, len);
        }
        page.rows
    }
}

/// A page being filled.
struct Page {
    /// Still to leave out.
    skip: usize,
    take: usize,
    desc: bool,
    rows: Vec<u32>,
}

impl Page {
    fn take_one(&mut self, row: u32) {
        if self.skip > 0 {
            self.skip -= 1;
        } else if self.rows.len() < self.take {
            self.rows.push(row);
        }
    }

    /// Takes selected rows in `from..to`. What is to be left out is counted by the leaf, then by the word.
    fn take_range(&mut self, mask: &Mask<'_>, from: u32, to: u32) {
        if from >= to || self.rows.len() == self.take {
            return;
        }
        let leaf_rows = LIVE_WORDS as u32 * 64;
        let leaves = from / leaf_rows..=(to - 1) / leaf_rows;
        let desc = self.desc;
        let mut each = |leaf: u32| {
            let start = leaf * leaf_rows;
            let inner = from.max(start) - start..to.min(start.saturating_add(leaf_rows)) - start;
            self.take_leaf(mask.leaf(leaf as usize), start, inner.start, inner.end);
            self.rows.len() < self.take
        };
        if desc {
            let _ = leaves.rev().all(&mut each);
        } else {
            let _ = leaves.into_iter().all(&mut each);
        }
    }

    fn take_leaf(&mut self, words: &[u64], start: u32, from: u32, to: u32) {
        if self.skip > 0 && from == 0 && to as usize >= words.len() * 64 {
            let count = ones(words);
            if count <= self.skip {
                self.skip -= count;
                return;
            }
        }
        let within = from / 64..=(to - 1) / 64;
        let each = |at: u32| {
            let mut word = words[at as usize];
            if at == from / 64 {
                word &= u64::MAX << (from % 64);
            }
            if at == (to - 1) / 64 {
                word &= u64::MAX >> (63 - (to - 1) % 64);
            }
            (word, start + at * 64)
        };
        if self.desc {
            for (word, row) in within.rev().map(each) {
                self.take_word(word, row);
            }
        } else {
            for (word, row) in within.map(each) {
                self.take_word(word, row);
            }
        }
    }

    fn take_word(&mut self, mut word: u64, row: u32) {
        let count = word.count_ones() as usize;
        if count <= self.skip {
            self.skip -= count;
            return;
        }
        while word != 0 && self.rows.len() < self.take {
            let bit = if self.desc { word.ilog2() } else { word.trailing_zeros() };
            word &= !(1 << bit);
            if self.skip > 0 {
                self.skip -= 1;
            } else {
                self.rows.push(row + bit);
            }
        }
    }
}

fn ones(words: &[u64]) -> usize {
    words.iter().map(|word| word.count_ones() as usize).sum()
}
