//! `do as deferred` (nx-language.md §6.5): work that a transaction puts off is stored with it, and done by a transaction
//! of its own after it, which takes it out of the store. So what it does to records happens once, whatever crashes; what
//! reaches outside happens at least once.
//!
//! Work that fails because of its script is dropped, with a warning in the log. Where the store could not take it, it
//! waits for the next commit that succeeds, or until the database is opened again.

use std::sync::Arc;

use boobook_engine::{Applied, Snapshot, Tx, TxError};
use boobook_model::{Principal, Role, UserId};
use boobook_nx::PutOff;
use boobook_store::Idempotency;
use serde_json::{Value as Json, json};

use super::{Behalf, failed, refused};
use crate::{AppError, Database, app::Inner, transaction::Transaction};

/// Work put off.
pub(crate) struct Deferred {
    /// Nothing else has it.
    pub(crate) id: u128,
    /// What is stored of it.
    pub(crate) body: Vec<u8>,
    /// What does it.
    pub(crate) transaction: Box<dyn Transaction>,
}

/// What a transaction put off, as work to be stored and done.
pub(crate) fn deferred(behalf: &Behalf, put_off: Vec<PutOff>) -> Vec<Deferred> {
    let one = |work: PutOff| {
        let mut bytes = [0; 16];
        behalf.app.host.random(&mut bytes);
        let id = u128::from_le_bytes(bytes);
        let body = json!({
            "user": behalf.principal.user.as_str(),
            "key": behalf.principal.key.as_str(),
            "readOnly": behalf.principal.read_only,
            "role": behalf.role.as_str(),
            "work": work.to_json(),
        });
        Deferred {
            id,
            body: body.to_string().into_bytes(),
            transaction: transaction(behalf.clone(), id, work),
        }
    };
    put_off.into_iter().map(one).collect()
}

/// Work as it was stored, to be done now. `finder` stands for whoever put it off, where that cannot be read.
pub(crate) fn resumed(
    app: &Arc<Inner>,
    database: &Arc<Database>,
    finder: &UserId,
    id: u128,
    body: &[u8],
) -> Box<dyn Transaction> {
    let read = || {
        let body: Json = serde_json::from_slice(body).ok()?;
        let text = |key: &str| body.get(key)?.as_str();
        let principal = Principal {
            user: text("user")?.parse().ok()?,
            key: text("key")?.parse().ok()?,
            teams: Vec::new(),
            databases: None,
            read_only: body.get("readOnly")?.as_bool()?,
            expires_at_ms: None,
        };
        let behalf = Behalf {
            app: Arc::clone(app),
            database: Arc::clone(database),
            principal: Arc::new(principal),
            role: Role::new(text("role")?)?,
        };
        Some(transaction(behalf, id, PutOff::from_json(body.get("work")?)?))
    };
    read().unwrap_or_else(|| {
        tracing::error!(database = %database.id, "work that was put off cannot be read; it is dropped");
        Box::new(Dropped { id, actor: finder.clone(), database: Arc::clone(database) })
    })
}

fn transaction(behalf: Behalf, id: u128, work: PutOff) -> Box<dyn Transaction> {
    Box::new(DeferredTransaction { id, work, behalf, deferred: Vec::new() })
}

struct DeferredTransaction {
    id: u128,
    work: PutOff,
    behalf: Behalf,
    deferred: Vec<Deferred>,
}

impl Transaction for DeferredTransaction {
    fn actor(&self) -> &UserId {
        &self.behalf.principal.user
    }

    fn size_bytes(&self) -> usize {
        0
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), AppError> {
        let library = self.behalf.database.library(tx.schema());
        let put_off = self.behalf.run(tx, |cx| {
            if !self.behalf.role.is_admin() {
                cx.restrict();
            }
            self.work.run(&library, cx).map_err(|error| failed("", &error))?;
            Ok(std::mem::take(&mut cx.deferred))
        })?;
        self.deferred = deferred(&self.behalf, put_off);
        Ok(())
    }

    fn put_off(&mut self) -> Vec<Deferred> {
        std::mem::take(&mut self.deferred)
    }

    fn done(&self) -> Option<u128> {
        Some(self.id)
    }

    fn explain(&self, error: TxError) -> AppError {
        refused(error.to_string())
    }

    fn applied(&mut self, _snapshot: &Snapshot, _applied: &Applied) -> Option<Idempotency> {
        None
    }

    fn replay(&mut self, _snapshot: &Snapshot, _earlier: &Idempotency) {}

    fn answer(self: Box<Self>, result: Result<(), AppError>) {
        let database = Arc::clone(&self.behalf.database);
        match result {
            Ok(()) => {}
            Err(AppError::Script(error)) => {
                tracing::warn!(database = %database.id, error = error.message, "deferred work failed; it is dropped");
                let actor = self.behalf.principal.user.clone();
                database.submit_own(Box::new(Dropped {
                    id: self.id,
                    actor,
                    database: Arc::clone(&database),
                }));
            }
            Err(error) => {
                tracing::warn!(database = %database.id, %error, "deferred work could not be done now");
                database.stall(self);
            }
        }
    }
}

/// Takes work out of the store that is not to be done.
struct Dropped {
    id: u128,
    actor: UserId,
    database: Arc<Database>,
}

impl Transaction for Dropped {
    fn actor(&self) -> &UserId {
        &self.actor
    }

    fn size_bytes(&self) -> usize {
        0
    }

    fn run(&mut self, _tx: &mut Tx<'_>) -> Result<(), AppError> {
        Ok(())
    }

    fn done(&self) -> Option<u128> {
        Some(self.id)
    }

    fn explain(&self, error: TxError) -> AppError {
        refused(error.to_string())
    }

    fn applied(&mut self, _snapshot: &Snapshot, _applied: &Applied) -> Option<Idempotency> {
        None
    }

    fn replay(&mut self, _snapshot: &Snapshot, _earlier: &Idempotency) {}

    fn answer(self: Box<Self>, result: Result<(), AppError>) {
        if result.is_err() {
            let database = Arc::clone(&self.database);
            database.stall(self);
        }
    }
}
