//! The change feed: what changed after a sequence number.

use boobook_model::{RecordId, Sq, TableId};

use crate::Row;

/// A page of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangePage {
    /// Ascending by sequence; each record once, with its newest change.
    pub items: Vec<ChangeItem>,
    /// Whether there are more than were asked for.
    pub more: bool,
    /// What to ask for next: the last item's sequence, or the snapshot's when there are no more.
    pub seq: Sq,
}

/// The newest change of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeItem {
    /// Its table.
    pub table: TableId,
    /// Its id.
    pub rid: RecordId,
    /// Sequence of the change.
    pub sq: Sq,
    /// Where it is; `None` if it was deleted.
    pub row: Option<Row>,
}
