//! Contents that no record names go, after a grace period; what records name must be there.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use boobook_engine::Snapshot;
use boobook_files::{Blobs, Collected, Hash};
use boobook_model::{Cell, DatabaseId, FieldId, FileEntry, FileList, RecordId, TableId};
use rustc_hash::FxHashSet;

use super::{documents, from_blob};
use crate::{App, AppError, ShareTarget, error::from_store, script::wanted_contents};

/// What was found about the files of a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilesReport {
    /// Files that records name.
    pub named: usize,
    /// Records whose list of files cannot be read.
    pub damaged: Vec<(TableId, RecordId)>,
    /// Names of contents that are not there.
    pub missing: Vec<String>,
}

/// Looks whether every content that a state names is there.
pub async fn check_files(
    blobs: &Blobs,
    database: &DatabaseId,
    snapshot: &Snapshot,
) -> Result<FilesReport, AppError> {
    let names = names(snapshot);
    let missing = blobs.missing(database, names.hashes.iter().copied()).await.map_err(from_blob)?;
    Ok(FilesReport {
        named: names.count,
        damaged: names.damaged,
        missing: missing.iter().map(ToString::to_string).collect(),
    })
}

#[derive(Default)]
struct Names {
    hashes: FxHashSet<Hash>,
    count: usize,
    damaged: Vec<(TableId, RecordId)>,
}

/// Every content that a state names: files of records, of reports, the background.
fn names(snapshot: &Snapshot) -> Names {
    let mut names = Names::default();
    for schema in &snapshot.schema.tables {
        let slot = schema.slot(FieldId::FILES);
        let Some((table, slot)) = snapshot.table(schema.id).zip(slot) else { continue };
        for row in table.rows_by_id() {
            let Cell::Text(stored) = table.cell(slot, row) else { continue };
            let list = FileList::from_stored(stored);
            if list.is_none() {
                names.damaged.push((schema.id, table.record_id(row)));
            }
            let files = list.unwrap_or_default().0;
            names.count += files.len();
            names.hashes.extend(files.iter().filter_map(|file| file.sha256.parse::<Hash>().ok()));
        }
    }
    for file in documents::all_files(&snapshot.schema) {
        names.count += 1;
        names.hashes.extend(file.sha256.parse::<Hash>().ok());
    }
    names
}

impl App {
    /// Removes contents of open databases that nothing names any more. A database whose lists cannot all be read is
    /// left alone: what a damaged list named may still be wanted.
    pub async fn collect_files(&self) -> Result<(), AppError> {
        let Some(files) = self.inner.files.get() else { return Ok(()) };
        for database in self.inner.registry.open_databases() {
            // Taken before the state is looked at, as the collector asks for it.
            let before = self.grace_began();
            let snapshot = database.snapshot();
            let id = database.id.clone();
            let queue = Arc::clone(&database);
            let made = self.made_files(&id);
            let names = tokio::task::spawn_blocking(move || {
                let mut names = names(&snapshot);
                // Read after the state: what it does not name any more may have been attached to a message before.
                // Other nodes' messages want their contents as well, and are left with those nodes.
                let queued = match queue.store().shared() {
                    Some(shared) => shared.all_put_off(),
                    None => queue.store().put_off(),
                };
                let queued = queued.map_err(from_store)?;
                names.hashes.extend(queued.iter().flat_map(|(_, body)| wanted_contents(body)));
                names.hashes.extend(made.iter().filter_map(|file| file.sha256.parse::<Hash>().ok()));
                Ok::<_, AppError>(names)
            })
            .await
            .map_err(|e| AppError::Internal(format!("looking through files: {e}")))??;
            if let Some((table, record)) = names.damaged.first() {
                tracing::error!(database = %id, "the list of files of record {table}{record} is damaged: nothing is collected");
                continue;
            }
            let is_named = |hash: &Hash| names.hashes.contains(hash);
            let collected = files.blobs.collect(&id, &is_named, before).await.map_err(from_blob)?;
            tell(&id, &collected);
        }
        Ok(())
    }

    /// The files of a database that belong to no record, but are not over yet.
    fn made_files(&self, database: &DatabaseId) -> Vec<FileEntry> {
        let now_ms = self.inner.host.now_ms();
        let view = self.inner.catalogue.view();
        let shares = view.shares.iter().filter(|share| share.database == database.as_str());
        let made = shares.filter(|share| !share.is_expired(now_ms)).filter_map(|share| match &share.target {
            ShareTarget::Made { file } => Some(file.clone()),
            _ => None,
        });
        made.collect()
    }

    fn grace_began(&self) -> SystemTime {
        let now_ms = u64::try_from(self.inner.host.now_ms()).unwrap_or(0);
        let grace_ms = self.inner.limits.files_grace_s.saturating_mul(1000);
        UNIX_EPOCH + Duration::from_millis(now_ms.saturating_sub(grace_ms))
    }
}

fn tell(database: &DatabaseId, collected: &Collected) {
    if collected.removed > 0 || collected.temporaries > 0 {
        tracing::info!(
            %database,
            files = collected.removed,
            bytes = collected.removed_bytes,
            uploads = collected.temporaries,
            "removed contents that no record names"
        );
    }
}
