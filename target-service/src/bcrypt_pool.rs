//! Threads that do nothing but bcrypt, behind two bounded queues. The reactor never hashes and never waits here.
//!
//! Credentials that were never right may have a queue and threads of their own, which get what CPU nobody else wants: a
//! flood of guesses holds up neither who was right before nor the reactor.

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

struct Job {
    secret: Secret,
    hash: Arc<str>,
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
        self.place(lane)?.verify(secret, hash).await
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
    pub(crate) async fn verify(self, secret: Secret, hash: Arc<str>) -> Result<bool, PoolError> {
        let (reply, verdict) = oneshot::channel();
        self.0.push(Job {
            secret,
            hash,
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
        queue.metrics.started.inc();
        // A panic costs the one request, whose reply is dropped, and not the thread.
        let verdict = catch_unwind(AssertUnwindSafe(|| check(job.secret.bytes(), &job.hash)));
        if let Ok(Some(verdict)) = verdict {
            // The request may have been cancelled in the meantime.
            let _ = job.reply.send(verdict);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: u32 = 4;

    fn pool(
        queue: usize,
        check: impl Fn(&[u8], &str) -> Option<bool> + Send + Sync + 'static,
    ) -> (BcryptPool, Counter) {
        let size = PoolSize {
            threads: 1,
            queue,
            unproven_threads: 1,
            unproven_queue: queue,
        };
        sized(size, check)
    }

    fn sized(
        size: PoolSize,
        check: impl Fn(&[u8], &str) -> Option<bool> + Send + Sync + 'static,
    ) -> (BcryptPool, Counter) {
        let metrics = PoolMetrics::default();
        let check: Arc<Check> = Arc::new(check);
        (
            BcryptPool::start(size, &metrics, &check).unwrap(),
            metrics.started,
        )
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes()).unwrap()
    }

    #[tokio::test]
    async fn a_secret_is_compared_in_full() {
        let longest = "x".repeat(MAX_SECRET);
        let hash: Arc<str> = bcrypt::hash(&longest, COST).unwrap().into();
        let (pool, started) = pool(8, bcrypt_check);
        assert_eq!(
            pool.verify(secret(&longest), Arc::clone(&hash), Lane::Proven)
                .await,
            Ok(true)
        );
        assert_eq!(
            pool.verify(secret(&longest[1..]), Arc::clone(&hash), Lane::Proven)
                .await,
            Ok(false)
        );
        assert_eq!(
            pool.verify(secret("x"), Arc::from("no hash"), Lane::Proven)
                .await,
            Err(PoolError::Broken)
        );
        assert_eq!(started.get(), 3);
        assert!(Secret::new("x".repeat(MAX_SECRET + 1).as_bytes()).is_none());
    }

    #[tokio::test]
    async fn a_panic_costs_one_check() {
        let (pool, _) = pool(8, |secret, _| {
            assert_ne!(secret, b"boom", "on purpose");
            Some(true)
        });
        assert_eq!(
            pool.verify(secret("boom"), "".into(), Lane::Proven).await,
            Err(PoolError::Broken)
        );
        assert_eq!(
            pool.verify(secret("fine"), "".into(), Lane::Proven).await,
            Ok(true)
        );
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_abandoned_checks_are_skipped() {
        let (gate, open) = std::sync::mpsc::channel::<()>();
        let (running, begun) = std::sync::mpsc::channel::<()>();
        let open = Mutex::new(open);
        let (pool, started) = pool(1, move |_, _| {
            running.send(()).unwrap();
            open.lock().unwrap().recv().ok().map(|()| true)
        });
        let pool = Arc::new(pool);
        let ask = |name: &'static str| {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { pool.verify(secret(name), "".into(), Lane::Proven).await })
        };
        let first = ask("running");
        tokio::task::yield_now().await;
        begun.recv().unwrap();
        let second = ask("waiting");
        tokio::task::yield_now().await;
        assert_eq!(
            pool.verify(secret("turned away"), "".into(), Lane::Proven)
                .await,
            Err(PoolError::Full)
        );
        second.abort();
        assert!(second.await.unwrap_err().is_cancelled());
        gate.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(true));
        gate.send(()).unwrap();
        // The place of the abandoned check is free once the thread has passed over it.
        let third = loop {
            match pool.verify(secret("next"), "".into(), Lane::Proven).await {
                Err(PoolError::Full) => tokio::task::yield_now().await,
                verdict => break verdict,
            }
        };
        assert_eq!(third, Ok(true));
        assert_eq!(started.get(), 2);
    }

    #[tokio::test]
    async fn checks_that_nobody_waits_for_keep_no_place() {
        let (gate, open) = std::sync::mpsc::channel::<()>();
        let open = Mutex::new(open);
        let (pool, started) = pool(2, move |_, _| {
            open.lock().unwrap().recv().ok().map(|()| true)
        });
        let pool = Arc::new(pool);
        let ask = || {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { pool.verify(secret("any"), "".into(), Lane::Proven).await })
        };
        let running = ask();
        while started.get() == 0 {
            tokio::task::yield_now().await;
        }
        let left = [ask(), ask()];
        tokio::task::yield_now().await;
        assert!(pool.place(Lane::Proven).is_err());
        for left in left {
            left.abort();
            assert!(left.await.unwrap_err().is_cancelled());
        }
        // The thread is busy and has passed over nothing; a place that is not used is given back.
        for _ in 0..3 {
            drop([pool.place(Lane::Proven), pool.place(Lane::Proven)].map(Result::unwrap));
        }
        let waiting = ask();
        tokio::task::yield_now().await;
        for _ in 0..2 {
            gate.send(()).unwrap();
        }
        assert_eq!(running.await.unwrap(), Ok(true));
        assert_eq!(waiting.await.unwrap(), Ok(true));
        assert_eq!(started.get(), 2);
    }

    #[tokio::test]
    async fn guesses_wait_for_their_own_thread_and_hold_up_nobody_else() {
        let (permit, gate) = std::sync::mpsc::channel::<()>();
        let (order, seen) = std::sync::mpsc::channel::<Vec<u8>>();
        let gate = Mutex::new(gate);
        let size = PoolSize {
            threads: 1,
            queue: 8,
            unproven_threads: 1,
            unproven_queue: 2,
        };
        let (pool, started) = sized(size, move |secret, _| {
            order.send(secret.to_vec()).unwrap();
            if secret.starts_with(b"guess") {
                gate.lock().unwrap().recv().ok()?;
            }
            Some(true)
        });
        let pool = Arc::new(pool);
        let ask = |name: &'static str, lane: Lane| {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { pool.verify(secret(name), "".into(), lane).await })
        };
        let mut guesses = vec![ask("guess 1", Lane::Unproven)];
        tokio::task::yield_now().await;
        assert_eq!(seen.recv().unwrap(), b"guess 1");
        guesses.extend(["guess 2", "guess 3"].map(|name| ask(name, Lane::Unproven)));
        tokio::task::yield_now().await;
        assert_eq!(
            pool.verify(secret("guess 4"), "".into(), Lane::Unproven)
                .await,
            Err(PoolError::Full)
        );
        for name in ["proven 1", "proven 2"] {
            assert_eq!(ask(name, Lane::Proven).await.unwrap(), Ok(true));
            assert_eq!(seen.recv().unwrap(), name.as_bytes());
        }
        // The thread of the others is free although guesses wait: it is kept for those who were right before.
        assert_eq!(started.get(), 3);
        for _ in 0..3 {
            permit.send(()).unwrap();
        }
        for guess in guesses {
            assert_eq!(guess.await.unwrap(), Ok(true));
        }
        assert_eq!(started.get(), 5);
    }

    #[test]
    fn threads_yield_to_the_reactor_and_those_for_guesses_to_everyone() {
        let (niceness, seen) = std::sync::mpsc::channel();
        let size = PoolSize {
            threads: 1,
            queue: 1,
            unproven_threads: 1,
            unproven_queue: 1,
        };
        let (pool, _) = sized(size, move |_, _| {
            let nice = rustix::process::getpriority_process(Some(gettid()));
            niceness.send(nice.unwrap()).unwrap();
            Some(true)
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        for (lane, nice) in [(Lane::Proven, NICE), (Lane::Unproven, NICEST)] {
            let asked = pool.verify(secret("any"), "".into(), lane);
            assert_eq!(runtime.block_on(asked), Ok(true));
            assert_eq!(seen.recv().unwrap(), nice, "{lane:?}");
        }
    }
}
