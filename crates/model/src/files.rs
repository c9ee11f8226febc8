//! The files of a record, as its hidden field keeps them: names and what is known of the contents, which lie elsewhere.

use serde::{Deserialize, Serialize};

/// Most files a record may have.
pub const FILES_MAX: usize = 1_000;

/// One file of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its name, unique among the files of the record.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256 of the content, in hexadecimal: where it lies.
    pub sha256: String,
    /// MIME type, as it was told or as the name says.
    #[serde(rename = "contentType")]
    pub content_type: String,
    /// When it was uploaded, ms since the epoch.
    #[serde(rename = "modifiedAt")]
    pub modified_at_ms: i64,
    /// Who uploaded it.
    #[serde(rename = "modifiedBy")]
    pub modified_by: String,
}

/// The files of a record, in the order they were added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileList(pub Vec<FileEntry>);

impl FileList {
    /// From what [`Self::to_stored`] wrote. Anything else is no list: files are not invented out of damage.
    pub fn from_stored(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        serde_json::from_str(text).ok().map(Self)
    }

    /// The text that the record keeps; none where there is no file.
    pub fn to_stored(&self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        serde_json::to_string(&self.0).ok()
    }

    /// A file by its name.
    pub fn find(&self, name: &str) -> Option<&FileEntry> {
        self.0.iter().find(|file| file.name == name)
    }

    /// Adds a file, in the place of one with the same name.
    pub fn put(&mut self, file: FileEntry) {
        match self.0.iter_mut().find(|known| known.name == file.name) {
            Some(known) => *known = file,
            None => self.0.push(file),
        }
    }

    /// Takes a file out; whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|file| file.name != name);
        self.0.len() < before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, size: u64) -> FileEntry {
        FileEntry {
            name: name.into(),
            size,
            sha256: "ab".repeat(32),
            content_type: "text/plain".into(),
            modified_at_ms: 7,
            modified_by: "u1".into(),
        }
    }

    #[test]
    fn what_is_stored_is_read_again() {
        let mut list = FileList::default();
        assert_eq!(list.to_stored(), None);
        list.put(file("a \"b\".txt", 1));
        list.put(file("ü.txt", 2));
        list.put(file("a \"b\".txt", 3));
        let stored = list.to_stored().unwrap();
        assert_eq!(FileList::from_stored(&stored), Some(list.clone()));
        assert_eq!(list.find("a \"b\".txt").unwrap().size, 3);
        assert!(list.remove("ü.txt") && !list.remove("ü.txt"));
        assert_eq!(list.0.len(), 1);
        assert_eq!(FileList::from_stored("{"), None);
        assert_eq!(FileList::from_stored(""), Some(FileList::default()));
    }
}
