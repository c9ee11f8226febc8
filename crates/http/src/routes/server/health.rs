//! `GET /healthz`

use axum::response::Response;

use crate::{openapi::Status, routes::json};

/// The process lives.
#[utoipa::path(get, path = "/healthz", tag = "Server", security(()),
    responses((status = 200, description = "It lives", body = Status)))]
pub(crate) async fn healthz() -> Response {
    json(&b"{\"status\":\"ok\"}"[..])
}
