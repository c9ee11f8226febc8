//! A bounded number of connections, and the one place that tries again.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use boobook_store::StoreError;
use parking_lot::{Condvar, Mutex};

use crate::connection::{Connection, Connector};
use crate::error::{During, Trouble};

/// How long one waits for somebody to give a connection back; no longer than for a statement.
const WAIT: Duration = Duration::from_secs(10);
/// Attempts at one thing in all.
const ATTEMPTS: u32 = 7;
/// The pause after the first failed attempt is at most this, twice that after the second, and so on.
const PAUSE: Duration = Duration::from_millis(10);

/// Connections that are kept open.
pub(crate) struct Pool {
    connector: Arc<Connector>,
    state: Mutex<State>,
    given_back: Condvar,
}

struct State {
    idle: Vec<Connection>,
    /// How many more may be taken, idle or new.
    free: usize,
}

/// A connection taken from its pool; it goes back when this is dropped.
pub(crate) struct Taken {
    pool: Arc<Pool>,
    /// `None` only while it is dropped.
    connection: Option<Connection>,
}

impl Pool {
    pub(crate) fn new(connector: Connector) -> Arc<Self> {
        let free = connector.options.connections;
        Arc::new(Self {
            connector: Arc::new(connector),
            state: Mutex::new(State { idle: Vec::new(), free }),
            given_back: Condvar::new(),
        })
    }

    /// Host and database, for messages.
    pub(crate) fn place(&self) -> &str {
        &self.connector.options.place
    }

    /// How connections are made.
    pub(crate) fn connector(&self) -> &Connector {
        &self.connector
    }

    /// The schema of our tables.
    pub(crate) fn schema(&self) -> &str {
        &self.connector.options.schema
    }

    /// A connection that is alive as far as one can tell without asking the server.
    pub(crate) fn take(self: &Arc<Self>, during: During) -> Result<Taken, Trouble> {
        {
            let mut state = self.state.lock();
            while state.free == 0 {
                if self.given_back.wait_for(&mut state, self.patience()).timed_out() && state.free == 0 {
                    return Err(self.exhausted(during).into());
                }
            }
            state.free -= 1;
        }
        let mut taken = Taken { pool: self.clone(), connection: None };
        // The one used last is the likeliest to be alive, and its server process has its caches warm.
        while let Some(connection) = self.pop_idle() {
            if connection.is_alive() {
                taken.connection = Some(connection);
                return Ok(taken);
            }
        }
        taken.connection = Some(self.connect()?);
        Ok(taken)
    }

    /// A connection that is not counted.
    pub(crate) fn connect(&self) -> Result<Connection, Trouble> {
        Connection::open(&self.connector)
    }

    fn pop_idle(&self) -> Option<Connection> {
        self.state.lock().idle.pop()
    }

    fn patience(&self) -> Duration {
        WAIT.min(self.connector.options.statement_timeout)
    }

    fn exhausted(&self, during: During) -> StoreError {
        during.error(format!(
            "{}: all {} connections were busy for {} s; raise `connections` in the store's URL, or look what \
             keeps the server busy",
            self.place(),
            self.connector.options.connections,
            self.patience().as_secs()
        ))
    }

    /// Does something on a connection; again, after a pause, where that is sure to do no harm: what `work` does must
    /// be the same done twice, or say itself, by [`Trouble::after_commit_was_sent`], where it is not.
    pub(crate) fn run<T>(
        self: &Arc<Self>,
        during: During,
        mut work: impl FnMut(&mut Connection) -> Result<T, Trouble>,
    ) -> Result<T, StoreError> {
        self.run_taking(during, |mut taken| work(&mut taken))
    }

    /// As [`Self::run`], for work that keeps its connection.
    pub(crate) fn run_taking<T>(
        self: &Arc<Self>,
        during: During,
        mut work: impl FnMut(Taken) -> Result<T, Trouble>,
    ) -> Result<T, StoreError> {
        self.retry(during, || self.take(during).and_then(&mut work))
    }

    /// Makes attempts, with pauses between, until one succeeds, fails for good, or there were enough.
    pub(crate) fn retry<T>(
        &self,
        during: During,
        mut attempt: impl FnMut() -> Result<T, Trouble>,
    ) -> Result<T, StoreError> {
        let mut tried = 0;
        loop {
            let trouble = match attempt() {
                Ok(done) => return Ok(done),
                Err(trouble) => trouble,
            };
            tried += 1;
            match pause(tried, &trouble) {
                Some(pause) => thread::sleep(pause),
                None => return Err(trouble.into_store_error(self.place(), during)),
            }
        }
    }
}

/// How long to wait before the next attempt; `None` where there should be none.
pub(crate) fn pause(tried: u32, trouble: &Trouble) -> Option<Duration> {
    (tried < ATTEMPTS && trouble.is_transient()).then(|| jittered(PAUSE * (1 << (tried - 1))))
}

/// Half of the time to all of it, so that those who met once do not meet again.
fn jittered(most: Duration) -> Duration {
    let random = getrandom::u32().map_or(1.0, |n| f64::from(n) / f64::from(u32::MAX));
    most.mul_f64(0.5 + random / 2.0)
}

impl Deref for Taken {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("a connection is there until it is given back")
    }
}

impl DerefMut for Taken {
    fn deref_mut(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("a connection is there until it is given back")
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let connection = self.connection.take();
        let is_silent = connection.as_ref().is_some_and(Connection::is_silent);
        let mut state = self.pool.state.lock();
        state.free += 1;
        state.idle.extend(connection.filter(Connection::is_reusable));
        // Where one got no answer the others would get none: whoever comes next sees it sooner by a new one.
        let given_up = if is_silent { std::mem::take(&mut state.idle) } else { Vec::new() };
        drop(state);
        drop(given_up);
        self.pool.given_back.notify_one();
    }
}
