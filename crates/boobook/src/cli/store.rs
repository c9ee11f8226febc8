//! `boobook store`

use std::{
    fs,
    io::{IsTerminal as _, stderr},
    path::{Path, PathBuf},
};

use boobook_files::{Blobs, Copied, Hash};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{DataArgs, key_value};
use crate::{
    config::Settings,
    copy::{self, Side, StoreCopy},
    failure::Failure,
    local::{FILES_FOLDER, open_files},
    out,
    store::{OpenStore, is_shared},
};

/// How often what moves is copied again before that is given up.
const PASSES: usize = 5;

/// Copy all data from one store to another.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  boobook store copy /var/lib/boobook postgres://boobook@db1/boobook --files-to /srv/boobook-files")]
pub(super) struct Store {
    #[command(subcommand)]
    command: StoreCommand,
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Copy all teams, keys and databases, and the files, from a data directory to PostgreSQL, or back.
    #[command(after_help = "Examples:
  boobook store copy /var/lib/boobook postgres://boobook@db1/boobook --to-password-file pg.secret \\
      --files-to /srv/boobook-files
  boobook store copy postgres://boobook@db1/boobook /var/lib/boobook2 --files /srv/boobook-files

Stop the servers of FROM first. Run it again when it was broken off: it goes on with what is missing.
Every database is read back and compared. FROM is left as it is.")]
    Copy(Copy),
}

#[derive(Debug, Args)]
struct Copy {
    /// What is copied: a data directory, or postgres://USER@HOST:PORT/DATABASE
    from: String,
    /// Where to: the same, new or empty, or with a copy of FROM that was broken off
    to: String,
    /// Where the files of FROM lie [default: `files` in the settings, or in FROM's data directory]
    #[arg(long, value_name = "PLACE")]
    files: Option<String>,
    /// Where files are copied to [default: `files` in TO's data directory; to PostgreSQL, they stay where they are]
    #[arg(long, value_name = "PLACE")]
    files_to: Option<String>,
    /// File that holds the password of FROM
    #[arg(long, value_name = "FILE")]
    from_password_file: Option<PathBuf>,
    /// File that holds the password of TO
    #[arg(long, value_name = "FILE")]
    to_password_file: Option<PathBuf>,
    /// Print a JSON object instead of a table
    #[arg(long)]
    json: bool,
    /// Configuration file [default: ./boobook.toml if it is there] [env: BOOBOOK_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Any setting by its place in the file; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,
}

impl Store {
    /// Runs it.
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.command {
            StoreCommand::Copy(copy) => copy.run(),
        }
    }
}

/// Where files lie on both sides, and what became of them.
struct Files {
    from: Option<String>,
    to: Option<String>,
    settings: Settings,
    copied: Copied,
    /// Contents that are not what their names say, by database.
    damaged: Vec<(String, Hash)>,
}

impl Copy {
    fn run(self) -> anyhow::Result<()> {
        self.check()?;
        let (from, to) = (
            open(&self.from, self.from_password_file.as_deref())?,
            open(&self.to, self.to_password_file.as_deref())?,
        );
        let _locks = [from.lock()?, to.lock()?];
        let from_side = Side { store: &*from.store, shown: &from.place.shown };
        let to_side = Side { store: &*to.store, shown: &to.place.shown };
        let mut copy = StoreCopy::begin(from_side, to_side)?;
        let mut files = self.files()?;
        let is_whole = self.copy(&mut copy, &mut files)?;
        self.report(&copy, &files, [&from, &to])?;
        if !is_whole {
            return Err(Failure::new(
                format!("{} is being written to: the copy is not finished", from.place.shown),
                "stop the servers that use it, and run this again: it goes on with what has changed",
            ));
        }
        if files.damaged.is_empty() {
            return Ok(());
        }
        Err(Failure::new(
            format!("{} contents of files are damaged; all else is copied", files.damaged.len()),
            "bring those files back from a back-up",
        ))
    }

    fn check(&self) -> anyhow::Result<()> {
        for place in [&self.from, &self.to] {
            if place.contains("://") && !is_shared(place) {
                return Err(Failure::usage(
                    "a store is a data directory, or postgres://USER@HOST:PORT/DATABASE",
                    "files may lie elsewhere: --files and --files-to name their places",
                ));
            }
        }
        if !is_shared(&self.from) && !Path::new(&self.from).is_dir() {
            return Err(Failure::new(
                format!("there is no data directory {}", self.from),
                "name the one that the server was started with",
            ));
        }
        let real = |place: &str| fs::canonicalize(place).ok();
        if self.from == self.to || real(&self.from).is_some_and(|from| real(&self.to) == Some(from)) {
            return Err(Failure::usage("FROM and TO are the same", "name another directory or schema"));
        }
        Ok(())
    }

    fn files(&self) -> anyhow::Result<Files> {
        let args = DataArgs { config: self.config.clone(), set: self.set.clone(), ..DataArgs::default() };
        let settings = args.settings(Vec::new())?;
        let folder = |store: &str| {
            let inside = Path::new(store).join(FILES_FOLDER).display().to_string();
            (!is_shared(store)).then_some(inside)
        };
        let from = self.files.clone().or_else(|| settings.files.clone()).or_else(|| folder(&self.from));
        let to = self.files_to.clone().or_else(|| folder(&self.to));
        Ok(Files { from, to, settings, copied: Copied::default(), damaged: Vec::new() })
    }

    /// Copies until nothing moves any more; `false` if it always does.
    fn copy(&self, copy: &mut StoreCopy<'_>, files: &mut Files) -> anyhow::Result<bool> {
        let bar = if stderr().is_terminal() { ProgressBar::new(1) } else { ProgressBar::hidden() };
        bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}")?);
        for _ in 0..PASSES {
            bar.set_length(copy.databases().len() as u64);
            let mut last = None;
            copy.copy_databases(&mut |name, rows| {
                if rows == 0 && last.replace(name.to_owned()).is_some() {
                    bar.inc(1);
                }
                bar.set_message(format!("{name}: {rows} rows"));
            })?;
            bar.set_message("files");
            files.copy(copy)?;
            if copy.finish()? {
                bar.finish_and_clear();
                return Ok(true);
            }
            bar.reset();
        }
        bar.finish_and_clear();
        Ok(false)
    }

    fn report(&self, copy: &StoreCopy<'_>, files: &Files, sides: [&OpenStore; 2]) -> anyhow::Result<()> {
        let [from, to] = sides.map(|side| &side.place);
        if self.json {
            let databases: Vec<Value> = copy.copied().map(to_json).collect();
            return out::json(&json!({
                "from": from.shown,
                "to": to.shown,
                "databases": databases,
                "files": files.copied.blobs,
                "fileBytes": files.copied.bytes,
                "damagedFiles": files.damaged.iter().map(|(id, hash)| format!("{id}/{hash}")).collect::<Vec<_>>(),
            }));
        }
        let rows: Vec<Vec<String>> = copy.copied().map(to_row).collect();
        out::table(&["id", "name", "records", "history", "sequence", "sha-256", ""], &rows)?;
        for (id, hash) in &files.damaged {
            out::note(format!("a file of database {id} is not in the copy, it is damaged: content {hash}"));
        }
        match (&files.from, &files.to) {
            (Some(_), Some(_)) => out::note(format!(
                "{} files ({} bytes) are in the copy",
                files.copied.blobs, files.copied.bytes
            )),
            (Some(place), None) => out::note(format!(
                "Files stay in {place}: servers find them with --files {place}; --files-to copies them elsewhere."
            )),
            (None, _) => out::note("No files were copied: --files names where they lie."),
        }
        out::note(match (is_shared(&self.to), &files.to) {
            (false, _) => format!("Start a server with: boobook serve {}", to.flag),
            // Its password is not repeated, nor are its options, which may have one.
            (true, Some(place)) => {
                format!("Start servers with --store URL, as given here, and --files {place}")
            }
            (true, None) => "Start servers with --store URL, as given here".to_owned(),
        });
        Ok(())
    }
}

impl Files {
    /// Copies the files of all databases; those that are there are left.
    fn copy(&mut self, copy: &StoreCopy<'_>) -> anyhow::Result<()> {
        let (Some(from), Some(to)) = (&self.from, &self.to) else { return Ok(()) };
        if from == to {
            return Ok(());
        }
        let at =
            |place: &String| open_files(&Settings { files: Some(place.clone()), ..self.settings.clone() });
        let (from, to): (Blobs, Blobs) = (at(from)?, at(to)?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        (self.copied, self.damaged) = Default::default();
        for entry in copy.databases() {
            let copied = runtime.block_on(from.copy_out(&entry.id.parse()?, &to));
            let (copied, damaged) = copied.map_err(|error| {
                Failure::new(
                    format!("the files of database {} were not copied: {error}", entry.id),
                    "run the same command again: it goes on with what is missing",
                )
            })?;
            self.copied.blobs += copied.blobs;
            self.copied.bytes += copied.bytes;
            self.damaged.extend(damaged.into_iter().map(|hash| (entry.id.clone(), hash)));
        }
        Ok(())
    }
}

fn open(place: &str, password_file: Option<&Path>) -> anyhow::Result<OpenStore> {
    OpenStore::open(&Settings {
        store: is_shared(place).then(|| place.to_owned()),
        data: PathBuf::from(place),
        store_password_file: password_file.map(Path::to_owned),
        ..Settings::default()
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn to_json(copied: &copy::Copied) -> Value {
    let summary = &copied.summary;
    json!({
        "id": copied.entry.id,
        "name": copied.entry.name,
        "team": copied.entry.team,
        "sequence": summary.seq.0,
        "records": summary.records,
        "deleted": summary.tombstones,
        "history": summary.history,
        "answers": summary.answers,
        "putOff": summary.put_off,
        "sha256": hex(&summary.sha256),
        "written": copied.is_new,
    })
}

fn to_row(copied: &copy::Copied) -> Vec<String> {
    let summary = &copied.summary;
    let state = if copied.is_new { "copied" } else { "was there" };
    let sha256 = hex(&summary.sha256[..8]);
    let (records, history) = (summary.records.to_string(), summary.history.to_string());
    let (id, name) = (copied.entry.id.clone(), copied.entry.name.clone());
    vec![id, name, records, history, summary.seq.0.to_string(), sha256, state.to_owned()]
}
