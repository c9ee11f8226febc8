//! Conditions on numbers and times that leave few rows, by an ordered index instead of a look at all of them.
//!
//! An index comes from ordering by the field, or once so many conditions would have been answered by it that building it
//! costs no more than they did.

use std::sync::Arc;

use boobook_model::{Cell, Value};

use crate::{
    Condition, Table, Test,
    bitmap::bits,
    compare::{number_key, time_key},
    index::{Key, Ordered},
    mask::Mask,
};

/// An index is used where it leaves at most this part of the rows: looking them up one by one costs so much more.
const PART_MIN: usize = if cfg!(test) { 2 } else { 32 };
/// Where more than this part of the rows changed since an index was built, it is not used.
const CHANGED_PART_MAX: usize = if cfg!(test) { 2 } else { 64 };
/// As many conditions that leave few rows are answered without an index before one is built.
const ASKED_MIN: u32 = if cfg!(test) { 1 } else { 48 };

/// The keys that rows may have that pass a condition, and perhaps a few more.
#[derive(Clone, Copy)]
struct Range {
    slot: usize,
    from: u64,
    to: u64,
}

impl Range {
    fn of(condition: &Condition, is_time: bool) -> Option<Self> {
        let key = |bound: f64, round: fn(f64) -> f64| {
            if is_time { time_key(round(bound) as i64) } else { number_key(bound) }
        };
        let (from, to) = match &condition.test {
            Test::AnyOf(any_of) => match any_of[..] {
                [Some(Value::Number(n))] if !is_time => (number_key(n), number_key(n)),
                [Some(Value::Time(time))] if is_time => (time_key(time), time_key(time)),
                _ => return None,
            },
            Test::Less(bound) | Test::LessOrEqual(bound) => (0, key(*bound, f64::ceil)),
            Test::Greater(bound) | Test::GreaterOrEqual(bound) => (key(*bound, f64::floor), u64::MAX),
            _ => return None,
        };
        Some(Self { slot: condition.slot, from, to })
    }
}

impl Table {
    /// The live rows that pass conditions, a bit each, where an index leaves few to look at.
    pub(crate) fn probed(&self, conditions: &[Condition]) -> Option<Vec<u64>> {
        let indexes: Vec<(Range, Arc<Ordered>)> = self
            .ranges(conditions)
            .into_iter()
            .filter_map(|range| {
                let index = self.indexes.find(Key::Field(range.slot))?;
                let is_usable =
                    index.at <= self.log.last() && self.changed_since(&index) <= self.part(CHANGED_PART_MAX);
                is_usable.then_some((range, index))
            })
            .collect();
        let found = indexes.iter().map(|(range, index)| (index.within(range.from, range.to), index));
        let (rows, index) = found.min_by_key(|(rows, _)| rows.len())?;
        if rows.len() > self.part(PART_MIN) {
            return None;
        }
        let live = self.rows.live();
        let mut words = vec![0u64; live.len()];
        let changed =
            (self.log.after(index.at)..self.log.len()).filter_map(|at| self.log.current(at, &self.meta));
        for row in rows.iter().copied().chain(changed.map(|(_, row)| row)) {
            words[row as usize / 64] |= 1 << (row % 64);
        }
        // What changed since the index was built may pass or not, and ranges are wider than conditions.
        for (at, word) in words.iter_mut().enumerate().filter(|(_, word)| **word != 0) {
            let passes = |bit: &usize| self.passes(conditions, (at * 64 + bit) as u32);
            *word = bits(*word & live.at(at)).filter(passes).fold(0, |word, bit| word | 1 << bit);
        }
        Some(words)
    }

    /// Builds the index that would have spared a look at all rows, if that was so often enough.
    pub(crate) fn learn(&self, conditions: &[Condition], mask: &Mask<'_>) {
        let ranges = self.ranges(conditions);
        if ranges.is_empty() || mask.count() > self.part(PART_MIN) {
            return;
        }
        // Which condition it was that left few does not matter where there is one only.
        let [Range { slot, .. }] = ranges[..] else { return };
        let key = Key::Field(slot);
        if self.indexes.ask(key) >= ASKED_MIN {
            self.ordered(key, || true);
        }
    }

    fn changed_since(&self, index: &Ordered) -> usize {
        self.log.len() - self.log.after(index.at)
    }

    fn part(&self, of: usize) -> usize {
        self.rows.len() as usize / of
    }

    /// The ranges of conditions on numbers and times, one a field.
    fn ranges(&self, conditions: &[Condition]) -> Vec<Range> {
        let mut ranges: Vec<Range> = Vec::new();
        for condition in conditions {
            let column = self.columns.get(condition.slot).and_then(Option::as_ref);
            let is_time = column.and_then(|column| column.is_time());
            let Some(range) = is_time.and_then(|is_time| Range::of(condition, is_time)) else { continue };
            match ranges.iter_mut().find(|known| known.slot == range.slot) {
                Some(known) => (known.from, known.to) = (known.from.max(range.from), known.to.min(range.to)),
                None => ranges.push(range),
            }
        }
        ranges
    }

    /// Whether one row passes conditions.
    pub(crate) fn passes(&self, conditions: &[Condition], row: u32) -> bool {
        conditions.iter().all(|Condition { slot, test }| {
            let column = self.columns.get(*slot).and_then(Option::as_ref);
            test.passes(column.map_or(Cell::Empty, |column| column.get(row)))
        })
    }
}
