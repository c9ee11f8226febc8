//! `POST T/record`

use axum::{
    extract::{Path, State},
    response::Response,
};

use super::first_record;
use crate::{
    error::ApiResult,
    extract::{Body, Caller, Query, session},
    openapi::{LookUp, Record},
    router::Api,
};

/// The first record (by id) that passes the filters, else null.
#[utoipa::path(post, path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/record", tag = "Records",
    request_body = LookUp,
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path),
        ("filters" = Option<String>, Query, description = "Wins over the body's")),
    responses((status = 200, description = "The record or null", body = Option<Record>)))]
pub(crate) async fn look_up_record(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table)): Path<(String, String, String)>,
    query: Query,
    Body(body): Body,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    first_record(&session, &query.parse()?, &table, &body).await
}
