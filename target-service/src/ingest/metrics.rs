//! Counters of the ingestion. Handles are plain atomics that queue, workers and requests touch directly.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use super::job::Job;

/// What is known of the queue at this moment.
#[derive(Debug)]
pub(crate) struct Watch {
    depth: Gauge,
    bytes: Gauge,
    epoch: Instant,
    /// Microseconds from the epoch to the arrival of the oldest payload that waits, and one more; 0 if none waits.
    oldest: AtomicU64,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self {
            depth: Gauge::default(),
            bytes: Gauge::default(),
            epoch: Instant::now(),
            oldest: AtomicU64::new(0),
        }
    }

    pub(crate) fn queue(&self, payloads: usize, bytes: usize, oldest: Option<Instant>) {
        self.depth.set(signed(payloads));
        self.bytes.set(signed(bytes));
        let oldest = oldest.map_or(0, |queued| micros(queued - self.epoch) + 1);
        self.oldest.store(oldest, Ordering::Relaxed);
    }

    fn oldest_age_seconds(&self) -> f64 {
        match self.oldest.load(Ordering::Relaxed) {
            0 => 0.0,
            oldest => micros(self.epoch.elapsed()).saturating_sub(oldest - 1) as f64 / 1e6,
        }
    }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// All counters of the ingestion.
pub(crate) struct IngestMetrics {
    /// Payloads taken: every one of them is stored or failed in the end.
    pub(crate) accepted: Counter,
    pub(crate) stored: Counter,
    /// Payloads given up at the stop.
    pub(crate) failed: Counter,
    /// Payloads refused for lack of room, or because the gateway stops.
    pub(crate) rejected: Counter,
    pub(crate) discarded: Counter,
    /// Documents whose client was told that they are taken, and their payloads.
    pub(crate) documents_acknowledged: Counter,
    pub(crate) payloads_acknowledged: Counter,
    /// Payloads acknowledged before they are stored, and not stored yet: what a crash would lose.
    pub(crate) at_risk: Gauge,
    pub(crate) busy: Gauge,
    pub(crate) tasks: Gauge,
    pub(crate) batches: Counter,
    pub(crate) batch_payloads: Histogram,
    pub(crate) batch_bytes: Histogram,
    pub(crate) sink_errors: Counter,
    pub(crate) sink_retries: Counter,
    pub(crate) watch: Arc<Watch>,
}

impl IngestMetrics {
    /// Makes the series known to a registry.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let mut counter = |name: &str, help: &str| {
            let counter = Counter::<u64, AtomicU64>::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let accepted = counter("gateway_payloads_accepted", "Payloads taken to be stored");
        let stored = counter("gateway_payloads_stored", "Payloads that the sink has");
        let failed = counter("gateway_payloads_failed", "Payloads given up at the stop");
        let rejected = counter(
            "gateway_payloads_rejected",
            "Payloads refused for lack of room",
        );
        let discarded = counter(
            "gateway_payloads_discarded",
            "Payloads thrown away as configured",
        );
        let documents_acknowledged = counter(
            "gateway_documents_acknowledged",
            "Documents answered as queued or stored",
        );
        let payloads_acknowledged = counter("gateway_payloads_acknowledged", "Payloads of these");
        let batches = counter("gateway_ingest_batches", "Objects that the sink has");
        let sink_errors = counter(
            "gateway_sink_errors",
            "Uploads that failed, retries included",
        );
        let sink_retries = counter("gateway_sink_retries", "Uploads tried again");
        let mut gauge =
            |name: &str, help: &str, gauge: &Gauge| registry.register(name, help, gauge.clone());
        let (at_risk, busy, tasks) = (Gauge::default(), Gauge::default(), Gauge::default());
        let watch = Arc::new(Watch::new());
        gauge(
            "gateway_payloads_acknowledged_unstored",
            "Payloads acknowledged and not stored yet: what a crash would lose",
            &at_risk,
        );
        gauge("gateway_ingest_workers_busy", "Workers that upload", &busy);
        gauge(
            "gateway_ingest_tasks",
            "Tasks in flight, one per payload",
            &tasks,
        );
        gauge(
            "gateway_ingest_queue_payloads",
            "Payloads that wait for a worker",
            &watch.depth,
        );
        gauge(
            "gateway_ingest_queue_bytes",
            "Bytes that wait for a worker",
            &watch.bytes,
        );
        let mut histogram = |name: &str, help: &str, start: f64| {
            let histogram = Histogram::new(exponential_buckets(start, 4.0, 9));
            registry.register(name, help, histogram.clone());
            histogram
        };
        let batch_payloads = histogram(
            "gateway_ingest_batch_payloads",
            "Payloads of an object",
            1.0,
        );
        let batch_bytes = histogram("gateway_ingest_batch_bytes", "Bytes of an object", 256.0);
        registry.register_collector(Box::new(Oldest(Arc::clone(&watch))));
        Self {
            accepted,
            stored,
            failed,
            rejected,
            discarded,
            documents_acknowledged,
            payloads_acknowledged,
            at_risk,
            busy,
            tasks,
            batches,
            batch_payloads,
            batch_bytes,
            sink_errors,
            sink_retries,
            watch,
        }
    }
}

impl IngestMetrics {
    /// The job is the gateway's from here on.
    pub(crate) fn taken(&self, job: &Job) {
        let payloads = u64::from(job.payloads);
        self.accepted.inc_by(payloads);
        if job.stored.is_none() {
            self.at_risk.inc_by(i64::from(job.payloads));
        }
    }

    /// The sink has the job.
    pub(crate) fn stored(&self, job: &Job) {
        self.stored.inc_by(u64::from(job.payloads));
        if job.stored.is_none() {
            self.at_risk.dec_by(i64::from(job.payloads));
        }
    }
}

/// The age of what waits longest, computed when asked for.
#[derive(Debug)]
struct Oldest(Arc<Watch>);

impl Collector for Oldest {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let gauge = ConstGauge::new(self.0.oldest_age_seconds());
        let metric = encoder.encode_descriptor(
            "gateway_ingest_oldest_queued_seconds",
            "Age of the payload that waits longest for a worker",
            None,
            gauge.metric_type(),
        )?;
        gauge.encode(metric)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_oldest_grows_older_until_it_is_taken() {
        let watch = Watch::new();
        assert_eq!(watch.oldest_age_seconds(), 0.0);
        watch.queue(1, 10, Some(Instant::now()));
        tokio::time::advance(Duration::from_millis(1500)).await;
        assert_eq!(watch.oldest_age_seconds(), 1.5);
        watch.queue(0, 0, None);
        assert_eq!(watch.oldest_age_seconds(), 0.0);
    }
}
