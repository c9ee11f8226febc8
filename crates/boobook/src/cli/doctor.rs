//! `boobook doctor`

use std::io::{IsTerminal as _, stderr};

use boobook_app::{DatabaseEntry, DatabaseState, FilesReport, check_files, read_state};
use boobook_files::Blobs;
use boobook_model::DatabaseId;
use boobook_nx::Library;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{DataArgs, engine};
use crate::{
    failure::Failure,
    local::{Local, no_files, open_files},
    out,
};

/// Look through the data, also while a server runs on it: whether every database can be read, every script compiles, and
/// every file that a record names is there. Nothing is changed.
///
/// With --engine, try out the engine instead: what boobook needs of a database server (PostgreSQL, CockroachDB, …), a disk
/// or a bucket, and how fast it is. That happens in a schema, a folder and a prefix of its own, removed afterwards; the data
/// is not touched.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  boobook doctor
  boobook doctor --data /var/lib/boobook --json
  boobook doctor --engine --store postgres://boobook@db1/boobook --files s3://boobook/files
  boobook doctor --engine --data /var/lib/boobook

Exit code 1 tells that something is wrong.")]
pub(super) struct Doctor {
    /// Try out the engine, not the data: takes a minute or two, and some load
    #[arg(long)]
    engine: bool,
    /// Print a JSON object instead of a page
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArgs,
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
        if self.engine {
            return engine::run(&settings, self.json);
        }
        let local = Local::open(&self.data)?;
        let blobs = open_files(&settings)?;
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
            let outcome = runtime.block_on(look(&local, &blobs, entry));
            findings.push(Finding {
                id: entry.id.clone(),
                name: entry.name.clone(),
                team: entry.team.clone(),
                outcome: outcome.map_err(|error| error.to_string()),
            });
            bar.inc(1);
        }
        bar.finish_and_clear();
        if self.json {
            let teams = view.teams.len();
            let all: Vec<Value> = findings.iter().map(Finding::to_json).collect();
            let is_sound = findings.iter().all(Finding::is_sound);
            out::json(&json!({ "sound": is_sound, "teams": teams, "databases": all }))?;
        } else {
            for finding in &findings {
                out::line(finding.to_text())?;
            }
        }
        let wrong = findings.iter().filter(|finding| !finding.is_sound()).count();
        if wrong == 0 {
            let count = findings.len();
            let databases = if count == 1 { "database" } else { "databases" };
            out::note(format!("{count} {databases}: everything can be read, every file is there"));
            return Ok(());
        }
        Err(Failure::new(
            format!("{wrong} of {} databases are damaged", findings.len()),
            "bring what is damaged back from a back-up; all others can be used",
        ))
    }
}

async fn look(local: &Local, blobs: &Blobs, entry: &DatabaseEntry) -> anyhow::Result<State> {
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
        files: check_files(blobs, &id, &snapshot).await?,
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
