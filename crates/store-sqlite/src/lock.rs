//! One server for a data directory.

use std::{
    fs::{File, TryLockError},
    io::{Read, Seek, Write},
    path::Path,
};

use boobook_store::StoreError;

use crate::directory::{create_dir, private};
use crate::error::{io_error, not_written};

/// An exclusive lock on a data directory, held until it is dropped or the process ends, however it ends.
///
/// Two servers on one directory would each answer from their own memory; the second is told who is there. Commands
/// that only read files or change the catalogue work beside a server and take no lock.
#[derive(Debug)]
pub struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Takes the lock, or answers [`StoreError::InUse`] at once.
    pub fn acquire(dir: &Path) -> Result<Self, StoreError> {
        create_dir(dir)?;
        let path = dir.join("lock");
        let mut file = private()
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|e| not_written(&path, "be opened", &e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse(in_use(dir, &mut file))),
            Err(TryLockError::Error(e)) => return Err(io_error(&path, "be locked", &e)),
        }
        let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(|e| not_written(&path, "be written", &e))?;
        Ok(Self { _file: file })
    }
}

fn in_use(dir: &Path, file: &mut File) -> String {
    let mut holder = String::new();
    let read = file.rewind().and_then(|()| file.take(32).read_to_string(&mut holder));
    let who = match (read, holder.trim().parse::<u32>()) {
        (Ok(_), Ok(pid)) => format!("process {pid}"),
        _ => "another process".into(),
    };
    format!(
        "the data directory {} is in use by {who}: stop that server first, or give this one another directory",
        dir.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_server_is_told_who_is_first() {
        let dir = tempfile::tempdir().unwrap();
        let first = DirectoryLock::acquire(dir.path()).unwrap();
        let Err(StoreError::InUse(message)) = DirectoryLock::acquire(dir.path()) else {
            panic!("locked twice")
        };
        assert!(message.contains(&dir.path().display().to_string()), "{message}");
        assert!(message.contains(&format!("process {}", std::process::id())), "{message}");
        assert!(message.contains("stop that server first"), "{message}");
        drop(first);
        DirectoryLock::acquire(dir.path()).unwrap();
    }
}
