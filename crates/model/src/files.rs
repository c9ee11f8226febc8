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

    /// As reading a stored list, adding a file to it and storing that, where the list is well-formed and does not have a
    /// file of that name, in the time of a copy: adding many files one by one would take the square of that otherwise.
    /// `None` where it is to be read. The new list comes with the number of its files.
    pub fn appended(stored: &str, file: &FileEntry) -> Option<(String, usize)> {
        let added = serde_json::to_string(file).ok()?;
        if stored.is_empty() {
            return Some((format!("[{added}]"), 1));
        }
        let open = stored.strip_prefix('[')?.strip_suffix("}]")?;
        // Quotes within names are escaped: no text holds what begins an entry.
        let mut count = 0;
        let name = format!("{{\"name\":{},\"size\":", serde_json::to_string(&file.name).ok()?);
        for at in memchr::memmem::find_iter(open.as_bytes(), b"{\"name\":\"") {
            if open[at..].starts_with(&name) {
                return None;
            }
            count += 1;
        }
        (count > 0).then(|| (format!("[{open}}},{added}]"), count + 1))
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
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_appended_is_what_would_be_written(
            names in prop::collection::vec("[a-c\"{\\\\:,ü\n]{1,4}|\\{\"name\":\"a", 1..12),
        ) {
            let (mut list, mut stored) = (FileList::default(), String::new());
            for (at, name) in names.iter().enumerate() {
                let is_new = list.find(name).is_none();
                let file = file(name, at as u64);
                list.put(file.clone());
                let appended = FileList::appended(&stored, &file);
                prop_assert_eq!(appended.is_some(), is_new);
                stored = list.to_stored().unwrap();
                if let Some(appended) = appended {
                    prop_assert_eq!(appended, (stored.clone(), list.0.len()));
                }
            }
        }
    }

    #[test]
    fn nothing_is_appended_to_what_is_no_list() {
        for damaged in ["{", "[", "[]", "null", "[{}]", "[{\"name\":\"a\"", "x}]"] {
            assert_eq!(FileList::appended(damaged, &file("a", 1)), None, "{damaged}");
        }
    }

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
