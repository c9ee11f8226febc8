//! `POST T/records`

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};
use boobook_app::WriteRequest;

use super::{first_record, render_records, write_style};
use crate::{
    error::{ApiResult, refused},
    extract::{Body, Caller, Query, if_match, session},
    openapi::{RecordInputs, Records},
    router::{Api, idempotency},
    routes::json_at,
    wire::input::{is_look_up, read_records},
};

/// Creates, changes and upserts records.
///
/// One object or a list, in any mix, whole or not at all. An object with `filters` only is a look-up.
#[utoipa::path(post, path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/records", tag = "Records",
    request_body = RecordInputs,
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key within 24 hours writes once")),
    responses((status = 200, body = Option<Records>,
        description = "The records as stored, in order; one object for one; `null` for a look-up that found none")))]
pub(crate) async fn write_records(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table)): Path<(String, String, String)>,
    query: Query,
    headers: HeaderMap,
    Body(body): Body,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let query = query.parse()?;
    if is_look_up(&body) {
        return first_record(&session, &query, &table, &body).await;
    }
    let rules = api.rules();
    let single = !body.trim_ascii_start().starts_with(b"[");
    let request = WriteRequest {
        body_bytes: body.len(),
        idempotency: idempotency(&headers, &table, &body)?,
        render: render_records(write_style(&query)?, single),
        if_match: if_match(&headers)?,
        skip_missing_deletes: true,
        table,
        prepare: Box::new(move |access| read_records(&body, &access.schema, &rules).map_err(refused)),
    };
    let answer = session.write(request).await?;
    Ok(json_at(answer.sq, answer.body))
}
