//! What a caller may know of where conditions of the schema decide on single records (`canRead`, rest-api.md §9).
//!
//! Admins read everything; so does everybody where no condition is.

use std::sync::Arc;

use boobook_engine::Snapshot;
use boobook_model::{RecordId, TableId};
use boobook_nx::RunError;
use tokio::sync::oneshot;

use super::{Accesses, Formulas, refused};
use crate::{AppError, Session};

impl Session {
    /// Whether conditions decide on which records of a table the caller knows.
    pub(crate) fn hides_records(&self, snapshot: &Snapshot, table: TableId) -> bool {
        !self.role.is_admin() && self.database.library(&snapshot.schema).hides_records(table)
    }

    /// Which of these records the caller may know of.
    pub(crate) async fn seen(
        &self,
        snapshot: &Arc<Snapshot>,
        records: Vec<(TableId, RecordId)>,
    ) -> Result<Vec<bool>, AppError> {
        let Some((table, _)) = records.iter().find(|(table, _)| self.hides_records(snapshot, *table)) else {
            return Ok(vec![true; records.len()]);
        };
        let (reader, snapshot) = (self.formulas_of(*table, Arc::default()), Arc::clone(snapshot));
        let accesses = self.accesses(&snapshot.schema);
        let (sender, receiver) = oneshot::channel();
        self.app.scripts.run(Box::new(move || {
            // The client may have gone meanwhile.
            let _ = sender.send(reader.seen_here(&snapshot, &accesses, &records));
        }))?;
        receiver.await.map_err(|_| AppError::Unavailable("the server is shutting down".into()))?
    }

    /// 404 unless the caller may know of a record.
    pub async fn require_seen(
        &self,
        snapshot: &Arc<Snapshot>,
        table: TableId,
        record: RecordId,
    ) -> Result<(), AppError> {
        match self.seen(snapshot, vec![(table, record)]).await?[..] {
            [true] => Ok(()),
            _ => Err(AppError::RecordNotFound { place: None }),
        }
    }
}

impl Formulas {
    fn seen_here(
        &self,
        snapshot: &Snapshot,
        accesses: &Accesses,
        records: &[(TableId, RecordId)],
    ) -> Result<Vec<bool>, AppError> {
        let library = self.database.library(&snapshot.schema);
        self.run(snapshot, library, accesses, true, |cx| {
            cx.restrict();
            let failed = |error: RunError| refused(format!("a condition of the schema: {error}"));
            records.iter().map(|&(table, record)| cx.sees(table, record).map_err(failed)).collect()
        })
    }
}
