//! Records: rest-api.md §3 and §4.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod delete_many;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod look_up;
pub(crate) mod update;

use boobook_app::{Render, Session, Wanted};
use boobook_engine::Select;
use bytes::Bytes;

use crate::{
    error::ApiResult,
    query_string::QueryString,
    wire::{
        filters::{read_filters, read_style, readable_style},
        record::{RecordStyle, RecordWriter},
    },
};

/// The style of an answer to a write. `fields` does not apply there: the whole record is answered.
fn write_style(query: &QueryString<'_>) -> ApiResult<RecordStyle> {
    Ok(RecordStyle {
        choice_ids: matches!(query.get("choiceStyle"), Some("id" | "ids")),
        by_id: query.flag("ids")?,
        columns: None,
    })
}

/// Writes stored records: one object where the request was one, else an array (rest-api.md §4).
fn render_records(style: RecordStyle, single: bool) -> Box<Render> {
    Box::new(move |snapshot, access, rids, computed| {
        let mut out = Vec::with_capacity(512 + 600 * rids.len());
        let Some(table) = snapshot.table(access.id()) else { return Bytes::from_static(b"null") };
        let style = readable_style(access, style.clone());
        let mut writer = RecordWriter::new(snapshot, table, &style, computed);
        if !single {
            out.push(b'[');
        }
        for (n, rid) in rids.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            match rid.and_then(|rid| table.row(rid)) {
                Some(row) => writer.write(row, &mut out),
                None => out.extend_from_slice(b"null"),
            }
        }
        if !single {
            out.push(b']');
        }
        Bytes::from(out)
    })
}

/// The first record (by id) that passes the filters, or `null`.
async fn first_record(
    session: &Session,
    query: &QueryString<'_>,
    table: &str,
    body: &[u8],
) -> ApiResult<axum::response::Response> {
    let snapshot = session.snapshot();
    let access = session.readable_table(&snapshot, table)?;
    let style = read_style(query, &access)?;
    let (filters, computed) = read_filters(query, body, &access)?;
    let select = Select { filters, take: 1, ..Select::default() };
    let wanted = Wanted { select, computed, ..Wanted::default() };
    let selected = session.find(&snapshot, &access, wanted).await?;
    let formulas = session.formulas(&access, style.columns.as_deref());
    let computed = formulas.compute(&snapshot, &selected.rows).await?;
    let mut out = Vec::with_capacity(512);
    match selected.rows.first() {
        Some(row) => {
            let records = access.table(&snapshot)?;
            RecordWriter::new(&snapshot, records, &style, &computed).write(*row, &mut out);
        }
        None => out.extend_from_slice(b"null"),
    }
    Ok(super::json_at(snapshot.sq, out))
}
