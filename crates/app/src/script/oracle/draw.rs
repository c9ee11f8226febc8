//! Choices out of bytes: the same bytes make the same case, fewer and smaller bytes a simpler one.

/// Bytes to choose by; behind their end everything is the first choice.
pub(super) struct Draw<'a> {
    bytes: &'a [u8],
}

impl<'a> Draw<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    fn byte(&mut self) -> u8 {
        match self.bytes {
            [first, rest @ ..] => {
                self.bytes = rest;
                *first
            }
            [] => 0,
        }
    }

    /// A number below `n`.
    pub(super) fn below(&mut self, n: usize) -> usize {
        let wide = if n > 256 { usize::from(self.byte()) << 8 } else { 0 };
        (wide + usize::from(self.byte())) % n.max(1)
    }

    /// True in so many of a hundred cases; false at the end.
    pub(super) fn chance(&mut self, percent: usize) -> bool {
        usize::from(self.byte()) * 100 / 256 >= 100 - percent
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub(super) fn is_done(&self) -> bool {
        self.bytes.is_empty()
    }

    /// As many of the bytes as the first one says, for choices of another kind.
    pub(super) fn part(&mut self) -> Draw<'a> {
        let length = usize::from(self.byte()).min(self.bytes.len());
        let (part, rest) = self.bytes.split_at(length);
        self.bytes = rest;
        Draw { bytes: part }
    }

    /// A number out of eight bytes.
    pub(super) fn seed(&mut self) -> u64 {
        (0..8).fold(0, |seed, _| seed << 8 | u64::from(self.byte()))
    }
}

/// Many bytes from one number.
pub(super) fn expand(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let next = |_| {
        // Xorshift; its upper bits are the better ones.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as u8
    };
    (0..count).map(next).collect()
}
