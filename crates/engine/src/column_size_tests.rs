//! What columns cost in memory.

use boobook_model::{Cell, RecordId, StorageClass};
use proptest::test_runner::Config;

use super::Column;

fn text_column(rows: u32, distinct: u32) -> Column {
    let mut column = Column::new(StorageClass::Text);
    for row in 0..rows {
        column.append(row, Cell::Text(&format!("a text of 21 by{:05}", row % distinct)));
    }
    column.finish_load();
    column
}

/// Updates of one cell, some published and let go, keep to a bound. `PROPTEST_CASES=5000` makes them a million.
fn check_updates(mut column: Column, bytes_more_max: usize, set: impl Fn(&mut Column, u32)) {
    let bytes_max = column.heap_bytes() + bytes_more_max;
    for i in 0..Config::default().cases * 200 {
        let _published = (i % 10 == 0).then(|| column.clone());
        set(&mut column, i);
        assert!(column.heap_bytes() < bytes_max, "{} bytes after {i}, {bytes_max}", column.heap_bytes());
    }
    assert_eq!(column.heap_bytes(), column.recounted_bytes());
}

#[test]
fn updates_in_a_dictionary_keep_to_a_bound() {
    check_updates(text_column(100, 10), 96 << 10, |column, i| {
        column.set(50, Cell::Text(&format!("update {i}")));
    });
}

#[test]
fn updates_in_an_arena_keep_to_a_bound() {
    check_updates(text_column(20_000, 20_000), 64 << 10, |column, i| {
        column.set(5000, Cell::Text(&format!("update {i}")));
    });
}

#[test]
fn updates_of_sets_keep_to_a_bound() {
    check_updates(Column::new(StorageClass::Choices), 64 << 10, |column, i| {
        column.set(0, Cell::Choices(&[i, i + 1, i + 2]));
    });
}

#[test]
fn large_texts_do_not_pile_up() {
    let notes: Vec<String> = (0..4).map(|i| i.to_string().repeat(1 << 20)).collect();
    for rows in [10u32, 20_000] {
        let mut column = text_column(rows, rows);
        let bytes_max = column.heap_bytes() + (9 << 20);
        for i in 0..200 {
            column.set(3, Cell::Text(&format!("{i}{}", notes[i % 4])));
            assert!(column.heap_bytes() < bytes_max, "{} bytes", column.heap_bytes());
        }
        column.clear(3);
        assert_eq!(column.get(3), Cell::Empty);
        for i in 0..1500 {
            column.set(3, Cell::Text(&format!("short {i}")));
        }
        let bytes_max = text_column(rows, rows).heap_bytes() + (1 << 20);
        assert!(column.heap_bytes() < bytes_max, "{} bytes after the last large one", column.heap_bytes());
    }
}

#[test]
fn a_small_column_is_tiny() {
    for class in [StorageClass::Bool, StorageClass::Number, StorageClass::Choice, StorageClass::Reference] {
        let mut column = Column::new(class);
        assert_eq!(column.heap_bytes(), 0);
        for row in 0..10 {
            column.set(
                row,
                match class {
                    StorageClass::Bool => Cell::Bool(true),
                    StorageClass::Number => Cell::Number(1.0),
                    StorageClass::Choice => Cell::Choice(1),
                    _ => RecordId::new(1).map_or(Cell::Empty, Cell::Reference),
                },
            );
        }
        assert!(column.heap_bytes() < 300, "{class:?}: {}", column.heap_bytes());
    }
    assert!(text_column(10, 5).heap_bytes() < 1000, "{}", text_column(10, 5).heap_bytes());
}

#[test]
fn a_form_follows_the_whole_load() {
    // Not a whole number of chunks, and texts of 21 bytes.
    let per_row = |rows, distinct| text_column(rows, distinct).heap_bytes() as f64 / f64::from(rows);
    assert!((24.0..30.0).contains(&per_row(99_999, 99_999)), "{}", per_row(99_999, 99_999));
    assert!(per_row(99_999, 20_000) < 15.0, "{}", per_row(99_999, 20_000));
    assert!(per_row(99_999, 1000) < 6.0);
}
