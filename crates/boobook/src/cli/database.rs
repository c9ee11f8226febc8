//! `boobook database`

use std::{
    io::{IsTerminal as _, stdin},
    path::{Path, PathBuf},
    sync::Arc,
};

use boobook_app::{DatabaseEntry, DatabaseState, Named};
use boobook_model::Schema;
use clap::{Args, Subcommand};
use serde_json::{Value as Json, json};

use super::DataArgs;
use crate::{failure::Failure, local::Local, out};

/// Make, list and delete databases.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  boobook database create --team \"Werkstatt Nord\" Handel\n  boobook database list"
)]
pub(super) struct Database {
    #[command(subcommand)]
    command: DatabaseCommand,
}

#[derive(Debug, Subcommand)]
enum DatabaseCommand {
    /// Make a database, empty or with a schema; prints its id.
    #[command(after_help = "Examples:
  boobook database create --team \"Werkstatt Nord\" Handel
  boobook database create --team \"Werkstatt Nord\" Copy --schema schema.json

FILE holds the answer of GET …/databases/ID/schema or of GET …/databases/ID.")]
    Create {
        /// Team, by id or unique name
        #[arg(long, value_name = "TEAM")]
        team: String,
        /// Name of the database
        name: String,
        /// Schema as JSON
        #[arg(long, value_name = "FILE")]
        schema: Option<PathBuf>,
        /// Print {"id":…,"name":…} instead of the id
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: DataArgs,
    },
    /// List databases.
    #[command(after_help = "Example:\n  boobook database list --team \"Werkstatt Nord\" --json")]
    List {
        /// Only databases of this team, by id or unique name
        #[arg(long, value_name = "TEAM")]
        team: Option<String>,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: DataArgs,
    },
    /// Delete a database with all its records. There is no way back but a backup.
    #[command(after_help = "Example:\n  boobook database delete b7f2m9c4x1qa --yes")]
    Delete {
        /// Id, or a name that is unique in its team
        database: String,
        /// Team, by id or unique name; needed where several teams have a database of that name
        #[arg(long, value_name = "TEAM")]
        team: Option<String>,
        /// Do not ask (nobody is asked where stdin is no terminal)
        #[arg(long)]
        yes: bool,
        /// Print {"id":…,"name":…,"deleted":true}
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: DataArgs,
    },
}

impl Database {
    /// Runs it.
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.command {
            DatabaseCommand::Create { team, name, schema, json, data } => {
                create(&team, &name, schema.as_deref(), json, &data)
            }
            DatabaseCommand::List { team, json, data } => list(team.as_deref(), json, &data),
            DatabaseCommand::Delete { database, team, yes, json, data } => {
                delete(&database, team.as_deref(), yes, json, &data)
            }
        }
    }
}

fn create(team: &str, name: &str, file: Option<&Path>, json: bool, data: &DataArgs) -> anyhow::Result<()> {
    let local = Local::open(data)?;
    let team = local.team(team)?;
    let schema = match file {
        Some(path) => read_schema(path)?,
        None => Schema::empty(name),
    };
    let made = local.catalogue.create_database(&team.id, name, schema);
    let entry = local.explain("the database was not made", made)?;
    if json { out::json(&Named { id: entry.id, name: entry.name }) } else { out::line(&entry.id) }
}

/// Reads the schema object of `GET P/schema`, or the whole answer of `GET P`.
fn read_schema(path: &Path) -> anyhow::Result<Schema> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(format!("{shown} cannot be read: {error}"), "--schema names a JSON file in UTF-8")
    })?;
    let json: Json = serde_json::from_str(&text).map_err(|error| {
        Failure::new(
            format!("{shown} is no JSON: {error}"),
            "it holds the answer of GET …/databases/ID/schema",
        )
    })?;
    let whole = json.get("types").is_none() && json.get("schema").is_some();
    let read = if whole { Schema::from_stored(json) } else { Schema::from_json(json) };
    read.map_err(|error| {
        Failure::new(
            format!("{shown}: {error}"),
            "nothing was made; correct the file at that place and run it again",
        )
    })
}

fn list(team: Option<&str>, json: bool, data: &DataArgs) -> anyhow::Result<()> {
    let local = Local::open(data)?;
    let team = team.map(|key| local.team(key)).transpose()?;
    let view = local.catalogue.view();
    let databases: Vec<_> =
        view.databases.iter().filter(|d| team.as_ref().is_none_or(|team| d.team == team.id)).collect();
    let state = |d: &DatabaseEntry| match d.state {
        DatabaseState::Creating => "being made",
        DatabaseState::Active => "active",
        DatabaseState::Deleting => "being deleted",
    };
    if json {
        let list: Vec<_> = databases
            .iter()
            .map(|d| json!({ "id": d.id, "name": d.name, "team": d.team, "state": d.state }))
            .collect();
        return out::json(&list);
    }
    if databases.is_empty() {
        out::note("no database yet; make one: boobook database create --team TEAM NAME");
        return Ok(());
    }
    let rows: Vec<Vec<String>> = databases
        .iter()
        .map(|d| {
            let team =
                view.teams.iter().find(|t| t.id == d.team).map_or(d.team.as_str(), |t| t.name.as_str());
            vec![d.id.clone(), d.name.clone(), team.to_owned(), state(d).to_owned()]
        })
        .collect();
    out::table(&["id", "name", "team", "state"], &rows)
}

fn delete(key: &str, team: Option<&str>, yes: bool, json: bool, data: &DataArgs) -> anyhow::Result<()> {
    let local = Local::open(data)?;
    let entry = find(&local, key, team)?;
    if !yes && stdin().is_terminal() && !confirmed(&entry)? {
        out::note("nothing was deleted");
        return Ok(());
    }
    let marked = local.catalogue.delete_database(&entry.team, &entry.id);
    local.explain("the database was not deleted", marked)?;
    let done = local.finish_deletions()?;
    if json {
        return out::json(&json!({ "id": entry.id, "name": entry.name, "deleted": true }));
    }
    let when = if done { "its data is gone" } else { "the running server removes its data within a second" };
    out::note(format!("database {:?} ({}) is deleted; {when}", entry.name, entry.id));
    Ok(())
}

fn find(local: &Local, key: &str, team: Option<&str>) -> anyhow::Result<Arc<DatabaseEntry>> {
    let team = team.map(|key| local.team(key)).transpose()?;
    let view = local.catalogue.view();
    let there = |d: &&Arc<DatabaseEntry>| {
        d.state == DatabaseState::Active && team.as_ref().is_none_or(|team| d.team == team.id)
    };
    let databases: Vec<_> = view.databases.iter().filter(there).collect();
    if let Some(entry) = databases.iter().find(|d| d.id == key) {
        return Ok(Arc::clone(entry));
    }
    let named: Vec<_> = databases.iter().filter(|d| d.name == key).collect();
    match named.as_slice() {
        [entry] => Ok(Arc::clone(entry)),
        [] => Err(Failure::new(
            format!("there is no database {key:?} in {}", local.place().shown),
            format!("`boobook database list {}` shows databases and ids", local.place().flag),
        )),
        several => Err(Failure::new(
            format!("there are {} databases named {key:?}", several.len()),
            "name the one you mean by its id, or add --team; `boobook database list` shows both",
        )),
    }
}

fn confirmed(entry: &DatabaseEntry) -> anyhow::Result<bool> {
    out::note(format!("This deletes database {:?} ({}) with all its records.", entry.name, entry.id));
    out::note("Type its name to go on:");
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    Ok(answer.trim() == entry.name)
}
