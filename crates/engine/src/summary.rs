//! Sums, bounds and lists of the numbers of selected rows, straight over the columns.

use boobook_model::Cell;

use crate::{
    Row, Table,
    bitmap::bits,
    chunk::{CHUNK_WORDS, PodChunk, Pods},
    column::{CHUNK_ROWS, Column},
    mask::Mask,
};

/// What the values of a number field, or of a time field in ms, come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// How many are not empty.
    pub count: usize,
    /// Added up in order of id, so that a loop over the records comes to the same to the last bit.
    pub sum: f64,
    /// The least; NaN where there is none.
    pub min: f64,
    /// The greatest; NaN where there is none.
    pub max: f64,
}

impl Default for Summary {
    /// Of nothing.
    fn default() -> Self {
        Self { count: 0, sum: 0.0, min: f64::NAN, max: f64::NAN }
    }
}

impl Summary {
    /// Takes one more value in.
    #[inline]
    pub(crate) fn add(&mut self, n: f64) {
        self.count += 1;
        self.sum += n;
        // The other way round NaN would stay.
        self.min = if self.min < n { self.min } else { n };
        self.max = if self.max > n { self.max } else { n };
    }
}

impl Table {
    /// Sum, bounds and number of a field's values in selected rows.
    pub(crate) fn summary(&self, mut mask: Mask<'_>, slot: usize) -> Summary {
        let mut summary = Summary::default();
        let Some(Some(column)) = self.columns.get(slot) else { return summary };
        if self.rows.aside().is_empty() {
            column.for_each_number(mask.words_mut(), |n| summary.add(n));
        } else {
            for row in mask.page_by_id(false, 0, usize::MAX) {
                match column.get(row) {
                    Cell::Number(n) => summary.add(n),
                    Cell::Time(time) => summary.add(time as f64),
                    _ => {}
                }
            }
        }
        summary
    }

    /// The number, or the time in ms, of each row, appended to `out`; NaN where it is empty or neither. Rows near
    /// one another are looked up together.
    pub fn numbers(&self, slot: usize, rows: &[Row], out: &mut Vec<f64>) {
        match self.columns.get(slot) {
            Some(Some(column)) => column.numbers(rows, out),
            _ => out.resize(out.len() + rows.len(), f64::NAN),
        }
    }
}

impl<T: Copy> Pods<T> {
    /// Calls `each` with the values of the rows in `mask` that have one, ascending by row.
    #[inline]
    pub(crate) fn for_each_in(&self, mask: &[u64], mut each: impl FnMut(T)) {
        for (index, words) in mask.chunks(CHUNK_WORDS).enumerate() {
            if let Some(chunk) = self.chunk(index) {
                chunk.for_each_in(words, &mut each);
            }
        }
    }

    /// Appends to `out` what `number` makes of the value of each row, NaN where there is none.
    pub(crate) fn gather(&self, rows: &[Row], out: &mut Vec<f64>, number: impl Fn(T) -> f64) {
        out.reserve(rows.len());
        for group in rows.chunk_by(|a, b| a.0 as usize / CHUNK_ROWS == b.0 as usize / CHUNK_ROWS) {
            match self.chunk(group[0].0 as usize / CHUNK_ROWS) {
                Some(chunk) => out.extend(
                    group.iter().map(|row| chunk.get(row.0 as usize % CHUNK_ROWS).map_or(f64::NAN, &number)),
                ),
                None => out.resize(out.len() + group.len(), f64::NAN),
            }
        }
    }
}

impl<T: Copy> PodChunk<T> {
    #[inline]
    fn for_each_in(&self, words: &[u64], mut each: impl FnMut(T)) {
        match self {
            Self::Dense { values, valid, .. } => {
                for (values, (index, &word)) in values.chunks(64).zip(words.iter().enumerate()) {
                    let wanted = word & valid.word(index);
                    match values.first_chunk::<64>() {
                        Some(all) if wanted == u64::MAX => all.iter().for_each(|&value| each(value)),
                        _ => bits(wanted).for_each(|bit| each(values[bit])),
                    }
                }
            }
            Self::Sparse { places, values } => {
                for (&at, &value) in places.iter().zip(values) {
                    let at = usize::from(at);
                    if words.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1) {
                        each(value);
                    }
                }
            }
        }
    }
}

impl Column {
    /// Calls `each` with every number or time (ms) of the rows in `mask`, ascending by row.
    #[inline]
    fn for_each_number(&self, mask: &[u64], mut each: impl FnMut(f64)) {
        match (self.as_numbers(), self.as_times()) {
            (Some(numbers), _) => numbers.for_each_in(mask, each),
            (None, Some(times)) => times.for_each_in(mask, |time| each(time as f64)),
            (None, None) => {}
        }
    }

    fn numbers(&self, rows: &[Row], out: &mut Vec<f64>) {
        match (self.as_numbers(), self.as_times()) {
            (Some(numbers), _) => numbers.gather(rows, out, |n| n),
            (None, Some(times)) => times.gather(rows, out, |time| time as f64),
            (None, None) => out.resize(out.len() + rows.len(), f64::NAN),
        }
    }
}
