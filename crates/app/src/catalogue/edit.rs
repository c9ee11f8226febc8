//! Changing the catalogue. All of these block on the store.

use boobook_model::{Role, Schema};
use boobook_nx::Form;
use boobook_store::{CatalogueChange, CatalogueEntry, StoreError};
use serde::Serialize;

use super::{Catalogue, DatabaseEntry, DatabaseState, KeyEntry, TeamEntry, UserEntry, View, key_hash};
use crate::{
    AppError,
    error::from_store,
    host::{LOWER, MIXED, random_text},
    schema::keep_scripts,
};

/// A user to make, or to give a role in one more team.
#[derive(Debug, Clone)]
pub struct NewUser<'a> {
    /// E-mail address.
    pub email: &'a str,
    /// First and last name; `None` leaves what is known.
    pub name: Option<&'a str>,
    /// Team, by id or unique name.
    pub team: &'a str,
    /// Role in it.
    pub role: &'a str,
}

/// A key to make.
#[derive(Debug, Clone, Default)]
pub struct NewKey<'a> {
    /// Team, by id or unique name.
    pub team: &'a str,
    /// E-mail or id of the user that acts; a service user is made where `None`.
    pub user: Option<&'a str>,
    /// Role; the user's where `None`, `editor` for a new service user.
    pub role: Option<&'a str>,
    /// Changes nothing.
    pub read_only: bool,
    /// The only databases it may see, by id or unique name; all of the team where empty.
    pub databases: &'a [String],
    /// Dead after this many milliseconds.
    pub expires_in_ms: Option<i64>,
    /// What its maker calls it.
    pub name: Option<&'a str>,
}

const NAME_BYTES_MAX: usize = 200;

fn check_name(what: &str, name: &str) -> Result<(), AppError> {
    let fits = !name.trim().is_empty() && name.len() <= NAME_BYTES_MAX && !name.chars().any(char::is_control);
    if fits {
        Ok(())
    } else {
        Err(AppError::bad(
            what,
            format!("a name of 1 to {NAME_BYTES_MAX} bytes without control characters is expected"),
        ))
    }
}

pub(super) fn put<T: Serialize>(kind: &str, id: &str, document: &T) -> Result<CatalogueChange, AppError> {
    let body = serde_json::to_vec(document).map_err(|e| AppError::Internal(e.to_string()))?;
    Ok(CatalogueChange::Put(CatalogueEntry { kind: kind.into(), id: id.into(), body }))
}

impl Catalogue {
    /// Decides on the newest catalogue what to change, and changes it; decides anew where somebody was faster.
    pub(super) fn edit<T>(
        &self,
        mut decide: impl FnMut(&View) -> Result<(Vec<CatalogueChange>, T), AppError>,
    ) -> Result<T, AppError> {
        const TRIES: usize = 20;
        for _ in 0..TRIES {
            self.refresh()?;
            let view = self.view();
            let (changes, answer) = decide(&view)?;
            if changes.is_empty() {
                return Ok(answer);
            }
            match self.store.commit_catalogue(view.seq, &changes) {
                Ok(_) => {
                    self.reload()?;
                    return Ok(answer);
                }
                Err(StoreError::Conflict) => {}
                Err(other) => return Err(from_store(other)),
            }
        }
        Err(AppError::Busy("the catalogue is being changed by many at once; try again".into()))
    }

    /// Makes a team.
    pub fn create_team(&self, name: &str) -> Result<TeamEntry, AppError> {
        check_name("name", name)?;
        let team = TeamEntry {
            id: random_text(&*self.host, LOWER, 17),
            name: name.to_owned(),
            created_at_ms: self.host.now_ms(),
        };
        self.edit(|_| Ok((vec![put(TeamEntry::KIND, &team.id, &team)?], team.clone())))
    }

    /// Makes a user, or gives one a role in a further team, or another name.
    pub fn create_user(&self, new: &NewUser<'_>) -> Result<UserEntry, AppError> {
        let email = new.email.trim().to_lowercase();
        let looks_right = email.split_once('@').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty());
        if !looks_right || email.len() > NAME_BYTES_MAX {
            return Err(AppError::bad("email", format!("expected an e-mail address, got {:?}", new.email)));
        }
        let role = Role::new(new.role).ok_or_else(|| AppError::bad("role", "expected a role's name"))?;
        if let Some(name) = new.name {
            check_name("name", name)?;
        }
        let id = random_text(&*self.host, MIXED, 6);
        self.edit(|view| {
            let team = view.team(new.team).ok_or(AppError::TeamNotFound)?;
            let mut user = match view.users.iter().find(|u| u.email.as_deref() == Some(&email)) {
                Some(user) => UserEntry::clone(user),
                None => UserEntry {
                    id: id.clone(),
                    email: Some(email.clone()),
                    name: None,
                    teams: Vec::new(),
                    created_at_ms: self.host.now_ms(),
                },
            };
            if let Some(name) = new.name {
                user.name = Some(name.to_owned());
            }
            user.teams.retain(|(id, _)| *id != team.id);
            user.teams.push((team.id.clone(), role.as_str().to_owned()));
            Ok((vec![put(UserEntry::KIND, &user.id, &user)?], user))
        })
    }

    /// Makes a key. Answers its entry and the key itself, which is shown now and never again.
    pub fn create_key(&self, new: &NewKey<'_>) -> Result<(KeyEntry, String), AppError> {
        if let Some(name) = new.name {
            check_name("name", name)?;
        }
        let role = match new.role {
            Some(name) => {
                Some(Role::new(name).ok_or_else(|| AppError::bad("role", "expected a role's name"))?)
            }
            None => None,
        };
        // 43 characters of 62 hold 256 bits.
        let secret = format!("bb_{}", random_text(&*self.host, MIXED, 43));
        let hash = hex(&key_hash(&secret));
        let id = random_text(&*self.host, LOWER, 12);
        let service_user_id = random_text(&*self.host, MIXED, 6);
        let now_ms = self.host.now_ms();
        let entry = self.edit(|view| {
            let team = view.team(new.team).ok_or(AppError::TeamNotFound)?;
            let mut changes = Vec::new();
            let user = match new.user {
                Some(wanted) => view
                    .users
                    .iter()
                    .find(|u| u.id == wanted || u.email.as_deref() == Some(&wanted.to_lowercase()))
                    .filter(|u| u.role_in(&team.id).is_some())
                    .map(|u| u.id.clone())
                    .ok_or_else(|| {
                        AppError::bad("user", format!("there is no user {wanted:?} in this team; make one first: boobook user create"))
                    })?,
                None => {
                    let role = role.as_ref().map_or(Role::EDITOR, Role::as_str).to_owned();
                    let user = UserEntry {
                        id: service_user_id.clone(),
                        email: None,
                        name: None,
                        teams: vec![(team.id.clone(), role)],
                        created_at_ms: now_ms,
                    };
                    changes.push(put(UserEntry::KIND, &user.id, &user)?);
                    user.id
                }
            };
            let databases = new
                .databases
                .iter()
                .map(|key| {
                    let entry = view.database(&team.id, key);
                    entry.map(|d| d.id.clone()).ok_or(AppError::DatabaseNotFound)
                })
                .collect::<Result<Vec<_>, _>>()?;
            let key = KeyEntry {
                id: id.clone(),
                name: new.name.map(str::to_owned),
                hash: hash.clone(),
                user,
                teams: vec![team.id.clone()],
                role: role.as_ref().map(|r| r.as_str().to_owned()),
                read_only: new.read_only,
                databases: Some(databases).filter(|list| !list.is_empty()),
                expires_at_ms: new.expires_in_ms.map(|ms| now_ms.saturating_add(ms)),
                created_at_ms: now_ms,
            };
            changes.push(put(KeyEntry::KIND, &key.id, &key)?);
            Ok((changes, key))
        })?;
        Ok((entry, secret))
    }

    /// Lets a key see one more team with its own role (the maker of a team sees it).
    pub(crate) fn add_team_to_key(&self, key_id: &str, team_id: &str) -> Result<(), AppError> {
        self.edit(|view| {
            let Some(key) = view.keys.iter().find(|k| k.id == key_id) else {
                return Err(AppError::Unauthorized);
            };
            let mut key = KeyEntry::clone(key);
            key.teams.push(team_id.to_owned());
            let mut changes = vec![put(KeyEntry::KIND, &key.id, &key)?];
            if let Some(user) = view.users.iter().find(|u| u.id == key.user)
                && user.role_in(team_id).is_none()
            {
                let mut user = UserEntry::clone(user);
                user.teams.push((team_id.to_owned(), Role::ADMIN.to_owned()));
                changes.push(put(UserEntry::KIND, &user.id, &user)?);
            }
            Ok((changes, ()))
        })
    }

    /// Ends a key, by its id.
    pub fn revoke_key(&self, id: &str) -> Result<(), AppError> {
        self.edit(|view| {
            if !view.keys.iter().any(|k| k.id == id) {
                return Err(AppError::bad(
                    "key",
                    format!("there is no key {id:?}; `boobook key list` shows their ids"),
                ));
            }
            Ok((vec![CatalogueChange::Delete { kind: KeyEntry::KIND.into(), id: id.into() }], ()))
        })
    }

    /// Makes a database: the entry, its data, and then the entry is active.
    pub fn create_database(
        &self,
        team: &str,
        name: &str,
        mut schema: Schema,
    ) -> Result<DatabaseEntry, AppError> {
        check_name("name", name)?;
        schema.settings.0.insert("name".into(), name.into());
        schema.settings = schema.settings.with_defaults();
        give_uuids(&mut schema, &*self.host);
        keep_scripts(&mut schema, Form::Ids);
        let schema =
            serde_json::to_vec(&schema.to_stored()).map_err(|e| AppError::Internal(e.to_string()))?;
        let id = random_text(&*self.host, LOWER, 12);
        let mut entry = self.edit(|view| {
            let team = view.team(team).ok_or(AppError::TeamNotFound)?;
            let entry = DatabaseEntry {
                id: id.clone(),
                team: team.id.clone(),
                name: name.to_owned(),
                state: DatabaseState::Creating,
                created_at_ms: self.host.now_ms(),
            };
            Ok((vec![put(DatabaseEntry::KIND, &entry.id, &entry)?], entry))
        })?;
        self.store
            .create_database(&super::database_id(&entry)?, &schema, self.host.now_ms())
            .map_err(from_store)?;
        entry.state = DatabaseState::Active;
        self.edit(|_| Ok((vec![put(DatabaseEntry::KIND, &entry.id, &entry)?], ())))?;
        Ok(entry)
    }

    /// Gives a team another name.
    pub fn rename_team(&self, team: &str, name: &str) -> Result<TeamEntry, AppError> {
        check_name("name", name)?;
        self.edit(|view| {
            let mut entry = TeamEntry::clone(view.team(team).ok_or(AppError::TeamNotFound)?);
            name.clone_into(&mut entry.name);
            Ok((vec![put(TeamEntry::KIND, &entry.id, &entry)?], entry))
        })
    }

    /// Removes a team that has no databases. Keys that could see it see one team less.
    pub fn delete_team(&self, team: &str) -> Result<(), AppError> {
        self.edit(|view| {
            let entry = view.team(team).ok_or(AppError::TeamNotFound)?;
            let left = view.databases_of(&entry.id).count();
            if left > 0 {
                let databases = if left == 1 { "database" } else { "databases" };
                return Err(AppError::Conflict(format!(
                    "the team has {left} {databases}: delete them first, or move their data elsewhere"
                )));
            }
            let change = CatalogueChange::Delete { kind: TeamEntry::KIND.into(), id: entry.id.clone() };
            Ok((vec![change], ()))
        })
    }

    /// Gives a database another name. The one in its settings is for the caller to change.
    pub(crate) fn rename_database(&self, team: &str, key: &str, name: &str) -> Result<(), AppError> {
        check_name("name", name)?;
        self.edit(|view| {
            let team = view.team(team).ok_or(AppError::TeamNotFound)?;
            let entry = view.database(&team.id, key).ok_or(AppError::DatabaseNotFound)?;
            if entry.name == name {
                return Ok((Vec::new(), ()));
            }
            let mut entry = DatabaseEntry::clone(entry);
            name.clone_into(&mut entry.name);
            Ok((vec![put(DatabaseEntry::KIND, &entry.id, &entry)?], ()))
        })
    }

    /// Marks a database as going: from now on nobody finds it. Its data goes with [`Self::finish_deletions`].
    pub fn delete_database(&self, team: &str, key: &str) -> Result<DatabaseEntry, AppError> {
        self.edit(|view| {
            let team = view.team(team).ok_or(AppError::TeamNotFound)?;
            let mut entry =
                DatabaseEntry::clone(view.database(&team.id, key).ok_or(AppError::DatabaseNotFound)?);
            entry.state = DatabaseState::Deleting;
            let mut changes = view.ended_shares(|share| share.database == entry.id);
            changes.push(put(DatabaseEntry::KIND, &entry.id, &entry)?);
            Ok((changes, entry))
        })
    }

    /// Removes the data of databases marked as going, then their entries. Only the process that may have them open
    /// calls this, after closing them.
    pub fn finish_deletions(&self) -> Result<(), AppError> {
        let going: Vec<_> =
            self.view().databases.iter().filter(|d| d.state == DatabaseState::Deleting).cloned().collect();
        for entry in going {
            self.store.delete_database(&super::database_id(&entry)?).map_err(from_store)?;
            self.edit(|_| {
                Ok((
                    vec![CatalogueChange::Delete { kind: DatabaseEntry::KIND.into(), id: entry.id.clone() }],
                    (),
                ))
            })?;
        }
        Ok(())
    }

    /// At start: drops databases whose making was interrupted. Nobody was told of them.
    pub fn drop_unfinished(&self) -> Result<(), AppError> {
        let unfinished: Vec<_> =
            self.view().databases.iter().filter(|d| d.state == DatabaseState::Creating).cloned().collect();
        // Another process may be making one right now; an hour is beyond any doubt.
        let old = self.host.now_ms() - 60 * 60 * 1000;
        for entry in unfinished.into_iter().filter(|d| d.created_at_ms < old) {
            self.store.delete_database(&super::database_id(&entry)?).map_err(from_store)?;
            self.edit(|_| {
                Ok((
                    vec![CatalogueChange::Delete { kind: DatabaseEntry::KIND.into(), id: entry.id.clone() }],
                    (),
                ))
            })?;
        }
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [b >> 4, b & 15]).map(|nibble| DIGITS[nibble as usize] as char).collect()
}

/// Gives every table and field without a `uuid` one.
pub(crate) fn give_uuids(schema: &mut Schema, host: &dyn crate::Host) {
    for table in &mut schema.tables {
        let lacks = table.uuid.is_empty() || table.fields.iter().any(|f| f.uuid.is_empty());
        if !lacks {
            continue;
        }
        let table = std::sync::Arc::make_mut(table);
        if table.uuid.is_empty() {
            table.uuid = random_text(host, MIXED, 16);
        }
        for field in table.fields.iter_mut().filter(|f| f.uuid.is_empty()) {
            std::sync::Arc::make_mut(field).uuid = random_text(host, MIXED, 16);
        }
    }
}
