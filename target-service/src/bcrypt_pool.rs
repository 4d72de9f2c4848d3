//! Threads that do nothing but bcrypt, behind a bounded queue. The reactor never hashes and never waits here.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::{io, thread};

use prometheus_client::metrics::counter::Counter;
use rustix::process::setpriority_process;
use rustix::thread::gettid;
use tokio::sync::oneshot;

/// Waiting checks beyond which a request is turned away: at cost 7 and two CPUs some four seconds of work.
pub(crate) const QUEUE: usize = 1024;

/// bcrypt reads no more than this many bytes of a secret.
pub(crate) const MAX_SECRET: usize = 72;

/// Niceness of the hashing threads: accepting, health checks and metrics go first on a saturated machine. It also
/// yields to other processes: at 10 and beside two busy ones, a check in flight once outlasted the drain of 5 s.
const NICE: i32 = 5;

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

/// Why a check has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PoolError {
    /// The queue is full.
    Full,
    /// The check itself failed.
    Broken,
}

/// The handle; the threads end when it is dropped and the queue is empty.
pub(crate) struct BcryptPool {
    jobs: SyncSender<Job>,
}

impl BcryptPool {
    /// Starts the threads. `started` counts checks as they begin, not as they are queued.
    pub(crate) fn start(
        threads: usize,
        queue: usize,
        started: &Counter,
        check: &Arc<Check>,
    ) -> io::Result<Self> {
        let (jobs, receiver) = sync_channel(queue);
        let receiver = Arc::new(Mutex::new(receiver));
        for n in 0..threads {
            let (receiver, started, check) =
                (Arc::clone(&receiver), started.clone(), Arc::clone(check));
            thread::Builder::new()
                .name(format!("bcrypt-{n}"))
                .spawn(move || work(&receiver, &started, &*check))?;
        }
        Ok(Self { jobs })
    }

    /// Whether the secret belongs to the hash. Dropping the future gives the place in the queue back unhashed.
    pub(crate) async fn verify(&self, secret: Secret, hash: Arc<str>) -> Result<bool, PoolError> {
        let (reply, verdict) = oneshot::channel();
        self.jobs
            .try_send(Job {
                secret,
                hash,
                reply,
            })
            .map_err(|error| match error {
                TrySendError::Full(_) => PoolError::Full,
                TrySendError::Disconnected(_) => PoolError::Broken,
            })?;
        verdict.await.map_err(|_| PoolError::Broken)
    }
}

fn work(jobs: &Mutex<Receiver<Job>>, started: &Counter, check: &Check) {
    if let Err(error) = setpriority_process(Some(gettid()), NICE) {
        tracing::warn!(%error, "bcrypt threads keep the priority of the reactor");
    }
    loop {
        let next = jobs
            .lock()
            .expect("no thread panics while it holds the queue")
            .recv();
        let Ok(job) = next else { return };
        if job.reply.is_closed() {
            continue;
        }
        started.inc();
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
        let started = Counter::default();
        (
            BcryptPool::start(1, queue, &started, &(Arc::new(check) as Arc<Check>)).unwrap(),
            started,
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
            pool.verify(secret(&longest), Arc::clone(&hash)).await,
            Ok(true)
        );
        assert_eq!(
            pool.verify(secret(&longest[1..]), Arc::clone(&hash)).await,
            Ok(false)
        );
        assert_eq!(
            pool.verify(secret("x"), Arc::from("no hash")).await,
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
            pool.verify(secret("boom"), "".into()).await,
            Err(PoolError::Broken)
        );
        assert_eq!(pool.verify(secret("fine"), "".into()).await, Ok(true));
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
            tokio::spawn(async move { pool.verify(secret(name), "".into()).await })
        };
        let first = ask("running");
        tokio::task::yield_now().await;
        begun.recv().unwrap();
        let second = ask("waiting");
        tokio::task::yield_now().await;
        assert_eq!(
            pool.verify(secret("turned away"), "".into()).await,
            Err(PoolError::Full)
        );
        second.abort();
        assert!(second.await.unwrap_err().is_cancelled());
        gate.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(true));
        gate.send(()).unwrap();
        // The place of the abandoned check is free once the thread has passed over it.
        let third = loop {
            match pool.verify(secret("next"), "".into()).await {
                Err(PoolError::Full) => tokio::task::yield_now().await,
                verdict => break verdict,
            }
        };
        assert_eq!(third, Ok(true));
        assert_eq!(started.get(), 2);
    }
}
