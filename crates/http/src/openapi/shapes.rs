//! Shapes of schemas, views and reports: what is always there. Any other key is kept and answered as it came.
#![allow(dead_code, reason = "these types are only ever described, never made")]

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{Record, RecordInput};

/// `{}`
#[derive(ToSchema)]
pub(crate) struct Done {}

/// Settings and schema of a database.
#[derive(ToSchema)]
pub(crate) struct Database {
    settings: Settings,
    schema: Schema,
}

/// Settings of a database.
#[derive(ToSchema)]
pub(crate) struct Settings {
    name: String,
    icon: String,
    color: String,
}

/// The schema of a database.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Schema {
    /// The database's change number.
    seq: u64,
    /// One more with each change of the schema.
    version: u64,
    next_type_id: u32,
    /// Tables and pages by id.
    types: BTreeMap<String, SchemaTable>,
    after_open_behavior: String,
    file_sync: String,
    date_fix: String,
    compatibility: String,
    hide_calendar: bool,
    hide_search: bool,
    hide_database: bool,
    hide_navigation: bool,
    known_databases: Vec<Value>,
    /// With `includeReportsAndViews=T`.
    views: Option<Vec<View>>,
    /// With `includeReportsAndViews=T`.
    reports: Option<Vec<Report>>,
}

/// A table or page of a schema.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct SchemaTable {
    caption: String,
    captions: Map<String, Value>,
    /// `table` or `page`.
    kind: String,
    uuid: String,
    hidden: bool,
    global_search: bool,
    next_field_id: u32,
    /// By id.
    fields: BTreeMap<String, SchemaField>,
    /// Layout elements by id.
    uis: Map<String, Value>,
}

/// A field of a schema.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct SchemaField {
    /// Its type.
    base: String,
    caption: String,
    captions: Map<String, Value>,
    required: bool,
    order: f64,
    form_width: f64,
    uuid: String,
    global_search: bool,
    has_index: bool,
    tooltips: Map<String, Value>,
    /// Options of `choice` and `multi` by id.
    values: Option<Map<String, Value>>,
    /// `ref`, `rev`: the other table.
    ref_type_id: Option<String>,
    /// `ref`, `rev`: the other side of the relation over there.
    ref_field_id: Option<String>,
    /// The formula of a `fn` field.
    r#fn: Option<String>,
}

/// Keys of a schema to merge: what is not sent stays, `null` clears.
#[derive(ToSchema)]
pub(crate) struct ChangedSchema {
    /// The version that the change is based on.
    version: u64,
    /// Tables by id, with the keys to change; an unknown id makes a table.
    types: Option<BTreeMap<String, Map<String, Value>>>,
}

/// A view, as it was saved.
#[derive(ToSchema)]
pub(crate) struct View {
    id: String,
    caption: String,
    /// Sequence of its last change.
    seq: u64,
    /// The table it shows.
    r#type: String,
    config: ViewConfig,
}

/// What a view shows.
#[derive(ToSchema)]
pub(crate) struct ViewConfig {
    /// The table again.
    r#type: String,
    cols: Vec<ViewColumn>,
    /// Index of the column to sort by.
    sort: Option<f64>,
    descending: Option<bool>,
    /// Index of the column to group by.
    group: Option<f64>,
}

/// A column of a view.
#[derive(ToSchema)]
pub(crate) struct ViewColumn {
    /// NX, in the record's context.
    expression: String,
}

/// A view to make or to change. Any other key is kept.
#[derive(ToSchema)]
pub(crate) struct ChangedView {
    /// None: a new one.
    id: Option<String>,
    caption: Option<String>,
    /// The table it shows.
    r#type: Option<String>,
    config: Option<Map<String, Value>>,
}

/// A report, as it was saved.
#[derive(ToSchema)]
pub(crate) struct Report {
    id: String,
    /// Sequence of its last change.
    seq: u64,
    /// Text as a rule; reports are kept as they came.
    name: Option<Value>,
    caption: Option<String>,
}

/// A report to make or to change. Any other key is kept.
#[derive(ToSchema)]
pub(crate) struct ChangedReport {
    /// None: a new one.
    id: Option<String>,
    name: Option<String>,
}

/// What is known of a file that was just stored.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Uploaded {
    /// `File Uploaded Successfully`
    message: String,
    name: String,
    /// Bytes.
    size: u64,
    content_type: String,
    /// UTC, `YYYY-MM-DDThh:mm:ss`.
    modified_at: String,
    modified_by: String,
    /// SHA-256 of the content, hexadecimal.
    sha256: String,
}

/// `{"status": "ok"}`
#[derive(ToSchema)]
pub(crate) struct Status {
    status: String,
}

/// One record, or several.
#[derive(ToSchema)]
#[serde(untagged)]
pub(crate) enum RecordInputs {
    One(RecordInput),
    Many(Vec<RecordInput>),
}

/// One record for one, an array for an array.
#[derive(ToSchema)]
#[serde(untagged)]
pub(crate) enum Records {
    One(Record),
    Many(Vec<Option<Record>>),
}

/// One view, or several.
#[derive(ToSchema)]
#[serde(untagged)]
pub(crate) enum ChangedViews {
    One(ChangedView),
    Many(Vec<ChangedView>),
}

/// One view for one, an array for an array.
#[derive(ToSchema)]
#[serde(untagged)]
pub(crate) enum Views {
    One(View),
    Many(Vec<View>),
}

/// One report, or several.
#[derive(ToSchema)]
#[serde(untagged)]
pub(crate) enum ChangedReports {
    One(ChangedReport),
    Many(Vec<ChangedReport>),
}

/// One report for one, an array for an array.
#[derive(ToSchema)]
#[serde(untagged)]
pub(crate) enum Reports {
    One(Report),
    Many(Vec<Report>),
}
