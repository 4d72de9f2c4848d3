//! Brings jobs into the sink, however often it takes. What was taken is given up only when the gateway is told to.

use std::hash::{BuildHasher, RandomState};
use std::process;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use object_store::PutPayload;
use object_store::path::Path;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::job::Job;
use super::metrics::IngestMetrics;
use super::sink::{Sink, SinkError};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// A sink that has recovered is found within this time.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// While the gateway stops there is little time left.
const LAST_PAUSE: Duration = Duration::from_millis(250);
/// Objects of one directory: neither a listing nor a file system has to hold all names at once.
const PER_DIRECTORY: u64 = 1_000;

/// Uploads with retries; shared by all workers.
pub(crate) struct Uploader {
    sink: Sink,
    metrics: Arc<IngestMetrics>,
    /// Names of this process' objects begin with it.
    run: String,
    next: AtomicU64,
    failing: AtomicBool,
    last_error: Mutex<Option<SinkError>>,
    jitter: RandomState,
    stopping: CancellationToken,
}

impl Uploader {
    pub(crate) fn new(
        sink: Sink,
        metrics: Arc<IngestMetrics>,
        stopping: CancellationToken,
    ) -> Self {
        let jitter = RandomState::new();
        let millis = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis());
        // Two gateways may start in the same millisecond and, in containers, with the same process id.
        let run = format!(
            "{millis:012x}-{:016x}",
            jitter.hash_one((process::id(), millis))
        );
        Self {
            sink,
            metrics,
            run,
            next: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            last_error: Mutex::new(None),
            jitter,
            stopping,
        }
    }

    /// Stores the jobs as one object and tells those who wait for it. Returns when it is there, and not before.
    pub(crate) async fn store(&self, jobs: Vec<Job>) {
        let name = self.next_name();
        let payload: PutPayload = jobs.iter().map(|job| job.lines.clone()).collect();
        let mut attempt = 0;
        while let Err(error) = self.sink.put(&name, payload.clone()).await {
            self.metrics.sink_errors.inc();
            self.failed(&name, error);
            self.pause(&name, attempt).await;
            self.metrics.sink_retries.inc();
            attempt += 1;
        }
        if self.failing.swap(false, Ordering::Relaxed) {
            tracing::info!("the sink takes objects again");
        }
        self.metrics.batches.inc();
        self.metrics
            .batch_payloads
            .observe(jobs.iter().map(|job| f64::from(job.payloads)).sum());
        self.metrics
            .batch_bytes
            .observe(payload.content_length() as f64);
        for job in jobs {
            self.metrics.stored(&job);
            if let Some(waiting) = job.stored {
                // Its client may have left.
                let _ = waiting.send(());
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn sink(&self) -> &Sink {
        &self.sink
    }

    /// Why the sink refuses objects, if it does now.
    pub(crate) fn outage(&self) -> Option<String> {
        if !self.failing.load(Ordering::Relaxed) {
            return None;
        }
        let last = self
            .last_error
            .lock()
            .expect("nothing panics while it holds the error");
        last.as_ref().map(ToString::to_string)
    }

    fn next_name(&self) -> Path {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Path::from(format!(
            "{}/{:06}/{number:09}.jsonl",
            self.run,
            number / PER_DIRECTORY
        ))
    }

    /// One line for an outage, not one for each of its attempts.
    fn failed(&self, name: &Path, error: SinkError) {
        if !self.failing.swap(true, Ordering::Relaxed) {
            tracing::warn!(%name, %error, "the sink refused an object, it is tried again until it is stored");
        }
        *self
            .last_error
            .lock()
            .expect("nothing panics while it holds the error") = Some(error);
    }

    async fn pause(&self, name: &Path, attempt: u32) {
        if self.stopping.is_cancelled() {
            return sleep(pause(attempt, self.jitter.hash_one((name, attempt))).min(LAST_PAUSE))
                .await;
        }
        let pause = sleep(pause(attempt, self.jitter.hash_one((name, attempt))));
        self.stopping.run_until_cancelled(pause).await;
    }
}

/// Doubles from the first pause to the longest; of that the upper half is random, so that workers that failed together
/// do not come back together.
fn pause(attempt: u32, random: u64) -> Duration {
    let longest = FIRST_PAUSE
        .saturating_mul(1 << attempt.min(16))
        .min(LONGEST_PAUSE);
    longest.mul_f64(0.5 + 0.5 * (random as f64 / u64::MAX as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_within_their_bounds() {
        for (attempt, low, high) in [
            (0, 25, 50),
            (1, 50, 100),
            (6, 1600, 3200),
            (7, 2500, 5000),
            (u32::MAX, 2500, 5000),
        ] {
            assert_eq!(pause(attempt, 0).as_millis(), low, "{attempt}");
            assert_eq!(pause(attempt, u64::MAX).as_millis(), high, "{attempt}");
        }
    }
}
