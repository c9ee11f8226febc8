//! What a command says when it fails: what happened, where, and what to do next.

use std::{fmt, process::ExitCode};

use boobook_app::AppError;

use crate::{out, store::Place};

/// A failure that says what to do next.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hint: String,
    usage: bool,
}

impl Failure {
    /// Something went wrong; `hint` says what to do about it.
    #[allow(clippy::new_ret_no_self, reason = "it is only ever used as an anyhow error")]
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
        Self { message: message.into(), hint: hint.into(), usage: false }.into()
    }

    /// The command or its configuration cannot be meant so: exit code 2.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
        Self { message: message.into(), hint: hint.into(), usage: true }.into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// Says what failed on stderr; the process's exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    out::note(format!("error: {error:#}"));
    let failure = error.chain().find_map(|cause| cause.downcast_ref::<Failure>());
    let Some(failure) = failure else { return ExitCode::FAILURE };
    if !failure.hint.is_empty() {
        out::note(format!("  help: {}", failure.hint));
    }
    if failure.usage { ExitCode::from(2) } else { ExitCode::FAILURE }
}

/// An error of the application, with what a person at the command line can do about it.
pub(crate) fn from_app(error: AppError, what: &str, place: &Place) -> anyhow::Error {
    let flag = &place.flag;
    let hint = match &error {
        AppError::TeamNotFound => {
            format!("`boobook team list {flag}` shows the teams that are there")
        }
        AppError::DatabaseNotFound => {
            format!("`boobook database list {flag}` shows the databases that are there")
        }
        AppError::Unavailable(_) => {
            format!("check that {} can be reached and written, and that there is room", place.shown)
        }
        AppError::Internal(reason) => format!("this is a bug in boobook ({reason}); please report it"),
        _ => String::new(),
    };
    Failure::new(format!("{what}: {error}"), hint)
}
