//! What names of tables and fields mean (nx-language.md §1, "Caption lookup"; §5.5; §9-19).
//!
//! An exact name comes first, then an id, then a name in other letters' case if there is one only.

use boobook_model::{Schema, TableKind, TableSchema};

use crate::ir::SystemField;

/// The table of a name or id.
pub(crate) fn table<'s>(schema: &'s Schema, name: &str) -> Option<&'s TableSchema> {
    let tables = || schema.tables.iter().filter(|table| table.kind == TableKind::Table);
    tables()
        .find(|table| table.caption == name)
        .or_else(|| schema.table(name.parse().ok()?))
        .or_else(|| only(tables().filter(|table| is_same_word(&table.caption, name))))
        .map(|table| &**table)
}

/// The slot of a field by its name or id.
pub(crate) fn field_slot(table: &TableSchema, name: &str) -> Option<usize> {
    table.slot_by_key(name).or_else(|| {
        let fields = table.fields.iter().enumerate().filter(|(_, field)| !field.is_hidden());
        only(fields.filter(|(_, field)| is_same_word(&field.caption, name)).map(|(slot, _)| slot))
    })
}

/// The slot of a field by its id: in scripts that are stored by ids.
pub(crate) fn field_slot_by_id(table: &TableSchema, id: &str) -> Option<usize> {
    table.slot(id.parse().ok()?)
}

/// The slot of a field by its table's id and its own, `A:C`: the name that means it whatever else has its id or caption.
pub(crate) fn field_slot_with_table(table: &TableSchema, name: &str) -> Option<usize> {
    let (of, field) = name.split_once(':')?;
    if of.parse() != Ok(table.id) {
        return None;
    }
    field_slot_by_id(table, field)
}

/// A system field by its English or German caption, or its internal name.
pub(crate) fn system_field(name: &str) -> Option<SystemField> {
    const NAMES: &[(&str, SystemField)] = &[
        ("Id", SystemField::Id),
        ("_id", SystemField::Id),
        ("Nr", SystemField::Number),
        ("_nr", SystemField::Number),
        ("_sq", SystemField::Sequence),
        ("_cd", SystemField::CreatedAt),
        ("_cu", SystemField::CreatedBy),
        ("_md", SystemField::ModifiedAt),
        ("_mu", SystemField::ModifiedBy),
        ("Created on", SystemField::CreatedAt),
        ("Created by", SystemField::CreatedBy),
        ("Last modified on", SystemField::ModifiedAt),
        ("Last modified by", SystemField::ModifiedBy),
        ("Erstellt am", SystemField::CreatedAt),
        ("Erstellt von", SystemField::CreatedBy),
        ("Zuletzt geändert am", SystemField::ModifiedAt),
        ("Zuletzt geändert von", SystemField::ModifiedBy),
    ];
    let exact = NAMES.iter().find(|(caption, _)| *caption == name);
    exact.or_else(|| NAMES.iter().find(|(caption, _)| is_same_word(caption, name))).map(|(_, field)| *field)
}

/// Equal but for the case of letters.
pub(crate) fn is_same_word(a: &str, b: &str) -> bool {
    a.chars().flat_map(char::to_lowercase).eq(b.chars().flat_map(char::to_lowercase))
}

fn only<T>(mut found: impl Iterator<Item = T>) -> Option<T> {
    let first = found.next()?;
    found.next().is_none().then_some(first)
}
