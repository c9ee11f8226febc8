//! Teams, users, keys, databases and shares: a small set of documents, cached whole in memory.
//!
//! Authentication and every path's first two steps read the cached [`View`]; changes go to the store by
//! compare-and-set and then to the cache. Another process (the command line) may change the catalogue too: a
//! running server notices by [`boobook_store::Store::catalogue_version`] within a second.

mod documents;
mod edit;
mod share;

use std::sync::Arc;

use arc_swap::ArcSwap;
use boobook_model::{DatabaseId, KeyId, Principal, UserId};
use boobook_store::{CatalogueState, Store};
use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};

pub use documents::{DatabaseEntry, DatabaseState, KeyEntry, TeamEntry, UserEntry};
pub use edit::{NewKey, NewUser};
pub(crate) use share::NewShare;
pub use share::{ShareChange, ShareEntry, ShareTarget};

use crate::{AppError, Host, error::from_store};

/// The catalogue as of one `seq`, indexed for look-ups.
#[derive(Debug, Default)]
pub struct View {
    /// The catalogue's change number.
    pub seq: u64,
    /// Teams ascending by id, as all lists here.
    pub teams: Vec<Arc<TeamEntry>>,
    /// Users by id.
    pub users: Vec<Arc<UserEntry>>,
    /// Keys by id.
    pub keys: Vec<Arc<KeyEntry>>,
    /// Databases by id.
    pub databases: Vec<Arc<DatabaseEntry>>,
    /// Shares by id.
    pub shares: Vec<Arc<ShareEntry>>,
    /// Shares by the SHA-256 of their tokens, as keys: how long a look-up takes tells nothing of a token.
    shares_by_hash: FxHashMap<[u8; 32], Arc<ShareEntry>>,
    principals: FxHashMap<[u8; 32], Arc<Principal>>,
}

impl View {
    fn new(state: CatalogueState) -> Result<Self, AppError> {
        let mut view = Self { seq: state.seq, ..Self::default() };
        for entry in state.entries {
            let broken = |e: serde_json::Error| {
                AppError::Unavailable(format!(
                    "the catalogue's {} {} cannot be read: {e}",
                    entry.kind, entry.id
                ))
            };
            match entry.kind.as_str() {
                TeamEntry::KIND => {
                    view.teams.push(Arc::new(serde_json::from_slice(&entry.body).map_err(broken)?));
                }
                UserEntry::KIND => {
                    view.users.push(Arc::new(serde_json::from_slice(&entry.body).map_err(broken)?));
                }
                KeyEntry::KIND => {
                    view.keys.push(Arc::new(serde_json::from_slice(&entry.body).map_err(broken)?));
                }
                DatabaseEntry::KIND => {
                    view.databases.push(Arc::new(serde_json::from_slice(&entry.body).map_err(broken)?));
                }
                ShareEntry::KIND => {
                    view.shares.push(Arc::new(serde_json::from_slice(&entry.body).map_err(broken)?));
                }
                // A newer version's documents are not ours to judge.
                _ => {}
            }
        }
        view.teams.sort_by(|a, b| a.id.cmp(&b.id));
        view.users.sort_by(|a, b| a.id.cmp(&b.id));
        view.keys.sort_by(|a, b| a.id.cmp(&b.id));
        view.databases.sort_by(|a, b| a.id.cmp(&b.id));
        view.shares.sort_by(|a, b| a.id.cmp(&b.id));
        for share in &view.shares {
            view.shares_by_hash.insert(key_hash(&share.token), Arc::clone(share));
        }
        for key in &view.keys {
            if let (Some(hash), Some(principal)) = (key.hash_bytes(), view.principal(key)) {
                view.principals.insert(hash, Arc::new(principal));
            }
        }
        Ok(view)
    }

    fn principal(&self, key: &KeyEntry) -> Option<Principal> {
        let user = &self.users[self.users.binary_search_by(|u| u.id.cmp(&key.user)).ok()?];
        let teams = key
            .teams
            .iter()
            .filter_map(|team| {
                let role = key.role.as_deref().or_else(|| user.role_in(team))?;
                Some((team.parse().ok()?, boobook_model::Role::new(role)?))
            })
            .collect();
        Some(Principal {
            user: user.id.parse::<UserId>().ok()?,
            key: key.id.parse::<KeyId>().ok()?,
            teams,
            databases: key
                .databases
                .as_ref()
                .map(|list| list.iter().filter_map(|d| d.parse().ok()).collect()),
            read_only: key.read_only,
            expires_at_ms: key.expires_at_ms,
        })
    }

    /// The team of an id, else of a unique name.
    pub fn team(&self, key: &str) -> Option<&Arc<TeamEntry>> {
        match self.teams.binary_search_by(|t| t.id.as_str().cmp(key)) {
            Ok(at) => Some(&self.teams[at]),
            Err(_) => unique(self.teams.iter().filter(|t| t.name == key)),
        }
    }

    /// The database of an id in a team, else of a unique name in it. Only those that are there to be used.
    pub fn database(&self, team: &str, key: &str) -> Option<&Arc<DatabaseEntry>> {
        let usable = |d: &&Arc<DatabaseEntry>| d.team == team && d.state == DatabaseState::Active;
        match self.databases.binary_search_by(|d| d.id.as_str().cmp(key)) {
            Ok(at) => Some(&self.databases[at]).filter(usable),
            Err(_) => unique(self.databases.iter().filter(usable).filter(|d| d.name == key)),
        }
    }

    /// The databases of a team that are there to be used, by id.
    pub fn databases_of<'a>(&'a self, team: &'a str) -> impl Iterator<Item = &'a Arc<DatabaseEntry>> + Clone {
        self.databases.iter().filter(move |d| d.team == team && d.state == DatabaseState::Active)
    }

    /// The team of a database.
    pub(crate) fn team_of(&self, database: &str) -> Option<&str> {
        let at = self.databases.binary_search_by(|d| d.id.as_str().cmp(database)).ok()?;
        Some(&self.databases[at].team)
    }

    /// Whether the database of an id is there to be used.
    pub(crate) fn is_active(&self, id: &str) -> bool {
        let at = self.databases.binary_search_by(|d| d.id.as_str().cmp(id));
        at.is_ok_and(|at| self.databases[at].state == DatabaseState::Active)
    }

    /// Whether a principal made earlier still stands: its key is there, unchanged, and not expired.
    pub fn still_valid(&self, principal: &Principal, now_ms: i64) -> bool {
        self.keys
            .binary_search_by(|k| k.id.as_str().cmp(principal.key.as_str()))
            .ok()
            .and_then(|at| self.keys[at].hash_bytes())
            .and_then(|hash| self.principals.get(&hash))
            .is_some_and(|p| **p == *principal && p.expires_at_ms.is_none_or(|at| now_ms < at))
    }
}

/// The only item, if there is exactly one.
fn unique<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    items.next().filter(|_| items.next().is_none())
}

/// The cached catalogue and the way to change it.
pub struct Catalogue {
    store: Arc<dyn Store>,
    host: Arc<dyn Host>,
    view: ArcSwap<View>,
}

impl Catalogue {
    /// Loads the catalogue.
    pub fn open(store: Arc<dyn Store>, host: Arc<dyn Host>) -> Result<Self, AppError> {
        let view = View::new(store.load_catalogue().map_err(from_store)?)?;
        Ok(Self { store, host, view: ArcSwap::from_pointee(view) })
    }

    /// The catalogue as this process knows it.
    pub fn view(&self) -> arc_swap::Guard<Arc<View>> {
        self.view.load()
    }

    /// Loads again if another process changed it; whether it did. Blocks.
    pub fn refresh(&self) -> Result<bool, AppError> {
        if self.store.catalogue_version().map_err(from_store)? == self.view.load().seq {
            return Ok(false);
        }
        self.reload()?;
        Ok(true)
    }

    fn reload(&self) -> Result<(), AppError> {
        let view = View::new(self.store.load_catalogue().map_err(from_store)?)?;
        self.view.rcu(|old| if old.seq > view.seq { Arc::clone(old) } else { Arc::new(view.shallow()) });
        Ok(())
    }

    /// Who a bearer key belongs to. Every request hashes its key: no plain key is ever kept.
    pub fn authenticate(&self, bearer: &[u8]) -> Result<Arc<Principal>, AppError> {
        let hash: [u8; 32] = Sha256::digest(bearer).into();
        let view = self.view.load();
        let principal = view.principals.get(&hash).ok_or(AppError::Unauthorized)?;
        match principal.expires_at_ms {
            Some(at) if self.host.now_ms() >= at => Err(AppError::Unauthorized),
            _ => Ok(Arc::clone(principal)),
        }
    }
}

impl View {
    /// A copy that shares all entries.
    fn shallow(&self) -> Self {
        Self {
            seq: self.seq,
            teams: self.teams.clone(),
            users: self.users.clone(),
            keys: self.keys.clone(),
            databases: self.databases.clone(),
            shares: self.shares.clone(),
            shares_by_hash: self.shares_by_hash.clone(),
            principals: self.principals.clone(),
        }
    }
}

/// Hash under which a key is stored.
pub(crate) fn key_hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// Ids of a principal's kind, checked once when made.
pub(crate) fn database_id(entry: &DatabaseEntry) -> Result<DatabaseId, AppError> {
    entry.id.parse().map_err(|e: boobook_model::IdError| AppError::Internal(e.to_string()))
}
