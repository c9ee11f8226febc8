//! Conditions that depend on one field only come to the same for the same value: they are evaluated once for each.

use boobook_model::Cell;
use rustc_hash::FxHashMap;

/// Values that are remembered.
const VALUES_MAX: usize = 1 << 16;
/// After so many values it is judged whether they come again.
const JUDGED_AT: usize = 1 << 14;

/// What a condition came to, by the value of its field.
#[derive(Debug, Default)]
pub(super) struct ByValue {
    /// The field; `None`: it depends on more than one.
    pub(super) slot: Option<u16>,
    texts: FxHashMap<Box<str>, bool>,
    others: FxHashMap<u64, bool>,
    empty: Option<bool>,
    found: usize,
    is_useless: bool,
}

/// A value that is not known yet.
pub(super) enum Key {
    Empty,
    Text(Box<str>),
    Other(u64),
    /// Not worth remembering.
    None,
}

impl ByValue {
    pub(super) fn of(slot: Option<u16>) -> Self {
        Self { slot, ..Self::default() }
    }

    /// What the condition came to for a value, or what to [`Self::note`] once it is known.
    pub(super) fn find(&mut self, cell: Cell<'_>) -> Result<bool, Key> {
        if self.is_useless {
            return Err(Key::None);
        }
        let (known, key) = match cell {
            Cell::Empty => (self.empty, Key::Empty),
            Cell::Text(text) => match self.texts.get(text) {
                Some(known) => (Some(*known), Key::None),
                None => (None, Key::Text(text.into())),
            },
            Cell::Bool(yes) => self.other(u64::from(yes)),
            Cell::Number(n) => self.other(n.to_bits()),
            Cell::Time(ms) => self.other(ms.cast_unsigned()),
            Cell::Reference(record) => self.other(u64::from(record.get())),
            Cell::Choice(option) => self.other(u64::from(option)),
            Cell::Choices(_) => (None, Key::None),
        };
        self.found += usize::from(known.is_some());
        known.ok_or(key)
    }

    fn other(&self, bits: u64) -> (Option<bool>, Key) {
        (self.others.get(&bits).copied(), Key::Other(bits))
    }

    /// Remembers what the condition came to.
    pub(super) fn note(&mut self, key: Key, holds: bool) {
        match key {
            Key::Empty => self.empty = Some(holds),
            Key::Text(text) => {
                self.texts.insert(text, holds);
            }
            Key::Other(bits) => {
                self.others.insert(bits, holds);
            }
            Key::None => return,
        }
        let values = self.texts.len() + self.others.len();
        self.is_useless = values >= VALUES_MAX || (values == JUDGED_AT && self.found < values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_found_and_what_never_comes_again_is_given_up() {
        let mut by_value = ByValue::default();
        for cell in [Cell::Empty, Cell::Text("a"), Cell::Text("b"), Cell::Number(1.0), Cell::Number(2.0)] {
            let key = by_value.find(cell).unwrap_err();
            let holds = cell != Cell::Text("b");
            by_value.note(key, holds);
            assert_eq!(by_value.find(cell).ok(), Some(holds), "{cell:?}");
        }
        for n in 3..=JUDGED_AT {
            let key = by_value.find(Cell::Number(n as f64)).unwrap_err();
            by_value.note(key, true);
        }
        assert!(by_value.is_useless && by_value.find(Cell::Text("a")).is_err());
    }
}
