//! Whether what was worked out from a state still holds in a later one.
//!
//! The writer never changes what somebody else may look at: it makes a copy, or moves what nobody looks at any more to
//! a new place as long as a [`Version`] of it is kept. So the place in memory tells: one that is the same holds the same.

use std::sync::{Arc, Weak};

use boobook_model::{Sq, TableId};

use crate::{Row, Snapshot, Table, column::Column, rows::Rows};

/// A part of a table that changes as a whole, as far as versions tell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Part {
    /// The values of the field in a slot; with a `ref` field, also who refers to whom.
    Field(usize),
    /// Which records there are.
    Records,
    /// Who made and changed the records, when, and their sequences; with it all of the table.
    Meta,
}

/// A part of a table at one moment. Costs the memory of a counter or two, not that of the part.
#[derive(Clone, Debug, Default)]
pub struct Version(Place);

#[derive(Clone, Debug, Default)]
enum Place {
    /// There is no such part.
    #[default]
    Nowhere,
    Column(Weak<Column>),
    Rows(Weak<Rows>),
    Table(Weak<Table>),
}

impl Version {
    /// Whether both are of the same part, and nothing in it has changed between them.
    pub fn is(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Place::Nowhere, Place::Nowhere) => true,
            (Place::Column(a), Place::Column(b)) => a.ptr_eq(b),
            (Place::Rows(a), Place::Rows(b)) => a.ptr_eq(b),
            (Place::Table(a), Place::Table(b)) => a.ptr_eq(b),
            _ => false,
        }
    }
}

impl Snapshot {
    /// The version of a part of a table.
    pub fn version(&self, table: TableId, part: Part) -> Version {
        let Some(at) = self.place(table) else { return Version::default() };
        let table = &self.tables[at].1;
        Version(match part {
            Part::Field(slot) => match table.columns.get(slot) {
                Some(Some(column)) => Place::Column(Arc::downgrade(column)),
                _ => Place::Nowhere,
            },
            Part::Records => Place::Rows(Arc::downgrade(&table.rows)),
            Part::Meta => Place::Table(Arc::downgrade(table)),
        })
    }

    /// Whether readers may see it. The sequences of a state that only the writer knows may come to mean others.
    pub fn is_published(&self) -> bool {
        self.is_published
    }
}

impl Table {
    /// Rows written after a sequence, the dead ones among them included. Rows of another [`Table::epoch`] have other
    /// numbers.
    pub fn changed_rows(&self, since: Sq) -> impl Iterator<Item = Row> + '_ {
        let entries = self.log.after(since)..self.log.len();
        entries.filter_map(|at| self.log.current(at, &self.meta)).map(|(_, row)| Row(row))
    }
}
