//! One caller in one database: every path of records, schema and changes goes through here, so that rights are
//! asked in one place.

use std::sync::Arc;

use boobook_engine::{ChangePage, Snapshot};
use boobook_model::{FieldId, Principal, RecordId, Role, Sq, TableId, Value};
use boobook_store::HistoryKind;
use rustc_hash::FxHashMap;
use tokio::sync::{oneshot, watch};

use crate::{
    AppError, Database, TableAccess, WriteAnswer, WriteRequest, access::table_access, app::Inner,
    error::from_store, position, records::RecordsTransaction,
};

/// An authorised caller in an open database. Cheap to make, one per request.
pub struct Session {
    pub(crate) app: Arc<Inner>,
    pub(crate) database: Arc<Database>,
    pub(crate) principal: Arc<Principal>,
    pub(crate) role: Role,
}

/// Changes a caller may see, with what is needed to write them.
pub struct Changes {
    /// The state they are taken from.
    pub snapshot: Arc<Snapshot>,
    /// The items, ascending by sequence.
    pub page: ChangePage,
    /// Rights in each table that has items.
    pub access: FxHashMap<TableId, TableAccess>,
    /// `sinceSq` was older than the kept deletions: this is the whole state, from 0 (rest-api.md §5).
    pub reset: bool,
    /// Where a stream goes on: as the page's `seq`, but a client ahead of the database waits where it is.
    pub next: Sq,
}

impl Changes {
    /// What to ask with for what follows a change at `sq`.
    pub fn position(&self, sq: Sq) -> Sq {
        position::write(sq, self.snapshot.sq_min)
    }
}

/// One change of a record: what it set, `None` where it cleared.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordChange {
    /// Sequence of the change.
    pub sq: Sq,
    /// When, ms since the epoch.
    pub at_ms: i64,
    /// Who.
    pub by: String,
    /// The record was deleted.
    pub deleted: bool,
    /// Values set, by field.
    pub values: Vec<(FieldId, Option<Value>)>,
}

impl Session {
    /// The newest durable state. Take one per request and answer all of it from that.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.database.snapshot()
    }

    /// The database's id.
    pub fn database_id(&self) -> &boobook_model::DatabaseId {
        &self.database.id
    }

    /// The caller.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Whether the key still stands and the database is the one that is served, for answers that go on for long.
    pub fn still_valid(&self) -> bool {
        let view = self.app.catalogue.view();
        // A database that was given up for one opened afresh publishes nothing any more.
        !self.database.is_poisoned()
            && view.is_active(self.database.id.as_str())
            && view.still_valid(&self.principal, self.app.host.now_ms())
    }

    /// Refuses everybody but `admin` (rest-api.md §9).
    pub fn require_admin(&self) -> Result<(), AppError> {
        if self.role.is_admin() {
            Ok(())
        } else {
            Err(AppError::Forbidden("this needs the admin role".into()))
        }
    }

    pub(crate) fn require_schema_writer(&self) -> Result<(), AppError> {
        self.require_admin()?;
        if self.principal.read_only {
            return Err(AppError::Forbidden("this key is read-only".into()));
        }
        Ok(())
    }

    /// The table a path names, with the caller's rights in it. 404 where there is none.
    pub fn table(&self, snapshot: &Snapshot, key: &str) -> Result<TableAccess, AppError> {
        table_access(&snapshot.schema, key, &self.role, self.principal.read_only)
    }

    /// As [`Self::table`], for reading its records.
    pub fn readable_table(&self, snapshot: &Snapshot, key: &str) -> Result<TableAccess, AppError> {
        let access = self.table(snapshot, key)?;
        access.require_read()?;
        Ok(access)
    }

    /// All tables whose records the caller may read, by id.
    pub fn tables(&self, snapshot: &Snapshot) -> Vec<TableAccess> {
        snapshot
            .schema
            .tables
            .iter()
            .filter(|t| t.kind == boobook_model::TableKind::Table)
            .map(|t| TableAccess::new(t, &self.role, self.principal.read_only))
            .filter(|access| access.can_read)
            .collect()
    }

    /// Writes records of one table, whole or not at all; answers when that is durable.
    pub async fn write(&self, request: WriteRequest) -> Result<WriteAnswer, AppError> {
        let (sender, receiver) = oneshot::channel();
        let schema = Arc::clone(&self.snapshot().schema);
        let behalf = self.behalf();
        let transaction = RecordsTransaction::new(request, &schema, behalf, self.database.limits(), sender)?;
        self.database.submit(Box::new(transaction))?;
        receiver.await.map_err(|_| AppError::Unavailable("the server is shutting down".into()))?
    }

    /// Changes since a position that an answer gave, of one table or (`None`) of all the caller may read.
    ///
    /// A record that the caller may not know of, or not any more, is told as deleted.
    pub async fn changes(&self, table: Option<&str>, asked: Sq, limit: usize) -> Result<Changes, AppError> {
        let snapshot = self.snapshot();
        let limit = limit.clamp(1, self.database.limits().changes_max);
        // Below the kept deletions only the whole state is a true answer.
        let (since, is_walk) = position::read(asked);
        let reset = !is_walk && since < snapshot.sq_min;
        let since = if reset { Sq(0) } else { since };
        let (only, allowed) = match table {
            Some(key) => {
                let access = self.readable_table(&snapshot, key)?;
                (Some(access.id()), vec![access])
            }
            None => (None, self.tables(&snapshot)),
        };
        let mut page = snapshot.changes(only, since, limit);
        let access: FxHashMap<TableId, TableAccess> = allowed.into_iter().map(|a| (a.id(), a)).collect();
        page.items.retain(|item| access.contains_key(&item.table));
        let records = page.items.iter().map(|item| (item.table, item.rid)).collect();
        let seen = self.seen(&snapshot, records).await?;
        for (item, _) in page.items.iter_mut().zip(seen).filter(|(_, is_seen)| !is_seen) {
            item.row = None;
        }
        let is_ahead = !reset && page.seq < since;
        page.seq = position::write(page.seq, snapshot.sq_min);
        let next = if is_ahead { asked } else { page.seq };
        Ok(Changes { snapshot, page, access, reset, next })
    }

    /// Tells of each publication of this database.
    pub fn subscribe(&self) -> watch::Receiver<Sq> {
        self.database.subscribe()
    }

    /// Every kept change of one record with `sq > since`, oldest first, at most `limit`; whether there are more.
    pub async fn record_changes(
        &self,
        table: &str,
        rid: RecordId,
        since: Sq,
        limit: usize,
    ) -> Result<(TableAccess, Vec<RecordChange>, bool), AppError> {
        let (since, _) = position::read(since);
        let snapshot = self.snapshot();
        let access = self.readable_table(&snapshot, table)?;
        let records = access.table(&snapshot)?;
        self.require_seen(&snapshot, access.id(), rid).await?;
        let newest = records.last_sq(rid).ok_or(AppError::RecordNotFound { place: None })?;
        let mut current: FxHashMap<FieldId, Value> = FxHashMap::default();
        let mut last_known = None;
        if let Some(row) = records.row(rid) {
            for (slot, field) in access.schema.fields.iter().enumerate() {
                if let Some(value) = records.cell(slot, row).to_value() {
                    current.insert(field.id, value);
                }
            }
            let meta = records.meta(row);
            last_known = Some((meta.modified_at_ms, meta.modified_by.to_owned()));
        }
        const HISTORY_MAX: usize = 1_000_000;
        let database = Arc::clone(&self.database);
        let rows = tokio::task::spawn_blocking(move || database.store().history(newest, since, HISTORY_MAX))
            .await
            .map_err(|e| AppError::Internal(format!("reading history: {e}")))?
            .map_err(from_store)?;
        let mut changes = if rows.is_empty() && newest > since {
            // The table keeps no history, or it has been purged: its state is the one change there is to tell.
            let (at_ms, by) = last_known.clone().unwrap_or_default();
            vec![RecordChange {
                sq: newest,
                at_ms,
                by,
                deleted: last_known.is_none(),
                values: sorted(current.into_iter().map(|(f, v)| (f, Some(v))).collect()),
            }]
        } else {
            walk_back(rows, current)?
        };
        changes.reverse();
        let more = changes.len() > limit;
        changes.truncate(limit);
        for change in &mut changes {
            change.values.retain(|(field, _)| {
                access.schema.slot(*field).is_some_and(|slot| access.reads_always(slot))
            });
        }
        Ok((access, changes, more))
    }
}

/// From the newest state back: what a change set is what stood there before the next newer one undid it.
fn walk_back(
    rows: Vec<boobook_store::History>,
    mut current: FxHashMap<FieldId, Value>,
) -> Result<Vec<RecordChange>, AppError> {
    let mut changes = Vec::with_capacity(rows.len());
    let mut scratch = Vec::new();
    for row in rows {
        let mut values = Vec::new();
        match row.kind {
            HistoryKind::Created => {
                values = current.drain().map(|(field, value)| (field, Some(value))).collect();
            }
            HistoryKind::Updated | HistoryKind::Deleted => {
                let deleted = row.kind == HistoryKind::Deleted;
                boobook_store::codec::decode_fields(&row.before, &mut scratch, |field, cell| {
                    if !deleted {
                        values.push((field, current.get(&field).cloned()));
                    }
                    match cell.to_value() {
                        Some(before) => current.insert(field, before),
                        None => current.remove(&field),
                    };
                })
                .map_err(|e| AppError::Unavailable(format!("history at {}: {e}", row.sq)))?;
            }
        }
        changes.push(RecordChange {
            sq: row.sq,
            at_ms: row.at_ms,
            by: row.actor,
            deleted: row.kind == HistoryKind::Deleted,
            values: sorted(values),
        });
    }
    Ok(changes)
}

fn sorted(mut values: Vec<(FieldId, Option<Value>)>) -> Vec<(FieldId, Option<Value>)> {
    values.sort_by_key(|(field, _)| *field);
    values
}
