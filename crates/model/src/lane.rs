//! Stored fields of many records side by side: what tests that look at more than one field read.

/// One field of a block of records, a value each.
#[derive(Clone, Debug, PartialEq)]
pub enum Lane<'a> {
    /// Numbers, or times in ms; a yes is 1, a no 0. NaN where empty, and for an infinite number.
    Numbers(Vec<f64>),
    /// Texts; empty text where empty, as no stored text is.
    Texts(Vec<&'a str>),
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
