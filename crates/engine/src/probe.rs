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
    condition::TimeRange,
    index::{Key, Ordered},
    mask::Mask,
};

/// An index is used where it leaves at most this part of the rows: looking them up one by one costs so much more.
const PART_MIN: usize = if cfg!(test) { 2 } else { 32 };
/// Where more than this part of the rows changed since an index was built, it is not used.
const CHANGED_PART_MAX: usize = if cfg!(test) { 2 } else { 64 };
/// As many conditions that leave few rows are answered without an index before one is built.
const ASKED_MIN: u32 = if cfg!(test) { 1 } else { 48 };

/// The keys of the rows that pass a condition, from the first to the last.
#[derive(Clone, Copy)]
struct Range {
    slot: usize,
    from: u64,
    to: u64,
}

impl Range {
    fn of(condition: &Condition, is_time: bool) -> Option<Self> {
        let (from, to) = match (&condition.test, is_time) {
            (Test::AnyOf(any_of), _) => match any_of[..] {
                [Some(Value::Number(n))] if !is_time && !n.is_nan() => (number_key(n), number_key(n)),
                [Some(Value::Time(time))] if is_time => (time_key(time), time_key(time)),
                _ => return None,
            },
            (test, true) if test.is_order() => {
                let (from, to) = TimeRange::of(test).bounds();
                if from > to { (1, 0) } else { (time_key(from), time_key(to)) }
            }
            // NaN lies beyond the infinite ones, and passes nothing.
            (&Test::Less(bound), _) if !bound.is_nan() => {
                (number_key(f64::NEG_INFINITY), number_key(bound) - 1)
            }
            (&Test::LessOrEqual(bound), _) if !bound.is_nan() => {
                (number_key(f64::NEG_INFINITY), number_key(bound))
            }
            (&Test::Greater(bound), _) if !bound.is_nan() => {
                (number_key(bound) + 1, number_key(f64::INFINITY))
            }
            (&Test::GreaterOrEqual(bound), _) if !bound.is_nan() => {
                (number_key(bound), number_key(f64::INFINITY))
            }
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
        let found =
            indexes.iter().map(|(range, index)| (index.within(range.from, range.to), index, range.slot));
        let (rows, index, slot) = found.min_by_key(|(rows, ..)| rows.len())?;
        if rows.len() > self.part(PART_MIN) {
            return None;
        }
        let live = self.rows.live();
        let mut words = vec![0u64; live.len()];
        for &row in rows {
            words[row as usize / 64] |= 1 << (row % 64);
        }
        // What changed since the index was built is asked by itself, of the rest what the index does not tell.
        let changed =
            (self.log.after(index.at)..self.log.len()).filter_map(|at| self.log.current(at, &self.meta));
        let changed: Vec<u32> = changed.map(|(_, row)| row).collect();
        for &row in &changed {
            words[row as usize / 64] &= !(1 << (row % 64));
        }
        let rest: Vec<&Condition> = conditions
            .iter()
            .filter(|condition| condition.slot != slot || self.range(condition).is_none())
            .collect();
        for (at, word) in words.iter_mut().enumerate().filter(|(_, word)| **word != 0) {
            let passes =
                |bit: &usize| rest.iter().all(|condition| self.passes(condition, (at * 64 + bit) as u32));
            *word = bits(*word & live.at(at)).filter(passes).fold(0, |word, bit| word | 1 << bit);
        }
        for row in changed.into_iter().filter(|&row| self.rows.is_live(row)) {
            if conditions.iter().all(|condition| self.passes(condition, row)) {
                words[row as usize / 64] |= 1 << (row % 64);
            }
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
        for range in conditions.iter().filter_map(|condition| self.range(condition)) {
            match ranges.iter_mut().find(|known| known.slot == range.slot) {
                Some(known) => (known.from, known.to) = (known.from.max(range.from), known.to.min(range.to)),
                None => ranges.push(range),
            }
        }
        ranges
    }

    fn range(&self, condition: &Condition) -> Option<Range> {
        let column = self.columns.get(condition.slot)?.as_ref()?;
        Range::of(condition, column.is_time()?)
    }

    /// Whether one row passes a condition.
    pub(crate) fn passes(&self, Condition { slot, test }: &Condition, row: u32) -> bool {
        let column = self.columns.get(*slot).and_then(Option::as_ref);
        test.passes(column.map_or(Cell::Empty, |column| column.get(row)))
    }
}
