//! The public table shape (rest-api.md §2.2): fields in display order; formulas, layout and pages are not in it.

use boobook_model::{ChoiceOption, Field, TableSchema, write_json_number, write_json_string};

/// Appends a table. Fields that `may_read` refuses are left out.
pub fn write_table(table: &TableSchema, may_read: impl Fn(usize) -> bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"id\":\"");
    out.extend_from_slice(table.id.to_string().as_bytes());
    out.extend_from_slice(b"\",\"name\":");
    write_json_string(&table.caption, out);
    out.extend_from_slice(b",\"fields\":");
    write_fields(table, may_read, out);
    out.push(b'}');
}

/// Appends the array of a table's fields.
pub fn write_fields(table: &TableSchema, may_read: impl Fn(usize) -> bool, out: &mut Vec<u8>) {
    out.push(b'[');
    let mut first = true;
    for slot in table.slots_in_order().iter().map(|&slot| slot as usize) {
        let field = &table.fields[slot];
        if field.kind.base() == "fn" || !may_read(slot) {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        write_field(field, out);
    }
    out.push(b']');
}

/// Appends one field, a formula too: what making one answers.
pub fn write_field(field: &Field, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"id\":\"");
    out.extend_from_slice(field.id.to_string().as_bytes());
    out.extend_from_slice(b"\",\"name\":");
    write_json_string(&field.caption, out);
    out.extend_from_slice(b",\"type\":");
    // An alias such as `image` goes out as it came.
    let base = field.rest.get("base").and_then(|b| b.as_str()).unwrap_or(field.kind.base());
    write_json_string(base, out);
    let (table_key, field_key) = match field.kind.base() {
        "ref" => ("referenceToTable", "reverseField"),
        "rev" => ("referenceFromTable", "referenceFromField"),
        _ => ("", ""),
    };
    if !table_key.is_empty() {
        if let Some(target) = field.target {
            write_text_member(table_key, &target.to_string(), out);
        }
        if let Some(pair) = field.pair {
            write_text_member(field_key, &pair.to_string(), out);
        }
    }
    if matches!(field.kind.base(), "choice" | "multi") {
        write_choices(field, out);
    }
    if field.kind.base() == "fn"
        && let Some(formula) = field.rest.get("fn").and_then(|f| f.as_str())
    {
        write_text_member("fn", formula, out);
    }
    out.push(b'}');
}

fn write_choices(field: &Field, out: &mut Vec<u8>) {
    let mut options: Vec<&ChoiceOption> = field.options.iter().collect();
    options.sort_by(|a, b| a.order.total_cmp(&b.order).then(a.id.cmp(&b.id)));
    out.extend_from_slice(b",\"choices\":[");
    for (at, option) in options.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"id\":\"");
        out.extend_from_slice(itoa::Buffer::new().format(option.id).as_bytes());
        out.extend_from_slice(b"\",\"caption\":");
        write_json_string(&option.caption, out);
        out.extend_from_slice(b",\"captions\":");
        let captions = serde_json::to_vec(&option.captions).unwrap_or_else(|_| b"{}".to_vec());
        out.extend_from_slice(&captions);
        out.extend_from_slice(b",\"order\":");
        write_json_number(option.order, out);
        out.push(b'}');
    }
    out.push(b']');
}

fn write_text_member(key: &str, text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
    write_json_string(text, out);
}

#[cfg(test)]
mod tests {
    use boobook_model::Schema;

    use super::*;

    #[test]
    fn shape_of_the_specification() {
        let schema = Schema::from_json(serde_json::json!({"types": {
            "A": {"caption": "Kunde", "fields": {
                "A": {"base": "string", "caption": "Name"},
                "F": {"base": "rev", "caption": "Auftrag", "refTypeId": "B", "refFieldId": "D"}}},
            "B": {"caption": "Auftrag", "fields": {
                "C": {"base": "choice", "caption": "Status", "order": 2, "values": {
                    "1": {"caption": "offen", "order": 1}, "2": {"caption": "neu", "order": 0}}},
                "A": {"base": "string", "caption": "Nummer", "order": 1},
                "D": {"base": "ref", "caption": "Kunde", "order": 3, "refTypeId": "A", "refFieldId": "F"},
                "E": {"base": "fn", "caption": "Total", "order": 4, "fn": "1 + 1"}}}}}))
        .unwrap();
        let json = |key: &str| {
            let mut out = Vec::new();
            write_table(schema.table_by_key(key).unwrap(), |_| true, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            json("B"),
            r#"{"id":"B","name":"Auftrag","fields":[{"id":"A","name":"Nummer","type":"string"},{"id":"C","name":"Status","type":"choice","choices":[{"id":"2","caption":"neu","captions":{},"order":0},{"id":"1","caption":"offen","captions":{},"order":1}]},{"id":"D","name":"Kunde","type":"ref","referenceToTable":"A","reverseField":"F"}]}"#
        );
        assert_eq!(
            json("A"),
            r#"{"id":"A","name":"Kunde","fields":[{"id":"A","name":"Name","type":"string"},{"id":"F","name":"Auftrag","type":"rev","referenceFromTable":"B","referenceFromField":"D"}]}"#
        );
        let mut out = Vec::new();
        write_field(schema.table_by_key("B").unwrap().field_by_key("Total").unwrap(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"id":"E","name":"Total","type":"fn","fn":"1 + 1"}"#);
    }
}
