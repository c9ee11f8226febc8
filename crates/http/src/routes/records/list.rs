//! `GET T/records`

use std::{convert::Infallible, sync::Arc};

use axum::{
    extract::{Path, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use boobook_engine::{Row, Snapshot};
use boobook_model::TableId;
use bytes::Bytes;
use futures_util::stream;

use crate::{
    error::{ApiError, ApiResult},
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
    if query.text("query").is_some() {
        return Err(ApiError::parameter(
            "query",
            "NX predicates are not part of this version yet; use filters",
        ));
    }
    let style = read_style(&query, &access)?;
    let select = read_select(&query, read_filters(&query, &body, &access)?, &access)?;
    let selected = session.select(&snapshot, &access, &select)?;
    let mut response = if selected.rows.len() > api.config.stream_records_min {
        streamed(Arc::clone(&snapshot), access.id(), style, selected.rows)
    } else {
        let mut out = Vec::with_capacity(2 + 512 * selected.rows.len());
        RecordWriter::new(&snapshot, access.table(&snapshot)?, &style).write_list(&selected.rows, &mut out);
        json_at(snapshot.sq, out)
    };
    if let Some(total) = selected.total {
        response.headers_mut().insert("x-total-count", HeaderValue::from(total));
    }
    Ok(response)
}

const PIECE_BYTES: usize = 64 << 10;

/// A large page leaves in pieces as the client takes them; memory does not grow with it.
fn streamed(snapshot: Arc<Snapshot>, table: TableId, style: RecordStyle, rows: Vec<Row>) -> Response {
    let sq = snapshot.sq;
    let pieces = stream::unfold(0usize, move |from| {
        let piece = (from <= rows.len()).then(|| {
            let mut out = Vec::with_capacity(PIECE_BYTES + 4096);
            if from == 0 {
                out.push(b'[');
            }
            let mut at = from;
            if let Some(table) = snapshot.table(table) {
                let mut writer = RecordWriter::new(&snapshot, table, &style);
                while at < rows.len() && out.len() < PIECE_BYTES {
                    if at > 0 {
                        out.push(b',');
                    }
                    writer.write(rows[at], &mut out);
                    at += 1;
                }
            }
            if at == rows.len() {
                out.push(b']');
                at += 1;
            }
            (Ok::<_, Infallible>(Bytes::from(out)), at)
        });
        std::future::ready(piece)
    });
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    let mut response = (headers, axum::body::Body::from_stream(pieces)).into_response();
    response.headers_mut().insert(SQ_HEADER, HeaderValue::from(sq.0));
    response
}
