//! Judges a run: thresholds to verdicts, and all of it to one verdict with an exit code. Pure.

mod audited;
mod bounds;
mod delays;
mod early;
mod failures;
mod find;
mod findings;
mod found;
mod functions;
mod outcome;
pub mod paired;
mod times;
mod verdict;

use crate::metrics::Tally;
use crate::result::{PhaseResult, Trust, VariantResult};
use crate::scenario::plan::threshold::{Expression, Metric, Part};
use crate::scenario::{Judge, Threshold};

pub use audited::audited;
pub use bounds::PLANNED_SHARE;
pub use early::{Early, SoFar};
use find::{figure, find};
pub use findings::{Compared, FailOn, What, compared};
use found::{Found, Looked};
pub use functions::{Sampled, seen};
pub use outcome::{outcome, too_busy};
pub use verdict::{Outcome, Verdict};

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
    /// Codes of the doubts that kept it from a verdict, or in spite of which it has one.
    pub doubts: Vec<&'static str>,
    /// The line of the scenario that asks for it; `None` if none does.
    pub line: Option<usize>,
}

impl Judgement {
    /// The threshold, its verdict and the reason.
    fn in_words(&self) -> String {
        let request = self.request.as_ref();
        let request = request.map_or_else(String::new, |name| format!(" for {name}"));
        let reason = self.reason.as_ref();
        let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
        format!("{}{request}: {}{reason}", self.expr, self.verdict.name())
    }
}

/// Judgements of every phase, in the order of the result's variants and phases.
pub type Judgements = Vec<Vec<Vec<Judgement>>>;

/// All thresholds that look at a phase, which was measured on a machine with so many CPUs.
pub fn judge(
    thresholds: &[Threshold],
    variant: &VariantResult,
    phase: &PhaseResult,
    total: &Tally,
    cpus: usize,
) -> Vec<Judgement> {
    thresholds
        .iter()
        .filter(|threshold| threshold.looks_at(&variant.name, &phase.name))
        .map(|threshold| judge_one(threshold, phase, total, cpus))
        .collect()
}

fn judge_one(threshold: &Threshold, phase: &PhaseResult, total: &Tally, cpus: usize) -> Judgement {
    let expr = &threshold.expr;
    let tally = match &threshold.request {
        Some(name) => phase
            .requests
            .iter()
            .position(|request| request == name)
            .and_then(|at| phase.tallies.get(at)),
        None => Some(total),
    };
    // A stop that is too short for p99 may be all of a higher percentile; costs are of the profiled phase.
    let trust = match &expr.metric {
        // What the generator was late is told as it is.
        Metric::Part(Part::DispatchLag, _) => Trust::default(),
        Metric::Latency(quantile) | Metric::Part(_, quantile) => {
            phase.trust_up_to(*quantile, total)
        }
        Metric::Cost(_) => (phase.profile.as_ref()).map_or(phase.trust.clone(), |of| of.trust()),
        _ if threshold.request.is_some() => phase.trust.of_one_request(),
        _ => phase.trust.clone(),
    };
    let found = tally.map_or_else(
        || Found::unknown("the phase does not send this request"),
        |tally| {
            find(Looked {
                expr,
                judge: threshold.judge,
                phase,
                tally,
                total,
                trust: &trust,
                cpus,
            })
        },
    );
    let of_bounds = verdict(expr, found.bounds);
    let unsure = found
        .unsure
        .as_ref()
        .filter(|_| of_bounds == Verdict::Inconclusive);
    let by_value = match threshold.judge {
        Judge::Interval => ", or set `judge = \"value\"` to judge the value alone",
        Judge::Value => "",
    };
    // Some say how much longer.
    let unsure = unsure.map(|words| match words.ends_with("or longer") {
        true => format!("{words}{by_value}"),
        false => format!("{words}: measure for longer{by_value}"),
    });
    let reasons: Vec<String> = found.reason.iter().cloned().chain(unsure).collect();
    let judgement = Judgement {
        expr: expr.to_string(),
        request: threshold.request.clone(),
        value: found.value,
        verdict: of_bounds,
        reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
        doubts: Vec::new(),
        line: threshold.line,
    };
    if let (Metric::Share(pattern) | Metric::Cost(pattern), Some(0.0), false) =
        (&expr.metric, found.value, threshold.allow_absent)
    {
        return Judgement {
            verdict: Verdict::Fail,
            reason: Some(format!(
                "no function of the profile matches {pattern:?}: correct the pattern, or set `allow_absent = true` if it may be gone",
                pattern = pattern.as_str()
            )),
            ..judgement
        };
    }
    doubted(judgement, &found, threshold, &trust)
}

/// Of a verdict, what is left where the figure may not be the target's: one that holds however far it may be off, and otherwise none.
fn doubted(judgement: Judgement, found: &Found, threshold: &Threshold, trust: &Trust) -> Judgement {
    let (figure, name) = figure(&threshold.expr.metric);
    let bias = trust.bias(figure);
    let strict = verdict(&threshold.expr, found.bounds_with(bias));
    if strict == judgement.verdict {
        return judgement;
    }
    let doubts: Vec<&str> = trust
        .about(figure)
        .map(|(doubt, _)| doubt.cause.code())
        .collect();
    let phase = format!("the phase is {} ({})", trust.level(), doubts.join(", "));
    let (verdict, words) = if threshold.allow_untrusted {
        let words = format!("judged by `allow_untrusted` although {phase}");
        (judgement.verdict, words)
    } else {
        let words = format!(
            "not judged: {phase}, which can make {name} {} than the target's; mend that, or set `allow_untrusted = true`",
            bias.words()
        );
        (strict, words)
    };
    let reasons = judgement.reason.into_iter().chain([words]);
    Judgement {
        verdict,
        reason: Some(reasons.collect::<Vec<_>>().join("; ")),
        doubts,
        ..judgement
    }
}

/// A threshold holds if it does at both bounds, and fails if it does at neither.
fn verdict(expr: &Expression, bounds: Option<(f64, f64)>) -> Verdict {
    let holds = |value| expr.comparison.holds(value, expr.limit);
    match bounds.map(|(low, high)| (holds(low), holds(high))) {
        Some((true, true)) => Verdict::Pass,
        Some((false, false)) => Verdict::Fail,
        _ => Verdict::Inconclusive,
    }
}

#[cfg(test)]
mod size_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod times_tests;
#[cfg(test)]
mod trust_tests;
