//! The listener: accepts connections, speaks TLS where asked, repairs first request lines, drains at the end.
//!
//! It keeps every task it starts: [`serve`] returns only when all connections have ended or the drain deadline
//! has passed.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto,
        graceful::{GracefulShutdown, Watcher},
    },
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{
    io::AsyncRead,
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    Service,
    request_line::{Prefixed, read_first_line},
};

/// Bounds of the listener.
#[derive(Debug, Clone)]
pub struct ListenConfig {
    /// Connections at a time; further ones wait in the system's queue.
    pub connections_max: usize,
    /// Bytes of a request's line and headers together (HTTP/1.1) or of its headers (HTTP/2).
    pub header_bytes_max: usize,
    /// Time for a request's head to arrive, and how long a kept-alive connection may idle.
    pub header_timeout: Duration,
    /// Time for a TLS handshake.
    pub handshake_timeout: Duration,
    /// After the shutdown signal, time for running requests to end.
    pub drain_timeout: Duration,
    /// Requests at a time on one HTTP/2 connection.
    pub http2_streams_max: u32,
}

impl Default for ListenConfig {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            header_bytes_max: 256 << 10,
            header_timeout: Duration::from_mins(1),
            handshake_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(25),
            http2_streams_max: 250,
        }
    }
}

/// The TLS settings for a certificate chain and its key, both PEM: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1.
pub fn tls_config(chain_pem: &[u8], key_pem: &[u8]) -> Result<Arc<rustls::ServerConfig>, String> {
    let chain = CertificateDer::pem_slice_iter(chain_pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| format!("the certificate chain cannot be read: {e}"))?;
    if chain.is_empty() {
        return Err("the certificate file holds no certificate".into());
    }
    let key =
        PrivateKeyDer::from_pem_slice(key_pem).map_err(|e| format!("the private key cannot be read: {e}"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|e| match e {
            rustls::Error::InconsistentKeys(_) => "the key is not that of the certificate".to_owned(),
            other => format!("certificate and key cannot be used: {other}"),
        })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Serves connections of `listener` until `shutdown` resolves, then lets running requests end.
///
/// Returns an error only where the listener itself is broken. What goes wrong on a connection ends that
/// connection; running out of file handles makes the listener wait, not stop.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    service: Service,
    config: ListenConfig,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let connections = Arc::new(Semaphore::new(config.connections_max.min(Semaphore::MAX_PERMITS)));
    let graceful = GracefulShutdown::new();
    let (closing, _) = watch::channel(());
    let shared = Arc::new(Shared {
        builder: builder(&config),
        tls: tls.map(TlsAcceptor::from),
        service: service.clone(),
        config,
    });
    let mut tasks = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        // Finished tasks are taken out as new ones come, so that the set stays as small as the connections.
        while tasks.try_join_next().is_some() {}
        let (stream, permit) = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = accept(&listener, &connections) => accepted?,
        };
        // An answer is one write already; waiting to fill packets only adds delay.
        let _ = stream.set_nodelay(true);
        let connection =
            Arc::clone(&shared).connection(stream, graceful.watcher(), closing.subscribe(), permit);
        tasks.spawn(connection);
    }
    drop(listener);
    service.begin_drain();
    let _ = closing.send(());
    if timeout(shared.config.drain_timeout, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests still running at the end of the drain time are cut off");
    }
    tasks.shutdown().await;
    Ok(())
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(connections).acquire_owned().await.map_err(io::Error::other)?;
    let mut pause = Duration::from_millis(5);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return Ok((stream, permit)),
            Err(error) if is_of_one_connection(&error) => {}
            // Out of file handles or memory: those in use are given back as connections end.
            Err(error) => {
                tracing::warn!("cannot accept a connection, waiting {} ms: {error}", pause.as_millis());
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

fn builder(config: &ListenConfig) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout)
        // A client that has sent all it has to say (`nc -N`) still waits for its answer. One that is gone is
        // noticed when it is written to.
        .half_close(true)
        // hyper wants room for at least 8 KiB; a target alone may be 64 KiB.
        .max_buf_size(config.header_bytes_max.max(80 << 10));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(config.header_bytes_max).unwrap_or(u32::MAX))
        .max_concurrent_streams(config.http2_streams_max)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20))
        // A page of records should not stop at every 64 KiB to wait for the client's window.
        .initial_connection_window_size(1 << 20)
        .initial_stream_window_size(1 << 20);
    builder
}

struct Shared {
    builder: auto::Builder<TokioExecutor>,
    tls: Option<TlsAcceptor>,
    service: Service,
    config: ListenConfig,
}

impl Shared {
    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        watcher: Watcher,
        mut closing: watch::Receiver<()>,
        permit: OwnedSemaphorePermit,
    ) {
        // Until its first line is there a connection carries no request: it may be dropped at any moment.
        let opened = tokio::select! {
            opened = self.open(stream) => opened,
            _ = closing.changed() => None,
        };
        if let Some((prefix, io)) = opened {
            self.serve(prefix, io, watcher).await;
        }
        drop(permit);
    }

    /// TLS and the first request line; `None` where the peer goes, is too slow or speaks no TLS.
    async fn open(&self, stream: TcpStream) -> Option<(Bytes, Stream)> {
        let mut io = match &self.tls {
            None => Stream::Plain(stream),
            Some(acceptor) => {
                let handshake = timeout(self.config.handshake_timeout, acceptor.accept(stream));
                Stream::Tls(Box::new(handshake.await.ok()?.ok()?))
            }
        };
        if io.is_http2() {
            return Some((Bytes::new(), io));
        }
        let prefix = timeout(self.config.header_timeout, read_first_line(&mut io)).await.ok()?.ok()?;
        (!prefix.is_empty()).then_some((prefix, io))
    }

    async fn serve(&self, prefix: Bytes, io: Stream, watcher: Watcher) {
        let service = self.service.clone();
        let service = hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
            let service = service.clone();
            async move {
                let response = service.handle(request.map(axum::body::Body::new)).await;
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        let outcome = match io {
            Stream::Plain(io) => {
                let io = TokioIo::new(Prefixed::new(prefix, io));
                watcher.watch(self.builder.serve_connection(io, service).into_owned()).await
            }
            Stream::Tls(io) => {
                let io = TokioIo::new(Prefixed::new(prefix, io));
                watcher.watch(self.builder.serve_connection(io, service).into_owned()).await
            }
        };
        if let Err(error) = outcome {
            tracing::debug!("connection ended: {error}");
        }
    }
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<tokio_rustls::server::TlsStream<TcpStream>>),
}

impl Stream {
    fn is_http2(&self) -> bool {
        match self {
            Stream::Plain(_) => false,
            Stream::Tls(io) => io.get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(io) => std::pin::Pin::new(io).poll_read(cx, buf),
            Stream::Tls(io) => std::pin::Pin::new(io).poll_read(cx, buf),
        }
    }
}
