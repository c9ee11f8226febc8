//! A table or page of the schema.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde_json::Value as JsonValue;

use super::{Field, Rights, SchemaError, take_string, take_u64};
use crate::{FieldId, JsonMap, TableId};

/// Whether a type holds records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableKind {
    /// Holds records.
    Table,
    /// Layout only.
    Page,
}

/// Most fields a table may have.
pub(crate) const FIELDS_MAX: usize = 2_000;
/// Longest caption of a table, field or option, in bytes.
pub(crate) const CAPTION_BYTES_MAX: usize = 1_000;

/// A table (or page) of a schema.
#[derive(Debug, Clone)]
pub struct TableSchema {
    /// Its id, unique in the database for ever.
    pub id: TableId,
    /// Its name.
    pub caption: String,
    /// Table or page.
    pub kind: TableKind,
    /// 16 of `[A-Za-z0-9]`; empty until the server gives one.
    pub uuid: String,
    /// Ordinal of the next field or layout element id; ids are never used again.
    pub next_field_id: u32,
    /// Fields ascending by id. A field's place here is its *slot*: the engine keeps columns in the same order. The last
    /// one of a table is hidden: [`FieldId::FILES`].
    pub fields: Vec<Arc<Field>>,
    /// Who may read, write, create and delete records.
    pub rights: Rights,
    /// Whether changes of records are kept as history (`hasHistory`, default on).
    pub has_history: bool,
    /// The ref field that makes this table a sub-table of that field's target (`masterRef`).
    pub master_ref: Option<FieldId>,
    /// Keys the server does not interpret (`uis`, `icon`, scripts until they compile …).
    pub rest: JsonMap,
    in_order: Box<[u16]>,
    /// Slots of formulas.
    formulas: Box<[u16]>,
    by_key: FxHashMap<Box<str>, u16>,
    by_id: FxHashMap<FieldId, u16>,
}

impl TableSchema {
    /// A table without fields.
    pub fn new(id: TableId, caption: &str) -> Self {
        Self {
            id,
            caption: caption.to_owned(),
            kind: TableKind::Table,
            uuid: String::new(),
            next_field_id: 0,
            fields: Vec::new(),
            rights: Rights::default(),
            has_history: true,
            master_ref: None,
            rest: JsonMap::new(),
            in_order: Box::default(),
            formulas: Box::default(),
            by_key: FxHashMap::default(),
            by_id: FxHashMap::default(),
        }
    }

    /// Reads a `types` entry. `place` heads error places.
    pub fn from_json(id: TableId, json: JsonValue, place: &str) -> Result<Self, SchemaError> {
        let JsonValue::Object(mut map) = json else {
            return Err(SchemaError::new(place, "expected an object"));
        };
        let caption = take_string(&mut map, "caption", place)?.unwrap_or_else(|| id.to_string());
        let mut table = Self::new(id, &caption);
        table.kind = match take_string(&mut map, "kind", place)?.as_deref() {
            None | Some("table") => TableKind::Table,
            Some("page") => TableKind::Page,
            Some(other) => {
                return Err(SchemaError::new(
                    format!("{place}.kind"),
                    format!("expected \"table\" or \"page\", got {other:?}"),
                ));
            }
        };
        table.uuid = take_string(&mut map, "uuid", place)?.unwrap_or_default();
        table.next_field_id = take_u64(&mut map, "nextFieldId", place)?.unwrap_or(0) as u32;
        table.rights = Rights::take(&mut map, place)?;
        if let Some(JsonValue::Bool(b)) = map.get("hasHistory") {
            table.has_history = *b;
        }
        table.master_ref = map.get("masterRef").and_then(JsonValue::as_str).and_then(|s| s.parse().ok());
        match map.remove("fields") {
            None | Some(JsonValue::Null) => {}
            Some(JsonValue::Object(fields)) => {
                for (id, field) in fields {
                    let place = format!("{place}.fields.{id}");
                    let id: FieldId =
                        id.parse().map_err(|e: crate::IdError| SchemaError::new(&place, e.to_string()))?;
                    table.fields.push(Arc::new(Field::from_json(id, field, &place)?));
                }
            }
            Some(_) => {
                return Err(SchemaError::new(
                    format!("{place}.fields"),
                    "expected an object of fields keyed by id",
                ));
            }
        }
        if let Some(JsonValue::Object(uis)) = map.get("uis") {
            for id in uis.keys() {
                if let Some(ordinal) = id.parse::<FieldId>().ok().and_then(FieldId::ordinal) {
                    table.next_field_id = table.next_field_id.max(ordinal + 1);
                }
            }
        }
        table.rest = map;
        table.index(place)
    }

    /// Checks the fields and rebuilds the look-ups. Call after every edit. `place` heads error places.
    pub fn index(mut self, place: &str) -> Result<Self, SchemaError> {
        check_caption(&self.caption, place)?;
        self.fields.retain(|field| !field.is_hidden());
        if self.fields.len() > FIELDS_MAX {
            return Err(SchemaError::new(
                format!("{place}.fields"),
                format!("more than {FIELDS_MAX} fields"),
            ));
        }
        self.fields.sort_by_key(|f| f.id);
        self.by_key.clear();
        self.by_id.clear();
        for (slot, field) in self.fields.iter().enumerate() {
            let place = format!("{place}.fields.{}", field.id);
            check_caption(&field.caption, &place)?;
            if self.by_id.insert(field.id, slot as u16).is_some() {
                return Err(SchemaError::new(place, "the id is used twice"));
            }
            if self.by_key.insert(field.caption.as_str().into(), slot as u16).is_some() {
                return Err(SchemaError::new(
                    place,
                    format!("the caption {:?} is used twice in this table", field.caption),
                ));
            }
            if let Some(ordinal) = field.id.ordinal() {
                self.next_field_id = self.next_field_id.max(ordinal + 1);
            }
        }
        // Names win over ids, as in record bodies (rest-api.md §4).
        for (slot, field) in self.fields.iter().enumerate() {
            self.by_key.entry(field.id.to_string().into()).or_insert(slot as u16);
        }
        let mut in_order: Vec<u16> = (0..self.fields.len() as u16).collect();
        in_order.sort_by(|&a, &b| {
            let (a, b) = (&self.fields[a as usize], &self.fields[b as usize]);
            a.order.total_cmp(&b.order).then(a.id.cmp(&b.id))
        });
        let is_formula = |&slot: &u16| self.fields[usize::from(slot)].kind.base() == "fn";
        self.formulas = in_order.iter().copied().filter(is_formula).collect();
        self.in_order = in_order.into();
        if self.kind == TableKind::Table {
            // Behind all others, and neither in their order nor among their names.
            self.by_id.insert(FieldId::FILES, self.fields.len() as u16);
            self.fields.push(Arc::new(Field::files()));
        }
        Ok(self)
    }

    /// The schema JSON of this table, every always-present key included.
    pub fn to_json(&self) -> JsonValue {
        let mut map = JsonMap::new();
        map.insert("caption".into(), self.caption.clone().into());
        map.insert("captions".into(), JsonValue::Object(JsonMap::new()));
        let kind = match self.kind {
            TableKind::Table => "table",
            TableKind::Page => "page",
        };
        map.insert("kind".into(), kind.into());
        map.insert("uuid".into(), self.uuid.clone().into());
        map.insert("hidden".into(), false.into());
        map.insert("globalSearch".into(), true.into());
        map.insert("nextFieldId".into(), self.next_field_id.into());
        map.insert("uis".into(), JsonValue::Object(JsonMap::new()));
        self.rights.put(&mut map);
        for (key, value) in &self.rest {
            if !value.is_null() || !map.contains_key(key) {
                map.insert(key.clone(), value.clone());
            }
        }
        let shown = self.fields.iter().filter(|field| !field.is_hidden());
        let fields: JsonMap = shown.map(|f| (f.id.to_string(), f.to_json())).collect();
        map.insert("fields".into(), JsonValue::Object(fields));
        JsonValue::Object(map)
    }

    /// The field of an id.
    pub fn field(&self, id: FieldId) -> Option<&Arc<Field>> {
        self.slot(id).map(|slot| &self.fields[slot])
    }

    /// A field's place in [`Self::fields`].
    pub fn slot(&self, id: FieldId) -> Option<usize> {
        self.by_id.get(&id).map(|&slot| slot as usize)
    }

    /// The field a body or parameter names: exact name first, then id.
    pub fn field_by_key(&self, key: &str) -> Option<&Arc<Field>> {
        self.slot_by_key(key).map(|slot| &self.fields[slot])
    }

    /// The slot of the field a body or parameter names: exact name first, then id.
    pub fn slot_by_key(&self, key: &str) -> Option<usize> {
        self.by_key.get(key).map(|&slot| slot as usize)
    }

    /// The slot of the hidden field with the list of a record's files.
    pub fn files_slot(&self) -> Option<usize> {
        self.slot(FieldId::FILES)
    }

    /// Slots in display order (`order`, ties by id).
    pub fn slots_in_order(&self) -> &[u16] {
        &self.in_order
    }

    /// Slots of formula fields, in display order.
    pub fn formulas(&self) -> &[u16] {
        &self.formulas
    }
}

pub(crate) fn check_caption(caption: &str, place: &str) -> Result<(), SchemaError> {
    let message = if caption.trim().is_empty() {
        "a name is needed"
    } else if caption.len() > CAPTION_BYTES_MAX {
        "a name is at most 1000 bytes long"
    } else if caption.contains('\0') {
        "a name holds no NUL"
    } else {
        return Ok(());
    };
    Err(SchemaError::new(format!("{place}.caption"), message))
}
