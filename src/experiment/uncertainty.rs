//! How far the figures of a launch may be off, from what differs within it, and what no launch shows: that it was measured at one time.

use super::blocks::Block;
use crate::metrics::{Batches, Tally, latency_quantiles};
use crate::statistics::{Z95, nested_half};

/// Relative standard deviation that is assumed of throughput and CPU per request between measurements of one program at different times
/// of one run. The machine makes it: launches beside each other in time were seen to differ by 0.5 %, and windows of 10 s of one launch
/// by 5 to 9 %.
pub const ASSUMED_TIME_SPREAD: f64 = 0.05;

/// The same of percentiles of latency, which depend on where the scheduler puts threads too.
pub const ASSUMED_LATENCY_TIME_SPREAD: f64 = 0.10;

/// The same as [`ASSUMED_TIME_SPREAD`] between runs, which may be days apart.
pub const ASSUMED_RUN_SPREAD: f64 = 0.06;

/// The same of percentiles of latency.
pub const ASSUMED_LATENCY_RUN_SPREAD: f64 = 0.12;

/// Of each figure in [`super::Estimates`]; `None` where nothing shows it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Uncertainty {
    /// Half of the relative 95 % interval of the throughput, by 1.96: a standard error that few intervals make larger.
    pub throughput: Option<f64>,
    /// The same of the CPU per request.
    pub us_per_request: Option<f64>,
    /// 95 % interval of the median latency, µs.
    pub p50_us: Option<(f64, f64)>,
    /// 95 % interval of the 99th percentile of latency, µs.
    pub p99_us: Option<(f64, f64)>,
}

impl Uncertainty {
    /// From the full intervals of a launch that came to `total`.
    pub(super) fn of(blocks: &[Block], batches: &Batches, total: &Tally) -> Self {
        let rates: Vec<_> = blocks
            .iter()
            .map(|block| (block.throughput(), 1.0))
            .collect();
        let known = blocks.iter().filter_map(Block::spent);
        let spent: Vec<_> = known.map(|(rate, cores)| (cores, rate)).collect();
        let (latency, _) = latency_quantiles(total);
        Self {
            throughput: nested_half(&rates).map(|half| half / Z95),
            us_per_request: nested_half(&spent).map(|half| half / Z95),
            p50_us: batches.interval(&latency, 0.5),
            p99_us: batches.interval(&latency, 0.99),
        }
    }
}

/// How requests beyond a limit come together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tail {
    /// The limit, µs.
    pub limit_us: f64,
    /// How many times wider the interval of the part of requests beyond it is than if they were independent; at least 1.
    pub inflation: f64,
}

impl Tail {
    /// At a limit and at the two that a machine of another speed would have: beyond the limit itself there may be nothing to see.
    pub(super) fn of(batches: &Batches, limit_us: f64) -> Self {
        let speed = (Z95 * ASSUMED_LATENCY_TIME_SPREAD).exp();
        let limits = [limit_us / speed, limit_us, limit_us * speed];
        let inflation = limits.into_iter().map(|limit| batches.inflation(limit));
        Self {
            limit_us,
            inflation: inflation.fold(1.0, f64::max),
        }
    }
}
