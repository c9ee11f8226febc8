//! One connection, and the small runtime that drives it.
//!
//! Each connection has a runtime of its own, of the thread that uses it just now: whoever waits for an answer reads the
//! socket himself. With a shared runtime every statement costs two changes of threads, which is as much as the server
//! needs for a small commit (docs/design/010-postgres.md). In return an idle connection is driven by nobody:
//! [`Connection::is_alive`] looks after it before it is used again.

use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use boobook_store::StoreError;
use futures_util::stream::Fuse;
use futures_util::{FutureExt as _, TryStreamExt as _};
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;
use tokio::time::timeout;
use tokio_postgres::config::LoadBalanceHosts;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row, RowStream, Socket, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::Trouble;
use crate::options::{CONNECT_TIMEOUT, Options};
use crate::sql::{self, qualified};

/// How long a server may take to answer a cancel request, and the cancelled statement after it.
const CANCEL_GRACE: Duration = Duration::from_secs(2);
/// How long a transaction that writes may be between two statements, unless a statement may not even take that long.
/// Others wait for what it has locked, and should get it before their own patience ends.
const IDLE_LIMIT: Duration = Duration::from_secs(10);
/// Rows taken from a stream at a time.
const CHUNK_ROWS: usize = 512;

/// A parameter and its type. The types are told, not asked: without prepared statements there is nobody to ask.
pub(crate) type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// How to connect.
pub(crate) struct Connector {
    pub(crate) options: Options,
    tls: MakeRustlsConnect,
    /// The host that let us in last: the first one to be asked again.
    last: AtomicUsize,
}

impl Connector {
    pub(crate) fn new(options: Options, tls: MakeRustlsConnect) -> Self {
        Self { options, tls, last: AtomicUsize::new(0) }
    }

    /// Makes a statement ready; says nothing to the server where statements are not kept.
    pub(crate) async fn query(&self, client: &Client, sql: &str, types: &[Type]) -> Result<Query, Error> {
        let text = qualified(sql, &self.options.schema);
        if !self.options.prepare {
            return Ok(Query::Unnamed(text));
        }
        client.prepare_typed(&text, types).await.map(Query::Prepared)
    }

    /// Asks one host after another. A host that takes connections and is silent then is no better than none: each has
    /// so long to let us in, and a silence is what is told of them all, as asking again would take as long.
    pub(crate) async fn connect(&self) -> Result<Connected, Trouble> {
        let hosts = &self.options.hosts;
        let is_random =
            hosts.iter().any(|config| config.get_load_balance_hosts() == LoadBalanceHosts::Random);
        let first = match getrandom::u32() {
            Ok(random) if is_random => random as usize,
            _ => self.last.load(Ordering::Relaxed),
        };
        let mut trouble = None;
        for n in 0..hosts.len() {
            let n = (first % hosts.len() + n) % hosts.len();
            let limit = hosts[n].get_connect_timeout().copied().unwrap_or(CONNECT_TIMEOUT);
            match timeout(limit, hosts[n].connect(self.tls.clone())).await {
                Ok(Ok(connected)) => {
                    self.last.store(n, Ordering::Relaxed);
                    return Ok(connected);
                }
                Ok(Err(error)) => {
                    let error = Trouble::Postgres(error);
                    if trouble.as_ref().is_none_or(Trouble::is_transient) {
                        trouble = Some(error);
                    }
                }
                Err(_) => trouble = Some(Trouble::NotLetIn(limit)),
            }
        }
        Err(trouble.unwrap_or(Trouble::Silent))
    }
}

/// What the client library makes of a connection.
pub(crate) type Connected =
    (Client, tokio_postgres::Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>);

/// A connection, used by one thread at a time.
pub(crate) struct Connection {
    connector: Arc<Connector>,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
    client: Client,
    prepared: HashMap<String, Statement>,
    /// It must not be used again.
    spoilt: bool,
    /// The server has not answered in time.
    silent: bool,
    /// A transaction is open.
    open: bool,
    /// How long the server may take over a statement.
    limit: Duration,
    /// After that it is asked to stop, and may take its time to do so.
    cancels: bool,
}

/// An answer that is read bit by bit.
pub(crate) type Rows = Pin<Box<Fuse<RowStream>>>;

/// A statement that is ready to be sent.
#[derive(Clone)]
pub(crate) enum Query {
    /// Prepared under a name.
    Prepared(Statement),
    /// To be prepared without a name, in the same round trip.
    Unnamed(String),
}

impl Query {
    /// Sends it; the answer is a stream of rows. Statements sent before the answers of earlier ones are awaited share
    /// their round trip, in the order of their first poll.
    pub(crate) async fn send(&self, client: &Client, params: &[Param<'_>]) -> Result<RowStream, Error> {
        match self {
            Self::Prepared(statement) => {
                client.query_raw(statement, params.iter().map(|(value, _)| *value)).await
            }
            Self::Unnamed(sql) => {
                client.query_typed_raw(sql, params.iter().map(|(value, kind)| (*value, kind.clone()))).await
            }
        }
    }

    /// Sends it and takes all rows.
    pub(crate) async fn rows(&self, client: &Client, params: &[Param<'_>]) -> Result<Vec<Row>, Error> {
        self.send(client, params).await?.try_collect().await
    }

    /// Sends it and tells how many rows it touched.
    pub(crate) async fn touched(&self, client: &Client, params: &[Param<'_>]) -> Result<u64, Error> {
        let mut stream = pin!(self.send(client, params).await?);
        while stream.as_mut().try_next().await?.is_some() {}
        Ok(stream.rows_affected().unwrap_or(0))
    }
}

impl Connection {
    /// Connects, trying the hosts in order.
    pub(crate) fn open(connector: &Arc<Connector>) -> Result<Self, Trouble> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build().map_err(|e| {
            let text = format!("a runtime for a connection cannot be made: {e}");
            Trouble::Final(StoreError::Failed(text))
        })?;
        let (client, connection) = runtime.block_on(connector.connect())?;
        // Its errors come to whoever waits for an answer.
        drop(runtime.spawn(connection.map(drop)));
        Ok(Self {
            connector: connector.clone(),
            runtime: Some(runtime),
            client,
            prepared: HashMap::new(),
            spoilt: false,
            silent: false,
            open: false,
            limit: connector.options.statement_timeout,
            cancels: true,
        })
    }

    /// The same for questions so small that no answer in that time means that nobody is there.
    pub(crate) fn hurried(mut self, limit: Duration) -> Self {
        (self.limit, self.cancels) = (self.limit.min(limit), false);
        self
    }

    /// Looks whether the server has closed it meanwhile.
    pub(crate) fn is_alive(&self) -> bool {
        if let Some(runtime) = &self.runtime {
            runtime.block_on(async {
                // The first turn sees what lies in the socket, the second lets the connection act on it.
                yield_now().await;
                yield_now().await;
            });
        }
        !self.spoilt && !self.client.is_closed()
    }

    /// Whether somebody else may use it: nothing went wrong with it, no transaction is open.
    pub(crate) fn is_reusable(&self) -> bool {
        !self.spoilt && !self.open
    }

    /// Whether the server has not answered on it in time, not even when asked to stop.
    pub(crate) fn is_silent(&self) -> bool {
        self.silent
    }

    /// Says that a transaction is about to begin, or has ended. A connection that is given back in between is closed,
    /// which rolls back.
    pub(crate) fn set_open(&mut self, open: bool) {
        self.open = open;
    }

    /// Begins a transaction that writes.
    pub(crate) fn begin(&mut self) -> Result<(), Trouble> {
        self.open = true;
        let begin = self.begin_text();
        self.simple(&begin)
    }

    /// What begins one, to be sent together with what follows.
    pub(crate) fn begin_text(&self) -> String {
        let limit = IDLE_LIMIT.min(self.connector.options.statement_timeout);
        format!("{}; {}{}", sql::BEGIN, sql::IDLE_LIMIT, limit.as_millis())
    }

    /// Ends a transaction that only read, and does not wait for the answer: there is nothing in it. Whoever uses the
    /// connection next comes behind it, or finds the connection dead.
    pub(crate) fn leave_snapshot(&mut self) {
        if let Some(runtime) = &self.runtime {
            runtime.block_on(async {
                let _ = self.client.batch_execute(sql::COMMIT).now_or_never();
                // It is written in this turn.
                yield_now().await;
            });
        }
        self.open = false;
    }

    /// Ends the open transaction without effect. Where even that fails, closing the connection will.
    pub(crate) fn roll_back(&mut self) {
        self.open = self.simple(sql::ROLLBACK).is_err();
    }

    /// Waits for an answer of the server, as long as a statement may take; then has it stop what it is doing.
    pub(crate) fn wait<T>(
        &mut self,
        work: impl AsyncFnOnce(&Client) -> Result<T, Error>,
    ) -> Result<T, Trouble> {
        let Some(runtime) = &self.runtime else { return Err(Trouble::Silent) };
        let done = runtime.block_on(async {
            let mut work = pin!(work(&self.client));
            if let Ok(done) = timeout(self.limit, work.as_mut()).await {
                return done.map_err(Trouble::Postgres);
            }
            if !self.cancels {
                return Err(Trouble::Silent);
            }
            let cancel = self.client.cancel_token();
            let _ = timeout(CANCEL_GRACE, cancel.cancel_query(self.connector.tls.clone())).await;
            match timeout(CANCEL_GRACE, work).await {
                Ok(done) => done.map_err(Trouble::Postgres),
                Err(_) => Err(Trouble::Silent),
            }
        });
        if let Err(trouble) = &done {
            self.spoilt |= trouble.spoils_connection();
            self.silent |= matches!(trouble, Trouble::Silent);
        }
        done
    }

    /// As [`Self::roll_back`], if one is open.
    pub(crate) fn end_open(&mut self) {
        if self.open && !self.spoilt {
            self.roll_back();
        }
    }

    /// Prepares a statement, unless it is already; says nothing to the server where statements are not kept.
    pub(crate) fn query(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Query, Trouble> {
        if let Some(statement) = self.prepared.get(sql) {
            return Ok(Query::Prepared(statement.clone()));
        }
        let types: Vec<Type> = params.iter().map(|(_, kind)| kind.clone()).collect();
        let connector = self.connector.clone();
        let query = self.wait(async |client| connector.query(client, sql, &types).await)?;
        if let Query::Prepared(statement) = &query {
            self.prepared.insert(sql.to_owned(), statement.clone());
        }
        Ok(query)
    }

    /// Runs a statement and takes its rows.
    pub(crate) fn rows(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Trouble> {
        let query = self.query(sql, params)?;
        self.wait(async |client| query.rows(client, params).await)
    }

    /// As [`Self::rows`], with a plan for just these parameters and the tables as they are now.
    pub(crate) fn rows_planned_anew(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, Trouble> {
        let query = Query::Unnamed(qualified(sql, &self.connector.options.schema));
        self.wait(async |client| query.rows(client, params).await)
    }

    /// Runs a statement; answers how many rows it touched.
    pub(crate) fn execute(&mut self, sql: &str, params: &[Param<'_>]) -> Result<u64, Trouble> {
        let query = self.query(sql, params)?;
        self.wait(async |client| query.touched(client, params).await)
    }

    /// Runs a statement without parameters and without preparing it.
    pub(crate) fn simple(&mut self, sql: &str) -> Result<(), Trouble> {
        let text = qualified(sql, &self.connector.options.schema);
        self.wait(async |client| client.batch_execute(&text).await)
    }

    /// The next rows of a stream: what has come, at least one; none at its end. The sink is called outside of the
    /// runtime: it may wait for whatever it likes.
    pub(crate) fn chunk(&mut self, stream: &mut Rows) -> Result<Vec<Row>, Trouble> {
        self.wait(async |_| {
            let mut rows = Vec::with_capacity(CHUNK_ROWS);
            rows.extend(stream.as_mut().try_next().await?);
            while !rows.is_empty() && rows.len() < CHUNK_ROWS {
                match stream.as_mut().try_next().now_or_never() {
                    Some(Ok(Some(row))) => rows.push(row),
                    Some(Err(error)) => return Err(error),
                    Some(Ok(None)) | None => break,
                }
            }
            Ok(rows)
        })
    }
}

impl Drop for Connection {
    /// Closes the socket without waiting: a connection may be dropped anywhere. The server rolls back what was open.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
