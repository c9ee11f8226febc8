//! `DELETE T/records` and its alias `POST T/records/delete`

use axum::{
    extract::{Path, State},
    response::Response,
};
use boobook_app::WriteRequest;
use bytes::Bytes;

use crate::{
    error::{ApiResult, refused},
    extract::{Body, Caller, session},
    openapi::Done,
    router::Api,
    routes::json_at,
    wire::input::read_deletes,
};

/// Deletes the records of a list of ids; ids without a record are skipped.
#[utoipa::path(delete, path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/records", tag = "Records",
    request_body = Vec<u32>,
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path)),
    responses((status = 200, description = "`{}`", body = Done)))]
pub(crate) async fn delete_records(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table)): Path<(String, String, String)>,
    Body(body): Body,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let rules = api.rules();
    let request = WriteRequest {
        table,
        body_bytes: body.len(),
        prepare: Box::new(move |_| read_deletes(&body, &rules).map_err(refused)),
        render: Box::new(|_, _, _, _| Bytes::from_static(b"{}")),
        if_match: None,
        idempotency: None,
        skip_missing_deletes: true,
    };
    let answer = session.write(request).await?;
    Ok(json_at(answer.sq, answer.body))
}

/// As DELETE …/records, for clients that cannot send a body with DELETE.
#[utoipa::path(post, path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/records/delete", tag = "Records",
    request_body = Vec<u32>,
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path)),
    responses((status = 200, description = "`{}`", body = Done)))]
pub(crate) async fn post_delete_records(
    state: State<Api>,
    caller: Caller,
    path: Path<(String, String, String)>,
    body: Body,
) -> ApiResult<Response> {
    delete_records(state, caller, path, body).await
}
