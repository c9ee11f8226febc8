//! `boobook key`

use boobook_app::{Host as _, KeyEntry, NewKey, SystemHost};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{DataArgs, duration};
use crate::{failure::Failure, local::Local, out};

/// Make, list and revoke API keys.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  BOOBOOK_KEY=$(boobook key create --team \"Werkstatt Nord\" --role admin)\n  boobook key list"
)]
pub(super) struct Key {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Make a key; prints the key alone. It is shown now and never again.
    #[command(after_help = "Examples:
  boobook key create --team \"Werkstatt Nord\" --role admin
  boobook key create --team \"Werkstatt Nord\" --read-only --database Handel --expires 90d --name \"web shop\"")]
    Create(Create),
    /// List keys (never the keys themselves: only their hashes are stored).
    #[command(after_help = "Example:\n  boobook key list --team \"Werkstatt Nord\"")]
    List {
        /// Only keys of this team, by id or unique name
        #[arg(long, value_name = "TEAM")]
        team: Option<String>,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: DataArgs,
    },
    /// End a key. A running server refuses it within a second.
    #[command(after_help = "Example:\n  boobook key revoke k3v9q2m7c1x8")]
    Revoke {
        /// Id of the key, as `boobook key list` shows it
        id: String,
        /// Print {"id":…,"revoked":true}
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        data: DataArgs,
    },
}

#[derive(Debug, Args)]
struct Create {
    /// Team, by id or unique name
    #[arg(long, value_name = "TEAM")]
    team: String,
    /// The user that acts, by e-mail or id; without it the key gets a service user of its own
    #[arg(long)]
    user: Option<String>,
    /// Role: admin, editor, or one of the team's own [default: the user's; editor for a service user]
    #[arg(long)]
    role: Option<String>,
    /// The key may change nothing
    #[arg(long)]
    read_only: bool,
    /// The only database it may see, by id or unique name; may be repeated [default: all of the team]
    #[arg(long, value_name = "DATABASE")]
    database: Vec<String>,
    /// The key is dead after this time: 90d, 12h, 1y [default: never]
    #[arg(long, value_name = "TIME", value_parser = duration::parse_ms)]
    expires: Option<i64>,
    /// What you call it, for `boobook key list`
    #[arg(long)]
    name: Option<String>,
    /// Print an object with the key and what it may do
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArgs,
}

impl Key {
    /// Runs it.
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.command {
            KeyCommand::Create(create) => create.run(),
            KeyCommand::List { team, json, data } => list(team.as_deref(), json, &data),
            KeyCommand::Revoke { id, json, data } => revoke(&id, json, &data),
        }
    }
}

impl Create {
    fn run(self) -> anyhow::Result<()> {
        let local = Local::open(&self.data)?;
        let team = local.team(&self.team)?;
        for key in &self.database {
            if local.catalogue.view().database(&team.id, key).is_none() {
                return Err(Failure::new(
                    format!("there is no database {key:?} in team {:?}", team.name),
                    format!("`boobook database list {}` shows databases and ids", local.place().flag),
                ));
            }
        }
        let new = NewKey {
            team: &team.id,
            user: self.user.as_deref(),
            role: self.role.as_deref(),
            read_only: self.read_only,
            databases: &self.database,
            expires_in_ms: self.expires,
            name: self.name.as_deref(),
        };
        let (entry, key) = local.explain("the key was not made", local.catalogue.create_key(&new))?;
        if self.json {
            let mut object = as_json(&entry, None);
            object["key"] = key.into();
            return out::json(&object);
        }
        out::line(&key)?;
        out::note(format!("key {} of team {:?}: {}", entry.id, team.name, what_it_may(&entry)));
        out::note("It is shown only now. Clients send it as `Authorization: Bearer <key>`.");
        Ok(())
    }
}

fn what_it_may(entry: &KeyEntry) -> String {
    let mut words =
        vec![entry.role.as_ref().map_or("role of its user".into(), |role| format!("role {role}"))];
    if entry.read_only {
        words.push("read-only".into());
    }
    if let Some(databases) = &entry.databases {
        words.push(format!("only {}", databases.join(", ")));
    }
    if let Some(at_ms) = entry.expires_at_ms {
        words.push(format!("until {} UTC", instant(at_ms)));
    }
    words.join(", ")
}

fn instant(ms: i64) -> String {
    let mut text = Vec::new();
    boobook_model::field::write_timestamp(ms, &mut text);
    String::from_utf8_lossy(&text).trim_matches('"').to_owned()
}

/// Without the hash: nobody needs it, and it is nobody's business.
fn as_json(entry: &KeyEntry, now_ms: Option<i64>) -> serde_json::Value {
    let mut object = json!({
        "id": entry.id,
        "name": entry.name,
        "user": entry.user,
        "teams": entry.teams,
        "role": entry.role,
        "readOnly": entry.read_only,
        "databases": entry.databases,
        "createdAt": instant(entry.created_at_ms),
        "expiresAt": entry.expires_at_ms.map(instant),
    });
    if let Some(now_ms) = now_ms {
        object["expired"] = entry.expires_at_ms.is_some_and(|at| at <= now_ms).into();
    }
    object
}

fn list(team: Option<&str>, json: bool, data: &DataArgs) -> anyhow::Result<()> {
    let local = Local::open(data)?;
    let team = team.map(|key| local.team(key)).transpose()?;
    let view = local.catalogue.view();
    let now_ms = SystemHost.now_ms();
    let keys: Vec<_> = view
        .keys
        .iter()
        .filter(|key| team.as_ref().is_none_or(|team| key.teams.contains(&team.id)))
        .collect();
    if json {
        return out::json(&keys.iter().map(|key| as_json(key, Some(now_ms))).collect::<Vec<_>>());
    }
    if keys.is_empty() {
        out::note("no key yet; make one: boobook key create --team TEAM --role admin");
        return Ok(());
    }
    let rows: Vec<Vec<String>> = keys
        .iter()
        .map(|key| {
            let teams: Vec<_> = key
                .teams
                .iter()
                .map(|id| view.teams.iter().find(|t| t.id == *id).map_or(id.as_str(), |t| t.name.as_str()))
                .collect();
            let user = view.users.iter().find(|u| u.id == key.user);
            let user = user.and_then(|u| u.email.clone()).unwrap_or_else(|| key.user.clone());
            let mut may = what_it_may(key);
            if key.expires_at_ms.is_some_and(|at| at <= now_ms) {
                may.push_str(" (expired)");
            }
            vec![key.id.clone(), key.name.clone().unwrap_or_default(), user, teams.join(", "), may]
        })
        .collect();
    out::table(&["id", "name", "user", "teams", "rights"], &rows)
}

fn revoke(id: &str, json: bool, data: &DataArgs) -> anyhow::Result<()> {
    let local = Local::open(data)?;
    if id.starts_with("bb_") {
        return Err(Failure::usage(
            "that is a key, not the id of one (and it is in your shell's history now)",
            "`boobook key list` shows ids",
        ));
    }
    local.explain("the key was not revoked", local.catalogue.revoke_key(id))?;
    if json {
        return out::json(&json!({ "id": id, "revoked": true }));
    }
    out::note(format!("key {id} is revoked; a running server refuses it within a second"));
    Ok(())
}
