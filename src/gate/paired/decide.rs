//! What to do after each launch, and what all of them come to.

use std::time::Duration;

use super::errors::{self, Errors};
use super::gross;
use super::look::{self, CONFIRMING, FALSE_FAILS, FIRST_LOOK, LAST_LOOK, Seen};
use super::metric::{Beside, Metric, Progress};
use super::observe::{by_launch, void};
use super::verdict::{ErrorVerdict, Evidence, GateVerdict, MetricVerdict, Spread, Used};
use super::words;
use crate::gate::{Outcome, Verdict};
use crate::result::{Around, Block};
use crate::scenario::plan::gate::{Confirm, GatePlan};

/// Everything that was measured, in its order.
#[derive(Debug, Clone, Copy)]
pub struct Measured<'a> {
    /// What the verdict rests on.
    pub blocks: &'a [Block],
    /// What confirms a failure.
    pub confirming: &'a [Block],
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Launch both arms anew and measure.
    Measure,
    /// The same, to confirm a failure; whether one of a figure at a fixed rate, without which a block is shorter.
    Confirm {
        /// Turns at a fixed rate are needed.
        at_rate: bool,
    },
    /// Conclude.
    Stop,
}

/// Whether there is time to measure more, that of a confirmation set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// There is.
    Left,
    /// The budget is used up.
    Over,
}

/// How the measuring ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// As [`next`] said.
    Planned,
    /// The budget was used up before that; one of this length would do.
    Short(Duration),
    /// For a reason of its own: the user ended it, or it could not be done.
    Early(Outcome),
}

/// What to do after a launch.
pub fn next(plan: &GatePlan, measured: Measured<'_>, time: Time) -> Next {
    let launches = by_launch(measured.blocks, plan.relaunch);
    let confirming = by_launch(measured.confirming, plan.relaunch);
    let errors = judge_errors(plan, &launches, &confirming);
    if launches.is_empty() {
        return Next::Measure;
    }
    if errors.invalid.is_some() || errors.is_plain {
        return Next::Stop;
    }
    let n = launches.len();
    let progress = if n >= LAST_LOOK || time == Time::Over || !confirming.is_empty() {
        Progress::Over
    } else {
        Progress::Running
    };
    if n != FIRST_LOOK && progress == Progress::Running {
        return Next::Measure;
    }
    let metrics = metrics(plan, &launches);
    let fails = metrics.iter();
    let fails: Vec<_> = fails
        .filter(|of| of.seen(progress) == Some(Seen::Fails))
        .collect();
    if errors.verdict.verdict == Some(Verdict::Fail) {
        Next::Stop
    } else if !fails.is_empty() {
        let at_rate = fails.iter().any(|of| of.gated.metric.is_at_rate());
        match plan.confirm {
            // An arm that ends takes the figures of a launch with it: what follows would not confirm anything.
            Confirm::Fresh if confirming.len() < CONFIRMING && !any_died(measured.confirming) => {
                Next::Confirm { at_rate }
            }
            _ => Next::Stop,
        }
    } else if progress == Progress::Running
        && (errors.verdict.verdict == Some(Verdict::Inconclusive)
            || metrics.iter().any(Metric::asks_for_more))
    {
        Next::Measure
    } else {
        Next::Stop
    }
}

/// The verdict on all that was measured. `advisory` says why a failure does not count, if it does not.
pub fn conclude(
    plan: &GatePlan,
    measured: Measured<'_>,
    ended: Ended,
    advisory: Option<String>,
) -> GateVerdict {
    let launches = by_launch(measured.blocks, plan.relaunch);
    let confirming = by_launch(measured.confirming, plan.relaunch);
    let errors = judge_errors(plan, &launches, &confirming);
    let beside = Beside {
        confirm: plan.confirm,
        confirming: &confirming,
        differs: errors.differs.as_deref(),
        budget: match ended {
            Ended::Short(budget) => Some(budget),
            _ => None,
        },
    };
    let mut metrics: Vec<MetricVerdict> = metrics(plan, &launches)
        .iter()
        .map(|metric| metric.verdict(beside))
        .collect();
    gross::doubt(&mut metrics, &launches);
    if launches.is_empty() {
        metrics.iter_mut().for_each(unmeasured);
    }
    let (outcome, reasons) = match ended {
        Ended::Early(outcome) => {
            let reason = early(&outcome);
            (outcome, vec![reason])
        }
        Ended::Planned | Ended::Short(_) => match &errors.invalid {
            Some(message) => (Outcome::Invalid(message.clone()), vec![message.clone()]),
            None => overall(&errors.verdict, &metrics, NOTHING),
        },
    };
    let all: Vec<&Block> = measured.blocks.iter().chain(measured.confirming).collect();
    GateVerdict {
        outcome,
        reasons,
        advisory,
        on_inconclusive: plan.on_inconclusive,
        metrics,
        errors: errors.verdict,
        used: Used {
            blocks: measured.blocks.len(),
            launches: launches.len(),
            confirming: measured.confirming.len(),
            voided: all.iter().filter(|block| void(block).is_some()).count(),
        },
        evidence: evidence(&all),
    }
}

/// Nothing is known of it, and nothing is asked for: what kept the gate from measuring is told once.
fn unmeasured(of: &mut MetricVerdict) {
    (of.verdict, of.needs) = (None, None);
    of.reason = Some("nothing was measured".to_owned());
}

/// An error counts wherever it happened.
fn judge_errors(plan: &GatePlan, launches: &[Vec<&Block>], confirming: &[Vec<&Block>]) -> Errors {
    let both: Vec<Vec<&Block>> = launches.iter().chain(confirming).cloned().collect();
    errors::judge(&both, FALSE_FAILS, plan.answers)
}

fn any_died(blocks: &[Block]) -> bool {
    let arms = blocks.iter().map(|block| &block.arms);
    arms.flat_map(|arms| [&arms.base, &arms.head])
        .any(|arm| arm.died.is_some())
}

fn early(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Internal(message) | Outcome::Invalid(message) => message.clone(),
        _ => "the gate was ended before its time: what was measured until then is no verdict"
            .to_owned(),
    }
}

/// All metrics of the plan.
fn metrics(plan: &GatePlan, launches: &[Vec<&Block>]) -> Vec<Metric> {
    let level = look::level(plan);
    let metrics = plan.metrics.iter();
    metrics
        .map(|gated| Metric::of(*gated, launches, level))
        .collect()
}

impl GateVerdict {
    /// Whether it judges anything: it did not end early, and there was something to compare with.
    pub fn is_a_verdict(&self) -> bool {
        matches!(
            self.outcome,
            Outcome::Pass | Outcome::Fail | Outcome::Inconclusive
        )
    }

    /// What a pass is of, where less was judged than CPU time, throughput and latency.
    pub fn scope(&self) -> Option<String> {
        words::scope(&self.metrics).filter(|_| self.outcome == Outcome::Pass)
    }

    /// With what was found of functions, and how that ended. It is judged by them too, unless it is no verdict.
    #[must_use]
    pub fn with_functions(mut self, functions: Vec<MetricVerdict>, ended: Ended) -> Self {
        self.metrics.extend(functions);
        if self.is_a_verdict() {
            (self.outcome, self.reasons) = match ended {
                Ended::Early(outcome) => {
                    let reason = early(&outcome);
                    (outcome, vec![reason])
                }
                Ended::Planned | Ended::Short(_) => overall(&self.errors, &self.metrics, NOTHING),
            };
        }
        self
    }
}

/// Why nothing is judged of two arms.
const NOTHING: &str = "no metric could be judged: name one in [gate] whose figures are known";

/// What all verdicts come to, with the reasons; `nothing` is that of a gate which has judged no metric.
pub(super) fn overall(
    errors: &ErrorVerdict,
    metrics: &[MetricVerdict],
    nothing: &str,
) -> (Outcome, Vec<String>) {
    let told = |verdict: Verdict| {
        let of_errors = errors.reason.as_ref();
        let of_errors = of_errors.filter(|_| errors.verdict == Some(verdict));
        let of_errors = of_errors.map(|reason| format!("errors: {reason}"));
        let of_metrics = metrics.iter().filter(move |of| of.verdict == Some(verdict));
        let of_metrics = of_metrics.map(|of| {
            let reason = of.reason.as_deref().unwrap_or("no reason");
            format!("{}: {reason}", of.name())
        });
        of_errors.into_iter().chain(of_metrics).collect::<Vec<_>>()
    };
    let (failed, unsure) = (told(Verdict::Fail), told(Verdict::Inconclusive));
    let passed = told(Verdict::Pass);
    let is_judged = metrics.iter().any(|of| of.verdict == Some(Verdict::Pass));
    if !failed.is_empty() {
        (Outcome::Fail, failed)
    } else if !unsure.is_empty() {
        (Outcome::Inconclusive, unsure)
    } else if !is_judged {
        (Outcome::Inconclusive, vec![nothing.to_owned()])
    } else {
        let scope = words::scope(metrics);
        (Outcome::Pass, scope.into_iter().chain(passed).collect())
    }
}

fn evidence(blocks: &[&Block]) -> Evidence {
    let spread = |value: fn(&Around) -> Option<f64>| {
        let values = blocks.iter().filter_map(|block| value(&block.around));
        let mut values: Vec<f64> = values.collect();
        values.sort_unstable_by(f64::total_cmp);
        let most = *values.last()?;
        Some(Spread {
            median: values[values.len() / 2],
            most,
        })
    };
    let throttled = blocks.iter().map(|of| of.around.throttled.as_secs_f64());
    Evidence {
        foreign_cores: spread(|around| around.foreign_cores),
        steal: spread(|around| around.steal),
        generator_cores: spread(|around| Some(around.generator_cores)),
        dispatch_lag_us: spread(|around| Some(around.dispatch_lag_p99.as_secs_f64() * 1e6)),
        throttled_seconds: throttled.sum(),
    }
}
