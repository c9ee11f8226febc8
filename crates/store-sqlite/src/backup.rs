//! A copy of a data directory, while a server writes to it.

use std::{fs, io::ErrorKind, path::Path};

use boobook_store::StoreError;

use crate::connection::connect;
use crate::directory::{Directory, create_dir, create_file, is_vacant, sync_file};
use crate::error::{DataFile, During, io_error, not_written};

/// What a back-up holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupReport {
    /// Databases copied.
    pub databases: usize,
    /// Bytes written, catalogue included.
    pub bytes: u64,
    /// Databases deleted while the back-up ran.
    pub skipped: Vec<String>,
    /// Databases that cannot be read, and why; all others are in the back-up.
    pub failed: Vec<(String, StoreError)>,
}

/// Copies the data directory `dir` into `dest`, a new or empty directory. A server may be working on `dir`: each
/// file is copied as of one moment (a read transaction; nobody waits), the catalogue first. Whatever is copied is
/// synced before this returns; the catalogue gets its name last, so that a directory without one is a back-up that
/// was not finished. The copy is a data directory: a server started on it serves it.
///
/// `progress` is told what is copied next, how many files are done, and of how many.
///
/// A database that cannot be read does not stop the others: see [`BackupReport::failed`].
pub fn backup(
    dir: &Path,
    dest: &Path,
    progress: &mut dyn FnMut(&str, usize, usize),
) -> Result<BackupReport, StoreError> {
    let source = Directory::at(dir);
    let target = Directory::at(dest);
    let catalogue = source.catalogue();
    if !catalogue.path.exists() {
        return Err(StoreError::Failed(format!(
            "{} is no data directory: it has no catalogue.db",
            dir.display()
        )));
    }
    if !is_vacant(dest).map_err(|e| io_error(dest, "be listed", &e))? {
        return Err(StoreError::Failed(format!(
            "{} is not empty: a back-up goes into a new or an empty directory",
            dest.display()
        )));
    }
    create_dir(target.databases())?;
    let mut report = BackupReport::default();

    progress(&catalogue.name, 0, 1);
    let unfinished = dest.join("catalogue.db.unfinished");
    report.bytes += copy(&catalogue, &unfinished)?;

    let names = source.database_names()?;
    let total = names.len() + 1;
    for (n, name) in names.into_iter().enumerate() {
        progress(&name, n + 1, total);
        let file = source.database(&name);
        match copy(&file, &target.database(&name).path) {
            Ok(bytes) => {
                report.databases += 1;
                report.bytes += bytes;
            }
            Err(_) if !file.path.exists() => {
                discard(&target.database(&name).path)?;
                report.skipped.push(name);
            }
            Err(e @ StoreError::Corrupt { .. }) => {
                discard(&target.database(&name).path)?;
                report.failed.push((name, e));
            }
            Err(e) => return Err(e),
        }
    }
    let finished = target.catalogue().path;
    fs::rename(&unfinished, &finished).map_err(|e| not_written(&finished, "be named", &e))?;
    target.sync()?;
    progress(&catalogue.name, total, total);
    Ok(report)
}

/// Copies a file as of one moment, compacted, and syncs the copy; answers its size.
fn copy(file: &DataFile, to: &Path) -> Result<u64, StoreError> {
    let writing = |e: rusqlite::Error| file.error(&e, During::Writing);
    let conn = connect(file)?;
    let Some(target) = to.to_str() else {
        return Err(StoreError::Failed(format!("{} is no UTF-8 path", to.display())));
    };
    // SQLite fills an empty file; made by us, it has our mode.
    create_file(to)?;
    conn.execute("vacuum into ?1", [target]).map_err(writing)?;
    sync_file(to)?;
    to.metadata().map(|meta| meta.len()).map_err(|e| io_error(to, "be looked at", &e))
}

fn discard(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(not_written(path, "be removed", &e)),
        _ => Ok(()),
    }
}
