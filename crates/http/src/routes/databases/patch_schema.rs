//! `PATCH P/schema`

use axum::{
    extract::{Path, State},
    response::Response,
};
use serde_json::json;

use super::form;
use crate::{
    error::ApiResult,
    extract::{Body, Caller, Query, session},
    openapi::{ChangedSchema, SchemaVersion},
    router::Api,
    routes::{object, to_json},
};

/// Merges a schema object into the schema, all of it or nothing.
///
/// `version` must be the server's. What is not sent stays; `null` clears a key; tables and fields are deleted by calls
/// of their own. Needs the admin role.
#[utoipa::path(patch, path = "/v1/teams/{teamid}/databases/{dbid}/schema", tag = "Databases",
    request_body = ChangedSchema,
    params(("teamid" = String, Path), ("dbid" = String, Path),
        ("formatScripts" = Option<bool>, Query, description = "Scripts are in human form"),
        ("force" = Option<bool>, Query, description = "Empty values that a new type cannot hold")),
    responses((status = 200, description = "The new version", body = SchemaVersion),
        (status = 409, description = "The schema has moved on, or values would be lost")))]
pub(crate) async fn patch_schema(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database)): Path<(String, String)>,
    query: Query,
    Body(body): Body,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let query = query.parse()?;
    let edited = session.patch_schema(object(&body)?, form(&query)?, query.flag("force")?).await?;
    to_json(&json!({ "version": edited.version }))
}
