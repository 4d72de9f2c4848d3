//! The figures of one variant that is loaded: those of the last second, and what was counted.

use std::collections::VecDeque;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::second::{Recent, Second};
use crate::experiment::Live;
use crate::metrics::{ErrorKind, Tally, latency_quantiles};

/// Seconds whose 99th percentiles are kept.
pub(super) const TREND: usize = 30;
/// Time from which a second counts as one: the rest is rounding.
const LONG_ENOUGH: Duration = Duration::from_millis(950);

/// What was counted in a phase.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counted {
    pub(super) ok: u64,
    pub(super) errors: [u64; ErrorKind::ALL.len()],
    /// Latencies, and their sum, s.
    pub(super) latencies: u64,
    pub(super) latency_sum: f64,
}

/// The figures of one variant of a stretch.
#[derive(Debug, Default)]
pub(super) struct Side {
    recent: Recent,
    /// Those of the last second.
    pub(super) second: Option<Second>,
    /// 99th percentiles of the last seconds, µs.
    pub(super) trend: VecDeque<f64>,
    /// When the last one of these was taken.
    trend_until: Duration,
    pub(super) errors: [u64; ErrorKind::ALL.len()],
    /// How much of the window has passed.
    pub(super) passed: Duration,
    /// What was counted before the stretch.
    pub(super) before: Counted,
}

/// What has passed with an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// Too little for a line of a log.
    NoLine,
    /// Enough for one: ten more seconds of the window, which passes in a variant's own turns alone, or an interval that is longer.
    ALine,
}

impl Counted {
    /// Adds an interval.
    pub(super) fn add(&mut self, live: &Live<'_>) {
        self.ok += live.completed_ok;
        add(&mut self.errors, &live.errors);
        self.latencies += live.latency.len();
        self.latency_sum += sum_of(live.latency);
    }

    /// With all that one launch found.
    pub(super) fn with(mut self, total: &Tally) -> Self {
        let (latency, _) = latency_quantiles([total]);
        self.ok += total.completed_ok;
        let errors = total.error_counts();
        errors.for_each(|(kind, count)| self.errors[kind as usize] += count);
        self.latencies += latency.len();
        self.latency_sum += sum_of(&latency);
        self
    }

    /// No counter ever falls.
    pub(super) fn raise(&mut self, to: &Self) {
        self.ok = self.ok.max(to.ok);
        self.latencies = self.latencies.max(to.latencies);
        self.latency_sum = self.latency_sum.max(to.latency_sum);
        let errors = self.errors.iter_mut().zip(to.errors);
        errors.for_each(|(count, to)| *count = (*count).max(to));
    }
}

impl Side {
    /// Of a stretch before which so much was counted.
    pub(super) fn after(before: Counted) -> Self {
        Self {
            before,
            ..Self::default()
        }
    }

    /// Adds an interval for which the schedule had `planned` requests.
    pub(super) fn add(&mut self, live: &Live<'_>, planned: Option<f64>) -> Passed {
        let before = self.passed;
        self.passed = live.start + live.length;
        add(&mut self.errors, &live.errors);
        let second = self.recent.add(live, planned);
        self.second = Some(second);
        if self.passed.saturating_sub(self.trend_until) >= LONG_ENOUGH {
            self.trend_until = self.passed;
            self.trend.extend(second.p99_us);
            if self.trend.len() > TREND {
                self.trend.pop_front();
            }
        }
        let tens = |at: Duration| at.as_secs() / 10;
        if tens(self.passed) > tens(before) {
            Passed::ALine
        } else {
            Passed::NoLine
        }
    }
}

/// The sum of latencies, s.
fn sum_of(latency: &Histogram<u64>) -> f64 {
    latency.mean() / 1e9 * latency.len() as f64
}

fn add(into: &mut [u64], from: &[u64]) {
    into.iter_mut()
        .zip(from)
        .for_each(|(into, from)| *into += from);
}
