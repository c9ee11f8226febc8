//! The order of values: empty first, `false` before `true`, numbers and times by size, texts by their bytes,
//! options by their place among the field's options, references by record id, sets number by number.

use std::cmp::Ordering;

use boobook_model::Cell;

/// Sorting by counting needs a counter for each key; it is worth it while those are at most this many a row.
const COUNTERS_PER_ROW_MAX: u64 = 4;

/// The order of two values of one column. `rank` gives an option's place among its field's options.
pub(crate) fn compare_cells(a: Cell<'_>, b: Cell<'_>, rank: &dyn Fn(u16) -> u32) -> Ordering {
    match (a, b) {
        (Cell::Empty, _) | (_, Cell::Empty) => b.is_empty().cmp(&a.is_empty()),
        (Cell::Bool(a), Cell::Bool(b)) => a.cmp(&b),
        (Cell::Number(a), Cell::Number(b)) => number_key(a).cmp(&number_key(b)),
        (Cell::Time(a), Cell::Time(b)) => a.cmp(&b),
        (Cell::Reference(a), Cell::Reference(b)) => a.cmp(&b),
        (Cell::Choice(a), Cell::Choice(b)) => rank(a).cmp(&rank(b)),
        (Cell::Choices(a), Cell::Choices(b)) => a.cmp(b),
        (Cell::Text(a), Cell::Text(b)) => a.cmp(b),
        _ => {
            debug_assert!(false, "a column has one class: {a:?}, {b:?}");
            Ordering::Equal
        }
    }
}

/// A number whose order is that of `n` by IEEE total order, except that -0 is 0.
#[inline]
pub(crate) fn number_key(n: f64) -> u64 {
    let bits = (n + 0.0).to_bits();
    if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
}

/// A number whose order is that of `t`.
#[inline]
pub(crate) fn time_key(t: i64) -> u64 {
    t as u64 ^ 1 << 63
}

/// Sorts `rows` by key, without one first; rows of equal keys stay in their order.
pub(crate) fn sort_by_key(rows: &mut Vec<u32>, key: impl Fn(u32) -> Option<u64>) {
    let mut sorted = Vec::with_capacity(rows.len());
    let mut keyed: Vec<(u64, u32)> = Vec::with_capacity(rows.len());
    let (mut min, mut max) = (u64::MAX, 0);
    for &row in &*rows {
        match key(row) {
            None => sorted.push(row),
            Some(key) => {
                (min, max) = (min.min(key), max.max(key));
                keyed.push((key, row));
            }
        }
    }
    if keyed.is_empty() {
        return;
    }
    if max - min <= COUNTERS_PER_ROW_MAX * keyed.len() as u64 {
        let empty = sorted.len();
        sorted.resize(rows.len(), 0);
        sort_by_counting(&keyed, min, max, &mut sorted[empty..]);
    } else {
        keyed.sort_by_key(|&(key, _)| key);
        sorted.extend(keyed.into_iter().map(|(_, row)| row));
    }
    *rows = sorted;
}

fn sort_by_counting(keyed: &[(u64, u32)], min: u64, max: u64, sorted: &mut [u32]) {
    let mut next = vec![0u32; (max - min) as usize + 2];
    for &(key, _) in keyed {
        next[(key - min) as usize + 1] += 1;
    }
    for i in 1..next.len() {
        next[i] += next[i - 1];
    }
    for &(key, row) in keyed {
        let at = &mut next[(key - min) as usize];
        sorted[*at as usize] = row;
        *at += 1;
    }
}

/// Sorts `rows` by text, without one first; rows of equal texts stay in their order.
///
/// Eight bytes behind what all texts have in common decide nearly every comparison.
pub(crate) fn sort_by_text<'a>(rows: &mut Vec<u32>, text: impl Fn(u32) -> Option<&'a str>) {
    let mut sorted = Vec::with_capacity(rows.len());
    let mut texts: Vec<(u64, &[u8], u32)> = Vec::with_capacity(rows.len());
    for &row in &*rows {
        match text(row) {
            None => sorted.push(row),
            Some(text) => texts.push((0, text.as_bytes(), row)),
        }
    }
    let Some(&(_, mut common, _)) = texts.first() else { return };
    for (_, text, _) in &texts {
        let same = common.iter().zip(*text).take_while(|(a, b)| a == b).count();
        common = &common[..same];
    }
    for (prefix, text, _) in &mut texts {
        *text = &text[common.len()..];
        let mut eight = [0; 8];
        let len = text.len().min(8);
        eight[..len].copy_from_slice(&text[..len]);
        *prefix = u64::from_be_bytes(eight);
    }
    texts.sort_by(|(a, a_text, _), (b, b_text, _)| a.cmp(b).then_with(|| a_text.cmp(b_text)));
    sorted.extend(texts.into_iter().map(|(_, _, row)| row));
    *rows = sorted;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_order_of_their_values() {
        let numbers = [f64::NEG_INFINITY, -1.5, -1e-300, 0.0, 1e-300, 2.0, f64::INFINITY, f64::NAN];
        assert!(numbers.is_sorted_by_key(|&n| number_key(n)));
        assert_eq!(number_key(-0.0), number_key(0.0));
        assert!([i64::MIN, -1, 0, 1, i64::MAX].is_sorted_by_key(|&t| time_key(t)));
    }

    #[test]
    fn texts_sort_by_bytes_and_keep_the_order_of_equals() {
        let texts = [
            Some("prefix b"),
            None,
            Some("prefix a, and more"),
            Some("prefix "),
            Some("prefix b"),
            Some("prefix a\0"),
        ];
        let mut rows = vec![4, 0, 1, 2, 3, 5];
        sort_by_text(&mut rows, |row| texts[row as usize]);
        assert_eq!(rows, [1, 3, 5, 2, 4, 0]);
    }
}
