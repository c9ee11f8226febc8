//! `GET T/records`

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use boobook_app::{AppError, Formulas, Wanted};
use boobook_engine::{Row, Snapshot};
use boobook_model::TableId;
use bytes::Bytes;
use futures_util::stream;

use crate::{
    error::ApiResult,
    extract::{Body, Caller, Query, session},
    openapi::Record,
    router::Api,
    routes::{SQ_HEADER, json_at},
    wire::{
        filters::{read_filters, read_select, read_style},
        record::{RecordStyle, RecordWriter},
    },
};

/// Records of a table, by page.
#[utoipa::path(get, path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/records", tag = "Records",
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path),
        ("page" = Option<u64>, Query, description = "0-based"),
        ("perPage" = Option<u64>, Query, description = "100 where absent; any size, large pages are streamed"),
        ("order" = Option<String>, Query, description = "Field name or id, or id, sequence, createdAt, modifiedAt"),
        ("desc" = Option<bool>, Query), ("new" = Option<bool>, Query), ("updated" = Option<bool>, Query),
        ("sinceId" = Option<u64>, Query, description = "Only greater ids"),
        ("sinceSq" = Option<u64>, Query, description = "Only records changed later"),
        ("filters" = Option<String>, Query, description = "JSON object, field name or id → value"),
        ("query" = Option<String>, Query, description = "An NX condition: `Age > 30 and City = \"Berlin\"`"),
        ("fields" = Option<String>, Query, description = "Only these fields, comma-separated"),
        ("ids" = Option<bool>, Query, description = "Fields keyed by id"),
        ("choiceStyle" = Option<String>, Query, description = "`ids`: options as ids"),
        ("count" = Option<bool>, Query, description = "Adds X-Total-Count")),
    responses((status = 200, description = "Records", body = [Record])))]
pub(crate) async fn list_records(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table)): Path<(String, String, String)>,
    query: Query,
    Body(body): Body,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let snapshot = session.snapshot();
    let access = session.readable_table(&snapshot, &table)?;
    let query = query.parse()?;
    let style = read_style(&query, &access)?;
    let (filters, computed) = read_filters(&query, &body, &access)?;
    let select = read_select(&query, filters, &access)?;
    let predicate = query.text("query").map(str::to_owned);
    let selected = session.find(&snapshot, &access, Wanted { select, predicate, computed }).await?;
    let formulas = session.formulas(&access, style.columns.as_deref());
    let mut response = if selected.rows.len() > api.config.stream_records_min {
        streamed(Arc::clone(&snapshot), access.id(), style, selected.rows, formulas)
    } else {
        let computed = formulas.compute(&snapshot, &selected.rows).await?;
        let mut out = Vec::with_capacity(2 + 512 * selected.rows.len());
        let records = access.table(&snapshot)?;
        RecordWriter::new(&snapshot, records, &style, &computed).write_list(&selected.rows, &mut out);
        json_at(snapshot.sq, out)
    };
    if let Some(total) = selected.total {
        response.headers_mut().insert("x-total-count", HeaderValue::from(total));
    }
    Ok(response)
}

const PIECE_BYTES: usize = 64 << 10;
/// Records of a piece, whose formulas are computed together.
const PIECE_RECORDS: usize = 1024;

/// A large page leaves in pieces as the client takes them; memory does not grow with it. A formula that takes too
/// much breaks it off: the answer is under way by then.
fn streamed(
    snapshot: Arc<Snapshot>,
    table: TableId,
    style: RecordStyle,
    rows: Vec<Row>,
    formulas: Formulas,
) -> Response {
    let sq = snapshot.sq;
    let page = Page { snapshot, table, style, rows, formulas };
    let pieces = stream::unfold(Some((page, 0)), |state| async {
        let (page, from) = state?;
        match page.piece(from).await {
            Ok((piece, at)) => Some((Ok(piece), (at < page.rows.len()).then_some((page, at)))),
            Err(error) => Some((Err(error), None)),
        }
    });
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let mut response = (headers, axum::body::Body::from_stream(pieces)).into_response();
    response.headers_mut().insert(SQ_HEADER, HeaderValue::from(sq.0));
    response
}

struct Page {
    snapshot: Arc<Snapshot>,
    table: TableId,
    style: RecordStyle,
    rows: Vec<Row>,
    formulas: Formulas,
}

impl Page {
    /// The text from a row on, and the row after it.
    async fn piece(&self, from: usize) -> Result<(Bytes, usize), AppError> {
        let rows = &self.rows[from..self.rows.len().min(from + PIECE_RECORDS)];
        let computed = self.formulas.compute(&self.snapshot, rows).await?;
        let mut out = Vec::with_capacity(PIECE_BYTES + 4096);
        if from == 0 {
            out.push(b'[');
        }
        let mut at = from;
        if let Some(table) = self.snapshot.table(self.table) {
            let mut writer = RecordWriter::new(&self.snapshot, table, &self.style, &computed);
            for row in rows {
                if out.len() >= PIECE_BYTES {
                    break;
                }
                if at > 0 {
                    out.push(b',');
                }
                writer.write(*row, &mut out);
                at += 1;
            }
        }
        if at == self.rows.len() {
            out.push(b']');
        }
        Ok((Bytes::from(out), at))
    }
}
