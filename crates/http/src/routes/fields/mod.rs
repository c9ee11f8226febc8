//! Fields of a table: rest-api.md §2.1. (Reading them by themselves is ours; the real service has no such route.)

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod list;

use axum::response::Response;
use boobook_app::{AppError, Edited, Session};

use crate::{error::ApiResult, routes::json_at, wire::table::write_field};

/// The field that an edit made or changed, its formula as people read it.
pub(crate) fn field_answer(session: &Session, edited: &Edited) -> ApiResult<Response> {
    let snapshot = session.snapshot();
    let table = edited.table.and_then(|id| snapshot.schema.table(id)).ok_or(AppError::TableNotFound)?;
    let table = session.human_table(&snapshot.schema, table);
    let field = edited.field.and_then(|id| table.field(id)).ok_or(AppError::FieldNotFound)?;
    let mut out = Vec::new();
    write_field(field, &mut out);
    Ok(json_at(snapshot.sq, out))
}
