//! The words every other crate speaks: ids, values, the schema, field kinds, principals.
//!
//! It is pure data. It does *no* I/O, holds no clock and no randomness, is not async, and knows neither
//! HTTP nor SQL nor the engine's columns. A field kind knows its own JSON form because that form is part of
//! what the kind *is* (rest-api.md §8); the JSON of a whole record is written in one place only, in `http`.
//!
//! Main types: [`Schema`] (a database's tables and fields), [`Value`]/[`Cell`] (what a field of a record
//! holds, owned/borrowed), [`FieldKind`] (one implementation per Ninox field type).
//!
//! ```
//! use boobook_model::{Schema, TableId};
//! let schema = Schema::from_json(serde_json::json!({
//!     "version": 1, "nextTypeId": 1,
//!     "types": { "A": { "caption": "Contact", "kind": "table", "nextFieldId": 1,
//!                       "fields": { "A": { "base": "string", "caption": "First name", "order": 0 } } } }
//! })).unwrap();
//! let table = schema.table_by_key("Contact").unwrap();
//! assert_eq!(table.id, "A".parse::<TableId>().unwrap());
//! assert_eq!(table.field_by_key("First name").unwrap().kind.base(), "string");
//! ```

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot go on fails"))]

pub mod field;
mod files;
mod ids;
mod json;
mod lane;
mod needle;
mod principal;
mod schema;
mod value;

pub use field::{FIELD_KINDS, FieldKind, WireStyle, field_kind};
pub use files::{FILES_MAX, FileEntry, FileList};
pub use ids::{DatabaseId, FieldId, IdError, KeyId, RECORD_ID_MAX, RecordId, Sq, TableId, TeamId, UserId};
pub use json::{Json, JsonError, JsonMap, write_json_number, write_json_string};
pub use lane::{LANE_LEN_MAX, Lane, Sieve, TextLane};
pub use needle::Needle;
pub use principal::{Principal, Role};
pub use schema::{
    ChoiceOption, Document, Field, Rights, Schema, SchemaError, Settings, TableKind, TableSchema,
};
pub use value::{Cell, StorageClass, Value, ValueError};
