//! Shares of views and files, and what is read by their links (rest-api.md §7).

pub(crate) mod file;
pub(crate) mod read;
pub(crate) mod table_view;
pub(crate) mod view;

use axum::{
    http::{HeaderMap, Uri},
    response::Response,
};
use boobook_app::{Session, ShareChange, ShareEntry, ShareTarget};
use boobook_model::field::{parse_timestamp, write_timestamp};
use serde_json::{Value, json};

use crate::{
    HttpConfig,
    error::{ApiError, ApiResult, ErrorCode},
    router::Api,
    routes::{json, object, to_json},
};

/// How a request reached this server, for the links in its answer.
pub(crate) struct Reached {
    headers: HeaderMap,
    uri: Uri,
}

impl axum::extract::FromRequestParts<Api> for Reached {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut http::request::Parts, _: &Api) -> Result<Self, Self::Rejection> {
        Ok(Self { headers: parts.headers.clone(), uri: parts.uri.clone() })
    }
}

impl Reached {
    /// The start of links: scheme and host, or what is configured.
    fn base(&self, config: &HttpConfig) -> String {
        if !config.public_url.is_empty() {
            return config.public_url.trim_end_matches('/').to_owned();
        }
        let forwarded = |name: &str| {
            // Of several proxies the first one is the one that people speak to.
            let value = self.headers.get(name).filter(|_| config.trust_forwarded)?.to_str().ok()?;
            Some(value.split(',').next().unwrap_or(value).trim())
        };
        let scheme = match forwarded("x-forwarded-proto") {
            Some(known @ ("http" | "https")) => known,
            _ if config.tls => "https",
            _ => "http",
        };
        let own = self.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
        let own = own.or_else(|| self.uri.authority().map(http::uri::Authority::as_str));
        let host = forwarded("x-forwarded-host").or(own).filter(|host| is_host(host));
        format!("{scheme}://{}", host.unwrap_or("localhost"))
    }
}

/// A name or address with a port, and nothing that would end it within a link.
fn is_host(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= 255
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
}

fn share_answer(api: &Api, reached: &Reached, share: &ShareEntry) -> ApiResult<Response> {
    let link = format!("{}/share/{}", reached.base(&api.config), share.token);
    let mut answer = json!({
        "link": &link,
        "url": &link,
        "token": &share.token,
        "createdAt": timestamp(share.created_at_ms),
    });
    if let Some(at_ms) = share.expires_at_ms {
        answer["expiresAt"] = timestamp(at_ms).into();
    }
    if share.password.is_some() {
        answer["hasPassword"] = true.into();
    }
    to_json(&answer)
}

fn timestamp(ms: i64) -> String {
    let mut out = Vec::with_capacity(20);
    write_timestamp(ms, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// `{"expiresAt", "password"}`, both of which `null` clears.
fn change(body: &[u8]) -> ApiResult<ShareChange> {
    let body = object(body)?;
    let expires_at_ms = match body.get("expiresAt") {
        None => None,
        Some(Value::Null) => Some(None),
        Some(value) => {
            let at_ms = match value {
                Value::String(text) => parse_timestamp(text.trim()),
                Value::Number(number) => number.as_i64(),
                _ => None,
            };
            let problem = || {
                let expected = "expected a date and time such as \"2031-05-01T12:00:00\", or null";
                ApiError::at(ErrorCode::InvalidValue, "expiresAt", expected)
            };
            Some(Some(at_ms.ok_or_else(problem)?))
        }
    };
    let password = match body.get("password") {
        None => None,
        Some(Value::Null) => Some(None),
        Some(Value::String(text)) => Some(Some(text.clone())),
        Some(_) => {
            return Err(ApiError::at(ErrorCode::InvalidValue, "password", "expected a string or null"));
        }
    };
    Ok(ShareChange { expires_at_ms, password })
}

async fn get(api: &Api, session: &Session, target: &ShareTarget, reached: &Reached) -> ApiResult<Response> {
    share_answer(api, reached, &*session.share(target)?)
}

async fn put(
    api: &Api,
    session: &Session,
    target: ShareTarget,
    body: &[u8],
    reached: &Reached,
) -> ApiResult<Response> {
    let share = session.put_share(target, change(body)?).await?;
    share_answer(api, reached, &share)
}

async fn end(session: &Session, target: ShareTarget) -> ApiResult<Response> {
    session.unshare(target).await?;
    Ok(json("{}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_where_people_came_from() {
        let plain = HttpConfig::default();
        let tls = HttpConfig { tls: true, ..HttpConfig::default() };
        let proxied = HttpConfig { trust_forwarded: true, ..HttpConfig::default() };
        let public = HttpConfig { public_url: "https://data.example/b/".into(), ..proxied.clone() };
        let reached = |pairs: &[(&'static str, &'static str)]| {
            let pairs = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            Reached { headers: pairs.collect(), uri: "http://h2.example/x".parse().unwrap() }
        };
        let forwarded =
            [("host", "inner:8080"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "a.example, b")];
        for (config, headers, expected) in [
            (&plain, &[("host", "127.0.0.1:8080")][..], "http://127.0.0.1:8080"),
            (&plain, &[("host", "[::1]:8080")], "http://[::1]:8080"),
            (&plain, &[], "http://h2.example"),
            (&plain, &[("host", "a\"b/../c")], "http://localhost"),
            (&tls, &[("host", "a.example")], "https://a.example"),
            (&plain, &forwarded, "http://inner:8080"),
            (&proxied, &forwarded, "https://a.example"),
            (&proxied, &[("host", "a"), ("x-forwarded-proto", "javascript")], "http://a"),
            (&public, &forwarded, "https://data.example/b"),
        ] {
            assert_eq!(reached(headers).base(config), expected, "{headers:?}");
        }
    }

    #[test]
    fn changes_of_a_share() {
        let of = |body: &str| change(body.as_bytes()).map_err(|error| error.message().to_owned());
        assert_eq!(of(""), Ok(ShareChange::default()));
        let all = of(r#"{"expiresAt": "2031-05-01T12:00:00", "password": "x", "other": 1}"#).unwrap();
        assert_eq!(all.expires_at_ms, Some(Some(1_935_403_200_000)));
        assert_eq!(all.password, Some(Some("x".into())));
        let cleared = ShareChange { expires_at_ms: Some(None), password: Some(None) };
        assert_eq!(of(r#"{"expiresAt": null, "password": null}"#), Ok(cleared));
        for (body, says) in [
            (r#"{"expiresAt": "soon"}"#, "expiresAt: expected a date"),
            (r#"{"expiresAt": true}"#, "expiresAt: expected a date"),
            (r#"{"password": 7}"#, "password: expected a string"),
            ("[1]", "expected a JSON object"),
        ] {
            assert!(of(body).unwrap_err().starts_with(says), "{body}");
        }
    }
}
