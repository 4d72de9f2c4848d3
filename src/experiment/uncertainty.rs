//! How far the figures of a launch may be off, from what differs within it, and what no launch shows: that it was measured at one time.

use super::blocks::Block;
use crate::metrics::{Batches, Tally, latency_quantiles};
use crate::result::{ASSUMED_LATENCY_TIME_SPREAD, Tail, Uncertainty};
use crate::statistics::{Z95, nested_half};

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

impl Tail {
    /// At a limit and at the two that a machine of another speed would have: beyond the limit itself there may be nothing to see.
    pub(super) fn of(batches: &Batches, limit_us: f64) -> Self {
        let speed = (Z95 * ASSUMED_LATENCY_TIME_SPREAD).exp();
        let limits = [limit_us / speed, limit_us, limit_us * speed];
        let inflation = limits.into_iter().map(|limit| batches.inflation(limit));
        let bursts = limits
            .into_iter()
            .filter_map(|limit| batches.bursts_above(limit));
        Self {
            limit_us,
            inflation: inflation.fold(1.0, f64::max),
            bursts: bursts.min(),
        }
    }
}
