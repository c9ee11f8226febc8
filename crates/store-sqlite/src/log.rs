//! The write-ahead log's file, kept long enough that commits overwrite it in place.
//!
//! A commit that makes its file longer asks the file system to make the new length durable too: a second write, in
//! its own journal, by a thread of the kernel that waits for a free core like any other. In place there is only the
//! data. That is worth half the time of a small commit and most of its tail (docs/design/002-store.md).

use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, hooks::Wal};

use crate::directory::companion;
use crate::error::DataFile;

/// The log is copied into the file in idle times ([`boobook_store::DatabaseStore::maintain`]); a commit does it
/// itself only when the log holds that much: somewhat less than [`LOG_BYTES_MAX`], so that the file keeps its length
/// when SQLite begins it anew.
const USED_BYTES_MAX: u64 = 62 << 20;

/// A longer log (of one large commit) is cut to this when SQLite begins it anew.
pub(crate) const LOG_BYTES_MAX: u64 = 64 << 20;

/// SQLite's header of a page in the log.
const FRAME_HEADER_BYTES: u64 = 24;

/// The log grows by as much as it holds, within these: a database that is hardly written to stays small, and no
/// commit waits for more than a millisecond's worth of zeros.
const GROWTH_BYTES_MIN: u64 = 256 << 10;
const GROWTH_BYTES_MAX: u64 = 1 << 20;

struct Log {
    path: PathBuf,
    frame_bytes: u64,
    pages: i32,
    /// Length of the file, as far as we know.
    length_bytes: u64,
}

/// From now on the connection sees to its log after each commit, in place of SQLite's automatic checkpoint.
pub(crate) fn keep_long(conn: &mut Connection, file: &DataFile) -> rusqlite::Result<()> {
    let page_bytes: u32 = conn.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let mut log = Log {
        path: companion(&file.path, "-wal"),
        frame_bytes: u64::from(page_bytes) + FRAME_HEADER_BYTES,
        pages: 0,
        length_bytes: 0,
    };
    conn.wal_hook(Some(move |wal: &mut Wal, pages| {
        log.after_commit(wal, pages);
        // An error here would be the commit's, which is done.
        Ok(())
    }))
}

impl Log {
    fn after_commit(&mut self, wal: &mut Wal, pages: i32) {
        let used_bytes = u64::try_from(pages).unwrap_or(0) * self.frame_bytes;
        if used_bytes >= USED_BYTES_MAX {
            // If somebody reads it, it stays and the next commit tries again, as SQLite's own checkpoint does.
            let _ = wal.checkpoint();
            return;
        }
        if pages < self.pages {
            // It began anew, and may have been cut.
            self.length_bytes = 0;
        }
        self.pages = pages;
        let growth_bytes = used_bytes.clamp(GROWTH_BYTES_MIN, GROWTH_BYTES_MAX);
        let wanted_bytes = (used_bytes + growth_bytes / 4).min(LOG_BYTES_MAX);
        if self.length_bytes < wanted_bytes {
            // Room ahead is a matter of speed. Without it the commit that needs it makes it, or says that it cannot.
            self.length_bytes = lengthen(&self.path, wanted_bytes, growth_bytes).unwrap_or(LOG_BYTES_MAX);
        }
    }
}

/// Appends zeros to a log that is shorter than wanted; answers its length. Appending never touches a byte that is
/// there, whoever else writes; and zeros are no frame of a log: SQLite ignores them when it reads one.
fn lengthen(path: &Path, wanted_bytes: u64, growth_bytes: u64) -> io::Result<u64> {
    static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
    let length_bytes = path.metadata()?.len();
    if length_bytes >= wanted_bytes {
        return Ok(length_bytes);
    }
    let mut log = OpenOptions::new().append(true).open(path)?;
    let mut missing = growth_bytes.min(LOG_BYTES_MAX.saturating_sub(length_bytes));
    let appended = missing;
    while missing > 0 {
        let step = missing.min(ZEROS.len() as u64);
        log.write_all(&ZEROS[..step as usize])?;
        missing -= step;
    }
    Ok(length_bytes + appended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_go_behind_what_is_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        std::fs::write(&path, b"frames").unwrap();
        assert_eq!(lengthen(&path, 6, 100_000).unwrap(), 6);
        assert_eq!(lengthen(&path, 7, 100_000).unwrap(), 100_006);
        let found = std::fs::read(&path).unwrap();
        assert_eq!(found.len(), 100_006);
        assert!(found.starts_with(b"frames") && found[6..].iter().all(|&byte| byte == 0));
    }
}
