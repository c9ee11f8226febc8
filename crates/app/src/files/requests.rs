//! What a session may ask of a record's files.

use std::{fmt::Display, sync::Arc};

use boobook_engine::{Row, Snapshot, Tx};
use boobook_files::{ByteRange, Download, FileName, Hash, ThumbnailSize};
use boobook_model::{Cell, FieldId, FileEntry, FileList, RecordId};
use bytes::Bytes;
use futures_core::Stream;
use tokio::sync::oneshot;

use super::{FileChange, FileTransaction, Files, from_blob, from_name, from_thumbnail, list_of, no_files};
use crate::{AppError, Session, ShareTarget, TableAccess};

/// A file to be stored with a record.
#[derive(Debug, Clone, Default)]
pub struct NewFile {
    /// Its name.
    pub name: String,
    /// MIME type as the client told it; by the name where it told none.
    pub content_type: Option<String>,
    /// File or image field that is to name it, by name or id.
    pub field: Option<String>,
}

/// A file on its way to a client.
#[derive(Debug)]
pub struct FileDownload {
    /// What is known of it.
    pub entry: FileEntry,
    /// Its bytes, or those of the range asked for.
    pub content: Download,
}

/// Types longer than this are no types.
const CONTENT_TYPE_BYTES_MAX: usize = 255;

impl Session {
    pub(crate) fn file_store(&self) -> Result<&Files, AppError> {
        self.app.files.get().ok_or_else(no_files)
    }

    /// The files of a record that the caller may see, in the order they were added.
    pub async fn files(&self, table: &str, record: RecordId) -> Result<Vec<FileEntry>, AppError> {
        let snapshot = self.snapshot();
        let (access, row) = self.seen_record(&snapshot, table, record).await?;
        Ok(visible(&snapshot, &access, record, row)?.0)
    }

    /// One of them.
    pub async fn file(&self, table: &str, record: RecordId, name: &str) -> Result<FileEntry, AppError> {
        let files = self.files(table, record).await?;
        // As it was when it was stored: blanks cut, letters composed.
        let name = FileName::parse(name).map_err(|_| AppError::FileNotFound)?;
        files.into_iter().find(|file| file.name == name.as_str()).ok_or(AppError::FileNotFound)
    }

    /// Opens a file for reading.
    pub async fn download(
        &self,
        table: &str,
        record: RecordId,
        name: &str,
        range: ByteRange,
    ) -> Result<FileDownload, AppError> {
        let entry = self.file(table, record, name).await?;
        let content = self.content(&entry, range).await?;
        Ok(FileDownload { entry, content })
    }

    /// Opens what a list of files names.
    pub(crate) async fn content(&self, entry: &FileEntry, range: ByteRange) -> Result<Download, AppError> {
        let hash = hash_of(entry)?;
        let blobs = &self.file_store()?.blobs;
        blobs.get(self.database_id(), &hash, range).await.map_err(from_blob)
    }

    /// A small JPEG of a picture or of a PDF's first page; its longest edge is `size` pixels, 256 where none is given.
    pub async fn thumbnail(
        &self,
        table: &str,
        record: RecordId,
        name: &str,
        size: Option<u32>,
    ) -> Result<(FileEntry, Bytes), AppError> {
        let entry = self.file(table, record, name).await?;
        let size = match size {
            Some(size) => ThumbnailSize::new(size).map_err(from_thumbnail)?,
            None => ThumbnailSize::default(),
        };
        let hash = hash_of(&entry)?;
        let thumbnails = &self.file_store()?.thumbnails;
        let jpeg = thumbnails.jpeg(self.database_id(), &hash, size).await.map_err(from_thumbnail)?;
        Ok((entry, jpeg))
    }

    /// Stores a content. It belongs to nothing before [`Self::attach`], and is collected if that does not follow.
    pub async fn store_content<E: Display>(
        &self,
        name: &str,
        content: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<FileEntry, AppError> {
        if self.principal.read_only {
            return Err(AppError::Forbidden("this key is read-only".into()));
        }
        let name = FileName::parse(name).map_err(from_name)?;
        let limit = self.app.limits.file_bytes_max;
        let stored =
            self.file_store()?.blobs.put(self.database_id(), content, limit).await.map_err(from_blob)?;
        Ok(FileEntry {
            content_type: name.content_type().to_owned(),
            name: name.to_string(),
            size: stored.size,
            sha256: stored.hash.to_string(),
            modified_at_ms: self.app.host.now_ms(),
            modified_by: self.principal.user.to_string(),
        })
    }

    /// Refuses what could not be attached, before a large content is taken.
    pub async fn check_attach(&self, table: &str, record: RecordId) -> Result<(), AppError> {
        let snapshot = self.snapshot();
        let (access, _) = self.seen_record(&snapshot, table, record).await?;
        access.require(access.can_write, "change records of")
    }

    /// Makes a stored content a file of a record; one of the same name is replaced.
    pub async fn attach(
        &self,
        table: &str,
        record: RecordId,
        mut entry: FileEntry,
        new: &NewFile,
    ) -> Result<FileEntry, AppError> {
        if let Some(told) = new.content_type.as_deref().filter(|told| is_content_type(told)) {
            told.clone_into(&mut entry.content_type);
        }
        let change = FileChange::Put { entry: entry.clone(), field: new.field.clone() };
        self.change_files(table, record, change).await?;
        Ok(entry)
    }

    /// Takes a file from a record, and its name out of the file fields that hold it.
    pub async fn remove_file(&self, table: &str, record: RecordId, name: &str) -> Result<(), AppError> {
        // Who may not see it cannot know of it.
        let name = self.file(table, record, name).await?.name;
        let change = FileChange::Remove { name: name.clone() };
        self.change_files(table, record, change).await?;
        // Another file of that name is not what was shared.
        let table = self.table(&self.snapshot(), table)?.id();
        self.end_shares(move |target| *target == ShareTarget::File { table, record, name: name.clone() })
            .await
    }

    async fn change_files(&self, table: &str, record: RecordId, change: FileChange) -> Result<(), AppError> {
        let (sender, receiver) = oneshot::channel();
        let transaction = FileTransaction::new(self.behalf(), table.to_owned(), record, change, sender);
        self.database.submit(Box::new(transaction))?;
        receiver.await.map_err(|_| AppError::Unavailable("the server is shutting down".into()))?
    }

    async fn seen_record(
        &self,
        snapshot: &Arc<Snapshot>,
        table: &str,
        record: RecordId,
    ) -> Result<(TableAccess, Row), AppError> {
        let access = self.readable_table(snapshot, table)?;
        let row = access.table(snapshot)?.row(record).ok_or(AppError::RecordNotFound { place: None })?;
        self.require_seen(snapshot, access.id(), record).await?;
        Ok((access, row))
    }
}

/// The files of a record without those that only fields name which the caller may not read.
fn visible(
    snapshot: &Snapshot,
    access: &TableAccess,
    record: RecordId,
    row: Row,
) -> Result<FileList, AppError> {
    let table = access.table(snapshot)?;
    visible_among(access, record, |slot| table.cell(slot, row))
}

/// As [`visible`], of the cells of a record, whatever state they are of.
pub(crate) fn visible_among<'c>(
    access: &TableAccess,
    record: RecordId,
    cell: impl Fn(usize) -> Cell<'c>,
) -> Result<FileList, AppError> {
    let text = |slot: usize| match cell(slot) {
        Cell::Text(text) => Some(text),
        _ => None,
    };
    let stored = access.schema.slot(FieldId::FILES).and_then(text);
    let mut list = list_of(access.id(), record, stored)?;
    let named: Vec<(&str, bool)> = access
        .schema
        .fields
        .iter()
        .enumerate()
        .filter(|(_, field)| field.holds_file_name())
        .filter_map(|(slot, _)| Some((text(slot)?, access.reads_always(slot))))
        .collect();
    list.0.retain(|file| {
        let mut by = named.iter().filter(|(name, _)| *name == file.name).peekable();
        by.peek().is_none() || by.any(|(_, may_read)| *may_read)
    });
    Ok(list)
}

/// Whether a file field of a record may name this: a file of it that the caller may see, or what the field has already. A
/// name that is free now would show what others put under it later.
pub(crate) fn may_name(
    tx: &Tx<'_>,
    access: &TableAccess,
    record: Option<RecordId>,
    slot: usize,
    name: &str,
) -> Result<bool, AppError> {
    let Some(record) = record.filter(|&record| tx.exists(access.id(), record)) else { return Ok(false) };
    if tx.cell(access.id(), record, slot) == Cell::Text(name) {
        return Ok(true);
    }
    let seen = visible_among(access, record, |slot| tx.cell(access.id(), record, slot))?;
    Ok(seen.find(name).is_some())
}

pub(crate) fn hash_of(entry: &FileEntry) -> Result<Hash, AppError> {
    entry.sha256.parse().map_err(|_| {
        AppError::Unavailable(format!("what is known of file {:?} is damaged; upload it again", entry.name))
    })
}

/// `type/subtype`, perhaps with parameters, in what a header may hold.
pub(crate) fn is_content_type(text: &str) -> bool {
    let (essence, _) = text.split_once(';').unwrap_or((text, ""));
    let is_token = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    text.len() <= CONTENT_TYPE_BYTES_MAX
        && text.bytes().all(|b| (b' '..=b'~').contains(&b))
        && essence.trim().split_once('/').is_some_and(|(kind, sub)| is_token(kind) && is_token(sub))
}

#[cfg(test)]
mod tests {
    use super::is_content_type;

    #[test]
    fn types_that_a_header_may_hold() {
        for good in ["image/png", "text/plain; charset=utf-8", "application/vnd.ms-excel", "image/svg+xml"] {
            assert!(is_content_type(good), "{good}");
        }
        for bad in ["", "png", "/", "a/", "text/plain\r\nX: y", "text/html\u{0}", "ä/b", "a b/c"] {
            assert!(!is_content_type(bad), "{bad}");
        }
    }
}
