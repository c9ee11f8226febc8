//! A transaction: an overlay over the working state.
//!
//! Bulk requests write ten thousand records of several fields, so the overlay keeps for each record a plain list
//! of values written, the last of a slot counting, and no map of fields.

use std::{
    borrow::Cow,
    cell::{Cell as Flag, RefCell},
    sync::Arc,
};

use boobook_model::{Cell, RecordId, Schema, Sq, TableId, UserId, Value};
use rustc_hash::FxHashMap;

use crate::{
    Condition, RecordMeta, Row, Snapshot, Table, TxError, mask::Mask, snapshot::State, table::SlotValues,
};

/// Most records one transaction may touch.
pub const TOUCHED_MAX: usize = 1_000_000;

/// A transaction being made. It reads its own writes; dropping it undoes them. After an error it is to be
/// dropped.
pub struct Tx<'h> {
    /// The working state; a version of its own once the schema was changed.
    base: Cow<'h, Snapshot>,
    actor: UserId,
    now_ms: i64,
    overlay: Overlay,
    counters: Vec<(TableId, u64)>,
    ref_writes: Vec<RefWrite>,
    /// Behind a cell, as who only reads may be the first to ask.
    refs_filed: RefCell<FiledRefs>,
    incoming: FxHashMap<TableId, Arc<[Incoming]>>,
    /// Whether it looked at each table, in the order of the state's; only where it is apart from the writer.
    looked_at: Option<Box<[Flag<bool>]>>,
}

/// What a transaction changes, checked, ready for [`crate::Head::apply`].
pub struct Writes {
    /// What they were worked out on.
    pub(crate) base: State,
    /// What of it they rest on, where they were worked out apart from the writer.
    pub(crate) apart: Option<RestsOn>,
    /// The working state under the new schema, where that changed.
    pub(crate) migrated: Option<Box<Snapshot>>,
    pub(crate) actor: UserId,
    pub(crate) now_ms: i64,
    pub(crate) touched: Vec<Touched>,
    pub(crate) counters: Vec<(TableId, u64)>,
}

/// The schema, and the tables that a transaction looked at, as they were.
pub(crate) struct RestsOn {
    schema: Arc<Schema>,
    /// Held, so that no other table comes to lie where one of them did.
    tables: Vec<(TableId, Arc<Table>)>,
}

impl RestsOn {
    /// Whether all of it is still the same.
    fn holds_in(&self, state: &Snapshot) -> bool {
        let is_same = |(id, table): &(TableId, Arc<Table>)| {
            state.place(*id).is_some_and(|at| Arc::ptr_eq(&state.tables[at].1, table))
        };
        Arc::ptr_eq(&self.schema, &state.schema) && self.tables.iter().all(is_same)
    }
}

impl Writes {
    /// Whether they may be applied to a state: it is the one they were worked out on, or nothing that they rest on has
    /// changed since.
    pub fn fit(&self, state: &Snapshot) -> bool {
        let rests = self.apart.as_ref().filter(|_| self.migrated.is_none());
        self.base.is(&state.state) || rests.is_some_and(|rests| rests.holds_in(state))
    }

    /// The same, made at another time.
    #[must_use]
    pub fn at(self, now_ms: i64) -> Self {
        Self { now_ms, ..self }
    }
}

/// A record the transaction wrote.
pub(crate) struct Touched {
    pub(crate) table: TableId,
    pub(crate) rid: RecordId,
    /// Its row below the overlay, where it existed.
    pub(crate) row: Option<Row>,
    pub(crate) is_live: bool,
    /// In order of writing until the transaction is finished; then ascending by slot, each once.
    pub(crate) values: SlotValues,
}

#[derive(Default)]
struct Overlay {
    /// In order of first touch.
    touched: Vec<Touched>,
    places: FxHashMap<(TableId, RecordId), u32>,
}

/// A reference written, by a record that may have been rewritten or deleted since.
struct RefWrite {
    place: u32,
    slot: usize,
    target: TableId,
    rid: RecordId,
}

/// Places in `ref_writes` by target. Most transactions never ask, so filing waits until one does.
#[derive(Default)]
struct FiledRefs {
    by_target: FxHashMap<(TableId, RecordId), Vec<u32>>,
    /// How many of the writes are filed.
    count: usize,
}

/// A `ref` field that names a table.
struct Incoming {
    table: TableId,
    slot: usize,
    cascade: bool,
}

impl Touched {
    /// The last value written to a slot; `None` if it was not written.
    fn written(&self, slot: usize) -> Option<Cell<'_>> {
        let (_, value) = self.values.iter().rev().find(|(s, _)| *s == slot)?;
        Some(value.as_ref().map_or(Cell::Empty, Value::as_cell))
    }

    /// What a field of a live record holds, `base` being its table below the overlay.
    fn cell<'c>(&'c self, base: &'c Table, slot: usize) -> Cell<'c> {
        self.written(slot).unwrap_or_else(|| self.row.map_or(Cell::Empty, |row| base.cell(slot, row)))
    }

    /// Sorts the values by slot and keeps the last of each.
    fn normalize(&mut self) {
        if self.values.is_sorted_by(|a, b| a.0 < b.0) {
            return;
        }
        self.values.reverse();
        self.values.sort_by_key(|(slot, _)| *slot);
        self.values.dedup_by_key(|(slot, _)| *slot);
    }
}

impl Overlay {
    fn find(&self, table: TableId, rid: RecordId) -> Option<&Touched> {
        self.places.get(&(table, rid)).map(|&place| &self.touched[place as usize])
    }

    /// The place of a record, which is noted as touched.
    fn touch(&mut self, base: &Snapshot, table: TableId, rid: RecordId) -> Result<u32, TxError> {
        let next = self.touched.len() as u32;
        let place = *self.places.entry((table, rid)).or_insert(next);
        if place == next {
            if self.touched.len() == TOUCHED_MAX {
                return Err(TxError::TooManyChanges { max: TOUCHED_MAX });
            }
            let row = base.table(table).and_then(|table| table.row(rid));
            self.touched.push(Touched { table, rid, row, is_live: row.is_some(), values: Vec::new() });
        }
        Ok(place)
    }
}

impl<'h> Tx<'h> {
    pub(crate) fn new(base: &'h Snapshot, actor: UserId, now_ms: i64) -> Self {
        Self {
            base: Cow::Borrowed(base),
            actor,
            now_ms,
            overlay: Overlay::default(),
            counters: Vec::new(),
            ref_writes: Vec::new(),
            refs_filed: RefCell::default(),
            incoming: FxHashMap::default(),
            looked_at: None,
        }
    }

    /// One that keeps account of what it looks at.
    pub(crate) fn apart(base: &'h Snapshot, actor: UserId, now_ms: i64) -> Self {
        let looked_at = base.tables.iter().map(|_| Flag::new(false)).collect();
        Self { looked_at: Some(looked_at), ..Self::new(base, actor, now_ms) }
    }

    /// A table below the overlay, which counts as looked at.
    fn table(&self, id: TableId) -> Option<&Table> {
        let at = self.base.place(id)?;
        if let Some(looked_at) = &self.looked_at {
            looked_at[at].set(true);
        }
        Some(&self.base.tables[at].1)
    }

    /// The state below the overlay: without what this transaction wrote, but under its new schema once that was
    /// changed.
    pub fn snapshot(&self) -> &Snapshot {
        &self.base
    }

    /// The schema, [`Self::change_schema`] included.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.base.schema
    }

    /// Makes a record with the table's next id. Of a slot named twice the last value counts.
    pub fn create(
        &mut self,
        table: TableId,
        values: Vec<(usize, Option<Value>)>,
    ) -> Result<RecordId, TxError> {
        self.check_values(table, &values)?;
        let counter = self.counter(table);
        let rid = RecordId::new(*counter).ok_or(TxError::RecordIdsExhausted { table })?;
        *counter += 1;
        let place = self.overlay.touch(&self.base, table, rid)?;
        self.overlay.touched[place as usize].is_live = true;
        self.write(place, values);
        Ok(rid)
    }

    /// Changes fields of a record; the others keep their values. It counts as changed even if all values are
    /// what they were.
    pub fn update(
        &mut self,
        table: TableId,
        rid: RecordId,
        values: Vec<(usize, Option<Value>)>,
    ) -> Result<(), TxError> {
        self.check_values(table, &values)?;
        if !self.exists(table, rid) {
            return Err(TxError::RecordNotFound { table, rid });
        }
        let place = self.overlay.touch(&self.base, table, rid)?;
        self.write(place, values);
        Ok(())
    }

    /// Changes a record, or makes it with that id; true if it was made.
    pub fn upsert(
        &mut self,
        table: TableId,
        rid: RecordId,
        values: Vec<(usize, Option<Value>)>,
    ) -> Result<bool, TxError> {
        self.check_values(table, &values)?;
        let place = self.overlay.touch(&self.base, table, rid)?;
        let touched = &mut self.overlay.touched[place as usize];
        let is_new = !touched.is_live;
        if is_new {
            touched.is_live = true;
            if touched.row.is_some() {
                // Deleted by this very transaction: it stays the same record, but nothing of it comes back.
                let slots = self.base.table(table).map_or(0, |table| table.columns.len());
                touched.values.extend((0..slots).map(|slot| (slot, None)));
            }
            let counter = self.counter(table);
            *counter = (*counter).max(u64::from(rid.get()) + 1);
        }
        self.write(place, values);
        Ok(is_new)
    }

    /// Deletes a record, clears references to it, and deletes the records that are parts of it.
    pub fn delete(&mut self, table: TableId, rid: RecordId) -> Result<(), TxError> {
        self.table(table).ok_or(TxError::TableNotFound { table })?;
        if !self.exists(table, rid) {
            return Err(TxError::RecordNotFound { table, rid });
        }
        // A stack of our own: chains of parts may be longer than the thread's stack is deep.
        let mut doomed = vec![(table, rid)];
        let mut referrers = Vec::new();
        while let Some((table, rid)) = doomed.pop() {
            let place = self.overlay.touch(&self.base, table, rid)?;
            let touched = &mut self.overlay.touched[place as usize];
            if !touched.is_live {
                continue;
            }
            touched.is_live = false;
            touched.values = Vec::new();
            for incoming in self.incoming(table).iter() {
                referrers.clear();
                self.referrers(incoming.table, incoming.slot, (table, rid), &mut referrers);
                for &referrer in &referrers {
                    if incoming.cascade {
                        doomed.push((incoming.table, referrer));
                    } else {
                        let place = self.overlay.touch(&self.base, incoming.table, referrer)?;
                        self.write(place, vec![(incoming.slot, None)]);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether the record exists, own writes included.
    pub fn exists(&self, table: TableId, rid: RecordId) -> bool {
        match self.overlay.find(table, rid) {
            Some(touched) => touched.is_live,
            None => self.table(table).is_some_and(|table| table.row(rid).is_some()),
        }
    }

    /// Sequence of the record's last change below the overlay, for `If-Match`.
    pub fn sequence(&self, table: TableId, rid: RecordId) -> Option<Sq> {
        let table = self.table(table)?;
        table.row(rid).map(|row| table.meta(row).sq)
    }

    /// What a field holds, own writes included. `Empty` where there is no such record.
    pub fn cell(&self, table: TableId, rid: RecordId, slot: usize) -> Cell<'_> {
        let Some(base) = self.table(table) else { return Cell::Empty };
        match self.overlay.find(table, rid) {
            Some(touched) if !touched.is_live => Cell::Empty,
            Some(touched) => touched.cell(base, slot),
            None => base.row(rid).map_or(Cell::Empty, |row| base.cell(slot, row)),
        }
    }

    /// Ids of the records that pass all conditions, ascending, own writes included.
    pub fn select(&self, table: TableId, conditions: &[Condition]) -> Vec<RecordId> {
        let Some(base) = self.table(table) else { return Vec::new() };
        let (mask, own) = self.matching(table, base, conditions);
        let mut ids = mask.ids();
        if !own.is_empty() {
            ids.extend(own);
            // Two ascending runs, mostly, which a stable sort merges.
            ids.sort();
        }
        ids
    }

    /// How many records pass all conditions, own writes included.
    pub fn count(&self, table: TableId, conditions: &[Condition]) -> usize {
        let Some(base) = self.table(table) else { return 0 };
        let (mask, own) = self.matching(table, base, conditions);
        mask.count() + own.len()
    }

    /// The rows that pass of those this transaction left alone, and the records that pass of those it touched.
    fn matching<'b>(
        &self,
        table: TableId,
        base: &'b Table,
        conditions: &[Condition],
    ) -> (Mask<'b>, Vec<RecordId>) {
        let mut mask = base.matching(conditions, &[], false);
        let mut own = Vec::new();
        for touched in self.overlay.touched.iter().filter(|touched| touched.table == table) {
            if let Some(row) = touched.row {
                mask.take(row.0);
            }
            let passes = |condition: &Condition| condition.test.passes(touched.cell(base, condition.slot));
            if touched.is_live && conditions.iter().all(passes) {
                own.push(touched.rid);
            }
        }
        (mask, own)
    }

    /// Ids of the records of `table` whose `ref` field in `slot` points to `rid`, ascending, own writes included,
    /// appended to `out`.
    pub fn reverse(&self, table: TableId, slot: usize, rid: RecordId, out: &mut Vec<RecordId>) {
        let Some(base) = self.table(table) else { return };
        if let Some(target) = base.layout.slot(slot).target {
            self.referrers(table, slot, (target, rid), out);
        }
    }

    /// Sequence, times and users of a record; `None` where there is none. What this transaction wrote is of its
    /// actor and time, but keeps the sequence from before, 0 for new records, as it has none of its own yet.
    pub fn meta(&self, table: TableId, rid: RecordId) -> Option<RecordMeta<'_>> {
        let base = self.table(table)?;
        let Some(touched) = self.overlay.find(table, rid) else {
            return base.row(rid).map(|row| base.meta(row));
        };
        if !touched.is_live {
            return None;
        }
        let (at_ms, by) = (self.now_ms.max(self.base.clock_ms), self.actor.as_str());
        let before = touched.row.map(|row| base.meta(row));
        Some(RecordMeta {
            sq: before.map_or(Sq(0), |before| before.sq),
            created_at_ms: before.map_or(at_ms, |before| before.created_at_ms),
            created_by: before.map_or(by, |before| before.created_by),
            modified_at_ms: at_ms,
            modified_by: by,
        })
    }

    /// Replaces the schema; columns follow by field id, and a field that stores another class than before is
    /// empty. Comes before anything is written: values written earlier would carry slots of the old schema.
    ///
    /// # Panics
    /// If the transaction has written a record.
    pub fn change_schema(&mut self, schema: Arc<Schema>) {
        assert!(self.overlay.touched.is_empty(), "a schema change comes first in its transaction");
        self.base = Cow::Owned(self.base.with_schema(schema));
        self.incoming.clear();
        // It rests on all there is.
        self.looked_at = None;
    }

    /// Checks that every reference written names a record.
    pub fn finish(mut self) -> Result<Writes, TxError> {
        for write in &self.ref_writes {
            let touched = &self.overlay.touched[write.place as usize];
            let counts = touched.is_live && touched.written(write.slot) == Some(Cell::Reference(write.rid));
            if counts && !self.exists(write.target, write.rid) {
                return Err(TxError::NoSuchReference {
                    table: touched.table,
                    rid: touched.rid,
                    slot: write.slot,
                    target: write.target,
                    missing: write.rid,
                });
            }
        }
        for touched in &mut self.overlay.touched {
            touched.normalize();
        }
        Ok(Writes {
            base: self.base.state.clone(),
            apart: self.rests_on(),
            migrated: match self.base {
                Cow::Owned(migrated) => Some(Box::new(migrated)),
                Cow::Borrowed(_) => None,
            },
            actor: self.actor,
            now_ms: self.now_ms,
            touched: self.overlay.touched,
            counters: self.counters,
        })
    }

    /// What it looked at; every table it wrote to is among that.
    fn rests_on(&self) -> Option<RestsOn> {
        let looked_at = self.looked_at.as_ref()?;
        let tables = self.base.tables.iter().zip(looked_at).filter(|(_, looked_at)| looked_at.get());
        let tables = tables.map(|((id, table), _)| (*id, Arc::clone(table))).collect();
        Some(RestsOn { schema: Arc::clone(&self.base.schema), tables })
    }

    fn check_values(&self, table: TableId, values: &SlotValues) -> Result<(), TxError> {
        let layout = &self.table(table).ok_or(TxError::TableNotFound { table })?.layout;
        let misfit = values.iter().find(|(slot, value)| match (layout.slot(*slot).class, value) {
            (None, _) => true,
            (Some(class), Some(value)) => value.storage() != class,
            (Some(_), None) => false,
        });
        match misfit {
            Some(&(slot, _)) => Err(TxError::FieldMismatch { table, slot }),
            None => Ok(()),
        }
    }

    /// The next record id of a table that is there. Most transactions write to a few tables only.
    fn counter(&mut self, table: TableId) -> &mut u64 {
        let at = self.counters.iter().position(|(id, _)| *id == table).unwrap_or_else(|| {
            self.counters.push((table, self.base.table(table).map_or(1, Table::next_id)));
            self.counters.len() - 1
        });
        &mut self.counters[at].1
    }

    /// Adds values to a live record and remembers the references among them.
    fn write(&mut self, place: u32, values: SlotValues) {
        let touched = &mut self.overlay.touched[place as usize];
        let Some(table) = self.base.table(touched.table) else { return };
        for (slot, value) in &values {
            if let Some(Value::Reference(rid)) = *value
                && let Some(target) = table.layout.slot(*slot).target
            {
                self.ref_writes.push(RefWrite { place, slot: *slot, target, rid });
            }
        }
        if touched.values.is_empty() {
            touched.values = values;
            return;
        }
        touched.values.extend(values);
        // A script may write one record over and over.
        if touched.values.len() > 64 + 2 * table.columns.len() {
            touched.normalize();
        }
    }

    /// The `ref` fields that name a table, in order of table and slot.
    fn incoming(&mut self, target: TableId) -> Arc<[Incoming]> {
        if let Some(incoming) = self.incoming.get(&target) {
            return Arc::clone(incoming);
        }
        let fields = self.base.tables.iter().flat_map(|(id, table)| {
            let to_target = table.layout.iter().filter(|(_, field)| field.target == Some(target));
            to_target.map(|(slot, field)| Incoming { table: *id, slot, cascade: field.cascade })
        });
        let incoming: Arc<[Incoming]> = fields.collect();
        self.incoming.insert(target, Arc::clone(&incoming));
        incoming
    }

    /// Live records that name `(target, rid)` by a field, own writes included, ascending.
    fn referrers(&self, table: TableId, slot: usize, target: (TableId, RecordId), out: &mut Vec<RecordId>) {
        let names = Some(Cell::Reference(target.1));
        let mut stored = Vec::new();
        if let Some(table) = self.table(table) {
            table.referrers(slot, target.1, &mut stored);
        }
        let start = out.len();
        for referrer in stored.into_iter().map(crate::table::record_id) {
            let counts = match self.overlay.find(table, referrer) {
                None => true,
                Some(touched) => touched.is_live && touched.written(slot).is_none(),
            };
            out.extend(counts.then_some(referrer));
        }
        let mut filed = self.refs_filed.borrow_mut();
        for (at, write) in self.ref_writes.iter().enumerate().skip(filed.count) {
            filed.by_target.entry((write.target, write.rid)).or_default().push(at as u32);
        }
        filed.count = self.ref_writes.len();
        let Some(places) = filed.by_target.get(&target) else { return };
        for &at in places {
            let write = &self.ref_writes[at as usize];
            let touched = &self.overlay.touched[write.place as usize];
            let is_field = touched.table == table && write.slot == slot;
            if is_field && touched.is_live && touched.written(write.slot) == names {
                out.push(touched.rid);
            }
        }
        let mut found = out.split_off(start);
        found.sort();
        found.dedup();
        out.append(&mut found);
    }
}
