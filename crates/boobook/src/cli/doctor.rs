//! `boobook doctor`

use std::io::{IsTerminal as _, stderr};

use boobook_app::{DatabaseEntry, DatabaseState, FilesReport, check_files, read_state};
use boobook_files::Blobs;
use boobook_model::DatabaseId;
use boobook_nx::Library;
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{DataArgs, engine};
use crate::{
    config::Settings,
    failure::Failure,
    local::{Local, no_files, open_files},
    out, store,
};

/// Look through the data, also while a server runs on it: whether every database can be read, every script compiles, and
/// every file that a record names is there. Nothing is changed.
///
/// Where the data is on a database server (--store), that is tried out before: what boobook needs of it (PostgreSQL,
/// CockroachDB, …) and of the place for files, and how fast they are. That takes a minute or two and some load; it happens
/// in a schema, a folder and a prefix of its own, which are removed afterwards. No data need be there yet.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  boobook doctor
  boobook doctor --data /var/lib/boobook --json
  boobook doctor --store postgres://boobook@db1/boobook --files s3://boobook/files
  boobook doctor --store postgres://boobook@db1/boobook --files s3://boobook/files --only data
  boobook doctor --data /var/lib/boobook --only engine

Exit code 1 tells that something is wrong.")]
pub(super) struct Doctor {
    /// Only try out the engine (a disk, too), or only look through the data
    #[arg(long, value_name = "PART")]
    only: Option<Part>,
    /// Print a JSON object instead of a page
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArgs,
}

/// What can be examined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Engine,
    Data,
}

/// What was found in one database.
struct Finding {
    id: String,
    name: String,
    team: String,
    outcome: Result<State, String>,
}

struct State {
    sq: u64,
    tables: usize,
    records: usize,
    scripts: Vec<String>,
    files: FilesReport,
}

impl Doctor {
    /// Runs it.
    pub(super) fn run(self) -> anyhow::Result<()> {
        let settings = self.data.settings(Vec::new())?;
        let both = settings.store.is_some();
        let engine = match self.only {
            Some(Part::Engine) => true,
            Some(Part::Data) => false,
            None => both,
        };
        let engine = engine.then(|| engine::examine(&settings)).transpose()?;
        if let Some(engine) = engine.as_ref().filter(|_| !self.json) {
            engine.print()?;
        }
        let data = (self.only != Some(Part::Engine))
            .then(|| Data::look_through(&self.data, &settings))
            .transpose()?;
        if self.json {
            out::json(&to_json(engine.as_ref(), data.as_ref()))?;
        } else if let Some(data) = &data {
            if engine.is_some() {
                out::line("")?;
            }
            data.print()?;
        }
        let failures = [engine.and_then(|engine| engine.failure()), data.and_then(|data| data.failure())];
        failures.into_iter().flatten().next().map_or(Ok(()), Err)
    }
}

fn to_json(engine: Option<&engine::Report>, data: Option<&Data>) -> Value {
    let is_sound = engine.is_none_or(|engine| engine.failure().is_none())
        && data.is_none_or(|data| data.failure().is_none());
    let mut report = json!({ "sound": is_sound });
    if let Some(engine) = engine {
        report["engine"] = engine.to_json();
    }
    if let Some(data) = data {
        report["teams"] = json!(data.teams);
        report["databases"] = data.findings.iter().map(Finding::to_json).collect();
    }
    report
}

/// What was found in the data.
#[derive(Default)]
struct Data {
    teams: usize,
    findings: Vec<Finding>,
}

impl Data {
    fn look_through(args: &DataArgs, settings: &Settings) -> anyhow::Result<Self> {
        // Looking makes no store where there is none yet.
        if !store::is_there(settings)? {
            return Ok(Self::default());
        }
        let local = Local::open(args)?;
        let blobs = open_files(settings)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(blobs.check()).map_err(no_files)?;
        let view = local.catalogue.view();
        let databases: Vec<_> =
            view.databases.iter().filter(|d| d.state == DatabaseState::Active).cloned().collect();
        let bar = if stderr().is_terminal() {
            ProgressBar::new(databases.len() as u64)
        } else {
            ProgressBar::hidden()
        };
        bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}")?);
        let mut findings = Vec::new();
        for entry in &databases {
            bar.set_message(entry.name.clone());
            let outcome = look(&local, &blobs, entry, &runtime);
            findings.push(Finding {
                id: entry.id.clone(),
                name: entry.name.clone(),
                team: entry.team.clone(),
                outcome: outcome.map_err(|error| error.to_string()),
            });
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(Self { teams: view.teams.len(), findings })
    }

    fn print(&self) -> anyhow::Result<()> {
        for finding in &self.findings {
            out::line(finding.to_text())?;
        }
        if self.failure().is_none() {
            out::note(match self.findings.len() {
                0 => "no databases are there yet".to_owned(),
                1 => "1 database: everything can be read, every file is there".to_owned(),
                n => format!("{n} databases: everything can be read, every file is there"),
            });
        }
        Ok(())
    }

    /// What is damaged, if anything.
    fn failure(&self) -> Option<anyhow::Error> {
        let wrong = self.findings.iter().filter(|finding| !finding.is_sound()).count();
        (wrong > 0).then(|| {
            Failure::new(
                format!("{wrong} of {} databases are damaged", self.findings.len()),
                "bring what is damaged back from a back-up; all others can be used",
            )
        })
    }
}

fn look(local: &Local, blobs: &Blobs, entry: &DatabaseEntry, runtime: &Runtime) -> anyhow::Result<State> {
    let id: DatabaseId = entry.id.parse()?;
    let handle = local.store().open_database(&id)?;
    let snapshot = read_state(&id, &*handle)?;
    handle.release();
    let library = Library::compile(std::sync::Arc::clone(&snapshot.schema));
    let tables = snapshot.schema.tables.iter().filter_map(|table| snapshot.table(table.id));
    Ok(State {
        sq: snapshot.sq.0,
        tables: tables.clone().count(),
        records: tables.map(|table| table.len()).sum(),
        scripts: library.problems.iter().map(|problem| problem.place.clone()).collect(),
        files: runtime.block_on(check_files(blobs, &id, &snapshot))?,
    })
}

impl Finding {
    /// Scripts that do not compile are the author's matter: the database is sound all the same.
    fn is_sound(&self) -> bool {
        self.outcome
            .as_ref()
            .is_ok_and(|state| state.files.missing.is_empty() && state.files.damaged.is_empty())
    }

    fn to_json(&self) -> Value {
        match &self.outcome {
            Err(error) => json!({ "id": self.id, "name": self.name, "team": self.team, "error": error }),
            Ok(state) => json!({
                "id": self.id,
                "name": self.name,
                "team": self.team,
                "sequence": state.sq,
                "tables": state.tables,
                "records": state.records,
                "scriptsWithProblems": state.scripts,
                "files": state.files.named,
                "missingFiles": state.files.missing,
                "damagedFileLists": state.files.damaged.iter().map(|(t, r)| format!("{t}{r}")).collect::<Vec<_>>(),
            }),
        }
    }

    fn to_text(&self) -> String {
        let head = format!("{} {}", self.id, self.name);
        let state = match &self.outcome {
            Err(error) => return format!("{head}: {error}"),
            Ok(state) => state,
        };
        let mut text = format!(
            "{head}: {} tables, {} records, {} files",
            state.tables, state.records, state.files.named
        );
        for hash in &state.files.missing {
            text.push_str(&format!("\n  a file is missing: content {hash}"));
        }
        for (table, record) in &state.files.damaged {
            text.push_str(&format!("\n  the list of files of record {table}{record} is damaged"));
        }
        for place in &state.scripts {
            text.push_str(&format!("\n  a script has problems: {place}"));
        }
        text
    }
}
