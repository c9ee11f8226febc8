//! All routes, each by one line; the OpenAPI document comes from the same lines.

use std::sync::Arc;

use axum::{Router, http::HeaderMap};
use boobook_app::App;
use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, watch};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    HttpConfig,
    error::{ApiError, ApiResult, ErrorCode},
    extract::header,
    openapi::{Document, complete},
    routes::{
        changes, databases, fields, files, records, reports, scripts, server, shares, tables, teams, views,
    },
    wire::input::InputRules,
};

/// What handlers share. A clone is a few reference counts.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) app: App,
    pub(crate) config: Arc<HttpConfig>,
    /// One permit per live stream.
    pub(crate) streams: Arc<Semaphore>,
    /// Turns true when the server begins to go down.
    pub(crate) closing: watch::Receiver<bool>,
}

impl Api {
    pub(crate) fn new(app: App, config: Arc<HttpConfig>, closing: watch::Receiver<bool>) -> Self {
        let streams = Arc::new(Semaphore::new(config.streams_max));
        Self { app, config, streams, closing }
    }

    /// What bounds the reading of record bodies.
    pub(crate) fn rules(&self) -> InputRules {
        InputRules {
            records_max: self.app.limits().records_per_request_max,
            field_text_bytes_max: self.config.field_text_bytes_max,
            unknown_field_status: self.config.unknown_field_status,
        }
    }
}

/// `Idempotency-Key` with a hash of what it was sent with.
pub(crate) fn idempotency(
    headers: &HeaderMap,
    table: &str,
    body: &[u8],
) -> ApiResult<Option<(String, [u8; 32])>> {
    let Some(key) = header(headers, "idempotency-key")? else { return Ok(None) };
    let mut hash = Sha256::new();
    hash.update((table.len() as u64).to_le_bytes());
    hash.update(table.as_bytes());
    hash.update(body);
    Ok(Some((key.to_owned(), hash.finalize().into())))
}

/// Every route with its documentation.
fn documented() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(teams::list::list_teams, teams::create::create_team))
        .routes(routes!(teams::get::get_team, teams::change::change_team, teams::delete::delete_team))
        .routes(routes!(databases::list::list_databases, databases::create::create_database))
        .routes(routes!(
            databases::get::get_database,
            databases::change::change_database,
            databases::delete::delete_database
        ))
        .routes(routes!(databases::schema::get_schema, databases::patch_schema::patch_schema))
        .routes(routes!(databases::settings::update_settings))
        .routes(routes!(databases::problems::get_schema_problems))
        .routes(routes!(tables::list::list_tables, tables::create::create_table))
        .routes(routes!(tables::get::get_table, tables::change::change_table, tables::delete::delete_table))
        .routes(routes!(fields::list::list_fields, fields::create::create_field))
        .routes(routes!(fields::change::change_field, fields::delete::delete_field))
        .routes(routes!(views::list::list_views, views::create::post_views))
        .routes(routes!(views::get::get_view, views::delete::delete_view))
        .routes(routes!(views::list::list_table_views, views::create::create_view))
        .routes(routes!(views::get::get_table_view, views::put::put_view, views::delete::delete_table_view))
        .routes(routes!(views::create::update_view))
        .routes(routes!(shares::view::get_view_share, shares::view::share_view, shares::view::unshare_view))
        .routes(routes!(
            shares::table_view::get_table_view_share,
            shares::table_view::share_table_view,
            shares::table_view::unshare_table_view
        ))
        .routes(routes!(shares::file::get_file_share, shares::file::share_file, shares::file::unshare_file))
        .routes(routes!(shares::read::read_share, shares::read::enter_password))
        .routes(routes!(reports::list::list_reports, reports::create::post_reports))
        .routes(routes!(reports::get::get_report))
        .routes(routes!(files::report::list_report_files, files::report::upload_report_file))
        .routes(routes!(files::report::get_report_file))
        .routes(routes!(files::list::list_files, files::upload::upload_file))
        .routes(routes!(files::download::download_file, files::delete::delete_file))
        .routes(routes!(files::metadata::file_metadata))
        .routes(routes!(files::thumbnail::file_thumbnail))
        .routes(routes!(files::download::download_field_file))
        .routes(routes!(files::background::get_background, files::background::post_background))
        .routes(routes!(
            records::list::list_records,
            records::create::write_records,
            records::delete_many::delete_records
        ))
        .routes(routes!(records::delete_many::post_delete_records))
        .routes(routes!(
            records::get::get_record,
            records::update::update_record,
            records::delete::delete_record
        ))
        .routes(routes!(records::look_up::look_up_record))
        .routes(routes!(changes::database::database_changes))
        .routes(routes!(changes::table::table_changes))
        .routes(routes!(changes::record::record_changes))
        .routes(routes!(scripts::exec::exec))
        .routes(routes!(scripts::query::get_query, scripts::query::post_query))
        .routes(routes!(server::health::healthz))
        .routes(routes!(server::ready::readyz))
        .routes(routes!(server::metrics::metrics))
}

/// The OpenAPI document of all routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = documented().into_openapi();
    complete(&mut document);
    document
}

/// All routes, with the description of themselves where configured. What no route answers is a JSON 404.
pub(crate) fn routes(api: Api) -> Router {
    let docs = api.config.docs;
    let (router, mut document) = documented().split_for_parts();
    complete(&mut document);
    // Uploads stream, within limits of their own; every other body is read by `extract::Body`, which bounds it.
    let mut router = router.with_state(api).layer(axum::extract::DefaultBodyLimit::disable());
    if docs {
        let shown =
            utoipa_swagger_ui::Config::default().try_it_out_enabled(true).display_request_duration(true);
        let pages = utoipa_swagger_ui::SwaggerUi::new("/docs").config(shown).url("/openapi.json", document);
        router = router.merge(pages);
    }
    router
        .fallback(|| async { ApiError::new(ErrorCode::EndpointNotFound) })
        .method_not_allowed_fallback(|| async { ApiError::new(ErrorCode::MethodNotAllowed) })
}
