//! Request bodies as record inputs (rest-api.md §4).
//!
//! The elements of an array are read one by one: the tree of one record lives at a time, however many there are.
//! Errors name the element and the field.

use std::fmt;

use boobook_app::{RecordInput, RecordInputs};
use boobook_model::{Json, JsonError, RecordId, TableSchema, Value};
use serde::de::{self, DeserializeSeed, Deserializer, SeqAccess, Visitor};

use super::names::unknown_field;
use crate::error::{ApiError, ApiResult, ErrorCode, from_json};

/// What bounds and colours the reading of a body.
#[derive(Debug, Clone, Copy)]
pub struct InputRules {
    /// Most elements of an array.
    pub records_max: usize,
    /// Longest text of one field, in bytes.
    pub field_text_bytes_max: usize,
    /// Status where a write names an unknown or computed field.
    pub unknown_field_status: http::StatusCode,
}

/// Whether a `POST T/records` body is a look-up: an object with `filters` and neither `fields` nor an id.
pub fn is_look_up(body: &[u8]) -> bool {
    // Only a short look at the text: a write that holds the word somewhere is parsed twice, no more.
    if first_byte(body) != Some(b'{') || memchr::memmem::find(body, b"\"filters\"").is_none() {
        return false;
    }
    Json::parse(body).is_ok_and(|json| {
        json.get("filters").is_some() && ["fields", "id", "_id"].iter().all(|key| json.get(key).is_none())
    })
}

fn first_byte(body: &[u8]) -> Option<u8> {
    body.iter().copied().find(|b| !b.is_ascii_whitespace())
}

/// Reads records to write: one object or an array of them. An empty body is an empty object.
pub fn read_records(body: &[u8], table: &TableSchema, rules: &InputRules) -> ApiResult<RecordInputs> {
    let reader = Reader { table, rules };
    match first_byte(body) {
        None => Ok(RecordInputs { records: vec![RecordInput::default()], single: true }),
        Some(b'[') => {
            let records = read_array(body, rules, |json, at| reader.element(json, Some(at)))?;
            Ok(RecordInputs { records, single: false })
        }
        Some(_) => {
            let json = Json::parse(body).map_err(|e| from_json(&e))?;
            Ok(RecordInputs { records: vec![reader.element(&json, None)?], single: true })
        }
    }
}

/// Reads the body of `PUT R`: the record is named by the path.
pub fn read_update(
    body: &[u8],
    rid: RecordId,
    table: &TableSchema,
    rules: &InputRules,
) -> ApiResult<RecordInputs> {
    if first_byte(body) == Some(b'[') {
        Json::parse(body).map_err(|e| from_json(&e))?;
        return Err(invalid("", "expected one object such as {\"fields\":{…}}, got an array"));
    }
    let mut inputs = read_records(body, table, rules)?;
    for input in &mut inputs.records {
        // An id in the body is an echo, as the other attributes are: the path names the record.
        input.id = Some(rid);
        input.delete = false;
    }
    Ok(inputs)
}

/// Reads the body of `DELETE T/records`: `[7,8]`, ids as numbers or strings, or objects with an id.
pub fn read_deletes(body: &[u8], rules: &InputRules) -> ApiResult<RecordInputs> {
    if first_byte(body) != Some(b'[') {
        return Err(invalid("", "expected an array of record ids such as [7,8]"));
    }
    let records = read_array(body, rules, |json, at| {
        let id = json.get("id").or_else(|| json.get("_id")).unwrap_or(json);
        let id = record_id(id).map_err(|problem| invalid(&format!("records[{at}]"), problem))?;
        Ok(RecordInput { id: Some(id), delete: true, ..RecordInput::default() })
    })?;
    Ok(RecordInputs { records, single: false })
}

/// A record id as JSON has it: a whole number, or that as a string.
pub fn record_id(json: &Json<'_>) -> Result<RecordId, String> {
    let id = match json {
        Json::Number(n) if n.fract() == 0.0 && *n >= 1.0 && *n < 9e15 => RecordId::new(*n as u64),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    id.ok_or_else(|| {
        format!("expected a record id, a whole number from 1 to 4294967294, got {}", json.excerpt())
    })
}

/// Reads each element of a JSON array as it is parsed.
fn read_array<T>(
    body: &[u8],
    rules: &InputRules,
    read: impl FnMut(&Json<'_>, usize) -> ApiResult<T>,
) -> ApiResult<Vec<T>> {
    let mut failed = None;
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let elements = Elements { read, failed: &mut failed, max: rules.records_max };
    let outcome =
        elements.deserialize(&mut deserializer).and_then(|items| deserializer.end().map(|()| items));
    match (failed, outcome) {
        (Some(error), _) => Err(error),
        (None, Ok(items)) => Ok(items),
        (None, Err(e)) => {
            Err(from_json(&JsonError { message: e.to_string(), line: e.line(), column: e.column() }))
        }
    }
}

struct Elements<'e, F> {
    read: F,
    failed: &'e mut Option<ApiError>,
    max: usize,
}

impl<'de, T, F: FnMut(&Json<'_>, usize) -> ApiResult<T>> DeserializeSeed<'de> for Elements<'_, F> {
    type Value = Vec<T>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T, F: FnMut(&Json<'_>, usize) -> ApiResult<T>> Visitor<'de> for Elements<'_, F> {
    type Value = Vec<T>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }
    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(json) = seq.next_element::<Json<'de>>()? {
            let item = if items.len() < self.max {
                (self.read)(&json, items.len())
            } else {
                let max = self.max;
                Err(ApiError::with_message(
                    ErrorCode::TooManyRecords,
                    format!("more than {max} records in one request (limits.records_per_request_max)"),
                ))
            };
            match item {
                Ok(item) => items.push(item),
                Err(error) => {
                    // serde's errors are text; ours waits beside it.
                    *self.failed = Some(error);
                    return Err(de::Error::custom("refused"));
                }
            }
        }
        Ok(items)
    }
}

struct Reader<'a> {
    table: &'a TableSchema,
    rules: &'a InputRules,
}

impl Reader<'_> {
    /// One object.
    fn element(&self, json: &Json<'_>, element: Option<usize>) -> ApiResult<RecordInput> {
        let flat = Place { element, nested: false };
        let Json::Object(members) = json else {
            let place = flat.to_string();
            let problem = format!("expected an object such as {{\"fields\":{{…}}}}, got {}", json.excerpt());
            return Err(invalid(place.trim_end_matches('.'), problem));
        };
        let mut input = RecordInput::default();
        for (key, value) in members {
            match &**key {
                "fields" => self.nested(value, element, &mut input)?,
                "id" | "_id" => read_id(key, value, flat, &mut input)?,
                "_upsert" => input.upsert = read_flag(key, value, flat)?,
                "_deleted" => input.delete = read_flag(key, value, flat)?,
                _ if is_echo(key) => {}
                _ => self.value(key, value, flat, &mut input)?,
            }
        }
        if input.delete && input.id.is_none() {
            return Err(invalid(&format!("{flat}_deleted"), "a deletion names its record by _id"));
        }
        Ok(input)
    }

    fn nested(&self, fields: &Json<'_>, element: Option<usize>, input: &mut RecordInput) -> ApiResult<()> {
        match fields {
            Json::Null => Ok(()),
            Json::Object(members) => {
                input.values.reserve(members.len());
                let place = Place { element, nested: true };
                members.iter().try_for_each(|(key, value)| self.value(key, value, place, input))
            }
            other => {
                let place = Place { element, nested: false };
                let problem = format!("expected an object, got {}", other.excerpt());
                Err(invalid(&format!("{place}fields"), problem))
            }
        }
    }

    fn value(&self, key: &str, json: &Json<'_>, place: Place, input: &mut RecordInput) -> ApiResult<()> {
        let at = |code, problem: &dyn fmt::Display| ApiError::at(code, &format!("{place}{key}"), problem);
        let Some(slot) = self.table.slot_by_key(key) else {
            let problem = unknown_field(key, self.table);
            return Err(at(ErrorCode::UnknownField, &problem).status(self.rules.unknown_field_status));
        };
        let field = &self.table.fields[slot];
        if !field.is_stored() {
            let what = if field.kind.base() == "fn" { "a formula" } else { "the other side of a relation" };
            let problem = format!("{what} cannot be written");
            return Err(at(ErrorCode::FieldNotWritable, &problem).status(self.rules.unknown_field_status));
        }
        let value = match json {
            Json::Null => None,
            Json::String(text) if text.is_empty() && field.kind.empty_text_clears() => None,
            json => field.kind.read(json, field).map_err(|e| at(ErrorCode::InvalidValue, &e))?,
        };
        let max = self.rules.field_text_bytes_max;
        if let Some(Value::Text(text)) = &value
            && text.len() > max
        {
            let problem = format!("a text of {} bytes; at most {max} are allowed in one field", text.len());
            return Err(at(ErrorCode::InvalidValue, &problem));
        }
        if input.values.iter().any(|(other, _)| *other == slot) {
            let problem = format!("the field {:?} is given twice, by name and by id", field.caption);
            return Err(at(ErrorCode::InvalidValue, &problem));
        }
        input.values.push((slot, value));
        Ok(())
    }
}

fn invalid(place: &str, problem: impl fmt::Display) -> ApiError {
    ApiError::at(ErrorCode::InvalidValue, place, problem)
}

fn read_id(key: &str, value: &Json<'_>, place: Place, input: &mut RecordInput) -> ApiResult<()> {
    if *value == Json::Null {
        return Ok(());
    }
    let id = record_id(value).map_err(|problem| invalid(&format!("{place}{key}"), problem))?;
    if input.id.is_some_and(|other| other != id) {
        return Err(invalid(&format!("{place}{key}"), "id and _id name two records"));
    }
    input.id = Some(id);
    Ok(())
}

fn read_flag(key: &str, value: &Json<'_>, place: Place) -> ApiResult<bool> {
    match value {
        Json::Bool(flag) => Ok(*flag),
        Json::Null => Ok(false),
        other => {
            let problem = format!("expected true or false, got {}", other.excerpt());
            Err(invalid(&format!("{place}{key}"), problem))
        }
    }
}

/// Keys of a record that was read and comes back: they are the server's to set.
fn is_echo(key: &str) -> bool {
    key.starts_with('_')
        || matches!(key, "sequence" | "createdAt" | "createdBy" | "modifiedAt" | "modifiedBy")
}

/// Where in the body something stands: `records[3].fields.Age` without its last part.
#[derive(Clone, Copy)]
struct Place {
    /// Element of the array; `None` where the body is one object.
    element: Option<usize>,
    /// Inside `fields`.
    nested: bool,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = self.element {
            write!(f, "records[{at}].")?;
        }
        f.write_str(if self.nested { "fields." } else { "" })
    }
}
