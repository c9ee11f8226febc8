//! Work that was put off outlives its node: another takes it over when the lease ends.

use std::sync::Arc;

use boobook_model::{IdError, UserId};
use boobook_store::{Cluster, Work};

use super::LIVES_PER_LEASE;
use crate::{App, AppError, app::blocking, error::from_store, script::resume};

impl App {
    pub(super) async fn take_over_work(&self) {
        let Some(lease) = self.inner.store.cluster().map(Cluster::lease) else { return };
        loop {
            tokio::time::sleep(lease / LIVES_PER_LEASE).await;
            if let Err(error) = self.take_over_once().await {
                tracing::warn!("work of other nodes could not be taken over: {error}");
            }
        }
    }

    /// Says that this node lives, and does what nodes left that do not; how much that was.
    pub(crate) async fn take_over_once(&self) -> Result<usize, AppError> {
        let inner = Arc::clone(&self.inner);
        let taken = blocking(move || match inner.store.cluster() {
            Some(cluster) => cluster.take_over().map_err(from_store),
            None => Ok(Vec::new()),
        })
        .await?;
        let count = taken.len();
        // Who put work off is in it; this stands for them only where it cannot be read.
        let finder: UserId = "server".parse().map_err(|e: IdError| AppError::Internal(e.to_string()))?;
        for Work { database: id, id: work, body } in taken {
            let database = self.inner.registry.open(&id).await?;
            self.take_up_found(&database, &finder);
            if database.is_first_found(work) {
                tracing::info!(database = %id, "work of another node is taken over");
                resume(&self.inner, &database, &finder, work, body);
            }
        }
        Ok(count)
    }
}
