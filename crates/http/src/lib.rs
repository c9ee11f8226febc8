//! The HTTP side of boobook: the listener, what every request needs, the routes, the wire formats, OpenAPI.
//!
//! It translates and nothing else: requests into calls of [`boobook_app`], answers into bytes. It is *not* where
//! rights are decided, data is checked against rules, or anything is stored. It is the only crate that knows axum
//! and the JSON of records, which is written in exactly one module, [`wire::record`].
//!
//! * [`service`]: an [`App`] as a service; [`serve`] runs it on a listener.
//! * `edge`: the one middleware. `router`: all routes. `routes`: a file per action. `error`: the public errors.
//!
//! ```
//! # use std::sync::Arc;
//! use boobook_app::{App, Limits, SystemHost};
//! use boobook_http::HttpConfig;
//!
//! let app = App::start(Arc::new(boobook_store::MemStore::default()), Arc::new(SystemHost), Limits::default()).unwrap();
//! let service = boobook_http::service(app.clone(), HttpConfig::default());
//! # drop(service);
//! # app.stop();
//! ```

mod compression;
mod config;
mod edge;
mod error;
mod extract;
mod metrics;
mod openapi;
mod query_string;
mod request_line;
mod router;
mod routes;
mod serve;
mod share_page;
mod state;
pub mod wire;

use std::sync::Arc;

use boobook_app::App;
use tokio::sync::watch;

pub use config::{CorsOrigins, HttpConfig, RenderMetrics};
pub use edge::Service;
pub use error::{ApiError, ApiResult, ErrorCode};
pub use http::StatusCode;
pub use router::openapi;
pub use serve::{ListenConfig, serve, tls_config};

const JSON: http::HeaderValue = http::HeaderValue::from_static("application/json");

/// The whole HTTP side of an application. The metrics recorder, if any, must be installed before.
pub fn service(app: App, config: HttpConfig) -> Service {
    let (drain, closing) = watch::channel(false);
    let api = router::Api::new(app, Arc::new(config.clone()), closing);
    let document = openapi();
    Service::new(router::routes(api), config, document.paths.paths.keys().map(String::as_str), drain)
}
