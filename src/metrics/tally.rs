//! Counters and histograms of one kind of request over some stretch of time.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::outcome::{ErrorKind, Moved, Outcome, Times};
use super::packed;

/// Largest value that is recorded as it is: an hour. Longer ones count as an hour.
const MAX_NS: u64 = 3_600_000_000_000;

/// Significant digits of all histograms.
const DIGITS: u8 = 3;

/// What was counted. Latencies cover requests due in the window; `completed_ok` covers responses completed in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Latency of OK responses, ns.
    #[serde(with = "packed")]
    pub latency: Histogram<u64>,
    /// Lower bounds of the latency of requests that timed out, were in flight at the end or were never sent, ns.
    #[serde(with = "packed")]
    pub censored: Histogram<u64>,
    /// Latency of other failures, ns.
    #[serde(with = "packed")]
    pub failed_latency: Histogram<u64>,
    /// Service time of OK responses, ns.
    #[serde(with = "packed")]
    pub service_time: Histogram<u64>,
    /// From sending a request to the first byte of its OK response, ns.
    #[serde(with = "packed")]
    pub first_byte: Histogram<u64>,
    /// Queue wait of what was sent, ns.
    #[serde(with = "packed")]
    pub queue_wait: Histogram<u64>,
    /// Dispatch lag of what was sent, ns.
    #[serde(with = "packed")]
    pub dispatch_lag: Histogram<u64>,
    /// Requests due in the window.
    pub due: u64,
    /// Of those, sent.
    pub sent: u64,
    /// Of those, sent before the window ended.
    pub sent_in_window: u64,
    /// Of the due, those that no schedule asked for: another request needed what they bring.
    pub needed: u64,
    /// Of those, sent before the window ended.
    pub needed_sent_in_window: u64,
    /// Of the sent, sent a second time, because the target had closed or reset a kept connection without a byte of an answer.
    pub resent: u64,
    /// Of the due, answered as expected.
    pub ok: u64,
    /// Of those, failed, timeouts included.
    pub failed: u64,
    /// Of those, timed out.
    pub timed_out: u64,
    /// Of those, without an answer when the drain ended.
    pub in_flight_at_end: u64,
    /// Of those, never sent.
    pub not_sent: u64,
    /// OK responses completed in the window, whenever they were due.
    pub completed_ok: u64,
    /// Bytes of the answers that were complete in the window, whatever they were.
    pub received: u64,
    /// Of those, of bodies.
    pub received_body: u64,
    /// Bytes of the requests that had these answers.
    pub sent_bytes: u64,
    /// Of those, of bodies.
    pub sent_body: u64,
    /// Responses by status, of requests due in the window.
    pub status: BTreeMap<u16, u64>,
    /// Failures by kind.
    pub errors: [u64; ErrorKind::ALL.len()],
}

/// An empty histogram that grows with its values. The full range would take 264 KiB each, for every request of a scenario, worker and
/// interval under way.
pub(super) fn growing() -> Histogram<u64> {
    let mut histogram = Histogram::new(DIGITS).expect("the digits are valid");
    histogram.auto(true);
    histogram
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            latency: growing(),
            censored: growing(),
            failed_latency: growing(),
            service_time: growing(),
            first_byte: growing(),
            queue_wait: growing(),
            dispatch_lag: growing(),
            due: 0,
            sent: 0,
            sent_in_window: 0,
            needed: 0,
            needed_sent_in_window: 0,
            resent: 0,
            ok: 0,
            failed: 0,
            timed_out: 0,
            in_flight_at_end: 0,
            not_sent: 0,
            completed_ok: 0,
            received: 0,
            received_body: 0,
            sent_bytes: 0,
            sent_body: 0,
            status: BTreeMap::new(),
            errors: [0; ErrorKind::ALL.len()],
        }
    }
}

impl Tally {
    /// What several tallies counted, as one.
    pub fn sum(tallies: &[Self]) -> Self {
        let mut sum = Self::default();
        tallies.iter().for_each(|tally| sum.add(tally));
        sum
    }

    /// Counts a request that was due in the window and has ended.
    pub fn record(&mut self, outcome: Outcome, times: Times, window_end: u64) {
        self.due += 1;
        let latency = times.done.saturating_sub(times.intended);
        let status = match outcome {
            Outcome::Ok { status } => {
                self.ok += 1;
                record(&mut self.latency, latency);
                record(
                    &mut self.service_time,
                    times.done.saturating_sub(times.sent),
                );
                Some(status)
            }
            Outcome::Failed { kind, status } => {
                self.failed += 1;
                self.errors[kind as usize] += 1;
                if kind == ErrorKind::Timeout {
                    self.timed_out += 1;
                    record(&mut self.censored, latency);
                } else {
                    record(&mut self.failed_latency, latency);
                }
                status
            }
        };
        if let Some(status) = status {
            *self.status.entry(status).or_default() += 1;
        }
        if !matches!(outcome, Outcome::Failed { kind, .. } if kind.is_unsent()) {
            self.record_sending(times, window_end);
        }
    }

    /// Counts the bytes of an answer that was complete in the window, and of its request.
    pub fn add_moved(&mut self, moved: Moved) {
        self.received += moved.received;
        self.received_body += moved.received_body;
        self.sent_bytes += moved.sent;
        self.sent_body += moved.sent_body;
    }

    /// Counts the time to the first byte of an OK response, ns.
    pub fn record_first_byte(&mut self, nanos: u64) {
        record(&mut self.first_byte, nanos);
    }

    /// Counts a request that was due in the window and has no answer at the end of the drain.
    pub fn record_in_flight(&mut self, times: Times, window_end: u64) {
        self.due += 1;
        self.in_flight_at_end += 1;
        record(
            &mut self.censored,
            times.done.saturating_sub(times.intended),
        );
        self.record_sending(times, window_end);
    }

    /// Counts a request that was due in the window and was never sent; it waited at least `waited_ns`.
    pub fn record_not_sent(&mut self, waited_ns: u64) {
        self.due += 1;
        self.not_sent += 1;
        record(&mut self.censored, waited_ns);
    }

    /// Notes that a request that was counted as due was not scheduled; `sent` is when it was sent, if it was.
    pub fn note_needed(&mut self, sent: Option<u64>, window_end: u64) {
        self.needed += 1;
        if sent.is_some_and(|sent| sent < window_end) {
            self.needed_sent_in_window += 1;
        }
    }

    /// Share of the scheduled requests that were sent before the window ended; `None` if none was due.
    pub fn scheduled_share(&self) -> Option<f64> {
        let due = self.due.saturating_sub(self.needed);
        let sent = self
            .sent_in_window
            .saturating_sub(self.needed_sent_in_window);
        (due > 0).then(|| sent as f64 / due as f64)
    }

    fn record_sending(&mut self, times: Times, window_end: u64) {
        self.sent += 1;
        if times.sent < window_end {
            self.sent_in_window += 1;
        }
        record(
            &mut self.queue_wait,
            times.startable.saturating_sub(times.intended),
        );
        record(
            &mut self.dispatch_lag,
            times.sent.saturating_sub(times.startable),
        );
    }

    /// Adds what another tally counted.
    pub fn add(&mut self, other: &Self) {
        for (into, from) in [
            (&mut self.latency, &other.latency),
            (&mut self.censored, &other.censored),
            (&mut self.failed_latency, &other.failed_latency),
            (&mut self.service_time, &other.service_time),
            (&mut self.first_byte, &other.first_byte),
            (&mut self.queue_wait, &other.queue_wait),
            (&mut self.dispatch_lag, &other.dispatch_lag),
        ] {
            into.add(from)
                .expect("histograms of one kind have the same bounds");
        }
        for (into, from) in [
            (&mut self.due, other.due),
            (&mut self.sent, other.sent),
            (&mut self.sent_in_window, other.sent_in_window),
            (&mut self.needed, other.needed),
            (&mut self.needed_sent_in_window, other.needed_sent_in_window),
            (&mut self.resent, other.resent),
            (&mut self.ok, other.ok),
            (&mut self.failed, other.failed),
            (&mut self.timed_out, other.timed_out),
            (&mut self.in_flight_at_end, other.in_flight_at_end),
            (&mut self.not_sent, other.not_sent),
            (&mut self.completed_ok, other.completed_ok),
            (&mut self.received, other.received),
            (&mut self.received_body, other.received_body),
            (&mut self.sent_bytes, other.sent_bytes),
            (&mut self.sent_body, other.sent_body),
        ] {
            *into += from;
        }
        // `clear` keeps statuses at zero.
        for (&status, count) in other.status.iter().filter(|&(_, &count)| count > 0) {
            *self.status.entry(status).or_default() += count;
        }
        for (into, from) in self.errors.iter_mut().zip(other.errors) {
            *into += from;
        }
    }

    /// Whether nothing was counted.
    pub fn is_blank(&self) -> bool {
        self.due == 0 && self.completed_ok == 0
    }

    /// Forgets everything but keeps the memory.
    pub fn clear(&mut self) {
        for histogram in [
            &mut self.latency,
            &mut self.censored,
            &mut self.failed_latency,
            &mut self.service_time,
            &mut self.first_byte,
            &mut self.queue_wait,
            &mut self.dispatch_lag,
        ] {
            if !histogram.is_empty() {
                histogram.reset();
            }
        }
        self.status.values_mut().for_each(|count| *count = 0);
        self.errors = [0; ErrorKind::ALL.len()];
        (
            self.due,
            self.sent,
            self.sent_in_window,
            self.ok,
            self.failed,
        ) = (0, 0, 0, 0, 0);
        (self.needed, self.needed_sent_in_window, self.resent) = (0, 0, 0);
        (self.received, self.received_body) = (0, 0);
        (self.sent_bytes, self.sent_body) = (0, 0);
        (
            self.timed_out,
            self.in_flight_at_end,
            self.not_sent,
            self.completed_ok,
        ) = (0, 0, 0, 0);
    }

    /// Failures by kind, only those that happened.
    pub fn error_counts(&self) -> impl Iterator<Item = (ErrorKind, u64)> + '_ {
        ErrorKind::ALL
            .into_iter()
            .map(|kind| (kind, self.errors[kind as usize]))
            .filter(|&(_, count)| count > 0)
    }

    /// Failures that a generator may have made by being late: time-outs, and where there are some among all requests what needed
    /// their answers.
    pub fn late_failures(&self, total: &Self) -> u64 {
        let count = |of: &Self, kind: ErrorKind| of.errors[kind as usize];
        let timed_out =
            |of: &Self| count(of, ErrorKind::Timeout) + count(of, ErrorKind::ConnectTimeout);
        let unmet = if timed_out(total) > 0 {
            count(self, ErrorKind::Prerequisite)
        } else {
            0
        };
        timed_out(self) + unmet
    }

    /// Share of failed requests among those that ended; 0 if none did.
    pub fn error_rate(&self) -> f64 {
        let ended = self.ok + self.failed;
        if ended == 0 {
            0.0
        } else {
            self.failed as f64 / ended as f64
        }
    }
}

fn record(histogram: &mut Histogram<u64>, nanos: u64) {
    // Not `saturating_record`: that would clip instead of growing.
    histogram
        .record(nanos.min(MAX_NS))
        .expect("a value up to MAX_NS fits or makes the histogram grow");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn times(intended: u64, startable: u64, sent: u64, done: u64) -> Times {
        Times {
            intended,
            startable,
            sent,
            done,
        }
    }

    #[test]
    fn the_times_of_a_request_add_up() {
        let mut tally = Tally::default();
        tally.record(
            Outcome::Ok { status: 200 },
            times(1_000, 1_100, 1_130, 2_000),
            10_000,
        );
        assert_eq!((tally.due, tally.sent, tally.ok), (1, 1, 1));
        assert_eq!(
            [
                &tally.latency,
                &tally.queue_wait,
                &tally.dispatch_lag,
                &tally.service_time
            ]
            .map(|h| h.max()),
            [1_000, 100, 30, 870]
        );
        assert_eq!(tally.status[&200], 1);
    }

    #[test]
    fn every_due_request_is_in_exactly_one_place() {
        let mut tally = Tally::default();
        let at = times(0, 0, 10, 5_000);
        tally.record(Outcome::Ok { status: 200 }, at, 100);
        tally.record(
            Outcome::Failed {
                kind: ErrorKind::Status,
                status: Some(503),
            },
            at,
            100,
        );
        tally.record(
            Outcome::Failed {
                kind: ErrorKind::Timeout,
                status: None,
            },
            at,
            100,
        );
        tally.record(
            Outcome::Failed {
                kind: ErrorKind::ConnectRefused,
                status: None,
            },
            at,
            100,
        );
        tally.record_in_flight(at, 5);
        tally.record_not_sent(77);
        assert_eq!(tally.due, 6);
        assert_eq!(
            tally.ok + tally.failed + tally.in_flight_at_end + tally.not_sent,
            tally.due
        );
        assert_eq!(
            tally.latency.len() + tally.censored.len() + tally.failed_latency.len(),
            tally.due
        );
        assert_eq!((tally.sent, tally.sent_in_window), (4, 3));
        assert_eq!(
            tally.error_counts().collect::<Vec<_>>(),
            [
                (ErrorKind::ConnectRefused, 1),
                (ErrorKind::Status, 1),
                (ErrorKind::Timeout, 1)
            ]
        );
        assert!((tally.error_rate() - 3.0 / 4.0).abs() < 1e-12);
        tally.clear();
        assert_eq!(
            (tally.due, tally.latency.len(), tally.error_rate()),
            (0, 0, 0.0)
        );
    }

    #[test]
    fn what_was_not_scheduled_does_not_count_as_planned() {
        let mut tally = Tally::default();
        assert_eq!(tally.scheduled_share(), None);
        let late = times(0, 200, 200, 300);
        for (at, is_needed) in [
            (times(0, 0, 10, 50), true),
            (times(0, 0, 10, 50), false),
            (late, true),
            (late, false),
        ] {
            tally.record(Outcome::Ok { status: 200 }, at, 100);
            if is_needed {
                tally.note_needed(Some(at.sent), 100);
            }
        }
        tally.record_not_sent(1);
        tally.note_needed(None, 100);
        assert_eq!(
            (tally.due, tally.needed, tally.needed_sent_in_window),
            (5, 3, 1)
        );
        assert_eq!(tally.scheduled_share(), Some(0.5));
        let mut sum = Tally::sum(&[tally.clone(), tally]);
        assert_eq!((sum.needed, sum.scheduled_share()), (6, Some(0.5)));
        sum.clear();
        assert_eq!((sum.needed, sum.needed_sent_in_window), (0, 0));
    }

    proptest! {
        #[test]
        fn merging_is_the_same_as_counting_in_one_place(values in proptest::collection::vec((0u64..10_000_000_000, 0u8..3, any::<bool>()), 0..60)) {
            let (mut whole, mut left, mut right) = (Tally::default(), Tally::default(), Tally::default());
            for (latency, kind, to_left) in values {
                let outcome = match kind {
                    0 => Outcome::Ok { status: 200 },
                    1 => Outcome::Failed { kind: ErrorKind::Reset, status: None },
                    _ => Outcome::Failed { kind: ErrorKind::Timeout, status: None },
                };
                for tally in [&mut whole, if to_left { &mut left } else { &mut right }] {
                    tally.record(outcome, times(5, 5, 5, 5 + latency), 100);
                }
            }
            left.add(&right);
            prop_assert_eq!(left.due, whole.due);
            prop_assert_eq!(left.errors, whole.errors);
            prop_assert_eq!(&left.status, &whole.status);
            prop_assert!(left.latency == whole.latency && left.censored == whole.censored && left.failed_latency == whole.failed_latency);
        }
    }
}
