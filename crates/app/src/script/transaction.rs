//! `/exec`: a script as one transaction of a database's writer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use boobook_engine::{Applied, Snapshot, Tx, TxError};
use boobook_model::{Role, UserId};
use boobook_nx::{Context, json};
use boobook_store::Idempotency;
use tokio::sync::oneshot;

use super::{
    Accesses, Outside, Reach, Runner, ScriptAnswer, ScriptError, ScriptLimits, ScriptRequest, compile,
    failed, overlay::Overlay,
};
use crate::{AppError, Database, Limits, transaction::Transaction};

pub(crate) struct ScriptTransaction {
    pub(crate) request: ScriptRequest,
    pub(crate) database: Arc<Database>,
    pub(crate) host: Arc<dyn crate::Host>,
    pub(crate) outside: Option<Arc<dyn Outside>>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) runner: Runner,
    pub(crate) actor: UserId,
    pub(crate) role: Role,
    pub(crate) read_only: bool,
    pub(crate) json: Option<String>,
    pub(crate) done: Option<ScriptAnswer>,
    pub(crate) answer: Option<oneshot::Sender<Result<ScriptAnswer, AppError>>>,
}

impl ScriptTransaction {
    fn limits(&self) -> &ScriptLimits {
        &self.limits.script
    }
}

impl Transaction for ScriptTransaction {
    fn actor(&self) -> &UserId {
        &self.actor
    }

    fn size_bytes(&self) -> usize {
        self.request.source.len()
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), AppError> {
        let library = self.database.library(tx.schema());
        let accesses = Accesses::new(tx.schema(), &self.role, self.read_only);
        let source = &*self.request.source;
        let checked = compile(&library, &accesses, source)?;
        let locale = super::limits::locale(tx.schema());
        let schema = Arc::clone(tx.schema());
        #[expect(
            clippy::disallowed_methods,
            reason = "how long a script runs is no part of what it computes"
        )]
        let started = Instant::now();
        let time_max = Duration::from_millis(self.limits().write_ms_max);
        let is_time_up = || started.elapsed() > time_max;
        let reach = Reach { outside: self.outside.clone(), started, time_max };
        let mut overlay = Overlay::new(tx, &accesses, &self.runner, &*self.host).reaching(reach);
        let run = self.limits().run();
        let mut cx = Context::new(&mut overlay, library, locale.clone(), run, &is_time_up);
        cx.may_write = true;
        let value = checked.program.run(&mut cx, Vec::new()).map_err(|error| failed(source, &error))?;
        if !cx.deferred.is_empty() {
            return Err(AppError::Script(ScriptError {
                message: "`do as deferred` is not available on this server yet".into(),
                line: None,
                column: None,
                is_syntax: false,
            }));
        }
        let mut out = String::new();
        if self.request.captions {
            json::write_with_captions(&value, &schema, &locale, &mut out);
        } else {
            json::write(&value, &mut out);
        }
        super::check_size(&out, self.limits())?;
        self.json = Some(out);
        Ok(())
    }

    fn explain(&self, error: TxError) -> AppError {
        AppError::Script(ScriptError {
            message: error.to_string(),
            line: None,
            column: None,
            is_syntax: false,
        })
    }

    fn applied(&mut self, snapshot: &Snapshot, _applied: &Applied) -> Option<Idempotency> {
        let json = self.json.take().unwrap_or_default();
        self.done = Some(ScriptAnswer { json, sq: snapshot.sq });
        None
    }

    fn replay(&mut self, _snapshot: &Snapshot, _earlier: &Idempotency) {}

    fn answer(mut self: Box<Self>, result: Result<(), AppError>) {
        let answer = result.and_then(|()| {
            self.done.take().ok_or_else(|| AppError::Internal("a script came to no answer".into()))
        });
        if let Some(sender) = self.answer.take() {
            // The client may have gone; the write stands all the same.
            let _ = sender.send(answer);
        }
    }
}
