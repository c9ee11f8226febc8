//! The catalogue of a data directory, opened beside a server that may be running on it.

use std::{path::Path, sync::Arc};

use boobook_app::{AppError, Catalogue, DatabaseState, SystemHost, TeamEntry};
use boobook_files::{BlobError, Blobs};
use boobook_store_sqlite::SqliteStore;

use crate::{
    cli::DataArgs,
    config::Settings,
    failure::{Failure, from_app},
};

/// An opened data directory.
pub(crate) struct Local {
    /// The catalogue. A server on the same directory sees changes within a second.
    pub(crate) catalogue: Catalogue,
    /// The directory, as text for messages.
    pub(crate) directory: String,
    /// Its databases.
    pub(crate) store: Arc<SqliteStore>,
    settings: Settings,
}

impl Local {
    /// Opens a data directory that must be there.
    pub(crate) fn open(args: &DataArgs) -> anyhow::Result<Self> {
        let directory = args.directory()?;
        if !directory.is_dir() {
            let shown = directory.display();
            return Err(Failure::new(
                format!("there is no data directory {shown}"),
                "name one with --data DIR, or make a new one with `boobook team create NAME` or `boobook demo`",
            ));
        }
        Self::open_or_make(args)
    }

    /// Opens a data directory, making it where it is missing.
    pub(crate) fn open_or_make(args: &DataArgs) -> anyhow::Result<Self> {
        let settings = args.settings(Vec::new())?;
        let directory = settings.data.clone();
        let store = Arc::new(open_store(&directory)?);
        let shown = directory.display().to_string();
        let catalogue = Catalogue::open(Arc::<SqliteStore>::clone(&store), Arc::new(SystemHost))
            .map_err(|error| from_app(error, "the catalogue cannot be opened", &shown))?;
        Ok(Self { catalogue, directory: shown, store, settings })
    }

    /// Says what was tried, where it failed.
    pub(crate) fn explain<T>(&self, what: &str, result: Result<T, AppError>) -> anyhow::Result<T> {
        result.map_err(|error| from_app(error, what, &self.directory))
    }

    /// The team of an id or unique name.
    pub(crate) fn team(&self, key: &str) -> anyhow::Result<Arc<TeamEntry>> {
        let view = self.catalogue.view();
        if let Some(team) = view.team(key) {
            return Ok(Arc::clone(team));
        }
        let same_name = view.teams.iter().filter(|team| team.name == key).count();
        let problem = match same_name {
            0 => format!("there is no team {key:?} in {}", self.directory),
            n => format!(
                "there are {n} teams named {key:?} in {}; name the one you mean by its id",
                self.directory
            ),
        };
        Err(Failure::new(
            problem,
            format!("`boobook team list --data {}` shows teams and ids", self.directory),
        ))
    }

    /// Removes the data of deleted databases, unless a server holds the directory and does that itself. Whether it
    /// was done here.
    pub(crate) fn finish_deletions(&self) -> anyhow::Result<bool> {
        let Ok(_lock) = self.store.lock_exclusive() else { return Ok(false) };
        let view = self.catalogue.view();
        let going = view.databases.iter().filter(|entry| entry.state == DatabaseState::Deleting);
        let blobs = open_files(&self.settings)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        for entry in going {
            runtime.block_on(blobs.delete_database(&entry.id.parse()?))?;
        }
        self.explain("the data could not be removed", self.catalogue.finish_deletions())?;
        Ok(true)
    }
}

/// Where the files of records lie in a data directory, unless the settings name another place.
pub(crate) const FILES_FOLDER: &str = "files";

/// The files of records of a data directory.
pub(crate) fn open_files(settings: &Settings) -> anyhow::Result<Blobs> {
    let blobs = match &settings.files {
        Some(location) => Blobs::open(location, settings.bucket.options(location)?),
        None => Blobs::local(settings.data.join(FILES_FOLDER)),
    };
    blobs.map_err(no_files)
}

/// Says that the place of files cannot be used.
pub(crate) fn no_files(error: BlobError) -> anyhow::Error {
    Failure::new(
        format!("files cannot be kept: {error}"),
        "`files` in the settings, or --files, names a directory or a bucket; `bucket` says how that is reached",
    )
}

/// Opens the store of a directory.
pub(crate) fn open_store(directory: &Path) -> anyhow::Result<SqliteStore> {
    SqliteStore::open(directory).map_err(|error| {
        Failure::new(
            format!("the data directory {} cannot be opened: {error}", directory.display()),
            "check that it is a directory of boobook's, or a path that can be made, and that you may write there",
        )
    })
}
