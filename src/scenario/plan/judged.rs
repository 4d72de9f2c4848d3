//! What must hold, and what it costs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::threshold::{Expression, Metric};

/// All that the results of a plan are judged by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// Name of the plan.
    pub name: String,
    /// What must hold.
    pub thresholds: Vec<Threshold>,
    /// Names of variants to compare, base and head.
    pub pairs: Vec<(String, String)>,
    /// Whether comparisons are judged where figures may not be the target's.
    pub allow_untrusted: bool,
    /// How cost is estimated from CPU per request.
    pub cost: CostModel,
}

impl Judged {
    /// The limits of thresholds on latencies, µs.
    pub(crate) fn latency_limits(&self) -> Vec<f64> {
        let latencies = self.thresholds.iter().filter(|of| of.is_of_latency());
        latencies.map(|of| of.expr.limit).collect()
    }
}

/// What must hold, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// The expression.
    pub expr: Expression,
    /// Only in this variant.
    pub variant: Option<String>,
    /// Only in this phase.
    pub phase: Option<String>,
    /// Only for this request.
    pub request: Option<String>,
    /// Whether a pattern may match no function of the profile.
    pub allow_absent: bool,
    /// Whether it is judged where the figure may not be the target's.
    pub allow_untrusted: bool,
    /// What is held against the limit.
    pub judge: Judge,
    /// The line of the scenario that it stands in, from 1; `None` for the one that every run has.
    pub line: Option<usize>,
    /// When it ends the run while that goes on.
    #[serde(skip)]
    pub abort: Option<Abort>,
}

impl Threshold {
    pub(super) fn is_of_latency(&self) -> bool {
        matches!(self.expr.metric, Metric::Latency(_))
    }

    /// Whether it looks at a phase of a variant.
    pub fn looks_at(&self, variant: &str, phase: &str) -> bool {
        let fits = |wanted: &Option<String>, name: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == name)
        };
        fits(&self.variant, variant) && fits(&self.phase, phase)
    }
}

/// When a threshold that fails ends a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Abort {
    /// Not before so much of a window.
    pub delay: Duration,
    /// Once it has failed for so long without a break.
    pub held: Duration,
}

/// What of a figure is held against a limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judge {
    /// Its 95 % interval: a limit within it is not judged.
    #[default]
    Interval,
    /// Its value, as if that were exact.
    Value,
}

/// How many instances a rate needs, and what they cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CostModel {
    /// Name of the instance type.
    pub instance: String,
    /// Its vCPUs.
    pub vcpus: u32,
    /// Price of an hour, dollars.
    pub hourly: f64,
    /// Requests per second to serve.
    pub target_rate: f64,
    /// Share of an instance's CPU that is planned for.
    pub utilisation: f64,
    /// Whether nothing of it was given in the scenario.
    pub assumed: bool,
}

impl CostModel {
    /// Instances needed when a request costs `us_per_request` µs of CPU: rate × cost / (vCPUs × utilisation), rounded up.
    pub fn instances(&self, us_per_request: f64) -> u64 {
        (self.target_rate * us_per_request / 1e6 / (f64::from(self.vcpus) * self.utilisation))
            .ceil()
            .max(1.0) as u64
    }

    /// Dollars a month (730 hours) for that many instances.
    pub fn monthly(&self, instances: u64) -> f64 {
        instances as f64 * self.hourly * 730.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_storys_instances_follow_from_its_figures() {
        let model = CostModel {
            instance: "c6g.16xlarge".to_owned(),
            vcpus: 64,
            hourly: 2.176,
            target_rate: 20_000.0,
            utilisation: 0.7,
            assumed: true,
        };
        assert_eq!(model.instances(58_000.0), 26);
        assert_eq!(model.instances(1.0), 1);
        assert!((model.monthly(27) - 42_889.0).abs() < 1.0);
    }
}
