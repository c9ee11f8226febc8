//! Chunks of texts that are mostly distinct: laid end to end, with a short list of later changes on top.
//!
//! The laid out part (the base) is shared by all snapshots of the chunk, so that changing one text of a chunk
//! full of notes copies a short list and not 800 KB. When the list is full, or hides more of the base than it
//! leaves, the base is laid out anew.

use std::sync::Arc;

use crate::{
    bitmap::{Bitmap, grow},
    chunk::{Chunk, well_above, well_below},
    column::CHUNK_ROWS,
};

/// Changes on top of a base; more are laid out anew.
const PATCHES_MAX: usize = 256;
/// Texts longer than this stay allocations of their own, so that laying out anew never copies megabytes and
/// offsets fit 32 bits.
const INLINE_BYTES_MAX: usize = 4096;
/// Hidden bytes that are not worth laying out anew for.
const HIDDEN_BYTES_SLACK: usize = 4096;

/// Up to 4,096 texts.
#[derive(Clone, Default)]
pub(crate) struct ArenaChunk {
    base: Arc<Base>,
    patches: Option<Box<Patches>>,
    count: usize,
}

/// Texts laid end to end; text `i` lies between `offsets[i]` and `offsets[i + 1]`.
#[derive(Default)]
struct Base {
    places: Places,
    /// One more than there are places, or none at all.
    offsets: Vec<u32>,
    bytes: String,
    /// By row; in `bytes` these are empty.
    long: Vec<(u16, Arc<str>)>,
    long_bytes: usize,
    count: usize,
}

/// Which rows have a place in a base.
enum Places {
    /// Every row up to the last one that has a text; the bits tell an empty text from none.
    Every(Bitmap),
    /// These, ascending: below a quarter of the rows have a text.
    Only(Vec<u16>),
}

impl Default for Places {
    fn default() -> Self {
        Self::Every(Bitmap::default())
    }
}

/// What has changed since the base was laid out, by ascending row; `None` is an emptied one.
#[derive(Clone, Default)]
struct Patches {
    rows: Bitmap,
    entries: Vec<(u16, Option<Arc<str>>)>,
    /// Bytes of the texts in `entries`.
    bytes: usize,
    /// Bytes of the base that `entries` hide.
    hidden: usize,
}

impl Base {
    /// One more than the last row that has a place.
    fn rows(&self) -> usize {
        match &self.places {
            Places::Every(_) => self.offsets.len().saturating_sub(1),
            Places::Only(places) => places.last().map_or(0, |&at| usize::from(at) + 1),
        }
    }

    #[inline]
    fn get(&self, at: usize) -> Option<&str> {
        let index = match &self.places {
            Places::Every(_) => at,
            Places::Only(places) => places.binary_search(&(at as u16)).ok()?,
        };
        let to = *self.offsets.get(index + 1)? as usize;
        let from = self.offsets[index] as usize;
        if from < to { self.bytes.get(from..to) } else { self.get_without_bytes(at) }
    }

    fn get_without_bytes(&self, at: usize) -> Option<&str> {
        if let Places::Every(valid) = &self.places
            && !valid.get(at)
        {
            return None;
        }
        Some(self.long(at).map_or("", |text| &**text))
    }

    fn long(&self, at: usize) -> Option<&Arc<str>> {
        let index = self.long.binary_search_by_key(&(at as u16), |(at, _)| *at).ok()?;
        Some(&self.long[index].1)
    }

    /// Appends a text; `at` is not below `rows()`. A long text that is an allocation already is shared.
    fn push(&mut self, at: usize, text: &str, shared: Option<&Arc<str>>) {
        debug_assert!(at >= self.rows());
        self.count += 1;
        self.choose_places(at + 1);
        let before = self.bytes.len() as u32;
        if text.len() > INLINE_BYTES_MAX {
            self.long_bytes += long_bytes(text);
            self.long.push((at as u16, shared.map_or_else(|| text.into(), Arc::clone)));
        } else {
            self.bytes.push_str(text);
        }
        match &mut self.places {
            Places::Every(valid) => {
                grow(&mut self.offsets, at + 2, CHUNK_ROWS + 1);
                self.offsets.resize(at + 1, before);
                valid.insert(at);
            }
            Places::Only(places) => {
                let len = places.len() + 1;
                grow(places, len, CHUNK_ROWS);
                places.push(at as u16);
                grow(&mut self.offsets, len + 1, CHUNK_ROWS + 1);
                if self.offsets.is_empty() {
                    self.offsets.push(0);
                }
            }
        }
        self.offsets.push(self.bytes.len() as u32);
    }

    /// Changes the kind of places if `count` texts in `rows` rows ask for the other one. The bytes stay.
    fn choose_places(&mut self, rows: usize) {
        match &self.places {
            Places::Every(valid) if well_below(self.count, rows) => {
                let places: Vec<u16> = valid.iter().map(|at| at as u16).collect();
                let mut offsets = Vec::with_capacity(places.len() + 2);
                offsets.extend(self.offsets.first());
                offsets.extend(places.iter().map(|&at| self.offsets[usize::from(at) + 1]));
                self.offsets = offsets;
                self.places = Places::Only(places);
            }
            Places::Only(places) if well_above(self.count, rows) => {
                let mut valid = Bitmap::default();
                let mut offsets = vec![0];
                for (index, &at) in places.iter().enumerate() {
                    offsets.resize(usize::from(at) + 1, self.offsets[index]);
                    offsets.push(self.offsets[index + 1]);
                    valid.insert(usize::from(at));
                }
                self.offsets = offsets;
                self.places = Places::Every(valid);
            }
            _ => {}
        }
    }

    /// Bytes of one text, which a patch would hide.
    fn text_bytes(&self, at: usize) -> usize {
        self.get(at).map_or(0, str::len)
    }

    fn heap_bytes(&self) -> usize {
        let places = match &self.places {
            Places::Every(valid) => valid.heap_bytes(),
            Places::Only(places) => places.capacity() * 2,
        };
        size_of::<Self>()
            + 16
            + places
            + self.offsets.capacity() * 4
            + self.bytes.capacity()
            + self.long.capacity() * size_of::<(u16, Arc<str>)>()
            + self.long_bytes
    }

    fn shrink(&mut self) {
        match &mut self.places {
            Places::Every(valid) => valid.shrink(),
            Places::Only(places) => places.shrink_to_fit(),
        }
        self.offsets.shrink_to_fit();
        self.bytes.shrink_to_fit();
        self.long.shrink_to_fit();
    }
}

impl Patches {
    #[inline]
    fn get(&self, at: usize) -> Option<&Option<Arc<str>>> {
        if !self.rows.get(at) {
            return None;
        }
        let index = self.entries.binary_search_by_key(&(at as u16), |(at, _)| *at).ok()?;
        Some(&self.entries[index].1)
    }

    fn heap_bytes(&self) -> usize {
        size_of::<Self>()
            + self.rows.heap_bytes()
            + self.entries.capacity() * size_of::<(u16, Option<Arc<str>>)>()
            + self.bytes
    }
}

/// What a text in an allocation of its own costs.
fn long_bytes(text: &str) -> usize {
    text.len() + 16
}

impl ArenaChunk {
    /// The text at `at`.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> Option<&str> {
        if let Some(patches) = &self.patches
            && let Some(patch) = patches.get(at)
        {
            return patch.as_deref();
        }
        self.base.get(at)
    }

    /// Sets the text at `at`, or makes it empty.
    pub(crate) fn set(&mut self, at: usize, text: Option<&str>) {
        let had = self.get(at).is_some();
        self.count = self.count + usize::from(text.is_some()) - usize::from(had);
        if let Some(text) = text
            && self.append(at, text)
        {
            return;
        }
        self.patch(at, text);
        let patches = self.patches.as_ref();
        if patches.is_some_and(|patches| {
            let base_bytes = self.base.bytes.len() + self.base.long_bytes;
            patches.entries.len() > PATCHES_MAX
                || patches.hidden > HIDDEN_BYTES_SLACK && patches.hidden * 2 > base_bytes
        }) {
            self.lay_out();
        }
    }

    /// Appends to the base itself where nobody shares it and the row comes last: the way of a bulk load.
    fn append(&mut self, at: usize, text: &str) -> bool {
        if at < self.base.rows() || self.patches.as_ref().is_some_and(|patches| patches.get(at).is_some()) {
            return false;
        }
        let Some(base) = Arc::get_mut(&mut self.base) else { return false };
        base.push(at, text, None);
        if at == CHUNK_ROWS - 1 {
            base.shrink();
        }
        true
    }

    fn patch(&mut self, at: usize, text: Option<&str>) {
        let patches = self.patches.get_or_insert_default();
        let text = text.map(Arc::<str>::from);
        patches.bytes += text.as_deref().map_or(0, long_bytes);
        match patches.entries.binary_search_by_key(&(at as u16), |(at, _)| *at) {
            Ok(index) => {
                let old = std::mem::replace(&mut patches.entries[index].1, text);
                patches.bytes -= old.as_deref().map_or(0, long_bytes);
            }
            Err(index) => {
                patches.entries.insert(index, (at as u16, text));
                patches.rows.insert(at);
                patches.hidden += self.base.text_bytes(at);
            }
        }
    }

    /// Lays the texts out anew, without what the patches hide.
    fn lay_out(&mut self) {
        let mut base = Base::default();
        // The size is known but for what hides; asking for it at once spares the doubling.
        base.bytes.reserve_exact(self.inline_bytes());
        for (at, text, shared) in self.entries() {
            base.push(at, text, shared);
        }
        base.shrink();
        self.base = Arc::new(base);
        self.patches = None;
    }

    fn inline_bytes(&self) -> usize {
        self.entries().map(|(_, text, _)| text.len()).filter(|&len| len <= INLINE_BYTES_MAX).sum()
    }

    /// Every row that has a text, ascending; long ones with the allocation they live in.
    fn entries(&self) -> impl Iterator<Item = (usize, &str, Option<&Arc<str>>)> {
        let patches = self.patches.as_ref();
        let patched =
            patches.and_then(|patches| patches.entries.last()).map_or(0, |(at, _)| usize::from(*at) + 1);
        (0..self.base.rows().max(patched)).filter_map(move |at| {
            match patches.and_then(|patches| patches.get(at)) {
                Some(patch) => patch.as_ref().map(|text| (at, &**text, Some(text))),
                None => {
                    let text = self.base.get(at)?;
                    let shared = if text.len() > INLINE_BYTES_MAX { self.base.long(at) } else { None };
                    Some((at, text, shared))
                }
            }
        })
    }

    /// Calls `each` with place and text of every row that has one, ascending.
    pub(crate) fn for_each<'a>(&'a self, mut each: impl FnMut(usize, &'a str)) {
        for (at, text, _) in self.entries() {
            each(at, text);
        }
    }
}

impl Chunk for ArenaChunk {
    fn heap_bytes(&self) -> usize {
        self.base.heap_bytes() + self.patches.as_ref().map_or(0, |patches| patches.heap_bytes())
    }

    fn count(&self) -> usize {
        self.count
    }

    fn finish(&mut self) {
        if self.patches.is_some() {
            self.lay_out();
        } else if let Some(base) = Arc::get_mut(&mut self.base) {
            base.shrink();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_shares_the_base_until_the_patches_are_full() {
        let mut chunk = ArenaChunk::default();
        for at in 0..4096 {
            chunk.set(at, Some(&format!("some text {at}")));
        }
        assert!(chunk.patches.is_none(), "appends to a base of one's own leave no patches");
        let published = chunk.clone();
        for at in 0..PATCHES_MAX {
            chunk.set(at, (at % 2 == 0).then_some("changed"));
            assert!(Arc::ptr_eq(&chunk.base, &published.base));
        }
        chunk.set(4000, None);
        assert!(!Arc::ptr_eq(&chunk.base, &published.base) && chunk.patches.is_none());
        assert_eq!((chunk.get(0), chunk.get(1), chunk.get(4000)), (Some("changed"), None, None));
        assert_eq!((chunk.get(4001), published.get(0)), (Some("some text 4001"), Some("some text 0")));
        assert_eq!(chunk.count(), 4096 - 128 - 1);
    }

    #[test]
    fn long_texts_are_never_copied() {
        let long = "x".repeat(100_000);
        let mut chunk = ArenaChunk::default();
        chunk.set(7, Some(&long));
        let address = chunk.get(7).unwrap().as_ptr();
        let _published = chunk.clone();
        chunk.set(8, Some(""));
        chunk.lay_out();
        assert_eq!(chunk.get(7).unwrap().as_ptr(), address);
        assert_eq!((chunk.get(8), chunk.get(9)), (Some(""), None));
        assert!((100_000..110_000).contains(&chunk.heap_bytes()));
    }

    #[test]
    fn places_follow_the_density() {
        let mut chunk = ArenaChunk::default();
        for at in (0..4096).step_by(20) {
            chunk.set(at, Some("rare"));
        }
        assert!(matches!(chunk.base.places, Places::Only(_)));
        assert_eq!((chunk.get(40), chunk.get(41)), (Some("rare"), None));
        let mut other = ArenaChunk::default();
        for at in [0, 100].into_iter().chain(101..1000) {
            other.set(at, Some("first rare, then not"));
        }
        assert!(matches!(other.base.places, Places::Every(_)));
        assert_eq!((other.get(100).is_some(), other.get(99), other.count()), (true, None, 901));
    }
}
