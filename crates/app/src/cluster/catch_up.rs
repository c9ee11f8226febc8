//! What other nodes committed becomes this node's state.

use std::sync::Arc;

use boobook_engine::{Follower, Head};
use boobook_model::{FieldId, RecordId, Sq, TableId, Value};
use boobook_store::{Head as StoredHead, LoadSink, StoreError, codec};

use crate::{
    AppError, Database,
    error::from_store,
    stored::{broken_record, read_meta, read_schema, read_state},
};

/// Brings a database to where its store stands, and publishes that. Only on the thread that writes to it.
pub(crate) fn catch_up(database: &Database) -> Result<(), AppError> {
    let Some(shared) = database.store().shared() else { return Ok(()) };
    catch_up_from(database, &mut |since, sink| shared.load_since(since, sink))
}

/// As [`catch_up`], by way of who holds the database.
pub(crate) fn catch_up_from(
    database: &Database,
    load_since: &mut dyn FnMut(Sq, &mut dyn LoadSink) -> Result<(), StoreError>,
) -> Result<(), AppError> {
    database.require_sound()?;
    let published = database.snapshot();
    let since = published.sq;
    let mut head = Head::new(published);
    let mut sink = Sink {
        database,
        since,
        head: Some(&mut head),
        follower: None,
        finding: Finding::Changes,
        scratch: Vec::new(),
    };
    let loaded = load_since(since, &mut sink);
    let finding = sink.finding;
    match finding {
        Finding::Changes => {
            loaded.map_err(from_store)?;
            if let Some(follower) = sink.follower.take() {
                follower.finish();
                database.publish(head.publish());
            }
            Ok(())
        }
        Finding::TooFar => {
            let state = read_state(&database.id, database.store())?;
            database.publish(Arc::new(state));
            Ok(())
        }
        Finding::Behind(stored) => {
            database.poison();
            Err(AppError::Unavailable(format!(
                "the store has database {} at {stored}, but this node has seen {since}: writes were lost there, or a \
                 back-up was restored; it is read anew",
                database.id
            )))
        }
    }
}

/// How the store stands to what this node knows.
#[derive(Clone, Copy)]
enum Finding {
    Changes,
    /// Deletions since then may be forgotten.
    TooFar,
    /// It knows less than this node.
    Behind(Sq),
}

struct Sink<'a> {
    database: &'a Database,
    since: Sq,
    head: Option<&'a mut Head>,
    follower: Option<Follower<'a>>,
    finding: Finding,
    scratch: Vec<u32>,
}

impl Sink<'_> {
    /// Ends the load for a reason that is noted.
    fn end(&mut self, finding: Finding) -> StoreError {
        self.finding = finding;
        StoreError::Failed("there is no way on from here".into())
    }
}

impl LoadSink for Sink<'_> {
    fn head(&mut self, stored: StoredHead) -> Result<(), StoreError> {
        if stored.seq < self.since {
            return Err(self.end(Finding::Behind(stored.seq)));
        }
        if stored.sq_min > self.since {
            return Err(self.end(Finding::TooFar));
        }
        if stored.seq == self.since {
            return Ok(());
        }
        let schema = if stored.schema_sq > self.since {
            Some((stored.schema_sq, read_schema(&self.database.id, &stored.schema)?))
        } else {
            None
        };
        let Some(head) = self.head.take() else {
            return Err(StoreError::Failed("the head came twice".into()));
        };
        let follower = head.follow(schema, stored.seq, stored.sq_min, stored.clock_ms, &stored.counters);
        self.follower = Some(follower);
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
        let Some(follower) = self.follower.as_mut() else {
            return Err(StoreError::Failed("a record came that is not newer".into()));
        };
        let broken = |e| broken_record(&self.database.id, tid, rid, e);
        let meta = read_meta(sq, body).map_err(broken)?;
        let mut values: Vec<(FieldId, Value)> = Vec::new();
        if !deleted {
            codec::decode_row(body, &mut self.scratch, |field, cell| {
                values.extend(cell.to_value().map(|value| (field, value)));
            })
            .map_err(broken)?;
        }
        follower.record(tid, rid, (!deleted).then_some(values), &meta);
        Ok(())
    }
}
