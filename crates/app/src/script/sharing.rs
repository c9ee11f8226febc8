//! `shareView()`, `shareFile()` and what ends them: as the end-points of shares, with the rights of whose script it is.
//!
//! Shares are no records: what a script shares is shared at once and what it ends is ended at once, whatever becomes of
//! its transaction. A run on the writer leaves for it, since the catalogue is on a disk.

use std::sync::Arc;

use boobook_model::{Document, Schema, TableId};
use boobook_nx::{HostError, Value};

use super::{
    Behalf, Reach, Recording,
    recording::{Answer, Question},
};
use crate::{AppError, ShareChange, ShareTarget, catalogue::NewShare};

impl Reach<'_> {
    /// Does what a function of shares asks for; `None` where it is none.
    pub(super) fn share(
        &self,
        recording: &Recording,
        schema: &Schema,
        function: &'static str,
        arguments: &[Value],
    ) -> Option<Result<Value, HostError>> {
        let question = match (function, arguments) {
            ("shareFile", _) => file(arguments).map(Question::Share),
            ("unshareFile", _) => file(arguments).map(Question::Unshare),
            ("shareView", _) => view(schema, arguments).map(Question::Share),
            ("unshareView", _) => view(schema, arguments).map(Question::Unshare),
            ("unshareAllViews", _) => Ok(Question::UnshareViews),
            _ => return None,
        };
        Some(question.and_then(|question| self.change_shares(recording, function, question)))
    }

    fn change_shares(
        &self,
        recording: &Recording,
        function: &str,
        question: Question,
    ) -> Result<Value, HostError> {
        // As `Session::require_schema_writer`.
        if !self.behalf.role.is_admin() || self.behalf.principal.read_only {
            return Err(HostError::new(format!(
                "{function}() needs a key with the admin role that may write"
            )));
        }
        let answer = recording.ask(self.limits, question, |question, _| {
            Answer::Value(changed(self.behalf, question).map_err(|error| refused(&error)))
        })?;
        answer.value(function)
    }
}

fn changed(behalf: &Behalf, question: &Question) -> Result<Value, AppError> {
    let catalogue = &behalf.app.catalogue;
    let database = behalf.database.id.as_str();
    match question {
        Question::Share(target) => {
            let team = catalogue.view().team_of(database).ok_or(AppError::DatabaseNotFound)?.to_owned();
            let new = NewShare {
                team,
                database: database.to_owned(),
                target: target.clone(),
                user: behalf.principal.user.to_string(),
                role: behalf.role.as_str().to_owned(),
            };
            let share = catalogue.put_share(&new, &ShareChange::default())?;
            Ok(format!("{}/share/{}", behalf.app.public_url(), share.token).into())
        }
        Question::Unshare(target) => {
            catalogue.end_shares(database, |known| known == target)?;
            Ok(Value::Null)
        }
        Question::UnshareViews => {
            catalogue.end_shares(database, |known| matches!(known, ShareTarget::View { .. }))?;
            Ok(Value::Null)
        }
        Question::Http(_) | Question::Import(_) => Err(AppError::bad("", "this asks for no share")),
    }
}

fn refused(error: &AppError) -> HostError {
    let is_transient = matches!(error, AppError::Unavailable(_) | AppError::Busy(_));
    HostError { is_transient, ..HostError::new(error.to_string()) }
}

/// A record and a name. That there is such a file, and that the run may know of it, is the language's matter.
fn file(arguments: &[Value]) -> Result<ShareTarget, HostError> {
    match arguments {
        [Value::Record(table, record), Value::Text(name)] => {
            Ok(ShareTarget::File { table: *table, record: *record, name: name.to_string() })
        }
        _ => Err(HostError::new("a record and the name of a file are needed")),
    }
}

/// The view of an id or, where that is the only one so called, of a caption.
fn view(schema: &Schema, arguments: &[Value]) -> Result<ShareTarget, HostError> {
    let Some(Value::Text(name)) = arguments.first() else {
        return Err(HostError::new("the name of a view is needed; this one is empty"));
    };
    let views = || schema.views.iter().filter_map(|view| Some((view, view.table?)));
    if let Some((view, table)) = views().find(|(view, _)| *view.id == **name) {
        return Ok(ShareTarget::View { table, view: view.id.to_string() });
    }
    let so_called: Vec<_> = views().filter(|(view, _)| *view.caption == **name).collect();
    match &so_called[..] {
        [(view, table)] => Ok(ShareTarget::View { table: *table, view: view.id.to_string() }),
        [] => Err(HostError::new(format!("there is no view {name:?} in this database"))),
        several => {
            let of = |(view, table): &(&Arc<Document>, TableId)| {
                let caption = schema.table(*table).map_or("", |table| &*table.caption);
                format!("{:?} of table {caption:?}", view.id)
            };
            let told: Vec<String> = several.iter().map(of).collect();
            Err(HostError::new(format!(
                "several views are called {name:?}; name the one that is meant by its id: {}",
                told.join(", ")
            )))
        }
    }
}
