//! `DELETE P/views/{viewid}`, `DELETE T/views/{viewid}`

use axum::{
    extract::{Path, State},
    response::Response,
};
use boobook_app::{AppError, DocumentKind};

use crate::{
    error::ApiResult,
    extract::{Caller, session},
    openapi::Done,
    router::Api,
    routes::json,
};

/// Deletes a view. Needs the admin role.
#[utoipa::path(delete, path = "/v1/teams/{teamid}/databases/{dbid}/views/{viewid}", tag = "Views",
    params(("teamid" = String, Path), ("dbid" = String, Path), ("viewid" = String, Path)),
    responses((status = 200, description = "`{}`", body = Done)))]
pub(crate) async fn delete_view(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, view)): Path<(String, String, String)>,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    session.delete_document(DocumentKind::View, &view).await?;
    Ok(json("{}"))
}

/// Deletes a view of a table. Needs the admin role.
#[utoipa::path(delete, path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/views/{viewid}", tag = "Views",
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path), ("viewid" = String, Path)),
    responses((status = 200, description = "`{}`", body = Done)))]
pub(crate) async fn delete_table_view(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table, view)): Path<(String, String, String, String)>,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    session.require_admin()?;
    let snapshot = session.snapshot();
    let table = session.table(&snapshot, &table)?.id();
    let is_there = snapshot.schema.views.iter().any(|v| *v.id == *view && v.table == Some(table));
    if !is_there {
        return Err(AppError::ViewNotFound.into());
    }
    session.delete_document(DocumentKind::View, &view).await?;
    Ok(json("{}"))
}
