//! Results of formulas that outlive the run they were worked out in (docs/design/008-formulas.md).
//!
//! A database keeps, for each formula, what it came to in rows of one state of its table. A reader of that state or a
//! later one takes them along ([`Memos::pin`]) if they still hold there, and hands back what it worked out besides
//! ([`Memos::keep`]). They hold as long as
//!
//! * the schema is the same, and so is what the formula means and depends on;
//! * rows have the same numbers (the table's epoch);
//! * everything it reads of other records has the same [`Version`]: if not, all of it is forgotten;
//! * the record itself has not been written since, which the table's log tells: if it has, that row is forgotten.
//!
//! Only published states are looked at, whose sequences mean one state each. The writer knows nothing of this.

mod block;
mod recall;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use boobook_engine::{self as engine, Row, Snapshot, Table, Version};
use boobook_model::{Schema, Sq, TableId};
use boobook_nx::{FieldAtKey, Library, Part, Value};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use block::{BLOCK_ROWS, Block};
pub(crate) use recall::Recall;

/// Results by row; where there is no block, none is known.
type Blocks = Vec<Option<Arc<Block>>>;

/// What a database remembers of its formulas.
pub(crate) struct Memos {
    bytes_max: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// What the formulas mean, and since when.
    schema: Option<(Arc<Schema>, Sq)>,
    memos: FxHashMap<FieldAtKey, Memo>,
    /// Counts what changes, so that each content of a memo has a number of its own.
    changes: u64,
    /// Counts pins: which memo was used last.
    pins: u64,
}

/// Results of one formula.
struct Memo {
    /// Of the table: what row numbers mean.
    epoch: u64,
    /// The state that all known rows are of, as far as their own records are concerned.
    at: Sq,
    /// The newest state that it is known to hold in.
    newest: Sq,
    /// What it depends on of other records.
    versions: Vec<Version>,
    /// Of what is known here: who pinned something else has nothing to add to it.
    content: u64,
    blocks: Arc<Blocks>,
    bytes: usize,
    used: u64,
}

/// Results that hold in the state of a reader, its own included.
pub(crate) struct Pinned {
    content: u64,
    /// As they were pinned.
    base: Arc<Blocks>,
    blocks: Arc<Blocks>,
    /// Memory of blocks that are new here.
    bytes: usize,
}

impl Memos {
    /// Keeps at most so much.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, kept: Mutex::default() }
    }

    /// What is known of a formula in a state; `None` where nothing can be kept of it.
    fn pin(&self, snapshot: &Snapshot, library: &Library, at: FieldAtKey) -> Option<Pinned> {
        if !snapshot.is_published() || self.bytes_max == 0 {
            return None;
        }
        let table = snapshot.table(at.0)?;
        let version = |(of, part): &(TableId, Part)| snapshot.version(*of, engine_part(*part));
        let versions: Vec<Version> = library.dependencies(at)?.others.iter().map(version).collect();
        let mut kept = self.kept.lock();
        if !kept.follows(snapshot) {
            return None;
        }
        kept.pins += 1;
        let pins = kept.pins;
        let Kept { memos, changes, .. } = &mut *kept;
        let memo = memos.entry(at).or_insert_with(|| Memo::new(snapshot, table, Vec::new(), changes));
        if !memo.follows(snapshot, table, versions, changes) {
            return None;
        }
        memo.used = pins;
        let blocks = Arc::clone(&memo.blocks);
        Some(Pinned { content: memo.content, base: Arc::clone(&blocks), blocks, bytes: 0 })
    }

    /// Adds what a reader has worked out to what is known of a formula, if that is still of the reader's state.
    fn keep(&self, at: FieldAtKey, pinned: Pinned) {
        let Pinned { content, base, blocks, .. } = pinned;
        if Arc::ptr_eq(&base, &blocks) {
            return;
        }
        let mut kept = self.kept.lock();
        let Some(memo) = kept.memos.get_mut(&at).filter(|memo| memo.content == content) else { return };
        if Arc::ptr_eq(&memo.blocks, &base) {
            memo.blocks = blocks;
        } else {
            // Somebody else has been quicker.
            learn(Arc::make_mut(&mut memo.blocks), &blocks);
        }
        memo.bytes = bytes(&memo.blocks);
        kept.shrink(self.bytes_max);
    }

    /// Memory of all that is kept.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.kept.lock().bytes()
    }

    /// Gives all of it back.
    pub(crate) fn clear(&self) {
        self.kept.lock().memos.clear();
    }
}

impl Kept {
    /// Whether this is of the schema of a state, or has become so. It never goes back to an older one.
    fn follows(&mut self, snapshot: &Snapshot) -> bool {
        match &self.schema {
            Some((schema, _)) if Arc::ptr_eq(schema, &snapshot.schema) => return true,
            Some((_, since)) if *since > snapshot.schema_sq => return false,
            _ => {}
        }
        self.schema = Some((Arc::clone(&snapshot.schema), snapshot.schema_sq));
        self.memos.clear();
        true
    }

    fn bytes(&self) -> usize {
        self.memos.values().map(|memo| memo.bytes + size_of::<Memo>()).sum()
    }

    /// Forgets formulas, those first that nobody has asked for longest.
    fn shrink(&mut self, bytes_max: usize) {
        while self.bytes() > bytes_max {
            let oldest = self.memos.iter().min_by_key(|(_, memo)| memo.used).map(|(at, _)| *at);
            let Some(oldest) = oldest else { return };
            self.memos.remove(&oldest);
        }
    }
}

impl Memo {
    fn new(snapshot: &Snapshot, table: &Table, versions: Vec<Version>, changes: &mut u64) -> Self {
        *changes += 1;
        Self {
            epoch: table.epoch(),
            at: snapshot.sq,
            newest: snapshot.sq,
            versions,
            content: *changes,
            blocks: Arc::default(),
            bytes: 0,
            used: 0,
        }
    }

    /// Whether what is known holds in a state; where the state is newer, after forgetting what does not.
    fn follows(
        &mut self,
        snapshot: &Snapshot,
        table: &Table,
        versions: Vec<Version>,
        changes: &mut u64,
    ) -> bool {
        let is_newest = snapshot.sq >= self.newest && table.epoch() >= self.epoch;
        let is_same = table.epoch() == self.epoch
            && versions.len() == self.versions.len()
            && versions.iter().zip(&self.versions).all(|(new, old)| new.is(old));
        if !is_same {
            if is_newest {
                *self = Self::new(snapshot, table, versions, changes);
            }
            return is_newest;
        }
        if snapshot.sq < self.at {
            return false;
        }
        let mut changed = table.changed_rows(self.at).peekable();
        if changed.peek().is_some() {
            if !is_newest {
                return false;
            }
            forget(Arc::make_mut(&mut self.blocks), changed);
            *changes += 1;
            self.content = *changes;
            self.at = snapshot.sq;
        }
        self.newest = self.newest.max(snapshot.sq);
        true
    }
}

impl Pinned {
    fn get(&self, row: Row) -> Option<Value> {
        let (block, at) = place(row);
        self.blocks.get(block)?.as_ref()?.get(at)
    }

    fn put(&mut self, row: Row, value: &Value) {
        let (block, at) = place(row);
        let blocks = Arc::make_mut(&mut self.blocks);
        if blocks.len() <= block {
            blocks.resize(block + 1, None);
        }
        let slot = &mut blocks[block];
        let before = slot.as_ref().map_or(0, |block| block.bytes());
        let block = Arc::make_mut(slot.get_or_insert_with(|| Arc::new(Block::new(value))));
        block.put(at, value);
        self.bytes = (self.bytes + block.bytes()).saturating_sub(before);
    }
}

fn engine_part(part: Part) -> engine::Part {
    match part {
        Part::Field(slot) => engine::Part::Field(usize::from(slot)),
        Part::Records => engine::Part::Records,
        Part::Meta => engine::Part::Meta,
    }
}

/// Block and place in it.
fn place(row: Row) -> (usize, usize) {
    (row.0 as usize / BLOCK_ROWS, row.0 as usize % BLOCK_ROWS)
}

fn forget(blocks: &mut Blocks, rows: impl Iterator<Item = Row>) {
    for row in rows {
        let (block, at) = place(row);
        if let Some(Some(block)) = blocks.get_mut(block) {
            Arc::make_mut(block).forget(at);
        }
    }
}

fn learn(blocks: &mut Blocks, others: &Blocks) {
    if blocks.len() < others.len() {
        blocks.resize(others.len(), None);
    }
    for (block, other) in blocks.iter_mut().zip(others) {
        match (block, other) {
            (block @ None, other) => block.clone_from(other),
            (Some(block), Some(other)) if !Arc::ptr_eq(block, other) => Arc::make_mut(block).learn(other),
            _ => {}
        }
    }
}

fn bytes(blocks: &Blocks) -> usize {
    let each = blocks.iter().flatten().map(|block| block.bytes());
    blocks.capacity() * size_of::<Option<Arc<Block>>>() + each.sum::<usize>()
}
