//! `GET /share/{token}`, without a key

use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use boobook_app::{AppError, FileDownload, Language, PasswordProof, ShareTarget, Shared, ViewWanted};
use boobook_files::ByteRange;
use boobook_model::{FileEntry, TableId};

use crate::{
    error::{ApiError, ApiResult, ErrorCode},
    extract::{Body, Query, header as text_of},
    openapi::Error,
    query_string::QueryString,
    router::Api,
    routes::{files, json_at},
    share_page::{self, PageWanted},
    wire::view::{write_csv, write_json},
};

/// Holds what stands for the password after it was given.
const COOKIE: &str = "boobook-share";

/// What a client wants to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Csv,
    Page,
}

/// What is shared. No key is needed.
///
/// The rows of a view as JSON, as CSV (`format=csv`) or, where `text/html` comes first in `Accept`, as a web page; the
/// bytes of a file.
#[utoipa::path(get, path = "/share/{token}", tag = "Shares", security(()),
    params(("token" = String, Path),
        ("format" = Option<String>, Query, description = "`json`, `csv`, `html`; otherwise as `Accept` says"),
        ("locale" = Option<String>, Query, description = "Language of texts: `en`, `de`"),
        ("utcoffset" = Option<i32>, Query, description = "Minutes ahead of UTC that times are told in"),
        ("sort" = Option<u64>, Query, description = "The page: column to order by, from 0"),
        ("desc" = Option<bool>, Query, description = "The page: greatest first"),
        ("page" = Option<u64>, Query, description = "The page: which one, from 1")),
    responses((status = 200, description = "Rows keyed by the captions of columns; other kinds as asked for",
            content((Vec<serde_json::Value> = "application/json"), (String = "*/*"))),
        (status = 206, description = "A part of a file", content_type = "*/*"),
        (status = 304, description = "The client has this version of the file"),
        (status = 404, description = "The link is not known, or has ended",
            content((Error = "application/json"), (String = "text/html"))),
        (status = "default", description = "Any other error; as a page for browsers",
            content((Error = "application/json"), (String = "text/html")))))]
pub(crate) async fn read_share(
    State(api): State<Api>,
    Path(token): Path<String>,
    query: Query,
    headers: HeaderMap,
) -> Response {
    let cookie = cookie(&headers);
    let proof = match (text_of(&headers, "nx-password"), &cookie) {
        (Ok(Some(password)), _) => PasswordProof::Password(password),
        (_, Some(pass)) => PasswordProof::Pass(pass),
        _ => PasswordProof::None,
    };
    let asked = Asked::of(&query, &headers);
    let answer = match &asked {
        Ok(asked) => answer(&api, &token, proof, asked, &headers).await,
        Err(error) => Err(error.clone()),
    };
    guarded(answer, asked.map_or(Form::Json, |asked| asked.form), &headers, &query)
}

/// The password of a share, from the form of its page.
#[utoipa::path(post, path = "/share/{token}", tag = "Shares", security(()),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    params(("token" = String, Path)),
    responses((status = 303, description = "The page"),
        (status = 404, description = "The link is not known, or has ended",
            content((Error = "application/json"), (String = "text/html"))),
        (status = "default", description = "Any other error, such as a wrong password",
            content((Error = "application/json"), (String = "text/html")))))]
pub(crate) async fn enter_password(
    State(api): State<Api>,
    Path(token): Path<String>,
    query: Query,
    headers: HeaderMap,
    Body(body): Body,
) -> Response {
    let answer = entered(&api, &token, &query, &body).await;
    guarded(answer, Form::Page, &headers, &query)
}

async fn entered(api: &Api, token: &str, query: &Query, body: &[u8]) -> ApiResult<Response> {
    let form = std::str::from_utf8(body)
        .map_err(|_| ApiError::with_message(ErrorCode::BadRequest, "the form is not UTF-8"))?;
    let form = QueryString::parse(form)?;
    let password = form.get("password").unwrap_or_default();
    let shared = api.app.shared(token, PasswordProof::Password(password)).await?;
    // The same address again, whatever a proxy puts in front of it.
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(header::LOCATION, header_value(&format!("?{}", query.as_text()))?);
    if let Some((pass, _)) = shared.pass() {
        let public = &api.config.public_url;
        let secure = if api.config.tls || public.starts_with("https:") { "; Secure" } else { "" };
        let cookie = format!(
            "{COOKIE}={pass}; Path={}/share/{token}; Max-Age=43200; HttpOnly; SameSite=Lax{secure}",
            path_of(public)
        );
        response.headers_mut().insert(header::SET_COOKIE, header_value(&cookie)?);
    }
    Ok(response)
}

/// The path of an address, without a slash at its end: what a proxy puts in front of ours.
fn path_of(url: &str) -> &str {
    let behind_scheme = url.split_once("://").map_or("", |(_, rest)| rest);
    behind_scheme.find('/').map_or("", |at| &behind_scheme[at..]).trim_end_matches('/')
}

/// What was asked for, read.
struct Asked {
    form: Form,
    wanted: ViewWanted,
    page: PageWanted,
}

impl Asked {
    fn of(query: &Query, headers: &HeaderMap) -> ApiResult<Self> {
        let text = query.as_text();
        let query = query.parse()?;
        let form = match query.text("format") {
            Some("csv") => Form::Csv,
            Some("json") => Form::Json,
            Some("html") => Form::Page,
            Some(other) => {
                let problem = format_args!("expected json, csv or html, got {other:?}");
                return Err(ApiError::parameter("format", problem));
            }
            None if wants_page(headers) => Form::Page,
            None => Form::Json,
        };
        let utc_offset_minutes = match query.text("utcoffset") {
            None => None,
            Some(text) => {
                let minutes = text.trim().parse::<i32>().ok().filter(|m| m.unsigned_abs() <= 24 * 60);
                let problem = format_args!("expected minutes from -1440 to 1440, got {text:?}");
                Some(minutes.ok_or_else(|| ApiError::parameter("utcoffset", problem))?)
            }
        };
        let named = query.text("locale").and_then(Language::from_code);
        let language = if form == Form::Page { named.or_else(|| share_page::spoken(headers)) } else { named };
        let page = PageWanted::of(&query, text)?;
        let wanted = ViewWanted { language, utc_offset_minutes, ..ViewWanted::default() };
        let wanted = if form == Form::Page { page.of_view(wanted) } else { wanted };
        Ok(Self { form, wanted, page })
    }
}

async fn answer(
    api: &Api,
    token: &str,
    proof: PasswordProof<'_>,
    asked: &Asked,
    headers: &HeaderMap,
) -> ApiResult<Response> {
    let shared = api.app.shared(token, proof).await?;
    match &shared.share.target {
        ShareTarget::View { table, view } => shared_view(&shared, *table, view, asked).await,
        ShareTarget::File { table, record, name } => {
            let entry = shared.file(*table, *record, name).await?;
            let download = |range| shared.download(*table, *record, name, range);
            shared_file(&entry, headers, download).await
        }
        ShareTarget::Made { file } => shared_file(file, headers, |range| shared.made(file, range)).await,
    }
}

async fn shared_view(shared: &Shared, table: TableId, view: &str, asked: &Asked) -> ApiResult<Response> {
    let snapshot = shared.session.snapshot();
    let view = shared.view(&snapshot, table, view)?;
    let (session, wanted, sq) = (&shared.session, asked.wanted.clone(), snapshot.sq);
    match asked.form {
        Form::Json => Ok(json_at(sq, session.view(snapshot, view, wanted, write_json).await?)),
        Form::Csv => {
            let name = view.caption.clone();
            let body = session.view(snapshot, view, wanted, write_csv).await?;
            let mut response = ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], body).into_response();
            response.headers_mut().insert(header::CONTENT_DISPOSITION, attachment(&name)?);
            Ok(response)
        }
        Form::Page => {
            let page = asked.page.clone();
            let page =
                session.view(snapshot, view, wanted, move |table| share_page::page(table, &page)).await?;
            Ok(page.into_response())
        }
    }
}

/// The bytes of a file.
async fn shared_file<F: Future<Output = Result<FileDownload, AppError>>>(
    entry: &FileEntry,
    headers: &HeaderMap,
    download: impl FnOnce(ByteRange) -> F,
) -> ApiResult<Response> {
    if files::is_known(headers, entry) {
        return Ok(files::not_modified(entry));
    }
    Ok(match download(files::wanted(headers, entry)).await {
        Ok(download) => files::bytes(download, headers),
        Err(error) => files::range_refused(error).into_response(),
    })
}

/// Puts on what every answer to a link carries; an error for a person is a page.
fn guarded(answer: ApiResult<Response>, form: Form, headers: &HeaderMap, query: &Query) -> Response {
    let is_page = form == Form::Page || wants_page(headers);
    let mut response = match answer {
        Ok(response) => response,
        Err(error) if is_page => share_page::notice(&error, headers, query),
        Err(error) => error.into_response(),
    };
    let own = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "private, no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::VARY, "Accept, Accept-Language, nx-password, Cookie"),
    ] {
        own.insert(name, HeaderValue::from_static(value));
    }
    own.insert("x-robots-tag", HeaderValue::from_static("noindex, nofollow"));
    response
}

/// Whether a browser asks: the first thing that it accepts is a page.
fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let first = accept.split([',', ';']).next().unwrap_or_default().trim();
    first.eq_ignore_ascii_case("text/html") || first.eq_ignore_ascii_case("application/xhtml+xml")
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
        .map(str::to_owned)
}

/// `attachment; filename="…"`: the plain name for old programs, the whole one for the others (RFC 6266).
fn attachment(name: &str) -> ApiResult<HeaderValue> {
    let fits = |c: char| c.is_ascii_alphanumeric() || " -_.".contains(c);
    let plain: String = name.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    let whole = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
    header_value(&format!("attachment; filename=\"{plain}.csv\"; filename*=UTF-8''{whole}.csv"))
}

fn header_value(text: &str) -> ApiResult<HeaderValue> {
    HeaderValue::from_str(text).map_err(|_| ApiError::new(ErrorCode::ShareNotFound))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gets_a_page() {
        for (accept, expected) in [
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true),
            ("text/html;q=0.9, application/json", true),
            ("application/json", false),
            ("application/json, text/html", false),
            ("*/*", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(wants_page(&headers), expected, "{accept}");
        }
        assert!(!wants_page(&HeaderMap::new()));
    }

    #[test]
    fn paths_of_proxies() {
        for (url, expected) in [
            ("", ""),
            ("https://a.example", ""),
            ("https://a.example/", ""),
            ("https://a.example/b/c/", "/b/c"),
        ] {
            assert_eq!(path_of(url), expected, "{url}");
        }
    }

    #[test]
    fn names_of_downloads() {
        let value = attachment("Müller \"& Söhne\"\r\n").unwrap();
        let text = value.to_str().unwrap();
        assert!(
            text.starts_with("attachment; filename=\"M_ller __ S_hne___.csv\"; filename*=UTF-8''M%C3%BC"),
            "{text}"
        );
    }

    #[test]
    fn the_cookie_among_others() {
        let headers = HeaderMap::from_iter([(
            header::COOKIE,
            HeaderValue::from_static("a=b; boobook-share=5.ab; c=d"),
        )]);
        assert_eq!(cookie(&headers).as_deref(), Some("5.ab"));
        assert_eq!(cookie(&HeaderMap::new()), None);
    }
}
