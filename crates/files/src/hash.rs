//! The content address of a blob.

use std::{fmt, str::FromStr};

use sha2::{Digest, Sha256};

/// SHA-256 of a content: its name in the store, and the `sha256` and `ETag` of the API. Reads and writes as 64
/// lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

/// A text is no [`Hash`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{got:?} is no SHA-256: expected 64 hexadecimal digits in lower case")]
pub struct HashError {
    got: String,
}

impl Hash {
    /// The hash of a content that is in memory as a whole.
    pub fn of(content: &[u8]) -> Self {
        Self(Sha256::digest(content).into())
    }

    /// The hash itself, for a compact form in rows.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Hash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        let error = || HashError { got: text.chars().take(80).collect() };
        let digits: &[u8; 64] = text.as_bytes().try_into().map_err(|_| error())?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte =
                digit(pair[0]).zip(digit(pair[1])).map(|(high, low)| high << 4 | low).ok_or_else(error)?;
        }
        Ok(Self(bytes))
    }
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

/// Hashes a content that comes in pieces, and counts it.
#[derive(Debug, Default)]
pub(crate) struct Hasher {
    state: Sha256,
    size: u64,
}

impl Hasher {
    pub(crate) fn update(&mut self, piece: &[u8]) {
        self.state.update(piece);
        self.size += piece.len() as u64;
    }

    pub(crate) fn finish(self) -> (Hash, u64) {
        (Hash(self.state.finalize().into()), self.size)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_known_hash() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Hash::of(b"").to_string(), empty);
        assert_eq!(empty.parse::<Hash>().unwrap(), Hash::of(b""));
    }

    #[test]
    fn other_texts_are_refused() {
        let good = Hash::of(b"x").to_string();
        for text in
            ["", "..", &good[1..], &good.to_uppercase(), &good.replace(&good[..1], "g"), &format!("{good}0")]
        {
            assert!(text.parse::<Hash>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(bytes: [u8; 32]) {
            prop_assert_eq!(Hash::from(bytes).to_string().parse::<Hash>().unwrap(), Hash::from(bytes));
        }

        #[test]
        fn pieces_hash_as_the_whole(content: Vec<u8>, cut: usize) {
            let cut = cut % (content.len() + 1);
            let mut hasher = Hasher::default();
            hasher.update(&content[..cut]);
            hasher.update(&content[cut..]);
            prop_assert_eq!(hasher.finish(), (Hash::of(&content), content.len() as u64));
        }
    }
}
