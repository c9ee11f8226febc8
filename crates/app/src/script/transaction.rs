//! `/exec`: a script as one transaction of a database's writer.

use std::sync::Arc;

use boobook_engine::{Applied, Snapshot, Tx, TxError};
use boobook_model::{Sq, UserId};
use boobook_nx::{PutOff, json};
use boobook_store::Idempotency;
use tokio::sync::oneshot;

use super::{
    Accesses, Behalf, Deferred, Recording, ScriptAnswer, ScriptRequest, compile, deferred, failed, refused,
    this,
};
use crate::{AppError, transaction::Transaction};

pub(crate) struct ScriptTransaction {
    pub(crate) request: ScriptRequest,
    pub(crate) behalf: Behalf,
    recording: Recording,
    /// Work that the script put off.
    put_off: Vec<PutOff>,
    json: String,
    /// The state after it.
    sq: Sq,
    answer: oneshot::Sender<Result<ScriptAnswer, AppError>>,
}

impl ScriptTransaction {
    pub(crate) fn new(
        request: ScriptRequest,
        behalf: Behalf,
        answer: oneshot::Sender<Result<ScriptAnswer, AppError>>,
    ) -> Self {
        let (recording, put_off) = (Recording::default(), Vec::new());
        Self { request, behalf, recording, put_off, json: String::new(), sq: Sq(0), answer }
    }
}

impl Transaction for ScriptTransaction {
    fn actor(&self) -> &UserId {
        &self.behalf.principal.user
    }

    fn size_bytes(&self) -> usize {
        self.request.source.len()
    }

    fn recording(&mut self) -> Option<&mut Recording> {
        Some(&mut self.recording)
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), AppError> {
        let library = self.behalf.database.library(tx.schema());
        let accesses = Accesses::new(tx.schema(), &self.behalf.role, self.behalf.principal.read_only);
        let source = &*self.request.source;
        let (checked, this) = compile(&self.behalf.database, &library, &accesses, &self.request)?;
        let schema = Arc::clone(tx.schema());
        let (json, put_off) = self.behalf.run(tx, &self.recording, |cx| {
            if !self.behalf.role.is_admin() {
                cx.restrict();
            }
            let arguments = this::arguments(this, source, cx)?;
            let value = checked.program.run(cx, arguments).map_err(|error| failed(source, &error))?;
            let mut out = String::new();
            if self.request.captions {
                json::write_with_captions(&value, &schema, &cx.locale, &mut out);
            } else {
                json::write(&value, &mut out);
            }
            Ok((out, std::mem::take(&mut cx.deferred)))
        })?;
        super::check_size(&json, &self.behalf.app.limits.script)?;
        self.put_off = put_off;
        self.json = json;
        Ok(())
    }

    fn put_off(&mut self) -> Vec<Deferred> {
        deferred(&self.behalf, &self.put_off, &self.recording)
    }

    fn explain(&self, error: TxError) -> AppError {
        refused(error.to_string())
    }

    fn applied(&mut self, snapshot: &Snapshot, _applied: &Applied) -> Option<Idempotency> {
        self.sq = snapshot.sq;
        None
    }

    fn replay(&mut self, _snapshot: &Snapshot, _earlier: &Idempotency) {}

    fn answer(self: Box<Self>, result: Result<(), AppError>) {
        let Self { json, sq, answer, .. } = *self;
        // The client may have gone; the write stands all the same.
        let _ = answer.send(result.map(|()| ScriptAnswer { json, sq }));
    }
}
