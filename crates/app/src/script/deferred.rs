//! `do as deferred` (nx-language.md §6.5): work that a transaction puts off is stored with it, and done by a transaction
//! of its own after it, which takes it out of the store. So what it does to records happens once, whatever crashes; what
//! reaches outside happens at least once.
//!
//! Work that fails because of its script is dropped, with a warning in the log. Where the store could not take it, it
//! waits for the next commit that succeeds, or until the database is opened again. Messages of `sendEmail()` are such work
//! too ([`super::delivery`]).

use std::sync::Arc;

use boobook_engine::{Applied, Snapshot, Tx, TxError};
use boobook_model::{Principal, Role, UserId};
use boobook_nx::PutOff;
use boobook_store::Idempotency;
use serde_json::Value as Json;

use super::{
    Behalf, Recording,
    delivery::{Queued, queued},
    failed, refused,
};
use crate::{AppError, Database, app::Inner, transaction::Transaction};

/// Work put off.
pub(crate) struct Deferred {
    /// Nothing else has it.
    pub(crate) id: u128,
    /// What is stored of it.
    pub(crate) body: Vec<u8>,
    /// What happens when that is stored.
    pub(crate) then: Then,
}

/// When work is done that was put off.
pub(crate) enum Then {
    /// By this transaction, at once.
    Now(Box<dyn Transaction>),
    /// Later.
    At(Parked),
}

/// Work that waits for its time.
pub(crate) struct Parked {
    pub(crate) id: u128,
    pub(crate) body: Vec<u8>,
    pub(crate) at_ms: i64,
    /// Who put it off.
    pub(crate) by: UserId,
}

/// On whose behalf work is done, as it is stored.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Owner {
    user: String,
    key: String,
    read_only: bool,
    role: String,
}

impl Owner {
    pub(super) fn of(behalf: &Behalf) -> Self {
        Self {
            user: behalf.principal.user.as_str().to_owned(),
            key: behalf.principal.key.as_str().to_owned(),
            read_only: behalf.principal.read_only,
            role: behalf.role.as_str().to_owned(),
        }
    }

    /// Its work, as it is stored under a name.
    pub(super) fn body(&self, name: &str, work: Json) -> Vec<u8> {
        // What holds text and numbers only always prints.
        let mut body = serde_json::to_value(self).unwrap_or_default();
        body[name] = work;
        body.to_string().into_bytes()
    }

    fn behalf(&self, app: &Arc<Inner>, database: &Arc<Database>) -> Option<Behalf> {
        let principal = Principal {
            user: self.user.parse().ok()?,
            key: self.key.parse().ok()?,
            teams: Vec::new(),
            databases: None,
            read_only: self.read_only,
            expires_at_ms: None,
        };
        Some(Behalf {
            app: Arc::clone(app),
            database: Arc::clone(database),
            principal: Arc::new(principal),
            role: Role::new(&self.role)?,
        })
    }
}

/// An id for work put off.
pub(super) fn random_id(host: &dyn crate::Host) -> u128 {
    let mut bytes = [0; 16];
    host.random(&mut bytes);
    u128::from_le_bytes(bytes)
}

/// What a transaction put off, as work to be stored and done.
pub(crate) fn deferred(behalf: &Behalf, put_off: &[PutOff], recording: &Recording) -> Vec<Deferred> {
    let one = |work: &PutOff| {
        let id = random_id(&*behalf.app.host);
        let body = Owner::of(behalf).body("work", work.to_json());
        Deferred { id, body, then: Then::Now(transaction(behalf.clone(), id, work.clone())) }
    };
    put_off.iter().map(one).chain(queued(behalf, recording.mails())).collect()
}

/// Takes up work as it was stored. `finder` stands for whoever put it off, where that cannot be read.
pub(crate) fn resume(app: &Arc<Inner>, database: &Arc<Database>, finder: &UserId, id: u128, body: Vec<u8>) {
    let read = || {
        let json: Json = serde_json::from_slice(&body).ok()?;
        let owner: Owner = serde_json::from_value(json.clone()).ok()?;
        let behalf = owner.behalf(app, database)?;
        let Some(mail) = json.get("mail") else {
            return Some(Ok(transaction(behalf, id, PutOff::from_json(json.get("work")?)?)));
        };
        let queued = Queued::read(mail)?;
        if queued.at_ms() > app.host.now_ms() {
            return Some(Err((queued.at_ms(), behalf.principal.user.clone())));
        }
        Some(Ok(queued.transaction(behalf, id)))
    };
    match read() {
        Some(Ok(transaction)) => database.submit_own(transaction),
        Some(Err((at_ms, by))) => database.park([Parked { id, body, at_ms, by }]),
        None => {
            tracing::error!(database = %database.id, "work that was put off cannot be read; it is dropped");
            let (actor, database) = (finder.clone(), Arc::clone(database));
            Arc::clone(&database).submit_own(Box::new(Dropped { id, actor, database }));
        }
    }
}

fn transaction(behalf: Behalf, id: u128, work: PutOff) -> Box<dyn Transaction> {
    Box::new(DeferredTransaction { id, work, behalf, recording: Recording::default(), put_off: Vec::new() })
}

struct DeferredTransaction {
    id: u128,
    work: PutOff,
    behalf: Behalf,
    recording: Recording,
    /// What it puts off in its turn.
    put_off: Vec<PutOff>,
}

impl Transaction for DeferredTransaction {
    fn actor(&self) -> &UserId {
        &self.behalf.principal.user
    }

    fn size_bytes(&self) -> usize {
        0
    }

    fn recording(&mut self) -> Option<&mut Recording> {
        Some(&mut self.recording)
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), AppError> {
        let library = self.behalf.database.library(tx.schema());
        self.put_off = self.behalf.run(tx, &self.recording, |cx| {
            if !self.behalf.role.is_admin() {
                cx.restrict();
            }
            self.work.run(&library, cx).map_err(|error| failed("", &error))?;
            Ok(std::mem::take(&mut cx.deferred))
        })?;
        Ok(())
    }

    fn put_off(&mut self) -> Vec<Deferred> {
        deferred(&self.behalf, &self.put_off, &self.recording)
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
