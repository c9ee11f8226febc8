//! Settings. Precedence: flag, then `BOOBOOK_…` variable, then `boobook.toml`, then default.
//!
//! Every setting has a *key*, its place in the file (`limits.body_bytes_max`). Variable and `--set` name are made
//! from it, so that a setting added to a struct below is there in all three forms at once; docs/configuration.md
//! lists them all, which a test checks.

mod bucket;
mod keys;
mod script;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use boobook_app::Limits;
use boobook_http::{HttpConfig, ListenConfig};
use serde::{Deserialize, Serialize};

use crate::{failure::Failure, store::is_shared};

pub(crate) use bucket::BucketSettings;
pub(crate) use script::{MailTls, ScriptHttpSettings, ScriptMailSettings, ScriptSettings};

/// File read where no `--config` names another.
const DEFAULT_FILE: &str = "boobook.toml";

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Data directory.
    pub(crate) data: PathBuf,
    /// Store that several servers share, instead of the data directory; its URL may hold a password.
    pub(crate) store: Option<String>,
    /// File that holds the store's password.
    pub(crate) store_password_file: Option<PathBuf>,
    /// Where files of records lie, a directory or a bucket; `files` in the data directory where nothing is said.
    pub(crate) files: Option<String>,
    /// Address and port to listen on.
    pub(crate) listen: String,
    pub(crate) bucket: BucketSettings,
    pub(crate) tls: TlsSettings,
    pub(crate) http: HttpSettings,
    pub(crate) compat: CompatSettings,
    pub(crate) log: LogSettings,
    pub(crate) limits: Limits,
    pub(crate) script: ScriptSettings,
}

/// TLS: both or none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TlsSettings {
    /// Certificate chain, PEM.
    pub(crate) cert: Option<PathBuf>,
    /// Private key, PEM.
    pub(crate) key: Option<PathBuf>,
}

/// The HTTP side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HttpSettings {
    /// Origins that may call from a browser; `*` is any, none at all switches CORS off.
    pub(crate) cors_origins: Vec<String>,
    /// Compress answers when the client asks.
    pub(crate) compress: bool,
    /// A log line for every n-th request; 0 is none.
    pub(crate) access_log_every: u64,
    /// Requests handled at a time.
    pub(crate) requests_max: usize,
    /// Live streams at a time.
    pub(crate) streams_max: usize,
    /// Connections at a time.
    pub(crate) connections_max: usize,
    /// Requests at a time on one HTTP/2 connection.
    pub(crate) http2_streams_max: u32,
    /// Bytes of a request's line and headers.
    pub(crate) header_bytes_max: usize,
    /// Longest text of one field.
    pub(crate) field_text_bytes_max: usize,
    /// Pages with more records than this are streamed.
    pub(crate) stream_records_min: usize,
    /// Time for a request's head to arrive, and for a kept-alive connection to idle.
    pub(crate) header_timeout_s: u64,
    /// Time for a request's body to arrive.
    pub(crate) body_timeout_s: u64,
    /// Time for a TLS handshake.
    pub(crate) handshake_timeout_s: u64,
    /// Time for running requests to end at a shutdown.
    pub(crate) drain_timeout_s: u64,
    /// How often a live stream says that it is still there.
    pub(crate) heartbeat_s: u64,
    /// Serve `/metrics`.
    pub(crate) metrics: bool,
    /// Serve `/openapi.json` and `/docs`.
    pub(crate) docs: bool,
    /// Where people reach the server; links to shares begin with it. Empty: as each request reached it.
    pub(crate) public_url: String,
    /// Believe `X-Forwarded-Host` and `X-Forwarded-Proto`.
    pub(crate) trust_forwarded: bool,
}

/// Where clients rely on what the original does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CompatSettings {
    /// Status of a write that names an unknown or formula field: 400, or 500 as the original answers.
    pub(crate) unknown_field_status: u16,
}

/// Logging.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogSettings {
    /// Level, or levels by module.
    pub(crate) filter: String,
    /// `text` or `json`.
    pub(crate) format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data: PathBuf::from("./boobook-data"),
            store: None,
            store_password_file: None,
            files: None,
            listen: "127.0.0.1:8080".into(),
            bucket: BucketSettings::default(),
            tls: TlsSettings::default(),
            http: HttpSettings::default(),
            compat: CompatSettings::default(),
            log: LogSettings::default(),
            limits: Limits::default(),
            script: ScriptSettings::default(),
        }
    }
}

impl Default for HttpSettings {
    fn default() -> Self {
        let (http, listen) = (HttpConfig::default(), ListenConfig::default());
        Self {
            cors_origins: vec!["*".into()],
            compress: http.compress,
            access_log_every: http.access_log_every,
            requests_max: http.requests_max,
            streams_max: http.streams_max,
            connections_max: listen.connections_max,
            http2_streams_max: listen.http2_streams_max,
            header_bytes_max: listen.header_bytes_max,
            field_text_bytes_max: http.field_text_bytes_max,
            stream_records_min: http.stream_records_min,
            header_timeout_s: listen.header_timeout.as_secs(),
            body_timeout_s: http.body_timeout.as_secs(),
            handshake_timeout_s: listen.handshake_timeout.as_secs(),
            drain_timeout_s: 10,
            heartbeat_s: http.heartbeat.as_secs(),
            metrics: true,
            docs: http.docs,
            public_url: http.public_url,
            trust_forwarded: http.trust_forwarded,
        }
    }
}

impl Default for CompatSettings {
    fn default() -> Self {
        Self { unknown_field_status: 400 }
    }
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { filter: "info".into(), format: LogFormat::Text }
    }
}

/// Where settings come from. Tests make their own.
pub(crate) struct Sources<'a> {
    /// `--config`.
    pub(crate) file: Option<&'a Path>,
    /// Where the default file is looked for.
    pub(crate) folder: &'a Path,
    /// Variables that start with `BOOBOOK_`.
    pub(crate) variables: BTreeMap<String, String>,
    /// Flags, as key and value: those of `--set` and those with a name of their own.
    pub(crate) flags: Vec<(String, String)>,
}

/// The variables of this process that may be settings.
pub(crate) fn variables() -> anyhow::Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.to_str().filter(|name| name.starts_with("BOOBOOK_")) else { continue };
        let value = value
            .into_string()
            .map_err(|_| Failure::usage(format!("{name} is not UTF-8"), "set it to text, or unset it"))?;
        found.insert(name.to_owned(), value);
    }
    Ok(found)
}

impl Settings {
    /// Puts all sources together.
    pub(crate) fn load(sources: &Sources<'_>) -> anyhow::Result<Self> {
        let mut table = match config_file(sources)? {
            Some(path) => read_file(&path)?,
            None => toml::Table::new(),
        };
        let known = keys::all();
        for key in &known {
            // An empty variable is how a shell says that it is not set.
            if let Some(text) = sources.variables.get(&key.variable).filter(|text| !text.is_empty()) {
                key.put(&mut table, text).map_err(|problem| {
                    Failure::usage(format!("{}: {problem}", key.variable), keys::WHERE_LISTED)
                })?;
            }
        }
        refuse_unknown(&sources.variables, &known)?;
        for (path, text) in &sources.flags {
            let key = known.iter().find(|key| key.path == *path).ok_or_else(|| {
                Failure::usage(
                    format!("there is no setting {path:?}{}", keys::similar(&known, path)),
                    keys::WHERE_LISTED,
                )
            })?;
            key.put(&mut table, text)
                .map_err(|problem| Failure::usage(format!("{path}: {problem}"), keys::WHERE_LISTED))?;
        }
        let settings: Self = table
            .try_into()
            .map_err(|e: toml::de::Error| Failure::usage(e.message().to_owned(), keys::WHERE_LISTED))?;
        settings.check()?;
        Ok(settings)
    }

    /// The store's password, where it is not in the URL: a file holds it, or the variable that PostgreSQL's own tools
    /// read.
    #[expect(clippy::disallowed_methods, reason = "the variable is PostgreSQL's")]
    pub(crate) fn store_password(&self) -> anyhow::Result<Option<String>> {
        let Some(path) = &self.store_password_file else {
            return Ok(std::env::var("PGPASSWORD").ok().filter(|password| !password.is_empty()));
        };
        let text = std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(
                format!("the password file {} cannot be read: {error}", path.display()),
                "store_password_file names a file that holds the password alone",
            )
        })?;
        Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
    }

    fn check(&self) -> anyhow::Result<()> {
        if self.store.as_ref().is_some_and(|url| !is_shared(url)) {
            return Err(Failure::usage(
                "the store is none that servers can share",
                "it is postgres://USER@HOST:PORT/DATABASE; a directory is named with --data",
            ));
        }
        if self.tls.cert.is_some() != self.tls.key.is_some() {
            return Err(Failure::usage(
                "only one of TLS certificate and key is set",
                "give both, --tls-cert FILE and --tls-key FILE, or neither",
            ));
        }
        if !matches!(self.compat.unknown_field_status, 400 | 500) {
            return Err(Failure::usage(
                format!("compat.unknown_field_status is {}", self.compat.unknown_field_status),
                "it is 400, or 500 for clients that expect what the original answers",
            ));
        }
        let url = &self.http.public_url;
        let is_url =
            ["http://", "https://"].iter().any(|scheme| url.len() > scheme.len() && url.starts_with(scheme));
        if !url.is_empty() && (!is_url || url.contains(|c: char| c.is_whitespace() || "\"<>?#".contains(c))) {
            return Err(Failure::usage(
                format!("http.public_url is {url:?}"),
                "it is how people reach the server, such as https://data.example",
            ));
        }
        self.script
            .http
            .networks()
            .map_err(|problem| Failure::usage(format!("script.http.allow: {problem}"), keys::WHERE_LISTED))?;
        Ok(())
    }
}

/// The named file, or the default one where there is one.
fn config_file(sources: &Sources<'_>) -> anyhow::Result<Option<PathBuf>> {
    if let Some(path) = sources.file {
        if path.is_file() {
            return Ok(Some(path.to_owned()));
        }
        return Err(Failure::usage(
            format!("there is no configuration file {}", path.display()),
            "--config (or BOOBOOK_CONFIG) names a TOML file; without it ./boobook.toml is read if it is there",
        ));
    }
    let path = sources.folder.join(DEFAULT_FILE);
    Ok(path.is_file().then_some(path))
}

fn read_file(path: &Path) -> anyhow::Result<toml::Table> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!("{} cannot be read: {error}", path.display()), "check its owner and mode")
    })?;
    // Read as settings first: only so do errors know the line.
    toml::from_str::<Settings>(&text).map_err(|error| {
        Failure::usage(format!("{}: {}", path.display(), error.to_string().trim_end()), keys::WHERE_LISTED)
    })?;
    Ok(toml::from_str(&text)?)
}

/// A misspelt variable of a section would be overlooked for years. Names outside the sections may belong to other
/// programs.
fn refuse_unknown(variables: &BTreeMap<String, String>, known: &[keys::Key]) -> anyhow::Result<()> {
    const SECTIONS: [&str; 6] = [
        "BOOBOOK_BUCKET_",
        "BOOBOOK_LIMITS_",
        "BOOBOOK_HTTP_",
        "BOOBOOK_COMPAT_",
        "BOOBOOK_TLS_",
        "BOOBOOK_SCRIPT_",
    ];
    for name in variables.keys() {
        let ours = SECTIONS.iter().any(|section| name.starts_with(section));
        if ours && !known.iter().any(|key| key.variable == *name) {
            return Err(Failure::usage(
                format!("there is no setting for the variable {name}"),
                keys::WHERE_LISTED,
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
