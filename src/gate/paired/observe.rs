//! From blocks to observations: what each launch of both arms says of a metric, and which blocks say nothing of it.
//!
//! The rules by which a block is void look at the machine and at the generator alone, and never at what the arms' figures say.

use std::time::Duration;

use super::bursts;
use super::verdict::Bursts;
use crate::metrics::{Tally, latency_quantiles, value_at};
use crate::result::{ArmBlock, Arms, Around, Block, Turns};
use crate::scenario::plan::gate::{GateMetric, Relaunch};

/// CPUs of others from which figures at a fixed rate are worthless: beside such neighbours the median was seen to move by 44 %.
const FOREIGN_CORES: f64 = 0.15;
/// Share of CPU time that the hypervisor took from which they are.
const STEAL: f64 = 0.05;
/// Share of the planned requests below which a block was not loaded as planned.
const SENT: f64 = 0.99;

/// The blocks of each launch, in their order. Blocks of one launch are one observation; where nobody launches, each block is one.
pub(super) fn by_launch(blocks: &[Block], relaunch: Relaunch) -> Vec<Vec<&Block>> {
    let mut launches: Vec<Vec<&Block>> = Vec::new();
    for block in blocks {
        match launches.last_mut() {
            Some(last) if relaunch != Relaunch::Never && last[0].launch == block.launch => {
                last.push(block);
            }
            _ => launches.push(vec![block]),
        }
    }
    launches
}

/// Why figures at a fixed rate do not count in a block.
pub(super) fn void(block: &Block) -> Option<&'static str> {
    let around = &block.around;
    if around.foreign_cores.is_some_and(|of| of > FOREIGN_CORES) {
        return Some("other programs used the CPU");
    }
    if around.steal.is_some_and(|of| of > STEAL) {
        return Some("the hypervisor took CPU time");
    }
    if around.throttled > Duration::ZERO {
        return Some("the control group was throttled");
    }
    let arms = [&block.arms.base, &block.arms.head];
    let unsent = arms.iter().filter_map(|arm| arm.open.as_ref()).any(|open| {
        let share = Tally::sum(&open.tallies).scheduled_share();
        share.is_some_and(|share| share < SENT)
    });
    // Whether requests were sent in time depends on the arms too, but not on which of them is better.
    (unsent && is_late(around)).then_some("the generator was late")
}

/// Lateness that alone explains why requests were not sent in time.
fn is_late(around: &Around) -> bool {
    around.dispatch_lag_p99 >= Duration::from_millis(10)
}

/// A metric over all launches.
#[derive(Debug, Default)]
pub(super) struct Series {
    /// ln of the figure of each arm, by launch.
    pub(super) logs: Vec<Arms<f64>>,
    /// Launches that say nothing because their blocks are void.
    pub(super) voided: usize,
    /// Launches in which the figure of an arm is not known, and why.
    pub(super) unknown: Option<(usize, &'static str)>,
    /// Of a percentile of the tail.
    pub(super) bursts: Option<Bursts>,
    /// Launches in which an arm may take more than the generator could send.
    pub(super) outruns: Arms<usize>,
}

impl Series {
    pub(super) fn of(metric: GateMetric, launches: &[Vec<&Block>]) -> Self {
        let mut series = Self::default();
        let mut counted = Vec::new();
        for launch in launches {
            let blocks: Vec<&Block> = launch
                .iter()
                .copied()
                .filter(|block| !metric.is_at_rate() || void(block).is_none())
                .collect();
            if blocks.is_empty() {
                series.voided += 1;
                continue;
            }
            match both(metric, &blocks) {
                Ok(logs) => {
                    series.logs.push(logs);
                    counted.push(blocks);
                }
                Err(why) => {
                    let known = series.unknown.map_or(0, |(count, _)| count);
                    series.unknown = Some((known + 1, why));
                }
            }
        }
        let outruns = |arm: fn(&Block) -> &ArmBlock| {
            let of = |block: &&Block| arm(block).closed.outruns_generator;
            counted
                .iter()
                .filter(|blocks| blocks.iter().any(of))
                .count()
        };
        series.outruns = Arms {
            base: outruns(|block| &block.arms.base),
            head: outruns(|block| &block.arms.head),
        };
        if let GateMetric::Latency(quantile) = metric
            && bursts::is_tail(quantile)
        {
            series.bursts = Some(bursts::of(quantile, &counted));
        }
        series
    }

    /// Whether so many launches are most of them.
    pub(super) fn are_most(&self, launches: usize) -> bool {
        2 * launches > self.logs.len()
    }

    /// ln of how much worse the head is, by launch.
    pub(super) fn worse(&self, metric: GateMetric) -> Vec<f64> {
        let sign = if metric.more_is_worse() { 1.0 } else { -1.0 };
        let logs = self.logs.iter();
        logs.map(|of| sign * (of.head - of.base)).collect()
    }
}

fn both(metric: GateMetric, blocks: &[&Block]) -> Result<Arms<f64>, &'static str> {
    let is_unloaded = |block: &&Block| {
        let Arms { base, head } = &block.arms;
        base.closed.count + head.closed.count == 0
    };
    if blocks.iter().any(is_unloaded) {
        return Err("neither arm was loaded, for one was not up");
    }
    if metric.is_at_rate()
        && let Some(why) = blocks.iter().find_map(|block| unopened(block))
    {
        return Err(why);
    }
    let log = |arm: fn(&Block) -> &ArmBlock| {
        let arms: Vec<&ArmBlock> = blocks.iter().map(|block| arm(block)).collect();
        let value = value(metric, &arms)?;
        let is_known = value.is_finite() && value > 0.0;
        is_known.then(|| value.ln()).ok_or("nothing was counted")
    };
    Ok(Arms {
        base: log(|block| &block.arms.base)?,
        head: log(|block| &block.arms.head)?,
    })
}

/// What one arm did on one launch. Sums are divided by sums.
fn value(metric: GateMetric, arms: &[&ArmBlock]) -> Result<f64, &'static str> {
    let closed = || arms.iter().map(|arm| &arm.closed);
    match metric {
        GateMetric::CpuPerRequest => per_request(arms.iter().map(|arm| arm.cpu), closed()),
        GateMetric::CpuAtRate => per_request(arms.iter().map(|arm| arm.open_cpu), opened(arms)),
        GateMetric::Capacity => {
            if closed().any(|turns| turns.are_short) {
                return Err("turns are too short for its answers to tell capacity");
            }
            let seconds: f64 = closed().map(|turns| turns.active.as_secs_f64()).sum();
            Ok(completed(closed())? / seconds)
        }
        GateMetric::Latency(quantile) => {
            let tallies = opened(arms).flat_map(|turns| &turns.tallies);
            let (latency, exact_below) = latency_quantiles(tallies);
            if latency.is_empty() {
                return Err("there was no OK answer at the fixed rate");
            }
            if quantile > exact_below {
                return Err("requests that were never answered make it a lower bound");
            }
            Ok(value_at(&latency, quantile))
        }
        GateMetric::Function(_) => Err("functions are seen in profiles alone"),
        GateMetric::PeakMemory => {
            let peaks: Option<Vec<u64>> = arms.iter().map(|arm| arm.peak_bytes).collect();
            let most = peaks.and_then(|peaks| peaks.into_iter().max());
            most.map(|bytes| bytes as f64)
                .ok_or("the memory of an arm cannot be read")
        }
    }
}

fn opened<'a>(arms: &[&'a ArmBlock]) -> impl Iterator<Item = &'a Turns> {
    arms.iter().filter_map(|arm| arm.open.as_ref())
}

/// Why a block has no turns at a fixed rate, if it has none.
fn unopened(block: &Block) -> Option<&'static str> {
    let arms = [&block.arms.base, &block.arms.head];
    if arms.iter().all(|arm| arm.open.is_some()) {
        None
    } else if arms.iter().any(|arm| arm.died.is_some()) {
        Some("an arm ended before it was loaded at a fixed rate")
    } else if arms
        .iter()
        .any(|arm| arm.closed.tallies.iter().all(|of| of.ok == 0))
    {
        Some("an arm gave no OK answer")
    } else {
        Some("the budget left no time to measure at a fixed rate")
    }
}

fn per_request<'a>(
    cpu: impl Iterator<Item = Option<Duration>>,
    turns: impl Iterator<Item = &'a Turns>,
) -> Result<f64, &'static str> {
    let cpu: Option<Duration> = cpu.sum();
    let cpu = cpu.ok_or("the CPU time of an arm cannot be read, or was read too late")?;
    // Also of answers that came in the gap behind a turn: their CPU is charged.
    let ok = counted(turns, |tally| tally.ok)?;
    Ok(cpu.as_secs_f64() * 1e6 / ok)
}

/// OK answers that came within turns.
fn completed<'a>(turns: impl Iterator<Item = &'a Turns>) -> Result<f64, &'static str> {
    counted(turns, |tally| tally.completed_ok)
}

fn counted<'a>(
    turns: impl Iterator<Item = &'a Turns>,
    count: fn(&Tally) -> u64,
) -> Result<f64, &'static str> {
    let ok: u64 = turns.flat_map(|turns| &turns.tallies).map(count).sum();
    if ok == 0 {
        return Err("an arm gave no OK answer");
    }
    Ok(ok as f64)
}
