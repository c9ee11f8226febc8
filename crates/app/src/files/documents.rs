//! Files that belong to no record: those of reports, and a database's background. The schema names them.

use std::fmt::Display;

use boobook_files::ByteRange;
use boobook_model::{FileEntry, FileList, Schema};
use bytes::Bytes;
use futures_core::Stream;
use serde_json::Value as Json;

use super::FileDownload;
use crate::{AppError, Session};

/// Key of the settings that names the background picture.
pub(crate) const BACKGROUND: &str = "backgroundFile";

/// Which of the schema's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentFile {
    /// The background picture of the database.
    Background,
    /// A file of a report, by the report's id.
    Report(String),
}

/// Every file that a schema names.
pub(super) fn all_files(schema: &Schema) -> Vec<FileEntry> {
    let mut files: Vec<FileEntry> = background(schema).into_iter().collect();
    for report in &schema.reports {
        files.extend(report.files.0.iter().cloned());
    }
    files
}

fn background(schema: &Schema) -> Option<FileEntry> {
    serde_json::from_value(schema.settings.0.get(BACKGROUND)?.clone()).ok()
}

impl Session {
    /// The files of a report. Needs the admin role.
    pub fn report_files(&self, report: &str) -> Result<FileList, AppError> {
        self.require_admin()?;
        let snapshot = self.snapshot();
        let found = snapshot.schema.reports.iter().find(|known| *known.id == *report);
        Ok(found.ok_or(AppError::ViewNotFound)?.files.clone())
    }

    /// Opens a file that the schema names. The background shows to everybody who may see the database.
    pub async fn document_file(
        &self,
        which: &DocumentFile,
        name: &str,
        range: ByteRange,
    ) -> Result<FileDownload, AppError> {
        let entry = match which {
            DocumentFile::Background => background(&self.snapshot().schema),
            DocumentFile::Report(report) => self.report_files(report)?.find(name).cloned(),
        };
        let entry = entry.ok_or(AppError::FileNotFound)?;
        let content = self.content(&entry, range).await?;
        Ok(FileDownload { entry, content })
    }

    /// Stores a file that the schema names. Needs the admin role.
    pub async fn put_document_file<E: Display>(
        &self,
        which: DocumentFile,
        name: &str,
        content: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<FileEntry, AppError> {
        self.require_schema_writer()?;
        if let DocumentFile::Report(report) = &which {
            self.report_files(report)?;
        }
        let entry = self.store_content(name, content).await?;
        let file = entry.clone();
        self.edit_documents(Box::new(move |schema| {
            let mut next = schema.clone();
            match &which {
                DocumentFile::Background => {
                    let json = serde_json::to_value(&file).unwrap_or(Json::Null);
                    next.settings.0.insert(BACKGROUND.into(), json);
                    next.settings.0.insert("backgroundTimestamp".into(), file.modified_at_ms.into());
                }
                DocumentFile::Report(report) => {
                    let known = next.reports.iter_mut().find(|known| *known.id == **report);
                    let known = std::sync::Arc::make_mut(known.ok_or(AppError::ViewNotFound)?);
                    known.files.put(file.clone());
                }
            }
            Ok((next, crate::Edited::default()))
        }))
        .await?;
        Ok(entry)
    }
}
