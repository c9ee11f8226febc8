//! Sums over the many side of a relation, for scripts that ask for them record by record.

use std::cell::RefCell;

use boobook_engine::{Linked, Snapshot};
use boobook_model::{RecordId, TableId};
use boobook_nx::Summary;

/// As many records of the many side are summed up at once for one that was asked about: in about the time that the
/// asking took.
const ROWS_PER_ASKED: usize = 64;

/// What a run has found out.
pub(crate) struct Links<'a> {
    snapshot: &'a Snapshot,
    asked: RefCell<Vec<Asked>>,
}

/// A link and a number field of the table it is in.
struct Asked {
    what: (TableId, usize, usize),
    times: usize,
    sums: Option<Linked>,
}

impl<'a> Links<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot) -> Self {
        Self { snapshot, asked: RefCell::default() }
    }

    /// What a number field comes to in the records that refer to one; `None` until it is asked so often that it is
    /// worth summing up for all records.
    pub(crate) fn summary(
        &self,
        table: TableId,
        link: usize,
        record: RecordId,
        slot: usize,
    ) -> Option<Summary> {
        let what = (table, link, slot);
        let mut all = self.asked.borrow_mut();
        let at = all.iter().position(|asked| asked.what == what).unwrap_or_else(|| {
            all.push(Asked { what, times: 0, sums: None });
            all.len() - 1
        });
        let asked = &mut all[at];
        if asked.sums.is_none() {
            asked.times += 1;
            if asked.times * ROWS_PER_ASKED <= self.snapshot.table(table)?.len() {
                return None;
            }
        }
        let sums = asked.sums.get_or_insert_with(|| self.snapshot.linked(table, link, slot));
        let found = sums.of(record);
        Some(Summary { count: found.count, sum: found.sum, min: found.min, max: found.max })
    }
}
