//! A shared view as a web page, for people without an account: read, sorted by links, printed. It holds no script at
//! all, its policy forbids any, and the templates escape whatever comes from records.

mod links;
mod rich_text;
mod words;

use askama::Template;
use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use boobook_app::{Aggregate, AppError, Language, Look, ViewCell, ViewTable, ViewWanted};

use self::words::Words;
use crate::{
    error::{ApiError, ApiResult, ErrorCode},
    extract::Query,
    query_string::QueryString,
};

/// Rows of one page.
const ROWS: usize = 500;
/// Links to pages on both sides of the one that shows.
const NEAR: usize = 3;

/// Which page, in which order.
#[derive(Debug, Clone, Default)]
pub(crate) struct PageWanted {
    /// From 0.
    page: usize,
    sort: Option<(usize, bool)>,
    /// The parameters that links keep: `locale=de&utcoffset=60`.
    kept: String,
}

impl PageWanted {
    /// `page` (from 1), `sort` (from 0), `desc` of a query string.
    pub(crate) fn of(query: &QueryString<'_>, text: &str) -> ApiResult<Self> {
        let whole = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let page = query.number("page")?.map_or(0, |n| whole(n).saturating_sub(1)).min(usize::MAX / ROWS);
        let desc = query.flag("desc")?;
        let sort = query.number("sort")?.map(|at| (whole(at), desc));
        let kept = text.split('&').filter(|pair| {
            let name = pair.split('=').next().unwrap_or_default();
            ["locale", "utcoffset"].contains(&name)
        });
        Ok(Self { page, sort, kept: kept.collect::<Vec<_>>().join("&") })
    }

    pub(crate) fn of_view(&self, wanted: ViewWanted) -> ViewWanted {
        ViewWanted { page: Some((self.page * ROWS, ROWS)), sort: self.sort, grouped: true, ..wanted }
    }

    fn href(&self, sort: Option<(usize, bool)>, page: usize) -> String {
        let mut parts: Vec<String> = Vec::new();
        if !self.kept.is_empty() {
            parts.push(self.kept.clone());
        }
        if let Some((at, desc)) = sort {
            parts.push(format!("sort={at}&desc={}", u8::from(desc)));
        }
        if page > 0 {
            parts.push(format!("page={}", page + 1));
        }
        format!("?{}", parts.join("&"))
    }

    fn download(&self, format: &str) -> String {
        let and = if self.kept.is_empty() { "" } else { "&" };
        format!("?{}{and}format={format}", self.kept)
    }
}

/// A page that was written, with what belongs in its headers.
pub(crate) struct Html {
    status: StatusCode,
    nonce: String,
    body: String,
}

impl IntoResponse for Html {
    fn into_response(self) -> Response {
        let policy = format!(
            "default-src 'none'; style-src 'nonce-{}'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            self.nonce
        );
        let mut response = (self.status, self.body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        // A policy is made of hexadecimal digits and words of ours.
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        response
    }
}

#[derive(Template)]
#[template(path = "share.html")]
struct SharePage<'a> {
    words: &'a Words,
    nonce: &'a str,
    accent: &'a str,
    title: &'a str,
    database: &'a str,
    count: String,
    heads: Vec<Head>,
    lines: Vec<Line>,
    totals: Option<Vec<CellShown>>,
    problems: Vec<String>,
    pages: Vec<PageLink>,
    csv: String,
    json: String,
}

struct Head {
    caption: String,
    href: String,
    class: &'static str,
    aria: &'static str,
    arrow: &'static str,
}

enum Line {
    Group { label: String, count: String },
    Row(Vec<CellShown>),
    Totals(Vec<CellShown>),
}

#[derive(Default)]
struct CellShown {
    class: &'static str,
    text: String,
    href: Option<String>,
    /// `Σ` of a total.
    sign: &'static str,
    sign_title: &'static str,
}

struct PageLink {
    text: String,
    /// The page that shows has none, nor have gaps.
    href: Option<String>,
    is_here: bool,
}

/// The view as a page.
pub(crate) fn page(view: &ViewTable<'_>, wanted: &PageWanted) -> Result<Html, AppError> {
    let words = Words::of(view.locale().language);
    let nonce = nonce()?;
    let sort = wanted.sort.and(view.sort);
    let has_totals = view.columns.iter().any(|column| column.aggregate.is_some());
    let page = SharePage {
        words,
        nonce: &nonce,
        accent: accent(view.setting("color")),
        title: if view.caption.is_empty() { view.setting("name") } else { view.caption },
        database: view.setting("name"),
        count: format!(
            "{} {}",
            view.count_text(view.len()),
            if view.len() == 1 { words.entry } else { words.entries }
        ),
        heads: heads(view, wanted),
        lines: lines(view, words)?,
        totals: (has_totals && !view.is_empty()).then(|| {
            let totals = view.columns.iter().map(|column| &column.total);
            totals.enumerate().map(|(at, total)| total_shown(view, words, at, total)).collect()
        }),
        problems: view.problems.iter().map(|problem| problem.column.clone()).collect(),
        pages: pages(view.len(), wanted.page, &|page| wanted.href(sort, page)),
        csv: wanted.download("csv"),
        json: wanted.download("json"),
    };
    let body = page.render().map_err(|e| AppError::Internal(format!("a page cannot be written: {e}")))?;
    view.check_size(body.len())?;
    Ok(Html { status: StatusCode::OK, nonce, body })
}

fn heads(view: &ViewTable<'_>, wanted: &PageWanted) -> Vec<Head> {
    let head = |(at, column): (usize, &boobook_app::ViewColumn)| {
        let sorted = view.sort.filter(|(by, _)| *by == at).map(|(_, desc)| desc);
        let (aria, arrow) = match sorted {
            Some(false) => ("ascending", "▲"),
            Some(true) => ("descending", "▼"),
            None => ("none", ""),
        };
        Head {
            caption: column.caption.clone(),
            // The other way round, where it is sorted by this column.
            href: wanted.href(Some((at, sorted == Some(false))), 0),
            class: class(column.look),
            aria,
            arrow,
        }
    };
    view.columns.iter().enumerate().map(head).collect()
}

fn lines(view: &ViewTable<'_>, words: &Words) -> Result<Vec<Line>, AppError> {
    let mut lines = Vec::with_capacity(view.page.len() + view.groups.len().min(view.page.len()) * 2);
    let mut bytes = 0;
    let has_totals = view.columns.iter().any(|column| column.aggregate.is_some());
    let first = view.groups.partition_point(|group| group.rows.end <= view.page.start);
    let mut groups = view.groups[first.min(view.groups.len())..].iter().peekable();
    for at in view.page.clone() {
        if let Some(group) = groups.peek().filter(|group| group.rows.start == at || at == view.page.start) {
            let label = if group.label.is_empty() { words.nothing.to_owned() } else { group.label.clone() };
            lines.push(Line::Group { label, count: view.count_text(group.rows.len()) });
        }
        let cells: Vec<CellShown> =
            (0..view.columns.len()).map(|column| cell_shown(view, column, at)).collect();
        bytes += cells.iter().map(|cell| cell.text.len()).sum::<usize>();
        view.check_size(bytes)?;
        lines.push(Line::Row(cells));
        if let Some(group) = groups.next_if(|group| group.rows.end == at + 1)
            && has_totals
        {
            let totals = group.totals.iter().enumerate();
            lines.push(Line::Totals(totals.map(|(at, total)| total_shown(view, words, at, total)).collect()));
        }
    }
    Ok(lines)
}

fn cell_shown(view: &ViewTable<'_>, column: usize, at: usize) -> CellShown {
    let look = view.columns[column].look;
    let cell = view.cell(column, at);
    let class = class(look);
    if let (Look::YesNo, ViewCell::Bool(false)) = (look, &cell) {
        return CellShown { class: "no", text: view.text(column, &cell), ..CellShown::default() };
    }
    let mut text = view.text(column, &cell);
    let href = match look {
        Look::Link => links::web(&text),
        Look::Email => links::mail(&text),
        Look::Phone => links::phone(&text),
        _ => None,
    };
    if look == Look::Html {
        text = rich_text::plain(&text);
    }
    CellShown { class, text, href, ..CellShown::default() }
}

fn total_shown(view: &ViewTable<'_>, words: &Words, column: usize, total: &ViewCell<'_>) -> CellShown {
    let Some(which) = view.columns[column].aggregate.filter(|_| !total.is_empty()) else {
        return CellShown::default();
    };
    let (sign, sign_title) = match which {
        Aggregate::Sum => ("Σ", words.sum),
        Aggregate::Avg => ("⌀", words.mean),
        Aggregate::Min => ("↓", words.least),
        Aggregate::Max => ("↑", words.greatest),
        Aggregate::Cnt => ("#", words.count),
    };
    // A count is not in the format of what is counted.
    let text = match (which, total) {
        (Aggregate::Cnt, ViewCell::Number(n)) => view.count_text(*n as usize),
        // What is left of a division is not for people.
        (Aggregate::Avg, ViewCell::Number(n)) => {
            view.text(column, &ViewCell::Number((n * 10_000.0).round() / 10_000.0))
        }
        _ => view.text(column, total),
    };
    CellShown { class: class(view.columns[column].look), text, href: None, sign, sign_title }
}

fn class(look: Look) -> &'static str {
    match look {
        Look::Number => "n",
        Look::Moment => "m",
        Look::YesNo => "b",
        Look::Phone => "m",
        Look::Html => "w",
        Look::Text | Look::Link | Look::Email => "",
    }
}

/// The first page, the last one, those around the one that shows, and gaps between.
fn pages(rows: usize, here: usize, href: &dyn Fn(usize) -> String) -> Vec<PageLink> {
    let count = rows.div_ceil(ROWS);
    if count < 2 {
        return Vec::new();
    }
    let mut links = Vec::new();
    let mut before = None;
    let shown = (0..count).filter(|&page| page == 0 || page + 1 == count || page.abs_diff(here) <= NEAR);
    for page in shown {
        if before.is_some_and(|before| before + 1 < page) {
            links.push(PageLink { text: "…".into(), href: None, is_here: false });
        }
        let is_here = page == here;
        links.push(PageLink { text: (page + 1).to_string(), href: (!is_here).then(|| href(page)), is_here });
        before = Some(page);
    }
    links
}

/// A colour that a style sheet can hold as it is: `#rgb` or `#rrggbb`.
fn accent(color: &str) -> &str {
    let is_color = color.strip_prefix('#').is_some_and(|digits| {
        matches!(digits.len(), 3 | 6) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    });
    if is_color { color } else { "#4970ff" }
}

/// What tells our style sheet from any that came with the data.
fn nonce() -> Result<String, AppError> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).map_err(|e| AppError::Internal(format!("no randomness: {e}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[derive(Template)]
#[template(path = "share_notice.html")]
struct NoticePage<'a> {
    words: &'a Words,
    nonce: &'a str,
    accent: &'a str,
    title: &'a str,
    text: &'a str,
    asks_password: bool,
    is_wrong: bool,
}

/// An error as a page; where a password is missing, the form for it.
pub(crate) fn notice(error: &ApiError, headers: &HeaderMap, query: &Query) -> Response {
    let named = query.parse().ok().and_then(|query| query.text("locale").and_then(Language::from_code));
    let words = Words::of(named.or_else(|| spoken(headers)).unwrap_or_default());
    let asks_password = error.code() == ErrorCode::PasswordRequired;
    let is_wrong = asks_password && error.message() == AppError::PasswordNeeded { wrong: true }.to_string();
    let (title, text) = match error.code() {
        ErrorCode::PasswordRequired => (words.password_title, words.password_text),
        ErrorCode::ShareNotFound => (words.gone_title, words.gone_text),
        ErrorCode::TooManyRequests => (words.busy_title, words.busy_text),
        _ if error.http_status().is_server_error() => (words.busy_title, words.busy_text),
        _ => (words.failed_title, error.message()),
    };
    let Ok(nonce) = nonce() else { return error.clone().into_response() };
    let page = NoticePage { words, nonce: &nonce, accent: "#4970ff", title, text, asks_password, is_wrong };
    match page.render() {
        Ok(body) => Html { status: error.http_status(), nonce, body }.into_response(),
        Err(_) => error.clone().into_response(),
    }
}

/// The first language of `Accept-Language` that the page has words in.
pub(crate) fn spoken(headers: &HeaderMap) -> Option<Language> {
    let list = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
    list.split(',').find_map(|item| Language::from_code(item.split(';').next()?.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_pages() {
        let shown = |rows, here| {
            let links = pages(rows, here, &|page| format!("?page={}", page + 1));
            let one =
                |link: &PageLink| if link.is_here { format!("[{}]", link.text) } else { link.text.clone() };
            links.iter().map(one).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown(500, 0), "");
        assert_eq!(shown(501, 0), "[1] 2");
        assert_eq!(shown(10_000, 0), "[1] 2 3 4 … 20");
        assert_eq!(shown(10_000, 9), "1 … 7 8 9 [10] 11 12 13 … 20");
        assert_eq!(shown(10_000, 99), "1 … 20", "a page that is not there");
    }

    #[test]
    fn links_keep_language_and_zone() {
        let text = "sort=1&locale=de&page=7&utcoffset=60&x=%22%3E";
        let wanted = PageWanted::of(&QueryString::parse(text).unwrap(), text).unwrap();
        assert_eq!(wanted.href(Some((2, true)), 3), "?locale=de&utcoffset=60&sort=2&desc=1&page=4");
        assert_eq!(wanted.href(None, 0), "?locale=de&utcoffset=60");
        assert_eq!(wanted.download("csv"), "?locale=de&utcoffset=60&format=csv");
        assert_eq!(PageWanted::default().download("csv"), "?format=csv");
    }

    #[test]
    fn colours_of_style_sheets() {
        for (color, expected) in [
            ("#4970FF", "#4970FF"),
            ("#abc", "#abc"),
            ("red;}body{display:none", "#4970ff"),
            ("#12345g", "#4970ff"),
            ("", "#4970ff"),
        ] {
            assert_eq!(accent(color), expected);
        }
    }

    #[test]
    fn the_language_of_a_browser() {
        for (list, expected) in [
            ("de-AT,de;q=0.9,en;q=0.5", Some(Language::De)),
            ("fr, en-GB;q=0.7", Some(Language::En)),
            ("fr", None),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, HeaderValue::from_static(list))]);
            assert_eq!(spoken(&headers), expected, "{list}");
        }
    }
}
