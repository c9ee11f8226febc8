//! `GET R/files`

use axum::{
    extract::{Path, State},
    response::Response,
};
use serde_json::Value;

use super::{record_id, shown};
use crate::{
    error::ApiResult,
    extract::{Caller, session},
    openapi::FileInfo,
    router::Api,
    routes::to_json,
};

/// The files of a record, in the order they were added.
#[utoipa::path(get, path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/records/{rid}/files", tag = "Files",
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path), ("rid" = u32, Path)),
    responses((status = 200, description = "What is known of each", body = [FileInfo])))]
pub(crate) async fn list_files(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table, record)): Path<(String, String, String, String)>,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let files = session.files(&table, record_id(&record)?).await?;
    to_json(&files.iter().map(shown).collect::<Vec<Value>>())
}
