//! `POST P/views`, `POST T/views`

use axum::{
    extract::{Path, State},
    response::Response,
};
use boobook_app::DocumentKind;

use super::{edited_answer, form_of, put_documents};
use crate::{
    error::ApiResult,
    extract::{Body, Caller, Query, session},
    openapi::{ChangedView, ChangedViews, View, Views},
    router::Api,
    routes::object,
};

/// Makes or changes views by their ids: keys that are not sent stay. Needs the admin role.
#[utoipa::path(post, path = "/v1/teams/{teamid}/databases/{dbid}/views", tag = "Views",
    request_body = ChangedViews,
    params(("teamid" = String, Path), ("dbid" = String, Path),
        ("formatScripts" = Option<bool>, Query, description = "Scripts are in human form")),
    responses((status = 200, description = "The views as they are now", body = Views)))]
pub(crate) async fn post_views(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database)): Path<(String, String)>,
    query: Query,
    Body(body): Body,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    put_documents(&session, DocumentKind::View, &query, &body).await
}

/// Changes one view by its id, or makes it, as the vendor's programs do it. Needs the admin role.
#[utoipa::path(post, path = "/{teamid}/{dbid}/json/views/update", tag = "Views",
    request_body(content = ChangedViews, content_type = "text/plain"),
    params(("teamid" = String, Path), ("dbid" = String, Path)),
    responses((status = 200, description = "The view as it is now; views for an array", body = Views)))]
pub(crate) async fn update_view(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database)): Path<(String, String)>,
    query: Query,
    Body(body): Body,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    put_documents(&session, DocumentKind::View, &query, &body).await
}

/// Makes a view of a table. Needs the admin role.
#[utoipa::path(post, path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/views", tag = "Views",
    request_body = ChangedView,
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path),
        ("formatScripts" = Option<bool>, Query, description = "Scripts are in human form")),
    responses((status = 200, description = "The new view", body = View)))]
pub(crate) async fn create_view(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table)): Path<(String, String, String)>,
    query: Query,
    Body(body): Body,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let table = session.table(&session.snapshot(), &table)?.id();
    let mut view = object(&body)?;
    view.insert("type".into(), table.to_string().into());
    view.remove("id");
    let form = form_of(&query)?;
    let edited = session.put_documents(DocumentKind::View, vec![(None, view)], true, form).await?;
    edited_answer(&session, DocumentKind::View, &edited, false, form)
}
