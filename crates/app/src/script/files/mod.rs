//! Contents of files for scripts: read from and put into their place by threads of scripts, which may wait for a disk.
//! The writer may not: what a transaction reads or makes there it reads or makes apart, and finds recorded when it comes
//! back ([`Recording`]). A content is durable before the transaction that names it; one that comes to nothing is collected
//! as an upload that nobody attached.

mod form;
mod workbook;
mod zipped;

use std::{cell::Cell, fmt::Write as _, time::Duration};

use boobook_files::{BlobError, ByteRange, FileName, Hash, Stored};
use boobook_model::{DatabaseId, FileEntry};
use boobook_nx::{FileSource, HostError};
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};

use super::{
    HttpRequest, Outside, Reach, Recording,
    recording::{Answer, Question},
};
use crate::{
    AppError,
    app::Inner,
    files::{Files, hash_of, is_content_type},
};

pub(crate) use form::entry;

/// The contents that one run may reach.
pub(crate) struct Contents<'a> {
    files: Option<&'a Files>,
    database: &'a DatabaseId,
    bytes_max: u64,
    /// Bytes that the run has read and made.
    bytes: Cell<u64>,
}

/// A file from the web whose content is stored.
#[derive(Clone, Debug)]
pub(crate) struct Imported {
    stored: Stored,
    /// As the web told it.
    content_type: Option<String>,
}

/// Who makes files, and when.
pub(crate) struct Maker<'a> {
    pub(crate) user: &'a str,
    pub(crate) now_ms: i64,
}

impl<'a> Contents<'a> {
    pub(crate) fn new(app: &'a Inner, database: &'a DatabaseId) -> Self {
        let bytes_max = app.limits.script.file_bytes_max;
        Self { files: app.files.get(), database, bytes_max, bytes: Cell::default() }
    }

    /// The bytes of a file. Waits for them.
    pub(crate) fn read(&self, entry: &FileEntry, time_max: Duration) -> Result<Bytes, HostError> {
        self.take(entry.size)?;
        self.fetch(entry, time_max)
    }

    pub(crate) fn fetch(&self, entry: &FileEntry, time_max: Duration) -> Result<Bytes, HostError> {
        let hash = hash(entry)?;
        let files = self.files()?;
        let read = async {
            let content = files.blobs.get(self.database, &hash, ByteRange::Whole).await?;
            content.bytes().await
        };
        self.wait(files, time_max, read, |error| match error {
            BlobError::NotFound { .. } | BlobError::Damaged { .. } => {
                let name = &entry.name;
                HostError::new(format!(
                    "the content of file {name:?} is lost; upload it again, or restore a back-up"
                ))
            }
            other => away(&other),
        })
    }

    /// Stores a content. Waits until that is durable.
    pub(crate) fn keep(&self, content: Bytes, time_max: Duration) -> Result<Stored, HostError> {
        let files = self.files()?;
        let pieces = futures_util::stream::iter([Ok::<_, std::convert::Infallible>(content)]);
        self.wait(
            files,
            time_max,
            files.blobs.put(self.database, pieces, self.bytes_max),
            |error| match error {
                BlobError::TooLarge { limit } => too_many(limit),
                other => away(&other),
            },
        )
    }

    fn wait<T>(
        &self,
        files: &Files,
        time_max: Duration,
        work: impl Future<Output = Result<T, BlobError>>,
        explain: impl FnOnce(BlobError) -> HostError,
    ) -> Result<T, HostError> {
        let done = files.runtime.block_on(async { tokio::time::timeout(time_max, work).await });
        match done {
            Ok(done) => done.map_err(explain),
            Err(_) => Err(HostError {
                is_transient: true,
                ..HostError::new(format!(
                    "the place of the files did not answer within {} ms",
                    time_max.as_millis()
                ))
            }),
        }
    }

    /// Counts bytes that the run reads or makes.
    pub(crate) fn take(&self, bytes: u64) -> Result<(), HostError> {
        self.bytes.set(self.bytes.get().saturating_add(bytes));
        if self.bytes.get() > self.bytes_max { Err(too_many(self.bytes_max)) } else { Ok(()) }
    }

    fn files(&self) -> Result<&'a Files, HostError> {
        self.files.ok_or_else(|| HostError::new(crate::files::no_files().to_string()))
    }
}

fn too_many(limit: u64) -> HostError {
    HostError::new(format!(
        "the script reads and makes files of more than {limit} bytes in all (limits.script.file_bytes_max)"
    ))
}

/// The place of the files cannot be reached now: another try may do.
fn away(error: &BlobError) -> HostError {
    HostError { is_transient: true, ..HostError::new(error.to_string()) }
}

fn hash(entry: &FileEntry) -> Result<Hash, HostError> {
    hash_of(entry).map_err(|error: AppError| HostError::new(error.to_string()))
}

fn named(name: &str) -> Result<FileName, HostError> {
    FileName::parse(name).map_err(|error| HostError::new(error.to_string()))
}

/// A file under another name. Its type follows the name, where it was told by the name.
pub(crate) fn renamed(entry: &FileEntry, name: &str) -> Result<FileEntry, HostError> {
    let name = named(name)?;
    let was_told = FileName::parse(&entry.name).is_ok_and(|old| old.content_type() == entry.content_type);
    let content_type = if was_told { name.content_type().to_owned() } else { entry.content_type.clone() };
    Ok(FileEntry { name: name.to_string(), content_type, ..entry.clone() })
}

impl Reach<'_> {
    /// The bytes of a file, in a transaction.
    pub(crate) fn load(&self, recording: &Recording, entry: &FileEntry) -> Result<Bytes, HostError> {
        self.contents.take(entry.size)?;
        recording.read(self.limits, hash(entry)?, |left| self.contents.fetch(entry, left))
    }

    /// Makes a file, in a transaction.
    pub(crate) fn make(
        &self,
        recording: &Recording,
        maker: &Maker<'_>,
        name: Option<&str>,
        source: FileSource<'_>,
    ) -> Result<FileEntry, HostError> {
        let (name, told, stored) = if let FileSource::Web(url) = source {
            let name = named(&name.map_or_else(|| name_in(url), str::to_owned))?;
            let imported = self.import(recording, url)?;
            (name, imported.content_type, imported.stored)
        } else {
            let name = named(name.unwrap_or_default())?;
            let stored = recording.make(self.limits, key(source), || {
                let content = self.content(recording, maker, source)?;
                self.contents.keep(content, recording.left(self.limits))
            })?;
            (name, None, stored)
        };
        self.contents.take(stored.size)?;
        let told = told.filter(|told| is_content_type(told));
        Ok(FileEntry {
            content_type: told.unwrap_or_else(|| name.content_type().to_owned()),
            name: name.to_string(),
            size: stored.size,
            sha256: stored.hash.to_string(),
            modified_at_ms: maker.now_ms,
            modified_by: maker.user.to_owned(),
        })
    }

    fn content(
        &self,
        recording: &Recording,
        maker: &Maker<'_>,
        source: FileSource<'_>,
    ) -> Result<Bytes, HostError> {
        Ok(match source {
            FileSource::Text(text) => Bytes::copy_from_slice(text.as_bytes()),
            FileSource::Sheets(sheets) => workbook::write(sheets, maker.now_ms)?.into(),
            FileSource::Zip(entries) => zipped::write(entries, |entry| self.load(recording, entry))?.into(),
            FileSource::Web(_) => return Err(HostError::new("the web is not asked for this")),
        })
    }

    fn import(&self, recording: &Recording, url: &str) -> Result<Imported, HostError> {
        let Some(outside) = self.outside else {
            return Err(HostError::new("importFile() is not available here"));
        };
        let request =
            HttpRequest { method: "GET".into(), url: url.trim().to_owned(), headers: Vec::new(), body: None };
        let asked = recording.ask(self.limits, Question::Import(request.clone()), |_, left| {
            Answer::File(self.fetched(recording, outside, request, left))
        })?;
        match asked {
            Answer::File(Ok(imported)) => Ok(imported),
            Answer::File(Err(message)) => Err(HostError::new(format!("importFile({url:?}): {message}"))),
            Answer::Value(_) => Err(HostError::new("a value is no answer to importFile()")),
        }
    }

    fn fetched(
        &self,
        recording: &Recording,
        outside: &dyn Outside,
        request: HttpRequest,
        time_max: Duration,
    ) -> Result<Imported, String> {
        let answer = outside.http(request, time_max)?;
        if !answer.is_success {
            return Err(answer.status);
        }
        let stored = self.contents.keep(answer.body, recording.left(self.limits));
        Ok(Imported { stored: stored.map_err(|error| error.message)?, content_type: answer.content_type })
    }
}

/// The last part of an address's path.
fn name_in(url: &str) -> String {
    let path = url.trim().split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once("://").map_or(path, |(_, rest)| rest);
    let name = path.split_once('/').map_or("", |(_, path)| path).rsplit('/').next().unwrap_or_default();
    percent_decode_str(name).decode_utf8_lossy().into_owned()
}

/// A hash of all that a content is made of, the instant of the transaction left aside.
fn key(source: FileSource<'_>) -> [u8; 32] {
    let mut hasher = Hasher(Sha256::new());
    match source {
        FileSource::Text(text) => hasher.0.update(text),
        // What it looks like to a developer tells all of it apart. A hasher takes whatever is written to it.
        other => _ = write!(hasher, "{other:?}"),
    }
    hasher.0.finalize().into()
}

struct Hasher(Sha256);

impl std::fmt::Write for Hasher {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.update(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_addresses() {
        for (url, name) in [
            ("https://example.com/a/b%20c.png?x=1/2#d", "b c.png"),
            ("http://example.com/a.txt", "a.txt"),
            ("https://example.com", ""),
            ("https://example.com/a/", ""),
            ("https://example.com/%2e%2e", ".."),
        ] {
            assert_eq!(name_in(url), name, "{url}");
        }
    }

    #[test]
    fn a_type_follows_the_name_it_was_told_by() {
        let entry = |name: &str, content_type: &str| FileEntry {
            name: name.into(),
            size: 1,
            sha256: "ab".repeat(32),
            content_type: content_type.into(),
            modified_at_ms: 7,
            modified_by: "u".into(),
        };
        let of = |entry: FileEntry, name| renamed(&entry, name).map(|e| (e.name, e.content_type));
        let expected = |name: &str, content_type: &str| Ok((name.to_owned(), content_type.to_owned()));
        assert_eq!(of(entry("a.txt", "text/plain"), " b.csv "), expected("b.csv", "text/csv"));
        assert_eq!(of(entry("a.txt", "text/x-own"), "b.csv"), expected("b.csv", "text/x-own"));
        assert!(of(entry("a.txt", "text/plain"), "../b").is_err());
    }

    #[test]
    fn sources_have_keys_of_their_own() {
        let keys = [
            key(FileSource::Text("")),
            key(FileSource::Text("a")),
            key(FileSource::Zip(&[])),
            key(FileSource::Sheets(&[])),
        ];
        for (n, one) in keys.iter().enumerate() {
            assert!(keys[..n].iter().all(|other| other != one), "{n}");
        }
    }
}
