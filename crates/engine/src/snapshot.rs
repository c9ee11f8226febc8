//! One immutable state of a database.

use std::sync::Arc;

use boobook_model::{RecordId, Schema, Sieve, Sq, TableId, TableKind, UserId};

use crate::{ChangePage, Condition, Expired, Select, Selected, Summary, Table, Tx, changes};

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
    /// Ascending by id.
    pub(crate) tables: Vec<(TableId, Arc<Table>)>,
    /// One for each state of a database, shared by its copies: sequences alone do not tell states apart, as a
    /// vacuum moves rows under the same one and a dropped working state gives its sequences to other changes.
    pub(crate) state: State,
    /// Whether readers may see it. What the writer works on may be dropped and its sequences given to other
    /// changes, so nothing that outlives it is derived from it.
    pub(crate) is_published: bool,
}

/// The identity of a state. Whoever holds one keeps it from being given to another.
#[derive(Clone, Default)]
pub(crate) struct State(Arc<()>);

impl State {
    /// Whether both are of the same state.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Snapshot {
    /// A table's records; `None` for pages and unknown ids.
    pub fn table(&self, id: TableId) -> Option<&Table> {
        self.place(id).map(|at| &*self.tables[at].1)
    }

    /// Starts a transaction apart from the writer. It keeps account of the tables it looks at, and what it comes to is
    /// applied ([`crate::Head::apply`]) to any later state in which none of them has changed.
    pub fn begin(&self, actor: UserId, now_ms: i64) -> Tx<'_> {
        Tx::apart(self, actor, now_ms)
    }

    pub(crate) fn place(&self, id: TableId) -> Option<usize> {
        self.tables.binary_search_by_key(&id, |(id, _)| *id).ok()
    }

    /// Bytes on the heap, lazy indexes included; without the schema.
    pub fn heap_bytes(&self) -> usize {
        self.tables.iter().map(|(_, table)| size_of::<Table>() + table.heap_bytes()).sum()
    }

    /// Gives back the memory of lazily built indexes, for all versions of this database.
    pub fn drop_indexes(&self) {
        for (_, table) in &self.tables {
            table.indexes.clear();
        }
    }

    /// Ids of the records of `table` whose `ref` field in `slot` points to `rid`, ascending, appended to `out`.
    pub fn reverse(&self, table: TableId, slot: usize, rid: RecordId, out: &mut Vec<u32>) {
        if let Some(table) = self.table(table) {
            table.referrers(slot, rid, out);
        }
    }

    /// Records changed after `since`, in order of change, at most `limit`; of one table or of all. Only the
    /// caller can tell a client that asks below `sq_min` to start over.
    pub fn changes(&self, table: Option<TableId>, since: Sq, limit: usize) -> ChangePage {
        changes::page(self, table, since, limit)
    }

    /// The oldest deletions, at most `limit` of them, that were made before an instant and no younger one came
    /// before; `None` if there is none. Looks at every deletion and at tables with dead rows as a whole: not for
    /// every request.
    pub fn expired(&self, before_ms: i64, limit: usize) -> Option<Expired> {
        changes::expired(self, before_ms, limit)
    }

    /// Records of a table that pass all filters, in order, one page of them. An unknown table has none.
    pub fn select(&self, table: TableId, select: &Select) -> Selected {
        match self.table(table) {
            Some(table) => table.select(select, self.is_published),
            None => Selected { rows: Vec::new(), total: select.count.then_some(0) },
        }
    }

    /// How many records of a table pass all conditions and sieves.
    pub fn count(&self, table: TableId, conditions: &[Condition], sieves: &[&dyn Sieve]) -> usize {
        self.table(table).map_or(0, |table| table.matching(conditions, sieves, self.is_published).count())
    }

    /// The ids of the records of a table that pass all conditions and sieves, ascending.
    pub fn ids(&self, table: TableId, conditions: &[Condition], sieves: &[&dyn Sieve]) -> Vec<RecordId> {
        self.table(table)
            .map_or(Vec::new(), |table| table.matching(conditions, sieves, self.is_published).ids())
    }

    /// The ids of the first `take` records by a stored field, of those that pass all conditions and sieves: ascending by
    /// value, empty ones first (last with `desc`), equal ones by id.
    pub fn first_by(
        &self,
        table: TableId,
        (conditions, sieves): (&[Condition], &[&dyn Sieve]),
        (slot, desc): (usize, bool),
        take: usize,
    ) -> Vec<RecordId> {
        let first =
            |table: &Table| table.first_by((conditions, sieves), (slot, desc), take, self.is_published);
        self.table(table).map_or(Vec::new(), first)
    }

    /// The first record by id of each value that a yes/no or choice field has, one without a value included, of those
    /// that pass all conditions and sieves; ascending. `None` for other fields and where there are many values.
    pub fn first_of_each(
        &self,
        table: TableId,
        conditions: &[Condition],
        sieves: &[&dyn Sieve],
        slot: usize,
    ) -> Option<Vec<RecordId>> {
        let table = self.table(table)?;
        table.first_of_each(table.matching(conditions, sieves, self.is_published), slot)
    }

    /// Number, sum and bounds of a field's numbers, or times in ms, in the records that pass all conditions and
    /// sieves.
    pub fn summary(
        &self,
        table: TableId,
        conditions: &[Condition],
        sieves: &[&dyn Sieve],
        slot: usize,
    ) -> Summary {
        let Some(table) = self.table(table) else { return Summary::default() };
        table.summary(table.matching(conditions, sieves, self.is_published), slot)
    }

    /// The same state under another schema; sequences are for the caller to give.
    pub(crate) fn with_schema(&self, schema: Arc<Schema>) -> Self {
        let kept = schema.tables.iter().filter(|table| table.kind == TableKind::Table);
        let tables = kept.map(|new| {
            let table = match self.place(new.id).map(|at| &self.tables[at].1) {
                Some(old) if Arc::ptr_eq(&old.schema, new) => Arc::clone(old),
                Some(old) => Arc::new(old.with_schema(new)),
                None => Arc::new(Table::new(Arc::clone(new))),
            };
            (new.id, table)
        });
        Self { tables: tables.collect(), schema, ..self.clone() }
    }
}
