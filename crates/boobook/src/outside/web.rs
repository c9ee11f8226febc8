//! `http()` of scripts.
//!
//! A name is resolved here and every address of it checked; the client connects to what was checked and asks no second
//! time, so that a name cannot point elsewhere between the two. Each redirect goes the same way.

use std::{
    error::Error,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use boobook_app::{HttpAnswer, HttpRequest};
use reqwest::{
    Client, Method, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};
use tokio::runtime::Handle;

use super::{Network, guard};
use crate::config::ScriptHttpSettings;

/// A request is sent on at most so often.
const REDIRECTS_MAX: usize = 5;

/// The web as scripts reach it.
pub(super) struct Web {
    client: Client,
    runtime: Handle,
    allowed: Arc<[Network]>,
    timeout: Duration,
    answer_bytes_max: usize,
}

struct Resolver {
    allowed: Arc<[Network]>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = Arc::clone(&self.allowed);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            // One that points here and there is not trusted at all.
            for address in &found {
                guard::check(address.ip(), &allowed)
                    .map_err(|problem| format!("{}: {problem}", name.as_str()))?;
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

impl Web {
    /// Requests run on the given runtime; who asks waits on a thread of its own.
    pub(super) fn new(settings: &ScriptHttpSettings, runtime: Handle) -> anyhow::Result<Self> {
        let allowed = settings.networks().map_err(anyhow::Error::msg)?;
        let allowed: Arc<[Network]> = allowed.into();
        let of_redirect = Arc::clone(&allowed);
        let redirects = Policy::custom(move |attempt| {
            if attempt.previous().len() > REDIRECTS_MAX {
                return attempt.error(format!("redirected more than {REDIRECTS_MAX} times"));
            }
            match check_url(attempt.url(), &of_redirect) {
                Ok(()) => attempt.follow(),
                Err(problem) => attempt.error(problem),
            }
        });
        let client = Client::builder()
            .dns_resolver(Arc::new(Resolver { allowed: Arc::clone(&allowed) }))
            .redirect(redirects)
            // A proxy would resolve names itself, and connect to what nobody has checked.
            .no_proxy()
            .referer(false)
            .user_agent(concat!("boobook/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            client,
            runtime,
            allowed,
            timeout: Duration::from_millis(settings.timeout_ms),
            answer_bytes_max: settings.answer_bytes_max,
        })
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpAnswer, String> {
        let url = Url::parse(&request.url)
            .map_err(|error| format!("{:?} is no web address: {error}", request.url))?;
        check_url(&url, &self.allowed)?;
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| format!("{:?} is no method", request.method))?;
        let mut sent = self.client.request(method, url);
        for (name, value) in request.headers {
            sent = sent.header(name, value);
        }
        if let Some(body) = request.body {
            sent = sent.body(body);
        }
        let mut response = sent.send().await.map_err(|error| explained(&error))?;
        let status = response.status();
        let content_type = response.headers().get(reqwest::header::CONTENT_TYPE);
        let content_type = content_type.and_then(|told| told.to_str().ok()).map(str::to_owned);
        let too_large = || {
            let max = self.answer_bytes_max;
            format!("the answer is larger than {max} bytes (script.http.answer_bytes_max)")
        };
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| explained(&error))? {
            if body.len() + chunk.len() > self.answer_bytes_max {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(HttpAnswer {
            status: status.to_string(),
            is_success: status.is_success(),
            content_type,
            body: body.into(),
        })
    }
}

impl Web {
    /// Sends a request and waits for its answer.
    pub(super) fn http(&self, request: HttpRequest, time_max: Duration) -> Result<HttpAnswer, String> {
        let time_max = time_max.min(self.timeout);
        self.runtime.block_on(async {
            let late = |_| format!("no answer within {} ms", time_max.as_millis());
            tokio::time::timeout(time_max, self.send(request)).await.map_err(late)?
        })
    }
}

/// What a resolver is not asked about: the scheme, and addresses written as numbers.
fn check_url(url: &Url, allowed: &[Network]) -> Result<(), String> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("{:?} is not http or https", url.scheme()));
    }
    let host = url.host_str().unwrap_or_default();
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    literal.map_or(Ok(()), |address| guard::check(address, allowed))
}

/// The whole chain of reasons: "connection refused" is at its end. The address is the script's own.
fn explained(error: &reqwest::Error) -> String {
    let mut reasons: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(error) = next {
        let text = error.to_string();
        // Some errors print what they come from.
        if !reasons.last().is_some_and(|last| last.contains(&text)) {
            reasons.push(text);
        }
        next = error.source();
    }
    if reasons.is_empty() { error.to_string() } else { reasons.join(": ") }
}
