//! The catalogue's documents as they are stored (JSON). Members are only ever added.

use serde::{Deserialize, Serialize};

/// A team (workspace).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeamEntry {
    /// 17 of `[a-z0-9]`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// ms since the epoch.
    pub created_at_ms: i64,
}

/// A user. Service users (of keys made without one) have no e-mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserEntry {
    /// As in `createdBy`.
    pub id: String,
    /// Unique among users, lower case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// First name and last name, as scripts know the user (`userFullName`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Role by team id.
    pub teams: Vec<(String, String)>,
    /// ms since the epoch.
    pub created_at_ms: i64,
}

/// An API key. The key itself is nowhere; only its SHA-256 is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyEntry {
    /// Public id, for lists and `revoke`.
    pub id: String,
    /// What its maker called it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// SHA-256 of the key, hexadecimal.
    pub hash: String,
    /// The user that acts.
    pub user: String,
    /// Teams it may see.
    pub teams: Vec<String>,
    /// Its role; the user's where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Changes nothing.
    #[serde(default)]
    pub read_only: bool,
    /// The only databases it may see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub databases: Option<Vec<String>>,
    /// ms since the epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at_ms: Option<i64>,
    /// ms since the epoch.
    pub created_at_ms: i64,
}

/// Where a database is between two stores that cannot commit together (architecture.md §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DatabaseState {
    /// Its file is being made; a start finishes that.
    Creating,
    /// In use.
    Active,
    /// Its file is being removed; a start, or the running server, finishes that.
    Deleting,
}

/// A database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseEntry {
    /// 12 of `[a-z0-9]`.
    pub id: String,
    /// Its team.
    pub team: String,
    /// Its name, as in its settings.
    pub name: String,
    /// Life cycle.
    pub state: DatabaseState,
    /// ms since the epoch.
    pub created_at_ms: i64,
}

impl TeamEntry {
    /// Kind of catalogue entry.
    pub const KIND: &'static str = "team";
}

impl UserEntry {
    /// Kind of catalogue entry.
    pub const KIND: &'static str = "user";

    /// The user's role in a team.
    pub fn role_in(&self, team: &str) -> Option<&str> {
        self.teams.iter().find(|(id, _)| id == team).map(|(_, role)| role.as_str())
    }
}

impl KeyEntry {
    /// Kind of catalogue entry.
    pub const KIND: &'static str = "key";

    /// The hash as bytes; `None` for a damaged entry, which then opens nothing.
    pub fn hash_bytes(&self) -> Option<[u8; 32]> {
        if self.hash.len() != 64 || !self.hash.is_ascii() {
            return None;
        }
        let mut bytes = [0u8; 32];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&self.hash[2 * i..2 * i + 2], 16).ok()?;
        }
        Some(bytes)
    }
}

impl DatabaseEntry {
    /// Kind of catalogue entry.
    pub const KIND: &'static str = "database";
}
