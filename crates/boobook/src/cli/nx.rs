//! `boobook nx`

use boobook_nx_syntax::suggest;
use clap::{Args, Subcommand};

use crate::{
    failure::Failure,
    nx::{self, Entry},
    out,
};

/// Look up the functions of the NX language.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  boobook nx functions lpad")]
pub(super) struct Nx {
    #[command(subcommand)]
    command: NxCommand,
}

#[derive(Debug, Subcommand)]
enum NxCommand {
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
