//! From stored rows to a snapshot.

use std::sync::Arc;

use boobook_model::{Cell, FieldId, RecordId, Schema, Sq, TableId};

use crate::{RecordMeta, Snapshot};

/// Builds a snapshot from rows that come ascending by table and record id, tombstones included.
pub struct Loader {
    schema: Arc<Schema>,
}

/// Takes the fields of one record.
pub struct RowWriter<'l> {
    loader: &'l mut Loader,
}

impl Loader {
    /// Starts a load. `counters` are the next record ids of tables that ever had a record.
    pub fn new(
        schema: Arc<Schema>,
        sq: Sq,
        schema_sq: Sq,
        sq_min: Sq,
        clock_ms: i64,
        counters: Vec<(TableId, u64)>,
    ) -> Self {
        todo!()
    }

    /// Adds a record, or a tombstone. Records of unknown tables are skipped.
    pub fn record(
        &mut self,
        table: TableId,
        rid: RecordId,
        deleted: bool,
        meta: &RecordMeta<'_>,
    ) -> RowWriter<'_> {
        todo!()
    }

    /// The snapshot.
    pub fn finish(self) -> Snapshot {
        todo!()
    }
}

impl RowWriter<'_> {
    /// Sets a field. Unknown fields and values of another class than the field stores are skipped.
    pub fn field(&mut self, field: FieldId, cell: Cell<'_>) {
        todo!()
    }
}
