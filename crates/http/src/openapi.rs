//! Shapes of bodies for the OpenAPI document. They describe; what is sent is written by `wire`.
#![allow(dead_code, reason = "these types are only ever described, never made")]

mod complete;
mod shapes;

pub(crate) use complete::complete;
pub(crate) use shapes::{
    ChangedReports, ChangedSchema, ChangedView, ChangedViews, Database, Done, RecordInputs, Records, Report,
    Reports, Schema, Settings, Status, Uploaded, View, Views,
};
use utoipa::{
    Modify, OpenApi, ToSchema,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

/// Id and name.
#[derive(ToSchema)]
pub(crate) struct Named {
    id: String,
    name: String,
}

/// A team to make.
#[derive(ToSchema)]
pub(crate) struct NewTeam {
    /// 1 to 200 bytes.
    name: String,
}

/// A database to make.
#[derive(ToSchema)]
pub(crate) struct NewDatabase {
    /// 1 to 200 bytes.
    name: String,
    /// As `GET …/schema` answers it.
    schema: Option<serde_json::Map<String, serde_json::Value>>,
}

/// A table in its public shape.
#[derive(ToSchema)]
pub(crate) struct Table {
    /// `A`, `B`, …
    id: String,
    name: String,
    fields: Vec<Field>,
}

/// A field in its public shape.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Field {
    /// `A`, `B`, …
    id: String,
    name: String,
    /// `string`, `number`, `date`, `choice`, `ref` …
    r#type: String,
    /// Options of `choice` and `multi`.
    choices: Option<Vec<Choice>>,
    /// `ref`: the table it links to.
    reference_to_table: Option<String>,
    /// `ref`: the 1:N field over there.
    reverse_field: Option<String>,
    /// `rev`: the table that refers.
    reference_from_table: Option<String>,
    /// `rev`: the ref field over there.
    reference_from_field: Option<String>,
}

/// An option of a choice field.
#[derive(ToSchema)]
pub(crate) struct Choice {
    id: String,
    caption: String,
    captions: serde_json::Map<String, serde_json::Value>,
    order: f64,
}

/// A table to make. Any key of the schema's type object may be given too.
#[derive(ToSchema)]
pub(crate) struct NewTable {
    name: String,
    fields: Option<Vec<NewField>>,
}

/// A field to make. Any key of the schema's field object may be given too (`required`, `fn`, `readRoles` …).
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct NewField {
    name: String,
    r#type: String,
    choices: Option<Vec<NewChoice>>,
    /// `ref`: the target table's id or name.
    reference_to_table: Option<String>,
    /// `ref`: name of the 1:N field it gets over there; that of the referring table otherwise.
    reverse_name: Option<String>,
}

/// Keys of a table to change. Any key of the schema's type object may be given; `null` clears one.
#[derive(ToSchema)]
pub(crate) struct ChangedTable {
    name: Option<String>,
}

/// Keys of a field to change. Any key of the schema's field object may be given; `null` clears one.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct ChangedField {
    name: Option<String>,
    r#type: Option<String>,
    /// With the id of an option: changes it. Without: a new option. Options that are not named stay.
    choices: Option<Vec<ChangedChoice>>,
    /// `ref`: the target table's id or name.
    reference_to_table: Option<String>,
}

/// An option to change or to make.
#[derive(ToSchema)]
pub(crate) struct ChangedChoice {
    caption: Option<String>,
    id: Option<String>,
}

/// What to change about a share; `null` clears either.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct NewShare {
    /// From then on the link is dead, UTC: `2031-05-01T12:00:00`.
    expires_at: Option<String>,
    /// Who opens the link is asked for it; clients send it as header `nx-password`.
    password: Option<String>,
}

/// A share.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Share {
    /// Anybody who has it can read what is shared.
    link: String,
    /// The same.
    url: String,
    /// 36 of `[a-z0-9]`.
    token: String,
    created_at: String,
    expires_at: Option<String>,
    /// Present where it has one.
    has_password: Option<bool>,
}

/// Settings to change. Any setting may be given; `null` clears one.
#[derive(ToSchema)]
pub(crate) struct ChangedDatabase {
    name: Option<String>,
    icon: Option<String>,
    color: Option<String>,
}

/// A version of a schema.
#[derive(ToSchema)]
pub(crate) struct SchemaVersion {
    version: u64,
}

/// A view in a list.
#[derive(ToSchema)]
pub(crate) struct ViewItem {
    id: String,
    caption: String,
    /// Sequence of its last change.
    seq: u64,
    /// The table it shows.
    r#type: String,
}

/// A file to store.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct FileUpload {
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// Name or id of a file or image field that is to name the file.
    field_name: Option<String>,
}

/// What is known of a file.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct FileInfo {
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

/// An option to make.
#[derive(ToSchema)]
pub(crate) struct NewChoice {
    caption: String,
    /// Given by the server where absent.
    id: Option<u16>,
}

/// A record.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Record {
    id: u32,
    /// The database's change number at the record's last change.
    sequence: u64,
    /// UTC, `YYYY-MM-DDThh:mm:ss`.
    created_at: String,
    created_by: String,
    modified_at: String,
    modified_by: String,
    /// By name, or by id with `ids=true`. Empty fields are left out.
    fields: serde_json::Map<String, serde_json::Value>,
}

/// A record to make, change, or insert under an id.
#[derive(ToSchema)]
pub(crate) struct RecordInput {
    /// The record to change; none: a new one.
    id: Option<u32>,
    /// Insert under that id where there is none.
    _upsert: Option<bool>,
    /// By name or id; `null` clears.
    fields: serde_json::Map<String, serde_json::Value>,
}

/// Fields to change.
#[derive(ToSchema)]
pub(crate) struct RecordUpdate {
    /// By name or id; `null` clears; fields not named keep their values.
    fields: serde_json::Map<String, serde_json::Value>,
}

/// A look-up.
#[derive(ToSchema)]
pub(crate) struct LookUp {
    /// Field name or id → value; `null` is empty, an array any of. All must hold.
    filters: serde_json::Map<String, serde_json::Value>,
}

/// Changes since a sequence.
#[derive(ToSchema)]
pub(crate) struct ChangeList {
    /// Present and true where `sinceSq` is older than the kept deletions: this is the whole state.
    reset: Option<bool>,
    /// Ask again with this. A position in the feed: the sequence of a change, or a larger number in a walk from 0
    /// past forgotten deletions.
    seq: u64,
    /// Whether there are more.
    more: bool,
    /// Flat: `_tid`, `_id`, `_sq`, `_by`, `_at`, `_deleted`, and fields by id.
    changes: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// A script of the NX language.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Script {
    /// The script.
    query: String,
    /// The record that is `this` in it, as scripts answer records: `A6`.
    this: Option<String>,
    /// `names`: options of choices as their captions instead of their ids.
    choice_style: Option<String>,
}

/// An error.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(crate) struct Error {
    /// For people.
    message: String,
    /// Stable, for programs.
    code: String,
    /// The part of the request that is wrong.
    field: Option<String>,
    line: Option<u32>,
    column: Option<u32>,
    /// Also in `X-Request-Id`.
    request_id: String,
}

/// The document without its paths; those come from the handlers.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "boobook",
        description = "The Ninox Private Cloud API, self-hosted.\n\nEvery request carries a key that \
            `boobook key create` printed. To try requests here, press *Authorize* and paste one.",
        license(name = "Apache-2.0")
    ),
    // In this order they are shown.
    tags(
        (name = "Teams", description = "Who works together"),
        (name = "Databases", description = "What a team keeps, each with a schema of its own"),
        (name = "Tables", description = "The kinds of records of a database"),
        (name = "Fields", description = "What a record of a table holds"),
        (name = "Records", description = "Reading and writing"),
        (name = "Files", description = "Files of records, their thumbnails"),
        (name = "Changes", description = "What happened since, asked for or as a live stream"),
        (name = "Scripts", description = "The NX language"),
        (name = "Views", description = "Tables as people look at them"),
        (name = "Shares", description = "What anybody with a link may read"),
        (name = "Reports", description = "Print layouts, which the server keeps"),
        (name = "Server", description = "Health and metrics, without a key"),
    ),
    components(schemas(Error)),
    security(("key" = [])),
    modifiers(&BearerKey)
)]
pub(crate) struct Document;

struct BearerKey;

impl Modify for BearerKey {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let scheme =
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An API key")).build();
        components.add_security_scheme("key", SecurityScheme::Http(scheme));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    /// Each may fail, and says how; the first line of a handler's documentation is its title wherever the document is shown: a whole sentence,
    /// as plain text.
    #[test]
    fn every_operation_has_errors_a_title_and_a_known_tag() {
        let document = serde_json::to_value(crate::openapi()).unwrap();
        let tags: Vec<&Value> = document["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
        let mut seen = 0;
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let title = operation["summary"].as_str().unwrap_or_default();
                let whole = title.ends_with('.') && !title.contains('`') && title.len() < 100;
                assert!(whole, "{method} {path}: {title:?}");
                assert!(tags.contains(&&operation["tags"][0]), "{method} {path}: {}", operation["tags"]);
                for status in ["default", "400", "401", "403", "404", "409", "413", "416", "503"] {
                    let Some(answer) = operation["responses"].get(status) else {
                        assert_ne!(status, "default", "{method} {path}");
                        continue;
                    };
                    let schema = &answer["content"]["application/json"]["schema"]["$ref"];
                    assert_eq!(schema, "#/components/schemas/Error", "{method} {path} {status}");
                }
                seen += 1;
            }
        }
        assert!(seen > 20, "{seen} operations");
    }
}
