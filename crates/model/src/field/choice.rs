//! Choices: of the field's own options (`choice`, `multi`) or of records (`dchoice`, `dmulti`).

use super::reference::{is_empty_text, read_record, write_record};
use super::{FieldKind, WireStyle};
use crate::{Cell, ChoiceOption, Field, Json, StorageClass, Value, ValueError, write_json_string};

/// `choice`: one option of the field.
pub(super) struct Choice;

/// `multi`: any options of the field, ascending by id.
pub(super) struct Multi;

/// `dchoice`: one record, found by a script of the field.
pub(super) struct DynamicChoice;

/// `dmulti`: any records, found by a script of the field, ascending by id.
pub(super) struct DynamicMulti;

/// Options an error message lists before it gives up with `…`.
const LISTED_MAX: usize = 8;

/// The option JSON names: a text is a caption first and an id (`"2"`) second, a number is an id.
fn read_option(json: &Json<'_>, field: &Field) -> Result<u16, ValueError> {
    let option = match json {
        Json::Number(n) if n.fract() == 0.0 && (1.0..=65_535.0).contains(n) => field.option(*n as u16),
        Json::String(text) => field.option_by_caption(text).or_else(|| option_by_digits(text, field)),
        _ => None,
    };
    option.map(|o| o.id).ok_or_else(|| ValueError::new(expected_options(field), json))
}

fn option_by_digits<'f>(text: &str, field: &'f Field) -> Option<&'f ChoiceOption> {
    // The parser would take `+2` too.
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits).and_then(|id| field.option(id))
}

/// What the field takes, in the order people see it.
fn expected_options(field: &Field) -> String {
    if field.options.is_empty() {
        return "no value: the field has no options".into();
    }
    let mut options: Vec<&ChoiceOption> = field.options.iter().collect();
    options.sort_by(|a, b| a.order.total_cmp(&b.order).then(a.id.cmp(&b.id)));
    let mut expected = String::from("one of ");
    for (at, option) in options.iter().take(LISTED_MAX).enumerate() {
        if at > 0 {
            expected.push_str(", ");
        }
        expected.push_str(&Json::String(option.caption.as_str().into()).excerpt());
    }
    if options.len() > LISTED_MAX {
        expected.push_str(", …");
    }
    expected.push_str(" (or their ids)");
    expected
}

/// Appends an option's caption, or its id as a string where that is asked for or the option is gone.
fn write_option(id: u32, field: &Field, style: WireStyle, out: &mut Vec<u8>) {
    if !style.choice_ids
        && let Some(option) = u16::try_from(id).ok().and_then(|id| field.option(id))
    {
        return write_json_string(&option.caption, out);
    }
    out.push(b'"');
    out.extend_from_slice(itoa::Buffer::new().format(id).as_bytes());
    out.push(b'"');
}

/// A set of ids from an array or from one value; no member clears.
fn read_set(
    json: &Json<'_>,
    read_one: impl Fn(&Json<'_>) -> Result<u32, ValueError>,
) -> Result<Option<Value>, ValueError> {
    let mut ids = match json {
        Json::Array(items) => items.iter().map(read_one).collect::<Result<Vec<u32>, _>>()?,
        one if is_empty_text(one) => Vec::new(),
        one => vec![read_one(one)?],
    };
    ids.sort_unstable();
    ids.dedup();
    Ok((!ids.is_empty()).then(|| Value::Choices(ids.into())))
}

/// Appends an array of ids, each by `write_one`.
fn write_set(cell: Cell<'_>, out: &mut Vec<u8>, write_one: impl Fn(u32, &mut Vec<u8>)) {
    let Cell::Choices(ids) = cell else {
        return out.extend_from_slice(b"null");
    };
    out.push(b'[');
    for (at, &id) in ids.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_one(id, out);
    }
    out.push(b']');
}

impl FieldKind for Choice {
    fn base(&self) -> &'static str {
        "choice"
    }

    fn storage(&self) -> Option<StorageClass> {
        Some(StorageClass::Choice)
    }

    fn read(&self, json: &Json<'_>, field: &Field) -> Result<Option<Value>, ValueError> {
        if is_empty_text(json) {
            return Ok(None);
        }
        read_option(json, field).map(|id| Some(Value::Choice(id)))
    }

    fn write(&self, cell: Cell<'_>, field: &Field, style: WireStyle, out: &mut Vec<u8>) {
        match cell {
            Cell::Choice(id) => write_option(id.into(), field, style, out),
            _ => out.extend_from_slice(b"null"),
        }
    }

    fn write_change(&self, cell: Cell<'_>, _field: &Field, out: &mut Vec<u8>) {
        match cell {
            Cell::Choice(id) => out.extend_from_slice(itoa::Buffer::new().format(id).as_bytes()),
            _ => out.extend_from_slice(b"null"),
        }
    }
}

impl FieldKind for Multi {
    fn base(&self) -> &'static str {
        "multi"
    }

    fn storage(&self) -> Option<StorageClass> {
        Some(StorageClass::Choices)
    }

    fn read(&self, json: &Json<'_>, field: &Field) -> Result<Option<Value>, ValueError> {
        read_set(json, |one| read_option(one, field).map(u32::from))
    }

    fn write(&self, cell: Cell<'_>, field: &Field, style: WireStyle, out: &mut Vec<u8>) {
        write_set(cell, out, |id, out| write_option(id, field, style, out));
    }

    fn write_change(&self, cell: Cell<'_>, _field: &Field, out: &mut Vec<u8>) {
        write_set(cell, out, |id, out| out.extend_from_slice(itoa::Buffer::new().format(id).as_bytes()));
    }
}

impl FieldKind for DynamicChoice {
    fn base(&self) -> &'static str {
        "dchoice"
    }

    fn storage(&self) -> Option<StorageClass> {
        Some(StorageClass::Reference)
    }

    fn read(&self, json: &Json<'_>, field: &Field) -> Result<Option<Value>, ValueError> {
        if is_empty_text(json) {
            return Ok(None);
        }
        read_record(json, field).map(|id| Some(Value::Reference(id)))
    }

    fn write(&self, cell: Cell<'_>, _field: &Field, _style: WireStyle, out: &mut Vec<u8>) {
        match cell {
            Cell::Reference(id) => write_record(id.get(), out),
            _ => out.extend_from_slice(b"null"),
        }
    }
}

impl FieldKind for DynamicMulti {
    fn base(&self) -> &'static str {
        "dmulti"
    }

    fn storage(&self) -> Option<StorageClass> {
        Some(StorageClass::Choices)
    }

    fn read(&self, json: &Json<'_>, field: &Field) -> Result<Option<Value>, ValueError> {
        read_set(json, |one| read_record(one, field).map(|id| id.get()))
    }

    fn write(&self, cell: Cell<'_>, _field: &Field, _style: WireStyle, out: &mut Vec<u8>) {
        write_set(cell, out, write_record);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::check::{check, field, round_trips, written};
    use super::*;
    use crate::{RECORD_ID_MAX, RecordId};

    /// Options 1 "new", 2 "active" (German "aktiv"), 4 "1": ids and captions that could be mixed up.
    fn status(base: &str) -> Field {
        let mut field = field(base);
        for (id, caption, order) in [(1, "new", 2.0), (2, "active", 1.0), (4, "1", 3.0)] {
            let captions = match id {
                2 => [("de".to_owned(), "aktiv".into())].into_iter().collect(),
                _ => Default::default(),
            };
            let caption = caption.to_owned();
            field.options.push(ChoiceOption { id, caption, captions, order, rest: Default::default() });
        }
        field
    }

    #[test]
    fn choices() {
        check(
            &status("choice"),
            &[
                (r#""new""#, r#""new""#),
                (r#""aktiv""#, r#""active""#),
                ("2", r#""active""#),
                (r#""2""#, r#""active""#),
                ("1", r#""new""#),
                // A caption wins over an id.
                (r#""1""#, r#""1""#),
                (r#""""#, "cleared"),
                (r#""New""#, r#"expected one of "active", "new", "1" (or their ids), got "New""#),
                ("3", r#"expected one of "active", "new", "1" (or their ids), got 3"#),
                ("1.5", r#"expected one of "active", "new", "1" (or their ids), got 1.5"#),
                ("65537", r#"expected one of "active", "new", "1" (or their ids), got 65537"#),
                (r#""+2""#, r#"expected one of "active", "new", "1" (or their ids), got "+2""#),
                ("true", r#"expected one of "active", "new", "1" (or their ids), got true"#),
                ("[1]", r#"expected one of "active", "new", "1" (or their ids), got an array"#),
            ],
        );
        check(&field("choice"), &[("1", "expected no value: the field has no options, got 1")]);
    }

    #[test]
    fn long_lists_of_options_are_cut() {
        let mut field = field("choice");
        for id in 1..=9 {
            let caption = format!("o{id}");
            let captions = Default::default();
            field.options.push(ChoiceOption { id, caption, captions, order: 0.0, rest: Default::default() });
        }
        let expected = r#""o1", "o2", "o3", "o4", "o5", "o6", "o7", "o8""#;
        check(&field, &[("0", format!("expected one of {expected}, … (or their ids), got 0").as_str())]);
        field.options.pop();
        check(&field, &[("0", format!("expected one of {expected} (or their ids), got 0").as_str())]);
    }

    #[test]
    fn multis() {
        check(
            &status("multi"),
            &[
                (r#"["active",1,"2","new"]"#, r#"["new","active"]"#),
                (r#""active""#, r#"["active"]"#),
                ("4", r#"["1"]"#),
                ("[]", "cleared"),
                (r#""""#, "cleared"),
                ("[null]", r#"expected one of "active", "new", "1" (or their ids), got null"#),
                (r#"[""]"#, r#"expected one of "active", "new", "1" (or their ids), got """#),
                ("[[1]]", r#"expected one of "active", "new", "1" (or their ids), got an array"#),
                (r#"{"1":true}"#, r#"expected one of "active", "new", "1" (or their ids), got an object"#),
            ],
        );
    }

    #[test]
    fn options_are_written_as_asked() {
        let ids = WireStyle { choice_ids: true };
        let names = WireStyle::default();
        let (choice, multi) = (status("choice"), status("multi"));
        assert_eq!(written(&choice, Cell::Choice(2), names), r#""active""#);
        assert_eq!(written(&choice, Cell::Choice(2), ids), r#""2""#);
        assert_eq!(written(&multi, Cell::Choices(&[1, 2]), names), r#"["new","active"]"#);
        assert_eq!(written(&multi, Cell::Choices(&[1, 2]), ids), r#"["1","2"]"#);
        // Options that are gone.
        assert_eq!(written(&choice, Cell::Choice(3), names), r#""3""#);
        assert_eq!(written(&multi, Cell::Choices(&[1, 3, 65_537]), names), r#"["new","3","65537"]"#);
        let mut out = Vec::new();
        Choice.write_change(Cell::Choice(2), &choice, &mut out);
        Multi.write_change(Cell::Choices(&[1, 2]), &multi, &mut out);
        assert_eq!(out, b"2[1,2]");
    }

    #[test]
    fn dynamic_choices() {
        check(
            &field("dchoice"),
            &[
                ("5", "5"),
                (r#""B7""#, "7"),
                (r#""""#, "cleared"),
                ("0", r#"expected a record id from 1 on, such as 5 or "A5", got 0"#),
            ],
        );
        check(
            &field("dmulti"),
            &[
                (r#"[9,"4","A9"]"#, "[4,9]"),
                ("3", "[3]"),
                (r#""A3""#, "[3]"),
                ("[]", "cleared"),
                (r#""""#, "cleared"),
                ("[null]", r#"expected a record id from 1 on, such as 5 or "A5", got null"#),
                ("[0]", r#"expected a record id from 1 on, such as 5 or "A5", got 0"#),
            ],
        );
    }

    proptest! {
        #[test]
        fn any_choice_round_trips(ids in proptest::collection::btree_set(1..=20u16, 1..8)) {
            let (mut choice, mut multi) = (field("choice"), field("multi"));
            for &id in &ids {
                let caption = format!("\"{id}\"");
                let captions = Default::default();
                let option = ChoiceOption { id, caption, captions, order: 0.0, rest: Default::default() };
                choice.options.push(option.clone());
                multi.options.push(option);
            }
            for &id in &ids {
                round_trips(&choice, &Value::Choice(id));
            }
            round_trips(&multi, &Value::Choices(ids.iter().map(|&id| id.into()).collect()));
        }

        #[test]
        fn any_records_round_trip(ids in proptest::collection::btree_set(1..=RECORD_ID_MAX, 1..8)) {
            let ids: BTreeSet<u32> = ids;
            for &id in &ids {
                round_trips(&field("dchoice"), &Value::Reference(RecordId::new(id.into()).unwrap()));
            }
            round_trips(&field("dmulti"), &Value::Choices(ids.iter().copied().collect()));
        }
    }
}
