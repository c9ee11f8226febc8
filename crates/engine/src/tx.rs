//! A transaction: an overlay over the working state.

use std::sync::Arc;

use boobook_model::{Cell, RecordId, Schema, Sq, TableId, UserId, Value};

use crate::{Snapshot, TxError};

/// A transaction being made. It reads its own writes; dropping it undoes them.
pub struct Tx<'h> {
    base: &'h Snapshot,
    schema: Arc<Schema>,
    actor: UserId,
    now_ms: i64,
}

/// What a transaction changes, checked, ready for [`crate::Head::apply`].
pub struct Writes {
    schema: Arc<Schema>,
}

impl Tx<'_> {
    /// The state below the overlay: without what this transaction wrote.
    pub fn snapshot(&self) -> &Snapshot {
        self.base
    }

    /// The schema, [`Self::change_schema`] included.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Makes a record with the table's next id. Of a slot named twice the last value counts.
    pub fn create(
        &mut self,
        table: TableId,
        values: Vec<(usize, Option<Value>)>,
    ) -> Result<RecordId, TxError> {
        todo!()
    }

    /// Changes fields of a record; the others keep their values. It counts as changed even if all values are
    /// what they were.
    pub fn update(
        &mut self,
        table: TableId,
        rid: RecordId,
        values: Vec<(usize, Option<Value>)>,
    ) -> Result<(), TxError> {
        todo!()
    }

    /// Changes a record, or makes it with that id; true if it was made.
    pub fn upsert(
        &mut self,
        table: TableId,
        rid: RecordId,
        values: Vec<(usize, Option<Value>)>,
    ) -> Result<bool, TxError> {
        todo!()
    }

    /// Deletes a record, clears references to it, and deletes what it is composed of.
    pub fn delete(&mut self, table: TableId, rid: RecordId) -> Result<(), TxError> {
        todo!()
    }

    /// Whether the record exists, own writes included.
    pub fn exists(&self, table: TableId, rid: RecordId) -> bool {
        todo!()
    }

    /// Sequence of the record's last change below the overlay, for `If-Match`.
    pub fn sequence(&self, table: TableId, rid: RecordId) -> Option<Sq> {
        todo!()
    }

    /// What a field holds, own writes included. `Empty` where there is no such record.
    pub fn cell(&self, table: TableId, rid: RecordId, slot: usize) -> Cell<'_> {
        todo!()
    }

    /// Replaces the schema; columns follow by field id. Comes before anything else in a transaction: records
    /// written earlier would carry slots of the old schema.
    pub fn change_schema(&mut self, schema: Arc<Schema>) {
        todo!()
    }

    /// Checks that every reference written names a record.
    pub fn finish(self) -> Result<Writes, TxError> {
        todo!()
    }
}
