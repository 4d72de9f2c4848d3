//! Counts and latencies of requests in `result.json`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::metrics::{Quantiles, Tally, latency_quantiles, quantiles};
use crate::result::PhaseResult;

/// What is reported of all requests, and of each kind.
#[derive(Serialize)]
pub(super) struct CountsJson {
    requests: RequestsJson,
    errors: BTreeMap<&'static str, u64>,
    status: BTreeMap<u16, u64>,
    throughput_rps: Option<f64>,
    latency_us: Quantiles,
    service_time_us: Quantiles,
    queue_wait_us: Quantiles,
    dispatch_lag_us: Quantiles,
    failed_latency_us: Quantiles,
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
        latency_us: quantiles(&latency),
        service_time_us: quantiles(&tally.service_time),
        queue_wait_us: quantiles(&tally.queue_wait),
        dispatch_lag_us: quantiles(&tally.dispatch_lag),
        failed_latency_us: quantiles(&tally.failed_latency),
        exact_below,
    }
}
