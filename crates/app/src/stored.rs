//! What a store holds of a database, as the engine takes it: whole ([`read_state`]), or what changed since
//! ([`crate::cluster`]); both read schema and records by what is here.

use std::sync::Arc;

use boobook_engine::{Loader, RecordMeta, Snapshot};
use boobook_model::{DatabaseId, RecordId, Schema, Sq, TableId};
use boobook_store::{CodecError, DatabaseStore, Head as StoredHead, LoadSink, StoreError, codec};

use crate::{AppError, error::from_store};

fn corrupt(id: &DatabaseId, reason: String) -> StoreError {
    StoreError::Corrupt { database: id.to_string(), reason, remedy: "Restore it from a back-up".into() }
}

/// A schema as it is stored.
pub(crate) fn read_schema(id: &DatabaseId, stored: &[u8]) -> Result<Arc<Schema>, StoreError> {
    let json = serde_json::from_slice(stored).map_err(|e| corrupt(id, format!("its schema: {e}")))?;
    let schema = Schema::from_stored(json).map_err(|e| corrupt(id, format!("its schema: {e}")))?;
    Ok(Arc::new(schema))
}

/// What a record's row says of it, beside its fields.
pub(crate) fn read_meta(sq: Sq, body: &[u8]) -> Result<RecordMeta<'_>, CodecError> {
    let meta = codec::decode_meta(body)?;
    Ok(RecordMeta {
        sq,
        created_at_ms: meta.created_at_ms,
        created_by: meta.created_by,
        modified_at_ms: meta.modified_at_ms,
        modified_by: meta.modified_by,
    })
}

/// A record's row is not what was written.
pub(crate) fn broken_record(id: &DatabaseId, tid: TableId, rid: RecordId, error: CodecError) -> StoreError {
    corrupt(id, format!("record {tid}{rid}: {error}"))
}

/// Reads the whole state of a database, for looking at it: nothing is opened for writing. Blocks.
pub fn read_state(id: &DatabaseId, store: &dyn DatabaseStore) -> Result<Snapshot, AppError> {
    let mut sink = Sink { id, loader: None, scratch: Vec::new() };
    store.load(&mut sink).map_err(from_store)?;
    let loader = sink.loader.ok_or_else(|| AppError::Unavailable(format!("database {id} has no head")))?;
    Ok(loader.finish())
}

/// Takes rows from the store straight into columns.
struct Sink<'a> {
    id: &'a DatabaseId,
    loader: Option<Loader>,
    scratch: Vec<u32>,
}

impl LoadSink for Sink<'_> {
    fn head(&mut self, head: StoredHead) -> Result<(), StoreError> {
        self.loader = Some(Loader::new(
            read_schema(self.id, &head.schema)?,
            head.seq,
            head.schema_sq,
            head.sq_min,
            head.clock_ms,
            head.counters,
        ));
        Ok(())
    }

    fn record(
        &mut self,
        tid: TableId,
        rid: RecordId,
        sq: Sq,
        deleted: bool,
        body: &[u8],
    ) -> Result<(), StoreError> {
        let Some(loader) = self.loader.as_mut() else {
            return Err(StoreError::Failed("a record came before the head".into()));
        };
        let broken = |e| broken_record(self.id, tid, rid, e);
        let meta = read_meta(sq, body).map_err(broken)?;
        let mut row = loader.record(tid, rid, deleted, &meta);
        codec::decode_row(body, &mut self.scratch, |field, cell| row.field(field, cell)).map_err(broken)?;
        Ok(())
    }
}
