//! One node of several (architecture.md §4, "Coherence"; decisions and figures in docs/design/012-cluster.md).
//!
//! A node answers reads from memory, as a server alone does, once it knows that its memory is no older than the
//! request: it asks the store where the catalogue and the database stand ([`Looks`]), and reads what others committed
//! meanwhile ([`catch_up`]). Nothing of this happens where the store has one server only.

mod catch_up;
mod looks;
#[cfg(test)]
mod model;
#[cfg(test)]
mod simulation;
mod work;

pub(crate) use catch_up::{catch_up, catch_up_from};
pub(crate) use looks::{Looks, Seen};

use std::{sync::Arc, sync::atomic::Ordering, time::Duration};

use boobook_model::DatabaseId;

use crate::{App, AppError, Database, app::blocking, error::from_store};

/// How often a node looks where its open databases stand, while something changes and while nothing does.
const LOOK_EVERY: std::ops::RangeInclusive<Duration> = Duration::from_millis(50)..=Duration::from_millis(500);
/// How often in the time of a lease a node says that it lives, and takes over the work of those that do not.
const LIVES_PER_LEASE: u32 = 6;

impl App {
    /// Follows the other nodes, for live streams and for reads that need not be of this moment. Runs until dropped;
    /// ends at once where there are no others.
    pub(crate) async fn follow_others(&self) {
        if self.inner.looks.is_none() {
            return;
        }
        tokio::join!(self.follow_databases(), self.take_over_work());
    }

    async fn follow_databases(&self) {
        let staleness = Duration::from_millis(self.inner.limits.read_staleness_ms);
        let at_most = |wait: Duration| match staleness {
            Duration::ZERO => wait,
            // Reads that may be that old need no look of their own then.
            staleness => wait.min((staleness / 3).max(Duration::from_millis(5))),
        };
        let mut wait = *LOOK_EVERY.start();
        let mut is_away = false;
        loop {
            tokio::time::sleep(at_most(wait)).await;
            let followed = self.follow_once().await;
            match &followed {
                Ok(true) => wait = *LOOK_EVERY.start(),
                Ok(false) => wait = (wait * 2).min(*LOOK_EVERY.end()),
                Err(error) => {
                    wait = *LOOK_EVERY.end();
                    // Once for each time that it is away, however long.
                    if !is_away {
                        tracing::warn!("the store does not say where things stand: {error}");
                    }
                }
            }
            if is_away && followed.is_ok() {
                tracing::info!("the store says again where things stand");
            }
            is_away = followed.is_err();
        }
    }

    /// Looks where the catalogue and all open databases stand and follows; whether anything had changed.
    pub(crate) async fn follow_once(&self) -> Result<bool, AppError> {
        let inner = Arc::clone(&self.inner);
        let (is_new, gone) = blocking(move || {
            let Some(cluster) = inner.store.cluster() else { return Ok((false, Vec::new())) };
            let open = inner.registry.open_databases();
            let ids: Vec<DatabaseId> = open.iter().map(|database| database.id.clone()).collect();
            let asked_at_ms = inner.host.now_ms();
            let look = cluster.look(&ids).map_err(from_store)?;
            let mut is_new = inner.catalogue.view().seq != look.catalogue && inner.catalogue.refresh()?;
            let mut gone = Vec::new();
            for (database, sequence) in open.iter().zip(look.sequences) {
                let Some(sequence) = sequence else {
                    gone.push(database.id.clone());
                    continue;
                };
                if database.snapshot().sq >= sequence {
                    database.fresh_at_ms.store(asked_at_ms, Ordering::Relaxed);
                } else {
                    is_new = true;
                    database.request_catch_up(sequence);
                }
            }
            Ok((is_new, gone))
        })
        .await?;
        for id in gone {
            // Another node has deleted it.
            if !self.inner.catalogue.view().is_active(id.as_str()) {
                self.inner.registry.close(&id).await;
            }
        }
        Ok(is_new)
    }

    /// Sees to it that a database is no older than what was seen of it.
    pub(crate) async fn reach(&self, database: &Arc<Database>, seen: &Seen) -> Result<(), AppError> {
        let Some(sequence) = seen.sequence else { return Ok(()) };
        database.reach(sequence).await?;
        database.fresh_at_ms.fetch_max(seen.asked_at_ms, Ordering::Relaxed);
        Ok(())
    }

    /// Whether a database's memory is young enough for a read without asking the store.
    pub(crate) fn is_young(&self, database: &Database) -> bool {
        let staleness_ms = self.inner.limits.read_staleness_ms as i64;
        let fresh_at_ms = database.fresh_at_ms.load(Ordering::Relaxed);
        // A clock that was set back proves nothing.
        (fresh_at_ms..fresh_at_ms.saturating_add(staleness_ms)).contains(&self.inner.host.now_ms())
    }
}
