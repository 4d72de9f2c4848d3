//! Threads that do nothing but bcrypt, behind two bounded queues. The reactor never hashes and never waits here.
//!
//! Credentials that were never right may have a queue and threads of their own, which get what CPU nobody else wants: a
//! flood of guesses holds up neither who was right before nor the reactor.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::{io, thread};

use gateway_config::{Auth, Config};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use rustix::process::setpriority_process;
use rustix::thread::gettid;
use tokio::sync::oneshot;

/// bcrypt reads no more than this many bytes of a secret.
pub(crate) const MAX_SECRET: usize = 72;

/// Niceness of the hashing threads: accepting, health checks and metrics go first on a saturated machine. It also
/// yields to other processes: at 10 and beside two busy ones, a check in flight once outlasted the drain of 5 s.
const NICE: i32 = 5;
/// Niceness of those that check guesses: the least that a thread can have. It cannot be given back without privileges,
/// so these threads do nothing else.
const NICEST: i32 = 19;

/// A secret on its way to the check; it has no `Debug` on purpose.
pub(crate) struct Secret(Box<[u8]>);

impl Secret {
    /// `None` if the secret is longer than what bcrypt would read: it would be compared in part only.
    pub(crate) fn new(secret: &[u8]) -> Option<Self> {
        (secret.len() <= MAX_SECRET).then(|| Self(secret.into()))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Compares a secret with a hash; `None` if the hash is not one.
pub(crate) type Check = dyn Fn(&[u8], &str) -> Option<bool> + Send + Sync;

/// bcrypt proper. The length is bounded by [`Secret`]; bcrypt's own guard would refuse 72 bytes already, because it
/// counts the terminating zero, which a full-length secret does not need.
pub(crate) fn bcrypt_check(secret: &[u8], hash: &str) -> Option<bool> {
    bcrypt::verify(secret, hash).ok()
}

/// Asked before a check begins, because it cannot be stopped then: `None` if nobody waits for it. What it gives is held until the check is
/// over.
pub(crate) type Wanted = Box<dyn FnOnce() -> Option<Box<dyn Any + Send>> + Send>;

struct Job {
    secret: Secret,
    hash: Arc<str>,
    wanted: Wanted,
    reply: oneshot::Sender<bool>,
}

/// Which queue a check waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Credentials that were right before, and all where no difference is made.
    Proven,
    /// Credentials that were never right, where a difference is made.
    Unproven,
}

/// Threads and places of each lane.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolSize {
    pub(crate) threads: usize,
    /// Checks that may wait.
    pub(crate) queue: usize,
    /// Threads for [`Lane::Unproven`]; 0 where no difference is made.
    pub(crate) unproven_threads: usize,
    /// Checks of [`Lane::Unproven`] that may wait.
    pub(crate) unproven_queue: usize,
}

impl PoolSize {
    pub(crate) fn of(config: &Config) -> Self {
        Self {
            threads: config.cpus,
            queue: config.bcrypt_queue,
            unproven_threads: match config.auth {
                Auth::Shielded => config.unproven_threads,
                _ => 0,
            },
            unproven_queue: config.unproven_queue,
        }
    }
}

/// What the pool tells about itself.
#[derive(Clone, Default)]
pub(crate) struct PoolMetrics {
    /// Checks begun, not those queued.
    pub(crate) started: Counter,
    /// Checks that wait.
    pub(crate) waiting: Gauge,
}

/// Why a check has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PoolError {
    /// The queue is full.
    Full,
    /// The check itself failed.
    Broken,
}

/// The handle; the threads end when it is dropped and the queues are empty.
pub(crate) struct BcryptPool {
    proven: Arc<Queue>,
    unproven: Arc<Queue>,
}

impl BcryptPool {
    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// The system refuses threads.
    pub(crate) fn start(
        size: PoolSize,
        metrics: &PoolMetrics,
        check: &Arc<Check>,
    ) -> io::Result<Self> {
        // Dropped on the way out, it ends the threads that were started before one was refused.
        let pool = Self {
            proven: Queue::new(size.queue, metrics),
            unproven: Queue::new(size.unproven_queue, metrics),
        };
        let start = |name: String, nice: i32, queue: &Arc<Queue>| {
            let (queue, check) = (Arc::clone(queue), Arc::clone(check));
            thread::Builder::new()
                .name(name)
                .spawn(move || work(&queue, &*check, nice))
        };
        for n in 0..size.threads {
            start(format!("bcrypt-{n}"), NICE, &pool.proven)?;
        }
        for n in 0..size.unproven_threads {
            start(format!("bcrypt-guess-{n}"), NICEST, &pool.unproven)?;
        }
        Ok(pool)
    }

    /// Whether the secret belongs to the hash. Dropping the future gives the place in the queue back unhashed.
    #[cfg(test)]
    pub(crate) async fn verify(
        &self,
        secret: Secret,
        hash: Arc<str>,
        lane: Lane,
    ) -> Result<bool, PoolError> {
        let wanted = Box::new(|| Some(Box::new(()) as Box<dyn Any + Send>));
        self.place(lane)?.verify(secret, hash, wanted).await
    }

    /// A place in the queue, for a caller that has more to ask before it uses it.
    pub(crate) fn place(&self, lane: Lane) -> Result<Place<'_>, PoolError> {
        let queue = match lane {
            Lane::Proven => &self.proven,
            Lane::Unproven => &self.unproven,
        };
        queue.reserve()?;
        Ok(Place(queue))
    }
}

/// A place in a queue that is given back unless it is used.
pub(crate) struct Place<'a>(&'a Queue);

impl Place<'_> {
    /// Whether the secret belongs to the hash.
    pub(crate) async fn verify(
        self,
        secret: Secret,
        hash: Arc<str>,
        wanted: Wanted,
    ) -> Result<bool, PoolError> {
        let (reply, verdict) = oneshot::channel();
        self.0.push(Job {
            secret,
            hash,
            wanted,
            reply,
        });
        drop(self);
        verdict.await.map_err(|_| PoolError::Broken)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.jobs().reserved -= 1;
    }
}

impl Drop for BcryptPool {
    fn drop(&mut self) {
        self.proven.close();
        self.unproven.close();
    }
}

/// Checks that wait, and the threads that wait for them.
struct Queue {
    limit: usize,
    metrics: PoolMetrics,
    jobs: Mutex<Jobs>,
    changed: Condvar,
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    /// Places of callers that have not pushed theirs yet.
    reserved: usize,
    closed: bool,
}

impl Queue {
    fn new(limit: usize, metrics: &PoolMetrics) -> Arc<Self> {
        Self {
            limit,
            metrics: metrics.clone(),
            jobs: Mutex::default(),
            changed: Condvar::new(),
        }
        .into()
    }

    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs
            .lock()
            .expect("no thread panics while it holds the jobs")
    }

    /// Takes a place. Checks that nobody waits for any more keep none.
    fn reserve(&self) -> Result<(), PoolError> {
        let mut jobs = self.jobs();
        if jobs.waiting.len() + jobs.reserved >= self.limit {
            let before = jobs.waiting.len();
            jobs.waiting.retain(|job| !job.reply.is_closed());
            let abandoned = before - jobs.waiting.len();
            self.metrics.waiting.dec_by(abandoned as i64);
            if jobs.waiting.len() + jobs.reserved >= self.limit {
                return Err(PoolError::Full);
            }
        }
        jobs.reserved += 1;
        Ok(())
    }

    fn push(&self, job: Job) {
        self.jobs().waiting.push_back(job);
        self.metrics.waiting.inc();
        self.changed.notify_one();
    }

    /// The next check; `None` at the end.
    fn take(&self) -> Option<Job> {
        let mut jobs = self.jobs();
        loop {
            if let Some(job) = jobs.waiting.pop_front() {
                self.metrics.waiting.dec();
                return Some(job);
            }
            if jobs.closed {
                return None;
            }
            jobs = self
                .changed
                .wait(jobs)
                .expect("no thread panics while it holds the jobs");
        }
    }

    fn close(&self) {
        self.jobs().closed = true;
        self.changed.notify_all();
    }
}

fn work(queue: &Queue, check: &Check, nice: i32) {
    if let Err(error) = setpriority_process(Some(gettid()), nice) {
        tracing::warn!(%error, "bcrypt threads keep the priority of the reactor");
    }
    while let Some(job) = queue.take() {
        if job.reply.is_closed() {
            continue;
        }
        let Some(held) = (job.wanted)() else {
            continue;
        };
        queue.metrics.started.inc();
        // A panic costs the one request, whose reply is dropped, and not the thread.
        let verdict = catch_unwind(AssertUnwindSafe(|| check(job.secret.bytes(), &job.hash)));
        if let Ok(Some(verdict)) = verdict {
            // The request may have been cancelled in the meantime.
            let _ = job.reply.send(verdict);
        }
        drop(held);
    }
}

#[cfg(test)]
mod tests;
