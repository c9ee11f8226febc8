//! The threads scripts run on: as many as there are cores, with stacks for deep recursion.

use std::{collections::VecDeque, sync::Arc, thread};

use parking_lot::{Condvar, Mutex};

use crate::AppError;

/// A script with all it needs.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// Memory is taken only as deep as a script really goes.
pub(crate) const STACK_BYTES: usize = 64 << 20;

pub(crate) struct ScriptThreads {
    shared: Arc<Shared>,
    waiting_max: usize,
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
    pub(crate) fn start(threads: usize, waiting_max: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { queue: Mutex::default(), wake: Condvar::new() });
        for n in 0..threads.max(1) {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name(format!("script-{n}"))
                .stack_size(STACK_BYTES)
                .spawn(move || serve(&shared))?;
        }
        Ok(Self { shared, waiting_max })
    }

    /// Has a job run as soon as a thread is free.
    pub(crate) fn run(&self, job: Job) -> Result<(), AppError> {
        let mut queue = self.shared.queue.lock();
        if queue.stopping {
            return Err(AppError::Unavailable("the server is shutting down".into()));
        }
        if queue.jobs.len() >= self.waiting_max {
            return Err(AppError::Busy(format!(
                "{} scripts wait already (limits.script.waiting_max); try again",
                self.waiting_max
            )));
        }
        queue.jobs.push_back(job);
        drop(queue);
        self.shared.wake.notify_one();
        Ok(())
    }
}

/// What waits is dropped, and its clients are told; what runs ends by its own limits.
impl Drop for ScriptThreads {
    fn drop(&mut self) {
        let waiting = {
            let mut queue = self.shared.queue.lock();
            queue.stopping = true;
            std::mem::take(&mut queue.jobs)
        };
        drop(waiting);
        self.shared.wake.notify_all();
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
