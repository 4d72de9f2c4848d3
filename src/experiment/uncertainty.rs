//! How far the figures of a launch may be off, from what differs within it, and what no launch shows: that it was measured at one time.

use super::blocks::Block;
use crate::metrics::{Batches, Tally, latency_quantiles};
use crate::result::Uncertainty;
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
