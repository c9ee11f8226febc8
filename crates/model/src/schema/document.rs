//! Views and reports: documents of a schema that the server keeps whole (rest-api.md §7).

use serde_json::Value as JsonValue;

use super::{SchemaError, take_string};
use crate::{FileList, JsonMap, TableId};

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
    /// Files of a report, which the server keeps; not among the keys that clients send.
    pub files: FileList,
    /// Every key but `id`, `seq` and `files`.
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
        Ok(Self { id: id.into(), table, caption, seq, files: FileList::default(), json: map })
    }

    /// As [`Self::from_json`], with what the server keeps of files.
    pub(super) fn from_stored(mut json: JsonValue, place: &str) -> Result<Self, SchemaError> {
        let files = json.as_object_mut().and_then(|map| map.remove("_files"));
        let files =
            files.and_then(|files| serde_json::from_value(files).ok()).map(FileList).unwrap_or_default();
        Ok(Self { files, ..Self::from_json(json, place, None)? })
    }

    /// As [`Self::to_json`], with what the server keeps of files.
    pub(super) fn to_stored(&self) -> JsonValue {
        let mut json = self.to_json();
        if let JsonValue::Object(map) = &mut json
            && !self.files.0.is_empty()
        {
            map.insert("_files".into(), serde_json::to_value(&self.files.0).unwrap_or_default());
        }
        json
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
