//! The figure that a threshold looks at, with the bounds within which the truth lies.

use super::bounds::{self, Bounded};
use crate::metrics::{Tally, latency_quantiles, value_at};
use crate::profile::{Scale, inclusive};
use crate::result::{Bias, Figure, PhaseResult};
use crate::scenario::plan::threshold::{Expression, Metric};
use crate::scenario::{Judge, LoadModel};

/// A value with the bounds within which the truth lies.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) value: Option<f64>,
    pub(super) bounds: Option<(f64, f64)>,
    /// The least that the truth can be if everything that a doubt can explain is the generator's doing.
    least: f64,
    pub(super) reason: Option<String>,
    /// Said besides where the bounds do not tell.
    pub(super) unsure: Option<String>,
}

impl Found {
    /// What was found, with what it may as well have been.
    fn of(value: f64, bounded: Bounded) -> Self {
        Self {
            value: Some(value),
            bounds: Some(bounded.ends),
            least: 0.0,
            reason: None,
            unsure: Some(bounded.words),
        }
    }

    fn exact(value: f64) -> Self {
        Self {
            value: Some(value),
            bounds: Some((value, value)),
            least: 0.0,
            reason: None,
            unsure: None,
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
            unsure: None,
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

/// What a threshold finds in a phase with these counts in all, or in one of its requests.
pub(super) fn find(
    expr: &Expression,
    judge: Judge,
    phase: &PhaseResult,
    tally: &Tally,
    total: &Tally,
) -> Found {
    match &expr.metric {
        Metric::Latency(quantile) => latency(*quantile, expr.limit, judge, phase, tally),
        Metric::FirstByte(_) if tally.first_byte.is_empty() => {
            Found::unknown("there was no OK response, or the stored run lacks its histograms")
        }
        Metric::FirstByte(quantile) => first_byte(*quantile, tally),
        Metric::ErrorRate => error_rate(judge, tally, total),
        Metric::Resent => Found::exact(tally.resent as f64),
        Metric::ResentShare if tally.sent == 0 => Found::unknown("no request was sent"),
        Metric::ResentShare => Found::exact(tally.resent as f64 / tally.sent as f64),
        Metric::Throughput => match (phase.throughput_rps(tally), judge) {
            (Some(value), Judge::Value) => Found::exact(value),
            (Some(value), Judge::Interval) => {
                Found::of(value, throughput(value, phase, tally, total))
            }
            (None, _) => Found::unknown("there was no window"),
        },
        Metric::CpuPerRequest => match (phase.us_per_request(tally), judge) {
            (Some(value), Judge::Value) => Found::exact(value),
            (Some(value), Judge::Interval) => {
                let reach = bounds::of_rounds(
                    &phase.rounds,
                    |of| of.whole.us_per_request,
                    |of| of.uncertainty.us_per_request,
                );
                Found::of(
                    value,
                    bounds::of_ratio(value, reach, crate::units::format_us),
                )
            }
            (None, _) => {
                Found::unknown("the target's CPU is not known, or there was no OK response")
            }
        },
        Metric::Share(pattern) | Metric::Cost(pattern) => {
            of_functions(&expr.metric, pattern, judge, phase)
        }
    }
}

fn latency(quantile: f64, limit: f64, judge: Judge, phase: &PhaseResult, tally: &Tally) -> Found {
    let (latency, exact_below) = latency_quantiles(tally);
    if latency.is_empty() {
        return Found::unknown(if tally.ok == 0 {
            "there was no OK response"
        } else {
            "the stored run lacks its histograms"
        });
    }
    let value = value_at(&latency, quantile);
    let is_exact = quantile <= exact_below;
    // A maximum is one of what was seen.
    let mut found = if judge == Judge::Value || quantile >= 1.0 {
        let high = if is_exact { value } else { f64::INFINITY };
        Found {
            bounds: Some((value, high)),
            ..Found::exact(value)
        }
    } else {
        Found::of(
            value,
            bounds::of_latency(quantile, limit, value, phase, tally),
        )
    };
    if !is_exact {
        let reason = "requests that were never answered make it a lower bound".to_owned();
        found.reason = Some(reason);
    }
    found
}

/// A percentile of the time to the first byte. What was never answered waited for it at least as long as in all without the longest wait
/// before a request was sent; what was never sent did not wait for it at all.
fn first_byte(quantile: f64, tally: &Tally) -> Found {
    let (known, missing) = (tally.first_byte.len(), tally.censored.len());
    if missing == 0 {
        return Found::exact(value_at(&tally.first_byte, quantile));
    }
    let before = if tally.not_sent > 0 {
        u64::MAX
    } else {
        tally.queue_wait.max() + tally.dispatch_lag.max()
    };
    let mut all = tally.first_byte.clone();
    for at in tally.censored.iter_recorded() {
        let waited = at.value_iterated_to().saturating_sub(before);
        all.record_n(waited, at.count_at_value())
            .expect("a histogram that grows takes any value");
    }
    let least = value_at(&all, quantile);
    let of_known = quantile * (known + missing) as f64 / known as f64;
    let most = if of_known <= 1.0 {
        value_at(&tally.first_byte, of_known)
    } else {
        f64::INFINITY
    };
    let reason = "requests that were never answered make it a lower bound".to_owned();
    Found {
        bounds: Some((least, most)),
        reason: (most > least).then_some(reason),
        ..Found::exact(least)
    }
}

/// OK responses a second: an open loop that sends what it plans has the throughput of its plan on a machine of any speed.
fn throughput(value: f64, phase: &PhaseResult, tally: &Tally, total: &Tally) -> Bounded {
    let is_planned = matches!(phase.load.model, LoadModel::Open { .. })
        && phase.sent_share(total) >= bounds::PLANNED_SHARE;
    let reach = if is_planned {
        bounds::of_plan(&phase.rounds)
    } else {
        bounds::of_rounds(
            &phase.rounds,
            |of| of.whole.throughput_rps,
            |of| of.uncertainty.throughput,
        )
    };
    // Which of the requests came how often is chance besides.
    let missing = 1.0 - tally.completed_ok as f64 / total.completed_ok.max(1) as f64;
    let reach = reach.hypot(bounds::of_count(tally.completed_ok) * missing.sqrt());
    bounds::of_ratio(value, reach, |rate| {
        format!("{}/s", crate::units::format_count(rate))
    })
}

/// A share of the profile, or what it costs.
fn of_functions(
    metric: &Metric,
    pattern: &regex::Regex,
    judge: Judge,
    phase: &PhaseResult,
) -> Found {
    let Some(profile) = &phase.profile else {
        return Found::unknown("there is no profile");
    };
    let Some(taken) = &profile.taken else {
        return Found::unknown("its profile.pb.gz is gone");
    };
    if taken.profile.is_empty() {
        return Found::unknown("there is no profile");
    }
    let scale = match metric {
        Metric::Cost(_) => match profile.scale() {
            Some(scale) => scale,
            None => return Found::unknown("the target's CPU per request is not known"),
        },
        _ => Scale::SHARE,
    };
    let found = inclusive(&taken.profile, pattern);
    let value = found.share.value * scale.factor;
    let interval = scale.interval_of(found.share);
    let reason = format!(
        "{} of {} samples, 95 % interval {} to {}",
        found.samples,
        taken.profile.samples(),
        shown(metric, interval.low),
        shown(metric, interval.high)
    );
    let bounds = match judge {
        Judge::Value => (value, value),
        Judge::Interval => (interval.low, interval.high),
    };
    Found {
        bounds: Some(bounds),
        reason: Some(reason),
        ..Found::exact(value)
    }
}

/// Failed by ended requests. Those without an end may have become either.
fn error_rate(judge: Judge, tally: &Tally, total: &Tally) -> Found {
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
    let (most, not_late) = (
        tally.failed + unanswered,
        tally.failed - tally.late_failures(total),
    );
    let share = |failed: u64| failed as f64 / of as f64;
    let found = match judge {
        // Whoever asks for few failures is content with none, however few requests there were.
        Judge::Interval if most > 0 => Found {
            least: bounds::of_failures(not_late, not_late, of).ends.0,
            ..Found::of(0.0, bounds::of_failures(tally.failed, most, of))
        },
        Judge::Interval | Judge::Value => Found {
            bounds: Some((share(tally.failed), share(most))),
            least: share(not_late),
            ..Found::exact(0.0)
        },
    };
    Found {
        value: Some(tally.error_rate()),
        // What is missing is no chance that a longer window lessens.
        unsure: found.unsure.filter(|_| unanswered == 0),
        reason,
        ..found
    }
}

fn shown(metric: &Metric, value: f64) -> String {
    match metric {
        Metric::Share(_) => crate::units::format_share(value),
        _ => crate::units::format_us(value),
    }
}
