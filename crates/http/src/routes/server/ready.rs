//! `GET /readyz`

use axum::{extract::State, response::Response};

use crate::{
    error::{ApiError, ApiResult, ErrorCode},
    openapi::Status,
    router::Api,
    routes::json,
};

/// The store answers and the server is not going down.
#[utoipa::path(get, path = "/readyz", tag = "Server", security(()),
    responses((status = 200, description = "It takes requests", body = Status),
        (status = 503, description = "It does not")))]
pub(crate) async fn readyz(State(api): State<Api>) -> ApiResult<Response> {
    if *api.closing.borrow() {
        return Err(ApiError::new(ErrorCode::ShuttingDown).retry_after(5));
    }
    api.app.ready().await?;
    Ok(json(&b"{\"status\":\"ready\"}"[..]))
}
