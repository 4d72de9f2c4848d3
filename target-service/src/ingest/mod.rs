//! `/v1/payloads`: documents of payloads in, objects in a sink out, in four ways from the naive to the sound.
//!
//! - `document`: bytes → payloads → stored lines. `endpoint`: HTTP around it. `answer`: what is said of a document.
//! - `queue`: the bounded queue and the forming of batches. `upload`: retries. `sink`: where objects are.
//! - [`verify`]: whether what was acknowledged is what is stored.
//!
//! A payload is taken or refused, never both: what was taken is stored, or counted as failed at the stop.

pub(crate) mod answer;
mod document;
pub(crate) mod endpoint;
mod job;
pub(crate) mod metrics;
mod queue;
#[cfg(test)]
mod scratch;
pub(crate) mod sink;
mod upload;
pub mod verify;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use gateway_config::{Ack, Batching, Environment, Mode, Settings};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::Error;
use answer::Answer;
use document::{Document, Lines};

pub(crate) use document::Voucher;
use job::Job;
use metrics::IngestMetrics;
use queue::{Queue, Refused};
use sink::Sink;
use upload::Uploader;

/// How long a request waits for its payloads to be stored.
const ACK_WAIT: Duration = Duration::from_secs(10);

/// One payload at a time, at once: how the single consumer of `queue` takes them.
const ONE_BY_ONE: Batching = Batching {
    payloads: 1,
    bytes: 0,
    age: Duration::ZERO,
};

enum Route {
    Discard,
    Spawn(Arc<Uploader>),
    Queue(Arc<Queue>),
    Pool(Arc<Queue>),
}

/// The running ingestion.
pub(crate) struct Ingest {
    route: Route,
    ack: Ack,
    drain: Duration,
    metrics: Arc<IngestMetrics>,
    uploader: Option<Arc<Uploader>>,
    tasks: TaskTracker,
    stopping: CancellationToken,
    /// Ends what could not be stored in time.
    abandon: CancellationToken,
}

impl Ingest {
    /// Opens the sink and starts the workers.
    ///
    /// # Errors
    ///
    /// A sink that does not answer.
    pub(crate) async fn start(
        settings: &Settings,
        metrics: Arc<IngestMetrics>,
        environment: Environment<'_>,
    ) -> Result<Self, Error> {
        let stopping = CancellationToken::new();
        let uploader = if settings.mode == Mode::Discard {
            None
        } else {
            let sink = Sink::open(
                &settings.location,
                settings.ack,
                settings.stand_in,
                environment,
            )
            .await;
            let sink = sink.map_err(|error| Error::Sink {
                sink: settings.location.to_string(),
                reason: error.to_string(),
            })?;
            Some(Arc::new(Uploader::new(
                sink,
                Arc::clone(&metrics),
                stopping.clone(),
            )))
        };
        let mut ingest = Self {
            route: Route::Discard,
            ack: settings.ack,
            drain: settings.drain,
            metrics,
            uploader,
            tasks: TaskTracker::new(),
            stopping,
            abandon: CancellationToken::new(),
        };
        ingest.route = ingest.open_route(&settings.mode);
        Ok(ingest)
    }

    fn open_route(&self, mode: &Mode) -> Route {
        let Some(uploader) = &self.uploader else {
            return Route::Discard;
        };
        match *mode {
            Mode::Discard => Route::Discard,
            Mode::Spawn => Route::Spawn(Arc::clone(uploader)),
            Mode::Queue { payloads } => {
                Route::Queue(self.start_workers(1, payloads, usize::MAX, ONE_BY_ONE))
            }
            Mode::Pool {
                workers,
                payloads,
                bytes,
                batching,
            } => Route::Pool(self.start_workers(workers, payloads, bytes, batching)),
        }
    }

    fn start_workers(
        &self,
        workers: usize,
        payloads: usize,
        bytes: usize,
        batching: Batching,
    ) -> Arc<Queue> {
        let queue = Arc::new(Queue::new(
            payloads,
            bytes,
            batching,
            Arc::clone(&self.metrics),
        ));
        for uploader in std::iter::repeat_n(&self.uploader, workers).flatten() {
            let (queue, uploader, metrics) = (
                Arc::clone(&queue),
                Arc::clone(uploader),
                Arc::clone(&self.metrics),
            );
            self.spawn(async move {
                while let Some(batch) = queue.next_batch().await {
                    metrics.busy.inc();
                    uploader.store(batch).await;
                    metrics.busy.dec();
                }
            });
        }
        queue
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let abandon = self.abandon.clone();
        self.tasks.spawn(async move {
            abandon.run_until_cancelled_owned(task).await;
        });
    }

    /// Takes the payloads of a document, in the configured way, and says what became of them.
    pub(crate) async fn take(&self, document: &Document<'_>, voucher: Voucher<'_>) -> Answer {
        let answer = self.route(document, voucher).await;
        if matches!(answer, Answer::Queued | Answer::Stored) {
            let payloads = document.payloads.len() as u64;
            self.metrics.documents_acknowledged.inc();
            self.metrics.payloads_acknowledged.inc_by(payloads);
        }
        answer
    }

    async fn route(&self, document: &Document<'_>, voucher: Voucher<'_>) -> Answer {
        let lines = Lines::of(voucher);
        match &self.route {
            Route::Discard => {
                self.metrics
                    .discarded
                    .inc_by(document.payloads.len() as u64);
                Answer::Discarded
            }
            Route::Spawn(uploader) => {
                // Held until the tasks are there: a drain that has not ended by now waits for them.
                let _held = self.tasks.token();
                if self.tasks.is_closed() {
                    return self.refuse(Refused::Closed, document.payloads.len());
                }
                let (jobs, waiting) = self.one_by_one(document, &lines);
                for job in jobs {
                    self.metrics.taken(&job);
                    let (uploader, metrics) = (Arc::clone(uploader), Arc::clone(&self.metrics));
                    metrics.tasks.inc();
                    self.spawn(async move {
                        uploader.store(vec![job]).await;
                        metrics.tasks.dec();
                    });
                }
                self.acknowledge(waiting).await
            }
            Route::Queue(queue) => {
                let (jobs, waiting) = self.one_by_one(document, &lines);
                for (taken, job) in jobs.into_iter().enumerate() {
                    let Err(refused) = queue.push(job).await else {
                        continue;
                    };
                    let answer = self.refuse(refused, document.payloads.len() - taken);
                    // The first ones are taken and may be stored.
                    return if taken == 0 {
                        answer
                    } else {
                        Answer::NotStoredYet
                    };
                }
                self.acknowledge(waiting).await
            }
            Route::Pool(queue) => {
                let (job, waiting) = self.whole(document, &lines);
                match queue.offer(job) {
                    Ok(()) => self.acknowledge(waiting.into_iter()).await,
                    Err(refused) => self.refuse(refused, document.payloads.len()),
                }
            }
        }
    }

    fn refuse(&self, refused: Refused, payloads: usize) -> Answer {
        self.metrics.rejected.inc_by(payloads as u64);
        match refused {
            Refused::Full => Answer::QueueFull,
            Refused::TooLarge => Answer::LargerThanQueue,
            Refused::Closed => Answer::Stopping,
        }
    }

    /// The document as one job: its payloads are stored together.
    fn whole(
        &self,
        document: &Document<'_>,
        lines: &Lines,
    ) -> (Job, Option<oneshot::Receiver<()>>) {
        let length = document
            .payloads
            .iter()
            .map(|payload| lines.length(payload))
            .sum();
        // The only copy, and one of the right size: what waits in the queue holds no read buffer of a connection.
        let mut written = Vec::with_capacity(length);
        document
            .payloads
            .iter()
            .for_each(|payload| lines.append(payload, &mut written));
        self.job(written.into(), document.payloads.len())
    }

    /// A job for each payload, all in one buffer.
    fn one_by_one(
        &self,
        document: &Document<'_>,
        lines: &Lines,
    ) -> (
        Vec<Job>,
        impl Iterator<Item = oneshot::Receiver<()>> + Send + use<>,
    ) {
        let (whole, _) = self.whole(document, lines);
        let mut start = 0;
        let jobs = document.payloads.iter().map(|payload| {
            let end = start + lines.length(payload);
            let line = whole.lines.slice(start..end);
            start = end;
            self.job(line, 1)
        });
        let (jobs, waiting): (Vec<_>, Vec<_>) = jobs.unzip();
        (jobs, waiting.into_iter().flatten())
    }

    fn job(&self, lines: Bytes, payloads: usize) -> (Job, Option<oneshot::Receiver<()>>) {
        let payloads = u32::try_from(payloads).expect("a document has at most a thousand payloads");
        let (stored, waiting) = match self.ack {
            Ack::Queued => (None, None),
            Ack::Stored => {
                let (stored, waiting) = oneshot::channel();
                (Some(stored), Some(waiting))
            }
        };
        (
            Job {
                lines,
                payloads,
                stored,
            },
            waiting,
        )
    }

    async fn acknowledge(&self, waiting: impl Iterator<Item = oneshot::Receiver<()>>) -> Answer {
        if self.ack == Ack::Queued {
            return Answer::Queued;
        }
        let all = async {
            for one in waiting {
                one.await?;
            }
            Ok::<_, oneshot::error::RecvError>(())
        };
        match timeout(ACK_WAIT, all).await {
            Ok(Ok(())) => Answer::Stored,
            // The second is a job that was given up at the stop.
            Err(_) | Ok(Err(_)) => Answer::NotStoredYet,
        }
    }

    /// The gateway begins to stop: nothing waits for a batch to fill or for a pause to end any more. Requests in flight are
    /// still taken.
    pub(crate) fn flush(&self) {
        self.stopping.cancel();
        if let Route::Queue(queue) | Route::Pool(queue) = &self.route {
            queue.flush();
        }
    }

    /// Takes no more payloads and stores what was taken, for as long as is configured, or until `hurry`.
    ///
    /// # Errors
    ///
    /// Acknowledged payloads that are not stored by then.
    pub(crate) async fn drain(&self, hurry: impl Future<Output = ()>) -> Result<(), Error> {
        self.stopping.cancel();
        if let Route::Queue(queue) | Route::Pool(queue) = &self.route {
            queue.close();
        }
        self.tasks.close();
        let (in_time, hurried) = tokio::select! {
            stored = timeout(self.drain, self.tasks.wait()) => (stored.is_ok(), false),
            () = hurry => (false, true),
        };
        if !in_time {
            self.abandon.cancel();
            self.tasks.wait().await;
            if let Route::Queue(queue) | Route::Pool(queue) = &self.route {
                queue.give_up();
            }
        }
        // Counted, not concluded from the tasks' end: one that broke down ends too.
        let failed = self.metrics.accepted.get() - self.metrics.stored.get();
        if failed == 0 {
            return Ok(());
        }
        self.metrics.failed.inc_by(failed);
        let acknowledged = u64::try_from(self.metrics.at_risk.get()).unwrap_or(0);
        let outage = self.uploader.as_ref().and_then(|of| of.outage());
        let reason = match outage {
            _ if hurried => "a second signal ended the stop".to_owned(),
            Some(outage) => outage,
            None => "the sink is too slow".to_owned(),
        };
        tracing::error!(
            payloads = failed,
            acknowledged,
            reason,
            "payloads were given up at the stop"
        );
        if acknowledged == 0 {
            return Ok(());
        }
        Err(if hurried {
            Error::Hurried {
                payloads: acknowledged,
            }
        } else {
            Error::Unstored {
                payloads: acknowledged,
                within: self.drain,
                reason,
            }
        })
    }
}

#[cfg(test)]
mod tests;
