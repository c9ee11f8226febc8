//! Records as JSON (rest-api.md §3, §5), straight from the engine's columns into a byte buffer. No tree is
//! built: keys are bytes kept with the schema, values are written by their field kinds.

use std::ops::Range;

use boobook_app::{Computed, RecordChange};
use boobook_engine::{RecordMeta, Row, Snapshot, Table};
use boobook_model::{
    Cell, Field, RecordId, Sq, TableId, TableSchema, WireStyle, field::write_timestamp, write_json_string,
};

/// How records are written: the style parameters of a request and the fields the caller gets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordStyle {
    /// Choices as option ids instead of captions (`choiceStyle=ids`).
    pub choice_ids: bool,
    /// `fields` keyed by field id instead of name (`ids=true`).
    pub by_id: bool,
    /// The slots to write, in order; `None`: all, in display order.
    pub columns: Option<Box<[u16]>>,
}

/// Writes the records of one table of one snapshot. Made once per request or chunk, so that what is the same for
/// all records is worked out once.
pub struct RecordWriter<'a> {
    snapshot: &'a Snapshot,
    table: &'a Table,
    columns: Vec<Column<'a>>,
    wire: WireStyle,
    reverse: Vec<u32>,
    before: Option<Before>,
    computed: &'a Computed,
    /// How many records were written.
    written: usize,
}

/// The record written before: who made and changed it and when, and where in the output that stands. Records of
/// one import or one script share all of it, so the next one copies the text.
struct Before {
    created_at_s: i64,
    modified_at_s: i64,
    created_by: usize,
    modified_by: usize,
    text: Range<usize>,
}

struct Column<'a> {
    slot: usize,
    field: &'a Field,
    key: &'a [u8],
    source: Source,
    /// It shows only on a condition: which of those that were asked.
    condition: Option<usize>,
}

enum Source {
    Stored,
    /// The many side of a relation: where the other side's column is.
    Reverse(TableId, usize),
    /// A formula: which of the record's computed values it is.
    Computed(usize),
}

impl<'a> RecordWriter<'a> {
    /// A writer for records of `table`, which come in the order that their formulas were computed in.
    pub fn new(
        snapshot: &'a Snapshot,
        table: &'a Table,
        style: &RecordStyle,
        computed: &'a Computed,
    ) -> Self {
        let schema: &'a TableSchema = table.schema();
        let slots = style.columns.as_deref().unwrap_or_else(|| schema.slots_in_order());
        let column = |&slot: &u16| {
            let field: &'a Field = schema.fields.get(slot as usize)?;
            let source = if field.is_stored() {
                Source::Stored
            } else if let Some(position) = computed.position(usize::from(slot)) {
                Source::Computed(position)
            } else {
                let (table, slot) = other_side(snapshot, field)?;
                Source::Reverse(table, slot)
            };
            let condition = computed.condition(usize::from(slot));
            let key = if style.by_id { field.id_json() } else { field.name_json() };
            Some(Column { slot: slot as usize, field, key, source, condition })
        };
        Self {
            snapshot,
            table,
            columns: slots.iter().filter_map(column).collect(),
            wire: WireStyle { choice_ids: style.choice_ids },
            reverse: Vec::new(),
            before: None,
            computed,
            written: 0,
        }
    }

    /// Appends one record. All records of one writer go into the same buffer, which only grows meanwhile.
    pub fn write(&mut self, row: Row, out: &mut Vec<u8>) {
        let rid = self.table.record_id(row);
        self.write_attributes(rid, row, out);
        out.extend_from_slice(b",\"fields\":{");
        let start = out.len();
        for column in &self.columns {
            if column.condition.is_some_and(|condition| !self.computed.shows(self.written, condition)) {
                continue;
            }
            match column.source {
                Source::Stored => {
                    let cell = self.table.cell(column.slot, row);
                    if cell.is_empty() {
                        continue;
                    }
                    write_key(column.key, start, out);
                    column.field.kind.write(cell, column.field, self.wire, out);
                }
                Source::Reverse(table, slot) => {
                    self.reverse.clear();
                    self.snapshot.reverse(table, slot, rid, &mut self.reverse);
                    if !self.reverse.is_empty() {
                        write_key(column.key, start, out);
                        write_ids(&self.reverse, out);
                    }
                }
                Source::Computed(position) => {
                    let value = self.computed.value(self.written, position);
                    if let Some(value) = value.filter(|value| !value.is_empty()) {
                        write_key(column.key, start, out);
                        self.computed.write(value, self.wire.choice_ids, out);
                    }
                }
            }
        }
        self.written += 1;
        out.extend_from_slice(b"}}");
    }

    fn write_attributes(&mut self, rid: RecordId, row: Row, out: &mut Vec<u8>) {
        let meta = self.table.meta(row);
        out.extend_from_slice(b"{\"id\":");
        write_number(u64::from(rid.get()), out);
        out.extend_from_slice(b",\"sequence\":");
        write_number(meta.sq.0, out);
        let now = Before {
            created_at_s: meta.created_at_ms.div_euclid(1000),
            modified_at_s: meta.modified_at_ms.div_euclid(1000),
            // A table keeps each user's name once, so that the address tells them apart.
            created_by: meta.created_by.as_ptr().addr(),
            modified_by: meta.modified_by.as_ptr().addr(),
            text: 0..0,
        };
        match &self.before {
            Some(before) if before.says_the_same(&now) && before.text.end <= out.len() => {
                out.extend_from_within(before.text.clone());
            }
            _ => {
                let from = out.len();
                write_made_and_changed(&meta, out);
                self.before = Some(Before { text: from..out.len(), ..now });
            }
        }
    }

    /// Appends an array of records.
    pub fn write_list(&mut self, rows: &[Row], out: &mut Vec<u8>) {
        out.push(b'[');
        for (at, row) in rows.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            self.write(*row, out);
        }
        out.push(b']');
    }
}

impl Before {
    fn says_the_same(&self, other: &Self) -> bool {
        self.created_at_s == other.created_at_s
            && self.modified_at_s == other.modified_at_s
            && self.created_by == other.created_by
            && self.modified_by == other.modified_by
    }
}

fn write_made_and_changed(meta: &RecordMeta<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"createdAt\":\"");
    let created_from = out.len();
    write_timestamp(meta.created_at_ms, out);
    let created_to = out.len();
    out.extend_from_slice(b"\",\"createdBy\":");
    write_json_string(meta.created_by, out);
    out.extend_from_slice(b",\"modifiedAt\":\"");
    if meta.modified_at_ms == meta.created_at_ms {
        out.extend_from_within(created_from..created_to);
    } else {
        write_timestamp(meta.modified_at_ms, out);
    }
    out.extend_from_slice(b"\",\"modifiedBy\":");
    write_json_string(meta.modified_by, out);
}

/// Where the `ref` column is that a `rev` field is the other side of.
fn other_side(snapshot: &Snapshot, field: &Field) -> Option<(TableId, usize)> {
    let (target, pair) = field.target.zip(field.pair)?;
    let slot = snapshot.schema.table(target)?.slot(pair)?;
    Some((target, slot))
}

fn write_key(key: &[u8], start: usize, out: &mut Vec<u8>) {
    if out.len() > start {
        out.push(b',');
    }
    out.extend_from_slice(key);
}

fn write_number(n: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
}

fn write_ids(ids: &[u32], out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, id) in ids.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_number(u64::from(*id), out);
    }
    out.push(b']');
}

/// Writes items of the change feed that belong to one table (rest-api.md §5): flat, keyed by field id, choices
/// as option ids, an empty field as `null`, so that applying an item clears it too.
pub struct ChangeWriter<'a> {
    schema: &'a TableSchema,
    /// `"_tid":"A"`-independent: stored fields the caller may read.
    slots: Vec<usize>,
}

impl<'a> ChangeWriter<'a> {
    /// A writer for items of a table, of the fields `may_read` allows.
    pub fn new(schema: &'a TableSchema, may_read: impl Fn(usize) -> bool) -> Self {
        let is_shown = |field: &Field| field.is_stored() && !field.is_hidden();
        let slots = (0..schema.fields.len()).filter(|&slot| is_shown(&schema.fields[slot]) && may_read(slot));
        Self { schema, slots: slots.collect() }
    }

    /// Appends an item with the current state of a record.
    pub fn write_state(&self, table: &Table, row: Row, out: &mut Vec<u8>) {
        let meta = table.meta(row);
        write_item_head(self.schema.id, table.record_id(row), meta.sq, out);
        write_by_and_at(meta.modified_by, meta.modified_at_ms, out);
        for &slot in &self.slots {
            self.write_value(slot, table.cell(slot, row), out);
        }
        out.push(b'}');
    }

    /// Appends an item of a record's history: what one change set.
    pub fn write_history(&self, rid: RecordId, change: &RecordChange, out: &mut Vec<u8>) {
        write_item_head(self.schema.id, rid, change.sq, out);
        write_by_and_at(&change.by, change.at_ms, out);
        if change.deleted {
            out.extend_from_slice(b",\"_deleted\":true");
        }
        for (field, value) in &change.values {
            if let Some(slot) = self.schema.slot(*field).filter(|slot| self.slots.contains(slot)) {
                self.write_value(slot, value.as_ref().map_or(Cell::Empty, |v| v.as_cell()), out);
            }
        }
        out.push(b'}');
    }

    fn write_value(&self, slot: usize, cell: Cell<'_>, out: &mut Vec<u8>) {
        let field = &self.schema.fields[slot];
        out.push(b',');
        out.extend_from_slice(field.id_json());
        if cell.is_empty() {
            out.extend_from_slice(b"null");
        } else {
            field.kind.write_change(cell, field, out);
        }
    }
}

/// Appends the item of a record that was deleted.
pub fn write_deleted_item(table: TableId, rid: RecordId, sq: Sq, out: &mut Vec<u8>) {
    write_item_head(table, rid, sq, out);
    out.extend_from_slice(b",\"_deleted\":true}");
}

fn write_item_head(table: TableId, rid: RecordId, sq: Sq, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"_tid\":\"");
    out.extend_from_slice(table.to_string().as_bytes());
    out.extend_from_slice(b"\",\"_id\":");
    write_number(u64::from(rid.get()), out);
    out.extend_from_slice(b",\"_sq\":");
    write_number(sq.0, out);
}

fn write_by_and_at(by: &str, at_ms: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"_by\":");
    write_json_string(by, out);
    out.extend_from_slice(b",\"_at\":\"");
    write_timestamp(at_ms, out);
    out.push(b'"');
}
