//! Figures of two phases, launch by launch: head by base, with an interval. Pure arithmetic on what rounds found.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::change::{Basis, Finding, Metric, MetricChange};
use super::doubts::Doubtful;
use crate::profile::{ASSUMED_LAUNCH_SPREAD, Z95};
use crate::result::{Estimates, Uncertainty};

/// Figures of one launch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoundFigures {
    /// The launch as a whole.
    pub whole: Estimates,
    /// How far it may be off within the launch; what is not known counts as exact.
    pub uncertainty: Uncertainty,
}

/// The 95 % bounds of a figure by the figure, as natural logarithms; neither is negative.
#[derive(Debug, Clone, Copy, Default)]
struct Reach {
    down: f64,
    up: f64,
}

/// As [`ASSUMED_LAUNCH_SPREAD`], which holds for throughput too; of latencies, which depend on where the scheduler puts threads.
pub const ASSUMED_LATENCY_SPREAD: f64 = 0.10;

/// Launches of each side from which their own spread is used.
pub const ENOUGH_ROUNDS: usize = 3;

impl Metric {
    fn assumed_spread(self) -> f64 {
        match self {
            Self::Throughput | Self::CpuPerRequest => ASSUMED_LAUNCH_SPREAD,
            Self::P50 | Self::P99 => ASSUMED_LATENCY_SPREAD,
        }
    }

    fn of(self, estimates: &Estimates) -> Option<f64> {
        let value = match self {
            Self::Throughput => estimates.throughput_rps,
            Self::CpuPerRequest => estimates.us_per_request,
            Self::P50 => estimates.p50_us,
            Self::P99 => estimates.p99_us,
        };
        // Ratios need values above zero.
        value.filter(|value| *value > 0.0 && value.is_finite())
    }

    /// How far the figure of a launch reaches.
    fn reach(self, round: &RoundFigures) -> Option<Reach> {
        let known = &round.uncertainty;
        let even = |error: f64| Reach {
            down: Z95 * error,
            up: Z95 * error,
        };
        match self {
            Self::Throughput => known.throughput.map(even),
            Self::CpuPerRequest => known.us_per_request.map(even),
            Self::P50 => Reach::of(self.of(&round.whole)?, known.p50_us?),
            Self::P99 => Reach::of(self.of(&round.whole)?, known.p99_us?),
        }
    }
}

impl Reach {
    /// `None` for bounds of which a ratio cannot be taken.
    fn of(value: f64, (low, high): (f64, f64)) -> Option<Self> {
        (low > 0.0 && high.is_finite()).then(|| Self {
            down: (value / low).ln().max(0.0),
            up: (high / value).ln().max(0.0),
        })
    }

    /// That of the geometric mean of launches.
    fn of_mean(metric: Metric, rounds: &[RoundFigures]) -> Self {
        let known: Vec<Self> = rounds.iter().filter_map(|of| metric.reach(of)).collect();
        let mean = |of: fn(&Self) -> f64| {
            let squares: f64 = known.iter().map(|reach| of(reach).powi(2)).sum();
            squares.sqrt() / rounds.len() as f64
        };
        Self {
            down: mean(|reach| reach.down),
            up: mean(|reach| reach.up),
        }
    }
}

/// What is known on both sides, in the order of reports.
pub(super) fn metrics(
    base: &[RoundFigures],
    head: &[RoundFigures],
    doubtful: &Doubtful<'_>,
) -> Vec<MetricChange> {
    let changes = Metric::ALL.into_iter();
    changes
        .filter_map(|metric| Some(doubtful.judge(change(metric, base, head)?)))
        .collect()
}

/// Of launches too few to show how they differ, bounds within them and the assumed spread make the interval.
fn change(metric: Metric, base: &[RoundFigures], head: &[RoundFigures]) -> Option<MetricChange> {
    let wholes = |rounds: &[RoundFigures]| {
        rounds
            .iter()
            .map(|round| metric.of(&round.whole))
            .collect::<Option<Vec<f64>>>()
            .filter(|values| !values.is_empty())
    };
    let (before, after) = (wholes(base)?, wholes(head)?);
    let pairs = before.len().min(after.len());
    let logs: Vec<f64> = before
        .iter()
        .zip(&after)
        .map(|(base, head)| (head / base).ln())
        .collect();
    let mean = logs.iter().sum::<f64>() / pairs as f64;
    let (reach, quantile, basis) = if pairs >= ENOUGH_ROUNDS {
        let variance =
            logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (pairs - 1) as f64;
        let student = StudentsT::new(0.0, 1.0, (pairs - 1) as f64).ok()?;
        let quantile = |part| student.inverse_cdf(part);
        let half = quantile(0.975) * (variance / pairs as f64).sqrt();
        (
            Reach {
                down: half,
                up: half,
            },
            (quantile(0.975), quantile(0.8)),
            Basis::Rounds(pairs),
        )
    } else {
        let between = Z95 * metric.assumed_spread() * (2.0 / pairs as f64).sqrt();
        let (base, head) = (Reach::of_mean(metric, base), Reach::of_mean(metric, head));
        (
            Reach {
                down: norm([head.down, base.up, between]),
                up: norm([head.up, base.down, between]),
            },
            (Z95, 0.841_621),
            Basis::Assumed,
        )
    };
    let interval = (mean - reach.down, mean + reach.up);
    let finding = match (interval.0 > 0.0, interval.1 < 0.0, metric) {
        (true, _, Metric::Throughput)
        | (_, true, Metric::CpuPerRequest | Metric::P50 | Metric::P99) => Finding::Better,
        (_, true, Metric::Throughput) | (true, _, _) => Finding::Worse,
        _ => Finding::NotDetected,
    };
    // Two-sided 5 %, power 80 %: the quantiles of both add up.
    let error = reach.down.max(reach.up) / quantile.0;
    Some(MetricChange {
        metric,
        base: before.iter().sum::<f64>() / before.len() as f64,
        head: after.iter().sum::<f64>() / after.len() as f64,
        ratio: mean.exp(),
        interval: (interval.0.exp(), interval.1.exp()),
        finding,
        detectable: ((quantile.0 + quantile.1) * error).exp() - 1.0,
        basis,
        doubts: Vec::new(),
    })
}

/// Reaches of independent errors, as one (G. Y. Zou and A. Donner, Stat. Med. 27, 2008, p. 1693: they need not be even).
fn norm(reaches: [f64; 3]) -> f64 {
    reaches
        .iter()
        .map(|reach| reach.powi(2))
        .sum::<f64>()
        .sqrt()
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
