//! Ranges of bytes, as HTTP asks for them.

use std::ops::Range;

use crate::BlobError;

/// Which part of a blob is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ByteRange {
    /// All of it.
    #[default]
    Whole,
    /// From an offset to the end: `bytes=5-`.
    From(u64),
    /// From the first to the last offset, both included and the last one cut to the blob's end: `bytes=5-9`.
    Between(u64, u64),
    /// The last so many bytes, or all if there are fewer: `bytes=-5`.
    Last(u64),
}

impl ByteRange {
    /// The offsets in a blob of that size. [`BlobError::Range`] where not one byte of the range is in the blob; only
    /// [`Self::Whole`] suits an empty one.
    pub fn of(self, size: u64) -> Result<Range<u64>, BlobError> {
        let range = match self {
            Self::Whole => return Ok(0..size),
            Self::From(first) => first..size,
            Self::Between(first, last) => first..last.saturating_add(1).min(size),
            Self::Last(length) => size.saturating_sub(length)..size,
        };
        if range.is_empty() { Err(BlobError::Range { size }) } else { Ok(range) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn edges() {
        assert_eq!(ByteRange::Whole.of(0), Ok(0..0));
        assert_eq!(ByteRange::Between(0, u64::MAX).of(10), Ok(0..10));
        assert_eq!(ByteRange::Last(u64::MAX).of(10), Ok(0..10));
        for range in
            [ByteRange::From(10), ByteRange::Between(5, 4), ByteRange::Last(0), ByteRange::From(u64::MAX)]
        {
            assert_eq!(range.of(10), Err(BlobError::Range { size: 10 }), "{range:?}");
        }
        assert_eq!(ByteRange::Last(5).of(0), Err(BlobError::Range { size: 0 }));
    }

    proptest! {
        #[test]
        fn as_the_offsets_one_by_one(size in 0u64..20, first in 0u64..25, last in 0u64..25) {
            let wanted = |is_wanted: &dyn Fn(u64) -> bool| (0..size).filter(|at| is_wanted(*at)).collect::<Vec<_>>();
            let got = |range: ByteRange| range.of(size).unwrap_or(0..0).collect::<Vec<_>>();
            prop_assert_eq!(got(ByteRange::From(first)), wanted(&|at| at >= first));
            prop_assert_eq!(got(ByteRange::Between(first, last)), wanted(&|at| at >= first && at <= last));
            prop_assert_eq!(got(ByteRange::Last(last)), wanted(&|at| at + last >= size));
        }
    }
}
