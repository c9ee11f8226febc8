//! Columns against vectors of values, across chunk borders and changes of encoding.

use std::cmp::Ordering;

use boobook_model::{Cell, RecordId, StorageClass, Value};
use proptest::prelude::*;

use super::{CHUNK_ROWS, Column, Test};

const CLASSES: [StorageClass; 7] = [
    StorageClass::Bool,
    StorageClass::Number,
    StorageClass::Time,
    StorageClass::Reference,
    StorageClass::Choice,
    StorageClass::Choices,
    StorageClass::Text,
];

type Model = Vec<Option<Value>>;

/// Some value of a class. Seeds from 1,000 on give texts and sets that are all different.
fn value(class: StorageClass, seed: u32) -> Value {
    const NUMBERS: [f64; 6] = [f64::NEG_INFINITY, -0.0, 0.0, 1e-300, f64::MAX, f64::INFINITY];
    const TIMES: [i64; 3] = [i64::MIN, 0, i64::MAX];
    let common = seed % 50;
    match class {
        StorageClass::Bool => Value::Bool(seed.is_multiple_of(2)),
        StorageClass::Number => {
            Value::Number(NUMBERS.get(common as usize).copied().unwrap_or(f64::from(common) - 27.5))
        }
        StorageClass::Time => {
            Value::Time(TIMES.get(common as usize).copied().unwrap_or(i64::from(common) * 1_000 - 27_000))
        }
        StorageClass::Reference => Value::Reference(RecordId::new(u64::from(common) * 97 + 1).unwrap()),
        StorageClass::Choice => Value::Choice((seed % 20) as u16 + 1),
        StorageClass::Choices if seed >= 1_000 => Value::Choices(vec![1, 3, seed].into()),
        StorageClass::Choices => {
            Value::Choices((1..=seed % 5 + 1).map(|n| n * (1 + seed % 3)).collect::<Vec<_>>().into())
        }
        StorageClass::Text if seed % 701 == 7 => {
            Value::Text("long ".repeat(1_000 + seed as usize % 3).into())
        }
        StorageClass::Text if seed >= 1_000 => Value::Text(format!("text {seed} of its own").into()),
        StorageClass::Text => Value::Text(
            ["", "a", "B", "ä", "a\0"]
                .get(common as usize)
                .map_or_else(|| format!("text {common} of many").into(), |text| (*text).into()),
        ),
    }
}

/// What an option's place is in the tests; some share one.
fn rank(option: u16) -> u32 {
    u32::from(option) * 7 % 13
}

fn order(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    match (a, b) {
        (Some(Value::Bool(a)), Some(Value::Bool(b))) => a.cmp(b),
        (Some(Value::Number(a)), Some(Value::Number(b))) => a.partial_cmp(b).unwrap(),
        (Some(Value::Time(a)), Some(Value::Time(b))) => a.cmp(b),
        (Some(Value::Reference(a)), Some(Value::Reference(b))) => a.get().cmp(&b.get()),
        (Some(Value::Choice(a)), Some(Value::Choice(b))) => rank(*a).cmp(&rank(*b)),
        (Some(Value::Choices(a)), Some(Value::Choices(b))) => a.cmp(b),
        (Some(Value::Text(a)), Some(Value::Text(b))) => a.as_bytes().cmp(b.as_bytes()),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

fn matches(wanted: Option<&Value>, has: Option<&Value>) -> bool {
    match (wanted, has) {
        (Some(Value::Choices(wanted)), Some(Value::Choices(has))) => wanted.iter().all(|w| has.contains(w)),
        (wanted, has) => wanted == has,
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Sets one cell or clears it.
    Set { row: usize, seed: Option<u32> },
    /// Sets or clears many: `len` rows from `row`, `every` so many, seeds counting up.
    Run { row: usize, len: usize, every: usize, seed: Option<u32> },
    /// A reader takes a version.
    Publish,
    /// As at the end of a load.
    Finish,
}

fn step(rows: usize) -> impl Strategy<Value = Step> {
    let seed = || prop::option::weighted(0.7, prop_oneof![0u32..50, 0u32..100_000]);
    // Mostly next to a chunk's border.
    let row = move || {
        prop_oneof![
            0..rows,
            (0..rows / CHUNK_ROWS + 1, 0usize..6)
                .prop_map(move |(chunk, off)| (chunk * CHUNK_ROWS + off).saturating_sub(3).min(rows - 1)),
        ]
    };
    prop_oneof![
        6 => (row(), seed()).prop_map(|(row, seed)| Step::Set { row, seed }),
        3 => (row(), 1usize..700, 1usize..9, seed())
            .prop_map(|(row, len, every, seed)| Step::Run { row, len, every, seed }),
        2 => Just(Step::Publish),
        1 => Just(Step::Finish),
    ]
}

/// A column and what it must hold.
struct Pair {
    class: StorageClass,
    column: Column,
    model: Model,
}

impl Pair {
    /// `filled` rows, `every` so many with a value, `distinct` or not.
    fn load(class: StorageClass, rows: usize, filled: usize, every: usize, distinct: bool) -> Self {
        let mut pair = Self { class, column: Column::new(class), model: vec![None; rows] };
        for row in (0..filled).step_by(every) {
            let value = value(class, if distinct { row as u32 + 1_000_000 } else { row as u32 % 1_000 });
            pair.column.append(row as u32, value.as_cell());
            pair.model[row] = Some(value);
        }
        pair
    }

    fn set(&mut self, row: usize, seed: Option<u32>) {
        self.model[row] = seed.map(|seed| value(self.class, seed));
        match &self.model[row] {
            Some(value) => self.column.set(row as u32, value.as_cell()),
            None => self.column.clear(row as u32),
        }
    }

    fn run(&mut self, step: &Step, published: &mut Vec<(Column, Model)>) {
        match *step {
            Step::Set { row, seed } => self.set(row, seed),
            Step::Run { row, len, every, seed } => {
                let end = self.model.len().min(row + len * every);
                for (n, row) in (row..end).step_by(every).enumerate() {
                    self.set(row, seed.map(|seed| seed + n as u32));
                }
            }
            Step::Publish => published.push((self.column.clone(), self.model.clone())),
            Step::Finish => self.column.finish_load(),
        }
    }
}

fn check(column: &Column, model: &Model) {
    for (row, wanted) in model.iter().enumerate() {
        let wanted = wanted.as_ref().map_or(Cell::Empty, Value::as_cell);
        assert_eq!(column.get(row as u32), wanted, "row {row}");
    }
    assert!(column.get(model.len() as u32 + 5_000).is_empty());
    assert_eq!(column.heap_bytes(), column.recounted_bytes(), "bytes kept up and bytes counted");
}

fn check_filter(column: &Column, model: &Model, any_of: &[Option<Value>], pattern: u64) {
    let mut mask: Vec<u64> =
        (0..model.len().div_ceil(64) as u32).map(|word| pattern.rotate_left(word)).collect();
    let before = mask.clone();
    column.retain(&Test::ContainsAll(any_of.to_vec()), &mut mask);
    for (row, has) in model.iter().enumerate() {
        let wanted = any_of.iter().any(|wanted| matches(wanted.as_ref(), has.as_ref()));
        let bit = |mask: &[u64]| mask[row / 64] >> (row % 64) & 1 == 1;
        assert_eq!(bit(&mask), bit(&before) && wanted, "row {row} with {has:?} and {any_of:?}");
    }
}

fn check_order(column: &Column, model: &Model, every: usize, scramble: u32) {
    let tie = |row: u32| row.wrapping_mul(scramble);
    let mut rows: Vec<u32> = (0..model.len() as u32).step_by(every).collect();
    let compare = |a: &u32, b: &u32| order(model[*a as usize].as_ref(), model[*b as usize].as_ref());
    for pair in rows.windows(2) {
        assert_eq!(column.compare(pair[0], pair[1], &rank), compare(&pair[0], &pair[1]), "rows {pair:?}");
    }
    let mut wanted = rows.clone();
    wanted.sort_by(|a, b| compare(a, b).then(tie(*a).cmp(&tie(*b))));
    column.sort_rows(&mut rows, tie, &rank);
    assert_eq!(rows, wanted);
}

/// A class with a number of rows to fill: a few, more than a chunk, and for texts enough to leave the dictionary.
fn size() -> impl Strategy<Value = (StorageClass, usize)> {
    let any = (prop::sample::select(CLASSES.to_vec()), prop_oneof![0usize..40, 4_000usize..9_000]);
    prop_oneof![4 => any, 1 => (Just(StorageClass::Text), 17_000usize..21_000)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 4, ..ProptestConfig::default() })]

    #[test]
    fn a_column_is_a_vector(
        (((class, filled), steps), every, distinct) in (
            size().prop_flat_map(|(class, filled)| {
                (Just((class, filled)), prop::collection::vec(step(filled + 400), 0..40))
            }),
            prop_oneof![2 => Just(1usize), 1 => 2usize..12],
            any::<bool>(),
        ),
        probes in prop::collection::vec(prop::option::weighted(0.9, prop_oneof![0u32..60, 1_000_000u32..1_000_100]), 0..4),
        pattern in prop_oneof![Just(u64::MAX), any::<u64>()],
        scramble in prop_oneof![Just(1u32), Just(0x9e37_79b1)],
    ) {
        let mut pair = Pair::load(class, filled + 400, filled, every, distinct);
        let mut published = Vec::new();
        for step in &steps {
            pair.run(step, &mut published);
        }
        let any_of: Vec<Option<Value>> = probes.iter().map(|p| p.map(|seed| value(class, seed))).collect();
        published.push((pair.column, pair.model));
        for (column, model) in published.iter().rev().take(3) {
            check(column, model);
            check_filter(column, model, &any_of, pattern);
        }
        let (column, model) = published.last().unwrap();
        check_order(column, model, 1 + filled / 3_000, scramble);
        // The same values loaded in one go.
        let mut loaded = Column::new(class);
        for (row, value) in model.iter().enumerate() {
            loaded.append(row as u32, value.as_ref().map_or(Cell::Empty, Value::as_cell));
        }
        loaded.finish_load();
        check(&loaded, model);
        check_filter(&loaded, model, &any_of, pattern);
    }
}

/// Density goes down and up again through sparse and dense, with a version of every state kept.
#[test]
fn chunks_change_their_encoding_and_no_version_notices() {
    for class in CLASSES {
        let mut pair = Pair::load(class, 2 * CHUNK_ROWS + 10, 2 * CHUNK_ROWS + 10, 1, true);
        let mut published = vec![(pair.column.clone(), pair.model.clone())];
        for round in 1..8 {
            for row in (0..pair.model.len()).filter(|row| row % 8 == round) {
                pair.set(row, None);
            }
            published.push((pair.column.clone(), pair.model.clone()));
        }
        for round in (0..8).rev() {
            for row in (0..pair.model.len()).filter(|row| row % 8 == round) {
                pair.set(row, Some(row as u32 % 90));
            }
            published.push((pair.column.clone(), pair.model.clone()));
        }
        for row in 0..pair.model.len() {
            pair.set(row, None);
        }
        check(&pair.column, &pair.model);
        for (column, model) in &published {
            check(column, model);
        }
    }
}

#[test]
fn texts_leave_the_dictionary_when_most_are_distinct_and_come_back() {
    let rows = 6 * CHUNK_ROWS;
    let mut pair = Pair::load(StorageClass::Text, rows, rows, 1, true);
    assert!(!pair.column.is_coded(), "distinct texts end in arenas");
    let (before, model) = (pair.column.clone(), pair.model.clone());
    for row in 0..rows {
        pair.set(row, Some(row as u32 % 40));
    }
    check(&pair.column, &pair.model);
    pair.column.finish_load();
    assert!(pair.column.is_coded(), "few texts go to a dictionary");
    check(&pair.column, &pair.model);
    check(&before, &model);
}

#[test]
fn not_a_number_matches_nothing_and_sorts_last() {
    let mut column = Column::new(StorageClass::Number);
    for (row, n) in [(0, f64::NAN), (1, f64::INFINITY), (3, -1.0)] {
        column.set(row, Cell::Number(n));
    }
    let mut mask = [0b1111];
    let wanted = vec![Some(Value::Number(f64::NAN)), Some(Value::Number(-1.0))];
    column.retain(&Test::AnyOf(wanted), &mut mask);
    assert_eq!(mask, [0b1000]);
    let mut rows = vec![0, 1, 2, 3];
    column.sort_rows(&mut rows, |row| row, &rank);
    assert_eq!(rows, [2, 3, 1, 0]);
}
