//! Any bytes as the bodies of record requests, against a table with fields of every kind: they are read, or refused with
//! a status of the client's and words; and what was read is written so that it reads the same. The fuzz target
//! `wire_json` includes this file.
#![allow(dead_code, clippy::unwrap_used, reason = "tests; the fuzz target runs none")]

use std::sync::{Arc, LazyLock};

use boobook_app::{RecordInputs, TableAccess};
use boobook_http::{
    ApiError, StatusCode,
    wire::{
        filters::read_filters,
        input::{InputRules, is_look_up, read_deletes, read_records, read_update},
    },
};
use boobook_model::{FIELD_KINDS, Field, Json, RecordId, Role, Schema, Value, WireStyle};
use serde_json::{Map, Value as JsonValue, json};

const RULES: InputRules =
    InputRules { records_max: 20, field_text_bytes_max: 100, unknown_field_status: StatusCode::BAD_REQUEST };

static ACCESS: LazyLock<TableAccess> = LazyLock::new(|| {
    let schema = Schema::from_json(schema()).unwrap();
    let table = Arc::clone(schema.table("A".parse().unwrap()).unwrap());
    TableAccess::new(&table, &Role::new(Role::ADMIN).unwrap(), false)
});

/// A table with a field of every kind, named after it.
fn schema() -> JsonValue {
    let field = |kind: &str| match kind {
        "choice" | "multi" => json!({"values": {
            "1": {"caption": "Red"}, "2": {"caption": "Grün"}, "7": {"caption": "7"}, "9": {"caption": "Red, blue"},
        }}),
        "ref" => json!({"refTypeId": "A", "refFieldId": "Z"}),
        "rev" => json!({"refTypeId": "A", "refFieldId": "Y"}),
        "fn" => json!({"fn": "number"}),
        _ => json!({}),
    };
    let mut fields = Map::new();
    for (at, kind) in FIELD_KINDS.iter().map(|kind| kind.base()).enumerate() {
        let mut field = field(kind);
        field["base"] = kind.into();
        field["caption"] = kind.into();
        let id = match kind {
            "ref" => "Y".to_owned(),
            "rev" => "Z".to_owned(),
            _ => format!("{}{}", char::from(b'A' + (at / 9) as u8), at % 9 + 1),
        };
        fields.insert(id, field);
    }
    json!({"types": {"A": {"caption": "Things", "fields": fields}}})
}

/// Holds any bytes to what is said above.
///
/// # Panics
/// Where it does not hold.
pub(crate) fn check_wire_json(data: &[u8]) {
    let rid = RecordId::new(7).unwrap();
    match read_records(data, &ACCESS.schema, &RULES) {
        Ok(inputs) => check_inputs(&inputs),
        Err(error) => check_refusal(&error),
    }
    match read_update(data, rid, &ACCESS.schema, &RULES) {
        Ok(inputs) => {
            check_inputs(&inputs);
            assert!(inputs.single && inputs.records.len() == 1);
            assert!(inputs.records.iter().all(|input| input.id == Some(rid) && !input.delete));
        }
        Err(error) => check_refusal(&error),
    }
    match read_deletes(data, &RULES) {
        Ok(inputs) => assert!(inputs.records.iter().all(|input| input.id.is_some() && input.delete)),
        Err(error) => check_refusal(&error),
    }
    match read_filters(&Default::default(), data, &ACCESS) {
        Ok((conditions, formulas)) => {
            assert!(conditions.iter().all(|c| ACCESS.schema.fields[c.slot].is_stored()));
            assert!(formulas.iter().all(|(slot, _)| !ACCESS.schema.fields[usize::from(*slot)].is_stored()));
        }
        Err(error) => check_refusal(&error),
    }
    if is_look_up(data) {
        assert!(Json::parse(data).unwrap().get("filters").is_some());
    }
}

fn check_refusal(error: &ApiError) {
    assert!(error.http_status().is_client_error(), "{error:?}");
    assert!(!error.message().is_empty(), "{error:?}");
    let json: JsonValue = serde_json::from_slice(&error.to_json("id")).unwrap();
    assert!(json["message"].is_string(), "{json}");
}

fn check_inputs(inputs: &RecordInputs) {
    assert!(inputs.records.len() <= RULES.records_max);
    for input in &inputs.records {
        for (at, (slot, value)) in input.values.iter().enumerate() {
            let field = &ACCESS.schema.fields[*slot];
            assert!(field.is_stored() && input.values[..at].iter().all(|(other, _)| other != slot));
            if let Some(value) = value {
                check_value(field, value);
            }
        }
    }
}

/// A value is of its field's class, and both ways of writing it read as the same.
fn check_value(field: &Field, value: &Value) {
    assert_eq!(Some(value.storage()), field.kind.storage(), "{field:?} {value:?}");
    let (mut plain, mut change) = (Vec::new(), Vec::new());
    field.kind.write(value.as_cell(), field, WireStyle::default(), &mut plain);
    field.kind.write_change(value.as_cell(), field, &mut change);
    for written in [plain, change] {
        let json = Json::parse(&written).unwrap();
        let again = field.kind.read(&json, field).unwrap();
        let (kind, shown) = (field.kind.base(), String::from_utf8_lossy(&written));
        assert_eq!(again.as_ref(), Some(value), "{kind} is written as {shown}");
    }
}

#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            super::check_wire_json(&bytes);
        }
    }

    #[test]
    fn kept_inputs_of_the_fuzzer() {
        super::replay::replay("wire_json", super::check_wire_json);
    }
}
