//! `GET R`

use axum::{
    extract::{Path, State},
    response::Response,
};
use boobook_app::AppError;
use boobook_model::RecordId;

use crate::{
    error::ApiResult,
    extract::{Caller, Query, session},
    openapi::Record,
    router::Api,
    routes::json_at,
    wire::{filters::read_style, record::RecordWriter},
};

/// One record.
#[utoipa::path(get, path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/records/{rid}", tag = "Records",
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path), ("rid" = u32, Path),
        ("fields" = Option<String>, Query, description = "Only these fields, comma-separated"),
        ("ids" = Option<bool>, Query, description = "Fields keyed by id"),
        ("choiceStyle" = Option<String>, Query, description = "`ids`: options as ids")),
    responses((status = 200, description = "The record", body = Record)))]
pub(crate) async fn get_record(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table, record)): Path<(String, String, String, String)>,
    query: Query,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let snapshot = session.snapshot();
    let access = session.readable_table(&snapshot, &table)?;
    let style = read_style(&query.parse()?, &access)?;
    let records = access.table(&snapshot)?;
    // What is no record id names no record.
    let rid = record.parse::<RecordId>().ok();
    let row = rid.and_then(|rid| records.row(rid));
    let (rid, row) = rid.zip(row).ok_or(AppError::RecordNotFound { place: None })?;
    session.require_seen(&snapshot, access.id(), rid).await?;
    let formulas = session.formulas(&access, style.columns.as_deref());
    let computed = formulas.compute(&snapshot, &[row]).await?;
    let mut out = Vec::with_capacity(1024);
    RecordWriter::new(&snapshot, records, &style, &computed).write(row, &mut out);
    Ok(json_at(snapshot.sq, out))
}
