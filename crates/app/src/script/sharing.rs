//! `shareView()`, `shareFile()` and what ends them: as the end-points of shares, with the rights of whose script it is.
//!
//! Shares are no records: what a script shares is shared at once and what it ends is ended at once, whatever becomes of
//! its transaction. A run on the writer leaves for it, since the catalogue is on a disk.

use boobook_nx::{HostError, Value};

use super::{
    Behalf, Reach, Recording,
    recording::{Answer, Question},
};
use crate::{AppError, ShareChange, ShareEntry, ShareTarget, catalogue::NewShare};

impl Reach<'_> {
    /// Does what a function of shares asks for; `None` where it is none.
    pub(super) fn share(
        &self,
        recording: &Recording,
        function: &'static str,
        arguments: &[Value],
    ) -> Option<Result<Value, HostError>> {
        let question = match (function, arguments) {
            ("shareFile", _) => file(arguments).map(Question::Share),
            ("unshareFile", _) => file(arguments).map(Question::Unshare),
            ("shareView", _) => view(arguments).map(Question::Share),
            ("unshareView", _) => view(arguments).map(Question::Unshare),
            ("unshareAllViews", _) => Ok(Question::UnshareViews),
            _ => return None,
        };
        Some(question.and_then(|question| self.change_shares(recording, function, question)))
    }

    /// Ends the share of what is gone, if there is one, whoever took it away: as the end-point that removes files.
    pub(super) fn end_share(&self, recording: &Recording, target: ShareTarget) -> Result<(), HostError> {
        let is_shared = {
            let view = self.behalf.app.catalogue.view();
            view.share_of(self.behalf.database.id.as_str(), &target).is_some()
        };
        if !is_shared {
            return Ok(());
        }
        let answer = recording.ask(self.limits, Question::Unshare(target), |question, _| {
            Answer::Value(changed(self.behalf, question).map_err(|error| refused(&error)))
        })?;
        answer.value("removeFile").map(|_| ())
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
            let share = catalogue.put_share(&new(behalf, target.clone())?, &ShareChange::default())?;
            Ok(link(behalf, &share))
        }
        Question::Unshare(target) => {
            catalogue.end_shares(database, |known| known == target)?;
            Ok(Value::Null)
        }
        Question::UnshareViews => {
            catalogue.end_shares(database, |known| matches!(known, ShareTarget::View { .. }))?;
            Ok(Value::Null)
        }
        _ => Err(AppError::bad("", "this asks for no share")),
    }
}

/// A share to make on behalf of a script.
pub(super) fn new(behalf: &Behalf, target: ShareTarget) -> Result<NewShare, AppError> {
    let database = behalf.database.id.as_str();
    let view = behalf.app.catalogue.view();
    Ok(NewShare {
        team: view.team_of(database).ok_or(AppError::DatabaseNotFound)?.to_owned(),
        database: database.to_owned(),
        target,
        user: behalf.principal.user.to_string(),
        role: behalf.role.as_str().to_owned(),
    })
}

pub(super) fn link(behalf: &Behalf, share: &ShareEntry) -> Value {
    format!("{}/share/{}", behalf.app.public_url(), share.token).into()
}

pub(super) fn refused(error: &AppError) -> HostError {
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

/// A table and a view, which the language has found.
fn view(arguments: &[Value]) -> Result<ShareTarget, HostError> {
    let found = match arguments {
        [Value::Text(table), Value::Text(view)] => {
            table.parse().ok().map(|table| ShareTarget::View { table, view: view.to_string() })
        }
        _ => None,
    };
    found.ok_or_else(|| HostError::new("a view is needed"))
}
