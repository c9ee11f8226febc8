//! The first record of each value that a field has: `unique((select …).Status)` without a look at each record by itself.

use boobook_model::{RecordId, StorageClass};

use crate::{Table, Test, mask::Mask, table::record_id};

/// Each value takes a look at what is left of the rows: with more of them that is no gain any more.
const VALUES_MAX: usize = 16;

impl Table {
    /// The first record by id of each value that a field of yes/no or choices has in a mask, one without a value
    /// included; ascending. `None` for other fields and where there are many values.
    pub(crate) fn first_of_each(&self, mut mask: Mask<'_>, slot: usize) -> Option<Vec<RecordId>> {
        let column = self.columns.get(slot)?.as_deref()?;
        let is_of_few = matches!(column.class(), StorageClass::Bool | StorageClass::Choice);
        if !is_of_few || !self.rows.aside().is_empty() {
            return None;
        }
        let words = mask.words_mut();
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(at) = words[from..].iter().position(|word| *word != 0) {
            from += at;
            let row = (from * 64) as u32 + words[from].trailing_zeros();
            if found.len() == VALUES_MAX {
                return None;
            }
            found.push(record_id(self.meta.rid(row)));
            let same = Test::AnyOf(vec![column.get(row).to_value()]);
            column.retain(&Test::Not(Box::new(same)), words);
        }
        Some(found)
    }
}
