//! The figure that a threshold looks at, with the bounds within which the truth lies.

use crate::experiment::PhaseResult;
use crate::metrics::{Tally, latency_quantiles, value_at};
use crate::profile::{Scale, inclusive};
use crate::scenario::threshold::Metric;

/// A value with the bounds within which the truth lies.
pub(super) struct Found {
    pub(super) value: Option<f64>,
    pub(super) bounds: Option<(f64, f64)>,
    pub(super) reason: Option<String>,
}

impl Found {
    fn exact(value: Option<f64>, otherwise: &str) -> Self {
        match value {
            Some(value) => Self {
                value: Some(value),
                bounds: Some((value, value)),
                reason: None,
            },
            None => Self::unknown(otherwise),
        }
    }

    pub(super) fn unknown(reason: &str) -> Self {
        Self {
            value: None,
            bounds: None,
            reason: Some(reason.to_owned()),
        }
    }
}

/// What a metric is in a phase, or in one of its requests.
pub(super) fn find(metric: &Metric, phase: &PhaseResult, tally: &Tally) -> Found {
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
                reason: Some(reason),
            }
        }
        Metric::ErrorRate => error_rate(tally),
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
                reason: Some(reason),
            }
        }
    }
}

/// Failed by ended requests. Those without an end may have become either.
fn error_rate(tally: &Tally) -> Found {
    let ended = tally.ok + tally.failed;
    if ended == 0 {
        return Found::unknown("no request was answered");
    }
    let unanswered = tally.in_flight_at_end + tally.not_sent;
    if unanswered == 0 {
        return Found::exact(Some(tally.error_rate()), "");
    }
    let share = |failed: u64| failed as f64 / tally.due as f64;
    Found {
        value: Some(tally.error_rate()),
        bounds: Some((share(tally.failed), share(tally.failed + unanswered))),
        reason: Some(format!("{unanswered} more were never answered")),
    }
}

fn shown(metric: &Metric, value: f64) -> String {
    match metric {
        Metric::Share(_) => crate::units::format_share(value),
        _ => crate::units::format_us(value),
    }
}
