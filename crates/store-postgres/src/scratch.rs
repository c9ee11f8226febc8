//! A schema to try a server out with.

use std::sync::Arc;

use boobook_store::StoreError;

use crate::error::During;
use crate::pool::Pool;
use crate::{PostgresStore, sql};

/// A schema of its own on somebody's server, dropped with all that is in it when this is.
///
/// ```no_run
/// use boobook_store::Store;
/// use boobook_store_postgres::Scratch;
///
/// let scratch = Scratch::make("postgres://boobook@db1/boobook", None, "boobook_doctor_1")?;
/// assert_eq!(scratch.open()?.load_catalogue()?.seq, 0);
/// scratch.remove()?;
/// # Ok::<(), boobook_store::StoreError>(())
/// ```
pub struct Scratch {
    url: String,
    password: Option<String>,
    pool: Arc<Pool>,
}

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Name and version of the engine.
    pub version: String,
    /// Isolation of transactions that do not say which.
    pub isolation: String,
}

impl Scratch {
    /// Makes the schema, in the database of a URL as [`PostgresStore::open`] takes it; a `schema` in it does not count.
    pub fn make(url: &str, password: Option<&str>, schema: &str) -> Result<Self, StoreError> {
        // The last one of a name counts.
        let between = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{between}schema={schema}");
        let pool = PostgresStore::open_with_password(&url, password)?.pool;
        Ok(Self { url, password: password.map(str::to_owned), pool })
    }

    /// Opens the store in it, once more: each is a node.
    pub fn open(&self) -> Result<PostgresStore, StoreError> {
        PostgresStore::open_with_password(&self.url, self.password.as_deref())
    }

    /// The name of the schema.
    pub fn schema(&self) -> &str {
        self.pool.schema()
    }

    /// What the server says of itself.
    pub fn server(&self) -> Result<Server, StoreError> {
        let rows = self.pool.run(During::Reading, |connection| connection.rows(sql::SERVER, &[]))?;
        let text = |n| rows.first().and_then(|row| row.try_get(n).ok()).unwrap_or("unknown").to_owned();
        Ok(Server { version: text(0), isolation: text(1) })
    }

    /// Empties the store. Whatever was opened before must be dropped.
    pub fn clear(&self) -> Result<(), StoreError> {
        self.pool.run(During::Writing, |connection| {
            connection.simple(sql::CLEAR)?;
            connection.simple(sql::FILL_CATALOGUE)
        })
    }

    /// Drops the schema.
    pub fn remove(self) -> Result<(), StoreError> {
        self.drop_schema()
    }

    fn drop_schema(&self) -> Result<(), StoreError> {
        let drop_schema = sql::drop_schema(self.schema());
        self.pool.run(During::Writing, |connection| connection.simple(&drop_schema))
    }
}

impl Drop for Scratch {
    /// For who could not [`Self::remove`] it. Where the server is away, it stays.
    fn drop(&mut self) {
        let _ = self.drop_schema();
    }
}
