//! The command line: one file per command. `serve`, `demo` run a server; `import` is a client of one; all others
//! work on a data directory, also while a server runs on it.

mod backup;
mod database;
mod demo;
mod doctor;
pub(crate) mod duration;
mod engine;
mod import;
mod key;
mod nx;
mod query;
mod serve;
mod store;
mod team;
mod user;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};

use crate::{
    config::{self, Settings, Sources},
    failure::{self, Failure},
    store::without_password,
};

const EXAMPLES: &str = "\
Examples:
  boobook demo                               a server with a small trading company to try out
  boobook team create \"Werkstatt Nord\"       the first team of a new data directory
  boobook key create --team \"Werkstatt Nord\" --role admin
  boobook serve --listen 127.0.0.1:8080

Settings come from flags, then BOOBOOK_… variables, then boobook.toml.";

/// A self-hosted server that speaks the Ninox Private Cloud API.
#[derive(Debug, Parser)]
#[command(name = "boobook", version, about, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(serve::Serve),
    /// Run a server with a demo workspace, made on the first start.
    Demo(demo::Demo),
    /// Make and list teams.
    Team(team::Team),
    /// Make and list users.
    User(user::User),
    /// Make, list and revoke API keys.
    Key(key::Key),
    /// Make, list and delete databases.
    Database(database::Database),
    /// Import a CSV file into a table of a running server.
    Import(import::Import),
    /// Run NX on a running server, or talk to it at a prompt.
    Query(query::Query),
    /// Format and check NX scripts, look up the functions of the language.
    Nx(nx::Nx),
    /// Copy a data directory consistently, also while a server runs on it.
    Backup(backup::Backup),
    /// Look through the data: can everything be read, is every file there. Or try the engine itself out.
    Doctor(doctor::Doctor),
    /// Copy all data from one store to another: out of one machine, or back.
    Store(store::Store),
}

/// Where the data lies.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct DataArgs {
    /// Data directory [default: ./boobook-data] [env: BOOBOOK_DATA]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Store that several servers share, instead of a data directory: postgres://USER@HOST:PORT/DATABASE
    /// [env: BOOBOOK_STORE]
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    store: Option<String>,
    /// Where files of records lie: a directory, s3://bucket/prefix, gs://bucket/prefix or az://container/prefix
    /// [default: files in the data directory] [env: BOOBOOK_FILES]
    #[arg(long, value_name = "PLACE")]
    files: Option<String>,
    /// Configuration file [default: ./boobook.toml if it is there] [env: BOOBOOK_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Any setting by its place in the file, such as limits.changes_max=5000; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    set: Vec<(String, String)>,
}

impl DataArgs {
    /// The settings, these arguments and a command's own flags included.
    pub(crate) fn settings(&self, flags: Vec<(&str, Option<String>)>) -> anyhow::Result<Settings> {
        let variables = config::variables()?;
        let named = self
            .config
            .clone()
            .or_else(|| variables.get("BOOBOOK_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from));
        let mut all = self.set.clone();
        if let Some(data) = &self.data {
            all.push(("data".into(), data.to_string_lossy().into_owned()));
        }
        all.extend(self.store.iter().map(|url| ("store".to_owned(), url.clone())));
        all.extend(self.files.iter().map(|place| ("files".to_owned(), place.clone())));
        all.extend(flags.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
        Settings::load(&Sources { file: named.as_deref(), folder: Path::new("."), variables, flags: all })
    }

    /// The data directory, for what can be done with one only.
    pub(crate) fn directory(&self) -> anyhow::Result<PathBuf> {
        let settings = self.settings(Vec::new())?;
        match &settings.store {
            None => Ok(settings.data),
            Some(url) => Err(Failure::usage(
                format!("this works on a data directory, not on {}", without_password(url)),
                "a shared store is backed up by its own means; `boobook store copy` copies one into a directory",
            )),
        }
    }
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE, such as limits.changes_max=5000")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

/// Runs what the command line asks for.
pub(crate) fn run() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(command) => command.run(),
        Command::Demo(command) => command.run(),
        Command::Team(command) => command.run(),
        Command::User(command) => command.run(),
        Command::Key(command) => command.run(),
        Command::Database(command) => command.run(),
        Command::Import(command) => command.run(),
        Command::Query(command) => command.run(),
        Command::Nx(command) => command.run(),
        Command::Backup(command) => command.run(),
        Command::Doctor(command) => command.run(),
        Command::Store(command) => command.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example() {
        fn visit(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example"), "`{}` has no example in its help", path.trim());
            let first = path.trim();
            assert!(help.contains(first), "the example of `{first}` does not show it");
            for sub in command.get_subcommands().filter(|c| c.get_name() != "help") {
                visit(sub, &path);
            }
        }
        visit(&super::Cli::command(), "");
    }
}
