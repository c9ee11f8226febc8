//! `GET T/fields`

use axum::{
    extract::{Path, State},
    response::Response,
};

use crate::{
    error::ApiResult,
    extract::{Caller, session},
    openapi::Field,
    router::Api,
    routes::json,
    wire::table::write_fields,
};

/// The fields of a table.
#[utoipa::path(get, path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/fields", tag = "Fields",
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path)),
    responses((status = 200, description = "Fields, in their order", body = [Field])))]
pub(crate) async fn list_fields(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table)): Path<(String, String, String)>,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let access = session.readable_table(&session.snapshot(), &table)?;
    let mut out = Vec::new();
    write_fields(&access.schema, |slot| access.may_read(slot), &mut out);
    Ok(json(out))
}
