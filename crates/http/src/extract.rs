//! What handlers take from a request beside its path: the caller, the query string, the body.

use std::sync::Arc;

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, request::Parts},
};
use boobook_app::{AppError, Session};
use boobook_model::{Principal, Sq};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::{
    error::{ApiError, ApiResult, ErrorCode},
    query_string::QueryString,
    router::Api,
    state,
    wire::form::Form,
};

/// The authenticated caller (`Authorization: Bearer …`, rest-api.md §1).
pub(crate) struct Caller {
    who: boobook_app::Caller,
    /// `X-Boobook-Min-Sq`: the state to answer from is no earlier.
    at_least: Option<Sq>,
}

impl Caller {
    pub(crate) fn principal(&self) -> &Arc<Principal> {
        &self.who.principal
    }
}

impl FromRequestParts<Api> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> ApiResult<Self> {
        let authorization = parts.headers.get(http::header::AUTHORIZATION);
        let key =
            authorization.map(http::HeaderValue::as_bytes).and_then(bearer).ok_or(AppError::Unauthorized)?;
        let who = api.app.caller(key, team_and_database(parts.uri.path())).await?;
        let at_least = match header(&parts.headers, MIN_SQ_HEADER)? {
            Some(text) => Some(text.trim().parse().map(Sq).map_err(|_| {
                let message = format!("expected a sequence number as X-Boobook-Sq gave it, got {text:?}");
                ApiError::parameter("X-Boobook-Min-Sq", message)
            })?),
            None => None,
        };
        Ok(Self { who, at_least })
    }
}

/// The state an answer is made from is no earlier than this sequence: what a client saw on another node.
const MIN_SQ_HEADER: &str = "x-boobook-min-sq";

/// What a path names with `/teams/T/databases/D`, where that needs no decoding: it only serves to ask for it early.
fn team_and_database(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("/v1/teams/")?;
    let (team, rest) = rest.split_once('/')?;
    let database = rest.strip_prefix("databases/")?.split('/').next()?;
    (!database.is_empty()).then_some((team, database))
}

/// The key of `Bearer <key>`; the scheme's case does not matter.
fn bearer(header: &[u8]) -> Option<&[u8]> {
    let (scheme, key) = header.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(key.trim_ascii())
}

/// The part of the target behind `?`.
pub(crate) struct Query(String);

impl FromRequestParts<Api> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> ApiResult<Self> {
        Ok(Self(parts.uri.query().unwrap_or_default().to_owned()))
    }
}

impl Query {
    /// As it came.
    pub(crate) fn as_text(&self) -> &str {
        &self.0
    }

    /// Decoded.
    pub(crate) fn parse(&self) -> ApiResult<QueryString<'_>> {
        QueryString::parse(&self.0)
    }
}

/// The parts of a `multipart/form-data` body, as they come.
pub(crate) struct Upload(pub(crate) Form);

impl FromRequest<Api> for Upload {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> ApiResult<Self> {
        Form::of(request, api.config.body_timeout).await.map(Self)
    }
}

/// The whole body, within the size and time limits.
pub(crate) struct Body(pub(crate) Bytes);

impl FromRequest<Api> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> ApiResult<Self> {
        // Nearly every GET: no timer, no buffer.
        if http_body::Body::is_end_stream(request.body()) {
            return Ok(Self(Bytes::new()));
        }
        let max = api.app.limits().body_bytes_max;
        let too_large = || {
            ApiError::with_message(
                ErrorCode::TooLarge,
                format!("the body is larger than {max} bytes (limits.body_bytes_max); send it in parts"),
            )
        };
        let announced = request.headers().get(http::header::CONTENT_LENGTH);
        let announced = announced.and_then(|n| n.to_str().ok()).and_then(|n| n.parse::<usize>().ok());
        if announced.is_some_and(|n| n > max) {
            return Err(too_large());
        }
        let chunked = request.headers().contains_key(http::header::TRANSFER_ENCODING);
        let cut_short = move |len: usize| announced.is_some_and(|n| n != len) || (chunked && len == 0);
        let read = Limited::new(request.into_body(), max).collect();
        match tokio::time::timeout(api.config.body_timeout, read).await {
            Ok(Ok(body)) => {
                let body = body.to_bytes();
                // A connection that breaks may look like a body that ends: an empty body must not make a record.
                if cut_short(body.len()) {
                    return Err(ApiError::with_message(
                        ErrorCode::BadRequest,
                        "the body did not arrive whole",
                    ));
                }
                Ok(Self(body))
            }
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(error)) => Err(ApiError::with_message(
                ErrorCode::BadRequest,
                format!("the body could not be read: {error}"),
            )),
            Err(_) => Err(ApiError::new(ErrorCode::RequestTimeout)),
        }
    }
}

/// The way into the database a path names.
pub(crate) async fn session(api: &Api, caller: &Caller, team: &str, database: &str) -> ApiResult<Session> {
    let session = api.app.enter(&caller.who, team, database).await?;
    if let Some(sequence) = caller.at_least {
        api.app.reach_at_least(&session, sequence).await?;
    }
    state::entered(&session);
    Ok(session)
}

/// A header's text, where it is there.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> ApiResult<Option<&'a str>> {
    match headers.get(name) {
        None => Ok(None),
        Some(value) => value
            .to_str()
            .map(Some)
            .map_err(|_| ApiError::parameter(name, "expected printable ASCII characters")),
    }
}

/// `If-Match` as the sequence it names: `845`, `"845"`, or `*` for whatever is there.
pub(crate) fn if_match(headers: &HeaderMap) -> ApiResult<Option<Sq>> {
    let Some(text) = header(headers, "if-match")?.map(str::trim).filter(|t| *t != "*") else {
        return Ok(None);
    };
    let number = text.trim_start_matches("W/").trim_matches('"').parse().map(Sq);
    number
        .map(Some)
        .map_err(|_| ApiError::parameter("If-Match", format!("expected a sequence number, got {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_into_databases() {
        let both = Some(("t1", "d1"));
        assert_eq!(team_and_database("/v1/teams/t1/databases/d1"), both);
        assert_eq!(team_and_database("/v1/teams/t1/databases/d1/schema/tables/A"), both);
        for other in ["/v1/teams/t1/databases", "/v1/teams/t1/databases/", "/v1/teams", "/share/x", ""] {
            assert_eq!(team_and_database(other), None, "{other}");
        }
    }

    #[test]
    fn bearer_keys() {
        assert_eq!(bearer(b"Bearer abc"), Some(&b"abc"[..]));
        assert_eq!(bearer(b"bearer  abc "), Some(&b"abc"[..]));
        assert_eq!(bearer(b"Basic abc"), None);
        assert_eq!(bearer(b""), None);
    }
}
