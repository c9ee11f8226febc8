//! `GET T`

use axum::{
    extract::{Path, State},
    response::Response,
};

use crate::{
    error::ApiResult,
    extract::{Caller, session},
    openapi::Table,
    router::Api,
    routes::json,
    wire::table::write_table,
};

/// One table with its fields.
#[utoipa::path(get, path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}", tag = "Tables",
    params(("teamid" = String, Path), ("dbid" = String, Path),
        ("tid" = String, Path, description = "Table id or name")),
    responses((status = 200, description = "The table", body = Table)))]
pub(crate) async fn get_table(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table)): Path<(String, String, String)>,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let access = session.readable_table(&session.snapshot(), &table)?;
    let mut out = Vec::new();
    write_table(&access.schema, |slot| access.may_read(slot), &mut out);
    Ok(json(out))
}
