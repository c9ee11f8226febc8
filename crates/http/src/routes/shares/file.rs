//! `GET|POST|DELETE R/files/{file}/share`

use axum::{
    extract::{Path, State},
    response::Response,
};
use boobook_app::{AppError, Session, ShareTarget};

use super::{Reached, end, get, put};
use crate::{
    error::ApiResult,
    extract::{Body, Caller, session},
    openapi::{NewShare, Share},
    router::Api,
};

/// Team, database, table, record, name of the file.
type FilePath = (String, String, String, String, String);

async fn file_target(session: &Session, table: &str, record: &str, file: &str) -> ApiResult<ShareTarget> {
    // What is no record id names no record.
    let record = record.parse().map_err(|_| AppError::RecordNotFound { place: None })?;
    Ok(session.shared_file(table, record, file).await?)
}

/// The link of a shared file; 404 where it is not shared. Needs the admin role.
#[utoipa::path(get, path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/records/{rid}/files/{file}/share", tag = "Shares",
    params(("teamid" = String, Path), ("dbid" = String, Path),
        ("tid" = String, Path), ("rid" = u32, Path), ("file" = String, Path)),
    responses((status = 200, description = "The share", body = Share)))]
pub(crate) async fn get_file_share(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table, record, file)): Path<FilePath>,
    reached: Reached,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let target = file_target(&session, &table, &record, &file).await?;
    get(&api, &session, &target, &reached).await
}

/// Shares a file, or changes its share. Needs the admin role.
///
/// One that is shared keeps its link; when it ends and its password can be changed.
#[utoipa::path(post, path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/records/{rid}/files/{file}/share", tag = "Shares",
    request_body = NewShare,
    params(("teamid" = String, Path), ("dbid" = String, Path),
        ("tid" = String, Path), ("rid" = u32, Path), ("file" = String, Path)),
    responses((status = 200, description = "The share", body = Share)))]
pub(crate) async fn share_file(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table, record, file)): Path<FilePath>,
    reached: Reached,
    Body(body): Body,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let target = file_target(&session, &table, &record, &file).await?;
    put(&api, &session, target, &body, &reached).await
}

/// Ends the share of a file: its link is dead at once. Needs the admin role.
#[utoipa::path(delete, path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/records/{rid}/files/{file}/share", tag = "Shares",
    params(("teamid" = String, Path), ("dbid" = String, Path),
        ("tid" = String, Path), ("rid" = u32, Path), ("file" = String, Path)),
    responses((status = 200, description = "`{}`", body = serde_json::Value)))]
pub(crate) async fn unshare_file(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table, record, file)): Path<FilePath>,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let target = file_target(&session, &table, &record, &file).await?;
    end(&session, target).await
}
