//! Filter, order and page.
//!
//! Filters become a mask of one bit a row, computed column by column. What happens then depends on the order:
//! by id, rows are taken from the mask as they lie, counting whole words to get past a deep page; by sequence,
//! the table's `(sq, row)` vector is walked; by a key, either the rows of the mask are sorted or an ordered index
//! is walked until the page is full, whichever costs less.

use std::{cmp::Ordering, collections::BinaryHeap, sync::Arc};

use boobook_model::{Cell, RecordId, Sieve, Sq};

use crate::{
    Condition, Row, Table,
    column::Column,
    index::{Key, Ordered, Walk},
    mask::Mask,
};

/// Fewer hits than this are sorted, never looked up in an index: building one is for tables that are sorted
/// again and again at some cost.
const INDEX_HITS_MIN: usize = if cfg!(test) { 4 } else { 4096 };
/// What sorting costs per hit, in units of what walking an index costs per row: two random looks at a column
/// per comparison against one bit test.
const SORT_COST: usize = 30;

/// Up to so many rows the first ones are found by looking at each row once.
const TOP_MAX: usize = if cfg!(test) { 3 } else { 1024 };
/// After so many such looks an index would have been built for the same time.
const TOPS_MAX: u32 = if cfg!(test) { 2 } else { 16 };

/// Which records, in what order, which page of them.
#[derive(Clone, Debug)]
pub struct Select {
    /// All must hold.
    pub filters: Vec<Condition>,
    /// Only these rows; `None`: all.
    pub within: Option<Vec<Row>>,
    /// Only records with a greater id.
    pub after_id: Option<u64>,
    /// Only records changed later.
    pub after_sq: Option<Sq>,
    /// In what order.
    pub order: Order,
    /// How many to leave out first.
    pub skip: usize,
    /// How many to answer at most.
    pub take: usize,
    /// Whether to count all that pass.
    pub count: bool,
}

impl Default for Select {
    /// Everything, by id.
    fn default() -> Self {
        Self {
            filters: Vec::new(),
            within: None,
            after_id: None,
            after_sq: None,
            order: Order::IdAsc,
            skip: 0,
            take: usize::MAX,
            count: false,
        }
    }
}

/// In what order. Ties go by id, ascending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By id.
    IdAsc,
    /// By id, greatest first.
    IdDesc,
    /// By last change, oldest first.
    SequenceAsc,
    /// By last change, newest first.
    SequenceDesc,
    /// By creation time, oldest first.
    CreatedAsc,
    /// By creation time, newest first.
    CreatedDesc,
    /// By time of last change, oldest first.
    ModifiedAsc,
    /// By time of last change, newest first.
    ModifiedDesc,
    /// By creation time, newest first, and the greater id first where that is the same: the last created first
    /// even among records of one transaction.
    Newest,
    /// By a field's value: empty first (last with `desc`).
    Field {
        /// The field's slot.
        slot: usize,
        /// Greatest value first.
        desc: bool,
    },
}

/// A page of records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// The page.
    pub rows: Vec<Row>,
    /// How many pass in all, where asked for.
    pub total: Option<usize>,
}

impl Table {
    /// See [`crate::Snapshot::select`]. Indexes are built only where `may_build`.
    pub(crate) fn select(&self, select: &Select, may_build: bool) -> Selected {
        let mask = self.mask(select, may_build);
        let total = select.count.then(|| mask.count());
        let rows = match select.order {
            Order::IdAsc => mask.page_by_id(false, select.skip, select.take),
            Order::IdDesc => mask.page_by_id(true, select.skip, select.take),
            Order::SequenceAsc => self.page_by_sq(&mask, false, select),
            Order::SequenceDesc => self.page_by_sq(&mask, true, select),
            Order::CreatedAsc => self.page_by_key(mask, Key::Created, Walk::Up, select, may_build),
            Order::CreatedDesc => self.page_by_key(mask, Key::Created, Walk::Down, select, may_build),
            Order::Newest => self.page_by_key(mask, Key::Created, Walk::Back, select, may_build),
            Order::ModifiedAsc => self.page_by_key(mask, Key::Modified, Walk::Up, select, may_build),
            Order::ModifiedDesc => self.page_by_key(mask, Key::Modified, Walk::Down, select, may_build),
            Order::Field { slot, .. } if !matches!(self.columns.get(slot), Some(Some(_))) => {
                // All are empty, so all tie.
                mask.page_by_id(false, select.skip, select.take)
            }
            Order::Field { slot, desc } => {
                let walk = if desc { Walk::Down } else { Walk::Up };
                self.page_by_key(mask, Key::Field(slot), walk, select, may_build)
            }
        };
        Selected { rows: rows.into_iter().map(Row).collect(), total }
    }

    /// The live rows that pass filters and bounds.
    fn mask(&self, select: &Select, may_note: bool) -> Mask<'_> {
        let mut mask = Mask::live(self);
        if let Some(rows) = &select.within {
            mask.retain_rows(rows);
        }
        if let Some(since) = select.after_sq {
            mask.retain_after_sq(since);
        }
        if let Some(bound) = select.after_id {
            mask.retain_after_id(bound);
        }
        self.retain(&mut mask, &select.filters, may_note);
        mask
    }

    /// The first rows by a field of those that pass conditions and sieves.
    pub(crate) fn first_by(
        &self,
        (conditions, sieves): (&[Condition], &[&dyn Sieve]),
        (slot, desc): (usize, bool),
        take: usize,
        may_build: bool,
    ) -> Vec<RecordId> {
        let mask = self.matching(conditions, sieves, may_build);
        let walk = if desc { Walk::Down } else { Walk::Up };
        let select = Select { take, ..Select::default() };
        let rows = match self.columns.get(slot) {
            Some(Some(_)) => self.page_by_key(mask, Key::Field(slot), walk, &select, may_build),
            // All are empty, so all tie.
            _ => mask.page_by_id(false, 0, take),
        };
        rows.into_iter().map(|row| self.record_id(Row(row))).collect()
    }

    /// The live rows that pass all conditions and then all sieves. What conditions come to is remembered only where
    /// `may_note`.
    pub(crate) fn matching(
        &self,
        conditions: &[Condition],
        sieves: &[&dyn Sieve],
        may_note: bool,
    ) -> Mask<'_> {
        let mut mask = Mask::live(self);
        self.retain(&mut mask, conditions, may_note);
        for sieve in sieves {
            self.sift(&mut mask, *sieve);
        }
        mask
    }

    /// Keeps rows that pass all conditions.
    fn retain(&self, mask: &mut Mask<'_>, conditions: &[Condition], may_note: bool) {
        let is_worth_it = mask.is_whole() && self.remembers(conditions);
        if is_worth_it && let Some(words) = self.remembered(conditions, may_note) {
            return mask.set(words);
        }
        match if is_worth_it { self.probed(conditions) } else { None } {
            Some(words) => mask.set(words),
            None => self.scan(mask, conditions),
        }
        if is_worth_it && may_note {
            self.note(conditions, mask.words_mut());
            self.learn(conditions, mask);
        }
    }

    /// Looks at rows, by the cheapest condition first.
    fn scan(&self, mask: &mut Mask<'_>, conditions: &[Condition]) {
        let mut conditions: Vec<&Condition> = conditions.iter().collect();
        conditions.sort_by_key(|condition| condition.cost(self.layout.slot(condition.slot).class));
        for Condition { slot, test } in conditions {
            match self.columns.get(*slot) {
                Some(Some(column)) => column.retain(test, mask.words_mut()),
                _ if test.passes(Cell::Empty) => {}
                _ => mask.words_mut().fill(0),
            }
        }
    }

    /// The ids of rows in the order given, appended to `out`.
    pub fn record_ids(&self, rows: &[Row], out: &mut Vec<RecordId>) {
        out.extend(rows.iter().map(|row| self.record_id(*row)));
    }

    fn page_by_sq(&self, mask: &Mask<'_>, desc: bool, select: &Select) -> Vec<u32> {
        let len = self.log.len();
        let is_hit =
            |at: usize| self.log.current(at, &self.meta).map(|(_, row)| row).filter(|&row| mask.has(row));
        let first = select.after_sq.map_or(0, |since| self.log.after(since));
        if desc {
            (first..len).rev().filter_map(is_hit).skip(select.skip).take(select.take).collect()
        } else {
            (first..len).filter_map(is_hit).skip(select.skip).take(select.take).collect()
        }
    }

    fn page_by_key(
        &self,
        mut mask: Mask<'_>,
        key: Key,
        walk: Walk,
        select: &Select,
        may_build: bool,
    ) -> Vec<u32> {
        let hits = mask.count();
        if select.skip >= hits || select.take == 0 {
            return Vec::new();
        }
        let need = hits.min(select.skip.saturating_add(select.take));
        let walk_cost = need * (self.rows.len() as usize / hits).max(1);
        let keyed = self.keyed(key).filter(|_| need <= TOP_MAX && walk != Walk::Back);
        let index = if hits > INDEX_HITS_MIN && walk_cost < hits * SORT_COST {
            self.ordered(key, || may_build && (keyed.is_none() || self.indexes.ask(key) >= TOPS_MAX))
        } else {
            None
        };
        let mut rows = match (index, keyed) {
            (Some(index), _) => self.walk(&index, &mut mask, key, walk, need),
            (None, Some(column)) => self.top(&mask, column, walk == Walk::Down, need),
            (None, None) => {
                let mut rows = mask.rows();
                self.sort(&mut rows, key, walk, need);
                rows
            }
        };
        rows.drain(..select.skip);
        rows
    }

    /// The first `need` rows of a mask by numbers or times, in one look at each row: what is sorted are the best so far.
    fn top(&self, mask: &Mask<'_>, column: &Column, desc: bool, need: usize) -> Vec<u32> {
        let mut best = BinaryHeap::with_capacity(need + 1);
        let mut worst = u64::MAX;
        mask.each(|row| {
            let key = column.key(row).map_or(0, |key| key.saturating_add(1));
            let key = if desc { !key } else { key };
            if key <= worst {
                best.push((key, self.meta.rid(row), row));
                if best.len() > need {
                    best.pop();
                }
                if best.len() == need {
                    worst = best.peek().map_or(u64::MAX, |(key, ..)| *key);
                }
            }
        });
        best.into_sorted_vec().into_iter().map(|(.., row)| row).collect()
    }

    /// The column that a key is of, if that has numbers for keys.
    fn keyed(&self, key: Key) -> Option<&Column> {
        let Key::Field(slot) = key else { return None };
        self.columns.get(slot)?.as_deref().filter(|column| column.is_time().is_some())
    }

    /// The order of two rows by key, then by id, as a walk has it.
    fn compare(&self, key: Key, walk: Walk, a: u32, b: u32) -> Ordering {
        let by_key = match key {
            Key::Field(slot) => match &self.columns[slot] {
                Some(column) => column.compare(a, b, &|option| self.layout.slot(slot).rank(option)),
                None => Ordering::Equal,
            },
            Key::Created => self.meta.created_at_ms(a).cmp(&self.meta.created_at_ms(b)),
            Key::Modified => self.meta.modified_at_ms(a).cmp(&self.meta.modified_at_ms(b)),
        };
        let by_id = || self.meta.rid(a).cmp(&self.meta.rid(b));
        match walk {
            Walk::Up => by_key.then_with(by_id),
            Walk::Down => by_key.reverse().then_with(by_id),
            Walk::Back => by_key.then_with(by_id).reverse(),
        }
    }

    /// Leaves the first `need` rows, sorted.
    fn sort(&self, rows: &mut Vec<u32>, key: Key, walk: Walk, need: usize) {
        let compare = |a: &u32, b: &u32| self.compare(key, walk, *a, *b);
        if need < rows.len() / 4 && need > 0 {
            rows.select_nth_unstable_by(need, compare);
            rows.truncate(need);
        }
        match key {
            // The column sorts many at once faster than by comparing two at a time.
            Key::Field(slot) if walk == Walk::Up => self.sort_up(rows, slot),
            _ => rows.sort_unstable_by(compare),
        }
        rows.truncate(need);
    }

    fn sort_up(&self, rows: &mut Vec<u32>, slot: usize) {
        if let Some(column) = &self.columns[slot] {
            column.sort_rows(rows, |row| self.meta.rid(row), &|option| self.layout.slot(slot).rank(option));
        }
    }

    /// An ordered index that serves this version: as it is, or built now. `None` where this version is older
    /// than the index, or may not build one.
    pub(crate) fn ordered(&self, key: Key, may_build: impl FnOnce() -> bool) -> Option<Arc<Ordered>> {
        let here = self.log.last();
        if let Some(index) = self.indexes.find(key) {
            if index.at > here {
                return None;
            }
            let changed = self.log.len() - self.log.after(index.at);
            if changed <= self.rows.len() as usize / 8 {
                return Some(index);
            }
        }
        if !may_build() {
            return None;
        }
        let mut rows = Mask::live(self).rows();
        match key {
            Key::Field(slot) => self.sort_up(&mut rows, slot),
            _ => rows.sort_unstable_by(|&a, &b| self.compare(key, Walk::Up, a, b)),
        }
        rows.shrink_to_fit();
        let same = |a: u32, b: u32| match key {
            Key::Field(slot) => self.columns[slot].as_ref().is_none_or(|column| {
                column.compare(a, b, &|option| self.layout.slot(slot).rank(option)).is_eq()
            }),
            Key::Created => self.meta.created_at_ms(a) == self.meta.created_at_ms(b),
            Key::Modified => self.meta.modified_at_ms(a) == self.meta.modified_at_ms(b),
        };
        let number = |row: u32| self.keyed(key)?.key(row);
        let index = Arc::new(Ordered::new(here, rows, same, number));
        self.indexes.install(key, &index);
        Some(index)
    }

    /// The first `need` rows of the mask in the order of an index, rows changed since it was built included.
    fn walk(&self, index: &Ordered, mask: &mut Mask<'_>, key: Key, walk: Walk, need: usize) -> Vec<u32> {
        let mut changed = Vec::new();
        for at in self.log.after(index.at)..self.log.len() {
            if let Some((_, row)) = self.log.current(at, &self.meta)
                && mask.take(row)
            {
                changed.push(row);
            }
        }
        let mut rows = index.hits(walk, mask.words_mut(), need);
        if changed.is_empty() {
            return rows;
        }
        self.sort(&mut changed, key, walk, need);
        let mut merged = Vec::with_capacity(need);
        let mut rest = &rows[..];
        for row in changed {
            let before = rest.partition_point(|&other| self.compare(key, walk, other, row).is_lt());
            merged.extend_from_slice(&rest[..before]);
            merged.push(row);
            rest = &rest[before..];
        }
        merged.extend_from_slice(rest);
        rows = merged;
        rows.truncate(need);
        rows
    }
}
