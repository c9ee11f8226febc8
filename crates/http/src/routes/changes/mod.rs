//! The change feed: rest-api.md §5.

pub(crate) mod database;
mod live;
pub(crate) mod record;
pub(crate) mod table;

use std::collections::HashMap;

use axum::{http::HeaderMap, response::Response};
use boobook_app::{Changes, Session};
use boobook_engine::{ChangeItem, Snapshot};
use boobook_model::{Sq, TableId};

use crate::{
    error::{ApiError, ApiResult},
    extract::header,
    query_string::QueryString,
    router::Api,
    routes::json_at,
    wire::record::{ChangeWriter, write_deleted_item},
};

const LIMIT_DEFAULT: u64 = 10_000;

fn limit(query: &QueryString<'_>) -> ApiResult<usize> {
    let limit = query.number("limit")?.unwrap_or(LIMIT_DEFAULT);
    Ok(usize::try_from(limit).unwrap_or(usize::MAX).max(1))
}

fn since(query: &QueryString<'_>) -> ApiResult<Sq> {
    Ok(Sq(query.number("sinceSq")?.unwrap_or(0)))
}

/// Changes of a database or of one table, as one answer or as a live stream.
async fn changes(
    api: &Api,
    session: Session,
    table: Option<&str>,
    query: &QueryString<'_>,
    headers: &HeaderMap,
) -> ApiResult<Response> {
    if query.flag("live")? {
        // A reconnecting EventSource knows better than its URL how far it got.
        let since = match header(headers, "last-event-id")? {
            Some(id) => Sq(id
                .trim()
                .parse()
                .map_err(|_| ApiError::parameter("Last-Event-ID", "expected a number"))?),
            None => since(query)?,
        };
        return live::stream(api, session, table, since, limit(query)?).await;
    }
    let changes = session.changes(table, since(query)?, limit(query)?).await?;
    let mut out = Vec::with_capacity(64 + 256 * changes.page.items.len());
    write_changes(&changes, &mut out);
    Ok(json_at(changes.snapshot.sq, out))
}

fn write_changes(changes: &Changes, out: &mut Vec<u8>) {
    out.push(b'{');
    if changes.reset {
        out.extend_from_slice(b"\"reset\":true,");
    }
    head(out, changes.page.seq, changes.page.more);
    let writers = Writers::new(changes);
    for (n, item) in changes.page.items.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        writers.write(item, out);
    }
    out.extend_from_slice(b"]}");
}

/// A writer for each table that has changes.
struct Writers<'a> {
    snapshot: &'a Snapshot,
    by_table: HashMap<TableId, ChangeWriter<'a>>,
}

impl<'a> Writers<'a> {
    fn new(changes: &'a Changes) -> Self {
        let mut by_table = HashMap::new();
        for item in &changes.page.items {
            if let Some(access) = changes.access.get(&item.table) {
                by_table
                    .entry(item.table)
                    .or_insert_with(|| ChangeWriter::new(&access.schema, |slot| access.reads_always(slot)));
            }
        }
        Self { snapshot: &changes.snapshot, by_table }
    }

    fn write(&self, item: &ChangeItem, out: &mut Vec<u8>) {
        let writer = self.by_table.get(&item.table).zip(self.snapshot.table(item.table)).zip(item.row);
        match writer {
            Some(((writer, table), row)) => writer.write_state(table, row, out),
            None => write_deleted_item(item.table, item.rid, item.sq, out),
        }
    }
}

fn head(out: &mut Vec<u8>, seq: Sq, more: bool) {
    out.extend_from_slice(b"\"seq\":");
    out.extend_from_slice(itoa::Buffer::new().format(seq.0).as_bytes());
    out.extend_from_slice(b",\"more\":");
    out.extend_from_slice(if more { b"true" } else { b"false" });
    out.extend_from_slice(b",\"changes\":[");
}
