//! `boobook backup`

use std::{
    fs,
    io::{self, IsTerminal as _, stderr},
    path::{Path, PathBuf},
};

use boobook_store_sqlite::backup;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::DataArgs;
use crate::{failure::Failure, local::FILES_FOLDER, out};

/// Copy a data directory consistently, also while a server runs on it. The copy is a data directory itself.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  boobook backup /mnt/backup/2026-11-24
  boobook backup --data /var/lib/boobook copy && boobook serve --data copy --listen 127.0.0.1:8081")]
pub(super) struct Backup {
    /// Directory of the copy: new, or empty
    dest: PathBuf,
    /// Print a JSON object instead of a sentence
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArgs,
}

impl Backup {
    /// Runs it.
    pub(super) fn run(self) -> anyhow::Result<()> {
        let data = self.data.directory()?;
        let bar = if stderr().is_terminal() { ProgressBar::new(1) } else { ProgressBar::hidden() };
        bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}")?);
        let copied = backup(&data, &self.dest, &mut |name, done, total| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
            bar.set_message(name.to_owned());
        });
        bar.finish_and_clear();
        let report = copied.map_err(|error| {
            Failure::new(
                format!("{} was not copied to {}: {error}", data.display(), self.dest.display()),
                "the copy is of no use; remove it, and run this again with a new or empty directory",
            )
        })?;
        let failed: Vec<_> =
            report.failed.iter().map(|(id, error)| json!({ "id": id, "error": error.to_string() })).collect();
        // After the databases: what they name has been there before them, and stays for a while after them.
        let files = copy_files(&data.join(FILES_FOLDER), &self.dest.join(FILES_FOLDER)).map_err(|error| {
            Failure::new(
                format!("the files of {} were not copied: {error}", data.display()),
                "the copy lacks files; remove it, and run this again with a new or empty directory",
            )
        })?;
        if self.json {
            out::json(&json!({
                "dest": self.dest,
                "databases": report.databases,
                "bytes": report.bytes,
                "files": files.count,
                "fileBytes": files.bytes,
                "deletedMeanwhile": report.skipped,
                "failed": failed,
            }))?;
        } else {
            let databases = if report.databases == 1 { "database" } else { "databases" };
            out::line(format!(
                "copied the catalogue, {} {databases} ({}) and {} files ({}) to {}",
                report.databases,
                size(report.bytes),
                files.count,
                size(files.bytes),
                self.dest.display()
            ))?;
        }
        if report.failed.is_empty() {
            return Ok(());
        }
        for (id, error) in &report.failed {
            out::note(format!("database {id} is not in the copy: {error}"));
        }
        Err(Failure::new(
            format!("{} of the databases cannot be read; all others are in the copy", report.failed.len()),
            "bring those databases back from an earlier backup",
        ))
    }
}

/// What was copied of the files of records.
#[derive(Default)]
struct Copied {
    count: u64,
    bytes: u64,
}

/// Folder of uploads under way and of thumbnails: nothing that a copy needs.
const LEFT_OUT: [&str; 2] = ["tmp", "thumb"];

/// Copies contents, a folder per database and one for each two digits of their hashes. What goes meanwhile is not needed.
fn copy_files(from: &Path, to: &Path) -> io::Result<Copied> {
    let mut copied = Copied::default();
    let mut folders = vec![(from.to_owned(), to.to_owned())];
    while let Some((from, to)) = folders.pop() {
        let entries = match fs::read_dir(&from) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        fs::create_dir_all(&to)?;
        for entry in entries {
            let entry = entry?;
            let (kind, to) = (entry.file_type()?, to.join(entry.file_name()));
            if kind.is_dir() && !LEFT_OUT.iter().any(|name| entry.file_name() == *name) {
                folders.push((entry.path(), to));
            } else if kind.is_file() {
                match fs::copy(entry.path(), &to) {
                    Ok(bytes) => {
                        fs::File::open(&to)?.sync_all()?;
                        copied.count += 1;
                        copied.bytes += bytes;
                    }
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
    Ok(copied)
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{:.1} KB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_have_a_fitting_unit() {
        assert_eq!(super::size(57_344), "57.3 KB");
        assert_eq!(super::size(1_500_000), "1.5 MB");
        assert_eq!(super::size(2_340_000_000), "2.34 GB");
    }
}
