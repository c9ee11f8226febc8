//! `boobook nx`

use std::path::PathBuf;

use boobook_nx_syntax::suggest;
use clap::{Args, Subcommand};

use crate::{
    failure::Failure,
    nx::{self, Entry},
    out,
};

/// Format and check NX scripts, look up the functions of the language.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  boobook nx functions lpad")]
pub(super) struct Nx {
    #[command(subcommand)]
    command: NxCommand,
}

#[derive(Debug, Subcommand)]
enum NxCommand {
    /// Format scripts in place.
    #[command(after_help = "Examples:
  boobook nx fmt scripts/*.nx
  boobook nx fmt --check scripts/*.nx
  pbpaste | boobook nx fmt -")]
    Fmt {
        /// Files of one script each; `-` formats standard input to standard output
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Change nothing, but fail if a file would change
        #[arg(long)]
        check: bool,
    },
    /// Check a script against the schema of a database.
    #[command(after_help = "Examples:
  curl -H \"Authorization: Bearer $BOOBOOK_KEY\" $BOOBOOK_URL/v1/teams/TEAM/databases/DB/schema > schema.json
  boobook nx check close-year.nx --schema schema.json
  boobook nx check total.nx --schema schema.json --table Invoice")]
    Check {
        /// The script; `-` is standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The schema of the database, as the server shows it
        #[arg(long, value_name = "FILE")]
        schema: PathBuf,
        /// The table whose record is `this`, by name or id: for formulas and triggers
        #[arg(long, value_name = "NAME")]
        table: Option<String>,
        /// Print what was found as a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show the functions of the language, or one of them.
    #[command(after_help = "Examples:\n  boobook nx functions\n  boobook nx functions lpad")]
    Functions {
        /// A function
        name: Option<String>,
        /// Print the manual's page, as Markdown
        #[arg(long, conflicts_with = "name")]
        markdown: bool,
    },
}

impl Nx {
    /// Runs it.
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.command {
            NxCommand::Fmt { files, check } => nx::format(&files, check),
            NxCommand::Check { file, schema, table, json } => {
                nx::check(&file, &schema, table.as_deref(), json)
            }
            NxCommand::Functions { name: Some(name), .. } => one(&name),
            NxCommand::Functions { markdown: true, .. } => out::line(nx::page().trim_end()),
            NxCommand::Functions { .. } => list(),
        }
    }
}

fn one(name: &str) -> anyhow::Result<()> {
    let entries: Vec<Entry> = nx::groups().into_iter().flat_map(|group| group.entries).collect();
    match entries.iter().find(|entry| entry.name == name || entry.aliases.contains(&name)) {
        Some(entry) => out::line(nx::entry(entry).trim_end()),
        None => {
            let near = suggest(name, entries.iter().map(|entry| entry.name));
            let near = near.map_or(String::new(), |near| format!("did you mean {near}? "));
            Err(Failure::new(
                format!("there is no function {name:?}"),
                format!("{near}`boobook nx functions` lists all of them"),
            ))
        }
    }
}

fn list() -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for group in nx::groups() {
        for entry in group.entries {
            let form = format!("{}{}", entry.name, entry.forms.first().map_or("", String::as_str));
            rows.push(vec![group.heading.to_owned(), form, entry.place.label().to_owned()]);
        }
    }
    out::table(&["group", "function", "runs"], &rows)
}
