//! `/exec`: a script as one transaction of a database's writer.

use std::sync::Arc;

use boobook_engine::{Applied, Snapshot, Tx, TxError};
use boobook_model::UserId;
use boobook_nx::json;
use boobook_store::Idempotency;
use tokio::sync::oneshot;

use super::{Accesses, Behalf, Deferred, ScriptAnswer, ScriptRequest, compile, deferred, failed, refused};
use crate::{AppError, transaction::Transaction};

pub(crate) struct ScriptTransaction {
    pub(crate) request: ScriptRequest,
    pub(crate) behalf: Behalf,
    /// Work that the script put off.
    pub(crate) deferred: Vec<Deferred>,
    pub(crate) json: Option<String>,
    pub(crate) done: Option<ScriptAnswer>,
    pub(crate) answer: Option<oneshot::Sender<Result<ScriptAnswer, AppError>>>,
}

impl Transaction for ScriptTransaction {
    fn actor(&self) -> &UserId {
        &self.behalf.principal.user
    }

    fn size_bytes(&self) -> usize {
        self.request.source.len()
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), AppError> {
        let library = self.behalf.database.library(tx.schema());
        let accesses = Accesses::new(tx.schema(), &self.behalf.role, self.behalf.principal.read_only);
        let source = &*self.request.source;
        let checked = compile(&self.behalf.database, &library, &accesses, source)?;
        let schema = Arc::clone(tx.schema());
        let (json, put_off) = self.behalf.run(tx, |cx| {
            if !self.behalf.role.is_admin() {
                cx.restrict();
            }
            let value = checked.program.run(cx, Vec::new()).map_err(|error| failed(source, &error))?;
            let mut out = String::new();
            if self.request.captions {
                json::write_with_captions(&value, &schema, &cx.locale, &mut out);
            } else {
                json::write(&value, &mut out);
            }
            Ok((out, std::mem::take(&mut cx.deferred)))
        })?;
        super::check_size(&json, &self.behalf.app.limits.script)?;
        self.deferred = deferred(&self.behalf, put_off);
        self.json = Some(json);
        Ok(())
    }

    fn put_off(&mut self) -> Vec<Deferred> {
        std::mem::take(&mut self.deferred)
    }

    fn explain(&self, error: TxError) -> AppError {
        refused(error.to_string())
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
