//! `GET P/reports/{id}`

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
    routes::views::one_answer,
};

/// A report. Needs the admin role.
#[utoipa::path(get, path = "/v1/teams/{teamid}/databases/{dbid}/reports/{reportid}", tag = "Reports",
    params(("teamid" = String, Path), ("dbid" = String, Path), ("reportid" = String, Path)),
    responses((status = 200, description = "The whole report", body = Report)))]
pub(crate) async fn get_report(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, report)): Path<(String, String, String)>,
    query: Query,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    one_answer(&session, DocumentKind::Report, &report, &query.parse()?, |_| true)
}
