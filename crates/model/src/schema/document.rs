//! Views and reports: documents of a schema that the server keeps whole (rest-api.md §7).

use serde_json::Value as JsonValue;

use super::{SchemaError, take_string};
use crate::{JsonMap, TableId};

/// Most views, and most reports, a database may have.
pub(crate) const DOCUMENTS_MAX: usize = 10_000;

/// A view or a report. What the server looks at has a typed member; the whole of it is in `json`, as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Unique among the views, or the reports, of a database; views have 16 of `[A-Za-z0-9]`.
    pub id: Box<str>,
    /// The table it shows, where it names one.
    pub table: Option<TableId>,
    /// Its name; empty where it has none.
    pub caption: String,
    /// Sequence of its last change.
    pub seq: u64,
    /// Every key but `id` and `seq`.
    pub json: JsonMap,
}

impl Document {
    /// Reads one. `place` heads error places; `id` is for one that names none.
    pub fn from_json(json: JsonValue, place: &str, id: Option<&str>) -> Result<Self, SchemaError> {
        let JsonValue::Object(mut map) = json else {
            return Err(SchemaError::new(place, "expected an object"));
        };
        let seq = map.remove("seq").and_then(|seq| seq.as_u64()).unwrap_or(0);
        let id = match take_string(&mut map, "id", place)?.or_else(|| id.map(str::to_owned)) {
            Some(id) => id,
            None => return Err(SchemaError::new(format!("{place}.id"), "an id is needed")),
        };
        if id.is_empty()
            || id.len() > 64
            || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        {
            return Err(SchemaError::new(format!("{place}.id"), "an id has 1 to 64 letters and digits"));
        }
        let caption = match map.get("caption") {
            None | Some(JsonValue::Null) => String::new(),
            Some(JsonValue::String(caption)) => caption.clone(),
            Some(_) => return Err(SchemaError::new(format!("{place}.caption"), "expected a string")),
        };
        if caption.len() > super::table::CAPTION_BYTES_MAX {
            return Err(SchemaError::new(format!("{place}.caption"), "a name is at most 1000 bytes long"));
        }
        let table = match map.get("type") {
            None | Some(JsonValue::Null) => None,
            Some(JsonValue::String(table)) => Some(
                table
                    .parse()
                    .map_err(|e: crate::IdError| SchemaError::new(format!("{place}.type"), e.to_string()))?,
            ),
            Some(_) => return Err(SchemaError::new(format!("{place}.type"), "expected the id of a table")),
        };
        Ok(Self { id: id.into(), table, caption, seq, json: map })
    }

    /// The whole of it, as it goes out.
    pub fn to_json(&self) -> JsonValue {
        let mut map = JsonMap::new();
        map.insert("id".into(), (*self.id).into());
        for (key, value) in &self.json {
            map.insert(key.clone(), value.clone());
        }
        map.insert("seq".into(), self.seq.into());
        JsonValue::Object(map)
    }
}
