//! `GET /metrics`

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

use crate::{
    error::{ApiError, ApiResult, ErrorCode},
    router::Api,
};

/// Metrics in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "Server", security(()),
    responses((status = 200, description = "Prometheus text format", content_type = "text/plain", body = String)))]
pub(crate) async fn metrics(State(api): State<Api>) -> ApiResult<Response> {
    let render = api.config.metrics.as_ref().ok_or_else(|| ApiError::new(ErrorCode::EndpointNotFound))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], render()).into_response())
}
