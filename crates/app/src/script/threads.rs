//! Threads that scripts run on, with stacks for deep recursion.

use std::{collections::VecDeque, sync::Arc, thread};

use parking_lot::{Condvar, Mutex};

use crate::AppError;

/// A script with all it needs.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// Memory is taken only as deep as a script really goes.
pub(crate) const STACK_BYTES: usize = 64 << 20;

pub(crate) struct ScriptThreads {
    shared: Arc<Shared>,
    /// Jobs that may wait.
    pub(crate) waiting_max: usize,
    threads: Mutex<Vec<thread::JoinHandle<()>>>,
}

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    stopping: bool,
}

impl ScriptThreads {
    pub(crate) fn start(name: &str, threads: usize, waiting_max: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { queue: Mutex::default(), wake: Condvar::new() });
        let mut handles = Vec::new();
        for n in 0..threads.max(1) {
            let shared = Arc::clone(&shared);
            let thread = thread::Builder::new().name(format!("{name}-{n}")).stack_size(STACK_BYTES);
            handles.push(thread.spawn(move || serve(&shared))?);
        }
        Ok(Self { shared, waiting_max, threads: Mutex::new(handles) })
    }

    /// Has a job run as soon as a thread is free.
    pub(crate) fn run(&self, job: Job) -> Result<(), AppError> {
        self.run_with((), self.waiting_max, |()| job()).map_err(|(error, ())| error)
    }

    /// As [`Self::run`] where fewer than `waiting_max` wait, with something that comes back where it cannot.
    pub(crate) fn run_with<T: Send + 'static>(
        &self,
        with: T,
        waiting_max: usize,
        job: impl FnOnce(T) + Send + 'static,
    ) -> Result<(), (AppError, T)> {
        let mut queue = self.shared.queue.lock();
        if queue.stopping {
            return Err((AppError::Unavailable("the server is shutting down".into()), with));
        }
        if queue.jobs.len() >= waiting_max {
            let message =
                format!("{waiting_max} scripts wait already (limits.script.waiting_max); try again");
            return Err((AppError::Busy(message), with));
        }
        queue.jobs.push_back(Box::new(move || job(with)));
        drop(queue);
        self.shared.wake.notify_one();
        Ok(())
    }

    /// Takes no more, drops what waits, and waits for what runs.
    pub(crate) fn stop(&self) {
        self.close();
        for handle in self.threads.lock().drain(..) {
            // Its jobs' panics are caught; if it died all the same there is nothing to wait for.
            let _ = handle.join();
        }
    }

    fn close(&self) {
        let waiting = {
            let mut queue = self.shared.queue.lock();
            queue.stopping = true;
            std::mem::take(&mut queue.jobs)
        };
        drop(waiting);
        self.shared.wake.notify_all();
    }
}

/// What waits is dropped, and its clients are told; what runs ends by its own limits.
impl Drop for ScriptThreads {
    fn drop(&mut self) {
        self.close();
    }
}

fn serve(shared: &Shared) {
    loop {
        let job = {
            let mut queue = shared.queue.lock();
            loop {
                if let Some(job) = queue.jobs.pop_front() {
                    break job;
                }
                if queue.stopping {
                    return;
                }
                shared.wake.wait(&mut queue);
            }
        };
        // A panic is a bug; it must not take the thread along. Its client sees the channel closed.
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).is_err() {
            tracing::error!("a script panicked");
        }
    }
}
