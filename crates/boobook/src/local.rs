//! The catalogue of a data directory or of a shared store, opened beside servers that may be running on it.

use std::sync::Arc;

use boobook_app::{AppError, Catalogue, DatabaseState, SystemHost, TeamEntry};
use boobook_files::{BlobError, Blobs};
use boobook_store::Store;

use crate::{
    cli::DataArgs,
    config::Settings,
    failure::{Failure, from_app},
    store::{OpenStore, Place},
};

/// An opened store.
pub(crate) struct Local {
    /// The catalogue. A server on the same store sees changes within a second.
    pub(crate) catalogue: Catalogue,
    open: OpenStore,
    settings: Settings,
}

impl Local {
    /// Opens a data directory that must be there, or a shared store.
    pub(crate) fn open(args: &DataArgs) -> anyhow::Result<Self> {
        let settings = args.settings(Vec::new())?;
        if settings.store.is_none() && !settings.data.is_dir() {
            let shown = settings.data.display();
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
        let open = OpenStore::open(&settings)?;
        let catalogue = Catalogue::open(Arc::clone(&open.store), Arc::new(SystemHost))
            .map_err(|error| from_app(error, "the catalogue cannot be opened", &open.place))?;
        Ok(Self { catalogue, open, settings })
    }

    /// The store.
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.open.store
    }

    /// Where it is.
    pub(crate) fn place(&self) -> &Place {
        &self.open.place
    }

    /// Says what was tried, where it failed.
    pub(crate) fn explain<T>(&self, what: &str, result: Result<T, AppError>) -> anyhow::Result<T> {
        result.map_err(|error| from_app(error, what, self.place()))
    }

    /// The team of an id or unique name.
    pub(crate) fn team(&self, key: &str) -> anyhow::Result<Arc<TeamEntry>> {
        let view = self.catalogue.view();
        if let Some(team) = view.team(key) {
            return Ok(Arc::clone(team));
        }
        let same_name = view.teams.iter().filter(|team| team.name == key).count();
        let problem = match same_name {
            0 => format!("there is no team {key:?} in {}", self.place().shown),
            n => format!(
                "there are {n} teams named {key:?} in {}; name the one you mean by its id",
                self.place().shown
            ),
        };
        Err(Failure::new(problem, format!("`boobook team list {}` shows teams and ids", self.place().flag)))
    }

    /// Removes the data of deleted databases, unless a server holds the directory and does that itself. Whether it
    /// was done here. Of a shared store it may be done by several at once.
    pub(crate) fn finish_deletions(&self) -> anyhow::Result<bool> {
        let Ok(_lock) = self.open.lock() else { return Ok(false) };
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
