//! `boobook backup`

use std::{
    io::{IsTerminal as _, stderr},
    path::{Path, PathBuf},
};

use boobook_files::{Blobs, Copied, Hash};
use boobook_store_sqlite::backup;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::DataArgs;
use crate::{
    failure::Failure,
    local::{FILES_FOLDER, Local, open_files},
    out,
};

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
        let files = copy_files(&self.data, &self.dest).map_err(|error| {
            Failure::new(
                format!("the files of {} were not copied: {error:#}", data.display()),
                "the copy lacks files; remove it, and run this again with a new or empty directory",
            )
        })?;
        let damaged: Vec<_> =
            files.damaged.iter().map(|(id, hash)| json!({ "id": id, "sha256": hash.to_string() })).collect();
        if self.json {
            out::json(&json!({
                "dest": self.dest,
                "databases": report.databases,
                "bytes": report.bytes,
                "files": files.copied.blobs,
                "fileBytes": files.copied.bytes,
                "deletedMeanwhile": report.skipped,
                "failed": failed,
                "damagedFiles": damaged,
            }))?;
        } else {
            let databases = if report.databases == 1 { "database" } else { "databases" };
            out::line(format!(
                "copied the catalogue, {} {databases} ({}) and {} files ({}) to {}",
                report.databases,
                size(report.bytes),
                files.copied.blobs,
                size(files.copied.bytes),
                self.dest.display()
            ))?;
        }
        for (id, error) in &report.failed {
            out::note(format!("database {id} is not in the copy: {error}"));
        }
        for (id, hash) in &files.damaged {
            out::note(format!("a file of database {id} is not in the copy, it is damaged: content {hash}"));
        }
        if report.failed.is_empty() && files.damaged.is_empty() {
            return Ok(());
        }
        if report.failed.is_empty() {
            return Err(Failure::new(
                format!("{} contents of files are damaged; all else is in the copy", files.damaged.len()),
                "bring those files back from an earlier backup",
            ));
        }
        Err(Failure::new(
            format!("{} of the databases cannot be read; all others are in the copy", report.failed.len()),
            "bring those databases back from an earlier backup",
        ))
    }
}

/// What was copied of the files of records.
#[derive(Default)]
struct Files {
    copied: Copied,
    /// Contents that are not what their names say, by database.
    damaged: Vec<(String, Hash)>,
}

/// Copies the contents of all databases out of their directory or bucket. What goes meanwhile is not needed.
fn copy_files(data: &DataArgs, dest: &Path) -> anyhow::Result<Files> {
    let from = open_files(&data.settings(Vec::new())?)?;
    let to = Blobs::local(dest.join(FILES_FOLDER))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(from.check())?;
    let mut files = Files::default();
    for entry in &Local::open(data)?.catalogue.view().databases {
        let (copied, damaged) = runtime.block_on(from.copy_out(&entry.id.parse()?, &to))?;
        files.copied.blobs += copied.blobs;
        files.copied.bytes += copied.bytes;
        files.damaged.extend(damaged.into_iter().map(|hash| (entry.id.clone(), hash)));
    }
    Ok(files)
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
