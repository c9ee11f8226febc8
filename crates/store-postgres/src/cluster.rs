//! What several nodes on the same tables need of each other.

use std::sync::Arc;
use std::time::Duration;

use boobook_model::{DatabaseId, Sq};
use boobook_store::{Batch, Held, LoadSink, StoreError, Work};
use futures_util::future::{try_join, try_join3};
use parking_lot::Mutex;
use tokio_postgres::types::Type;

use crate::commit::Plan;
use crate::connection::Param;
use crate::error::{During, Trouble};
use crate::load::{self, Wanted, column, corrupt, unsigned};
use crate::pool::{Pool, Taken};
use crate::sql;

/// One of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node {
    /// Random, as nobody hands them out.
    pub(crate) id: [u8; 16],
    /// How long it keeps work put off without saying that it lives.
    pub(crate) lease: Duration,
}

impl Node {
    pub(crate) fn new(lease: Duration) -> Result<Self, StoreError> {
        Ok(Self { id: random()?, lease })
    }

    /// The lease, as statements take it.
    pub(crate) fn lease_ms(&self) -> i64 {
        i64::try_from(self.lease.as_millis()).unwrap_or(i64::MAX)
    }
}

fn random() -> Result<[u8; 16], StoreError> {
    let mut bytes = [0; 16];
    let filled = getrandom::fill(&mut bytes);
    filled.map(|()| bytes).map_err(|e| StoreError::Failed(format!("the system has no random numbers: {e}")))
}

/// The name of the claims a node makes; a new one once the node knows what it has claimed.
pub(crate) struct Claims(Mutex<[u8; 16]>);

impl Claims {
    pub(crate) fn new() -> Result<Self, StoreError> {
        random().map(|name| Self(Mutex::new(name)))
    }

    /// Renews the node's leases and takes over work.
    pub(crate) fn take_over(&self, pool: &Arc<Pool>, node: Node) -> Result<Vec<Work>, StoreError> {
        let mut claim = self.0.lock();
        let (id, lease_ms, name) = (&node.id[..], node.lease_ms(), claim.to_vec());
        let leased: [Param<'_>; 3] = [(&id, Type::BYTEA), (&lease_ms, Type::INT8), (&name, Type::BYTEA)];
        let named: [Param<'_>; 2] = [(&id, Type::BYTEA), (&name, Type::BYTEA)];
        let taken = pool.run(During::Writing, |connection| {
            let renew = connection.query(sql::RENEW, &leased[..2])?;
            let take = connection.query(sql::CLAIM, &leased)?;
            let claimed = connection.query(sql::CLAIMED, &named)?;
            let (_, _, rows) = connection.wait(async |client| {
                try_join3(
                    renew.touched(client, &leased[..2]),
                    take.touched(client, &leased),
                    claimed.rows(client, &named),
                )
                .await
            })?;
            rows.iter().map(read_work).collect()
        })?;
        *claim = random()?;
        Ok(taken)
    }
}

fn read_work(row: &tokio_postgres::Row) -> Result<Work, Trouble> {
    let bad = |e: &dyn std::fmt::Display| Trouble::Final(StoreError::Failed(format!("work put off: {e}")));
    let database: DatabaseId =
        row.try_get::<_, &str>(0).map_err(|e| bad(&e))?.parse().map_err(|e| bad(&e))?;
    let (id, body) = (work_id(row, 1, &database)?, column(row, 2, &database)?);
    Ok(Work { database, id, body })
}

/// The id of work put off.
pub(crate) fn work_id(row: &tokio_postgres::Row, n: usize, db: &DatabaseId) -> Result<u128, Trouble> {
    let bytes: &[u8] = column(row, n, db)?;
    bytes
        .try_into()
        .map(u128::from_be_bytes)
        .map_err(|_| corrupt(db, &"an id of work put off is not 16 bytes"))
}

/// A database whose row is locked by an open transaction.
pub(crate) struct PostgresHeld<'a> {
    db: &'a DatabaseId,
    node: Node,
    pool: &'a Arc<Pool>,
    connection: Taken,
}

/// Locks a database, after whoever has it now.
pub(crate) fn hold<'a>(
    pool: &'a Arc<Pool>,
    db: &'a DatabaseId,
    node: Node,
) -> Result<PostgresHeld<'a>, StoreError> {
    let connection = pool.run_taking(During::Writing, |mut connection| {
        let params: [Param<'_>; 1] = [(&db.as_str() as _, Type::TEXT)];
        let lock = connection.query(sql::HOLD, &params)?;
        connection.set_open(true);
        let begin = connection.begin_text();
        let ((), rows) = connection
            .wait(async |client| try_join(client.batch_execute(&begin), lock.rows(client, &params)).await)?;
        match rows.first() {
            Some(row) => unsigned(column(row, 0, db)?, db).map(|_| connection),
            None => {
                connection.roll_back();
                Err(StoreError::NotFound(db.clone()).into())
            }
        }
    })?;
    Ok(PostgresHeld { db, node, pool, connection })
}

impl Held for PostgresHeld<'_> {
    fn load_since(&mut self, since: Sq, sink: &mut dyn LoadSink) -> Result<(), StoreError> {
        // Every statement sees what is committed by then, and as to this database that is what stands behind the lock.
        load::read(&mut self.connection, self.db, Wanted::since(since), None, sink)
            .map_err(|e| e.into_store_error(self.pool.place(), During::Reading))
    }

    fn commit(mut self: Box<Self>, batch: &Batch) -> Result<(), StoreError> {
        assert!(batch.seq > batch.base, "a batch moves its database on");
        let place = self.pool.place();
        Plan::new(self.db, batch, self.node)
            .commit_in(&mut self.connection, None, self.db, place)
            .map_err(|e| e.into_store_error(place, During::Writing))
    }
}

impl Drop for PostgresHeld<'_> {
    fn drop(&mut self) {
        self.connection.end_open();
    }
}

/// Ends the node's leases.
pub(crate) fn leave(pool: &Arc<Pool>, node: Node) -> Result<(), StoreError> {
    let node = &node.id[..];
    pool.run(During::Writing, |connection| {
        connection.execute(sql::LEAVE, &[(&node as _, Type::BYTEA)]).map(drop)
    })
}
