//! `PUT R`

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};
use boobook_app::{AppError, WriteRequest};
use boobook_model::RecordId;

use super::{render_records, write_style};
use crate::{
    error::{ApiResult, refused},
    extract::{Body, Caller, Query, if_match, session},
    openapi::{Record, RecordUpdate},
    router::Api,
    routes::json_at,
    wire::input::read_update,
};

/// Changes a record; fields not named keep their values.
#[utoipa::path(put, path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/records/{rid}", tag = "Records",
    request_body = RecordUpdate,
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path), ("rid" = u32, Path),
        ("If-Match" = Option<u64>, Header, description = "412 unless the record has this sequence")),
    responses((status = 200, description = "The record as stored", body = Record)))]
pub(crate) async fn update_record(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table, record)): Path<(String, String, String, String)>,
    query: Query,
    headers: HeaderMap,
    Body(body): Body,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let rid: RecordId = record.parse().map_err(|_| AppError::RecordNotFound { place: None })?;
    let style = write_style(&query.parse()?)?;
    let rules = api.rules();
    let request = WriteRequest {
        table,
        body_bytes: body.len(),
        prepare: Box::new(move |access| read_update(&body, rid, &access.schema, &rules).map_err(refused)),
        render: render_records(style, true),
        if_match: if_match(&headers)?,
        idempotency: None,
        skip_missing_deletes: false,
    };
    let answer = session.write(request).await?;
    Ok(json_at(answer.sq, answer.body))
}
