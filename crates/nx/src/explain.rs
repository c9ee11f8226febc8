//! How a run tested what it selected: `explain` of rest-api.md §6.

use boobook_model::TableId;

use crate::{Context, ir::Select};

/// A `select` of a script, all its runs together.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// The table.
    pub table: TableId,
    /// Its conditions: how each was tested, and where it is written.
    pub tests: Vec<(Tested, (u32, u32))>,
    /// How often it ran.
    pub runs: u64,
    /// How many records it found, in all runs together.
    pub found: u64,
    /// Which one it is.
    key: usize,
}

/// How a condition is tested, the quickest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tested {
    /// In the column or an index of a field.
    Column,
    /// For blocks of records at once.
    Block,
    /// Once for each value of a field.
    Value,
    /// Record by record.
    Record,
}

impl Context<'_> {
    /// From now on the run notes how it selects.
    pub fn explain(&mut self) {
        self.selections = Some(Vec::new());
    }

    /// What was noted.
    pub fn explained(&mut self) -> Vec<Selection> {
        self.selections.take().unwrap_or_default()
    }

    /// Notes a run of a `select`. Where scripts of the schema select, the text of the conditions is not the caller's.
    pub(crate) fn note_run(&mut self, select: &Select, tests: impl Iterator<Item = (Tested, (u32, u32))>) {
        let is_trusted = self.trusted > 0;
        let Some(selections) = &mut self.selections else { return };
        let key = std::ptr::from_ref(select).addr();
        match selections.iter_mut().find(|known| known.key == key) {
            Some(known) => known.runs += 1,
            None => {
                let tests = if is_trusted { Vec::new() } else { tests.collect() };
                selections.push(Selection { table: select.table, tests, runs: 1, found: 0, key });
            }
        }
    }

    pub(crate) fn note_found(&mut self, select: &Select, found: usize) {
        let key = std::ptr::from_ref(select).addr();
        if let Some(known) = self.selections.iter_mut().flatten().find(|known| known.key == key) {
            known.found += found as u64;
        }
    }
}
