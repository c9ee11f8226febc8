//! Numbers of all records that refer to a record, for every record at once.

use boobook_model::{Cell, RecordId, TableId};
use rustc_hash::FxHashMap;

use crate::{Snapshot, Summary, Table};

/// What a number field comes to in the records that refer to one, by the record referred to.
#[derive(Debug, Default)]
pub struct Linked {
    /// By id, while ids are not much greater than there are records.
    dense: Vec<Summary>,
    sparse: FxHashMap<u32, Summary>,
}

impl Linked {
    /// Of the records that refer to `target`.
    pub fn of(&self, target: RecordId) -> Summary {
        let target = target.get();
        let found = self.dense.get(target as usize).or_else(|| self.sparse.get(&target));
        found.copied().unwrap_or_default()
    }

    fn add(&mut self, target: u32, dense_ids: usize, number: f64) {
        let at = target as usize;
        if at >= dense_ids {
            self.sparse.entry(target).or_default().add(number);
            return;
        }
        if at >= self.dense.len() {
            self.dense.resize(at + 1, Summary::default());
        }
        self.dense[at].add(number);
    }
}

impl Snapshot {
    /// Sums up the numbers, or times in ms, of field `of` of a table by the record that its `ref` field `link` names.
    /// One pass over the table: for who asks for many records.
    pub fn linked(&self, table: TableId, link: usize, of: usize) -> Linked {
        self.table(table).map_or_else(Linked::default, |table| table.linked(link, of))
    }
}

impl Table {
    fn linked(&self, link: usize, of: usize) -> Linked {
        let mut linked = Linked::default();
        let (Some(Some(links)), Some(Some(numbers))) = (self.columns.get(link), self.columns.get(of)) else {
            return linked;
        };
        let dense_ids = self.rows.len() as usize + 4096;
        let mut add = |row: u32| {
            // Dead rows hold nothing.
            let Cell::Reference(target) = links.get(row) else { return };
            match numbers.get(row) {
                Cell::Number(n) => linked.add(target.get(), dense_ids, n),
                Cell::Time(ms) => linked.add(target.get(), dense_ids, ms as f64),
                _ => {}
            }
        };
        if self.rows.aside().is_empty() {
            (0..self.rows.len()).for_each(&mut add);
        } else {
            // In order of id, so that a loop over the records comes to the same to the last bit.
            self.rows.in_id_order().into_iter().for_each(&mut add);
        }
        linked
    }
}
