//! Judges a run: thresholds to verdicts, and all of it to one verdict with an exit code. Pure.

use crate::experiment::{Failure, PhaseResult, RunResult, VariantResult};
use crate::metrics::{ErrorKind, Tally, latency_quantiles, value_at};
use crate::profile::{Scale, inclusive};
use crate::scenario::Threshold;
use crate::scenario::plan::threshold::Metric;

/// What a threshold, or a run, comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// The figures do not tell.
    Inconclusive,
}

impl Verdict {
    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// One threshold on one phase.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The expression as written.
    pub expr: String,
    /// The request it looked at, if it names one.
    pub request: Option<String>,
    /// What was found, in the metric's unit (µs, share or requests per second); `None` if it is not known.
    pub value: Option<f64>,
    /// What follows.
    pub verdict: Verdict,
    /// Why, where the value alone does not say it.
    pub reason: Option<String>,
}

/// Judgements of every phase, in the order of the result's variants and phases.
pub type Judgements = Vec<Vec<Vec<Judgement>>>;

/// How a run ended as a whole, in the order of precedence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// telemload or its machine failed.
    Internal(String),
    /// The run says nothing: the target could not be reached, died, gave no OK response, or was not sent the planned rate.
    Invalid(String),
    /// The user ended it.
    Interrupted,
    /// A threshold failed.
    Fail,
    /// A threshold could not be judged.
    Inconclusive,
    /// Everything holds.
    Pass,
}

impl Outcome {
    /// The exit code of the command.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Internal(_) => 5,
            Self::Invalid(_) => 4,
            Self::Interrupted => 130,
            Self::Fail => 1,
            Self::Inconclusive => 3,
            Self::Pass => 0,
        }
    }
}

/// Share of the planned rate below which an open loop was not the planned load.
pub const PLANNED_SHARE: f64 = 0.99;

/// All thresholds that look at a phase.
pub fn judge(
    thresholds: &[Threshold],
    variant: &VariantResult,
    phase: &PhaseResult,
    total: &Tally,
) -> Vec<Judgement> {
    let fits =
        |wanted: &Option<String>, name: &str| wanted.as_deref().is_none_or(|wanted| wanted == name);
    thresholds
        .iter()
        .filter(|threshold| {
            fits(&threshold.variant, &variant.name) && fits(&threshold.phase, &phase.name)
        })
        .map(|threshold| judge_one(threshold, phase, total))
        .collect()
}

fn judge_one(threshold: &Threshold, phase: &PhaseResult, total: &Tally) -> Judgement {
    let expr = &threshold.expr;
    let tally = match &threshold.request {
        Some(name) => phase
            .requests
            .iter()
            .position(|request| request == name)
            .and_then(|at| phase.tallies.get(at)),
        None => Some(total),
    };
    let found = tally.map_or_else(
        || Found::unknown("the phase does not send this request"),
        |tally| find(&expr.metric, phase, tally),
    );
    if let (Metric::Share(pattern) | Metric::Cost(pattern), Some(0.0), false) =
        (&expr.metric, found.value, threshold.allow_absent)
    {
        return Judgement {
            expr: expr.to_string(),
            request: threshold.request.clone(),
            value: found.value,
            verdict: Verdict::Fail,
            reason: Some(format!(
                "no function of the profile matches {pattern:?}: correct the pattern, or set `allow_absent = true` if it may be gone",
                pattern = pattern.as_str()
            )),
        };
    }
    let verdict = match found.bounds {
        None => Verdict::Inconclusive,
        Some((low, high)) => match (
            expr.comparison.holds(low, expr.limit),
            expr.comparison.holds(high, expr.limit),
        ) {
            (true, true) => Verdict::Pass,
            (false, false) => Verdict::Fail,
            _ => Verdict::Inconclusive,
        },
    };
    Judgement {
        expr: expr.to_string(),
        request: threshold.request.clone(),
        value: found.value,
        verdict,
        reason: found.reason,
    }
}

/// A value with the bounds within which the truth lies.
struct Found {
    value: Option<f64>,
    bounds: Option<(f64, f64)>,
    reason: Option<String>,
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

    fn unknown(reason: &str) -> Self {
        Self {
            value: None,
            bounds: None,
            reason: Some(reason.to_owned()),
        }
    }
}

fn find(metric: &Metric, phase: &PhaseResult, tally: &Tally) -> Found {
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

/// The whole run, from its judgements.
pub fn outcome(result: &RunResult, judgements: &[Judgement], asked_to_stop: bool) -> Outcome {
    match &result.failure {
        Some(Failure::Internal(message)) => return Outcome::Internal(message.clone()),
        Some(Failure::Target(message)) => return Outcome::Invalid(message.clone()),
        None => {}
    }
    if asked_to_stop {
        return Outcome::Interrupted;
    }
    for variant in &result.variants {
        for phase in &variant.phases {
            let total = phase.total();
            let place = || format!("{}, {}", variant.name, phase.name);
            if total.ok + total.completed_ok == 0 {
                return Outcome::Invalid(format!(
                    "{}: no OK response at all{}",
                    place(),
                    first_failure(phase, &total, |_| true)
                ));
            }
            if phase.sent_share(&total) < PLANNED_SHARE && !phase.load.overload {
                let message = format!(
                    "{}: only {:.1} % of the planned requests could be sent in time{}",
                    place(),
                    phase.sent_share(&total) * 100.0,
                    why_unsent(phase, &total)
                );
                return Outcome::Invalid(message);
            }
        }
    }
    if judgements
        .iter()
        .any(|judgement| judgement.verdict == Verdict::Fail)
    {
        Outcome::Fail
    } else if judgements
        .iter()
        .any(|judgement| judgement.verdict == Verdict::Inconclusive)
    {
        Outcome::Inconclusive
    } else {
        Outcome::Pass
    }
}

/// What kept planned requests from being sent in time, with the remedy: too high a rate, failures before they could be
/// sent, or both. Each is named if it alone would have made the load another one, or if neither does.
fn why_unsent(phase: &PhaseResult, total: &Tally) -> String {
    let unsent = total.error_counts().filter(|(kind, _)| kind.is_unsent());
    let unsent: u64 = unsent.map(|(_, count)| count).sum();
    let late = (total.due - total.sent_in_window).saturating_sub(unsent);
    let matters = |count: u64| count as f64 > (1.0 - PLANNED_SHARE) * total.due as f64;
    let (is_late, is_unsent) = match (matters(late), matters(unsent)) {
        (false, false) => (late > 0, unsent > 0),
        both => both,
    };
    let mut why = String::new();
    if is_late {
        why += "; lower the rate, or allow more connections";
    }
    if is_unsent {
        why += &first_failure(phase, total, ErrorKind::is_unsent);
    }
    why
}

/// The words of the most frequent kind of failure among some; those of failures to connect name the remedy themselves.
fn first_failure(phase: &PhaseResult, total: &Tally, among: fn(ErrorKind) -> bool) -> String {
    let counts = total.error_counts().filter(|&(kind, _)| among(kind));
    let worst = counts.max_by_key(|&(_, count)| count);
    worst
        .and_then(|(kind, count)| {
            let remedy = match kind {
                ErrorKind::Prerequisite => "make the request that others need succeed first: ",
                _ => "",
            };
            Some(format!(
                "; {remedy}{count} × {kind}, such as: {}",
                phase.exemplars.get(&kind)?
            ))
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
