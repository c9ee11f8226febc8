//! Language and time zone of a database: settings `locale` and `timeZone`, by default English and UTC. And what people
//! call each other.

use std::sync::Arc;

use jiff::tz::TimeZone;
use rustc_hash::FxHashMap;

use crate::User;

/// A language that names of days and months, and formats of dates and numbers, exist in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Language {
    /// English, as in the United States.
    #[default]
    En,
    /// German.
    De,
}

impl Language {
    /// The language of a code such as `de`, `de-AT`, `EN`; `None` for one we have no names for.
    pub fn from_code(code: &str) -> Option<Self> {
        match code.split(['-', '_']).next()?.to_ascii_lowercase().as_str() {
            "en" => Some(Self::En),
            "de" => Some(Self::De),
            _ => None,
        }
    }

    /// Its code.
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
        }
    }
}

/// Language and zone. The zone comes from the host, as zone data is read from files.
#[derive(Clone, Debug)]
pub struct Locale {
    /// For names and formats.
    pub language: Language,
    /// For dates and times of instants.
    pub zone: TimeZone,
    /// Names of users by their ids.
    pub(crate) users: Arc<FxHashMap<Arc<str>, Arc<str>>>,
}

impl Locale {
    /// Language and zone; a run adds the users of its host.
    pub fn new(language: Language, zone: TimeZone) -> Self {
        Self { language, zone, users: Arc::default() }
    }

    /// What people call a user; nothing of one who is not known.
    pub fn user(&self, id: &str) -> Option<&Arc<str>> {
        self.users.get(id)
    }

    /// With the names of users. One without a name is called by the address, else by the id.
    pub(crate) fn with_users<'a>(self, users: impl Iterator<Item = &'a User>) -> Self {
        let named = users.filter_map(|user| {
            let name = if user.name.is_empty() { &user.email } else { &user.name };
            (!name.is_empty()).then(|| (Arc::from(user.id.as_str()), Arc::clone(name)))
        });
        Self { users: Arc::new(named.collect()), ..self }
    }
}

impl Default for Locale {
    fn default() -> Self {
        Self::new(Language::En, TimeZone::UTC)
    }
}
