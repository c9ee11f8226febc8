//! Stored fields of many records side by side: what tests that look at more than one field read.

/// One field of a block of records, a value each.
#[derive(Clone, Debug, PartialEq)]
pub enum Lane<'a> {
    /// Numbers, or times in ms; a yes is 1, a no 0. NaN where empty, and for an infinite number.
    Numbers(Vec<f64>),
    /// Texts.
    Texts(TextLane<'a>),
}

/// A text for each record of a block; empty text where empty, as no stored text is. Where records share texts they come
/// as codes, so that what is made of a text need be worked out once for each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TextLane<'a> {
    texts: Vec<&'a str>,
    codes: Vec<u32>,
    by_code: Vec<Option<&'a str>>,
}

impl<'a> TextLane<'a> {
    /// Empties it for the next block. What a code means stays.
    pub fn clear(&mut self) {
        self.texts.clear();
        self.codes.clear();
    }

    /// Appends a text, to a block without codes.
    pub fn push(&mut self, text: &'a str) {
        self.texts.push(text);
    }

    /// Appends a code, to a block of codes. `text` is asked for the first time it comes.
    #[inline]
    pub fn push_code(&mut self, code: u32, text: impl FnOnce() -> &'a str) {
        let at = code as usize;
        if at >= self.by_code.len() {
            self.by_code.resize(at + 1, None);
        }
        self.by_code[at].get_or_insert_with(text);
        self.codes.push(code);
    }

    /// The text of a record.
    #[inline]
    pub fn get(&self, at: usize) -> &'a str {
        match self.codes.get(at) {
            Some(&code) => self.by_code[code as usize].unwrap_or_default(),
            None => self.texts[at],
        }
    }

    /// The codes of a block, one a record, if it has them: in all blocks of a selection the same one is the same text.
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }
}

/// Records a block has at most: so few that what is computed on the way stays in the nearest cache.
pub const LANE_LEN_MAX: usize = 1024;

/// A test of records by several of their fields at once.
pub trait Sieve {
    /// The slots of the fields it reads: of numbers, times, yes/no or text.
    fn slots(&self) -> &[usize];

    /// Says of each record of a block whether it passes. `lanes` are in the order of [`Self::slots`], all as long as
    /// `keep`, which has no meaning before.
    fn test(&self, lanes: &[Lane<'_>], keep: &mut [bool]);
}
