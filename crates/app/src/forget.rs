//! Deletions are forgotten some months later (architecture.md §7, "Tombstones").
//!
//! The writer does it, so that nothing else changes meanwhile: the store first, then what readers see. It is the
//! same whenever it is done. One that failed, or of which nobody knows what became, leaves readers with more than
//! they need to know, and is done again at the next look.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
};

use boobook_engine::Head;
use boobook_store::Forget;

use crate::{Database, Host, database::NEVER_MS, limits::DAY_MS};

/// How often old deletions are looked for.
const LOOK_EVERY_MS: i64 = 60 * 60 * 1000;
/// Deletions forgotten in one transaction of the store: some ten milliseconds of work.
const FORGET_MAX: usize = 5_000;

/// Sends the writer to look for old deletions, if the last look is long past and nothing is being written. The
/// first is soon after opening.
pub(crate) fn look(database: &Arc<Database>, now_ms: i64) {
    let last_ms = database.expiry_looked_at_ms.load(Ordering::Relaxed);
    if (last_ms..last_ms + LOOK_EVERY_MS).contains(&now_ms) || !database.is_quiet() {
        return;
    }
    database.expiry_looked_at_ms.store(now_ms, Ordering::Relaxed);
    database.request_forgetting();
}

/// Forgets the oldest of the deletions that are old enough. Only on the thread that writes to this database, which
/// outlives a bug in here.
pub(crate) fn old_deletions(database: &Database, host: &dyn Host) {
    if catch_unwind(AssertUnwindSafe(|| run(database, host))).is_err() {
        tracing::error!(database = %database.id, "forgetting old deletions panicked");
    }
}

fn run(database: &Database, host: &dyn Host) {
    if database.is_poisoned() {
        return;
    }
    let published = database.snapshot();
    let before_ms = host.now_ms() - i64::from(database.limits().tombstone_days) * DAY_MS;
    let Some(expired) = published.expired(before_ms, FORGET_MAX) else { return };
    let forget = Forget { base: published.sq, upto: expired.upto, tombstones: expired.tombstones };
    if let Err(error) = database.store().forget(&forget) {
        tracing::warn!(database = %database.id, "old deletions could not be forgotten: {error}");
        return;
    }
    let mut head = Head::new(published);
    head.forget_tombstones(expired.upto);
    database.publish(head.publish());
    if expired.more {
        // Others get their turn first.
        database.expiry_looked_at_ms.store(NEVER_MS, Ordering::Relaxed);
    }
}
