//! The verdict on functions of a profile, from what profiles of several launches of both arms show of them. There is one look: it fails
//! what is surely worse and estimated above `tolerate`, and profiles of fresh launches can only withdraw that.

use super::look::{self, CONFIRMED, POWER};
use super::verdict::{Change, Confirmation, MetricVerdict};
use super::words;
use crate::gate::Verdict;
use crate::scenario::plan::gate::{Confirm, GateMetric, GatePlan, GatedFunction};
use crate::statistics::{smallest_effect, t_quantile};

/// Samples of both arms together below which nothing is judged.
const FEWEST_SAMPLES: u64 = 5;

/// What profiles of some launches of both arms show of functions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FunctionSeen {
    /// Launches of each arm.
    pub launches: usize,
    /// Samples of both arms that hold one of them.
    pub samples: u64,
    /// What the base spends in them, in the unit of the figure.
    pub base: f64,
    /// What the head spends.
    pub head: f64,
    /// How much more that is; `None` if the base spends nothing.
    pub change: Option<Change>,
    /// A change that the truth is below with a probability of 95 %, as a share; `None` as above.
    pub upper: Option<f64>,
    /// One-sided p: how likely as large a rise is by chance.
    pub p: f64,
    /// Standard error of the change, as a share of the base; `None` as above.
    pub error: Option<f64>,
    /// Degrees of freedom of that.
    pub degrees: f64,
}

/// What was seen of the functions of a plan, in their order; why an arm could not be profiled, in words.
pub type Profiled = Result<Vec<FunctionSeen>, String>;

/// Whether something of the first profiles fails, so that fresh launches should be profiled.
pub fn asks_to_confirm(plan: &GatePlan, first: &[FunctionSeen]) -> bool {
    let level = look::level(plan);
    let mut all = plan.functions.iter().zip(first);
    plan.confirm == Confirm::Fresh && all.any(|(of, seen)| fails(of, seen, level))
}

/// The verdicts on all functions of a plan.
pub fn functions(
    plan: &GatePlan,
    first: &Profiled,
    confirming: Option<&Profiled>,
) -> Vec<MetricVerdict> {
    let level = look::level(plan);
    let fresh = |at: usize| match confirming {
        Some(Ok(seen)) => seen.get(at).map(Ok),
        Some(Err(why)) => Some(Err(why.as_str())),
        None => None,
    };
    let functions = plan.functions.iter().enumerate();
    functions
        .map(|(at, function)| match first {
            Ok(seen) => match seen.get(at) {
                Some(seen) => judge(function, seen, (plan.confirm, fresh(at)), level),
                None => unknown(function, "it was not profiled"),
            },
            Err(why) => unknown(function, why),
        })
        .collect()
}

fn fails(function: &GatedFunction, seen: &FunctionSeen, level: f64) -> bool {
    is_seen(seen) && seen.p <= level && is_above(function, seen)
}

fn is_seen(seen: &FunctionSeen) -> bool {
    seen.samples >= FEWEST_SAMPLES
}

/// Whether the estimate is at least what is tolerated; what the base does not spend at all is more than that.
fn is_above(function: &GatedFunction, seen: &FunctionSeen) -> bool {
    match seen.change {
        Some(change) => change.by >= function.limits.tolerate,
        None => seen.head > 0.0,
    }
}

/// One of which nothing is known: it was asked for, so that nothing passes without it.
fn unknown(function: &GatedFunction, why: &str) -> MetricVerdict {
    MetricVerdict {
        metric: GateMetric::Function(function.figure),
        function: Some(function.name.clone()),
        limits: Some(function.limits),
        base: None,
        head: None,
        change: None,
        verdict: Some(Verdict::Inconclusive),
        reason: Some(why.to_owned()),
        needs: None,
        n: 0,
        sd: None,
        p: None,
        sign_flip_p: None,
        smallest_effect: None,
        bursts: None,
        launches: Vec::new(),
        confirmation: None,
    }
}

fn judge(
    function: &GatedFunction,
    seen: &FunctionSeen,
    (confirm, fresh): (Confirm, Option<Result<&FunctionSeen, &str>>),
    level: f64,
) -> MetricVerdict {
    let limits = function.limits;
    let mut verdict = MetricVerdict {
        base: Some(seen.base),
        head: Some(seen.head),
        change: seen.change,
        n: seen.launches,
        p: Some(seen.p),
        smallest_effect: smallest(function, seen, level),
        ..unknown(function, "")
    };
    if !is_seen(seen) {
        verdict.reason = Some(words::few_samples(seen.samples, seen.launches));
        verdict.needs = Some(words::NEEDS_PATTERN.to_owned());
    } else if fails(function, seen, level) {
        let unprofiled = fresh.and_then(Result::err);
        let fresh = fresh.and_then(Result::ok);
        let agrees = fresh.is_some_and(|fresh| {
            is_seen(fresh) && fresh.p <= CONFIRMED && is_above(function, fresh)
        });
        verdict.confirmation = fresh.map(|fresh| Confirmation {
            n: fresh.launches,
            change: fresh.change,
            p: Some(fresh.p),
            agrees,
        });
        if agrees || confirm == Confirm::No {
            verdict.verdict = Some(Verdict::Fail);
            verdict.reason = Some(words::fails(&verdict, limits));
        } else if let Some(why) = unprofiled {
            verdict.reason = Some(words::not_to_be_confirmed(&verdict, why));
            verdict.needs = Some(words::NEEDS_PROFILES.to_owned());
        } else {
            verdict.reason = Some(words::unconfirmed(&verdict, seen.launches));
            verdict.needs = Some(words::NEEDS_CONFIRMATION.to_owned());
        }
    } else if let Some(upper) = seen.upper.filter(|upper| *upper < limits.catch) {
        verdict.verdict = Some(Verdict::Pass);
        verdict.reason = Some(words::passes(upper, limits));
    } else {
        verdict.reason = Some(words::between(&verdict, limits));
        verdict.needs = Some(words::NEEDS_SAMPLES.to_owned());
    }
    verdict
}

/// The smallest change for the worse that fails with a probability of 90 %, as a share.
fn smallest(function: &GatedFunction, seen: &FunctionSeen, level: f64) -> Option<f64> {
    let error = seen.error.filter(|_| is_seen(seen))?;
    let by_test = smallest_effect(2.0 * level, seen.degrees, POWER) * error;
    let by_estimate = function.limits.tolerate + t_quantile(POWER, seen.degrees) * error;
    Some(by_test.max(by_estimate))
}
