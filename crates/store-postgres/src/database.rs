//! One database's rows.

use std::sync::Arc;

use boobook_model::{DatabaseId, RecordId, Sq, TableId};
use boobook_store::{
    Batch, DatabaseStore, ExportSink, Forget, Head, Held, History, HistoryKind, Idempotency, LoadSink,
    Retention, SharedDatabase, StoreError,
};
use futures_util::future::try_join;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::cluster::{self, Node};
use crate::commit::Plan;
use crate::connection::{Connection, Param};
use crate::error::{During, Trouble};
use crate::load::{self, Wanted, column, corrupt, record_id, signed, sq, table_id};
use crate::pool::Pool;
use crate::{export, idempotency, sql};

/// Rows removed of a table in one statement: some ten milliseconds of work.
const PURGE_ROWS_MAX: i64 = 5_000;
/// Tombstones removed in one statement.
const FORGET_ROWS_MAX: usize = 20_000;

/// Makes a database, unless it is there.
pub(crate) fn create(pool: &Arc<Pool>, db: &DatabaseId, schema: &[u8], at_ms: i64) -> Result<(), StoreError> {
    let params: [Param<'_>; 3] =
        [(&db.as_str() as _, Type::TEXT), (&at_ms, Type::INT8), (&schema as _, Type::BYTEA)];
    pool.run(During::Writing, |connection| connection.execute(sql::CREATE_DATABASE, &params).map(drop))
}

/// Removes a database. First the row that every commit moves: from then on nothing is added; then the rest, some
/// thousand rows at a time, from wherever an earlier call stopped.
pub(crate) fn delete(pool: &Arc<Pool>, db: &DatabaseId) -> Result<(), StoreError> {
    let params: [Param<'_>; 2] = [(&db.as_str() as _, Type::TEXT), (&PURGE_ROWS_MAX, Type::INT8)];
    pool.run(During::Writing, |connection| {
        for whole in [sql::DELETE_DATABASE, sql::DELETE_SCHEMA, sql::DELETE_COUNTERS, sql::DELETE_DEFERRED] {
            connection.execute(whole, &params[..1])?;
        }
        Ok(())
    })?;
    for step in [sql::DELETE_RECORDS, sql::DELETE_HISTORY, sql::DELETE_TX, sql::DELETE_IDEMPOTENCY] {
        let full = PURGE_ROWS_MAX as u64;
        while pool.run(During::Writing, |connection| connection.execute(step, &params))? == full {}
    }
    Ok(())
}

/// An open database: a name, as connections are everybody's.
pub(crate) struct PostgresDatabase {
    pool: Arc<Pool>,
    id: DatabaseId,
    /// The same, as a parameter.
    name: String,
    node: Node,
}

/// A sink that knows whether it has got anything: what it has taken, it must not get again.
struct Begun<'a, S: ?Sized> {
    sink: &'a mut S,
    begun: bool,
}

impl<S: LoadSink + ?Sized> LoadSink for Begun<'_, S> {
    fn head(&mut self, head: Head) -> Result<(), StoreError> {
        self.begun = true;
        self.sink.head(head)
    }

    fn record(
        &mut self,
        tid: TableId,
        rid: RecordId,
        sq: Sq,
        deleted: bool,
        body: &[u8],
    ) -> Result<(), StoreError> {
        self.sink.record(tid, rid, sq, deleted, body)
    }
}

impl<S: ExportSink + ?Sized> ExportSink for Begun<'_, S> {
    fn history(&mut self, row: History) -> Result<(), StoreError> {
        self.sink.history(row)
    }

    fn answer(&mut self, key: Vec<u8>, known: Idempotency) -> Result<(), StoreError> {
        self.sink.answer(key, known)
    }

    fn put_off(&mut self, id: u128, body: Vec<u8>) -> Result<(), StoreError> {
        self.sink.put_off(id, body)
    }
}

impl PostgresDatabase {
    pub(crate) fn open(pool: &Arc<Pool>, id: &DatabaseId, node: Node) -> Result<Self, StoreError> {
        let this = Self { pool: pool.clone(), id: id.clone(), name: id.as_str().to_owned(), node };
        let found = this.reading(|connection| connection.rows(sql::EXISTS, &[this.param()]))?;
        if found.is_empty() { Err(StoreError::NotFound(id.clone())) } else { Ok(this) }
    }

    /// `db = $1`.
    fn param(&self) -> Param<'_> {
        (&self.name, Type::TEXT)
    }

    fn reading<T>(&self, work: impl FnMut(&mut Connection) -> Result<T, Trouble>) -> Result<T, StoreError> {
        self.pool.run(During::Reading, work)
    }

    fn load_wanted(&self, wanted: Wanted, sink: &mut dyn LoadSink) -> Result<(), StoreError> {
        let mut sink = Begun { sink, begun: false };
        self.reading(|connection| match load::load(connection, &self.id, wanted, &mut sink) {
            Err(trouble) if sink.begun => {
                Err(trouble.into_store_error(self.pool.place(), During::Reading).into())
            }
            done => done,
        })
    }

    /// Forgets in the transaction that is open.
    fn forget_open(&self, connection: &mut Connection, forget: &Forget) -> Result<(), Trouble> {
        let (base, upto) = (signed(forget.base), signed(forget.upto));
        let raise = [self.param(), (&base, Type::INT8), (&upto, Type::INT8)];
        if connection.execute(sql::FORGET, &raise)? == 0 {
            let found = connection.rows(sql::EXISTS, &[self.param()])?;
            let missing = || StoreError::NotFound(self.id.clone());
            return Err(if found.is_empty() { missing() } else { StoreError::Conflict }.into());
        }
        for tombstones in forget.tombstones.chunks(FORGET_ROWS_MAX) {
            let tids: Vec<i64> = tombstones.iter().map(|(tid, _)| tid.packed().into()).collect();
            let rids: Vec<i64> = tombstones.iter().map(|(_, rid)| rid.get().into()).collect();
            let gone = [
                self.param(),
                (&upto as _, Type::INT8),
                (&tids, Type::INT8_ARRAY),
                (&rids, Type::INT8_ARRAY),
            ];
            connection.execute(sql::FORGET_TOMBSTONES, &gone)?;
        }
        Ok(())
    }
}

impl DatabaseStore for PostgresDatabase {
    fn load(&self, sink: &mut dyn LoadSink) -> Result<(), StoreError> {
        self.load_wanted(Wanted::ALL, sink)
    }

    fn export(&self, sink: &mut dyn ExportSink) -> Result<(), StoreError> {
        let mut sink = Begun { sink, begun: false };
        self.reading(|connection| match export::export(connection, &self.id, &mut sink) {
            Err(trouble) if sink.begun => {
                Err(trouble.into_store_error(self.pool.place(), During::Reading).into())
            }
            done => done,
        })
    }

    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        assert!(batch.seq > batch.base, "a batch moves its database on");
        let plan = Plan::new(&self.id, batch, self.node);
        self.pool.run(During::Writing, |connection| plan.commit(connection, &self.id, self.pool.place()))
    }

    fn is_committed(&self, seq: Sq, tx_id: u128) -> Result<bool, StoreError> {
        let (seq, tx_id) = (signed(seq), tx_id.to_be_bytes().to_vec());
        self.reading(|connection| {
            let params = [self.param(), (&seq as _, Type::INT8), (&tx_id as _, Type::BYTEA)];
            let rows = connection.rows(sql::IS_COMMITTED, &params)?;
            let row = rows.first().ok_or_else(|| corrupt(&self.id, &"no answer"))?;
            match (column(row, 0, &self.id)?, column(row, 1, &self.id)?) {
                (committed, true) => Ok(committed),
                (_, false) => Err(StoreError::NotFound(self.id.clone()).into()),
            }
        })
    }

    fn history(&self, newest: Sq, since: Sq, limit: usize) -> Result<Vec<History>, StoreError> {
        if newest <= since || limit == 0 {
            return Ok(Vec::new());
        }
        let (newest, since) = (signed(newest), signed(since));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let params = [self.param(), (&newest, Type::INT8), (&since, Type::INT8), (&limit as _, Type::INT8)];
        self.reading(|connection| {
            let rows = connection.rows(sql::HISTORY, &params)?;
            rows.iter().map(|row| read_history(row, &self.id)).collect()
        })
    }

    fn idempotency(
        &self,
        keys: &[&[u8]],
        not_before_ms: i64,
    ) -> Result<Vec<Option<Idempotency>>, StoreError> {
        self.reading(|connection| idempotency::read(connection, &self.id, keys, not_before_ms))
    }

    fn put_off(&self) -> Result<Vec<(u128, Vec<u8>)>, StoreError> {
        let (node, lease_ms) = (&self.node.id[..], self.node.lease_ms());
        let params = [self.param(), (&node as _, Type::BYTEA), (&lease_ms as _, Type::INT8)];
        self.pool.run(During::Writing, |connection| {
            let take = connection.query(sql::TAKE_OWN, &params)?;
            let own = connection.query(sql::OWN, &params[..2])?;
            let (_, rows) = connection.wait(async |client| {
                try_join(take.touched(client, &params), own.rows(client, &params[..2])).await
            })?;
            rows.iter()
                .map(|row| Ok((cluster::work_id(row, 0, &self.id)?, column(row, 1, &self.id)?)))
                .collect()
        })
    }

    fn maintain(&self, limits: &Retention) -> Result<bool, StoreError> {
        let tables = [
            (sql::PURGE_HISTORY, limits.history_before_ms),
            (sql::PURGE_TX, limits.idempotency_before_ms),
            (sql::PURGE_IDEMPOTENCY, limits.idempotency_before_ms),
        ];
        let mut more = false;
        for (purge, before_ms) in tables {
            let params = [self.param(), (&PURGE_ROWS_MAX as _, Type::INT8), (&before_ms, Type::INT8)];
            let gone = self.pool.run(During::Writing, |connection| connection.execute(purge, &params))?;
            more |= gone == PURGE_ROWS_MAX as u64;
        }
        Ok(more)
    }

    fn forget(&self, forget: &Forget) -> Result<(), StoreError> {
        // Tried again even where a COMMIT may have been lost: twice is the same as once.
        self.pool.run(During::Writing, |connection| {
            connection.begin()?;
            if let Err(trouble) = self.forget_open(connection, forget) {
                connection.roll_back();
                return Err(trouble);
            }
            connection.simple(sql::COMMIT)?;
            connection.set_open(false);
            Ok(())
        })
    }

    fn release(&self) {}

    fn shared(&self) -> Option<&dyn SharedDatabase> {
        Some(self)
    }
}

impl SharedDatabase for PostgresDatabase {
    fn load_since(&self, since: Sq, sink: &mut dyn LoadSink) -> Result<(), StoreError> {
        self.load_wanted(Wanted::since(since), sink)
    }

    fn hold(&self) -> Result<Box<dyn Held + '_>, StoreError> {
        Ok(Box::new(cluster::hold(&self.pool, &self.id, self.node)?))
    }

    fn all_put_off(&self) -> Result<Vec<(u128, Vec<u8>)>, StoreError> {
        self.reading(|connection| {
            let rows = connection.rows(sql::ALL_DEFERRED, &[self.param()])?;
            let work = |row| Ok((cluster::work_id(row, 0, &self.id)?, column(row, 1, &self.id)?));
            rows.iter().map(work).collect()
        })
    }

    fn are_put_off(&self, ids: &[u128]) -> Result<Vec<bool>, StoreError> {
        let ids: Vec<Vec<u8>> = ids.iter().map(|id| id.to_be_bytes().to_vec()).collect();
        self.reading(|connection| {
            let rows = connection.rows(sql::ARE_PUT_OFF, &[self.param(), (&ids, Type::BYTEA_ARRAY)])?;
            let found = rows.iter().map(|row| column::<&[u8]>(row, 0, &self.id));
            let found = found.collect::<Result<Vec<_>, _>>()?;
            Ok(ids.iter().map(|id| found.contains(&&**id)).collect())
        })
    }
}

/// A row of history.
pub(crate) fn read_history(row: &Row, db: &DatabaseId) -> Result<History, Trouble> {
    let kind = u8::try_from(column::<i16>(row, 6, db)?).ok().and_then(HistoryKind::from_u8);
    let (this, prev) = (sq(row, 0, db)?, sq(row, 1, db)?);
    if prev >= this {
        return Err(corrupt(db, &"the history of a record runs in a circle"));
    }
    Ok(History {
        sq: this,
        prev,
        at_ms: column(row, 2, db)?,
        actor: column(row, 3, db)?,
        tid: table_id(row, 4, db)?,
        rid: record_id(row, 5, db)?,
        kind: kind.ok_or_else(|| corrupt(db, &"a kind of change is unknown"))?,
        before: column(row, 7, db)?,
    })
}
