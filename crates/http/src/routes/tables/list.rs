//! `GET P/tables`

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

/// The tables whose records the key may read, with their fields.
#[utoipa::path(get, path = "/v1/teams/{teamid}/databases/{dbid}/tables", tag = "Tables",
    params(("teamid" = String, Path), ("dbid" = String, Path)),
    responses((status = 200, description = "Tables", body = [Table])))]
pub(crate) async fn list_tables(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database)): Path<(String, String)>,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let mut out = vec![b'['];
    for (n, access) in session.tables(&session.snapshot()).iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        write_table(&access.schema, |slot| access.may_read(slot), &mut out);
    }
    out.push(b']');
    Ok(json(out))
}
