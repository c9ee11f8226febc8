//! The order of a view's rows, its groups, and what its columns come to as a whole.

use std::cmp::Ordering;

use boobook_model::Field;

use super::{Aggregate, ViewCell};

/// What a row is ordered by: empty first, then numbers and times, then text as people look it up, "Äpfel" beside
/// "apple".
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Key {
    Empty,
    Number(f64),
    Text(String, String),
}

impl Key {
    pub(super) fn of(cell: &ViewCell<'_>) -> Self {
        match cell {
            ViewCell::Empty => Self::Empty,
            ViewCell::Bool(b) => Self::Number(f64::from(*b)),
            ViewCell::Number(n) => Self::Number(*n),
            ViewCell::Date(ms)
            | ViewCell::DateTime(ms)
            | ViewCell::Time(ms)
            | ViewCell::Interval(ms)
            | ViewCell::Appointment(ms, _) => Self::Number(*ms as f64),
            ViewCell::Text(text) => Self::Text(folded(text), text.as_ref().to_owned()),
        }
    }

    /// Options come in the order that their field has them in.
    pub(super) fn of_option(field: &Field, option: u16) -> Self {
        field.option(option).map_or(Self::Empty, |known| {
            let before = field.options.iter().filter(|other| {
                other.order.total_cmp(&known.order).then(other.id.cmp(&known.id)) == Ordering::Less
            });
            Self::Number(before.count() as f64)
        })
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a, x), Self::Text(b, y)) => a.cmp(b).then_with(|| x.cmp(y)),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Empty => 0,
            Self::Number(_) => 1,
            Self::Text(..) => 2,
        }
    }
}

/// Small letters without the marks of Western European languages.
fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            'à'..='å' => out.push('a'),
            'ç' => out.push('c'),
            'è'..='ë' => out.push('e'),
            'ì'..='ï' => out.push('i'),
            'ñ' => out.push('n'),
            'ò'..='ö' | 'ø' => out.push('o'),
            'ù'..='ü' => out.push('u'),
            'ý' | 'ÿ' => out.push('y'),
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            other => out.push(other),
        }
    }
    out
}

/// What cells come to, taken in their order; empty ones do not count.
pub(super) fn aggregated<'c>(
    which: Aggregate,
    cells: impl Iterator<Item = ViewCell<'c>>,
) -> ViewCell<'static> {
    let filled = cells.filter(|cell| !cell.is_empty());
    if which == Aggregate::Cnt {
        return ViewCell::Number(filled.count() as f64);
    }
    let (mut count, mut total) = (0u32, 0.0);
    let mut kind: Option<ViewCell<'static>> = None;
    for cell in filled {
        let Some(n) = measured(&cell, which) else { continue };
        let first = kind.get_or_insert_with(|| cell.clone().into_owned());
        // Numbers and times do not add up, nor is one of them the greater.
        if std::mem::discriminant(first) != std::mem::discriminant(&cell) {
            continue;
        }
        total = match which {
            _ if count == 0 => n,
            Aggregate::Min => f64::min(total, n),
            Aggregate::Max => f64::max(total, n),
            _ => total + n,
        };
        count += 1;
    }
    if which == Aggregate::Avg && count > 0 {
        total /= f64::from(count);
    }
    match kind {
        Some(ViewCell::Number(_)) if total.is_finite() => ViewCell::Number(total),
        Some(ViewCell::Date(_)) => ViewCell::Date(total as i64),
        Some(ViewCell::DateTime(_)) => ViewCell::DateTime(total as i64),
        Some(ViewCell::Time(_)) => ViewCell::Time(total as i64),
        Some(ViewCell::Interval(_)) => ViewCell::Interval(total.round() as i64),
        _ => ViewCell::Empty,
    }
}

/// What counts in a sum or for a bound: dates have a first and a last one, but no sum.
fn measured(cell: &ViewCell<'_>, which: Aggregate) -> Option<f64> {
    match (cell, which) {
        (ViewCell::Number(n), _) => Some(*n),
        (ViewCell::Interval(ms), _) => Some(*ms as f64),
        (
            ViewCell::Date(ms) | ViewCell::DateTime(ms) | ViewCell::Time(ms),
            Aggregate::Min | Aggregate::Max,
        ) => Some(*ms as f64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_ordered_as_people_look_it_up() {
        let mut words = ["zoo", "Äpfel", "apple", "Straße", "strasse", "Apple", "Öl", "oben", "ß"];
        words.sort_by(|a, b| Key::of(&ViewCell::text(a)).compare(&Key::of(&ViewCell::text(b))));
        assert_eq!(
            words,
            ["Äpfel", "Apple", "apple", "oben", "Öl", "ß", "Straße", "strasse", "zoo"].map(|w| w)
        );
        let empty_first = Key::Empty.compare(&Key::Number(f64::MIN));
        assert_eq!(empty_first, Ordering::Less);
    }

    #[test]
    fn what_columns_come_to() {
        let number = |n| ViewCell::Number(n);
        let numbers = || [number(2.0), ViewCell::Empty, number(4.0), number(-1.0)].into_iter();
        for (which, expected) in [
            (Aggregate::Sum, number(5.0)),
            (Aggregate::Avg, number(5.0 / 3.0)),
            (Aggregate::Min, number(-1.0)),
            (Aggregate::Max, number(4.0)),
            (Aggregate::Cnt, number(3.0)),
        ] {
            assert_eq!(aggregated(which, numbers()), expected, "{which:?}");
        }
        let dates = || [ViewCell::Date(9), ViewCell::Date(5)].into_iter();
        assert_eq!(aggregated(Aggregate::Min, dates()), ViewCell::Date(5));
        assert_eq!(aggregated(Aggregate::Sum, dates()), ViewCell::Empty);
        assert_eq!(aggregated(Aggregate::Cnt, dates()), number(2.0));
        let intervals = [ViewCell::Interval(10), ViewCell::Interval(5)].into_iter();
        assert_eq!(aggregated(Aggregate::Sum, intervals), ViewCell::Interval(15));
        assert_eq!(aggregated(Aggregate::Sum, std::iter::empty()), ViewCell::Empty);
        assert_eq!(aggregated(Aggregate::Sum, [ViewCell::text("5")].into_iter()), ViewCell::Empty);
        assert_eq!(aggregated(Aggregate::Sum, [number(1e308), number(1e308)].into_iter()), ViewCell::Empty);
    }
}
