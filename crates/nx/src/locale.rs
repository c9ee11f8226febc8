//! Language and time zone of a database: settings `locale` and `timeZone`, by default English and UTC.

use jiff::tz::TimeZone;

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
}

impl Default for Locale {
    fn default() -> Self {
        Self { language: Language::En, zone: TimeZone::UTC }
    }
}
