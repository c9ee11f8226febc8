//! `POST /v1/teams/{team}/databases`

use axum::{
    extract::{Path, State},
    response::Response,
};
use boobook_app::{Form, keep_scripts};
use boobook_model::Schema;

use crate::{
    error::{ApiError, ApiResult, ErrorCode},
    extract::{Body, Caller, Query},
    openapi::{Named, NewDatabase},
    router::Api,
    routes::{object, string, to_json},
};

/// Makes a database, empty or with a schema.
///
/// The schema is the object that `GET …/schema` answers. Needs the admin role.
#[utoipa::path(post, path = "/v1/teams/{teamid}/databases", tag = "Databases", request_body = NewDatabase,
    params(("teamid" = String, Path, description = "Team id, or its name where that is unique"),
        ("formatScripts" = Option<bool>, Query, description = "The schema's scripts are in human form")),
    responses((status = 200, description = "The new database", body = Named)))]
pub(crate) async fn create_database(
    State(api): State<Api>,
    caller: Caller,
    Path(team): Path<String>,
    query: Query,
    Body(body): Body,
) -> ApiResult<Response> {
    let mut body = object(&body)?;
    let name = string(&body, "name")?.to_owned();
    let schema = body.remove("schema").filter(|schema| !schema.is_null());
    let mut schema = schema
        .map(Schema::from_json)
        .transpose()
        .map_err(|e| ApiError::at(ErrorCode::InvalidValue, &format!("schema.{}", e.place), e.message))?;
    if let (Some(schema), Form::Human) = (&mut schema, super::form(&query.parse()?)?) {
        keep_scripts(schema, Form::Human);
    }
    to_json(&api.app.create_database(caller.principal(), &team, &name, schema).await?)
}
