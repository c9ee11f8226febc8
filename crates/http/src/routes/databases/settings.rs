//! `POST /{teamid}/{dbid}/settings/update`

use axum::{
    extract::{Path, State},
    response::Response,
};

use crate::{
    error::ApiResult,
    extract::{Body, Caller},
    openapi::{ChangedDatabase, Settings},
    router::Api,
    routes::{object, to_json},
};

/// Merges settings, as the vendor's command line client does it. Needs the admin role.
#[utoipa::path(post, path = "/{teamid}/{dbid}/settings/update", tag = "Databases",
    request_body(content = ChangedDatabase, content_type = "text/plain"),
    params(("teamid" = String, Path), ("dbid" = String, Path)),
    responses((status = 200, description = "All settings", body = Settings)))]
pub(crate) async fn update_settings(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database)): Path<(String, String)>,
    Body(body): Body,
) -> ApiResult<Response> {
    to_json(&api.app.change_settings(caller.principal(), &team, &database, object(&body)?).await?)
}
