//! `boobook query`

use std::path::PathBuf;

use clap::Args;

use crate::query::{self, Order, Shown};

/// Run NX on a running server, or talk to it at a prompt.
#[derive(Debug, Args)]
#[command(
    long_about = "Run NX on a running server, or talk to it at a prompt.\n\n\
        Without a script, and with a terminal, lines are read at a prompt with history and completion; `.help` there \
        says more. Otherwise the script comes from the argument, from a file, or (`-`) from standard input.",
    after_help = "Examples:
  export BOOBOOK_KEY=…
  boobook query 'cnt(select Customer)' --team \"Werkstatt Nord\" --database Handel
  boobook query '(select Customer).{name: Name, city: City}' --team k3v9q2m7c1x8w5t4z --database b7f2m9c4x1qa --table
  boobook query 'Name + \" in \" + City' --this A6 --team k3v9q2m7c1x8w5t4z --database b7f2m9c4x1qa
  boobook query --file close-year.nx --exec --team k3v9q2m7c1x8w5t4z --database b7f2m9c4x1qa
  boobook query --team k3v9q2m7c1x8w5t4z --database b7f2m9c4x1qa"
)]
pub(super) struct Query {
    /// The script; `-` reads it from standard input
    #[arg(value_name = "NX")]
    script: Option<String>,
    /// Read the script from a file
    #[arg(long, value_name = "FILE", conflicts_with = "script")]
    file: Option<PathBuf>,
    /// Team, by id or unique name
    #[arg(long, value_name = "TEAM")]
    team: String,
    /// Database, by id or unique name
    #[arg(long, value_name = "DATABASE")]
    database: String,
    /// Address of the server
    #[arg(long, env = "BOOBOOK_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// API key; better set as the variable than written into the shell's history
    #[arg(long, env = "BOOBOOK_KEY", hide_env_values = true)]
    key: String,
    /// The script may write; it runs as one transaction, all or nothing
    #[arg(long)]
    exec: bool,
    /// The record that is `this`, by the ids of table and record, such as A6
    #[arg(long, value_name = "RECORD")]
    this: Option<String>,
    /// Print the value as JSON
    #[arg(long)]
    json: bool,
    /// Print a list of objects as a table
    #[arg(long, conflicts_with = "json")]
    table: bool,
}

impl Query {
    /// Runs it.
    pub(super) fn run(self) -> anyhow::Result<()> {
        query::run(&Order {
            script: self.script.as_deref(),
            file: self.file.as_deref(),
            url: &self.url,
            key: &self.key,
            team: &self.team,
            database: &self.database,
            may_write: self.exec,
            this: self.this.as_deref(),
            shown: match (self.json, self.table) {
                (true, _) => Some(Shown::Json),
                (_, true) => Some(Shown::Table),
                _ => None,
            },
        })
    }
}
