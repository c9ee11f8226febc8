//! `GET P/reports`

use axum::{
    extract::{Path, State},
    response::Response,
};
use boobook_app::DocumentKind;

use crate::{
    error::ApiResult,
    extract::{Caller, Query, session},
    openapi::Report,
    router::Api,
    routes::views::list_answer,
};

/// The reports of a database. Needs the admin role.
#[utoipa::path(get, path = "/v1/teams/{teamid}/databases/{dbid}/reports", tag = "Reports",
    params(("teamid" = String, Path), ("dbid" = String, Path),
        ("fullReport" = Option<bool>, Query, description = "Whole reports instead of their names")),
    responses((status = 200, description = "In the order they were made", body = [Report])))]
pub(crate) async fn list_reports(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database)): Path<(String, String)>,
    query: Query,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    list_answer(&session, DocumentKind::Report, &query.parse()?, "fullReport", |_| true)
}
