//! What a session may ask of the schema. All of it needs the admin role and is one transaction.

use std::sync::Arc;

use boobook_model::{Document, FieldId, JsonMap, Schema, TableSchema};
use boobook_nx::{Form, human_scripts, human_table, human_view};
use tokio::sync::oneshot;

use super::{
    DocumentKind, Edit, EditRules, Edited, SchemaTransaction,
    add::{add_field, add_table},
    change::{change_field, change_table, delete_field, delete_table},
    documents::{delete_document, put_documents},
    patch::{merge_settings, patch_schema},
};
use crate::{
    AppError, Session, ShareTarget,
    host::{MIXED, random_text},
};

/// Views or reports as a request brings them: each with the id it names, if any.
pub type Documents = Vec<(Option<String>, JsonMap)>;

impl Session {
    /// Adds a table (rest-api.md §2.1).
    pub async fn create_table(&self, body: JsonMap) -> Result<Edited, AppError> {
        let uuid = self.uuids();
        self.edit(EditRules::PLAIN, Box::new(move |schema| add_table(schema, &body, &*uuid))).await
    }

    /// Changes keys of a table.
    pub async fn change_table(&self, table: &str, body: JsonMap) -> Result<Edited, AppError> {
        let (uuid, table) = (self.uuids(), table.to_owned());
        self.edit(
            EditRules::PLAIN,
            Box::new(move |schema| change_table(schema, named(schema, &table)?.id, &body, &*uuid)),
        )
        .await
    }

    /// Deletes a table with its records, and what is shared of it.
    pub async fn delete_table(&self, table: &str) -> Result<Edited, AppError> {
        let (uuid, table) = (self.uuids(), table.to_owned());
        let id = self.snapshot().schema.table_by_key(&table).map(|table| table.id);
        let edited = self
            .edit(
                EditRules::PLAIN,
                Box::new(move |schema| delete_table(schema, named(schema, &table)?.id, &*uuid)),
            )
            .await?;
        // Ids of tables are never used again: what is left is dead, and only takes room.
        self.end_shares(move |target| match target {
            ShareTarget::View { table, .. } | ShareTarget::File { table, .. } => Some(*table) == id,
            ShareTarget::Made { .. } => false,
        })
        .await?;
        Ok(edited)
    }

    /// Adds a field to a table (rest-api.md §2.1).
    pub async fn create_field(&self, table: &str, body: JsonMap) -> Result<Edited, AppError> {
        let (uuid, table) = (self.uuids(), table.to_owned());
        self.edit(
            EditRules::PLAIN,
            Box::new(move |schema| add_field(schema, named(schema, &table)?.id, &body, "", &*uuid)),
        )
        .await
    }

    /// Changes keys of a field. Values that another type cannot hold are given up only with `force`.
    pub async fn change_field(
        &self,
        table: &str,
        field: &str,
        body: JsonMap,
        force: bool,
    ) -> Result<Edited, AppError> {
        let (uuid, table, field) = (self.uuids(), table.to_owned(), field.to_owned());
        let rules = EditRules { force, ..EditRules::PLAIN };
        self.edit(
            rules,
            Box::new(move |schema| {
                let table = named(schema, &table)?;
                change_field(schema, table.id, field_of(table, &field)?, &body, &*uuid)
            }),
        )
        .await
    }

    /// Deletes a field with its values.
    pub async fn delete_field(&self, table: &str, field: &str) -> Result<Edited, AppError> {
        let (uuid, table, field) = (self.uuids(), table.to_owned(), field.to_owned());
        self.edit(
            EditRules::PLAIN,
            Box::new(move |schema| {
                let table = named(schema, &table)?;
                delete_field(schema, table.id, field_of(table, &field)?, &*uuid)
            }),
        )
        .await
    }

    /// Merges a schema object into the schema, if its `version` is the newest one.
    pub async fn patch_schema(&self, body: JsonMap, form: Form, force: bool) -> Result<Edited, AppError> {
        let uuid = self.uuids();
        let rules = EditRules { form, force, keeps_version: false };
        self.edit(rules, Box::new(move |schema| patch_schema(schema, &body, &*uuid))).await
    }

    /// Merges settings of the database. Its name is changed with [`crate::App::rename_database`].
    pub(crate) async fn patch_settings(&self, body: JsonMap) -> Result<Edited, AppError> {
        let rules = EditRules { keeps_version: true, ..EditRules::PLAIN };
        self.edit(rules, Box::new(move |schema| merge_settings(schema, &body))).await
    }

    /// Changes documents or settings in a way of the caller's own.
    pub(crate) async fn edit_documents(&self, edit: Box<Edit>) -> Result<Edited, AppError> {
        self.edit(EditRules { keeps_version: true, ..EditRules::PLAIN }, edit).await
    }

    /// Makes or changes views or reports; see [`Edited::documents`] for their ids.
    pub async fn put_documents(
        &self,
        kind: DocumentKind,
        bodies: Documents,
        whole: bool,
        form: Form,
    ) -> Result<Edited, AppError> {
        let ids = self.uuids();
        let rules = EditRules { form, force: false, keeps_version: true };
        let shown = if form == Form::Human { self.as_shown(kind, &bodies) } else { Vec::new() };
        let edit = move |schema: &Schema| put_documents(schema, kind, &bodies, &shown, whole, &*ids);
        self.edit(rules, Box::new(edit)).await
    }

    /// Deletes a view or report.
    pub async fn delete_document(&self, kind: DocumentKind, id: &str) -> Result<Edited, AppError> {
        self.require_schema_writer()?;
        let is_shared =
            kind == DocumentKind::View && self.snapshot().schema.views.iter().any(|view| *view.id == *id);
        if is_shared {
            self.end_shares_of_view(id).await?;
        }
        let rules = EditRules { keeps_version: true, ..EditRules::PLAIN };
        let going = id.to_owned();
        let edited = self.edit(rules, Box::new(move |schema| delete_document(schema, kind, &going))).await?;
        if is_shared {
            // Somebody may have shared it meanwhile.
            self.end_shares_of_view(id).await?;
        }
        Ok(edited)
    }

    /// The schema with its scripts as people read them.
    pub fn human_schema(&self, schema: &Arc<Schema>) -> Schema {
        let library = self.database.library(schema);
        let mut human = Schema::clone(schema);
        human_scripts(&mut human, &library);
        human
    }

    /// A table of a schema with its scripts as people read them.
    pub fn human_table(&self, schema: &Arc<Schema>, table: &Arc<TableSchema>) -> Arc<TableSchema> {
        let mut human = Arc::clone(table);
        human_table(&mut human, &self.database.library(schema));
        human
    }

    /// A view of a schema with its scripts as people read them.
    pub fn human_view(&self, schema: &Arc<Schema>, view: &Arc<Document>) -> Arc<Document> {
        let mut human = Arc::clone(view);
        human_view(&mut human, &self.database.library(schema));
        human
    }

    /// The documents that a request names, as they are read with scripts in human form.
    fn as_shown(&self, kind: DocumentKind, bodies: &Documents) -> Vec<Arc<Document>> {
        let schema = &self.snapshot().schema;
        let is_named =
            |document: &Document| bodies.iter().any(|(id, _)| id.as_deref() == Some(&*document.id));
        let named = kind.of(schema).iter().filter(|document| is_named(document));
        named.map(|document| self.human_view(schema, document)).collect()
    }

    fn uuids(&self) -> Box<dyn Fn() -> String + Send + Sync> {
        let host = Arc::clone(&self.app.host);
        Box::new(move || random_text(&*host, MIXED, 16))
    }

    async fn edit(&self, rules: EditRules, edit: Box<Edit>) -> Result<Edited, AppError> {
        self.require_schema_writer()?;
        let (sender, receiver) = oneshot::channel();
        let transaction = SchemaTransaction {
            actor: self.principal.user.clone(),
            edit,
            rules,
            edited: None,
            answer: Some(sender),
        };
        self.database.submit(Box::new(transaction))?;
        receiver.await.map_err(|_| AppError::Unavailable("the server is shutting down".into()))?
    }
}

fn named<'s>(schema: &'s Schema, table: &str) -> Result<&'s Arc<TableSchema>, AppError> {
    schema.table_by_key(table).ok_or(AppError::TableNotFound)
}

/// The field a path names: by id first, as with tables in paths.
fn field_of(table: &TableSchema, key: &str) -> Result<FieldId, AppError> {
    let by_id = key.parse::<FieldId>().ok().filter(|id| table.field(*id).is_some());
    by_id.or_else(|| table.field_by_key(key).map(|field| field.id)).ok_or(AppError::FieldNotFound)
}
