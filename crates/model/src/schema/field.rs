//! A field of a table, its options and rights.

use serde_json::{Value as JsonValue, json};

use super::{SchemaError, take_string, take_u64};
use crate::{FieldId, FieldKind, JsonMap, Role, TableId, field::HIDDEN_FILES, field_kind, write_json_string};

/// One option of a choice or multi choice field.
#[derive(Debug, Clone, PartialEq)]
pub struct ChoiceOption {
    /// 1 … 65,535; never used again in its field.
    pub id: u16,
    /// What people see.
    pub caption: String,
    /// Captions by language, as they came.
    pub captions: JsonMap,
    /// Place among the options.
    pub order: f64,
    /// `color`, `icon` and whatever else came.
    pub rest: JsonMap,
}

/// Role lists of a table or field. `None` and an empty list mean everybody, as in Ninox's own dialogs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rights {
    /// `readRoles`
    pub read: Option<Vec<String>>,
    /// `writeRoles`
    pub write: Option<Vec<String>>,
    /// `createRoles` (tables)
    pub create: Option<Vec<String>>,
    /// `deleteRoles` (tables)
    pub delete: Option<Vec<String>>,
}

impl Rights {
    pub(super) fn take(map: &mut JsonMap, place: &str) -> Result<Self, SchemaError> {
        let mut list = |key: &str| match map.remove(key) {
            None | Some(JsonValue::Null) => Ok(None),
            Some(JsonValue::Array(items)) if items.iter().all(JsonValue::is_string) => {
                Ok(Some(items.iter().filter_map(|i| i.as_str().map(str::to_owned)).collect()))
            }
            Some(_) => Err(SchemaError::new(format!("{place}.{key}"), "expected an array of role names")),
        };
        Ok(Self {
            read: list("readRoles")?,
            write: list("writeRoles")?,
            create: list("createRoles")?,
            delete: list("deleteRoles")?,
        })
    }

    pub(super) fn put(&self, map: &mut JsonMap) {
        for (key, list) in [
            ("readRoles", &self.read),
            ("writeRoles", &self.write),
            ("createRoles", &self.create),
            ("deleteRoles", &self.delete),
        ] {
            if let Some(list) = list {
                map.insert(key.into(), json!(list));
            }
        }
    }

    /// Whether a role is in a list. `admin` always is, so that nobody locks everybody out.
    pub fn allow(list: Option<&Vec<String>>, role: &Role) -> bool {
        role.is_admin() || list.is_none_or(|list| list.is_empty() || list.iter().any(|r| r == role.as_str()))
    }
}

/// A field of a table.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its id, unique in the table for ever.
    pub id: FieldId,
    /// What it holds and how that is written.
    pub kind: &'static dyn FieldKind,
    /// Its name.
    pub caption: String,
    /// A record needs a value here.
    pub required: bool,
    /// Place in forms and on the wire.
    pub order: f64,
    /// 16 of `[A-Za-z0-9]`; empty until the server gives one.
    pub uuid: String,
    /// Options of choice and multi choice fields, by id.
    pub options: Vec<ChoiceOption>,
    /// Id of the next option.
    pub next_choice_id: u32,
    /// `ref`: the table linked to; `rev`: the table that holds the ref.
    pub target: Option<TableId>,
    /// The other side of a `ref`/`rev` pair, in [`Self::target`].
    pub pair: Option<FieldId>,
    /// Deleting the record referred to deletes the record that refers (a composition).
    pub cascade: bool,
    /// Who may read and write it.
    pub rights: Rights,
    /// Keys the server does not interpret.
    pub rest: JsonMap,
    /// `"caption":`, written in front of each value.
    name_json: Box<[u8]>,
    /// `"id":`, for `ids=true` and the change feed.
    id_json: Box<[u8]>,
}

impl Field {
    /// A field without options or links.
    pub fn new(id: FieldId, kind: &'static dyn FieldKind, caption: &str) -> Self {
        let mut field = Self {
            id,
            kind,
            caption: String::new(),
            required: false,
            order: f64::from(id.ordinal().unwrap_or(0)),
            uuid: String::new(),
            options: Vec::new(),
            next_choice_id: 1,
            target: None,
            pair: None,
            cascade: false,
            rights: Rights::default(),
            rest: JsonMap::new(),
            name_json: Box::default(),
            id_json: format!("\"{id}\":").into_bytes().into(),
        };
        field.rename(caption);
        field
    }

    /// The hidden field with a record's files.
    pub(super) fn files() -> Self {
        // It has no uuid of its own to be given.
        Self { uuid: "-".into(), ..Self::new(FieldId::FILES, HIDDEN_FILES, "files of the record") }
    }

    /// Whether it is the hidden field of a table, which no request names and no schema shows.
    pub fn is_hidden(&self) -> bool {
        self.id == FieldId::FILES
    }

    /// Whether its value is the name of one of the record's files.
    pub fn holds_file_name(&self) -> bool {
        matches!(self.kind.base(), "file" | "image" | "signature")
    }

    /// Sets the caption and what is derived from it.
    pub fn rename(&mut self, caption: &str) {
        caption.clone_into(&mut self.caption);
        let mut key = Vec::new();
        write_json_string(caption, &mut key);
        key.push(b':');
        self.name_json = key.into();
    }

    /// `"caption":` as bytes.
    pub fn name_json(&self) -> &[u8] {
        &self.name_json
    }

    /// `"id":` as bytes.
    pub fn id_json(&self) -> &[u8] {
        &self.id_json
    }

    /// Whether the engine stores values for it (formulas and 1:N are computed).
    pub fn is_stored(&self) -> bool {
        self.kind.storage().is_some()
    }

    /// The option of an id.
    pub fn option(&self, id: u16) -> Option<&ChoiceOption> {
        self.options.binary_search_by_key(&id, |o| o.id).ok().map(|at| &self.options[at])
    }

    /// The option with exactly that caption (any language's), the field's own caption first.
    pub fn option_by_caption(&self, caption: &str) -> Option<&ChoiceOption> {
        self.options.iter().find(|o| o.caption == caption).or_else(|| {
            self.options.iter().find(|o| o.captions.values().any(|c| c.as_str() == Some(caption)))
        })
    }

    /// Reads a `fields` entry. `place` heads error places.
    pub fn from_json(id: FieldId, json: JsonValue, place: &str) -> Result<Self, SchemaError> {
        let JsonValue::Object(mut map) = json else {
            return Err(SchemaError::new(place, "expected an object"));
        };
        let base = take_string(&mut map, "base", place)?
            .ok_or_else(|| SchemaError::new(format!("{place}.base"), "a field needs its base (its type)"))?;
        let kind = field_kind(&base).ok_or_else(|| {
            SchemaError::new(format!("{place}.base"), format!("there is no field type {base:?}"))
        })?;
        let caption = take_string(&mut map, "caption", place)?.unwrap_or_else(|| id.to_string());
        let mut field = Self::new(id, kind, &caption);
        // An alias (`image` for `file`) goes out as it came.
        if base != kind.base() {
            map.insert("base".into(), base.into());
        }
        field.required = map.remove("required").is_some_and(|v| v == JsonValue::Bool(true));
        if let Some(order) = map.remove("order").and_then(|v| v.as_f64()) {
            field.order = order;
        }
        field.uuid = take_string(&mut map, "uuid", place)?.unwrap_or_default();
        field.rights = Rights::take(&mut map, place)?;
        if let Some(id) = take_string(&mut map, "refTypeId", place)? {
            field.target = Some(id.parse().map_err(|e: crate::IdError| {
                SchemaError::new(format!("{place}.refTypeId"), e.to_string())
            })?);
        }
        if let Some(id) = take_string(&mut map, "refFieldId", place)? {
            field.pair = Some(id.parse().map_err(|e: crate::IdError| {
                SchemaError::new(format!("{place}.refFieldId"), e.to_string())
            })?);
        }
        field.cascade = map.remove("cascade").is_some_and(|v| v == JsonValue::Bool(true));
        field.next_choice_id = take_u64(&mut map, "nextChoiceId", place)?.unwrap_or(1) as u32;
        if matches!(kind.base(), "choice" | "multi") {
            match map.remove("values") {
                None | Some(JsonValue::Null) => {}
                Some(JsonValue::Object(values)) => {
                    for (id, option) in values {
                        field.options.push(read_option(&id, option, &format!("{place}.values.{id}"))?);
                    }
                }
                Some(_) => {
                    return Err(SchemaError::new(
                        format!("{place}.values"),
                        "expected an object of options keyed by id",
                    ));
                }
            }
        }
        field.options.sort_by_key(|o| o.id);
        if let Some(twice) = field.options.windows(2).find(|w| w[0].id == w[1].id) {
            return Err(SchemaError::new(format!("{place}.values.{}", twice[0].id), "the id is used twice"));
        }
        let next = field.options.last().map_or(1, |o| u32::from(o.id) + 1);
        field.next_choice_id = field.next_choice_id.max(next);
        field.rest = map;
        Ok(field)
    }

    /// The schema JSON of this field, every always-present key included.
    pub fn to_json(&self) -> JsonValue {
        let mut map = JsonMap::new();
        map.insert("base".into(), self.kind.base().into());
        map.insert("caption".into(), self.caption.clone().into());
        map.insert("captions".into(), JsonValue::Object(JsonMap::new()));
        map.insert("required".into(), self.required.into());
        map.insert("order".into(), number(self.order));
        map.insert("formWidth".into(), 1.into());
        map.insert("uuid".into(), self.uuid.clone().into());
        map.insert("globalSearch".into(), true.into());
        map.insert("hasIndex".into(), false.into());
        map.insert("tooltips".into(), JsonValue::Object(JsonMap::new()));
        if let Some(target) = self.target {
            map.insert("refTypeId".into(), target.to_string().into());
        }
        if let Some(pair) = self.pair {
            map.insert("refFieldId".into(), pair.to_string().into());
        }
        if self.cascade {
            map.insert("cascade".into(), true.into());
        }
        if matches!(self.kind.base(), "choice" | "multi") {
            let values: JsonMap = self.options.iter().map(|o| (o.id.to_string(), option_json(o))).collect();
            map.insert("values".into(), JsonValue::Object(values));
            map.insert("nextChoiceId".into(), self.next_choice_id.into());
        }
        self.rights.put(&mut map);
        for (key, value) in &self.rest {
            if !value.is_null() || !map.contains_key(key) {
                map.insert(key.clone(), value.clone());
            }
        }
        JsonValue::Object(map)
    }
}

fn read_option(id: &str, json: JsonValue, place: &str) -> Result<ChoiceOption, SchemaError> {
    let id: u16 = id
        .parse()
        .ok()
        .filter(|&id| id > 0)
        .ok_or_else(|| SchemaError::new(place, "an option id is a whole number from 1 to 65535"))?;
    let JsonValue::Object(mut map) = json else {
        return Err(SchemaError::new(place, "expected an object with a caption"));
    };
    let caption = take_string(&mut map, "caption", place)?
        .ok_or_else(|| SchemaError::new(format!("{place}.caption"), "an option needs a caption"))?;
    super::table::check_caption(&caption, place)?;
    let captions = match map.remove("captions") {
        Some(JsonValue::Object(captions)) => captions,
        _ => JsonMap::new(),
    };
    let order = map.remove("order").and_then(|v| v.as_f64()).unwrap_or(f64::from(id));
    Ok(ChoiceOption { id, caption, captions, order, rest: map })
}

fn option_json(option: &ChoiceOption) -> JsonValue {
    let mut map = JsonMap::new();
    map.insert("caption".into(), option.caption.clone().into());
    map.insert("captions".into(), JsonValue::Object(option.captions.clone()));
    map.insert("order".into(), number(option.order));
    for (key, value) in &option.rest {
        map.insert(key.clone(), value.clone());
    }
    JsonValue::Object(map)
}

/// Whole numbers without `.0`, as they came.
fn number(n: f64) -> JsonValue {
    if n.fract() == 0.0 && n.abs() < 9e15 { JsonValue::from(n as i64) } else { JsonValue::from(n) }
}
