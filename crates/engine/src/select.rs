//! Filter, order and page.

use boobook_model::{Sq, Value};

use crate::Row;

/// Which records, in what order, which page of them.
#[derive(Clone, Debug)]
pub struct Select {
    /// All must hold.
    pub filters: Vec<FieldFilter>,
    /// Only records with a greater id.
    pub after_id: Option<u64>,
    /// Only records changed later.
    pub after_sq: Option<Sq>,
    /// In what order.
    pub order: Order,
    /// How many to leave out first.
    pub skip: usize,
    /// How many to answer at most.
    pub take: usize,
    /// Whether to count all that pass.
    pub count: bool,
}

impl Default for Select {
    /// Everything, by id.
    fn default() -> Self {
        Self {
            filters: Vec::new(),
            after_id: None,
            after_sq: None,
            order: Order::IdAsc,
            skip: 0,
            take: usize::MAX,
            count: false,
        }
    }
}

/// A field equals one of some values.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldFilter {
    /// The field's slot; computed fields are empty.
    pub slot: usize,
    /// The values; `None` is empty. A record passes a `Choices` value if it has all of its members.
    pub any_of: Vec<Option<Value>>,
}

/// In what order. Ties go by id, ascending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By id.
    IdAsc,
    /// By id, greatest first.
    IdDesc,
    /// By last change, oldest first.
    SequenceAsc,
    /// By last change, newest first.
    SequenceDesc,
    /// By creation time, oldest first.
    CreatedAsc,
    /// By creation time, newest first.
    CreatedDesc,
    /// By time of last change, oldest first.
    ModifiedAsc,
    /// By time of last change, newest first.
    ModifiedDesc,
    /// By creation time, newest first, and the greater id first where that is the same: the last created first
    /// even among records of one transaction.
    Newest,
    /// By a field's value: empty first (last with `desc`).
    Field {
        /// The field's slot.
        slot: usize,
        /// Greatest value first.
        desc: bool,
    },
}

/// A page of records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// The page.
    pub rows: Vec<Row>,
    /// How many pass in all, where asked for.
    pub total: Option<usize>,
}
