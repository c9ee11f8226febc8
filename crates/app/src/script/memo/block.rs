//! Results of a formula for neighbouring rows.

use std::sync::Arc;

use boobook_nx::Value;

/// Rows of a block: one word says which of them are known. Small, so that a handful of results costs little wherever
/// they lie, and a write copies little.
pub(super) const BLOCK_ROWS: usize = 64;

/// What a formula comes to in up to [`BLOCK_ROWS`] rows.
#[derive(Clone, Debug)]
pub(super) struct Block {
    known: u64,
    values: Values,
    /// What the values hold beyond their places.
    beyond: usize,
}

/// One for each row; where a row is not known, any.
#[derive(Clone, Debug)]
enum Values {
    /// NaN is empty.
    Numbers(Box<[f64; BLOCK_ROWS]>),
    Texts(Vec<Option<Arc<str>>>),
    Any(Vec<Value>),
}

impl Block {
    /// For values such as the first one.
    pub(super) fn new(first: &Value) -> Self {
        let values = match first {
            Value::Number(_) | Value::Null => Values::Numbers(Box::new([f64::NAN; BLOCK_ROWS])),
            Value::Text(_) => Values::Texts(vec![None; BLOCK_ROWS]),
            _ => Values::Any(vec![Value::Null; BLOCK_ROWS]),
        };
        Self { known: 0, values, beyond: 0 }
    }

    pub(super) fn get(&self, at: usize) -> Option<Value> {
        (self.known >> at & 1 == 1).then(|| self.value(at))
    }

    fn value(&self, at: usize) -> Value {
        match &self.values {
            // What a number cannot be is empty.
            Values::Numbers(numbers) => Value::number(numbers[at]),
            Values::Texts(texts) => texts[at].clone().map_or(Value::Null, Value::Text),
            Values::Any(values) => values[at].clone(),
        }
    }

    pub(super) fn put(&mut self, at: usize, value: &Value) {
        self.beyond -= held(&self.value(at));
        self.beyond += held(value);
        self.known |= 1 << at;
        self.set(at, value);
    }

    fn set(&mut self, at: usize, value: &Value) {
        match (&mut self.values, value) {
            (Values::Numbers(numbers), Value::Number(n)) => numbers[at] = *n,
            (Values::Numbers(numbers), Value::Null) => numbers[at] = f64::NAN,
            (Values::Texts(texts), Value::Text(text)) => texts[at] = Some(Arc::clone(text)),
            (Values::Texts(texts), Value::Null) => texts[at] = None,
            (Values::Any(values), value) => values[at] = value.clone(),
            (_, value) => {
                // Of another kind; what is empty fits all of them.
                let before: Vec<Value> = (0..BLOCK_ROWS).map(|at| self.value(at)).collect();
                let is_alone = before.iter().enumerate().all(|(other, value)| other == at || value.is_null());
                self.values = if is_alone { Self::new(value).values } else { Values::Any(before) };
                self.set(at, value);
            }
        }
    }

    /// What is known of a row does not hold any more.
    pub(super) fn forget(&mut self, at: usize) {
        self.known &= !(1 << at);
    }

    /// Takes over what another one knows and this one does not.
    pub(super) fn learn(&mut self, other: &Self) {
        for at in 0..BLOCK_ROWS {
            if self.known >> at & 1 == 0
                && let Some(value) = other.get(at)
            {
                self.put(at, &value);
            }
        }
    }

    /// Memory, its own place included.
    pub(super) fn bytes(&self) -> usize {
        let each = match &self.values {
            Values::Numbers(_) => size_of::<f64>(),
            Values::Texts(_) => size_of::<Option<Arc<str>>>(),
            Values::Any(_) => size_of::<Value>(),
        };
        size_of::<Self>() + 2 * size_of::<usize>() + BLOCK_ROWS * each + self.beyond
    }
}

/// What a value holds on the heap, with the counters before it.
fn held(value: &Value) -> usize {
    match value {
        Value::Text(text) | Value::User(text) | Value::File(.., text) => text.len() + 16,
        Value::Array(items) => 16 + items.len() * size_of::<Value>() + items.iter().map(held).sum::<usize>(),
        Value::Object(object) => {
            let each = |(key, value): (&Arc<str>, &Value)| key.len() + 64 + held(value);
            64 + object.iter().map(each).sum::<usize>()
        }
        other => match other.heap_bytes() {
            0 => 0,
            bytes => bytes + 16,
        },
    }
}

#[cfg(test)]
mod tests {
    use boobook_model::RecordId;
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            (-3i32..3).prop_map(|n| Value::Number(f64::from(n) / 2.0)),
            "[a-c]{0,3}".prop_map(|text| Value::Text(text.into())),
            any::<bool>().prop_map(Value::Bool),
            (1u64..4).prop_map(|n| Value::Record("A".parse().unwrap(), RecordId::new(n).unwrap())),
            prop::collection::vec((-3i32..3).prop_map(|n| Value::Number(f64::from(n))), 0..3)
                .prop_map(Value::array),
        ]
    }

    proptest! {
        #[test]
        fn it_knows_what_was_put_last(
            steps in prop::collection::vec((0..BLOCK_ROWS, prop::option::weighted(0.8, value())), 1..200),
            others in prop::collection::vec((0..BLOCK_ROWS, value()), 0..80),
        ) {
            let mut block: Option<Block> = None;
            let mut model: Vec<Option<Value>> = vec![None; BLOCK_ROWS];
            for (at, value) in steps {
                match &value {
                    Some(value) => block.get_or_insert_with(|| Block::new(value)).put(at, value),
                    None => block.iter_mut().for_each(|block| block.forget(at)),
                }
                model[at] = value;
            }
            if let (Some(block), Some((_, first))) = (&mut block, others.first()) {
                let mut other = Block::new(first);
                for (at, value) in &others {
                    other.put(*at, value);
                }
                block.learn(&other);
                for (at, known) in model.iter_mut().enumerate() {
                    if known.is_none() {
                        *known = others.iter().rev().find(|(other, _)| *other == at).map(|(_, v)| v.clone());
                    }
                }
            }
            if let Some(block) = block {
                let found: Vec<_> = (0..BLOCK_ROWS).map(|at| block.get(at)).collect();
                prop_assert_eq!(found, model);
                let beyond: usize = (0..BLOCK_ROWS).map(|at| held(&block.value(at))).sum();
                prop_assert_eq!(block.beyond, beyond);
            }
        }
    }
}
