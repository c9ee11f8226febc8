//! Where things stand, asked for many at a time.
//!
//! A request that arrives waits for the *next* look, as one that is on its way may have been answered from before its
//! arrival. There is one on its way at most, for all requests: however many come, the store is asked once a round trip.

use std::{sync::Arc, time::Duration};

use boobook_model::{DatabaseId, Sq};
use boobook_store::{Look, Store};
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, oneshot},
    task::{JoinSet, yield_now},
};

use crate::{AppError, Host, error::from_store};

/// Requests that wait for a look; more are told to come back.
const WAITING_MAX: usize = 20_000;

/// How long a request waits for one, though the store may take longer over a statement.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// The same while the last one failed: whoever comes then should hear so before a balancer or a client gives up on us.
const AWAY_WAIT: Duration = Duration::from_secs(1);

/// What was seen of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The catalogue's version.
    pub(crate) catalogue: u64,
    /// Where the database stands that was asked for; `None` if none was, or there is none.
    pub(crate) sequence: Option<Sq>,
    /// No later than what was seen (ms since the epoch).
    pub(crate) asked_at_ms: i64,
}

/// Asks the store on behalf of all requests.
pub(crate) struct Looks {
    store: Arc<dyn Store>,
    host: Arc<dyn Host>,
    asked: Mutex<Asked>,
    wake: Notify,
}

#[derive(Default)]
struct Asked {
    waiting: Vec<Asking>,
    /// Why the last look failed, if it did.
    away: Option<AppError>,
    /// Whoever asks starts the task if there is none. Otherwise somebody calls [`Looks::step`].
    is_started: bool,
    /// The one that looks for all who wait. Not a request itself: a client that goes away must not end what others wait
    /// for.
    task: JoinSet<()>,
}

struct Asking {
    database: Option<DatabaseId>,
    answer: oneshot::Sender<Result<Seen, AppError>>,
}

impl Looks {
    pub(crate) fn new(store: Arc<dyn Store>, host: Arc<dyn Host>) -> Arc<Self> {
        Arc::new(Self { store, host, asked: Mutex::default(), wake: Notify::new() })
    }

    /// From now on looks are taken by themselves.
    pub(crate) fn start(&self) {
        self.asked.lock().is_started = true;
    }

    /// Ends the task. Nobody asks any more by then.
    pub(crate) fn stop(&self) {
        let mut asked = self.asked.lock();
        asked.is_started = false;
        asked.task.abort_all();
    }

    /// Where the catalogue and a database stand, as of no earlier than this call.
    pub(crate) async fn ask(self: &Arc<Self>, database: Option<DatabaseId>) -> Result<Seen, AppError> {
        let (answer, answered) = oneshot::channel();
        let away = {
            let mut asked = self.asked.lock();
            if asked.waiting.len() >= WAITING_MAX {
                asked.waiting.retain(|one| !one.answer.is_closed());
            }
            if asked.waiting.len() >= WAITING_MAX {
                return Err(AppError::Busy("too many requests wait for the store; try again".into()));
            }
            asked.waiting.push(Asking { database, answer });
            if asked.is_started {
                // One that has ended did so by a bug, or with its runtime.
                while asked.task.try_join_next().is_some() {}
                if asked.task.is_empty() {
                    let looks = Arc::clone(self);
                    asked.task.spawn(async move { looks.run().await });
                }
            }
            asked.away.clone()
        };
        self.wake.notify_one();
        let wait = if away.is_some() { AWAY_WAIT } else { ANSWER_WAIT };
        match tokio::time::timeout(wait, answered).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(AppError::Unavailable("the server is shutting down".into())),
            Err(_) => Err(away.unwrap_or_else(|| {
                let waited = ANSWER_WAIT.as_secs();
                AppError::Unavailable(format!("the store has not answered for {waited} s where things stand"))
            })),
        }
    }

    async fn run(&self) {
        let mut waited = 0;
        loop {
            self.wake.notified().await;
            loop {
                if waited > 1 {
                    // Others that can go on as well do so before, and need no look of their own then. A client that is
                    // alone need not wait for that.
                    yield_now().await;
                }
                match self.step().await {
                    0 => break,
                    n => waited = n,
                }
            }
        }
    }

    /// One look for all who wait; how many did.
    pub(crate) async fn step(&self) -> usize {
        let waiting = std::mem::take(&mut self.asked.lock().waiting);
        let count = waiting.len();
        if count == 0 {
            return 0;
        }
        let mut ids: Vec<DatabaseId> = waiting.iter().filter_map(|one| one.database.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        let asked_at_ms = self.host.now_ms();
        let look = match self.store.cluster() {
            Some(cluster) => cluster.look_soon(&ids).await.map_err(from_store),
            None => Err(AppError::Internal("a look at a store that is not shared".into())),
        };
        self.asked.lock().away = look.as_ref().err().cloned();
        for Asking { database, answer } in waiting {
            let seen = |look: &Look| {
                let at = database.and_then(|id| ids.binary_search(&id).ok());
                let sequence = at.and_then(|at| look.sequences.get(at).copied().flatten());
                Seen { catalogue: look.catalogue, sequence, asked_at_ms }
            };
            // Whoever does not wait any more is not told.
            let _ = answer.send(look.as_ref().map(seen).map_err(AppError::clone));
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use boobook_store::MemStore;
    use tokio::time::Instant;

    use super::*;
    use crate::SystemHost;

    /// What came, and after how long.
    async fn ask(looks: &Arc<Looks>, is_answered: bool) -> (Result<Seen, AppError>, Duration) {
        let begin = Instant::now();
        let (came, ()) = tokio::join!(looks.ask(None), async { _ = is_answered && looks.step().await > 0 });
        (came, begin.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_while_the_store_is_away_hears_so_soon() {
        // A store that is not shared refuses to be looked at.
        let looks = Looks::new(Arc::new(MemStore::default()), Arc::new(SystemHost));
        let (silence, waited) = ask(&looks, false).await;
        assert!(matches!(silence, Err(AppError::Unavailable(_))) && waited >= ANSWER_WAIT, "{silence:?}");
        let (refusal, waited) = ask(&looks, true).await;
        assert!(refusal.is_err() && waited.is_zero());
        let (again, waited) = ask(&looks, false).await;
        assert_eq!(format!("{again:?}"), format!("{refusal:?}"), "the reason that is known");
        assert!((AWAY_WAIT..ANSWER_WAIT).contains(&waited), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_wait_any_more_takes_no_place() {
        let looks = Looks::new(Arc::new(MemStore::default()), Arc::new(SystemHost));
        for _ in 0..WAITING_MAX {
            let (answer, _) = oneshot::channel();
            looks.asked.lock().waiting.push(Asking { database: None, answer });
        }
        let (came, _) = ask(&looks, true).await;
        assert!(!matches!(came, Err(AppError::Busy(_))), "{came:?}");
    }
}
