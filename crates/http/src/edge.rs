//! The one middleware. All that every request needs happens here, in front of routing: path normalisation,
//! request ids, CORS, the limit of requests at a time, panics, the JSON of errors, compression, metrics, the
//! access log. One layer instead of a stack of them, as each layer costs more than what it does (see
//! architecture.md §7, "The request budget").

use std::{
    borrow::Cow,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::{body::Body, response::IntoResponse};
use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use tokio::sync::watch;
use tower::Service as _;

use crate::{
    compression,
    config::{CorsOrigins, HttpConfig},
    error::{ApiError, ErrorCode},
    metrics::RouteTable,
    state,
};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const ALLOWED_METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const ALLOWED_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Accept, If-Match, If-None-Match, Idempotency-Key, Range, X-Boobook-Min-Sq, \
     nx-password, nx-file",
);
const EXPOSED_HEADERS: HeaderValue =
    HeaderValue::from_static("ETag, X-Request-Id, X-Total-Count, X-Boobook-Sq, Retry-After");

/// The whole HTTP side as one service. Clones share everything.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    router: axum::Router,
    config: HttpConfig,
    origins: Vec<HeaderValue>,
    routes: RouteTable,
    request_id_prefix: String,
    requests_total: AtomicU64,
    requests_now: AtomicUsize,
    drain: watch::Sender<bool>,
}

impl Service {
    /// Puts the edge around a router. `paths` are the route patterns that metrics are kept by.
    pub(crate) fn new<'a>(
        router: axum::Router,
        config: HttpConfig,
        paths: impl Iterator<Item = &'a str>,
        drain: watch::Sender<bool>,
    ) -> Self {
        let origins = match &config.cors {
            CorsOrigins::List(list) => list.iter().filter_map(|o| HeaderValue::from_str(o).ok()).collect(),
            CorsOrigins::Any | CorsOrigins::Off => Vec::new(),
        };
        // Two processes must not give the same ids; being guessable does no harm.
        let mut random = [0u8; 5];
        let _ = getrandom::fill(&mut random);
        Self(Arc::new(Inner {
            router,
            origins,
            routes: RouteTable::new(paths),
            request_id_prefix: random.iter().map(|b| format!("{b:02x}")).collect(),
            requests_total: AtomicU64::new(0),
            requests_now: AtomicUsize::new(0),
            drain,
            config,
        }))
    }

    /// Ends live streams and makes `/readyz` say that no more requests should come.
    pub fn begin_drain(&self) {
        self.0.drain.send_replace(true);
    }

    /// Answers one request.
    #[expect(clippy::disallowed_methods, reason = "the request's duration is measured here")]
    pub async fn handle(&self, mut request: Request<Body>) -> Response<Body> {
        let inner = &*self.0;
        let started = Instant::now();
        let number = inner.requests_total.fetch_add(1, Ordering::Relaxed) + 1;
        let request_id = inner.request_id(request.headers(), number);
        if let Some(path) = normal_path(request.uri().path()) {
            set_path(request.uri_mut(), &path);
        }
        let cors = inner.cors(&request);
        let encoding = if inner.config.compress { compression::wanted(request.headers()) } else { None };
        let uri = request.uri().clone();
        let method = request.method().clone();
        let preflight = cors.is_some()
            && method == Method::OPTIONS
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        let mut response =
            if preflight { preflight_answer() } else { state::told(inner.routed(request)).await };
        if let Some(error) = response.extensions_mut().remove::<ApiError>() {
            // What the statuses 405 and 416 ask for stays.
            let kept = [header::ALLOW, header::CONTENT_RANGE].map(|name| {
                let value = response.headers_mut().remove(&name);
                (name, value)
            });
            response = error_answer(&error, request_id.to_str().unwrap_or_default());
            for (name, value) in kept {
                response.headers_mut().extend(value.map(|value| (name, value)));
            }
        }
        if let Some(encoding) = encoding
            && method != Method::HEAD
        {
            response = compression::compress(response, encoding).await;
        }
        if let Some(origin) = cors {
            inner.add_cors(response.headers_mut(), origin);
        }
        let elapsed = started.elapsed();
        inner.routes.record(&method, uri.path(), response.status(), elapsed);
        let every = inner.config.access_log_every;
        if every > 0 && number.is_multiple_of(every) {
            access_log(&method, &uri, response.status(), elapsed, &request_id);
        }
        response.headers_mut().insert(X_REQUEST_ID, request_id);
        response
    }
}

impl Inner {
    async fn routed(&self, request: Request<Body>) -> Response<Body> {
        let _counted = match Counted::enter(&self.requests_now, self.config.requests_max) {
            Some(counted) => counted,
            None => return ApiError::new(ErrorCode::TooManyRequests).retry_after(1).into_response(),
        };
        if !is_text(request.uri().path()) {
            let problem = "the path is not UTF-8: encode the bytes of its UTF-8 form, such as %C3%BC for ü";
            return ApiError::with_message(ErrorCode::BadRequest, problem).into_response();
        }
        let mut router = self.router.clone();
        match AssertUnwindSafe(router.call(request)).catch_unwind().await {
            Ok(Ok(response)) => response,
            Err(panic) => {
                tracing::error!("a request handler panicked: {}", panic_text(&*panic));
                ApiError::new(ErrorCode::Internal).into_response()
            }
        }
    }

    /// The client's own id where it is sane, else a new one.
    fn request_id(&self, headers: &HeaderMap, number: u64) -> HeaderValue {
        let sane = |id: &&HeaderValue| {
            (1..=64).contains(&id.len())
                && id.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
        };
        if let Some(id) = headers.get(X_REQUEST_ID).filter(sane) {
            return id.clone();
        }
        let mut id = Vec::with_capacity(32);
        id.extend_from_slice(self.request_id_prefix.as_bytes());
        id.push(b'-');
        id.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        HeaderValue::from_maybe_shared(Bytes::from(id)).unwrap_or(HeaderValue::from_static("-"))
    }

    /// What to allow, where this is a request of another origin to a path that has CORS at all.
    fn cors(&self, request: &Request<Body>) -> Option<HeaderValue> {
        let origin = request.headers().get(header::ORIGIN)?;
        let path = request.uri().path();
        if !(path.starts_with("/v1") || path.starts_with("/share")) {
            return None;
        }
        match &self.config.cors {
            CorsOrigins::Any => Some(HeaderValue::from_static("*")),
            CorsOrigins::List(_) => self.origins.iter().find(|o| *o == origin).cloned(),
            CorsOrigins::Off => None,
        }
    }

    fn add_cors(&self, headers: &mut HeaderMap, origin: HeaderValue) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
        if !self.origins.is_empty() {
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
    }
}

/// One request of those at a time, for as long as it lives.
pub(crate) struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn enter(now: &'a AtomicUsize, max: usize) -> Option<Self> {
        // Made first, so that it counts down again where the limit is passed.
        let counted = Self(now);
        (now.fetch_add(1, Ordering::Relaxed) < max).then_some(counted)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<B> tower::Service<Request<B>> for Service
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    type Response = Response<Body>;
    type Error = std::convert::Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.handle(request.map(Body::new)).await) })
    }
}

fn preflight_answer() -> Response<Body> {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}

fn error_answer(error: &ApiError, request_id: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(error.to_json(request_id)));
    *response.status_mut() = error.http_status();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, crate::JSON);
    if let Some(seconds) = error.retry_after_s() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if error.http_status() == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// Whether a path names something once it is decoded. Routing would refuse it too, in words of its own.
fn is_text(path: &str) -> bool {
    memchr::memchr(b'%', path.as_bytes()).is_none()
        || percent_encoding::percent_decode_str(path).decode_utf8().is_ok()
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}

fn access_log(method: &Method, uri: &Uri, status: StatusCode, elapsed: Duration, id: &HeaderValue) {
    // The query string may hold data or, from careless clients, keys: it is left out.
    let path = logged_path(uri.path());
    tracing::info!(
        target: "boobook::access",
        method = method.as_str(),
        path,
        status = status.as_u16(),
        micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
        id = id.to_str().unwrap_or_default(),
    );
}

/// A path without what must not be logged: the token of a share is all it takes to read it.
fn logged_path(path: &str) -> &str {
    if path.trim_start_matches('/').starts_with("share/") { "/share/{token}" } else { path }
}

/// The path that is routed, where it differs: `//` collapsed, a trailing `/` dropped, the alias base
/// `/{teamid}/api/v1/databases/…` spelled out. Works on the encoded path, so that `%2F` stays part of a name.
fn normal_path(path: &str) -> Option<String> {
    // The API's documentation is a web page with relative links: its slashes mean something.
    if path.starts_with("/docs") || !path.starts_with('/') {
        return None;
    }
    let untidy = path.contains("//") || (path.len() > 1 && path.ends_with('/'));
    let is_alias = !path.starts_with("/v1/") && path.contains("/api/v1/");
    if !untidy && !is_alias {
        return None;
    }
    let tidy: Cow<'_, str> = if untidy {
        let mut tidy = String::with_capacity(path.len());
        for segment in path.split('/').filter(|s| !s.is_empty()) {
            tidy.push('/');
            tidy.push_str(segment);
        }
        if tidy.is_empty() {
            tidy.push('/');
        }
        tidy.into()
    } else {
        path.into()
    };
    Some(unaliased(&tidy).unwrap_or_else(|| tidy.into_owned()))
}

fn unaliased(path: &str) -> Option<String> {
    let (team, rest) = path.strip_prefix('/')?.split_once('/')?;
    let rest = rest.strip_prefix("api/v1/databases")?;
    let whole = rest.is_empty() || rest.starts_with('/');
    (whole && team != "v1").then(|| format!("/v1/teams/{team}/databases{rest}"))
}

fn set_path(uri: &mut Uri, path: &str) {
    let path_and_query = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut parts = std::mem::take(uri).into_parts();
    // Parts of what was a path already make a path again.
    parts.path_and_query = path_and_query.parse().ok();
    *uri = Uri::from_parts(parts).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_not_logged() {
        for (path, expected) in [
            ("/share/abc", "/share/{token}"),
            ("//share/abc/", "/share/{token}"),
            ("/v1/teams/a/databases/b/views/c/share", "/v1/teams/a/databases/b/views/c/share"),
        ] {
            assert_eq!(logged_path(path), expected);
        }
    }

    #[test]
    fn paths_are_tidied() {
        for (path, expected) in [
            ("/v1/teams", None),
            ("/", None),
            ("//", Some("/")),
            ("/v1//teams", Some("/v1/teams")),
            ("/v1/teams/", Some("/v1/teams")),
            ("//v1/teams//x//", Some("/v1/teams/x")),
            ("/v1/teams/a%2F%2Fb/", Some("/v1/teams/a%2F%2Fb")),
            ("/t1/api/v1/databases", Some("/v1/teams/t1/databases")),
            ("/t1/api/v1/databases/d/tables/A%20B", Some("/v1/teams/t1/databases/d/tables/A%20B")),
            ("/t1//api/v1/databases/", Some("/v1/teams/t1/databases")),
            ("/t1/api/v1/databasesx", Some("/t1/api/v1/databasesx")),
            ("/v1/teams/t/databases/d/tables/api/v1/databases", None),
            ("/docs/", None),
            ("*", None),
        ] {
            assert_eq!(normal_path(path).as_deref(), expected, "{path}");
        }
        let mut uri: Uri = "http://h/v1//teams?a=//".parse().unwrap();
        let path = normal_path(uri.path()).unwrap();
        set_path(&mut uri, &path);
        assert_eq!(uri.to_string(), "http://h/v1/teams?a=//");
    }
}
