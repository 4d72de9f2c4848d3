//! Counters of the gateway and their text form. The hot path touches pre-resolved atomics; nothing here names a device.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use rustix::time::{ClockId, clock_gettime};

use crate::bcrypt_pool::PoolMetrics;
use crate::ingest::metrics::IngestMetrics;

/// Media type of [`Metrics::render`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Code under which a request is counted whose client went away before the reply, after nginx's convention.
const CLIENT_CLOSED: u16 = 499;
const CODES: [u16; 14] = [
    200,
    202,
    400,
    401,
    403,
    404,
    405,
    408,
    413,
    429,
    431,
    500,
    503,
    CLIENT_CLOSED,
];
/// Seconds; from a cached check (tens of microseconds) to a long queue for bcrypt.
const BUCKETS: [f64; 16] = [
    50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 0.5, 1.0,
    2.5, 10.0,
];

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Code {
    code: u16,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct Reason {
    reason: &'static str,
}

/// All counters. Handles are shared: cloning one is cheap and counts into the same series.
pub(crate) struct Metrics {
    registry: Registry,
    requests: [Counter; CODES.len()],
    in_flight: Gauge,
    duration: Histogram,
    pub(crate) pool: PoolMetrics,
    pub(crate) cache_hits: Counter,
    pub(crate) cache_misses: Counter,
    pub(crate) computed: Counter,
    pub(crate) shared: Counter,
    pub(crate) cancelled: Counter,
    pub(crate) rejected: Counter,
    pub(crate) limited: Counter,
    pub(crate) refusal_hits: Counter,
    pub(crate) sessions: Counter,
    pub(crate) revoked: Counter,
    pub(crate) panics: Counter,
    pub(crate) store: StoreMetrics,
    pub(crate) connections: ConnectionMetrics,
    pub(crate) ingest: Arc<IngestMetrics>,
}

/// What the shared store costs when it fails.
#[derive(Clone, Default)]
pub(crate) struct StoreMetrics {
    /// Calls that failed or took too long.
    pub(crate) errors: Counter,
    /// Credentials that were checked by bcrypt because the store was down.
    pub(crate) fallbacks: Counter,
}

/// Connections and why the gateway closed some.
#[derive(Clone, Default)]
pub(crate) struct ConnectionMetrics {
    pub(crate) open: Gauge,
    /// A request's head took too long.
    pub(crate) slow_head: Counter,
    /// No request for too long.
    pub(crate) idle: Counter,
}

impl Metrics {
    pub(crate) fn new() -> Arc<Self> {
        let mut registry = Registry::default();
        let family = Family::<Code, Counter>::default();
        let requests = CODES.map(|code| family.get_or_create_owned(&Code { code }));
        registry.register(
            "gateway_requests",
            "Requests answered, by status; 499 is a client that left",
            family,
        );
        let in_flight = Gauge::default();
        registry.register(
            "gateway_in_flight",
            "Requests being handled",
            in_flight.clone(),
        );
        let duration = Histogram::new(BUCKETS);
        registry.register(
            "gateway_request_duration_seconds",
            "From the parsed head to the reply",
            duration.clone(),
        );
        let (pool, store, connections) =
            <(PoolMetrics, StoreMetrics, ConnectionMetrics)>::default();
        for (name, help, gauge) in [
            (
                "gateway_bcrypt_queue",
                "bcrypt checks that wait",
                &pool.waiting,
            ),
            ("gateway_connections", "Open connections", &connections.open),
        ] {
            registry.register(name, help, gauge.clone());
        }
        let closed = Family::<Reason, Counter>::default();
        let closed_for = |reason: &'static str| closed.get_or_create_owned(&Reason { reason });
        let connections = ConnectionMetrics {
            slow_head: closed_for("header_timeout"),
            idle: closed_for("idle_timeout"),
            ..connections
        };
        registry.register(
            "gateway_connections_closed",
            "Connections closed by the gateway, by reason",
            closed,
        );
        let ingest = Arc::new(IngestMetrics::register(&mut registry));
        registry.register_collector(Box::new(ProcessCpu));
        let mut register = |name: &str, help: &str, counter: &Counter| {
            registry.register(name, help, counter.clone())
        };
        register("gateway_bcrypt", "bcrypt checks started", &pool.started);
        register(
            "gateway_store_errors",
            "Calls to the store that failed or took too long",
            &store.errors,
        );
        register(
            "gateway_store_fallbacks",
            "Credentials checked by bcrypt because the store was down",
            &store.fallbacks,
        );
        let mut counter = |name: &str, help: &str| {
            let counter = Counter::<u64, AtomicU64>::default();
            register(name, help, &counter);
            counter
        };
        Self {
            requests,
            in_flight,
            duration,
            cache_hits: counter("gateway_cache_hits", "Credentials accepted by their digest"),
            cache_misses: counter("gateway_cache_misses", "Credentials without a live digest"),
            computed: counter("gateway_computed", "Flights that came to a bcrypt check"),
            shared: counter(
                "gateway_shared",
                "Misses served by another request's bcrypt",
            ),
            cancelled: counter(
                "gateway_cancelled",
                "Requests that left before their flight landed",
            ),
            rejected: counter(
                "gateway_rejected",
                "Requests refused because the bcrypt queue was full",
            ),
            limited: counter(
                "gateway_limited",
                "Requests refused because their device had its share of checks",
            ),
            refusal_hits: counter(
                "gateway_refusal_hits",
                "Credentials refused because they were refused just before",
            ),
            sessions: counter("gateway_sessions", "Session tokens issued"),
            revoked: counter("gateway_revoked", "Revocations asked of this instance"),
            panics: counter("gateway_panics", "Requests whose handler panicked"),
            pool,
            store,
            connections,
            ingest,
            registry,
        }
        .into()
    }

    /// Starts the observation of a request. One that is dropped unfinished counts as a client that left.
    pub(crate) fn begin(&self) -> Pending<'_> {
        self.in_flight.inc();
        Pending {
            metrics: self,
            started: Instant::now(),
            code: CLIENT_CLOSED,
        }
    }

    /// The OpenMetrics text of this moment.
    pub(crate) fn render(&self) -> Result<String, fmt::Error> {
        let mut text = String::with_capacity(4096);
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// A request being observed.
pub(crate) struct Pending<'a> {
    metrics: &'a Metrics,
    started: Instant,
    code: u16,
}

impl Pending<'_> {
    pub(crate) fn end(mut self, code: u16) {
        self.code = code;
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
        if let Some(index) = CODES.iter().position(|code| *code == self.code) {
            self.metrics.requests[index].inc();
        }
        self.metrics
            .duration
            .observe(self.started.elapsed().as_secs_f64());
    }
}

/// User and system time of the process, read when asked for.
#[derive(Debug)]
struct ProcessCpu;

impl Collector for ProcessCpu {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let spent = clock_gettime(ClockId::ProcessCPUTime);
        let counter = ConstCounter::new(spent.tv_sec as f64 + spent.tv_nsec as f64 / 1e9);
        let metric = encoder.encode_descriptor(
            "process_cpu_seconds",
            "User and system CPU time of the process",
            None,
            counter.metric_type(),
        )?;
        counter.encode(metric)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values() {
        let metrics = Metrics::new();
        metrics.begin().end(200);
        drop(metrics.begin());
        metrics.shared.inc_by(3);
        let pending = metrics.begin();
        let text = metrics.render().unwrap();
        drop(pending);
        for line in [
            "gateway_requests_total{code=\"200\"} 1",
            "gateway_requests_total{code=\"499\"} 1",
            "gateway_in_flight 1",
            "gateway_bcrypt_total 0",
            "gateway_cache_hits_total 0",
            "gateway_cache_misses_total 0",
            "gateway_shared_total 3",
            "gateway_rejected_total 0",
            "gateway_computed_total 0",
            "gateway_cancelled_total 0",
            "gateway_limited_total 0",
            "gateway_refusal_hits_total 0",
            "gateway_sessions_total 0",
            "gateway_revoked_total 0",
            "gateway_panics_total 0",
            "gateway_store_errors_total 0",
            "gateway_store_fallbacks_total 0",
            "gateway_bcrypt_queue 0",
            "gateway_connections 0",
            "gateway_connections_closed_total{reason=\"header_timeout\"} 0",
            "gateway_connections_closed_total{reason=\"idle_timeout\"} 0",
            "gateway_request_duration_seconds_count 2",
            "# TYPE process_cpu_seconds counter",
            "# EOF",
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "{line} is not in\n{text}"
            );
        }
        let cpu = text
            .lines()
            .find_map(|line| line.strip_prefix("process_cpu_seconds_total "))
            .unwrap();
        assert!(cpu.parse::<f64>().unwrap() > 0.0);
    }
}
