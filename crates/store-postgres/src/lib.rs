//! boobook's store for several nodes: PostgreSQL, and the servers that speak its protocol (CockroachDB, YugabyteDB,
//! Citus, Aurora). All nodes are alike and write to the same tables; a commit is a compare-and-set on the sequence of
//! its database.
//!
//! It is *not* a query engine, as no store is: every question about records is answered from memory. It uses *nothing*
//! that only PostgreSQL has: `sql.rs` holds all statements and the rules they keep. It takes no lock between nodes but
//! in [`SharedDatabase::hold`](boobook_store::SharedDatabase::hold), and listens to nothing: nodes ask
//! ([`Cluster::look`]). Decisions and figures: `docs/design/010-postgres.md`.
//!
//! Main type: [`PostgresStore`]; [`Scratch`] is to try a server out.
//!
//! ```no_run
//! use boobook_model::Sq;
//! use boobook_store::{Batch, Store};
//! use boobook_store_postgres::PostgresStore;
//!
//! let store = PostgresStore::open("postgres://boobook:secret@db1,db2/boobook?sslmode=verify-full")?;
//! let id = "crm".parse().expect("an id");
//! store.create_database(&id, b"{}", 0)?;
//! let database = store.open_database(&id)?;
//! database.commit(&Batch { tx_id: 1, base: Sq(1), seq: Sq(2), ..Batch::default() })?;
//! assert_eq!(database.is_committed(Sq(2), 1), Ok(true));
//! # Ok::<(), boobook_store::StoreError>(())
//! ```

mod catalogue;
mod cluster;
mod commit;
mod connection;
mod database;
mod error;
mod export;
mod format;
mod idempotency;
mod load;
mod look;
mod options;
mod pool;
mod scratch;
mod sql;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use boobook_model::DatabaseId;
use boobook_store::{
    CatalogueChange, CatalogueState, Cluster, DatabaseStore, Look, Looking, Store, StoreError, Work,
};

pub use scratch::{Scratch, Server};

use cluster::{Claims, Node};
use connection::Connector;
use database::PostgresDatabase;
use look::Looker;
use options::Options;
use pool::Pool;

/// One node's handle to the tables of a schema. Every handle is a node of its own.
pub struct PostgresStore {
    pool: Arc<Pool>,
    looker: Looker,
    claims: Claims,
    node: Node,
}

impl PostgresStore {
    /// Connects, and makes the tables or brings them to the newest format.
    ///
    /// `url` is `postgres://USER:PASSWORD@HOST:PORT,HOST:PORT/DATABASE?OPTION=VALUE&…`. Options:
    ///
    /// | option | default | |
    /// |---|---|---|
    /// | `schema` | `public` | holds the tables; made where it is missing |
    /// | `connections` | 16 | most connections of this node, and two more for [`Cluster::look`] |
    /// | `statement_timeout` | 30 | seconds until a statement is cancelled |
    /// | `lease` | 60 | seconds, from 2 to 3600, after which other nodes do what a node put off that is gone; the same on all nodes |
    /// | `prepare` | `on` | `off` where a pooler (pgbouncer) in transaction mode is between |
    /// | `sslmode` | `prefer` | `disable`; `prefer`: TLS if the server has it; `require`: TLS, whoever answers is believed; `verify-full`: TLS, and certificate and name of the server must be good |
    /// | `sslrootcert` | | file of root certificates (PEM) to be trusted instead of the public authorities; verifies as `verify-full` |
    /// | `target_session_attrs` | `read-write` with several hosts | `any`: whichever host answers first |
    /// | `connect_timeout` | 5 | seconds for each host, until it has let us in |
    /// | `tcp_user_timeout` | 30 | seconds until unacknowledged bytes end a connection |
    /// | `application_name` | `boobook` | shown in `pg_stat_activity` |
    ///
    /// and what else `tokio-postgres` knows (`channel_binding`, `keepalives`, `load_balance_hosts`, `options`, …). The
    /// URL is never part of an error, nor of a log.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_with_password(url, None)
    }

    /// As [`Self::open`], with a password that is not in the URL.
    pub fn open_with_password(url: &str, password: Option<&str>) -> Result<Self, StoreError> {
        let (pool, node) = connect(url, password)?;
        format::prepare(&pool)?;
        Ok(Self { looker: Looker::new(pool.clone()), claims: Claims::new()?, node, pool })
    }

    /// Whether there is a store at a URL. Makes none.
    pub fn is_there(url: &str, password: Option<&str>) -> Result<bool, StoreError> {
        format::is_there(&connect(url, password)?.0)
    }
}

/// The way to a server, and a node's identity on it.
fn connect(url: &str, password: Option<&str>) -> Result<(Arc<Pool>, Node), StoreError> {
    let mut options = Options::parse(url)?;
    if let Some(password) = password {
        for config in &mut options.hosts {
            config.password(password);
        }
    }
    let tls = tls::connector(&options)?;
    let node = Node::new(options.lease)?;
    Ok((Pool::new(Connector::new(options, tls)), node))
}

impl Store for PostgresStore {
    fn load_catalogue(&self) -> Result<CatalogueState, StoreError> {
        catalogue::load(&self.pool)
    }

    fn catalogue_version(&self) -> Result<u64, StoreError> {
        catalogue::version(&self.pool)
    }

    fn commit_catalogue(&self, base: u64, changes: &[CatalogueChange]) -> Result<u64, StoreError> {
        catalogue::commit(&self.pool, base, changes)
    }

    fn create_database(&self, id: &DatabaseId, schema: &[u8], at_ms: i64) -> Result<(), StoreError> {
        database::create(&self.pool, id, schema, at_ms)
    }

    fn open_database(&self, id: &DatabaseId) -> Result<Box<dyn DatabaseStore>, StoreError> {
        Ok(Box::new(PostgresDatabase::open(&self.pool, id, self.node)?))
    }

    fn delete_database(&self, id: &DatabaseId) -> Result<(), StoreError> {
        database::delete(&self.pool, id)
    }

    fn cluster(&self) -> Option<&dyn Cluster> {
        Some(self)
    }
}

impl Cluster for PostgresStore {
    fn lease(&self) -> Duration {
        self.node.lease
    }

    fn look(&self, databases: &[DatabaseId]) -> Result<Look, StoreError> {
        self.looker.look(databases)
    }

    fn look_soon<'a>(&'a self, databases: &'a [DatabaseId]) -> Looking<'a> {
        Box::pin(self.looker.look_soon(databases))
    }

    fn take_over(&self) -> Result<Vec<Work>, StoreError> {
        self.claims.take_over(&self.pool, self.node)
    }

    fn leave(&self) -> Result<(), StoreError> {
        cluster::leave(&self.pool, self.node)
    }
}
