//! `GET P/views`, `GET T/views`

use axum::{
    extract::{Path, State},
    response::Response,
};
use boobook_app::DocumentKind;

use super::list_answer;
use crate::{
    error::ApiResult,
    extract::{Caller, Query, session},
    openapi::ViewItem,
    router::Api,
};

/// The views of a database. Needs the admin role.
#[utoipa::path(get, path = "/v1/teams/{teamid}/databases/{dbid}/views", tag = "Views",
    params(("teamid" = String, Path), ("dbid" = String, Path),
        ("fullView" = Option<bool>, Query, description = "Whole views instead of their names"),
        ("formatScripts" = Option<bool>, Query, description = "Scripts in human form")),
    responses((status = 200, description = "In the order they were made", body = [ViewItem])))]
pub(crate) async fn list_views(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database)): Path<(String, String)>,
    query: Query,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    list_answer(&session, DocumentKind::View, &query.parse()?, "fullView", |_| true)
}

/// The views of a table. Needs the admin role.
#[utoipa::path(get, path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/views", tag = "Views",
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path),
        ("fullView" = Option<bool>, Query, description = "Whole views instead of their names"),
        ("formatScripts" = Option<bool>, Query, description = "Scripts in human form")),
    responses((status = 200, description = "In the order they were made", body = [ViewItem])))]
pub(crate) async fn list_table_views(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table)): Path<(String, String, String)>,
    query: Query,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let table = session.table(&session.snapshot(), &table)?.id();
    list_answer(&session, DocumentKind::View, &query.parse()?, "fullView", |view| view.table == Some(table))
}
