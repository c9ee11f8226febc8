//! One field of every row of a table, in chunks that snapshots share.
//!
//! A clone costs the list of chunks. Writing to it afterwards copies only the chunk that is written to
//! (architecture.md §1); readers of the original never notice.

use std::cmp::Ordering;

use boobook_model::{Cell, Needle, RecordId, StorageClass, Value};

use crate::{
    bitmap::bits,
    choices::ChoiceSets,
    chunk::{Bools, Pods},
    compare::{compare_cells, number_key, sort_by_key, sort_by_text, time_key},
    condition::{Test, TimeRange},
    text::Texts,
};

/// Rows a chunk covers: the unit of copy-on-write (architecture.md, measurements).
pub(crate) const CHUNK_ROWS: usize = 4096;

/// The values one field has in all rows of a table.
#[derive(Clone)]
pub(crate) struct Column(Data);

#[derive(Clone)]
enum Data {
    Bool(Bools),
    Number(Pods<f64>),
    Time(Pods<i64>),
    Reference(Pods<RecordId>),
    Choice(Pods<u16>),
    Choices(ChoiceSets),
    Text(Texts),
}

/// The same expression for whatever the column stores.
macro_rules! each {
    ($data:expr, $column:ident => $result:expr) => {
        match $data {
            Data::Bool($column) => $result,
            Data::Number($column) => $result,
            Data::Time($column) => $result,
            Data::Reference($column) => $result,
            Data::Choice($column) => $result,
            Data::Choices($column) => $result,
            Data::Text($column) => $result,
        }
    };
}

impl Column {
    /// A column without a value.
    pub(crate) fn new(class: StorageClass) -> Self {
        Self(match class {
            StorageClass::Bool => Data::Bool(Bools::default()),
            StorageClass::Number => Data::Number(Pods::default()),
            StorageClass::Time => Data::Time(Pods::default()),
            StorageClass::Reference => Data::Reference(Pods::default()),
            StorageClass::Choice => Data::Choice(Pods::default()),
            StorageClass::Choices => Data::Choices(ChoiceSets::default()),
            StorageClass::Text => Data::Text(Texts::default()),
        })
    }

    /// What the column stores.
    pub(crate) fn class(&self) -> StorageClass {
        match self.0 {
            Data::Bool(_) => StorageClass::Bool,
            Data::Number(_) => StorageClass::Number,
            Data::Time(_) => StorageClass::Time,
            Data::Reference(_) => StorageClass::Reference,
            Data::Choice(_) => StorageClass::Choice,
            Data::Choices(_) => StorageClass::Choices,
            Data::Text(_) => StorageClass::Text,
        }
    }

    /// The value in `row`; rows beyond what was ever set are empty.
    #[inline]
    pub(crate) fn get(&self, row: u32) -> Cell<'_> {
        match &self.0 {
            Data::Bool(column) => column.get(row).map_or(Cell::Empty, Cell::Bool),
            Data::Number(column) => column.get(row).map_or(Cell::Empty, Cell::Number),
            Data::Time(column) => column.get(row).map_or(Cell::Empty, Cell::Time),
            Data::Reference(column) => column.get(row).map_or(Cell::Empty, Cell::Reference),
            Data::Choice(column) => column.get(row).map_or(Cell::Empty, Cell::Choice),
            Data::Choices(column) => column.get(row).map_or(Cell::Empty, Cell::Choices),
            Data::Text(column) => column.get(row).map_or(Cell::Empty, Cell::Text),
        }
    }

    /// Sets the value in `row`; `Cell::Empty` clears it. A value of another class is a bug of the caller and
    /// ignored.
    pub(crate) fn set(&mut self, row: u32, value: Cell<'_>) {
        match (&mut self.0, value) {
            (Data::Bool(column), Cell::Bool(value)) => column.set(row, Some(value)),
            (Data::Number(column), Cell::Number(value)) => column.set(row, Some(value)),
            (Data::Time(column), Cell::Time(value)) => column.set(row, Some(value)),
            (Data::Reference(column), Cell::Reference(value)) => column.set(row, Some(value)),
            (Data::Choice(column), Cell::Choice(value)) => column.set(row, Some(value)),
            (Data::Choices(column), Cell::Choices(value)) => column.set(row, Some(value)),
            (Data::Text(column), Cell::Text(value)) => column.set(row, Some(value)),
            (_, Cell::Empty) => self.clear(row),
            (_, value) => debug_assert!(false, "{value:?} is not of {:?}", self.class()),
        }
    }

    /// Makes `row` empty. Copies nothing if it is already.
    pub(crate) fn clear(&mut self, row: u32) {
        each!(&mut self.0, column => column.set(row, None));
    }

    /// As [`Column::set`]. For a loader that comes by in ascending rows and shares the column with nobody it
    /// writes in place; empty cells of a load cost nothing.
    #[inline]
    pub(crate) fn append(&mut self, row: u32, value: Cell<'_>) {
        if !value.is_empty() {
            self.set(row, value);
        }
    }

    /// Ends a bulk load: gives back spare capacity and chooses the encodings anew, now that all is known.
    pub(crate) fn finish_load(&mut self) {
        each!(&mut self.0, column => column.finish());
    }

    /// Bytes on the heap, what other snapshots share included. Constant time.
    pub(crate) fn heap_bytes(&self) -> usize {
        each!(&self.0, column => column.heap_bytes())
    }

    /// As [`Column::heap_bytes`], counted from the ground up.
    #[cfg(test)]
    fn recounted_bytes(&self) -> usize {
        each!(&self.0, column => column.recounted_bytes())
    }

    /// Whether all of it is texts by code.
    #[cfg(test)]
    fn is_coded(&self) -> bool {
        matches!(&self.0, Data::Text(column) if column.is_coded())
    }

    /// The numbers of a column of them.
    pub(crate) fn as_numbers(&self) -> Option<&Pods<f64>> {
        if let Data::Number(numbers) = &self.0 { Some(numbers) } else { None }
    }

    /// The times of a column of them.
    pub(crate) fn as_times(&self) -> Option<&Pods<i64>> {
        if let Data::Time(times) = &self.0 { Some(times) } else { None }
    }

    /// Of a column of numbers or times, whether it is times.
    pub(crate) fn is_time(&self) -> Option<bool> {
        match self.0 {
            Data::Number(_) => Some(false),
            Data::Time(_) => Some(true),
            _ => None,
        }
    }

    /// A number in the order of a column of numbers or times; `None` for empty ones, and in other columns.
    #[inline]
    pub(crate) fn key(&self, row: u32) -> Option<u64> {
        match &self.0 {
            Data::Number(column) => column.get(row).map(number_key),
            Data::Time(column) => column.get(row).map(time_key),
            _ => None,
        }
    }

    /// The texts of a column of them.
    pub(crate) fn as_texts(&self) -> Option<&Texts> {
        if let Data::Text(texts) = &self.0 { Some(texts) } else { None }
    }

    /// Keeps in `mask` (one bit a row from row 0) only rows whose value passes a test.
    pub(crate) fn retain(&self, test: &Test, mask: &mut [u64]) {
        let (test, is_negated) = test.positive();
        if !is_negated {
            return self.retain_positive(test, mask);
        }
        let mut hits = mask.to_vec();
        self.retain_positive(test, &mut hits);
        for (word, hits) in mask.iter_mut().zip(hits) {
            *word &= !hits;
        }
    }

    fn retain_positive(&self, test: &Test, mask: &mut [u64]) {
        match (test, &self.0) {
            (Test::AnyOf(wanted), _) => self.retain_any_of(wanted, mask, false),
            (Test::ContainsAll(wanted), _) => self.retain_any_of(wanted, mask, true),
            (&Test::Less(bound), Data::Number(column)) => {
                column.retain_where::<true>(mask, false, |n| n < bound);
            }
            (&Test::LessOrEqual(bound), Data::Number(column)) => {
                column.retain_where::<true>(mask, false, |n| n <= bound);
            }
            (&Test::Greater(bound), Data::Number(column)) => {
                column.retain_where::<true>(mask, false, |n| n > bound);
            }
            (&Test::GreaterOrEqual(bound), Data::Number(column)) => {
                column.retain_where::<true>(mask, false, |n| n >= bound);
            }
            (
                Test::Less(_) | Test::LessOrEqual(_) | Test::Greater(_) | Test::GreaterOrEqual(_),
                Data::Time(column),
            ) => {
                let range = TimeRange::of(test);
                column.retain_where::<true>(mask, false, |time| range.has(time));
            }
            (Test::Like(needle), Data::Text(column)) => {
                column.retain_like(mask, needle.is_empty(), &Needle::new(needle));
            }
            _ => {
                for (index, word) in mask.iter_mut().enumerate() {
                    let keep = |bit: &usize| test.passes(self.get((index * 64 + bit) as u32));
                    *word = bits(*word).filter(keep).fold(0, |kept, bit| kept | 1 << bit);
                }
            }
        }
    }

    /// Keeps rows that match any of `any_of`, in which `None` is an empty cell. Values match if equal; sets if
    /// they are, or where `by_members` if they contain all of the wanted one. Values of another class match
    /// nothing, NaN neither.
    fn retain_any_of(&self, any_of: &[Option<Value>], mask: &mut [u64], by_members: bool) {
        let empty = any_of.contains(&None);
        let cells = || any_of.iter().flatten().map(Value::as_cell);
        match &self.0 {
            Data::Bool(column) => {
                let wants = |wanted| cells().any(|cell| cell == Cell::Bool(wanted));
                column.retain_wanted(mask, wants(true), wants(false), empty);
            }
            Data::Number(column) => {
                let wanted = cells().filter_map(|cell| match cell {
                    Cell::Number(n) if !n.is_nan() => Some(n),
                    _ => None,
                });
                retain_values(column, mask, empty, wanted.collect(), number_key);
            }
            Data::Time(column) => {
                let wanted = cells().filter_map(|cell| if let Cell::Time(t) = cell { Some(t) } else { None });
                retain_values(column, mask, empty, wanted.collect(), |time| time);
            }
            Data::Reference(column) => {
                let wanted =
                    cells().filter_map(|cell| if let Cell::Reference(r) = cell { Some(r) } else { None });
                retain_values(column, mask, empty, wanted.collect(), |id| id);
            }
            Data::Choice(column) => {
                let wanted =
                    cells().filter_map(|cell| if let Cell::Choice(c) = cell { Some(c) } else { None });
                retain_values(column, mask, empty, wanted.collect(), |option| option);
            }
            Data::Choices(column) => {
                let wanted =
                    cells().filter_map(|cell| if let Cell::Choices(c) = cell { Some(c) } else { None });
                let wanted: Vec<_> = wanted.collect();
                if by_members {
                    column.retain_containing(mask, empty, &wanted);
                } else {
                    column.retain_equal(mask, empty, &wanted);
                }
            }
            Data::Text(column) => {
                let wanted = cells().filter_map(|cell| if let Cell::Text(t) = cell { Some(t) } else { None });
                column.retain_any_of(mask, empty, &wanted.collect::<Vec<_>>());
            }
        }
    }

    /// The order of two rows by value, empty first (see `compare.rs`). `rank` gives an option's place among its
    /// field's options.
    pub(crate) fn compare(&self, a: u32, b: u32, rank: &dyn Fn(u16) -> u32) -> Ordering {
        compare_cells(self.get(a), self.get(b), rank)
    }

    /// Sorts `rows` ascending by value as [`Column::compare`] has it, then by `tie`. Fastest where `rows` are
    /// in the order of `tie` already.
    pub(crate) fn sort_rows(
        &self,
        rows: &mut Vec<u32>,
        tie: impl Fn(u32) -> u32,
        choice_rank: &dyn Fn(u16) -> u32,
    ) {
        if !rows.is_sorted_by_key(|&row| tie(row)) {
            rows.sort_by_cached_key(|&row| tie(row));
        }
        match &self.0 {
            Data::Bool(column) => sort_by_key(rows, |row| column.get(row).map(u64::from)),
            Data::Number(column) => sort_by_key(rows, |row| column.get(row).map(number_key)),
            Data::Time(column) => sort_by_key(rows, |row| column.get(row).map(time_key)),
            Data::Reference(column) => sort_by_key(rows, |row| column.get(row).map(|id| id.get().into())),
            Data::Choice(column) => sort_by_key(rows, |row| column.get(row).map(|o| choice_rank(o).into())),
            Data::Choices(column) => {
                let rank = column.ranks();
                sort_by_key(rows, |row| rank(row).map(u64::from));
            }
            Data::Text(column) => match column.ranks(rows.len()) {
                Some(rank) => sort_by_key(rows, |row| rank(row).map(u64::from)),
                None => sort_by_text(rows, |row| column.get(row)),
            },
        }
    }
}

fn retain_values<T: Copy + PartialEq, K: Ord>(
    column: &Pods<T>,
    mask: &mut [u64],
    keep_empty: bool,
    wanted: Vec<T>,
    key: impl Fn(T) -> K + Copy,
) {
    match *wanted {
        [] => column.retain_where::<true>(mask, keep_empty, |_| false),
        [one] => column.retain_where::<true>(mask, keep_empty, |value| value == one),
        [one, two] => column.retain_where::<true>(mask, keep_empty, |value| value == one || value == two),
        _ => {
            let mut keys: Vec<K> = wanted.into_iter().map(key).collect();
            keys.sort_unstable();
            column.retain_where::<false>(mask, keep_empty, |value| keys.binary_search(&key(value)).is_ok());
        }
    }
}

#[cfg(test)]
#[path = "column_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "column_size_tests.rs"]
mod size_tests;
