//! `PUT T/views/{viewid}`

use axum::{
    extract::{Path, State},
    response::Response,
};
use boobook_app::DocumentKind;

use super::{edited_answer, form_of};
use crate::{
    error::ApiResult,
    extract::{Body, Caller, Query, session},
    openapi::{ChangedView, View},
    router::Api,
    routes::object,
};

/// Replaces a view of a table, or makes it with that id. Needs the admin role.
#[utoipa::path(put, path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/views/{viewid}", tag = "Views",
    request_body = ChangedView,
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path), ("viewid" = String, Path),
        ("formatScripts" = Option<bool>, Query, description = "Scripts are in human form")),
    responses((status = 200, description = "The view as it is now", body = View)))]
pub(crate) async fn put_view(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table, view)): Path<(String, String, String, String)>,
    query: Query,
    Body(body): Body,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let table = session.table(&session.snapshot(), &table)?.id();
    let mut json = object(&body)?;
    json.insert("type".into(), table.to_string().into());
    let form = form_of(&query)?;
    let edited = session.put_documents(DocumentKind::View, vec![(Some(view), json)], true, form).await?;
    edited_answer(&session, DocumentKind::View, &edited, false, form)
}
