//! What a gate comes to: for each metric and as a whole. Plain values, which reports and the command line show.

use std::collections::BTreeMap;

use crate::gate::{Outcome, Verdict};
use crate::scenario::plan::gate::{GateMetric, Limits, OnInconclusive};

/// The verdict on two arms.
#[derive(Debug, Clone, PartialEq)]
pub struct GateVerdict {
    /// All of it.
    pub outcome: Outcome,
    /// Why, in words; of a pass what it rests on.
    pub reasons: Vec<String>,
    /// Why a failure does not end with the exit code of one; `None` if the verdict counts.
    pub advisory: Option<String>,
    /// What an inconclusive verdict ends with.
    pub on_inconclusive: OnInconclusive,
    /// What was judged and what is shown, in the order of the plan.
    pub metrics: Vec<MetricVerdict>,
    /// Errors, which are judged before speed.
    pub errors: ErrorVerdict,
    /// What it rests on.
    pub used: Used,
    /// What else the machine did.
    pub evidence: Evidence,
}

impl GateVerdict {
    /// The exit code of the command. What is advisory never ends with the code of a failure, and never as a pass where it would have
    /// failed.
    pub fn exit_code(&self) -> u8 {
        match (&self.outcome, &self.advisory, self.on_inconclusive) {
            (Outcome::Fail, Some(_), _) => Outcome::Inconclusive.exit_code(),
            (Outcome::Inconclusive, _, OnInconclusive::Pass) => Outcome::Pass.exit_code(),
            (Outcome::Inconclusive, None, OnInconclusive::Fail) => Outcome::Fail.exit_code(),
            (outcome, ..) => outcome.exit_code(),
        }
    }

    /// Whether it failed for something that functions can explain: their CPU time.
    pub fn names_functions(&self) -> bool {
        let mut metrics = self.metrics.iter();
        metrics.any(|of| of.verdict == Some(Verdict::Fail) && of.metric.is_of_cpu())
    }
}

/// The verdict on one metric.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricVerdict {
    /// Which.
    pub metric: GateMetric,
    /// Of which functions, as the scenario names them; `None` of all that blocks tell.
    pub function: Option<String>,
    /// What it was held against; `None` if it is only shown.
    pub limits: Option<Limits>,
    /// Geometric mean of the base over all launches, in the metric's unit; `None` if it is not known.
    pub base: Option<f64>,
    /// That of the head.
    pub head: Option<f64>,
    /// How much larger the head's is.
    pub change: Option<Change>,
    /// `None` if it is not gated.
    pub verdict: Option<Verdict>,
    /// Why.
    pub reason: Option<String>,
    /// What would settle it, where it is not settled.
    pub needs: Option<String>,
    /// Launches of both arms that it rests on.
    pub n: usize,
    /// Standard deviation of ln of the change from launch to launch.
    pub sd: Option<f64>,
    /// One-sided p of Student's paired t: how likely as large a change for the worse is if there is none.
    pub p: Option<f64>,
    /// That of the sign-flip test.
    pub sign_flip_p: Option<f64>,
    /// The smallest change for the worse, as a share, that fails with a probability of 90 %.
    pub smallest_effect: Option<f64>,
    /// Bursts of slow requests that a percentile of the tail rests on.
    pub bursts: Option<Bursts>,
    /// The change of each launch as a share, in their order.
    pub launches: Vec<f64>,
    /// What fresh blocks said to a failure.
    pub confirmation: Option<Confirmation>,
}

impl MetricVerdict {
    /// Its name in scenarios and results.
    pub fn name(&self) -> String {
        let function = self.function.clone();
        function.unwrap_or_else(|| self.metric.name())
    }
}

/// How much larger a figure of the head is than the base's, as a share: 0.05 is 5 % more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// The estimate.
    pub by: f64,
    /// The lower end of its 95 % interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Bursts of slow requests, by arm. How many requests make a burst does not matter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bursts {
    /// Of the base.
    pub base: f64,
    /// Of the head.
    pub head: f64,
}

/// What fresh blocks said to a failure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Confirmation {
    /// Fresh launches of both arms.
    pub n: usize,
    /// How much larger the head's figure was.
    pub change: Option<Change>,
    /// One-sided p.
    pub p: Option<f64>,
    /// Whether they agree with the failure.
    pub agrees: bool,
}

/// Errors of both arms.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorVerdict {
    /// Requests of the base that failed, and all that ended.
    pub base: (u64, u64),
    /// Those of the head.
    pub head: (u64, u64),
    /// What follows; `None` if nothing was loaded.
    pub verdict: Option<Verdict>,
    /// Why, and what the arms answer differently.
    pub reason: Option<String>,
}

/// Figures of each launch, by their names: those of metrics in the metric's unit, and times that are looked at where nothing judges a metric.
pub type Figures = BTreeMap<String, Vec<f64>>;

/// What a baseline stores of a head.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// What was measured.
    pub figures: Figures,
    /// What was answered; `None` if that was not stored.
    pub answered: Option<Answered>,
}

/// What was answered over all launches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answered {
    /// Requests that failed.
    pub failed: u64,
    /// All that ended.
    pub ended: u64,
    /// Mean size of the body of an OK answer, bytes; `None` without any.
    pub body: Option<f64>,
}

/// What a verdict rests on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// Blocks that were judged.
    pub blocks: usize,
    /// Launches of both arms that they ran on.
    pub launches: usize,
    /// Blocks that should confirm a failure.
    pub confirming: usize,
    /// Blocks whose latencies do not count.
    pub voided: usize,
}

/// What the machine did beside the arms and the generator, over all blocks.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Evidence {
    /// CPUs that others used; `None` if the system does not say.
    pub foreign_cores: Option<Spread>,
    /// Share of CPU time that the hypervisor took.
    pub steal: Option<Spread>,
    /// CPUs that the generator used.
    pub generator_cores: Option<Spread>,
    /// 99th percentile of the generator's lateness at the fixed rate, µs.
    pub dispatch_lag_us: Option<Spread>,
    /// Seconds in which the control group was throttled, of all blocks.
    pub throttled_seconds: f64,
}

/// Values of many blocks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The one in the middle.
    pub median: f64,
    /// The largest.
    pub most: f64,
}
