//! The bounded queue between requests and workers, and the forming of batches. It knows no sink and no HTTP.
//!
//! Order is first in, first out. At most one worker at a time forms a batch; the others wait for its seat, so that a
//! timer or an arrival wakes one task and not all.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};

use gateway_config::Batching;
use tokio::sync::{Notify, Semaphore, TryAcquireError};
use tokio::time::{Instant, sleep_until};

use super::job::Job;
use super::metrics::IngestMetrics;

/// Why a job was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// There is no room now.
    Full,
    /// It has more payloads than there is ever room for.
    TooLarge,
    /// The gateway stops.
    Closed,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<(Instant, Job)>,
    payloads: usize,
    bytes: usize,
    /// Nothing is waited for any more: whatever is there is a batch.
    flushing: bool,
    closed: bool,
}

impl Waiting {
    fn full_batch(&self, batching: &Batching) -> bool {
        self.payloads >= batching.payloads || self.bytes >= batching.bytes
    }
}

/// What the collector found.
enum Found {
    Batch(Vec<Job>),
    Later(Instant),
    Nothing,
    End,
}

pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    /// A permit for every payload that there is room for; requests wait for them in their order.
    room: Semaphore,
    payloads: usize,
    bytes: usize,
    batching: Batching,
    arrived: Notify,
    seat: tokio::sync::Mutex<()>,
    metrics: Arc<IngestMetrics>,
}

impl Queue {
    /// An empty queue with room for so many payloads and bytes.
    pub(crate) fn new(
        payloads: usize,
        bytes: usize,
        batching: Batching,
        metrics: Arc<IngestMetrics>,
    ) -> Self {
        Self {
            waiting: Mutex::default(),
            room: Semaphore::new(payloads),
            payloads,
            bytes,
            batching,
            arrived: Notify::new(),
            seat: tokio::sync::Mutex::default(),
            metrics,
        }
    }

    /// Takes the job if there is room at once.
    pub(crate) fn offer(&self, job: Job) -> Result<(), Refused> {
        if job.payloads as usize > self.payloads || job.lines.len() > self.bytes {
            return Err(Refused::TooLarge);
        }
        match self.room.try_acquire_many(job.payloads) {
            Ok(room) => {
                let mut waiting = self.lock();
                if waiting.bytes + job.lines.len() > self.bytes {
                    return Err(Refused::Full);
                }
                self.append(&mut waiting, job)?;
                room.forget();
                Ok(())
            }
            Err(TryAcquireError::NoPermits) => Err(Refused::Full),
            Err(TryAcquireError::Closed) => Err(Refused::Closed),
        }
    }

    /// Takes the job as soon as there is room, without a limit on bytes.
    pub(crate) async fn push(&self, job: Job) -> Result<(), Refused> {
        if job.payloads as usize > self.payloads {
            return Err(Refused::TooLarge);
        }
        match self.room.acquire_many(job.payloads).await {
            Ok(room) => {
                self.append(&mut self.lock(), job)?;
                room.forget();
                Ok(())
            }
            Err(_) => Err(Refused::Closed),
        }
    }

    /// The next batch, when it is complete; `None` once the queue is closed and empty.
    ///
    /// A batch is complete by payloads, by bytes, by the age of its oldest job, or because the queue is flushed. It holds
    /// whole jobs and exceeds the limits only if its first job alone does.
    pub(crate) async fn next_batch(&self) -> Option<Vec<Job>> {
        let _seat = self.seat.lock().await;
        loop {
            let mut arrived = pin!(self.arrived.notified());
            // From here on no arrival is missed.
            arrived.as_mut().enable();
            match self.look(Instant::now()) {
                Found::Batch(jobs) => return Some(jobs),
                Found::End => return None,
                Found::Nothing => arrived.await,
                Found::Later(due) => tokio::select! {
                    () = arrived => {}
                    () = sleep_until(due) => {}
                },
            }
        }
    }

    /// From now on whatever is there is a batch.
    pub(crate) fn flush(&self) {
        self.lock().flushing = true;
        self.arrived.notify_one();
    }

    /// Takes no more jobs; those that wait for room are refused.
    pub(crate) fn close(&self) {
        self.room.close();
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.flushing = true;
        self.arrived.notify_one();
    }

    /// Lets go of what nobody will take any more: whoever waits for it is told.
    pub(crate) fn give_up(&self) {
        self.lock().jobs.clear();
    }

    fn append(&self, waiting: &mut Waiting, job: Job) -> Result<(), Refused> {
        // The queue may have been closed since there was room; its workers may be gone.
        if waiting.closed {
            return Err(Refused::Closed);
        }
        let was_full = waiting.full_batch(&self.batching);
        waiting.payloads += job.payloads as usize;
        waiting.bytes += job.lines.len();
        let first = waiting.jobs.is_empty();
        self.metrics.taken(&job);
        waiting.jobs.push_back((Instant::now(), job));
        self.show(waiting);
        // Only these two change when the next batch is due.
        if first || (!was_full && waiting.full_batch(&self.batching)) {
            self.arrived.notify_one();
        }
        Ok(())
    }

    fn look(&self, now: Instant) -> Found {
        let mut waiting = self.lock();
        let Some((oldest, _)) = waiting.jobs.front() else {
            return if waiting.closed {
                Found::End
            } else {
                Found::Nothing
            };
        };
        let due = *oldest + self.batching.age;
        if now < due && !waiting.flushing && !waiting.full_batch(&self.batching) {
            return Found::Later(due);
        }
        let batch = self.take(&mut waiting);
        self.show(&waiting);
        Found::Batch(batch)
    }

    fn take(&self, waiting: &mut Waiting) -> Vec<Job> {
        let (mut batch, mut payloads, mut bytes) = (Vec::new(), 0, 0);
        while let Some((_, next)) = waiting.jobs.front() {
            let (more_payloads, more_bytes) = (next.payloads as usize, next.lines.len());
            let fits = payloads + more_payloads <= self.batching.payloads
                && bytes + more_bytes <= self.batching.bytes;
            if !batch.is_empty() && !fits {
                break;
            }
            payloads += more_payloads;
            bytes += more_bytes;
            batch.extend(waiting.jobs.pop_front().map(|(_, job)| job));
        }
        waiting.payloads -= payloads;
        waiting.bytes -= bytes;
        self.room.add_permits(payloads);
        batch
    }

    fn show(&self, waiting: &Waiting) {
        self.metrics.watch.queue(
            waiting.payloads,
            waiting.bytes,
            waiting.jobs.front().map(|(queued, _)| *queued),
        );
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting
            .lock()
            .expect("nothing panics while it holds the queue")
    }
}

#[cfg(test)]
mod tests;
