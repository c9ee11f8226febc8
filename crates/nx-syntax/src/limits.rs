//! How much a script may ask of the parser.

/// Bounds of one script; what goes beyond gives a diagnostic, never a crash or a long wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Length of the source. At most `u32::MAX`, as spans are offsets of 32 bits.
    pub source_bytes_max: usize,
    /// Tokens of one script.
    pub tokens_max: usize,
    /// Depth of brackets, blocks and prefix operators within each other. It bounds the parser's own stack.
    pub nesting_max: u32,
    /// Height of the syntax tree. Chains such as `a.b.c` make the tree high without nesting in the text; whoever
    /// walks the tree (printer, type checker, `drop`) recurses this deep.
    pub height_max: u32,
    /// Diagnostics that are kept; one bad character early must not become a megabyte of messages.
    pub diagnostics_max: usize,
}

impl Limits {
    /// The limits of [`crate::parse`].
    pub const DEFAULT: Self = Self {
        source_bytes_max: 1_000_000,
        tokens_max: 500_000,
        nesting_max: 200,
        height_max: 500,
        diagnostics_max: 100,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
