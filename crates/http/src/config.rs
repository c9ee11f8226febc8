//! What the HTTP side can be told. The `boobook` binary fills it from its configuration.

use std::{fmt, sync::Arc, time::Duration};

use http::StatusCode;

use crate::error::ErrorCode;

/// Who may call from a web page of another origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CorsOrigins {
    /// Every origin: keys are sent by scripts, never by the browser itself.
    Any,
    /// These only, such as `https://intranet.example`.
    List(Vec<String>),
    /// None: no CORS headers at all.
    Off,
}

/// Writes the process's metrics in Prometheus' text format.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// Settings of the HTTP side; the listener's are [`crate::ListenConfig`], those of the use cases
/// `boobook_app::Limits`.
#[derive(Clone)]
pub struct HttpConfig {
    /// Origins allowed by CORS on `/v1` and `/share`.
    pub cors: CorsOrigins,
    /// Compress answers over 1 KB when the client asks.
    pub compress: bool,
    /// One line a request for every n-th request; 0 is none.
    pub access_log_every: u64,
    /// Requests handled at a time; beyond it 429.
    pub requests_max: usize,
    /// Live streams at a time; beyond it 429.
    pub streams_max: usize,
    /// Time for a request's body to arrive.
    pub body_timeout: Duration,
    /// Longest text of one field, in bytes.
    pub field_text_bytes_max: usize,
    /// Pages with more records than this are streamed.
    pub stream_records_min: usize,
    /// How often a live stream says that it is still there.
    pub heartbeat: Duration,
    /// Status where a write names an unknown or computed field (`[compat] unknown_field_status`).
    pub unknown_field_status: StatusCode,
    /// Serves `/metrics` where given.
    pub metrics: Option<RenderMetrics>,
    /// Serves `/openapi.json` and `/docs`.
    pub docs: bool,
    /// Where people reach this server, `https://data.example`: links to shares begin with it. Empty: as the request
    /// that asks for a link reached it.
    pub public_url: String,
    /// `X-Forwarded-Host` and `X-Forwarded-Proto` come from a proxy of ours, and tell how a request reached it.
    pub trust_forwarded: bool,
    /// The listener speaks TLS.
    pub tls: bool,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            cors: CorsOrigins::Any,
            compress: true,
            access_log_every: 0,
            requests_max: 4_096,
            streams_max: 4_096,
            body_timeout: Duration::from_mins(1),
            field_text_bytes_max: 4 << 20,
            stream_records_min: 2_000,
            heartbeat: Duration::from_secs(15),
            unknown_field_status: ErrorCode::UnknownField.status(),
            metrics: None,
            docs: true,
            public_url: String::new(),
            trust_forwarded: false,
            tls: false,
        }
    }
}

impl fmt::Debug for HttpConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpConfig")
            .field("cors", &self.cors)
            .field("compress", &self.compress)
            .field("access_log_every", &self.access_log_every)
            .field("requests_max", &self.requests_max)
            .field("body_timeout", &self.body_timeout)
            .finish_non_exhaustive()
    }
}
