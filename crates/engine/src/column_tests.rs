//! Columns against vectors of values.

use std::sync::Arc;

use boobook_model::{RecordId, StorageClass, Value};
use proptest::prelude::*;

use super::Column;

const CLASSES: [StorageClass; 7] = [
    StorageClass::Bool,
    StorageClass::Number,
    StorageClass::Time,
    StorageClass::Reference,
    StorageClass::Choice,
    StorageClass::Choices,
    StorageClass::Text,
];

fn value(class: StorageClass, seed: u32) -> Value {
    match class {
        StorageClass::Bool => Value::Bool(seed.is_multiple_of(2)),
        StorageClass::Number => Value::Number(f64::from(seed % 50) - 7.5),
        StorageClass::Time => Value::Time(i64::from(seed % 50) * 1_000 - 9_000),
        StorageClass::Reference => Value::Reference(RecordId::new(u64::from(seed % 50) + 1).unwrap()),
        StorageClass::Choice => Value::Choice((seed % 20) as u16 + 1),
        StorageClass::Choices => {
            Value::Choices((1..=seed % 5 + 1).map(|n| n * (1 + seed % 3)).collect::<Vec<_>>().into())
        }
        // Half of the texts are all different, so that columns leave their dictionary.
        StorageClass::Text if seed.is_multiple_of(2) => Value::Text(format!("{seed} text of its own").into()),
        StorageClass::Text => Value::Text(format!("t{}", seed % 20).into()),
    }
}

fn check(column: &Column, model: &[Option<Value>]) {
    for (row, wanted) in model.iter().enumerate() {
        assert_eq!(column.get(row as u32).to_value().as_ref(), wanted.as_ref(), "row {row}");
    }
    assert!(column.get(model.len() as u32 + 5_000).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_column_is_a_vector(
        class in prop::sample::select(CLASSES.to_vec()),
        filled in prop_oneof![0usize..40, 4_000usize..9_000],
        every in 1usize..12,
        writes in prop::collection::vec((0usize..9_100, prop::option::weighted(0.7, 0u32..4_000)), 0..400),
        probes in prop::collection::vec(prop::option::weighted(0.9, 0u32..60), 1..4),
    ) {
        let mut column = Column::new(class);
        let mut model: Vec<Option<Value>> = vec![None; 9_100];
        for row in (0..filled).step_by(every) {
            let v = value(class, row as u32);
            column.append(row as u32, v.as_cell());
            model[row] = Some(v);
        }
        let (before, kept) = (column.clone(), model.clone());
        for (n, (row, seed)) in writes.iter().enumerate() {
            match seed {
                Some(seed) => {
                    let v = value(class, *seed);
                    column.set(*row as u32, v.as_cell());
                    model[*row] = Some(v);
                }
                None => {
                    column.clear(*row as u32);
                    model[*row] = None;
                }
            }
            if n == writes.len() / 2 {
                check(&before, &kept);
            }
        }
        check(&column, &model);
        check(&before, &kept);
        let any_of: Vec<Option<Value>> = probes.iter().map(|p| p.map(|seed| value(class, seed))).collect();
        let mut mask = vec![u64::MAX; 9_100 / 64 + 1];
        column.retain_any_of(&any_of, &mut mask);
        for (row, cell) in model.iter().enumerate() {
            let wanted = any_of.iter().any(|probe| match (probe, cell) {
                (Some(Value::Choices(probe)), Some(Value::Choices(has))) => probe.iter().all(|p| has.contains(p)),
                (probe, cell) => probe == cell,
            });
            assert_eq!(mask[row / 64] >> (row % 64) & 1 == 1, wanted, "row {row} with {any_of:?}");
        }
    }
}

/// Writing one cell over and over must not grow the column for ever.
fn growth(class: StorageClass, other_rows: u32, text: impl Fn(u32) -> Value) {
    let mut column = Column::new(class);
    for row in 0..other_rows {
        column.append(row, text(row).as_cell());
    }
    let before = column.heap_bytes();
    for n in 0..60_000 {
        // A reader holds the last state, as after each publication.
        let published = Arc::new(column.clone());
        column.set(7, text(1_000_000 + n).as_cell());
        drop(published);
    }
    let after = column.heap_bytes();
    assert!(after < before * 3 + (2 << 20), "{class:?}: {before} bytes became {after}");
}

#[test]
fn a_dictionary_does_not_keep_the_dead() {
    growth(StorageClass::Text, 20, |n| Value::Text(format!("text number {n}").into()));
}

#[test]
fn an_arena_does_not_keep_the_dead() {
    growth(StorageClass::Text, 6_000, |n| {
        Value::Text(format!("a longer text with the number {n} in it").into())
    });
}

#[test]
fn choice_sets_do_not_keep_the_dead() {
    growth(StorageClass::Choices, 20, |n| Value::Choices(vec![n, n + 1, n + 2].into()));
}
