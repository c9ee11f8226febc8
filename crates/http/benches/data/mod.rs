//! Contacts for the benchmarks.

use std::sync::Arc;

use boobook_engine::{Loader, RecordMeta, Snapshot, Table};
use boobook_model::{Cell, FieldId, RecordId, Schema, Sq, TableId};
use serde_json::json;

const NOW_MS: i64 = 1_700_000_000_000;

/// Spreads row numbers over values, the same at each run.
pub(crate) fn scatter(n: u32) -> u32 {
    n.wrapping_mul(0x9E37_79B1).rotate_left(13).wrapping_mul(0x85EB_CA6B)
}

/// Contacts of first and last name, e-mail, age, birthday, status, notes; all made by one request, or each by one
/// of its own.
pub(crate) fn load(rows: u32, by_one_request: bool) -> Snapshot {
    let bases = ["string", "string", "email", "number", "date", "choice", "string"];
    let names = ["first_name", "last_name", "email", "age", "birthday", "status", "notes"];
    let fields = bases.iter().zip(names).enumerate().map(|(at, (base, name))| {
        let mut field = json!({"base": base, "caption": name});
        if *base == "choice" {
            field["values"] =
                json!({"1": {"caption": "new"}, "2": {"caption": "active"}, "3": {"caption": "won"}});
        }
        (FieldId::nth(at as u32).unwrap().to_string(), field)
    });
    let fields: serde_json::Map<_, _> = fields.collect();
    let schema = json!({"types": {"A": {"caption": "Contact", "fields": fields}}});
    let schema = Arc::new(Schema::from_json(schema).unwrap());
    let mut loader = Loader::new(schema, Sq(rows.into()), Sq(0), Sq(0), NOW_MS * 2, Vec::new());
    for n in 1..=rows {
        let s = scatter(n);
        let at_ms = if by_one_request { NOW_MS } else { NOW_MS + i64::from(n) * 1_700 };
        let meta = RecordMeta {
            sq: Sq(n.into()),
            created_at_ms: at_ms,
            created_by: "u8K2mQ",
            modified_at_ms: at_ms,
            modified_by: "u8K2mQ",
        };
        let mut row = loader.record(contact(), RecordId::new(n.into()).unwrap(), false, &meta);
        let field = |at| FieldId::nth(at).unwrap();
        row.field(field(0), Cell::Text(["Ada", "Benjamin", "Cleo", "Dina"][s as usize % 4]));
        row.field(field(1), Cell::Text(&format!("Surname{}", s % 5_003)));
        row.field(field(2), Cell::Text(&format!("user{n}@example.com")));
        row.field(field(3), Cell::Number(f64::from(18 + s % 70)));
        row.field(field(4), Cell::Time(i64::from(s % 30_000) * 86_400_000));
        row.field(field(5), Cell::Choice((s % 3 + 1) as u16));
        row.field(field(6), Cell::Text(&format!("{s:x} alpha bravo charlie ").repeat(8)));
    }
    loader.finish()
}

pub(crate) fn contact() -> TableId {
    TableId::nth(0).unwrap()
}

pub(crate) fn table(snapshot: &Snapshot) -> &Table {
    snapshot.table(contact()).unwrap()
}

/// A record's id.
pub(crate) fn rid(n: u32) -> RecordId {
    RecordId::new(n.into()).unwrap()
}
