//! Threads for decoding, and who may use them when.

use std::{
    fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    thread,
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::ThumbnailError;

type Job = Box<dyn FnOnce() + Send>;

/// A fixed number of threads; they end when the pool is dropped.
pub(super) struct Pool {
    jobs: mpsc::Sender<Job>,
    /// One for each thread and each that may wait.
    places: Arc<Semaphore>,
    /// One for each thread.
    turns: Arc<Semaphore>,
}

/// The right to a thread. Given back when the job that it was given to is done.
pub(super) struct Turn {
    _place: OwnedSemaphorePermit,
    _turn: OwnedSemaphorePermit,
}

impl Pool {
    pub(super) fn new(threads: usize, waiting_max: usize) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for n in 0..threads {
            let queue = queue.clone();
            thread::Builder::new().name(format!("thumbnail-{n}")).spawn(move || {
                // The thread that waits holds the lock; the others wait for it.
                let next = || queue.lock().recv();
                while let Ok(job) = next() {
                    job();
                }
            })?;
        }
        let places =
            Arc::new(Semaphore::new(threads.saturating_add(waiting_max).min(Semaphore::MAX_PERMITS)));
        Ok(Self { jobs, places, turns: Arc::new(Semaphore::new(threads)) })
    }

    /// Waits for a thread to be free; [`ThumbnailError::Busy`] if too many wait already.
    pub(super) async fn turn(&self) -> Result<Turn, ThumbnailError> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| ThumbnailError::Busy)?;
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| ThumbnailError::Busy)?;
        Ok(Turn { _place: place, _turn: turn })
    }

    /// Runs a job on a thread. It goes on to its end when nobody waits any more, and keeps its turn until then.
    pub(super) async fn run(
        &self,
        turn: Turn,
        job: impl FnOnce() -> Result<Vec<u8>, ThumbnailError> + Send + 'static,
    ) -> Result<Bytes, ThumbnailError> {
        let (answer, answered) = oneshot::channel();
        let job = move || {
            // Decoders are large and read what strangers send: a panic in one is that file's matter.
            let done = catch_unwind(AssertUnwindSafe(job))
                .unwrap_or_else(|_| Err(ThumbnailError::Damaged("its decoder gave up".to_owned())));
            drop(turn);
            let _ = answer.send(done);
        };
        let ended = |_| ThumbnailError::Busy;
        self.jobs.send(Box::new(job)).map_err(|_| ThumbnailError::Busy)?;
        answered.await.map_err(ended)?.map(Bytes::from)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("free", &self.turns.available_permits()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_finds_no_place_is_refused() {
        let pool = Pool::new(1, 1).unwrap();
        let turn = pool.turn().await.unwrap();
        let mut waits = Box::pin(pool.turn());
        assert!(futures_util::poll!(&mut waits).is_pending());
        assert_eq!(pool.turn().await.err(), Some(ThumbnailError::Busy));
        assert_eq!(pool.run(turn, || Ok(b"first".to_vec())).await.unwrap(), "first");
        let turn = waits.await.unwrap();
        assert_eq!(pool.run(turn, || Ok(b"second".to_vec())).await.unwrap(), "second");
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_thread_goes_on() {
        let pool = Pool::new(1, 0).unwrap();
        for _ in 0..3 {
            let done = pool.run(pool.turn().await.unwrap(), || panic!("a decoder's bug")).await;
            assert!(matches!(done, Err(ThumbnailError::Damaged(_))));
        }
        assert!(pool.run(pool.turn().await.unwrap(), || Ok(Vec::new())).await.is_ok());
    }

    #[tokio::test]
    async fn a_job_that_nobody_waits_for_keeps_its_turn() {
        let pool = Pool::new(1, 0).unwrap();
        let (go, wait) = mpsc::channel();
        let turn = pool.turn().await.unwrap();
        let mut forgotten = Box::pin(pool.run(turn, move || {
            wait.recv().map_err(|_| ThumbnailError::NotAnImage)?;
            Ok(Vec::new())
        }));
        assert!(futures_util::poll!(&mut forgotten).is_pending());
        drop(forgotten);
        assert_eq!(pool.turn().await.err(), Some(ThumbnailError::Busy));
        go.send(()).unwrap();
        while pool.turn().await.is_err() {
            tokio::task::yield_now().await;
        }
    }
}
