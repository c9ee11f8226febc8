//! Delivery of what `sendEmail()` queued: each message is work put off, stored with the transaction that sent it and
//! handed to the mail server after it, at least once. One that the server cannot take now is tried again later, and each
//! try is noted in the store, so that a restart begins none anew; one that it never takes is dropped.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use boobook_engine::{Applied, Snapshot, Tx, TxError};
use boobook_files::Hash;
use boobook_model::UserId;
use boobook_store::Idempotency;
use serde_json::Value as Json;

use super::{
    Behalf, Contents, Deferred, Leaves, Mail, Parked, Place, Recording, Then, Undelivered,
    deferred::{Owner, random_id},
    refused,
};
use crate::{AppError, transaction::Transaction};

/// How often a message is tried.
const TRIES_MAX: u32 = 6;
/// How long after the first try the second one is; each next wait is four times as long, 2 h 50 min in all.
const WAIT_MS: i64 = 30_000;

/// What became of messages since the server was started.
#[derive(Debug, Default)]
pub(crate) struct MailCounters {
    sent: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

/// What became of messages since the server was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailCounts {
    /// Taken by the mail server.
    pub sent: u64,
    /// Tries that failed.
    pub failed: u64,
    /// Given up.
    pub dropped: u64,
}

impl MailCounters {
    pub(crate) fn read(&self) -> MailCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        MailCounts { sent: read(&self.sent), failed: read(&self.failed), dropped: read(&self.dropped) }
    }
}

/// A message that was queued, and what came of it so far.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct Queued {
    mail: Mail,
    /// Tries that failed.
    tries: u32,
    /// When it is tried next.
    at_ms: i64,
}

impl Queued {
    pub(super) fn new(mail: Mail) -> Self {
        Self { mail, tries: 0, at_ms: 0 }
    }

    /// As work put off.
    pub(super) fn into_work(self, behalf: &Behalf) -> Deferred {
        let id = random_id(&*behalf.app.host);
        // What holds text and numbers only always prints.
        let what = serde_json::to_value(&self).unwrap_or_default();
        let body = Owner::of(behalf).body("mail", what);
        let then = if self.tries == 0 {
            Then::Now(self.transaction(behalf.clone(), id))
        } else {
            Then::At(Parked { id, body: body.clone(), at_ms: self.at_ms, by: behalf.principal.user.clone() })
        };
        Deferred { id, body, then }
    }

    /// From what was stored of it.
    pub(super) fn read(json: &Json) -> Option<Self> {
        serde_json::from_value(json.clone()).ok()
    }

    pub(super) fn at_ms(&self) -> i64 {
        self.at_ms
    }

    pub(super) fn transaction(self, behalf: Behalf, id: u128) -> Box<dyn Transaction> {
        Box::new(Delivery { id, queued: self, behalf, recording: Recording::default(), outcome: None })
    }
}

/// Delivers one message, apart from the writer, and takes it out of the store.
struct Delivery {
    id: u128,
    queued: Queued,
    behalf: Behalf,
    recording: Recording,
    /// What the mail server said. It is not asked twice.
    outcome: Option<Result<(), Undelivered>>,
}

impl Delivery {
    fn deliver(&self) -> Result<(), Undelivered> {
        let time_max = Duration::from_millis(self.behalf.app.limits.script.write_ms_max);
        let contents = Contents::new(&self.behalf.app, &self.behalf.database.id);
        let read = self.queued.mail.attachments.iter().map(|file| contents.read(file, time_max));
        let read: Result<Vec<_>, _> = read.collect();
        let read =
            read.map_err(|error| Undelivered { message: error.message, is_final: !error.is_transient })?;
        match self.behalf.app.outside.get() {
            Some(outside) => outside.mail(&self.queued.mail, &read, time_max),
            None => {
                Err(Undelivered { message: "there is no way out of this server".into(), is_final: false })
            }
        }
    }

    fn note(&self, outcome: &Result<(), Undelivered>) {
        let counters = &self.behalf.app.mail;
        let database = &self.behalf.database.id;
        match outcome {
            Ok(()) => drop(counters.sent.fetch_add(1, Ordering::Relaxed)),
            Err(error) => {
                counters.failed.fetch_add(1, Ordering::Relaxed);
                let (tries, error_text) = (self.queued.tries + 1, &error.message);
                if self.again(error).is_some() {
                    tracing::warn!(%database, tries, "a message could not be sent: {error_text}; it is tried again");
                } else {
                    counters.dropped.fetch_add(1, Ordering::Relaxed);
                    tracing::error!(%database, tries, "a message could not be sent: {error_text}; it is dropped");
                }
            }
        }
    }

    /// The message as it is queued again, where it is.
    fn again(&self, error: &Undelivered) -> Option<Queued> {
        let tries = self.queued.tries + 1;
        if error.is_final || tries >= TRIES_MAX {
            return None;
        }
        let wait_ms = WAIT_MS << (2 * self.queued.tries);
        let at_ms = self.behalf.app.host.now_ms() + wait_ms;
        Some(Queued { mail: self.queued.mail.clone(), tries, at_ms })
    }
}

impl Transaction for Delivery {
    fn actor(&self) -> &UserId {
        &self.behalf.principal.user
    }

    fn size_bytes(&self) -> usize {
        0
    }

    fn recording(&mut self) -> Option<&mut Recording> {
        Some(&mut self.recording)
    }

    fn run(&mut self, _tx: &mut Tx<'_>) -> Result<(), AppError> {
        if self.outcome.is_some() {
            return Ok(());
        }
        if self.recording.place() != Place::Apart {
            self.recording.leave(Leaves::ToAsk);
            return Ok(());
        }
        let outcome = self.deliver();
        self.note(&outcome);
        self.outcome = Some(outcome);
        Ok(())
    }

    fn put_off(&mut self) -> Vec<Deferred> {
        let Some(Err(error)) = &self.outcome else { return Vec::new() };
        self.again(error).map(|again| again.into_work(&self.behalf)).into_iter().collect()
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
        if let Err(error) = result {
            let database = Arc::clone(&self.behalf.database);
            let is_tried = self.outcome.is_some();
            tracing::warn!(database = %database.id, %error, is_tried, "a message stays queued for now");
            database.stall(self);
        }
    }
}

/// The contents that work wants which was put off and is stored as `body`: attachments of a message. They stay until it is
/// delivered, whatever becomes of the records that had them.
pub(crate) fn wanted_contents(body: &[u8]) -> Vec<Hash> {
    let queued = serde_json::from_slice::<Json>(body).ok().and_then(|json| Queued::read(json.get("mail")?));
    let attachments = queued.map(|queued| queued.mail.attachments).unwrap_or_default();
    attachments.iter().filter_map(|file| file.sha256.parse().ok()).collect()
}

/// The messages that a transaction queued, as work put off.
pub(crate) fn queued(behalf: &Behalf, mails: Vec<Mail>) -> impl Iterator<Item = Deferred> {
    mails.into_iter().map(|mail| Queued::new(mail).into_work(behalf))
}
