//! What the engine wants to know of a table's fields, found out once per schema version.

use boobook_model::{Field, StorageClass, TableId, TableSchema};

/// The fields of a table by slot.
pub(crate) struct Layout {
    slots: Vec<SlotLayout>,
    /// For slots that are not there.
    nothing: SlotLayout,
}

/// One field.
#[derive(Default)]
pub(crate) struct SlotLayout {
    /// How it is stored; `None` for computed fields.
    pub(crate) class: Option<StorageClass>,
    /// `ref` fields: the table referred to. Dynamic choices are no references: nothing is checked or cleared.
    pub(crate) target: Option<TableId>,
    /// Deleting the record referred to deletes the one that refers.
    pub(crate) cascade: bool,
    /// Place of each option id among the options.
    ranks: Box<[u32]>,
}

impl Layout {
    /// The layout of a schema.
    pub(crate) fn of(schema: &TableSchema) -> Self {
        let slots = schema.fields.iter().map(|field| {
            let target = field.target.filter(|_| field.kind.base() == "ref");
            SlotLayout {
                class: field.kind.storage(),
                target,
                cascade: target.is_some() && (field.cascade || schema.master_ref == Some(field.id)),
                ranks: ranks(field),
            }
        });
        Self { slots: slots.collect(), nothing: SlotLayout::default() }
    }

    /// A field; one that stores nothing where there is none.
    pub(crate) fn slot(&self, slot: usize) -> &SlotLayout {
        self.slots.get(slot).unwrap_or(&self.nothing)
    }

    /// All fields with their slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &SlotLayout)> {
        self.slots.iter().enumerate()
    }
}

impl SlotLayout {
    /// Where an option stands among its field's options; unknown ones come last.
    pub(crate) fn rank(&self, option: u16) -> u32 {
        self.ranks.get(option as usize).copied().unwrap_or(u32::MAX)
    }
}

fn ranks(field: &Field) -> Box<[u32]> {
    let mut options: Vec<_> = field.options.iter().collect();
    options.sort_by(|a, b| a.order.total_cmp(&b.order).then(a.id.cmp(&b.id)));
    let len = field.options.iter().map(|o| o.id as usize + 1).max().unwrap_or(0);
    let mut ranks = vec![u32::MAX; len];
    for (rank, option) in options.iter().enumerate() {
        ranks[option.id as usize] = rank as u32;
    }
    ranks.into()
}
