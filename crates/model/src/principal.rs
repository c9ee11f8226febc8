//! Who asks, and what their role lets them do (rest-api.md §9).

use std::{fmt, sync::Arc};

use crate::{DatabaseId, KeyId, TeamId, UserId};

/// A role's name: `admin`, `editor`, or one of the team's own.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role(Arc<str>);

impl Role {
    /// Everything beyond reading and writing records needs this one.
    pub const ADMIN: &'static str = "admin";
    /// Reads and writes records where no table or field asks for another role.
    pub const EDITOR: &'static str = "editor";

    /// A role of that name. Names are 1 to 64 characters without control characters.
    pub fn new(name: &str) -> Option<Self> {
        let fits =
            !name.trim().is_empty() && name.chars().count() <= 64 && !name.chars().any(char::is_control);
        fits.then(|| Self(name.into()))
    }

    /// The `admin` role.
    pub fn admin() -> Self {
        Self(Self::ADMIN.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// Whether this is the `admin` role.
    pub fn is_admin(&self) -> bool {
        &*self.0 == Self::ADMIN
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Role({})", self.0)
    }
}

/// An authenticated caller. Made once per key when the catalogue is loaded and shared by its requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The user that acts; shown in `createdBy` and `modifiedBy`.
    pub user: UserId,
    /// The key used.
    pub key: KeyId,
    /// Teams the key may see, with the role it has in each.
    pub teams: Vec<(TeamId, Role)>,
    /// Where not `None`, the only databases the key may see.
    pub databases: Option<Vec<DatabaseId>>,
    /// The key may not change anything.
    pub read_only: bool,
    /// Milliseconds since the epoch after which the key is dead.
    pub expires_at_ms: Option<i64>,
}

impl Principal {
    /// The caller's role in a team, `None` where the key may not see it.
    pub fn role_in(&self, team: &str) -> Option<&Role> {
        self.teams.iter().find(|(id, _)| id.as_str() == team).map(|(_, role)| role)
    }

    /// Whether the key's database list lets it see this one.
    pub fn may_see(&self, database: &str) -> bool {
        self.databases.as_ref().is_none_or(|list| list.iter().any(|id| id.as_str() == database))
    }
}
