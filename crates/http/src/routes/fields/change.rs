//! `PATCH T/fields/{fid}`

use axum::{
    extract::{Path, State},
    response::Response,
};

use super::field_answer;
use crate::{
    error::ApiResult,
    extract::{Body, Caller, Query, session},
    openapi::{ChangedField, Field},
    router::Api,
    routes::object,
};

/// Changes a field.
///
/// Its name, type, options, formula, any key of the schema; `null` clears a key. Values follow a new type. Where some could not, nothing is changed, unless `force` gives them up. Options that are
/// not named stay. Needs the admin role.
#[utoipa::path(patch, path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/fields/{fid}", tag = "Fields",
    request_body = ChangedField,
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path), ("fid" = String, Path),
        ("force" = Option<bool>, Query, description = "Empty values that the new type cannot hold")),
    responses((status = 200, description = "The field as it is now", body = Field),
        (status = 409, description = "Values would be lost, or the name is taken")))]
pub(crate) async fn change_field(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table, field)): Path<(String, String, String, String)>,
    query: Query,
    Body(body): Body,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let force = query.parse()?.flag("force")?;
    let edited = session.change_field(&table, &field, object(&body)?, force).await?;
    field_answer(&session, &edited)
}
