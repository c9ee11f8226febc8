//! Blobs in a directory. Everything here blocks and runs on the blocking pool.
//!
//! ```text
//! <root>/<database>/<first two digits of the hash>/<hash>
//! <root>/<database>/thumb/<hash>-<size>     made from blobs, can be made again
//! <root>/<database>/tmp/<random>            uploads under way, or what a crash left of them
//! ```
//!
//! A blob is written to a temporary, synced, renamed, and the names are synced, in that order: under a final key is
//! a whole content or nothing, whenever the power goes.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use boobook_model::DatabaseId;
use bytes::Bytes;
use parking_lot::Mutex;
use rustc_hash::FxHashSet;

use super::{
    Stored,
    disk::{Disk, failed},
    keys::{Entry, Place, TEMPORARIES, THUMBNAILS, random_name},
};
use crate::{BlobError, Hash, hash::Hasher};

#[derive(Debug)]
pub(super) struct Local {
    root: PathBuf,
    disk: Disk,
    /// Directories whose names this process has made durable: one sync for each suffices.
    durable: Mutex<FxHashSet<PathBuf>>,
    /// Held while a blob gets its name, and while the collector looks at a blob's age a last time and removes it.
    /// Without it, an upload of equal content could find its blob removed.
    names: Mutex<()>,
}

/// An upload's content so far. Removed with its file unless it became a blob.
#[derive(Debug)]
pub(super) struct Temporary {
    local: Arc<Local>,
    path: PathBuf,
    file: File,
    hasher: Hasher,
    is_published: bool,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.is_published {
            // If this fails too, the collector finds it.
            let _ = self.local.disk.remove(&self.path);
        }
    }
}

impl Local {
    pub(super) fn new(root: PathBuf, disk: Disk) -> Result<Self, BlobError> {
        let made = make_root(&disk, &root).and_then(|()| root.canonicalize());
        let root = made.map_err(|e| BlobError::Location {
            location: root.display().to_string(),
            reason: format!("{e}. It must be a directory that the server may write to"),
        })?;
        Ok(Self { root, disk, durable: Mutex::default(), names: Mutex::default() })
    }

    fn database(&self, database: &DatabaseId) -> PathBuf {
        self.root.join(database.as_str())
    }

    fn folder(&self, database: &DatabaseId, folder: &str) -> PathBuf {
        self.database(database).join(folder)
    }

    fn blob(&self, database: &DatabaseId, hash: &Hash) -> PathBuf {
        let name = hash.to_string();
        self.folder(database, &name[..2]).join(name)
    }

    /// Makes a directory below the root with those above it, their names durable.
    fn make_dirs(&self, dir: &Path) -> Result<(), BlobError> {
        if dir == self.root || self.durable.lock().contains(dir) {
            return Ok(());
        }
        let above = dir.parent().unwrap_or(&self.root);
        self.make_dirs(above)?;
        self.disk.make_dir(dir).map_err(failed("be made", dir))?;
        // Even if somebody else made it: whether they synced it already is not known.
        self.disk.sync_dir(above).map_err(failed("be synced", above))?;
        self.durable.lock().insert(dir.into());
        Ok(())
    }

    /// Makes directories and does `act`; once more if they went missing, as when a database was deleted meanwhile.
    fn within<T>(&self, dir: &Path, act: impl Fn() -> io::Result<T>) -> Result<io::Result<T>, BlobError> {
        self.make_dirs(dir)?;
        match act() {
            Err(e) if e.kind() == ErrorKind::NotFound => {
                self.durable.lock().clear();
                self.make_dirs(dir)?;
                Ok(act())
            }
            done => Ok(done),
        }
    }

    pub(super) fn begin(self: &Arc<Self>, database: &DatabaseId) -> Result<Temporary, BlobError> {
        let dir = self.folder(database, TEMPORARIES);
        let path = dir.join(random_name());
        let file = self.within(&dir, || self.disk.create(&path))?.map_err(failed("be made", &path))?;
        Ok(Temporary { local: self.clone(), path, file, hasher: Hasher::default(), is_published: false })
    }

    pub(super) fn open(&self, database: &DatabaseId, hash: &Hash) -> Result<(File, u64), BlobError> {
        let path = self.blob(database, hash);
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?.len(), file)));
        match opened {
            Ok((size, file)) => Ok((file, size)),
            Err(e) if e.kind() == ErrorKind::NotFound => {
                Err(BlobError::NotFound { database: database.clone(), hash: *hash })
            }
            Err(e) => Err(failed("be read", &path)(e)),
        }
    }

    pub(super) fn size(&self, database: &DatabaseId, hash: &Hash) -> Result<Option<u64>, BlobError> {
        let path = self.blob(database, hash);
        match fs::metadata(&path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(failed("be looked at", &path)(e)),
        }
    }

    /// The folders of a database.
    pub(super) fn folders(&self, database: &DatabaseId) -> Result<Vec<String>, BlobError> {
        let entries = self.list_dir(&self.database(database))?;
        Ok(entries.into_iter().filter(|(_, metadata)| metadata.is_dir()).map(|(name, _)| name).collect())
    }

    pub(super) fn list(&self, database: &DatabaseId, folder: &str) -> Result<Vec<Entry>, BlobError> {
        let dir = self.folder(database, folder);
        let mut entries = Vec::new();
        for (name, metadata) in self.list_dir(&dir)?.into_iter().filter(|(_, metadata)| metadata.is_file()) {
            let modified = metadata.modified().map_err(failed("be looked at", &dir))?;
            entries.push(Entry { place: Place::of(folder, &name), name, size: metadata.len(), modified });
        }
        Ok(entries)
    }

    fn list_dir(&self, dir: &Path) -> Result<Vec<(String, fs::Metadata)>, BlobError> {
        let entries = match fs::read_dir(dir) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed("be listed", dir))?,
        };
        let mut listed = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed("be listed", dir))?;
            match entry.metadata() {
                // An upload that ended meanwhile.
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                metadata => listed.extend(
                    entry
                        .file_name()
                        .into_string()
                        .ok()
                        .zip(Some(metadata.map_err(failed("be looked at", dir))?)),
                ),
            }
        }
        Ok(listed)
    }

    /// Removes what is still older than `before`; answers which are gone.
    pub(super) fn remove(
        &self,
        database: &DatabaseId,
        folder: &str,
        entries: Vec<Entry>,
        before: SystemTime,
    ) -> Result<Vec<Entry>, BlobError> {
        let dir = self.folder(database, folder);
        let mut removed = Vec::with_capacity(entries.len());
        for entry in entries {
            let path = dir.join(&entry.name);
            let _names = self.names.lock();
            let is_old =
                fs::metadata(&path).and_then(|m| m.modified()).is_ok_and(|modified| modified < before);
            if is_old {
                self.disk.remove(&path).map_err(failed("be removed", &path))?;
                removed.push(entry);
            }
        }
        Ok(removed)
    }

    /// Gives the blobs of a folder to another database. Contents never change, so both share them on disk.
    pub(super) fn copy(
        &self,
        from: &DatabaseId,
        to: &DatabaseId,
        folder: &str,
    ) -> Result<Vec<Entry>, BlobError> {
        let (source, target) = (self.folder(from, folder), self.folder(to, folder));
        let mut entries = self.list(from, folder)?;
        entries.retain(|entry| matches!(entry.place, Place::Blob(_)));
        if entries.is_empty() {
            return Ok(entries);
        }
        self.make_dirs(&target)?;
        for entry in &entries {
            let (old, new) = (source.join(&entry.name), target.join(&entry.name));
            match self.disk.link(&old, &new) {
                // File systems without links, or with too many to this file.
                Err(e) if e.kind() != ErrorKind::NotFound => self.copy_bytes(to, &old, &new)?,
                linked => linked.map_err(failed("be linked", &old))?,
            }
        }
        self.disk.sync_dir(&target).map_err(failed("be synced", &target))?;
        Ok(entries)
    }

    fn copy_bytes(&self, database: &DatabaseId, old: &Path, new: &Path) -> Result<(), BlobError> {
        let dir = self.folder(database, TEMPORARIES);
        self.make_dirs(&dir)?;
        let between = dir.join(random_name());
        let copied = self.disk.create(&between).and_then(|mut file| {
            io::copy(&mut File::open(old)?, &mut file)?;
            self.disk.sync(&file, &between)?;
            self.disk.rename(&between, new)
        });
        copied.map_err(|e| {
            let _ = self.disk.remove(&between);
            failed("be copied", old)(e)
        })
    }

    pub(super) fn delete_database(&self, database: &DatabaseId) -> Result<(), BlobError> {
        let dir = self.database(database);
        self.durable.lock().retain(|known| !known.starts_with(&dir));
        self.disk.remove_all(&dir).map_err(failed("be removed", &dir))?;
        self.disk.sync_dir(&self.root).map_err(failed("be synced", &self.root))
    }

    pub(super) fn read_thumbnail(
        &self,
        database: &DatabaseId,
        name: &str,
    ) -> Result<Option<Bytes>, BlobError> {
        let path = self.folder(database, THUMBNAILS).join(name);
        match fs::read(&path) {
            Ok(content) => Ok(Some(content.into())),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(failed("be read", &path)(e)),
        }
    }

    /// Not synced: a thumbnail that a power cut takes is made again. Its reader looks whether it is whole.
    pub(super) fn write_thumbnail(
        self: &Arc<Self>,
        database: &DatabaseId,
        name: &str,
        content: &[u8],
    ) -> Result<(), BlobError> {
        let dir = self.folder(database, THUMBNAILS);
        let path = dir.join(name);
        let mut temporary = self.begin(database)?;
        temporary.write(content)?;
        self.within(&dir, || self.disk.rename(&temporary.path, &path))?.map_err(failed("be made", &path))?;
        temporary.is_published = true;
        Ok(())
    }
}

impl Temporary {
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        self.hasher.update(bytes);
        self.local.disk.write(&mut self.file, &self.path, bytes).map_err(failed("be written", &self.path))
    }

    /// Makes it the blob of its hash: when this answers, it is durable. A blob of equal content is replaced, which
    /// makes it young again for the collector.
    pub(super) fn publish(mut self, database: &DatabaseId) -> Result<Stored, BlobError> {
        let local = self.local.clone();
        local.disk.sync(&self.file, &self.path).map_err(failed("be synced", &self.path))?;
        let (hash, size) = std::mem::take(&mut self.hasher).finish();
        let path = local.blob(database, &hash);
        let dir = path.parent().unwrap_or(&local.root);
        let renamed = local.within(dir, || {
            let _names = local.names.lock();
            local.disk.rename(&self.path, &path)
        })?;
        renamed.map_err(failed("be moved to its place", &self.path))?;
        self.is_published = true;
        local.disk.sync_dir(dir).map_err(failed("be synced", dir))?;
        Ok(Stored { hash, size })
    }
}

/// Makes the root with the directories above it, their names durable.
fn make_root(disk: &Disk, root: &Path) -> io::Result<()> {
    let above = match root.parent() {
        Some(above) if above.as_os_str().is_empty() => Path::new("."),
        Some(above) => above,
        None => return Ok(()),
    };
    if root.is_dir() {
        return Ok(());
    }
    make_root(disk, above)?;
    if !disk.make_dir(root)? && !root.is_dir() {
        return Err(ErrorKind::NotADirectory.into());
    }
    disk.sync_dir(above)
}

/// Reads up to `length` bytes at `offset`: `None` if the file ends before that.
pub(super) fn read_at(mut file: &File, offset: u64, length: usize) -> io::Result<Option<Bytes>> {
    file.seek(SeekFrom::Start(offset))?;
    let mut piece = Vec::with_capacity(length);
    file.take(length as u64).read_to_end(&mut piece)?;
    Ok((piece.len() == length).then(|| piece.into()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The collector lists, somebody uploads the same content, the collector removes: it must look again.
    #[test]
    fn what_became_young_since_it_was_listed_stays() {
        let folder = tempfile::TempDir::new().unwrap();
        let local = Arc::new(Local::new(folder.path().into(), Disk::default()).unwrap());
        let database: DatabaseId = "abc123def456".parse().unwrap();
        let put = || {
            let mut temporary = local.begin(&database).unwrap();
            temporary.write(b"content").unwrap();
            temporary.publish(&database).unwrap().hash
        };
        let hash = put();
        let (path, shard) = (local.blob(&database, &hash), &hash.to_string()[..2]);
        let before = fs::metadata(&path).unwrap().modified().unwrap() - Duration::from_hours(1);
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(before - Duration::from_hours(1))
            .unwrap();
        let listed = local.list(&database, shard).unwrap();
        assert!(listed[0].modified < before);
        put();
        assert!(local.remove(&database, shard, listed, before).unwrap().is_empty());
        assert!(path.exists());
    }
}
