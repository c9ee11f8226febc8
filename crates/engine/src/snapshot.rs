//! One immutable state of a database.

use std::sync::Arc;

use boobook_model::{RecordId, Schema, Sq, TableId};

use crate::{ChangePage, Select, Selected, Table};

/// The whole database at one sequence number. Readers hold an `Arc<Snapshot>` for as long as they like;
/// nothing in it ever changes.
#[derive(Clone)]
pub struct Snapshot {
    /// Sequence of the newest change.
    pub sq: Sq,
    /// Sequence of the newest schema change.
    pub schema_sq: Sq,
    /// Deletions at or below this sequence may have been forgotten.
    pub sq_min: Sq,
    /// Newest time given to a change, ms since the epoch.
    pub clock_ms: i64,
    /// The schema.
    pub schema: Arc<Schema>,
    tables: Vec<(TableId, Arc<Table>)>,
}

impl Snapshot {
    /// A table's records; `None` for pages and unknown ids.
    pub fn table(&self, id: TableId) -> Option<&Table> {
        todo!()
    }

    /// Bytes on the heap, lazy indexes included; without the schema.
    pub fn heap_bytes(&self) -> usize {
        todo!()
    }

    /// Gives back the memory of lazily built indexes, for all versions of this database.
    pub fn drop_indexes(&self) {
        todo!()
    }

    /// Ids of the records of `table` whose `ref` field in `slot` points to `rid`, ascending, appended to `out`.
    pub fn reverse(&self, table: TableId, slot: usize, rid: RecordId, out: &mut Vec<u32>) {
        todo!()
    }

    /// Records changed after `since`, in order of change, at most `limit`; of one table or of all.
    pub fn changes(&self, table: Option<TableId>, since: Sq, limit: usize) -> ChangePage {
        todo!()
    }

    /// Records of a table that pass all filters, in order, one page of them. An unknown table has none.
    pub fn select(&self, table: TableId, select: &Select) -> Selected {
        todo!()
    }
}
