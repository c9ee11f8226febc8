//! From stored rows to a snapshot.

use std::sync::Arc;

use boobook_model::{Cell, FieldId, RecordId, Schema, Sq, StorageClass, TableId, TableKind};

use crate::{
    RecordMeta, Snapshot, Table,
    column::Column,
    gone::{Deletion, Gone},
    log::Log,
    meta::Stamp,
    rows::Rows,
    snapshot::State,
};

/// Builds a snapshot from rows that come ascending by table and record id, tombstones included.
///
/// Rows of unknown tables, unknown fields and values of another class than their field's are skipped: stored
/// bodies outlive the schema they were written under.
pub struct Loader {
    snapshot: Snapshot,
    /// Ascending by id, as the snapshot's.
    tables: Vec<TableLoad>,
    at: usize,
}

struct TableLoad {
    table: Table,
    rows: Rows,
    columns: Vec<Option<Column>>,
    log: Vec<(Sq, u32)>,
    gone: Vec<Deletion>,
    rid_last: u32,
}

/// Takes the fields of one record.
pub struct RowWriter<'l> {
    load: Option<&'l mut TableLoad>,
    row: u32,
    /// Fields come in the order of their ids, as slots are: mostly the next one is meant.
    slot_next: usize,
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
        let tables = schema.tables.iter().filter(|table| table.kind == TableKind::Table);
        let tables = tables.map(|schema| {
            let mut table = Table::new(Arc::clone(schema));
            if let Some(&(_, next)) = counters.iter().find(|(id, _)| *id == schema.id) {
                table.next_id = next.max(1);
            }
            let columns = table.layout.iter().map(|(_, field)| field.class.map(Column::new)).collect();
            TableLoad {
                table,
                rows: Rows::default(),
                columns,
                log: Vec::new(),
                gone: Vec::new(),
                rid_last: 0,
            }
        });
        let tables = tables.collect();
        let snapshot = Snapshot {
            sq,
            schema_sq,
            sq_min,
            clock_ms,
            schema,
            tables: Vec::new(),
            state: State::default(),
            is_published: true,
        };
        Self { snapshot, tables, at: 0 }
    }

    /// Adds a record, or a tombstone.
    ///
    /// # Panics
    /// If rows of a table do not come ascending by id.
    pub fn record(
        &mut self,
        table: TableId,
        rid: RecordId,
        deleted: bool,
        meta: &RecordMeta<'_>,
    ) -> RowWriter<'_> {
        let is_at = |load: &TableLoad| load.table.schema.id == table;
        if !self.tables.get(self.at).is_some_and(is_at) {
            match self.tables.binary_search_by_key(&table, |load| load.table.schema.id) {
                Ok(at) => self.at = at,
                Err(_) => return RowWriter { load: None, row: 0, slot_next: 0 },
            }
        }
        let load = &mut self.tables[self.at];
        assert!(load.rid_last < rid.get(), "stored rows come ascending by record id");
        load.rid_last = rid.get();
        load.table.next_id = load.table.next_id.max(u64::from(rid.get()) + 1);
        if deleted {
            load.gone.push(Deletion { sq: meta.sq, rid: rid.get(), at_ms: meta.modified_at_ms });
            return RowWriter { load: None, row: 0, slot_next: 0 };
        }
        let created_by = load.table.meta.user(meta.created_by);
        let by = load.table.meta.user(meta.modified_by);
        let row = load.rows.push(rid.get(), &load.table.meta);
        let stamp = Stamp { sq: meta.sq, at_ms: meta.modified_at_ms, by };
        load.table.meta.push(rid.get(), meta.created_at_ms, created_by, stamp);
        load.log.push((meta.sq, row));
        RowWriter { load: Some(load), row, slot_next: 0 }
    }

    /// The snapshot.
    pub fn finish(mut self) -> Snapshot {
        let tables = self.tables.into_iter().map(|load| {
            let table = load.finish();
            (table.schema.id, Arc::new(table))
        });
        self.snapshot.tables = tables.collect();
        self.snapshot
    }
}

impl TableLoad {
    fn finish(mut self) -> Table {
        let mut table = self.table;
        table.columns = self
            .columns
            .into_iter()
            .map(|column| {
                column.map(|mut column| {
                    column.finish_load();
                    Arc::new(column)
                })
            })
            .collect();
        self.rows.settle(&table.meta);
        table.rows = Arc::new(self.rows);
        table.log = Log::of(self.log);
        table.gone = Arc::new(Gone::of(self.gone));
        let slots: Vec<usize> = table.reverse.iter().map(|(slot, _)| *slot).collect();
        table.reverse = slots.into_iter().map(|slot| (slot, Arc::new(table.collect_reverse(slot)))).collect();
        table
    }
}

impl RowWriter<'_> {
    /// Sets a field. Unknown fields and values of another class than the field stores are skipped.
    pub fn field(&mut self, field: FieldId, cell: Cell<'_>) {
        let Some(load) = &mut self.load else { return };
        let fields = &load.table.schema.fields;
        let slot = match fields.get(self.slot_next) {
            Some(next) if next.id == field => self.slot_next,
            _ => match load.table.schema.slot(field) {
                Some(slot) => slot,
                None => return,
            },
        };
        self.slot_next = slot + 1;
        if let Some(column) = &mut load.columns[slot]
            && fits(cell, column.class())
        {
            column.append(self.row, cell);
        }
    }
}

/// Whether a value is of the class a field stores.
pub(crate) fn fits(cell: Cell<'_>, class: StorageClass) -> bool {
    match cell {
        Cell::Empty => false,
        Cell::Bool(_) => class == StorageClass::Bool,
        Cell::Number(_) => class == StorageClass::Number,
        Cell::Time(_) => class == StorageClass::Time,
        Cell::Reference(_) => class == StorageClass::Reference,
        Cell::Choice(_) => class == StorageClass::Choice,
        Cell::Choices(_) => class == StorageClass::Choices,
        Cell::Text(_) => class == StorageClass::Text,
    }
}
