//! What a run takes from the memos of its database and adds to them.

use std::cell::RefCell;

use boobook_engine::{Row, Snapshot, Table};
use boobook_model::RecordId;
use boobook_nx::{FieldAtKey, Library, Value};

use super::{BLOCK_ROWS, Memos, Pinned};

/// From so many results on it is worth looking up what is known of a formula. A single record is just computed.
const ASKED_BEFORE_PIN: usize = if cfg!(test) { 1 } else { 8 };
/// From so many results on, or as many as there are blocks of rows, a run is a scan whose results are worth keeping.
const ASKED_BY_SCAN: usize = if cfg!(test) { 2 } else { 64 };

/// What one run over a state knows of formulas.
pub(crate) struct Recall<'a> {
    memos: &'a Memos,
    snapshot: &'a Snapshot,
    library: &'a Library,
    formulas: RefCell<Formulas<'a>>,
}

#[derive(Default)]
struct Formulas<'a> {
    used: Vec<Used<'a>>,
    /// Which was asked for last.
    last: usize,
}

/// A formula that a run has asked for.
struct Used<'a> {
    at: FieldAtKey,
    table: Option<&'a Table>,
    asked: usize,
    scan: usize,
    /// `None`: not looked up yet, or nothing can be kept.
    pinned: Option<Pinned>,
    /// Results before it was clear that it is a scan.
    first: Vec<(Row, Value)>,
}

impl<'a> Recall<'a> {
    pub(crate) fn new(memos: &'a Memos, snapshot: &'a Snapshot, library: &'a Library) -> Self {
        Self { memos, snapshot, library, formulas: RefCell::default() }
    }

    /// What a formula of a record is known to come to.
    pub(crate) fn get(&self, at: FieldAtKey, record: RecordId) -> Option<Value> {
        let mut formulas = self.formulas.borrow_mut();
        let used = formulas.of(at, self.snapshot);
        used.asked += 1;
        if used.asked <= ASKED_BEFORE_PIN {
            return None;
        }
        if used.asked == ASKED_BEFORE_PIN + 1 {
            used.pinned = self.memos.pin(self.snapshot, self.library, at);
        }
        let pinned = used.pinned.as_ref()?;
        pinned.get(used.table?.row(record)?)
    }

    /// Takes what a formula of a record came to. Whether [`Self::get`] knows it from now on.
    pub(crate) fn put(&self, at: FieldAtKey, record: RecordId, value: &Value) -> bool {
        let mut formulas = self.formulas.borrow_mut();
        let used = formulas.of(at, self.snapshot);
        let Some(row) = used.table.and_then(|table| table.row(record)) else { return false };
        if !used.is_scan() {
            if used.first.len() < used.scan {
                used.first.push((row, value.clone()));
            }
            return false;
        }
        used.add_first();
        let Some(pinned) = used.pinned.as_mut().filter(|pinned| pinned.bytes < self.memos.bytes_max) else {
            return false;
        };
        pinned.put(row, value);
        true
    }
}

impl<'a> Formulas<'a> {
    fn of(&mut self, at: FieldAtKey, snapshot: &'a Snapshot) -> &mut Used<'a> {
        if self.used.get(self.last).is_none_or(|used| used.at != at) {
            self.last = self.used.iter().position(|used| used.at == at).unwrap_or_else(|| {
                let table = snapshot.table(at.0);
                let blocks = table.map_or(0, |table| table.len() / BLOCK_ROWS + 1);
                let scan = blocks.clamp(ASKED_BEFORE_PIN, ASKED_BY_SCAN);
                self.used.push(Used { at, table, asked: 0, scan, pinned: None, first: Vec::new() });
                self.used.len() - 1
            });
        }
        &mut self.used[self.last]
    }
}

impl Used<'_> {
    fn is_scan(&self) -> bool {
        self.asked > self.scan && self.pinned.is_some()
    }

    fn add_first(&mut self) {
        if let Some(pinned) = &mut self.pinned {
            for (row, value) in self.first.drain(..) {
                pinned.put(row, &value);
            }
        }
    }
}

/// What it has worked out stays with the database, even if the run failed in the end.
impl Drop for Recall<'_> {
    fn drop(&mut self) {
        for mut used in self.formulas.get_mut().used.drain(..) {
            if used.is_scan() {
                used.add_first();
            }
            if let Some(pinned) = used.pinned {
                self.memos.keep(used.at, pinned);
            }
        }
    }
}
