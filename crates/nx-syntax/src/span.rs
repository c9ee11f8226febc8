//! Places in a source text.

/// A stretch of the source in bytes, the end excluded. Always on character boundaries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset behind the last byte.
    pub end: u32,
}

impl Span {
    /// The stretch from `start` up to `end`.
    pub fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    /// The empty stretch at `offset`.
    pub fn at(offset: u32) -> Self {
        Self { start: offset, end: offset }
    }

    /// From the beginning of `self` to the end of `other`, which does not end before it.
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The text that lies here in `source`.
    pub fn text(self, source: &str) -> &str {
        source.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// Line and column of an offset, both from 1. The column counts characters, as an editor does.
pub fn line_column(source: &str, offset: u32) -> (u32, u32) {
    let before = source.get(..offset as usize).unwrap_or(source);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|b| *b == b'\n').count() as u32 + 1;
    let column = before.get(line_start..).unwrap_or_default().chars().count() as u32 + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::line_column;

    #[test]
    fn columns_count_characters() {
        let source = "let ä := 1;\nä😀x";
        assert_eq!(line_column(source, 0), (1, 1));
        assert_eq!(line_column(source, 6), (1, 6));
        assert_eq!(line_column(source, 13), (2, 1));
        assert_eq!(line_column(source, 19), (2, 3));
        assert_eq!(line_column(source, 9_999), (2, 4));
    }
}
