//! `GET P/views/{viewid}`, `GET T/views/{viewid}`

use axum::{
    extract::{Path, State},
    response::Response,
};
use boobook_app::DocumentKind;

use super::one_answer;
use crate::{
    error::ApiResult,
    extract::{Caller, Query, session},
    openapi::View,
    router::Api,
};

/// A view. Needs the admin role.
#[utoipa::path(get, path = "/v1/teams/{teamid}/databases/{dbid}/views/{viewid}", tag = "Views",
    params(("teamid" = String, Path), ("dbid" = String, Path), ("viewid" = String, Path),
        ("formatScripts" = Option<bool>, Query, description = "Scripts in human form")),
    responses((status = 200, description = "The whole view", body = View)))]
pub(crate) async fn get_view(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, view)): Path<(String, String, String)>,
    query: Query,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    one_answer(&session, DocumentKind::View, &view, &query.parse()?, |_| true)
}

/// A view of a table. Needs the admin role.
#[utoipa::path(get, path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/views/{viewid}", tag = "Views",
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path), ("viewid" = String, Path),
        ("formatScripts" = Option<bool>, Query, description = "Scripts in human form")),
    responses((status = 200, description = "The whole view", body = View)))]
pub(crate) async fn get_table_view(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table, view)): Path<(String, String, String, String)>,
    query: Query,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let table = session.table(&session.snapshot(), &table)?.id();
    one_answer(&session, DocumentKind::View, &view, &query.parse()?, |view| view.table == Some(table))
}
