//! The figure that a threshold looks at, with the bounds within which the truth lies.

use crate::experiment::{Bias, Figure, PhaseResult};
use crate::metrics::{ErrorKind, Tally, latency_quantiles, value_at};
use crate::profile::{Scale, inclusive};
use crate::scenario::plan::threshold::Metric;

/// A value with the bounds within which the truth lies.
pub(super) struct Found {
    pub(super) value: Option<f64>,
    pub(super) bounds: Option<(f64, f64)>,
    /// The least that the truth can be if everything that a doubt can explain is the generator's doing.
    least: f64,
    pub(super) reason: Option<String>,
}

impl Found {
    fn exact(value: Option<f64>, otherwise: &str) -> Self {
        match value {
            Some(value) => Self {
                value: Some(value),
                bounds: Some((value, value)),
                least: 0.0,
                reason: None,
            },
            None => Self::unknown(otherwise),
        }
    }

    /// The bounds, if what was measured may be higher or lower than the target's.
    pub(super) fn bounds_with(&self, bias: Bias) -> Option<(f64, f64)> {
        let (low, high) = self.bounds?;
        Some((
            if bias.higher {
                low.min(self.least)
            } else {
                low
            },
            if bias.lower { f64::INFINITY } else { high },
        ))
    }

    pub(super) fn unknown(reason: &str) -> Self {
        Self {
            value: None,
            bounds: None,
            least: 0.0,
            reason: Some(reason.to_owned()),
        }
    }
}

/// What a metric looks at, and its name in words.
pub(super) fn figure(metric: &Metric) -> (Figure, &'static str) {
    match metric {
        Metric::Latency(_) => (Figure::Latency, "latency"),
        Metric::FirstByte(_) => (Figure::Latency, "the time to the first byte"),
        Metric::ErrorRate => (Figure::ErrorRate, "the error rate"),
        Metric::Resent | Metric::ResentShare => (Figure::Resent, "what was sent again"),
        Metric::Throughput => (Figure::Throughput, "throughput"),
        Metric::CpuPerRequest => (Figure::CpuPerRequest, "CPU per request"),
        Metric::Share(_) => (Figure::Share, "the share"),
        Metric::Cost(_) => (Figure::Cost, "the cost"),
    }
}

/// What a metric is in a phase with these counts in all, or in one of its requests.
pub(super) fn find(metric: &Metric, phase: &PhaseResult, tally: &Tally, total: &Tally) -> Found {
    match metric {
        Metric::Latency(quantile) => {
            let (latency, exact_below) = latency_quantiles(tally);
            if latency.is_empty() {
                return Found::unknown("there was no OK response");
            }
            let value = value_at(&latency, *quantile);
            if *quantile <= exact_below {
                return Found::exact(Some(value), "");
            }
            let reason = "requests that were never answered make it a lower bound".to_owned();
            Found {
                value: Some(value),
                bounds: Some((value, f64::INFINITY)),
                least: 0.0,
                reason: Some(reason),
            }
        }
        Metric::FirstByte(quantile) => Found::exact(
            (!tally.first_byte.is_empty()).then(|| value_at(&tally.first_byte, *quantile)),
            "there was no OK response",
        ),
        Metric::ErrorRate => error_rate(tally, total),
        Metric::Resent => Found::exact(Some(tally.resent as f64), ""),
        Metric::ResentShare => Found::exact(
            (tally.sent > 0).then(|| tally.resent as f64 / tally.sent as f64),
            "no request was sent",
        ),
        Metric::Throughput => Found::exact(
            Some(phase.throughput_rps(tally)).filter(|_| phase.seconds() > 0.0),
            "there was no window",
        ),
        Metric::CpuPerRequest => Found::exact(
            phase.us_per_request(tally),
            "the target's CPU is not known, or there was no OK response",
        ),
        Metric::Share(pattern) | Metric::Cost(pattern) => {
            let Some(profile) = phase
                .profile
                .as_ref()
                .filter(|profile| !profile.profile.is_empty())
            else {
                return Found::unknown("there is no profile");
            };
            let scale = match metric {
                Metric::Cost(_) => match profile.scale() {
                    Some(scale) => scale,
                    None => return Found::unknown("the target's CPU per request is not known"),
                },
                _ => Scale::SHARE,
            };
            let found = inclusive(&profile.profile, pattern);
            let interval = scale.interval_of(found.share);
            let reason = format!(
                "{} of {} samples, 95 % interval {} to {}",
                found.samples,
                profile.profile.samples(),
                shown(metric, interval.low),
                shown(metric, interval.high)
            );
            Found {
                value: Some(found.share.value * scale.factor),
                bounds: Some((interval.low, interval.high)),
                least: 0.0,
                reason: Some(reason),
            }
        }
    }
}

/// Failed by ended requests. Those without an end may have become either.
fn error_rate(tally: &Tally, total: &Tally) -> Found {
    let ended = tally.ok + tally.failed;
    if ended == 0 {
        return Found::unknown("no request was answered");
    }
    let unanswered = tally.in_flight_at_end + tally.not_sent;
    let (of, reason) = if unanswered == 0 {
        (ended, None)
    } else {
        let reason = format!("{unanswered} more were never answered");
        (tally.due, Some(reason))
    };
    let share = |failed: u64| failed as f64 / of as f64;
    Found {
        value: Some(tally.error_rate()),
        bounds: Some((share(tally.failed), share(tally.failed + unanswered))),
        least: share(tally.failed - late(tally, total)),
        reason,
    }
}

/// Failures that a generator may have made by being late: time-outs, and where there are some what needed their answers.
fn late(tally: &Tally, total: &Tally) -> u64 {
    let count = |of: &Tally, kind: ErrorKind| of.errors[kind as usize];
    let timed_out =
        |of: &Tally| count(of, ErrorKind::Timeout) + count(of, ErrorKind::ConnectTimeout);
    let unmet = if timed_out(total) > 0 {
        count(tally, ErrorKind::Prerequisite)
    } else {
        0
    };
    timed_out(tally) + unmet
}

fn shown(metric: &Metric, value: f64) -> String {
    match metric {
        Metric::Share(_) => crate::units::format_share(value),
        _ => crate::units::format_us(value),
    }
}
