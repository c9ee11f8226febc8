//! What `explain` tells of a script (rest-api.md §6).

use std::time::Duration;

use boobook_model::Schema;
use boobook_nx::{Selection, Tested};
use serde_json::{Value as Json, json};

/// Each `select` with how its conditions were tested, and how long all of it took.
pub(super) fn told(source: &str, schema: &Schema, selections: &[Selection], took: Duration) -> Json {
    let one = |selection: &Selection| {
        let tested = |how: Tested| -> Vec<&str> {
            let texts = selection.tests.iter().filter(|(tested, _)| *tested == how);
            texts.filter_map(|(_, (from, to))| source.get(*from as usize..*to as usize)).collect()
        };
        json!({
            "select": schema.table(selection.table).map(|table| &table.caption),
            "runs": selection.runs,
            "found": selection.found,
            "byColumn": tested(Tested::Column),
            "byBlock": tested(Tested::Block),
            "byValue": tested(Tested::Value),
            "byRecord": tested(Tested::Record),
        })
    };
    json!({
        "ms": (took.as_secs_f64() * 1e6).round() / 1e3,
        "selections": selections.iter().map(one).collect::<Vec<_>>(),
    })
}
