//! Judges a run: thresholds to verdicts, and all of it to one verdict with an exit code. Pure.

mod found;
mod outcome;

use crate::experiment::{PhaseResult, VariantResult};
use crate::metrics::Tally;
use crate::scenario::Threshold;
use crate::scenario::threshold::Metric;

use found::{Found, find};
pub use outcome::{Outcome, PLANNED_SHARE, outcome};

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

#[cfg(test)]
mod tests;
