//! `boobook user`

use boobook_app::{NewUser, UserEntry};
use clap::{Args, Subcommand};
use serde_json::json;

use super::DataArgs;
use crate::{local::Local, out};

/// Make and list users.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  boobook user create anna@example.com --team \"Werkstatt Nord\" --role editor"
)]
pub(super) struct User {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Make a user, or give one a role in one more team, or a name; prints the user's id.
    #[command(
        after_help = "Example:\n  boobook user create anna@example.com --name \"Anna Berg\" --team \"Werkstatt Nord\" --role admin"
    )]
    Create {
        /// E-mail address
        email: String,
        /// First name and last name, as people and scripts know the user; without: the part of the address before the @
        #[arg(long)]
        name: Option<String>,
        /// Team, by id or unique name
        #[arg(long, value_name = "TEAM")]
        team: String,
        /// Role in the team: admin, editor, or one of the team's own
        #[arg(long)]
        role: String,
        /// Print the user as a JSON object instead of the id
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: DataArgs,
    },
    /// List users and their roles.
    #[command(after_help = "Example:\n  boobook user list --team \"Werkstatt Nord\"")]
    List {
        /// Only users of this team, by id or unique name
        #[arg(long, value_name = "TEAM")]
        team: Option<String>,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: DataArgs,
    },
}

impl User {
    /// Runs it.
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.command {
            UserCommand::Create { email, name, team, role, json, data } => {
                create(&email, name.as_deref(), (&team, &role), json, &data)
            }
            UserCommand::List { team, json, data } => list(team.as_deref(), json, &data),
        }
    }
}

fn create(
    email: &str,
    name: Option<&str>,
    (team, role): (&str, &str),
    json: bool,
    data: &DataArgs,
) -> anyhow::Result<()> {
    let local = Local::open(data)?;
    let team = local.team(team)?;
    let new = NewUser { email, name, team: &team.id, role };
    let user = local.explain("the user was not made", local.catalogue.create_user(&new))?;
    if json { out::json(&as_json(&user)) } else { out::line(&user.id) }
}

fn as_json(user: &UserEntry) -> serde_json::Value {
    let teams: Vec<_> = user.teams.iter().map(|(team, role)| json!({ "team": team, "role": role })).collect();
    json!({ "id": user.id, "email": user.email, "name": user.name, "teams": teams })
}

fn list(team: Option<&str>, json: bool, data: &DataArgs) -> anyhow::Result<()> {
    let local = Local::open(data)?;
    let team = team.map(|key| local.team(key)).transpose()?;
    let view = local.catalogue.view();
    let users: Vec<_> = view
        .users
        .iter()
        .filter(|user| team.as_ref().is_none_or(|team| user.role_in(&team.id).is_some()))
        .collect();
    if json {
        return out::json(&users.iter().map(|user| as_json(user)).collect::<Vec<_>>());
    }
    if users.is_empty() {
        out::note("no user yet; make one: boobook user create EMAIL --team TEAM --role editor");
        return Ok(());
    }
    let name_of = |id: &str| view.teams.iter().find(|t| t.id == id).map_or(id.to_owned(), |t| t.name.clone());
    let rows: Vec<Vec<String>> = users
        .iter()
        .map(|user| {
            let roles: Vec<_> =
                user.teams.iter().map(|(t, role)| format!("{role} in {}", name_of(t))).collect();
            let email = user.email.clone().unwrap_or_else(|| "(service user of a key)".into());
            vec![user.id.clone(), email, user.name.clone().unwrap_or_default(), roles.join(", ")]
        })
        .collect();
    out::table(&["id", "e-mail", "name", "roles"], &rows)
}
