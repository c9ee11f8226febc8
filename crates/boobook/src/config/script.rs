//! What scripts may reach outside of the server.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::outside::Network;

/// What scripts reach outside.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ScriptSettings {
    /// `http()`
    pub(crate) http: ScriptHttpSettings,
    /// `sendEmail()`
    pub(crate) mail: ScriptMailSettings,
}

/// The mail server of `sendEmail()`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ScriptMailSettings {
    /// Its name; empty is none.
    pub(crate) host: String,
    /// 0 is the usual one.
    pub(crate) port: u16,
    /// How the connection is secured.
    pub(crate) tls: MailTls,
    /// Who logs in; empty is nobody.
    pub(crate) user: String,
    /// Holds the password.
    pub(crate) password_file: PathBuf,
    /// Whom messages are from that do not say so.
    pub(crate) from: String,
}

/// How a connection to a mail server is secured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MailTls {
    /// Begins in the clear and must change; port 587.
    #[default]
    Starttls,
    /// From the beginning; port 465.
    Tls,
    /// Not at all; port 25.
    None,
}

/// `http()` of scripts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ScriptHttpSettings {
    /// Networks that may be reached though they are not of the public internet.
    pub(crate) allow: Vec<String>,
    /// How long one request may take, within the time that its script has.
    pub(crate) timeout_ms: u64,
    /// Largest answer.
    pub(crate) answer_bytes_max: usize,
}

impl Default for ScriptHttpSettings {
    fn default() -> Self {
        Self { allow: Vec::new(), timeout_ms: 30_000, answer_bytes_max: 10 << 20 }
    }
}

impl ScriptHttpSettings {
    /// The networks of `allow`.
    pub(crate) fn networks(&self) -> Result<Vec<Network>, String> {
        self.allow.iter().map(|network| network.parse()).collect()
    }
}
