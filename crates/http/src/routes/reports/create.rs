//! `POST P/reports`

use axum::{
    extract::{Path, State},
    response::Response,
};
use boobook_app::DocumentKind;

use crate::{
    error::ApiResult,
    extract::{Body, Caller, Query, session},
    openapi::{ChangedReports, Reports},
    router::Api,
    routes::views::put_documents,
};

/// Makes or changes reports by their ids: keys that are not sent stay. Needs the admin role.
#[utoipa::path(post, path = "/v1/teams/{teamid}/databases/{dbid}/reports", tag = "Reports",
    request_body = ChangedReports,
    params(("teamid" = String, Path), ("dbid" = String, Path),
        ("formatScripts" = Option<bool>, Query, description = "Scripts are in human form")),
    responses((status = 200, description = "The reports as they are now", body = Reports)))]
pub(crate) async fn post_reports(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database)): Path<(String, String)>,
    query: Query,
    Body(body): Body,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    put_documents(&session, DocumentKind::Report, &query, &body).await
}
