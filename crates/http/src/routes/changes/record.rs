//! `GET R/changes`

use axum::{
    extract::{Path, State},
    response::Response,
};
use boobook_app::AppError;
use boobook_model::RecordId;

use super::{head, limit, since};
use crate::{
    error::ApiResult,
    extract::{Caller, Query, session},
    openapi::ChangeList,
    router::Api,
    routes::json,
    wire::record::ChangeWriter,
};

/// Every change of one record since a sequence, oldest first, with the values it set.
#[utoipa::path(get, path = "/v1/teams/{teamid}/databases/{dbid}/tables/{tid}/records/{rid}/changes",
    tag = "Changes",
    params(("teamid" = String, Path), ("dbid" = String, Path), ("tid" = String, Path), ("rid" = u32, Path),
        ("sinceSq" = Option<u64>, Query, description = "Only changes after this"),
        ("limit" = Option<u64>, Query, description = "10,000 where absent")),
    responses((status = 200, description = "Changes", body = ChangeList)))]
pub(crate) async fn record_changes(
    State(api): State<Api>,
    caller: Caller,
    Path((team, database, table, record)): Path<(String, String, String, String)>,
    query: Query,
) -> ApiResult<Response> {
    let session = session(&api, &caller, &team, &database).await?;
    let rid: RecordId = record.parse().map_err(|_| AppError::RecordNotFound { place: None })?;
    let query = query.parse()?;
    let since = since(&query)?;
    let (access, changes, more) = session.record_changes(&table, rid, since, limit(&query)?).await?;
    let mut out = Vec::with_capacity(64 + 128 * changes.len());
    let writer = ChangeWriter::new(&access.schema, |slot| access.reads_always(slot));
    out.push(b'{');
    head(&mut out, changes.last().map_or(since, |c| c.sq), more);
    for (n, change) in changes.iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        writer.write_history(rid, change, &mut out);
    }
    out.extend_from_slice(b"]}");
    Ok(json(out))
}
