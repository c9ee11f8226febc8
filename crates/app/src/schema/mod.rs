//! Changing the schema of a database (rest-api.md §2.1): each change is a transaction like any other, in which records
//! follow the schema.
//!
//! `add`, `change`, `patch` and `documents` make the next version out of the newest one. What is the same for all is
//! here: scripts are put into the form the schema keeps, values are converted where a field has another type, and the
//! version moves.

mod add;
mod change;
mod convert;
mod documents;
mod patch;
mod requests;
mod written;

use std::sync::Arc;

use boobook_engine::{Applied, Snapshot, Tx, TxError};
use boobook_model::{FieldId, Schema, TableId, UserId};
use boobook_nx::Form;
use boobook_store::Idempotency;
use tokio::sync::oneshot;

use crate::{AppError, transaction::Transaction};

pub use documents::DocumentKind;
pub use requests::Documents;
pub use written::keep_scripts;

/// A change of the schema: makes the next version out of the newest one. Run again where that has moved on.
pub(crate) type Edit = dyn Fn(&Schema) -> Result<(Schema, Edited), AppError> + Send + Sync;

/// What an edit made or changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edited {
    /// The table made or changed.
    pub table: Option<TableId>,
    /// The field made or changed.
    pub field: Option<FieldId>,
    /// Ids of the views or reports made or changed, in the order of the request.
    pub documents: Vec<Box<str>>,
    /// The schema's version after it.
    pub version: u64,
}

impl Edited {
    fn table(table: TableId) -> Self {
        Self { table: Some(table), ..Self::default() }
    }

    fn field(table: TableId, field: FieldId) -> Self {
        Self { table: Some(table), field: Some(field), ..Self::default() }
    }
}

/// How an edit is to be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EditRules {
    /// The form of scripts it brings.
    pub(crate) form: Form,
    /// Values that cannot be converted are given up (`?force=T`).
    pub(crate) force: bool,
    /// It changes views, reports or settings only: the version stays.
    pub(crate) keeps_version: bool,
}

impl EditRules {
    /// Scripts as people write them, nothing is lost.
    pub(crate) const PLAIN: Self = Self { form: Form::Human, force: false, keeps_version: false };
}

pub(crate) struct SchemaTransaction {
    pub(crate) actor: UserId,
    pub(crate) edit: Box<Edit>,
    pub(crate) rules: EditRules,
    pub(crate) edited: Option<Edited>,
    pub(crate) answer: Option<oneshot::Sender<Result<Edited, AppError>>>,
}

impl Transaction for SchemaTransaction {
    fn actor(&self) -> &UserId {
        &self.actor
    }

    fn size_bytes(&self) -> usize {
        4096
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), AppError> {
        let before = Arc::clone(tx.schema());
        let (mut schema, mut edited) = (self.edit)(&before)?;
        written::keep_new_scripts(&before, &mut schema, self.rules.form)?;
        schema.version = before.version + u64::from(!self.rules.keeps_version);
        // A schema change takes the first sequence of its transaction.
        let seq = tx.snapshot().sq.0 + 1;
        documents::stamp(&before, &mut schema, seq);
        edited.version = schema.version;
        let schema = Arc::new(schema);
        let conversions = convert::plan(tx.snapshot(), &schema, self.rules.force)?;
        tx.change_schema(schema);
        convert::carry_out(tx, conversions).map_err(|error| self.explain(error))?;
        self.edited = Some(edited);
        Ok(())
    }

    fn explain(&self, error: TxError) -> AppError {
        AppError::bad("", error.to_string())
    }

    fn applied(&mut self, _snapshot: &Snapshot, _applied: &Applied) -> Option<Idempotency> {
        None
    }

    fn replay(&mut self, _snapshot: &Snapshot, _earlier: &Idempotency) {}

    fn answer(mut self: Box<Self>, result: Result<(), AppError>) {
        let answer = result.and_then(|()| {
            self.edited.take().ok_or_else(|| AppError::Internal("a schema edit came to no answer".into()))
        });
        if let Some(sender) = self.answer.take() {
            let _ = sender.send(answer);
        }
    }
}
