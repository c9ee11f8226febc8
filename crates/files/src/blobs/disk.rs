//! The steps that writing takes on a local disk, each of which a test can make fail.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write as _},
    path::{Path, PathBuf},
};

use crate::{
    BlobError,
    faults::{Faults, Step, Verdict, struck},
};

/// The local disk. Everything here blocks.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    faults: Option<Faults>,
}

impl Disk {
    pub(crate) fn with_faults(faults: Faults) -> Self {
        Self { faults: Some(faults) }
    }

    fn judge(&self, step: impl FnOnce() -> Step) -> Verdict {
        self.faults.as_ref().map_or(Verdict::Go, |faults| faults.judge(step()))
    }

    fn step(&self, step: impl FnOnce() -> Step) -> io::Result<()> {
        if self.judge(step) == Verdict::Go { Ok(()) } else { Err(struck()) }
    }

    /// A new file for the owner only; fails if there is one.
    pub(crate) fn create(&self, path: &Path) -> io::Result<File> {
        self.step(|| Step::Create(path.into()))?;
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path)
    }

    pub(crate) fn write(&self, file: &mut File, path: &Path, bytes: &[u8]) -> io::Result<()> {
        match self.judge(|| Step::Write(path.into(), bytes.len())) {
            Verdict::Go => file.write_all(bytes),
            Verdict::Fail => Err(struck()),
            Verdict::FailByHalf => file.write_all(&bytes[..bytes.len() / 2]).and(Err(struck())),
        }
    }

    pub(crate) fn sync(&self, file: &File, path: &Path) -> io::Result<()> {
        self.step(|| Step::Sync(path.into()))?;
        file.sync_all()
    }

    /// Makes one directory, for the owner only. `false` if it is there already.
    pub(crate) fn make_dir(&self, path: &Path) -> io::Result<bool> {
        self.step(|| Step::MakeDir(path.into()))?;
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(path) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
            made => made.map(|()| true),
        }
    }

    pub(crate) fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.step(|| Step::SyncDir(path.into()))?;
        if cfg!(not(unix)) {
            return Ok(());
        }
        match File::open(path).and_then(|dir| dir.sync_all()) {
            // Some network file systems cannot; they make names durable by themselves.
            Err(e) if matches!(e.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
            synced => synced,
        }
    }

    pub(crate) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(|| Step::Rename(from.into(), to.into()))?;
        fs::rename(from, to)
    }

    /// A second name for a file; nothing happens if the name is taken.
    pub(crate) fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(|| Step::Link(from.into(), to.into()))?;
        match fs::hard_link(from, to) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
    }

    /// Removes a file; nothing happens if there is none.
    pub(crate) fn remove(&self, path: &Path) -> io::Result<()> {
        self.step(|| Step::Remove(path.into()))?;
        absent_is_fine(fs::remove_file(path))
    }

    /// Removes a directory with all that is in it; nothing happens if there is none.
    pub(crate) fn remove_all(&self, path: &Path) -> io::Result<()> {
        self.step(|| Step::Remove(path.into()))?;
        absent_is_fine(fs::remove_dir_all(path))
    }
}

fn absent_is_fine(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The one place where the system's errors become ours.
pub(crate) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BlobError {
    let path: PathBuf = path.into();
    move |e| {
        let path = path.display().to_string();
        match e.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => BlobError::Full { action, path },
            _ => BlobError::Failed { action, path, reason: e.to_string() },
        }
    }
}
