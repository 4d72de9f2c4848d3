//! Which figure a threshold looks at, and what is found of it in a phase.

use super::bounds::{self, Bounded};
use super::found::{Found, Looked, UNKNOWN};
use super::{failures, times};
use crate::profile::{Scale, inclusive};
use crate::result::{Figure, PhaseResult};
use crate::scenario::plan::threshold::{Metric, Part};
use crate::scenario::{Judge, LoadModel};

/// What a metric looks at, and its name in words.
pub(super) fn figure(metric: &Metric) -> (Figure, &'static str) {
    match metric {
        Metric::Latency(_) => (Figure::Latency, "latency"),
        Metric::Part(part, _) => (
            Figure::Latency,
            match part {
                Part::QueueWait => "queue wait",
                Part::DispatchLag => "dispatch lag",
                Part::FirstByte => "the time to the first byte",
                Part::ServiceTime => "service time",
            },
        ),
        Metric::ErrorRate => (Figure::ErrorRate, "the error rate"),
        Metric::Failures(_) | Metric::FailureShare(_) => {
            (Figure::ErrorRate, "the number of failures")
        }
        Metric::Resent | Metric::ResentShare => (Figure::Resent, "what was sent again"),
        Metric::Throughput => (Figure::Throughput, "throughput"),
        Metric::CpuPerRequest => (Figure::CpuPerRequest, "CPU per request"),
        Metric::Share(_) => (Figure::Share, "the share"),
        Metric::Cost(_) => (Figure::Cost, "the cost"),
    }
}

/// What a threshold finds.
pub(super) fn find(of: Looked<'_>) -> Found {
    let Looked {
        expr, judge, tally, ..
    } = of;
    match &expr.metric {
        Metric::Latency(quantile) => times::latency(*quantile, of),
        Metric::Part(part, quantile) => times::part(*part, *quantile, of),
        Metric::ErrorRate => failures::rate(judge, tally, of.total),
        Metric::Failures(failure) => failures::count(*failure, tally, of.total),
        Metric::FailureShare(failure) => failures::share(*failure, judge, tally, of.total),
        Metric::Resent => Found::exact(tally.resent as f64),
        Metric::ResentShare if tally.sent == 0 => Found::unknown("no request was sent"),
        Metric::ResentShare => Found::exact(tally.resent as f64 / tally.sent as f64),
        Metric::Throughput => match of.phase.throughput_rps(tally) {
            // Not a value but a window in which no answer fitted.
            Some(value) if tally.completed_ok == 0 => Looked {
                judge: Judge::Interval,
                ..of
            }
            .off_by_a_factor(value, || throughput(value, of)),
            Some(value) => of.off_by_a_factor(value, || throughput(value, of)),
            None => Found::unknown("there was no window"),
        },
        Metric::CpuPerRequest => match of.phase.us_per_request(tally) {
            Some(value) => of.off_by_a_factor(value, || cpu_per_request(value, of.phase)),
            None => Found::unknown("the target's CPU is not known, or there was no OK response"),
        },
        Metric::Share(pattern) | Metric::Cost(pattern) => {
            of_functions(&expr.metric, pattern, judge, of.phase)
        }
    }
}

impl Looked<'_> {
    /// A figure that doubts move by a factor, which some of them bound.
    fn off_by_a_factor(&self, value: f64, bounded: impl FnOnce() -> Bounded) -> Found {
        let (figure, _) = figure(&self.expr.metric);
        let found = match self.judge {
            Judge::Value => Found::exact(value),
            Judge::Interval => Found::of(value, bounded()),
        };
        let (mut outmost, cpus) = (found.bounds.unwrap_or(UNKNOWN), self.cpus);
        for (doubt, bias) in self.trust.about(figure) {
            let factor = doubt.factor(figure, cpus);
            if bias.higher {
                outmost.0 /= factor;
            }
            if bias.lower {
                outmost.1 *= factor;
            }
        }
        Found { outmost, ..found }
    }
}

/// OK responses a second: an open loop that sends what it plans has the throughput of its plan on a machine of any speed.
fn throughput(value: f64, of: Looked<'_>) -> Bounded {
    let Looked {
        phase,
        tally,
        total,
        ..
    } = of;
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
    bounds::of_rate(value, reach, cut_off(phase))
}

/// Answers a second that the ends of the windows may hide, and that they may hold too many: one of each connection of a closed loop is
/// under way there.
fn cut_off(phase: &PhaseResult) -> (f64, f64) {
    let launches = phase.rounds.len() as f64;
    match phase.load.model {
        LoadModel::Open { .. } => (0.0, 0.0),
        LoadModel::Closed => {
            let hidden = f64::from(phase.load.connections) * launches / phase.seconds();
            let is_warm = !phase.load.warmup.is_zero();
            (hidden, if is_warm { hidden } else { 0.0 })
        }
    }
}

fn cpu_per_request(value: f64, phase: &PhaseResult) -> Bounded {
    let reach = bounds::of_rounds(
        &phase.rounds,
        |of| of.whole.us_per_request,
        |of| of.uncertainty.us_per_request,
    );
    bounds::of_ratio(value, reach, crate::units::format_us)
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
    let scale = scale.of_launches(taken.functions.launches);
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
    let bursts = found.share.bursts as usize;
    let unsure = (bursts > 0 && judge == Judge::Interval)
        .then(|| bounds::of_bursts(bursts, "they come", "profile"));
    let bounds = match judge {
        Judge::Value => (value, value),
        Judge::Interval => (interval.low, interval.high),
    };
    Found {
        bounds: Some(bounds),
        reason: Some(reason),
        unsure,
        ..Found::exact(value)
    }
}

fn shown(metric: &Metric, value: f64) -> String {
    match metric {
        Metric::Share(_) => crate::units::format_share(value),
        _ => crate::units::format_us(value),
    }
}
