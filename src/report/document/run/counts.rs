//! Counts and latencies of requests in `result.json`: counts are read again, and distributions are in the histograms beside it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::metrics::{ErrorKind, Quantiles, Tally, latency_quantiles, quantiles};
use crate::result::PhaseResult;

/// What is reported of all requests, and of each kind.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct CountsJson {
    requests: RequestsJson,
    errors: BTreeMap<String, u64>,
    status: BTreeMap<String, u64>,
    throughput_rps: Option<f64>,
    bytes: BytesJson,
    #[serde(skip_deserializing)]
    latency_us: Quantiles,
    #[serde(skip_deserializing)]
    service_time_us: Quantiles,
    #[serde(skip_deserializing)]
    first_byte_us: Quantiles,
    #[serde(skip_deserializing)]
    queue_wait_us: Quantiles,
    #[serde(skip_deserializing)]
    dispatch_lag_us: Quantiles,
    #[serde(skip_deserializing)]
    failed_latency_us: Quantiles,
    #[serde(skip_deserializing)]
    exact_below: f64,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct RequestsJson {
    due: u64,
    sent: u64,
    ok: u64,
    failed: u64,
    timed_out: u64,
    in_flight_at_end: u64,
    not_sent: u64,
    needed: u64,
    needed_sent_in_window: u64,
    sent_in_window: Option<u64>,
    completed_ok: Option<u64>,
    resent: u64,
}

/// Bytes of answers that were complete in the window, and of their requests.
#[derive(Default, Serialize, Deserialize)]
struct BytesJson {
    received: u64,
    received_body: u64,
    sent: u64,
    sent_body: u64,
}

impl CountsJson {
    pub(super) fn of(tally: &Tally, phase: &PhaseResult) -> Self {
        let (latency, exact_below) = latency_quantiles([tally]);
        Self {
            requests: RequestsJson {
                due: tally.due,
                sent: tally.sent,
                ok: tally.ok,
                failed: tally.failed,
                timed_out: tally.timed_out,
                in_flight_at_end: tally.in_flight_at_end,
                not_sent: tally.not_sent,
                needed: tally.needed,
                needed_sent_in_window: tally.needed_sent_in_window,
                sent_in_window: Some(tally.sent_in_window),
                completed_ok: Some(tally.completed_ok),
                resent: tally.resent,
            },
            errors: tally
                .error_counts()
                .map(|(kind, count)| (kind.name().to_owned(), count))
                .collect(),
            status: tally
                .status
                .iter()
                .filter(|&(_, &count)| count > 0)
                .map(|(status, &count)| (status.to_string(), count))
                .collect(),
            throughput_rps: phase.throughput_rps(tally),
            bytes: BytesJson {
                received: tally.received,
                received_body: tally.received_body,
                sent: tally.sent_bytes,
                sent_body: tally.sent_body,
            },
            latency_us: quantiles(&latency),
            service_time_us: quantiles(&tally.service_time),
            first_byte_us: quantiles(&tally.first_byte),
            queue_wait_us: quantiles(&tally.queue_wait),
            dispatch_lag_us: quantiles(&tally.dispatch_lag),
            failed_latency_us: quantiles(&tally.failed_latency),
            exact_below,
        }
    }

    /// The counts of windows of `seconds`, without any histogram.
    pub(super) fn tally(self, seconds: f64) -> Result<Tally, String> {
        let RequestsJson {
            due,
            sent,
            ok,
            failed,
            timed_out,
            in_flight_at_end,
            not_sent,
            needed,
            needed_sent_in_window,
            sent_in_window,
            completed_ok,
            resent,
        } = self.requests;
        // Earlier versions tell the rate alone, and what was sent in the window of all requests alone.
        let of_rate = self.throughput_rps.map_or(0.0, |rate| rate * seconds);
        let mut tally = Tally {
            due,
            sent,
            sent_in_window: sent_in_window.unwrap_or(sent),
            needed,
            needed_sent_in_window,
            ok,
            failed,
            timed_out,
            in_flight_at_end,
            not_sent,
            resent,
            received: self.bytes.received,
            received_body: self.bytes.received_body,
            sent_bytes: self.bytes.sent,
            sent_body: self.bytes.sent_body,
            completed_ok: completed_ok.unwrap_or(of_rate.round() as u64),
            ..Tally::default()
        };
        for (status, count) in self.status {
            let status = status
                .parse()
                .map_err(|_| "`status` has a key that is no status".to_owned())?;
            tally.status.insert(status, count);
        }
        // A kind that a later version tells apart is a failure all the same.
        for kind in ErrorKind::ALL {
            tally.errors[kind as usize] = self.errors.get(kind.name()).copied().unwrap_or(0);
        }
        if tally.adds_up() {
            Ok(tally)
        } else {
            Err("the counts of `requests` and `errors` do not add up".to_owned())
        }
    }
}
