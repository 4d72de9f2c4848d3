//! Differences that nothing judges and that are plain all the same: no gate passes a head that answers far more slowly because its CPU
//! time alone could be judged. No block is void here, for both arms meet the same neighbours in turns, and what is so large in every
//! launch is no noise.

use hdrhistogram::Histogram;

use super::bursts;
use super::look::{self, FALSE_FAILS, FIRST_LOOK, LogLimits, Seen};
use super::verdict::{Figures, MetricVerdict};
use super::words::{self, Gross};
use crate::gate::Verdict;
use crate::metrics::{latency_quantiles, value_at};
use crate::result::{ASSUMED_LATENCY_RUN_SPREAD, ArmBlock, Arms, Block, Turns};
use crate::scenario::plan::gate::GateMetric;
use crate::statistics::{Paired, t_quantile};

/// The head takes surely (99 %) longer by this share of the base's time.
const SLOWER: f64 = 0.25;
/// The same of the tail, which differs more from launch to launch.
const SLOWER_TAIL: f64 = 1.0;
/// Figures that are looked at: all of them together trip as seldom as the metrics of a gate fail.
const FIGURES: f64 = 3.0;

/// What is looked at: how long an answer takes.
#[derive(Debug, Clone, Copy)]
struct Figure {
    turns: When,
    at: At,
}

#[derive(Debug, Clone, Copy)]
enum When {
    /// Turns in which connections are never idle.
    Busy,
    AtRate,
}

#[derive(Debug, Clone, Copy)]
enum At {
    /// In a closed loop it is the number of connections by the throughput, however short turns are.
    Mean,
    Quantile(f64),
}

/// Makes metrics inconclusive that are not judged, and in which the head is plainly worse.
pub(super) fn doubt(metrics: &mut [MetricVerdict], launches: &[Vec<&Block>]) {
    for of in metrics.iter_mut().filter(|of| of.verdict.is_none()) {
        let Some(gross) = seen(of.metric, launches) else {
            continue;
        };
        of.verdict = Some(Verdict::Inconclusive);
        of.needs = Some(words::needs_gating(of));
        of.reason = Some(words::plain(of.reason.as_deref(), &gross));
    }
}

/// The same beside a stored baseline, of what [`figures`] has then and now: no launch averages out what a machine differs by in between.
pub(super) fn doubt_beside(metrics: &mut [MetricVerdict], stored: &Figures, now: &Figures) {
    for of in metrics.iter_mut().filter(|of| of.verdict.is_none()) {
        let Some(gross) = seen_beside(of.metric, stored, now) else {
            continue;
        };
        of.verdict = Some(Verdict::Inconclusive);
        of.needs = Some(words::needs_side_by_side(of));
        of.reason = Some(words::plain(of.reason.as_deref(), &gross));
    }
}

/// What is looked at of the head of a metric, µs of each launch, by name.
pub(super) fn figures(
    metric: GateMetric,
    launches: &[Vec<&Block>],
) -> impl Iterator<Item = (String, Vec<f64>)> {
    let (figures, _) = looked_at(metric).unwrap_or_default();
    let known = figures.into_iter().map(move |of| {
        let logs = of.logs(launches);
        let values: Vec<f64> = logs.iter().map(|of| of.head.exp()).collect();
        (of.key(metric), values)
    });
    known.filter(|(_, values)| !values.is_empty())
}

/// The figures of a metric, in the order in which they are looked for, and by how much the head has to be slower.
fn looked_at(metric: GateMetric) -> Option<(Vec<Figure>, f64)> {
    match metric {
        GateMetric::Capacity => {
            let mean = Figure {
                turns: When::Busy,
                at: At::Mean,
            };
            Some((vec![mean], SLOWER))
        }
        GateMetric::Latency(quantile) => {
            let of = |turns| Figure {
                turns,
                at: At::Quantile(quantile),
            };
            let slower = if bursts::is_tail(quantile) {
                SLOWER_TAIL
            } else {
                SLOWER
            };
            Some((vec![of(When::AtRate), of(When::Busy)], slower))
        }
        _ => None,
    }
}

fn seen(metric: GateMetric, launches: &[Vec<&Block>]) -> Option<Gross> {
    let (figures, slower) = looked_at(metric)?;
    let known = figures.into_iter().map(|of| (of, of.logs(launches)));
    let (figure, logs) = known
        .into_iter()
        .find(|(_, logs)| logs.len() >= FIRST_LOOK)?;
    let worse: Vec<f64> = logs.iter().map(|of| of.head - of.base).collect();
    let limits = LogLimits {
        catch: slower.ln_1p(),
        tolerate: slower.ln_1p(),
    };
    let found = look::first(&worse, limits, FALSE_FAILS / FIGURES);
    let mean = |of: fn(&Arms<f64>) -> f64| {
        let sum: f64 = logs.iter().map(of).sum();
        (sum / logs.len() as f64).exp()
    };
    (found == Seen::Fails).then(|| Gross {
        of: figure.name(),
        base: mean(|of| of.base),
        head: mean(|of| of.head),
    })
}

fn seen_beside(metric: GateMetric, stored: &Figures, now: &Figures) -> Option<Gross> {
    let (figures, slower) = looked_at(metric)?;
    let sample = |of: &Figures, key: &str| {
        let logs: Vec<f64> = of.get(key)?.iter().map(|value| value.ln()).collect();
        Paired::of(&logs).filter(|of| of.n >= FIRST_LOOK)
    };
    let (figure, before, after) = figures.into_iter().find_map(|figure| {
        let key = figure.key(metric);
        Some((figure, sample(stored, &key)?, sample(now, &key)?))
    })?;
    let error = before.error().hypot(after.error());
    let error = error.hypot(ASSUMED_LATENCY_RUN_SPREAD);
    let surely = t_quantile(1.0 - FALSE_FAILS / FIGURES, f64::INFINITY) * error;
    let worse = after.mean - before.mean;
    (worse - surely > slower.ln_1p()).then(|| Gross {
        of: figure.name(),
        base: before.mean.exp(),
        head: after.mean.exp(),
    })
}

impl Figure {
    /// ln of the figure of each arm, by launch; launches that do not have it are left out.
    fn logs(self, launches: &[Vec<&Block>]) -> Vec<Arms<f64>> {
        let launches = launches.iter();
        let of = |launch: &Vec<&Block>| {
            let arm = |arm: fn(&Block) -> &ArmBlock| {
                let turns = launch.iter().filter_map(|block| self.turns_of(arm(block)));
                latency_quantiles(turns.flat_map(|turns| &turns.tallies))
            };
            let (base, exact_below) = arm(|block| &block.arms.base);
            if self.needed() > exact_below {
                return None;
            }
            // Lower bounds of what was never answered are among those of the head.
            let (head, _) = arm(|block| &block.arms.head);
            Some(Arms {
                base: self.value(&base)?.ln(),
                head: self.value(&head)?.ln(),
            })
        };
        launches.filter_map(of).collect()
    }

    fn turns_of(self, arm: &ArmBlock) -> Option<&Turns> {
        match self.turns {
            When::Busy => Some(&arm.closed),
            When::AtRate => arm.open.as_ref(),
        }
    }

    /// The quantile up to which latency has to be known.
    fn needed(self) -> f64 {
        match self.at {
            At::Mean => 1.0,
            At::Quantile(quantile) => quantile,
        }
    }

    /// µs; `None` if nothing was answered.
    fn value(self, latency: &Histogram<u64>) -> Option<f64> {
        let value = match self.at {
            At::Mean => latency.mean() / 1e3,
            At::Quantile(quantile) => value_at(latency, quantile),
        };
        (!latency.is_empty() && value > 0.0).then_some(value)
    }

    /// Its name in a baseline.
    fn key(self, metric: GateMetric) -> String {
        let turns = match self.turns {
            When::Busy => "busy",
            When::AtRate => "at_rate",
        };
        format!("{} {turns}", metric.name())
    }

    fn name(self) -> String {
        let turns = match self.turns {
            When::Busy => "in turns in which connections are never idle",
            When::AtRate => "at the fixed rate",
        };
        match self.at {
            At::Mean => format!("on average {turns}"),
            At::Quantile(quantile) => {
                let name = GateMetric::Latency(quantile).name();
                format!("by {name} {turns}")
            }
        }
    }
}
