//! Where things stand: the question that requests wait for.
//!
//! It has connections of its own, so that it never waits for loads and commits. Asked without blocking, they are driven
//! by the runtime of who asks; the answer comes on a thread that serves requests anyway, which saves two changes of
//! threads. Elsewhere each is driven by who waits, as all others are.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use boobook_model::{DatabaseId, Sq};
use boobook_store::{Look, StoreError};
use futures_util::FutureExt as _;
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Row};

use crate::connection::{Connection, Connector, Param, Query};
use crate::error::{During, Trouble};
use crate::pool::{self, Pool};
use crate::sql;

/// What stands for the catalogue among names of databases: none of them is empty.
const CATALOGUE: &str = "";
/// How long the server may take to say where things stand: requests wait for that.
const LIMIT: Duration = Duration::from_secs(5);

/// Asks where things stand.
pub(crate) struct Looker {
    pool: Arc<Pool>,
    /// As many as there were questions at a time.
    idle: Mutex<Vec<Connection>>,
    /// The same, driven by a runtime that is not theirs.
    driven: Mutex<Vec<Driven>>,
    /// Those who drive them.
    drivers: Mutex<JoinSet<()>>,
}

/// A connection that a task drives.
struct Driven {
    client: Client,
    look: Query,
}

impl Looker {
    pub(crate) fn new(pool: Arc<Pool>) -> Self {
        Self { pool, idle: Mutex::default(), driven: Mutex::default(), drivers: Mutex::default() }
    }

    /// Waits for the answer.
    pub(crate) fn look(&self, databases: &[DatabaseId]) -> Result<Look, StoreError> {
        let names = names(databases);
        self.pool.retry(During::Reading, || {
            // Not looked after: should it be dead, the question is asked again on a new one, and no harm is done.
            let idle = self.idle.lock().pop();
            let mut connection = match idle {
                Some(connection) => connection,
                None => self.pool.connect()?.hurried(LIMIT),
            };
            let rows = connection.rows(sql::LOOK, &[(&names, Type::TEXT_ARRAY)]);
            if connection.is_reusable() {
                self.idle.lock().push(connection);
            } else {
                // Where one got no answer the others would get none.
                self.idle.lock().clear();
            }
            read(&rows?, databases)
        })
    }

    /// The same within a runtime of tokio, which must be the same one each time.
    pub(crate) async fn look_soon(&self, databases: &[DatabaseId]) -> Result<Look, StoreError> {
        let names = names(databases);
        let mut tried = 0;
        loop {
            let trouble = match self.ask(&names).await.and_then(|rows| read(&rows, databases)) {
                Ok(look) => return Ok(look),
                Err(trouble) => trouble,
            };
            tried += 1;
            match pool::pause(tried, &trouble) {
                Some(pause) => sleep(pause).await,
                None => return Err(trouble.into_store_error(self.pool.place(), During::Reading)),
            }
        }
    }

    async fn connect(&self, connector: &Connector, limit: Duration) -> Result<Driven, Trouble> {
        let (client, connection) = connector.connect().await?;
        {
            let mut drivers = self.drivers.lock();
            while drivers.try_join_next().is_some() {}
            // Its errors come to whoever waits for an answer.
            drivers.spawn(connection.map(drop));
        }
        let look = within(limit, connector.query(&client, sql::LOOK, &[Type::TEXT_ARRAY])).await?;
        Ok(Driven { client, look })
    }

    async fn ask(&self, names: &[&str]) -> Result<Vec<Row>, Trouble> {
        let connector = self.pool.connector();
        let limit = LIMIT.min(connector.options.statement_timeout);
        let idle = self.driven.lock().pop();
        let driven = match idle {
            Some(driven) => driven,
            // Connecting has a limit of its own, for each host.
            None => self.connect(connector, limit).await?,
        };
        let params: [Param<'_>; 1] = [(&names, Type::TEXT_ARRAY)];
        let rows = within(limit, driven.look.rows(&driven.client, &params)).await;
        match &rows {
            Err(trouble) if trouble.spoils_connection() => self.driven.lock().clear(),
            _ => self.driven.lock().push(driven),
        }
        rows
    }
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, Error>>) -> Result<T, Trouble> {
    match timeout(limit, work).await {
        Ok(done) => done.map_err(Trouble::Postgres),
        Err(_) => Err(Trouble::Silent),
    }
}

fn names(databases: &[DatabaseId]) -> Vec<&str> {
    databases.iter().map(DatabaseId::as_str).chain([CATALOGUE]).collect()
}

fn read(rows: &[Row], databases: &[DatabaseId]) -> Result<Look, Trouble> {
    let mut catalogue = None;
    let mut found: Vec<(&str, Sq)> = Vec::with_capacity(rows.len());
    for row in rows {
        let bad = |e: Error| Trouble::Final(StoreError::Failed(format!("a look: {e}")));
        let (name, seq): (&str, i64) = (row.try_get(0).map_err(bad)?, row.try_get(1).map_err(bad)?);
        if name == CATALOGUE {
            catalogue = Some(seq as u64);
        } else {
            found.push((name, Sq(seq as u64)));
        }
    }
    found.sort_unstable();
    let sequence = |id: &DatabaseId| {
        let at = found.binary_search_by_key(&id.as_str(), |(name, _)| name).ok()?;
        Some(found[at].1)
    };
    Ok(Look {
        catalogue: catalogue.ok_or_else(crate::catalogue::missing)?,
        sequences: databases.iter().map(sequence).collect(),
    })
}
