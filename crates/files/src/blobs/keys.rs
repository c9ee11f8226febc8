//! What lies where in a database's part of the store.

use std::time::SystemTime;

use crate::Hash;

/// Folder of uploads under way.
pub(super) const TEMPORARIES: &str = "tmp";
/// Folder of thumbnails.
pub(super) const THUMBNAILS: &str = "thumb";
/// Folder of flags of collectors, in buckets.
pub(super) const GOING: &str = "going";

/// What an object of a database is, by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Blob(Hash),
    Thumbnail(Hash),
    Temporary,
    /// The flag of a collector.
    Flag,
    /// Nothing of ours; it is left alone.
    Strange,
}

impl Place {
    pub(super) fn of(folder: &str, name: &str) -> Self {
        match folder {
            TEMPORARIES => Self::Temporary,
            GOING => Self::Flag,
            THUMBNAILS => {
                let hash = name.split_once('-').and_then(|(hash, _)| hash.parse().ok());
                hash.map_or(Self::Strange, Self::Thumbnail)
            }
            _ => match name.parse() {
                Ok(hash) if folder.len() == 2 && name.starts_with(folder) => Self::Blob(hash),
                _ => Self::Strange,
            },
        }
    }
}

/// An object found in a folder.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) place: Place,
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) modified: SystemTime,
}

/// A name for a temporary that no other process chooses either.
pub(super) fn random_name() -> String {
    // Without randomness a clash is an error of that upload (the file must be new), never a mix of two.
    let number = getrandom::u64().ok().zip(getrandom::u64().ok()).unwrap_or_default();
    format!("{:016x}{:016x}", number.0, number.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let hash = Hash::of(b"x");
        let name = hash.to_string();
        assert_eq!(Place::of(&name[..2], &name), Place::Blob(hash));
        assert_eq!(Place::of("zz", &name), Place::Strange);
        assert_eq!(Place::of(&name, &name), Place::Strange);
        assert_eq!(Place::of("", ""), Place::Strange);
        assert_eq!(Place::of("thumb", &format!("{name}-256")), Place::Thumbnail(hash));
        assert_eq!(Place::of("thumb", &name), Place::Strange);
        assert_eq!(Place::of("tmp", "anything"), Place::Temporary);
        assert_eq!(Place::of("going", &name), Place::Flag);
        assert_eq!(Place::of(&name[..2], "note.txt"), Place::Strange);
    }
}
