//! One table's records.

use std::sync::Arc;

use boobook_model::{Cell, RecordId, Sq, TableSchema};

/// A slot of a table; valid in one snapshot (and in others of the same [`Table::epoch`]).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Row(pub u32);

/// What a record carries besides its fields.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordMeta<'a> {
    /// Sequence of its last change.
    pub sq: Sq,
    /// When it was made, ms since the epoch.
    pub created_at_ms: i64,
    /// Who made it.
    pub created_by: &'a str,
    /// When it was changed last, ms since the epoch.
    pub modified_at_ms: i64,
    /// Who changed it last.
    pub modified_by: &'a str,
}

/// The records of one table at one moment.
#[derive(Clone)]
pub struct Table {
    schema: Arc<TableSchema>,
}

impl Table {
    /// The table's schema: a field's place in it is the `slot` asked for here.
    pub fn schema(&self) -> &Arc<TableSchema> {
        &self.schema
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        todo!()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where a record is; `None` if it does not exist.
    pub fn row(&self, rid: RecordId) -> Option<Row> {
        todo!()
    }

    /// The record in a row.
    pub fn record_id(&self, row: Row) -> RecordId {
        todo!()
    }

    /// Sequence, times and users of the record in a row.
    pub fn meta(&self, row: Row) -> RecordMeta<'_> {
        todo!()
    }

    /// What a field of the record in a row holds; `Empty` for computed fields.
    pub fn cell(&self, slot: usize, row: Row) -> Cell<'_> {
        todo!()
    }

    /// The id the next new record gets.
    pub fn next_id(&self) -> u64 {
        todo!()
    }

    /// Moves when rows are renumbered.
    pub fn epoch(&self) -> u64 {
        todo!()
    }
}
