//! The schema of a database: settings, tables, fields (rest-api.md §2).
//!
//! What the server interprets has a typed member; every other key is kept in `rest` as it came and goes out
//! again, because Ninox's own tools add many. A schema is immutable once shared (`Arc<Schema>`); to change one,
//! clone it, edit the public members, and call [`Schema::index`], which checks it and rebuilds the look-ups.

mod document;
mod field;
mod table;

use std::sync::Arc;

use document::DOCUMENTS_MAX;
pub use document::Document;
pub use field::{ChoiceOption, Field, Rights};
use rustc_hash::FxHashMap;
use serde_json::{Value as JsonValue, json};
pub use table::{TableKind, TableSchema};

use crate::{JsonMap, TableId};

/// A schema is wrong; `place` names where: `types.A.fields.C.base`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct SchemaError {
    /// Path of keys to the offending part.
    pub place: String,
    /// What is wrong and what was expected.
    pub message: String,
}

impl SchemaError {
    pub(crate) fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into() }
    }
}

/// `settings` of a database: `name`, `icon`, `color` are always there; all other keys are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings(pub JsonMap);

impl Settings {
    /// Settings with a name and the defaults.
    pub fn named(name: &str) -> Self {
        let mut map = JsonMap::new();
        map.insert("name".into(), name.into());
        Self(map).with_defaults()
    }

    /// Adds `name`, `icon` and `color` where they are missing or no strings.
    pub fn with_defaults(mut self) -> Self {
        for (key, default) in [("name", ""), ("icon", "database"), ("color", "#4970ff")] {
            if !self.0.get(key).is_some_and(JsonValue::is_string) {
                self.0.insert(key.into(), default.into());
            }
        }
        self
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        self.0.get("name").and_then(JsonValue::as_str).unwrap_or_default()
    }
}

/// A version of a database's schema. See the module's text for how to change one.
#[derive(Debug, Clone)]
pub struct Schema {
    /// `settings` of the database.
    pub settings: Settings,
    /// +1 with each change of the schema.
    pub version: u64,
    /// Ordinal of the next table id; ids are never used again.
    pub next_type_id: u32,
    /// Tables and pages, ascending by id.
    pub tables: Vec<Arc<TableSchema>>,
    /// Views, in the order they were made. They change without a new [`Self::version`].
    pub views: Vec<Arc<Document>>,
    /// Reports, in the order they were made.
    pub reports: Vec<Arc<Document>>,
    /// Keys of the schema object that the server does not interpret.
    pub rest: JsonMap,
    by_id: FxHashMap<TableId, u16>,
    by_name: FxHashMap<Box<str>, u16>,
}

/// Most tables and pages a database may have.
pub(crate) const TABLES_MAX: usize = 5_000;

impl Schema {
    /// A schema without tables.
    pub fn empty(name: &str) -> Self {
        Self {
            settings: Settings::named(name),
            version: 1,
            next_type_id: 0,
            tables: Vec::new(),
            views: Vec::new(),
            reports: Vec::new(),
            rest: JsonMap::new(),
            by_id: FxHashMap::default(),
            by_name: FxHashMap::default(),
        }
    }

    /// Reads the schema object of rest-api.md §2 (without settings; see [`Self::from_stored`]).
    pub fn from_json(json: JsonValue) -> Result<Self, SchemaError> {
        let JsonValue::Object(mut map) = json else {
            return Err(SchemaError::new("schema", "expected an object"));
        };
        let mut schema = Self::empty("");
        schema.version = take_u64(&mut map, "version", "schema")?.unwrap_or(1);
        let next = take_u64(&mut map, "nextTypeId", "schema")?.unwrap_or(0);
        schema.next_type_id = u32::try_from(next)
            .map_err(|_| SchemaError::new("nextTypeId", "expected a number below 4294967296"))?;
        map.remove("seq");
        schema.views = documents(&mut map, "views")?;
        schema.reports = documents(&mut map, "reports")?;
        match map.remove("types") {
            None | Some(JsonValue::Null) => {}
            Some(JsonValue::Object(types)) => {
                for (id, table) in types {
                    let place = format!("types.{id}");
                    let id: TableId =
                        id.parse().map_err(|e: crate::IdError| SchemaError::new(&place, e.to_string()))?;
                    schema.tables.push(Arc::new(TableSchema::from_json(id, table, &place)?));
                }
            }
            Some(_) => return Err(SchemaError::new("types", "expected an object of tables keyed by id")),
        }
        schema.rest = map;
        schema.index()
    }

    /// Reads what [`Self::to_stored`] wrote: `{"settings":…,"schema":…}`.
    pub fn from_stored(json: JsonValue) -> Result<Self, SchemaError> {
        let JsonValue::Object(mut map) = json else {
            return Err(SchemaError::new("database", "expected an object"));
        };
        let mut schema = Self::from_json(map.remove("schema").unwrap_or_else(|| json!({})))?;
        if let Some(JsonValue::Object(settings)) = map.remove("settings") {
            schema.settings = Settings(settings).with_defaults();
        }
        Ok(schema)
    }

    /// The form the store keeps.
    pub fn to_stored(&self) -> JsonValue {
        json!({ "settings": self.settings.0, "schema": self.with_documents(0, Document::to_stored) })
    }

    /// As [`Self::to_json`], with the arrays `views` and `reports`.
    pub fn to_json_with_documents(&self, seq: u64) -> JsonValue {
        self.with_documents(seq, Document::to_json)
    }

    fn with_documents(&self, seq: u64, write: impl Fn(&Document) -> JsonValue) -> JsonValue {
        let mut json = self.to_json(seq);
        if let JsonValue::Object(map) = &mut json {
            for (key, documents) in [("views", &self.views), ("reports", &self.reports)] {
                map.insert(key.into(), documents.iter().map(|document| write(document)).collect());
            }
        }
        json
    }

    /// The schema object of rest-api.md §2, every always-present key included.
    pub fn to_json(&self, seq: u64) -> JsonValue {
        let mut map = JsonMap::new();
        map.insert("seq".into(), seq.into());
        map.insert("version".into(), self.version.into());
        map.insert("nextTypeId".into(), self.next_type_id.into());
        for (key, default) in [
            ("afterOpenBehavior", json!("restoreNavigation")),
            ("fileSync", json!("full")),
            ("dateFix", json!("enabled")),
            ("compatibility", json!("latest")),
            ("hideCalendar", json!(false)),
            ("hideSearch", json!(false)),
            ("hideDatabase", json!(false)),
            ("hideNavigation", json!(false)),
            ("knownDatabases", json!([])),
        ] {
            if self.rest.get(key).is_none_or(JsonValue::is_null) {
                map.insert(key.into(), default);
            }
        }
        for (key, value) in &self.rest {
            if !map.contains_key(key) {
                map.insert(key.clone(), value.clone());
            }
        }
        let types: JsonMap = self.tables.iter().map(|t| (t.id.to_string(), t.to_json())).collect();
        map.insert("types".into(), JsonValue::Object(types));
        JsonValue::Object(map)
    }

    /// Checks the whole and rebuilds the look-ups. Call after every edit.
    pub fn index(mut self) -> Result<Self, SchemaError> {
        if self.tables.len() > TABLES_MAX {
            return Err(SchemaError::new("types", format!("more than {TABLES_MAX} tables")));
        }
        self.tables.sort_by_key(|t| t.id);
        self.by_id.clear();
        self.by_name.clear();
        for (at, table) in self.tables.iter().enumerate() {
            if self.by_id.insert(table.id, at as u16).is_some() {
                return Err(SchemaError::new(format!("types.{}", table.id), "the id is used twice"));
            }
            // Ninox lets two tables have one caption; the first then keeps the name.
            self.by_name.entry(table.caption.as_str().into()).or_insert(at as u16);
            if let Some(ordinal) = table.id.ordinal() {
                self.next_type_id = self.next_type_id.max(ordinal + 1);
            }
        }
        for table in &self.tables {
            for field in &table.fields {
                self.check_link(table, field)?;
            }
        }
        Ok(self)
    }

    /// A `ref` names a table; its pair, where named, is a `rev` that names it back.
    fn check_link(&self, table: &TableSchema, field: &Field) -> Result<(), SchemaError> {
        let place = || format!("types.{}.fields.{}", table.id, field.id);
        match field.kind.base() {
            "ref" => {
                let Some(target) = field.target else {
                    return Err(SchemaError::new(
                        place() + ".refTypeId",
                        "a ref field names its target table",
                    ));
                };
                if self.table(target).is_none() {
                    return Err(SchemaError::new(
                        place() + ".refTypeId",
                        format!("there is no table {target}"),
                    ));
                }
            }
            "rev" => {
                let pair = field.target.and_then(|t| self.table(t)).zip(field.pair);
                let found = pair.and_then(|(t, f)| t.field(f)).is_some_and(|f| f.kind.base() == "ref");
                if !found {
                    return Err(SchemaError::new(
                        place(),
                        "a rev field names, by refTypeId and refFieldId, the ref field it is the other side of",
                    ));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The table of an id.
    pub fn table(&self, id: TableId) -> Option<&Arc<TableSchema>> {
        self.by_id.get(&id).map(|&at| &self.tables[at as usize])
    }

    /// The table a path or body names: the id wins, then the exact name, then a unique case-insensitive name
    /// (rest-api.md §1). Pages are not found: they hold no records.
    pub fn table_by_key(&self, key: &str) -> Option<&Arc<TableSchema>> {
        if let Ok(id) = key.parse::<TableId>()
            && let Some(table) = self.table(id)
        {
            return Some(table).filter(|t| t.kind == TableKind::Table);
        }
        if let Some(&at) = self.by_name.get(key) {
            return Some(&self.tables[at as usize]).filter(|t| t.kind == TableKind::Table);
        }
        let lower = key.to_lowercase();
        let mut found =
            self.tables.iter().filter(|t| t.kind == TableKind::Table && t.caption.to_lowercase() == lower);
        found.next().filter(|_| found.next().is_none())
    }

    /// A copy with one table added or replaced.
    pub fn with_table(&self, table: TableSchema) -> Result<Self, SchemaError> {
        let mut schema = self.clone();
        schema.tables.retain(|t| t.id != table.id);
        schema.tables.push(Arc::new(table));
        schema.index()
    }
}

fn documents(map: &mut JsonMap, key: &str) -> Result<Vec<Arc<Document>>, SchemaError> {
    let list = match map.remove(key) {
        None | Some(JsonValue::Null) => return Ok(Vec::new()),
        Some(JsonValue::Array(list)) => list,
        Some(_) => return Err(SchemaError::new(key, "expected an array")),
    };
    if list.len() > DOCUMENTS_MAX {
        return Err(SchemaError::new(key, format!("more than {DOCUMENTS_MAX}")));
    }
    let mut documents: Vec<Arc<Document>> = Vec::with_capacity(list.len());
    let mut ids = rustc_hash::FxHashSet::default();
    for (at, json) in list.into_iter().enumerate() {
        let document = Document::from_stored(json, &format!("{key}[{at}]"))?;
        if !ids.insert(document.id.clone()) {
            return Err(SchemaError::new(format!("{key}[{at}].id"), "the id is used twice"));
        }
        documents.push(Arc::new(document));
    }
    Ok(documents)
}

pub(crate) fn take_u64(map: &mut JsonMap, key: &str, place: &str) -> Result<Option<u64>, SchemaError> {
    match map.remove(key) {
        None | Some(JsonValue::Null) => Ok(None),
        // Some tools write whole numbers as 12.0.
        Some(JsonValue::Number(n)) => n
            .as_u64()
            .or_else(|| n.as_f64().filter(|f| f.fract() == 0.0 && (0.0..9e15).contains(f)).map(|f| f as u64))
            .map(Some)
            .ok_or_else(|| SchemaError::new(format!("{place}.{key}"), "expected a whole number, 0 or more")),
        Some(_) => Err(SchemaError::new(format!("{place}.{key}"), "expected a whole number, 0 or more")),
    }
}

pub(crate) fn take_string(map: &mut JsonMap, key: &str, place: &str) -> Result<Option<String>, SchemaError> {
    match map.remove(key) {
        None | Some(JsonValue::Null) => Ok(None),
        Some(JsonValue::String(s)) => Ok(Some(s)),
        Some(_) => Err(SchemaError::new(format!("{place}.{key}"), "expected a string")),
    }
}
