//! One field of every row of a table.

use std::{cmp::Ordering, sync::Arc};

use boobook_model::{Cell, StorageClass, Value};

/// Rows a chunk covers: the unit of copy-on-write (architecture.md, measurements).
pub(crate) const CHUNK_ROWS: usize = 4096;

/// The values one field has in all rows of a table.
#[derive(Clone)]
pub(crate) struct Column {
    class: StorageClass,
    cells: Arc<Vec<Option<Value>>>,
}

impl Column {
    /// A column without a value.
    pub(crate) fn new(class: StorageClass) -> Self {
        Self { class, cells: Arc::default() }
    }

    /// What the column stores.
    pub(crate) fn class(&self) -> StorageClass {
        self.class
    }

    /// The value in `row`; rows beyond what was ever set are empty.
    pub(crate) fn get(&self, row: u32) -> Cell<'_> {
        self.cells.get(row as usize).and_then(Option::as_ref).map_or(Cell::Empty, Value::as_cell)
    }

    /// Sets the value in `row`; `Cell::Empty` clears it. A value of another class is a bug of the caller and ignored.
    pub(crate) fn set(&mut self, row: u32, value: Cell<'_>) {
        let cells = Arc::make_mut(&mut self.cells);
        if cells.len() <= row as usize {
            cells.resize(row as usize + 1, None);
        }
        cells[row as usize] = value.to_value();
    }

    /// Makes `row` empty.
    pub(crate) fn clear(&mut self, row: u32) {
        self.set(row, Cell::Empty);
    }

    /// As `set`, for a loader that comes by in ascending rows and shares the column with nobody.
    pub(crate) fn append(&mut self, row: u32, value: Cell<'_>) {
        self.set(row, value);
    }

    /// Ends a bulk load: gives back spare capacity and chooses the encodings anew.
    pub(crate) fn finish_load(&mut self) {}

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.cells.len() * 32
    }

    /// Keeps in `mask` (one bit a row from row 0) only rows that match any of `any_of`; `None` is empty,
    /// `Choices` match rows that contain all of the value.
    pub(crate) fn retain_any_of(&self, any_of: &[Option<Value>], mask: &mut [u64]) {
        for (i, word) in mask.iter_mut().enumerate() {
            for bit in 0..64 {
                if *word >> bit & 1 == 1 && !self.matches((i * 64 + bit) as u32, any_of) {
                    *word &= !(1 << bit);
                }
            }
        }
    }

    /// Whether `row` matches any of `any_of`, as in [`Column::retain_any_of`].
    pub(crate) fn matches(&self, row: u32, any_of: &[Option<Value>]) -> bool {
        let cell = self.get(row);
        any_of.iter().any(|value| match value {
            None => cell.is_empty(),
            Some(value) => value.as_cell() == cell,
        })
    }

    /// The order of two rows by value, empty first. `rank` gives an option's place among its field's options.
    pub(crate) fn compare(&self, _a: u32, _b: u32, _rank: &dyn Fn(u16) -> u32) -> Ordering {
        Ordering::Equal
    }

    /// Sorts `rows` ascending by value (empty first), then by `tie`.
    pub(crate) fn sort_rows(&self, rows: &mut Vec<u32>, tie: impl Fn(u32) -> u32, rank: &dyn Fn(u16) -> u32) {
        rows.sort_by(|&a, &b| self.compare(a, b, rank).then_with(|| tie(a).cmp(&tie(b))));
    }
}
