//! `DELETE R`

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};
use boobook_app::{AppError, RecordInput, RecordInputs, WriteRequest};
use boobook_model::RecordId;
use bytes::Bytes;

use crate::{
    error::ApiResult,
    extract::{Caller, if_match, session},
    openapi::Done,
    router::Api,
    routes::json_at,
};

/// Deletes a record.
///
/// References to it are cleared; its sub-records are deleted with it where the relation is a composition.
#[utoipa::path(delete, path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/records/{rid}", tag = "Records",
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path), ("rid" = u32, Path),
        ("If-Match" = Option<u64>, Header, description = "412 unless the record has this sequence")),
    responses((status = 200, description = "`{}`", body = Done)))]
pub(crate) async fn delete_record(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table, record)): Path<(String, String, String, String)>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let rid: RecordId = record.parse().map_err(|_| AppError::RecordNotFound { place: None })?;
    let request = WriteRequest {
        table,
        prepare: Box::new(move |_| {
            let record = RecordInput { id: Some(rid), delete: true, ..RecordInput::default() };
            Ok(RecordInputs { records: vec![record], single: true })
        }),
        render: Box::new(|_, _, _, _| Bytes::from_static(b"{}")),
        if_match: if_match(&headers)?,
        idempotency: None,
        skip_missing_deletes: false,
        body_bytes: 0,
    };
    let answer = session.write(request).await?;
    Ok(json_at(answer.sq, answer.body))
}
