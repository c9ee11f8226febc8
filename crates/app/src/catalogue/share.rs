//! Shares: what anybody with a link may read (rest-api.md §7).

use std::sync::Arc;

use boobook_model::{FileEntry, RecordId, TableId};
use boobook_store::CatalogueChange;
use serde::{Deserialize, Serialize};

use super::{Catalogue, View, edit::put, key_hash};
use crate::{
    AppError,
    host::{LOWER, random_text},
};

/// What a share shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShareTarget {
    /// A view of a table.
    View {
        /// The table: a view of the same id on another table is another view.
        #[serde(with = "as_text")]
        table: TableId,
        /// The view's id.
        view: String,
    },
    /// A file of a record.
    File {
        /// The record's table.
        #[serde(with = "as_text")]
        table: TableId,
        /// The record.
        #[serde(with = "as_text")]
        record: RecordId,
        /// The file's name.
        name: String,
    },
    /// A file that a script made, of no record: it lasts as long as its share.
    Made {
        /// What is known of it.
        file: FileEntry,
    },
}

/// Ids are stored as they are written.
mod as_text {
    use std::{fmt::Display, str::FromStr};

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<T: Display, S: Serializer>(id: &T, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(id)
    }

    pub(super) fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// A share.
///
/// Its token is kept as it is, not as a hash, since `GET …/share` tells the link again whenever it is asked for. Who
/// can read the catalogue can read what is shared anyway. It is never logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareEntry {
    /// For the catalogue and for logs.
    pub id: String,
    /// 36 of `[a-z0-9]`: all it takes to read what is shared.
    pub token: String,
    /// The team.
    pub team: String,
    /// The database.
    pub database: String,
    /// What it shows.
    pub target: ShareTarget,
    /// ms since the epoch.
    pub created_at_ms: i64,
    /// Who made it, and whose rights it reads with.
    pub user: String,
    /// The role that the user's key acted in.
    pub role: String,
    /// The role that the user had.
    pub user_role: String,
    /// From then on it is dead; ms since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at_ms: Option<i64>,
    /// Argon2 hash of its password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// Without token and password, which must not come into a log.
impl std::fmt::Debug for ShareEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShareEntry")
            .field("id", &self.id)
            .field("database", &self.database)
            .field("target", &self.target)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// What to change about a share; `None` leaves it as it is, `Some(None)` clears it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ShareChange {
    /// When it ends, ms since the epoch.
    pub expires_at_ms: Option<Option<i64>>,
    /// Its password.
    pub password: Option<Option<String>>,
}

/// Most files of no record that a database has at a time.
const MADE_MAX: usize = 1_000;

/// A share to make.
pub(crate) struct NewShare {
    pub(crate) team: String,
    pub(crate) database: String,
    pub(crate) target: ShareTarget,
    pub(crate) user: String,
    pub(crate) role: String,
}

impl ShareEntry {
    /// Kind of catalogue entry.
    pub const KIND: &'static str = "share";

    /// The role it reads in, now that its maker has this one in the team; `None` where it is dead.
    ///
    /// A key may act in another role than its user has, and roles have no order: where both differed and the user has a
    /// new role now, there is no saying what the two have in common.
    pub(crate) fn role_now<'a>(&'a self, of_user: Option<&'a str>) -> Option<&'a str> {
        match of_user? {
            same if same == self.user_role => Some(&self.role),
            new if self.role == self.user_role => Some(new),
            _ => None,
        }
    }

    /// Whether it is past its time.
    pub(crate) fn is_expired(&self, now_ms: i64) -> bool {
        self.expires_at_ms.is_some_and(|at| now_ms >= at)
    }
}

impl View {
    /// The share of a token.
    pub(crate) fn share(&self, token: &str) -> Option<&Arc<ShareEntry>> {
        self.shares_by_hash.get(&key_hash(token))
    }

    /// The share of a view or file.
    pub(crate) fn share_of(&self, database: &str, target: &ShareTarget) -> Option<&Arc<ShareEntry>> {
        self.shares.iter().find(|share| share.database == database && share.target == *target)
    }

    /// The changes that end shares.
    pub(super) fn ended_shares(&self, is_ended: impl Fn(&ShareEntry) -> bool) -> Vec<CatalogueChange> {
        let ended = self.shares.iter().filter(|share| is_ended(share));
        ended
            .map(|share| CatalogueChange::Delete { kind: ShareEntry::KIND.into(), id: share.id.clone() })
            .collect()
    }
}

impl Catalogue {
    /// Makes a share, or changes the one there is, which keeps its token. `password` in the change is hashed already.
    pub(crate) fn put_share(
        &self,
        new: &NewShare,
        change: &ShareChange,
    ) -> Result<Arc<ShareEntry>, AppError> {
        let id = random_text(&*self.host, LOWER, 12);
        // 36 characters of 36 hold 186 bits.
        let token = random_text(&*self.host, LOWER, 36);
        let now_ms = self.host.now_ms();
        self.edit(|view| {
            let known = view.share_of(&new.database, &new.target).filter(|share| !share.is_expired(now_ms));
            let mut changes = Vec::new();
            let mut share = match known {
                Some(known) => ShareEntry::clone(known),
                None => {
                    // One past its time stays dead; this is another.
                    changes = view.ended_shares(|s| s.database == new.database && s.target == new.target);
                    let user = view.users.iter().find(|user| user.id == new.user);
                    let user_role =
                        user.and_then(|user| user.role_in(&new.team)).ok_or(AppError::Unauthorized)?;
                    ShareEntry {
                        id: id.clone(),
                        token: token.clone(),
                        team: new.team.clone(),
                        database: new.database.clone(),
                        target: new.target.clone(),
                        created_at_ms: now_ms,
                        user: new.user.clone(),
                        role: new.role.clone(),
                        user_role: user_role.to_owned(),
                        expires_at_ms: None,
                        password: None,
                    }
                }
            };
            if let Some(expires_at_ms) = change.expires_at_ms {
                share.expires_at_ms = expires_at_ms;
            }
            if let Some(password) = &change.password {
                share.password.clone_from(password);
            }
            if known.is_some_and(|known| **known == share) {
                return Ok((Vec::new(), Arc::new(share)));
            }
            changes.push(put(ShareEntry::KIND, &share.id, &share)?);
            Ok((changes, Arc::new(share)))
        })
    }

    /// Makes the share of a file of no record, which ends at a time; those that have ended are forgotten.
    pub(crate) fn put_made(&self, new: &NewShare, ends_at_ms: i64) -> Result<Arc<ShareEntry>, AppError> {
        let now_ms = self.host.now_ms();
        self.edit(|view| {
            let is_made = |share: &ShareEntry| matches!(share.target, ShareTarget::Made { .. });
            let made = view.shares.iter().filter(|share| share.database == new.database && is_made(share));
            if made.filter(|share| !share.is_expired(now_ms)).count() >= MADE_MAX {
                return Err(AppError::Busy(format!(
                    "{MADE_MAX} files of createTempFile() are kept in this database already; each is for a day"
                )));
            }
            Ok((view.ended_shares(|share| is_made(share) && share.is_expired(now_ms)), ()))
        })?;
        self.put_share(new, &ShareChange { expires_at_ms: Some(Some(ends_at_ms)), password: None })
    }

    /// Gives the share of a file of no record another content, if it has still the one that this was made of; whether
    /// it had.
    pub(crate) fn change_made(&self, id: &str, old: &FileEntry, new: &FileEntry) -> Result<bool, AppError> {
        self.edit(|view| {
            let is_it = |share: &&Arc<ShareEntry>| {
                share.id == id && matches!(&share.target, ShareTarget::Made { file } if file == old)
            };
            let Some(known) = view.shares.iter().find(is_it) else { return Ok((Vec::new(), false)) };
            let share =
                ShareEntry { target: ShareTarget::Made { file: new.clone() }, ..ShareEntry::clone(known) };
            Ok((vec![put(ShareEntry::KIND, &share.id, &share)?], true))
        })
    }

    /// Ends shares of a database; whether there was any.
    pub(crate) fn end_shares(
        &self,
        database: &str,
        is_ended: impl Fn(&ShareTarget) -> bool,
    ) -> Result<bool, AppError> {
        self.edit(|view| {
            let ended = view.ended_shares(|share| share.database == database && is_ended(&share.target));
            let any = !ended.is_empty();
            Ok((ended, any))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(role: &str, user_role: &str) -> ShareEntry {
        ShareEntry {
            id: "s1".into(),
            token: "secret-token".into(),
            team: "t".into(),
            database: "d".into(),
            target: ShareTarget::View { table: TableId::nth(0).unwrap(), view: "v".into() },
            created_at_ms: 0,
            user: "u".into(),
            role: role.into(),
            user_role: user_role.into(),
            expires_at_ms: None,
            password: Some("secret-hash".into()),
        }
    }

    #[test]
    fn a_share_reads_in_the_role_its_maker_has_now() {
        for (role, then, now, expected) in [
            ("admin", "admin", Some("admin"), Some("admin")),
            ("admin", "admin", Some("editor"), Some("editor")),
            ("editor", "admin", Some("admin"), Some("editor")),
            ("editor", "admin", Some("guest"), None),
            ("admin", "editor", Some("editor"), Some("admin")),
            ("admin", "editor", Some("guest"), None),
            ("admin", "admin", None, None),
        ] {
            assert_eq!(share(role, then).role_now(now), expected, "{role} {then} {now:?}");
        }
    }

    #[test]
    fn secrets_do_not_come_into_logs() {
        let shown = format!("{:?}", share("admin", "admin"));
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn targets_are_stored_in_words() {
        let stored = serde_json::to_string(&share("a", "a").target).unwrap();
        assert_eq!(stored, r#"{"view":{"table":"A","view":"v"}}"#);
    }
}
