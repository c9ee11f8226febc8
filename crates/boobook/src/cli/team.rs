//! `boobook team`

use boobook_app::Named;
use clap::{Args, Subcommand};

use super::DataArgs;
use crate::{local::Local, out};

/// Make and list teams (workspaces).
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  boobook team create \"Werkstatt Nord\"\n  boobook team list --json")]
pub(super) struct Team {
    #[command(subcommand)]
    command: TeamCommand,
}

#[derive(Debug, Subcommand)]
enum TeamCommand {
    /// Make a team; prints its id.
    #[command(after_help = "Example:\n  boobook team create \"Werkstatt Nord\"")]
    Create {
        /// Name of the team
        name: String,
        /// Print {"id":…,"name":…} instead of the id
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: DataArgs,
    },
    /// List the teams of a data directory.
    #[command(after_help = "Example:\n  boobook team list\n  boobook team list --json")]
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: DataArgs,
    },
}

impl Team {
    /// Runs it.
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.command {
            TeamCommand::Create { name, json, data } => create(&name, json, &data),
            TeamCommand::List { json, data } => list(json, &data),
        }
    }
}

fn create(name: &str, json: bool, data: &DataArgs) -> anyhow::Result<()> {
    let local = Local::open_or_make(data)?;
    let twins = local.catalogue.view().teams.iter().filter(|t| t.name == name).count();
    let team = local.explain("the team was not made", local.catalogue.create_team(name))?;
    if twins > 0 {
        out::note(format!(
            "note: there is a team of this name already; only ids tell them apart ({})",
            team.id
        ));
    }
    if json { out::json(&Named { id: team.id, name: team.name }) } else { out::line(&team.id) }
}

fn list(json: bool, data: &DataArgs) -> anyhow::Result<()> {
    let local = Local::open(data)?;
    let view = local.catalogue.view();
    if json {
        let teams: Vec<Named> =
            view.teams.iter().map(|t| Named { id: t.id.clone(), name: t.name.clone() }).collect();
        return out::json(&teams);
    }
    if view.teams.is_empty() {
        out::note(format!("no team yet in {}; make one: boobook team create NAME", local.place().shown));
        return Ok(());
    }
    let rows: Vec<Vec<String>> = view
        .teams
        .iter()
        .map(|t| vec![t.id.clone(), view.databases_of(&t.id).count().to_string(), t.name.clone()])
        .collect();
    out::table(&["id", "databases", "name"], &rows)
}
