//! A server from its settings: store, application, listener, and an orderly end.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use boobook_app::{App, SystemHost};
use boobook_files::{BlobError, Blobs, PdfTool, ThumbnailOptions, Thumbnails};
use boobook_http::{CorsOrigins, HttpConfig, ListenConfig};
use boobook_store::StoreError;
use boobook_store_sqlite::DirectoryLock;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::{net::TcpListener, runtime::Runtime, task::JoinSet};

use crate::{
    config::{HttpSettings, Settings},
    failure::{Failure, from_app},
    local::{no_files, open_files},
    out,
    outside::World,
    store::OpenStore,
    telemetry,
};

/// Upper bounds, in seconds, of the buckets of every histogram.
const SECONDS_BUCKETS: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];
/// How often histograms are condensed where nobody reads `/metrics`.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

/// A server that has its data and its port, and does not serve yet.
pub(crate) struct Server {
    settings: Settings,
    runtime: Runtime,
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Arc<rustls::ServerConfig>>,
    app: App,
    metrics: Option<PrometheusHandle>,
    /// Held until the process ends: nobody else serves this directory. None where others serve the same store.
    _lock: Option<DirectoryLock>,
}

impl Server {
    /// Takes the data directory and the port.
    pub(crate) fn open(settings: Settings) -> anyhow::Result<Self> {
        telemetry::start(&settings.log)?;
        let tls = tls(&settings)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let listener = runtime.block_on(listen(&settings.listen))?;
        let address = listener.local_addr()?;
        let (open, lock) = open_locked(&settings)?;
        // Handles of metrics are made when the router is: the recorder must be there before.
        let metrics = settings.http.metrics.then(install_metrics).transpose()?;
        let app = App::start(open.store, Arc::new(SystemHost), settings.limits.clone())
            .map_err(|error| from_app(error, "the server cannot start", &open.place))?;
        let (blobs, thumbnails) = files(&settings)?;
        runtime.block_on(check_files(&blobs))?;
        {
            let _within = runtime.enter();
            app.keep_files(blobs, thumbnails);
        }
        app.be_reached_at(&settings.http.public_url);
        app.reach_outside(Arc::new(World::new(&settings.script, runtime.handle().clone())?));
        Ok(Self { settings, runtime, listener, address, tls, app, metrics, _lock: lock })
    }

    /// The application, for what is to be done before serving.
    pub(crate) fn app(&self) -> &App {
        &self.app
    }

    /// Runs work of the application to its end.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Where clients on this machine find it.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        format!("{scheme}://{address}")
    }

    /// Serves until SIGTERM or SIGINT, lets running requests end, and stops the application.
    pub(crate) fn serve(self) -> anyhow::Result<()> {
        let Self { settings, runtime, listener, address, tls, app, metrics, _lock } = self;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let http = &settings.http;
        let service = boobook_http::service(app.clone(), http_config(&settings, &app, metrics.clone()));
        let served = runtime.block_on(async {
            let shutdown = shutdown_signal()?;
            let mut beside = JoinSet::new();
            let background = app.clone();
            beside.spawn(async move { background.run_background().await });
            if let Some(metrics) = metrics {
                beside.spawn(async move {
                    loop {
                        tokio::time::sleep(METRICS_UPKEEP).await;
                        metrics.run_upkeep();
                    }
                });
            }
            out::note(format!("boobook listens on {scheme}://{address}"));
            if tls.is_none() && !address.ip().is_loopback() {
                out::note(
                    "warning: anybody between here and a client can read keys and records: serve TLS with \
                     --tls-cert and --tls-key, or put a proxy that does in front and listen on 127.0.0.1",
                );
            }
            let served = boobook_http::serve(listener, tls, service, listen_config(http), shutdown).await;
            beside.shutdown().await;
            served
        });
        app.stop();
        served.context("the listener failed")?;
        tracing::info!("stopped; everything that was acknowledged is stored");
        Ok(())
    }
}

/// Where files lie, and the threads that draw thumbnails of them.
fn files(settings: &Settings) -> anyhow::Result<(Blobs, Thumbnails)> {
    let blobs = open_files(settings)?;
    let options = ThumbnailOptions { pdf: PdfTool::find(), ..ThumbnailOptions::default() };
    let thumbnails =
        Thumbnails::new(blobs.clone(), options).context("threads for thumbnails cannot start")?;
    Ok((blobs, thumbnails))
}

/// A mistake in the settings is told now, not to the first who uploads. A bucket that is only away may come back, and
/// records need none.
async fn check_files(blobs: &Blobs) -> anyhow::Result<()> {
    match blobs.check().await {
        Err(error @ BlobError::Refused(_)) => Err(no_files(error)),
        Err(error) => {
            tracing::warn!("files cannot be used at the moment: {error}");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

async fn listen(address: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                "another program listens there; stop it, or choose another port with --listen 127.0.0.1:PORT \
                 (port 0 takes a free one)"
            }
            std::io::ErrorKind::PermissionDenied => {
                "ports below 1024 need privileges; choose a higher one with --listen"
            }
            _ => "--listen takes ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:8080",
        };
        Failure::new(format!("cannot listen on {address}: {error}"), hint)
    })
}

fn open_locked(settings: &Settings) -> anyhow::Result<(OpenStore, Option<DirectoryLock>)> {
    if settings.store.is_some() && settings.files.is_none() {
        return Err(Failure::usage(
            "several servers may share this store, but it is not said where they share files",
            "--files s3://bucket/prefix (or gs://, az://), or a directory that all of them see",
        ));
    }
    let open = OpenStore::open(settings)?;
    let lock = open.lock().map_err(|error| match error {
        StoreError::InUse(message) => {
            Failure::new(message, "--data DIR (or BOOBOOK_DATA) names the directory")
        }
        other => anyhow::Error::new(other).context("the data directory cannot be locked"),
    })?;
    Ok((open, lock))
}

fn tls(settings: &Settings) -> anyhow::Result<Option<Arc<rustls::ServerConfig>>> {
    let (Some(cert), Some(key)) = (&settings.tls.cert, &settings.tls.key) else { return Ok(None) };
    let read = |path: &Path, what: &str| {
        std::fs::read(path).map_err(|error| {
            Failure::usage(
                format!("the TLS {what} {} cannot be read: {error}", path.display()),
                "--tls-cert and --tls-key name PEM files",
            )
        })
    };
    let config = boobook_http::tls_config(&read(cert, "certificate")?, &read(key, "key")?);
    config.map(Some).map_err(|problem| {
        Failure::usage(
            format!("{} and {}: {problem}", cert.display(), key.display()),
            "--tls-cert takes the whole chain, the server's own certificate first; --tls-key its private key; both PEM",
        )
    })
}

fn install_metrics() -> anyhow::Result<PrometheusHandle> {
    Ok(PrometheusBuilder::new().set_buckets(&SECONDS_BUCKETS)?.install_recorder()?)
}

fn http_config(settings: &Settings, app: &App, metrics: Option<PrometheusHandle>) -> HttpConfig {
    let http = &settings.http;
    let cors = match http.cors_origins.as_slice() {
        [] => CorsOrigins::Off,
        origins if origins.iter().any(|origin| origin == "*") => CorsOrigins::Any,
        origins => CorsOrigins::List(origins.to_vec()),
    };
    let app = app.clone();
    let render = metrics.map(|handle| -> boobook_http::RenderMetrics {
        Arc::new(move || {
            let (databases, bytes) = app.usage();
            let mut text = handle.render();
            let mails = app.mails();
            let gauges = [
                ("boobook_databases_open", "Databases in memory.", databases),
                ("boobook_databases_bytes", "Memory they take.", bytes),
                (
                    "boobook_databases_unreadable",
                    "Databases that could not be opened when asked for last.",
                    app.unreadable(),
                ),
            ];
            let counters = [
                ("boobook_mails_sent_total", "Messages of scripts that the mail server took.", mails.sent),
                ("boobook_mails_failed_total", "Tries to send one that failed.", mails.failed),
                ("boobook_mails_dropped_total", "Messages that were given up.", mails.dropped),
            ];
            let gauges = gauges.map(|(name, help, value)| (name, help, "gauge", value as u64));
            let counters = counters.map(|(name, help, value)| (name, help, "counter", value));
            for (name, help, kind, value) in gauges.into_iter().chain(counters) {
                text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n"));
            }
            text
        })
    });
    HttpConfig {
        cors,
        compress: http.compress,
        access_log_every: http.access_log_every,
        requests_max: http.requests_max,
        streams_max: http.streams_max,
        body_timeout: Duration::from_secs(http.body_timeout_s),
        field_text_bytes_max: http.field_text_bytes_max,
        stream_records_min: http.stream_records_min,
        heartbeat: Duration::from_secs(http.heartbeat_s),
        unknown_field_status: if settings.compat.unknown_field_status == 500 {
            boobook_http::StatusCode::INTERNAL_SERVER_ERROR
        } else {
            HttpConfig::default().unknown_field_status
        },
        metrics: render,
        docs: http.docs,
        public_url: http.public_url.clone(),
        trust_forwarded: http.trust_forwarded,
        tls: settings.tls.cert.is_some(),
    }
}

fn listen_config(http: &HttpSettings) -> ListenConfig {
    ListenConfig {
        connections_max: http.connections_max,
        header_bytes_max: http.header_bytes_max,
        header_timeout: Duration::from_secs(http.header_timeout_s),
        handshake_timeout: Duration::from_secs(http.handshake_timeout_s),
        drain_timeout: Duration::from_secs(http.drain_timeout_s),
        http2_streams_max: http.http2_streams_max,
    }
}

/// Resolves at the first SIGTERM or SIGINT.
#[cfg(unix)]
fn shutdown_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    // Taken before the first connection, so that no signal is missed.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!("{name}: no new connections, waiting for running requests");
    })
}

/// Resolves at Ctrl-C.
#[cfg(not(unix))]
fn shutdown_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        // Where no handler can be set the process ends as the system ends it; serving is better than not.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        tracing::info!("Ctrl-C: no new connections, waiting for running requests");
    })
}
