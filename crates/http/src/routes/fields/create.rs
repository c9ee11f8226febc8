//! `POST T/fields`

use axum::{
    extract::{Path, State},
    response::Response,
};

use super::field_answer;
use crate::{
    error::ApiResult,
    extract::{Body, Caller, session},
    openapi::{Field, NewField},
    router::Api,
    routes::object,
};

/// Adds a field to a table.
///
/// A `ref` brings its 1:N field in the target table with it. Needs the admin role.
#[utoipa::path(post, path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/fields", tag = "Fields",
    request_body = NewField,
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path)),
    responses((status = 200, description = "The new field", body = Field)))]
pub(crate) async fn create_field(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table)): Path<(String, String, String)>,
    Body(body): Body,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let made = session.create_field(&table, object(&body)?).await?;
    field_answer(&session, &made)
}
