//! Where the files lie, and who may read them.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use boobook_model::DatabaseId;
use boobook_store::StoreError;

use crate::error::{DataFile, io_error, not_written};

/// The layout of a data directory.
#[derive(Debug, Clone)]
pub(crate) struct Directory {
    root: PathBuf,
    databases: PathBuf,
}

impl Directory {
    /// The layout, without looking.
    pub(crate) fn at(root: &Path) -> Self {
        Self { root: root.to_owned(), databases: root.join("databases") }
    }

    /// Makes the directories and the catalogue's file where they are missing.
    pub(crate) fn prepare(root: &Path) -> Result<Self, StoreError> {
        let this = Self::at(root);
        create_dir(&this.databases)?;
        let catalogue = this.catalogue();
        if !catalogue.path.exists() {
            // Databases without a catalogue are a directory that lost its most important file. Beginning a new,
            // empty one would look like a server that works and has forgotten everything.
            if let Some(id) = this.database_names()?.first() {
                return Err(StoreError::Corrupt {
                    database: catalogue.name,
                    reason: format!(
                        "{} is missing though there are databases ({id})",
                        catalogue.path.display()
                    ),
                    remedy: "Restore it from a back-up, or move the databases away to begin anew".into(),
                });
            }
            create_file(&catalogue.path)?;
        }
        Ok(this)
    }

    /// The directory itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The directory of the databases.
    pub(crate) fn databases(&self) -> &Path {
        &self.databases
    }

    /// The catalogue's file.
    pub(crate) fn catalogue(&self) -> DataFile {
        DataFile { name: "catalogue".into(), path: self.root.join("catalogue.db") }
    }

    /// A database's file.
    pub(crate) fn database(&self, id: &str) -> DataFile {
        DataFile { name: id.into(), path: self.databases.join(format!("{id}.db")) }
    }

    /// Names of all databases that have a file, sorted.
    pub(crate) fn database_names(&self) -> Result<Vec<String>, StoreError> {
        let entries =
            fs::read_dir(&self.databases).map_err(|e| io_error(&self.databases, "be listed", &e))?;
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|e| io_error(&self.databases, "be listed", &e))?;
            let name = entry.file_name();
            if let Some(id) = name.to_str().and_then(|name| name.strip_suffix(".db")) {
                names.push(id.to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Makes the file of a database, ready for SQLite to fill.
    pub(crate) fn create_database_file(&self, file: &DataFile) -> Result<(), StoreError> {
        if !file.path.exists() {
            // A log left behind by an interrupted deletion must never be replayed into the new file.
            remove_logs(&file.path)?;
            create_file(&file.path)?;
        }
        Ok(())
    }

    /// Removes a database's files. The log goes first: the other way round, an interruption would leave a log
    /// without its file.
    pub(crate) fn remove_database(&self, id: &DatabaseId) -> Result<(), StoreError> {
        let file = self.database(id.as_str());
        remove_logs(&file.path)?;
        remove(&file.path)?;
        sync_dir(&self.databases)
    }

    /// Makes the names of all files durable.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        sync_dir(&self.databases)?;
        sync_dir(&self.root)?;
        match self.root.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => sync_dir(parent),
            _ => Ok(()),
        }
    }
}

/// SQLite's companion of a file: its log or the log's index.
pub(crate) fn companion(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn remove_logs(path: &Path) -> Result<(), StoreError> {
    remove(&companion(path, "-wal"))?;
    remove(&companion(path, "-shm"))?;
    remove(&companion(path, "-journal"))
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(not_written(path, "be removed", &e)),
        _ => Ok(()),
    }
}

/// Makes a directory and those above it, for the owner only.
pub(crate) fn create_dir(path: &Path) -> Result<(), StoreError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|e| not_written(path, "be made", &e))
}

/// How files are opened for writing: theirs to read and write, nobody else's. SQLite gives its logs the same mode.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes an empty file; one that is there stays.
pub(crate) fn create_file(path: &Path) -> Result<(), StoreError> {
    match private().create_new(true).open(path) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(not_written(path, "be made", &e)),
        _ => Ok(()),
    }
}

/// Makes a file's content durable.
pub(crate) fn sync_file(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(|e| not_written(path, "be synced", &e))
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(path: &Path) -> Result<(), StoreError> {
    let synced = if cfg!(unix) { File::open(path).and_then(|dir| dir.sync_all()) } else { Ok(()) };
    match synced {
        // Some network file systems cannot; they make names durable by themselves.
        Err(e) if e.kind() != ErrorKind::InvalidInput && e.kind() != ErrorKind::Unsupported => {
            Err(not_written(path, "be synced", &e))
        }
        _ => Ok(()),
    }
}

/// Whether a directory is missing or empty.
pub(crate) fn is_vacant(path: &Path) -> io::Result<bool> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(true),
        Err(e) => Err(e),
    }
}
