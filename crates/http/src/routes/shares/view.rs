//! `GET|POST|DELETE P/views/{viewid}/share`

use axum::{
    extract::{Path, State},
    response::Response,
};

use super::{Reached, end, get, put};
use crate::{
    error::ApiResult,
    extract::{Body, Caller, session},
    openapi::{NewShare, Share},
    router::Api,
};

/// The link of a shared view; 404 where it is not shared. Needs the admin role.
#[utoipa::path(get, path = "/v1/teams/{teamid}/databases/{dbid}/views/{viewid}/share", tag = "Shares",
    params(("teamid" = String, Path), ("dbid" = String, Path), ("viewid" = String, Path)),
    responses((status = 200, description = "The share", body = Share)))]
pub(crate) async fn get_view_share(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, view)): Path<(String, String, String)>,
    reached: Reached,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let target = session.shared_view(&view, None)?;
    get(&api, &session, &target, &reached).await
}

/// Shares a view, or changes its share. Needs the admin role.
///
/// One that is shared keeps its link; when it ends and its password can be changed.
#[utoipa::path(post, path = "/v1/teams/{teamid}/databases/{dbid}/views/{viewid}/share", tag = "Shares",
    request_body = NewShare,
    params(("teamid" = String, Path), ("dbid" = String, Path), ("viewid" = String, Path)),
    responses((status = 200, description = "The share", body = Share)))]
pub(crate) async fn share_view(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, view)): Path<(String, String, String)>,
    reached: Reached,
    Body(body): Body,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let target = session.shared_view(&view, None)?;
    put(&api, &session, target, &body, &reached).await
}

/// Ends the share of a view: its link is dead at once. Needs the admin role.
#[utoipa::path(delete, path = "/v1/teams/{teamid}/databases/{dbid}/views/{viewid}/share", tag = "Shares",
    params(("teamid" = String, Path), ("dbid" = String, Path), ("viewid" = String, Path)),
    responses((status = 200, description = "`{}`", body = serde_json::Value)))]
pub(crate) async fn unshare_view(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, view)): Path<(String, String, String)>,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let target = session.shared_view(&view, None)?;
    end(&session, target).await
}
