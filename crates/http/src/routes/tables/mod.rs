//! Tables in their public shape: rest-api.md §2.2.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod get;
pub(crate) mod list;

use axum::response::Response;
use boobook_app::{AppError, Edited, Session};

use crate::{error::ApiResult, routes::json_at, wire::table::write_table};

/// The table that an edit made or changed.
pub(crate) fn table_answer(session: &Session, edited: &Edited) -> ApiResult<Response> {
    let snapshot = session.snapshot();
    let table = edited.table.and_then(|id| snapshot.schema.table(id)).ok_or(AppError::TableNotFound)?;
    let mut out = Vec::new();
    write_table(table, |_| true, &mut out);
    Ok(json_at(snapshot.sq, out))
}
