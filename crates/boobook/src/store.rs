//! The store that the settings name: a data directory that one server has alone, or PostgreSQL that several share.

use std::{path::Path, sync::Arc};

use boobook_store::{Store, StoreError};
use boobook_store_postgres::PostgresStore;
use boobook_store_sqlite::{DirectoryLock, SqliteStore};

use crate::{config::Settings, failure::Failure};

/// What stands before a store that is not a directory.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// A store that is open.
pub(crate) struct OpenStore {
    /// The store.
    pub(crate) store: Arc<dyn Store>,
    /// Where it is.
    pub(crate) place: Place,
    directory: Option<Arc<SqliteStore>>,
}

/// Where a store is, as messages say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The directory, or the URL without its password.
    pub(crate) shown: String,
    /// The flag that names it.
    pub(crate) flag: String,
}

impl Place {
    /// Where the settings say.
    pub(crate) fn of(settings: &Settings) -> Self {
        match &settings.store {
            Some(url) => {
                let shown = without_password(url);
                Self { flag: format!("--store '{shown}'"), shown }
            }
            None => {
                let shown = settings.data.display().to_string();
                Self { flag: format!("--data {shown}"), shown }
            }
        }
    }
}

/// Whether text names a store that several servers share.
pub(crate) fn is_shared(text: &str) -> bool {
    SCHEMES.iter().any(|scheme| text.starts_with(scheme))
}

/// A URL as it may be shown and logged.
pub(crate) fn without_password(url: &str) -> String {
    // Options may hold another password; what is shown is to recognise the place by.
    let url = url.split('?').next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    match rest.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{host}")
        }
        None => url.to_owned(),
    }
}

/// Whether the settings' place has a store already. A directory is for [`OpenStore::open`] to judge.
pub(crate) fn is_there(settings: &Settings) -> anyhow::Result<bool> {
    let Some(url) = &settings.store else { return Ok(true) };
    let password = settings.store_password()?;
    PostgresStore::is_there(url, password.as_deref())
        .map_err(|error| cannot_open(&Place::of(settings), &error))
}

fn cannot_open(place: &Place, error: &StoreError) -> anyhow::Error {
    Failure::new(
        format!("the store {} cannot be opened: {error}", place.shown),
        "`store` in the settings is postgres://USER@HOST:PORT/DATABASE; the password may stand in it, or in the file that \
         `store_password_file` names",
    )
}

impl OpenStore {
    /// Opens the store that the settings name.
    pub(crate) fn open(settings: &Settings) -> anyhow::Result<Self> {
        let place = Place::of(settings);
        let Some(url) = &settings.store else {
            let directory = Arc::new(open_directory(&settings.data)?);
            let store = Arc::<SqliteStore>::clone(&directory);
            return Ok(Self { store, place, directory: Some(directory) });
        };
        let password = settings.store_password()?;
        let store = PostgresStore::open_with_password(url, password.as_deref())
            .map_err(|error| cannot_open(&place, &error))?;
        Ok(Self { store: Arc::new(store), place, directory: None })
    }

    /// Keeps other servers off a data directory. `None` where the store is for several; an error where somebody else
    /// has it.
    pub(crate) fn lock(&self) -> Result<Option<DirectoryLock>, StoreError> {
        self.directory.as_ref().map(|directory| directory.lock_exclusive()).transpose()
    }
}

/// Opens the store of a directory, making it where it is missing.
pub(crate) fn open_directory(directory: &Path) -> anyhow::Result<SqliteStore> {
    SqliteStore::open(directory).map_err(|error| {
        Failure::new(
            format!("the data directory {} cannot be opened: {error}", directory.display()),
            "check that it is a directory of boobook's, or a path that can be made, and that you may write there",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        for (url, shown) in [
            ("postgres://u:s3cret@db1,db2:5433/boobook?x=y", "postgres://u@db1,db2:5433/boobook"),
            ("postgres://u:p@ss@db/boobook?password=s3cret", "postgres://u@db/boobook"),
            ("postgres://u@db/boobook", "postgres://u@db/boobook"),
            ("postgresql://db/boobook", "postgresql://db/boobook"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
