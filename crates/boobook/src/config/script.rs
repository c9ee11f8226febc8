//! What scripts may reach outside of the server.

use serde::{Deserialize, Serialize};

use crate::outside::Network;

/// What scripts reach outside.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ScriptSettings {
    /// `http()`
    pub(crate) http: ScriptHttpSettings,
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
