//! One table's records.

use std::sync::Arc;

use boobook_model::{Cell, RecordId, Sq, TableSchema, Value};

use crate::{
    column::Column,
    gone::{Deletion, Gone},
    index::Indexes,
    layout::Layout,
    log::Log,
    meta::{Meta, Stamp},
    reverse::Reverse,
    rows::Rows,
};

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

/// Values by slot, as the writer hands them over.
pub(crate) type SlotValues = Vec<(usize, Option<Value>)>;

/// Who made a record, when.
#[derive(Clone, Copy)]
pub(crate) struct Made {
    pub(crate) at_ms: i64,
    /// A code of the table's users.
    pub(crate) by: u32,
}

/// The records of one table at one moment. A clone shares everything until one of the two is written to.
#[derive(Clone)]
pub struct Table {
    pub(crate) schema: Arc<TableSchema>,
    pub(crate) layout: Arc<Layout>,
    /// By slot; `None` for computed fields.
    pub(crate) columns: Vec<Option<Arc<Column>>>,
    /// By slot, ascending: the `ref` fields.
    pub(crate) reverse: Vec<(usize, Arc<Reverse>)>,
    /// Behind a counter of its own, as updates leave it alone.
    pub(crate) rows: Arc<Rows>,
    pub(crate) meta: Meta,
    pub(crate) log: Log,
    pub(crate) gone: Arc<Gone>,
    pub(crate) next_id: u64,
    pub(crate) epoch: u64,
    pub(crate) indexes: Arc<Indexes>,
}

impl Table {
    /// A table without records.
    pub(crate) fn new(schema: Arc<TableSchema>) -> Self {
        let layout = Layout::of(&schema);
        let columns = layout.iter().map(|(_, field)| field.class.map(|class| Arc::new(Column::new(class))));
        let refs = layout.iter().filter(|(_, field)| field.target.is_some());
        Self {
            columns: columns.collect(),
            reverse: refs.map(|(slot, _)| (slot, Arc::default())).collect(),
            layout: Arc::new(layout),
            schema,
            rows: Arc::default(),
            meta: Meta::default(),
            log: Log::default(),
            gone: Arc::default(),
            next_id: 1,
            epoch: 0,
            indexes: Arc::default(),
        }
    }

    /// The table's schema: a field's place in it is the `slot` asked for here.
    pub fn schema(&self) -> &Arc<TableSchema> {
        &self.schema
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.rows.live_len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where a record is; `None` if it does not exist.
    pub fn row(&self, rid: RecordId) -> Option<Row> {
        self.rows.row_of(rid.get(), &self.meta).filter(|&row| self.rows.is_live(row)).map(Row)
    }

    /// The rows of all records, ascending by record id.
    pub fn rows_by_id(&self) -> impl Iterator<Item = Row> + use<> {
        self.rows.in_id_order().into_iter().map(Row)
    }

    /// The record in a row.
    pub fn record_id(&self, row: Row) -> RecordId {
        record_id(self.meta.rid(row.0))
    }

    /// Sequence, times and users of the record in a row.
    pub fn meta(&self, row: Row) -> RecordMeta<'_> {
        self.meta.of(row.0)
    }

    /// What a field of the record in a row holds; `Empty` for computed fields.
    pub fn cell(&self, slot: usize, row: Row) -> Cell<'_> {
        match self.columns.get(slot) {
            Some(Some(column)) => column.get(row.0),
            _ => Cell::Empty,
        }
    }

    /// The sequence of a record's last change, deletions that are still known included.
    pub fn last_sq(&self, rid: RecordId) -> Option<Sq> {
        let sq = match self.rows.row_of(rid.get(), &self.meta) {
            Some(row) => self.meta.sq(row),
            None => self.gone.sq_of(rid.get())?,
        };
        // A forgotten deletion leaves its row, which means nothing any more, until a vacuum.
        (sq > Sq(0)).then_some(sq)
    }

    /// The id the next new record gets.
    pub fn next_id(&self) -> u64 {
        self.next_id
    }

    /// Moves when rows are renumbered.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Bytes on the heap, shared with other versions or not.
    pub fn heap_bytes(&self) -> usize {
        self.columns.iter().flatten().map(|column| column.heap_bytes()).sum::<usize>()
            + self.reverse.iter().map(|(_, reverse)| reverse.heap_bytes()).sum::<usize>()
            + self.rows.heap_bytes()
            + self.meta.heap_bytes()
            + self.log.heap_bytes()
            + self.gone.heap_bytes()
            + self.indexes.heap_bytes()
    }

    /// Who refers to `target` by the `ref` field in `slot`, ascending, appended to `out`.
    pub(crate) fn referrers(&self, slot: usize, target: RecordId, out: &mut Vec<u32>) {
        if let Some((_, reverse)) = self.reverse.iter().find(|(s, _)| *s == slot) {
            reverse.list(target.get(), out);
        }
    }

    /// Adds a record that does not exist; answers its row, and the sequence of its deletion if it did once.
    pub(crate) fn insert(
        &mut self,
        rid: RecordId,
        values: &SlotValues,
        made: Made,
        stamp: Stamp,
    ) -> (Row, Sq) {
        let prev = match self.rows.row_of(rid.get(), &self.meta) {
            Some(dead) => {
                let prev = self.meta.sq(dead);
                if prev > Sq(0) {
                    self.meta.forget(dead);
                    self.log.outdate();
                }
                prev
            }
            None => self.gone.sq_of(rid.get()).unwrap_or_default(),
        };
        let row = Arc::make_mut(&mut self.rows).push(rid.get(), &self.meta);
        self.meta.push(rid.get(), made.at_ms, made.by, stamp);
        self.log.push(stamp.sq, row);
        for (slot, value) in values {
            self.set(*slot, row, rid, value.as_ref());
        }
        (Row(row), prev)
    }

    /// Changes a record; answers the sequence before and the old values of the fields that changed.
    pub(crate) fn change(
        &mut self,
        row: Row,
        rid: RecordId,
        values: &SlotValues,
        stamp: Stamp,
    ) -> (Sq, SlotValues) {
        let mut before = Vec::new();
        for (slot, value) in values {
            let new = value.as_ref().map_or(Cell::Empty, Value::as_cell);
            let old = self.cell(*slot, row);
            if old != new {
                before.push((*slot, old.to_value()));
                self.set(*slot, row.0, rid, value.as_ref());
            }
        }
        (self.touch(row, stamp), before)
    }

    /// Deletes a record; answers the sequence before and its values.
    pub(crate) fn remove(&mut self, row: Row, rid: RecordId, stamp: Stamp) -> (Sq, SlotValues) {
        let mut before = Vec::new();
        for slot in 0..self.columns.len() {
            let old = self.cell(slot, row);
            if !old.is_empty() {
                before.push((slot, old.to_value()));
                self.set(slot, row.0, rid, None);
            }
        }
        Arc::make_mut(&mut self.rows).kill(row.0);
        (self.touch(row, stamp), before)
    }

    pub(crate) fn touch(&mut self, row: Row, stamp: Stamp) -> Sq {
        self.log.outdate();
        self.log.push(stamp.sq, row.0);
        self.meta.touch(row.0, stamp)
    }

    /// Ends a transaction on this table.
    pub(crate) fn settle(&mut self) {
        if self.rows.is_unsettled() {
            Arc::make_mut(&mut self.rows).settle(&self.meta);
        }
        self.log.settle(&self.meta);
    }

    fn set(&mut self, slot: usize, row: u32, rid: RecordId, value: Option<&Value>) {
        let Some(Some(column)) = self.columns.get_mut(slot) else { return };
        let old = column.get(row);
        if value.is_none() && old.is_empty() {
            return;
        }
        if let Ok(at) = self.reverse.binary_search_by_key(&slot, |(slot, _)| *slot) {
            let reverse = Arc::make_mut(&mut self.reverse[at].1);
            if let Cell::Reference(target) = old {
                reverse.remove(target.get(), rid.get());
            }
            if let Some(Value::Reference(target)) = value {
                reverse.add(target.get(), rid.get());
            }
        }
        Arc::make_mut(column).set(row, value.map_or(Cell::Empty, Value::as_cell));
    }

    /// The same records under another schema: columns follow by field id, and a field that stores another class
    /// now is empty.
    pub(crate) fn with_schema(&self, schema: &Arc<TableSchema>) -> Self {
        let fresh = Self::new(Arc::clone(schema));
        let kept = |slot: usize| {
            let old = self.schema.slot(schema.fields[slot].id)?;
            (self.layout.slot(old).class == fresh.layout.slot(slot).class).then_some(old)
        };
        let mut columns = fresh.columns.clone();
        for (slot, column) in columns.iter_mut().enumerate() {
            if let Some(old) = kept(slot) {
                column.clone_from(&self.columns[old]);
            }
        }
        let mut table = Self { columns, ..self.clone() };
        table.reverse = Vec::new();
        for (slot, empty) in fresh.reverse {
            let reverse = match kept(slot) {
                None => empty,
                Some(old) => match self.reverse.iter().find(|(s, _)| *s == old) {
                    Some((_, reverse)) => Arc::clone(reverse),
                    None => Arc::new(table.collect_reverse(slot)),
                },
            };
            table.reverse.push((slot, reverse));
        }
        table.schema = fresh.schema;
        table.layout = fresh.layout;
        table.indexes = Arc::default();
        table
    }

    /// The reverse index of a column, from its values.
    pub(crate) fn collect_reverse(&self, slot: usize) -> Reverse {
        let Some(Some(column)) = self.columns.get(slot) else { return Reverse::default() };
        let mut pairs = Vec::new();
        for row in 0..self.rows.len() {
            if let Cell::Reference(target) = column.get(row) {
                pairs.push((target.get(), self.meta.rid(row)));
            }
        }
        Reverse::of(pairs)
    }

    /// Whether so many rows are dead or out of order that it is time to rewrite the table.
    pub(crate) fn wants_vacuum(&self, rows_min: u32) -> bool {
        let rows = self.rows.len();
        let dead = rows as usize - self.len();
        rows > rows_min
            && (dead as u64 * 10 > u64::from(rows) * 3 || self.rows.aside().len() > rows as usize / 8)
    }

    /// The same records in rows without gaps, in id order. Deletions are kept aside.
    pub(crate) fn vacuumed(&self) -> Self {
        let order = self.rows.in_id_order();
        let mut table = Self {
            gone: Arc::new(self.all_gone()),
            next_id: self.next_id,
            epoch: self.epoch + 1,
            meta: self.meta.emptied(),
            reverse: self.reverse.clone(),
            ..Self::new(Arc::clone(&self.schema))
        };
        let mut rows = Rows::default();
        for &row in &order {
            rows.push(self.meta.rid(row), &table.meta);
            table.meta.push_copy(&self.meta, row);
        }
        rows.settle(&table.meta);
        table.rows = Arc::new(rows);
        table.log = Log::of((0..table.rows.len()).map(|row| (table.meta.sq(row), row)).collect());
        for (old, new) in self.columns.iter().zip(&mut table.columns) {
            let (Some(old), Some(new)) = (old, new) else { continue };
            let mut column = Column::new(old.class());
            for (to, &from) in order.iter().enumerate() {
                let cell = old.get(from);
                if !cell.is_empty() {
                    column.append(to as u32, cell);
                }
            }
            column.finish_load();
            *new = Arc::new(column);
        }
        table
    }

    /// Every deletion known, those with a row included.
    fn all_gone(&self) -> Gone {
        let mut all = Vec::new();
        self.for_each_deletion(|deletion| all.push(deletion));
        Gone::of(all)
    }

    /// Calls `each` with every deletion known, those with a row included, in no order.
    pub(crate) fn for_each_deletion(&self, mut each: impl FnMut(Deletion)) {
        if self.len() < self.rows.len() as usize {
            for row in (0..self.rows.len()).filter(|&row| !self.rows.is_live(row)) {
                let (sq, rid) = (self.meta.sq(row), self.meta.rid(row));
                if sq > Sq(0) {
                    each(Deletion { sq, rid, at_ms: self.meta.modified_at_ms(row) });
                }
            }
        }
        self.gone.iter().filter(|gone| self.rows.row_of(gone.rid, &self.meta).is_none()).for_each(each);
    }

    /// Forgets deletions up to a sequence.
    pub(crate) fn forget_gone(&mut self, upto: Sq) {
        if self.gone.iter().next().is_some_and(|gone| gone.sq <= upto) {
            self.gone = Arc::new(Gone::of(self.gone.iter().filter(|gone| gone.sq > upto).collect()));
        }
        for at in 0..self.log.after(upto) {
            if let Some((_, row)) = self.log.current(at, &self.meta)
                && !self.rows.is_live(row)
            {
                self.meta.forget(row);
                self.log.outdate();
            }
        }
        self.log.settle(&self.meta);
    }
}

/// Record ids in rows are valid: they came as `RecordId`.
pub(crate) fn record_id(rid: u32) -> RecordId {
    RecordId::new(u64::from(rid)).unwrap_or_else(|| unreachable!("record id {rid} in a row"))
}
