//! Counts and latencies of requests in `result.json`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::experiment::PhaseResult;
use crate::metrics::{Quantiles, Tally, latency_quantiles, quantiles};

/// What is reported of all requests, and of each kind.
#[derive(Serialize)]
pub(super) struct CountsJson {
    requests: RequestsJson,
    errors: BTreeMap<&'static str, u64>,
    status: BTreeMap<u16, u64>,
    throughput_rps: f64,
    bytes: BytesJson,
    latency_us: QuantilesJson,
    service_time_us: QuantilesJson,
    first_byte_us: QuantilesJson,
    queue_wait_us: QuantilesJson,
    dispatch_lag_us: QuantilesJson,
    failed_latency_us: QuantilesJson,
    exact_below: f64,
}

#[derive(Serialize)]
struct RequestsJson {
    due: u64,
    sent: u64,
    ok: u64,
    failed: u64,
    timed_out: u64,
    in_flight_at_end: u64,
    not_sent: u64,
}

/// Bytes of answers that were complete in the window, and of their requests.
#[derive(Serialize)]
struct BytesJson {
    received: u64,
    received_body: u64,
    sent: u64,
    sent_body: u64,
}

#[derive(Serialize)]
pub(super) struct QuantilesJson {
    min: f64,
    mean: f64,
    p50: f64,
    p75: f64,
    p90: f64,
    p95: f64,
    p99: f64,
    p99_9: f64,
    p99_99: f64,
    max: f64,
}

pub(super) fn counts_json(tally: &Tally, phase: &PhaseResult) -> CountsJson {
    let (latency, exact_below) = latency_quantiles(tally);
    CountsJson {
        requests: RequestsJson {
            due: tally.due,
            sent: tally.sent,
            ok: tally.ok,
            failed: tally.failed,
            timed_out: tally.timed_out,
            in_flight_at_end: tally.in_flight_at_end,
            not_sent: tally.not_sent,
        },
        errors: tally
            .error_counts()
            .map(|(kind, count)| (kind.name(), count))
            .collect(),
        status: tally
            .status
            .iter()
            .filter(|&(_, &count)| count > 0)
            .map(|(&status, &count)| (status, count))
            .collect(),
        throughput_rps: phase.throughput_rps(tally),
        bytes: BytesJson {
            received: tally.received,
            received_body: tally.received_body,
            sent: tally.sent_bytes,
            sent_body: tally.sent_body,
        },
        latency_us: quantiles_json(quantiles(&latency)),
        service_time_us: quantiles_json(quantiles(&tally.service_time)),
        first_byte_us: quantiles_json(quantiles(&tally.first_byte)),
        queue_wait_us: quantiles_json(quantiles(&tally.queue_wait)),
        dispatch_lag_us: quantiles_json(quantiles(&tally.dispatch_lag)),
        failed_latency_us: quantiles_json(quantiles(&tally.failed_latency)),
        exact_below,
    }
}

pub(super) fn quantiles_json(points: Quantiles) -> QuantilesJson {
    let Quantiles {
        min,
        mean,
        p50,
        p75,
        p90,
        p95,
        p99,
        p99_9,
        p99_99,
        max,
    } = points;
    QuantilesJson {
        min,
        mean,
        p50,
        p75,
        p90,
        p95,
        p99,
        p99_9,
        p99_99,
        max,
    }
}
