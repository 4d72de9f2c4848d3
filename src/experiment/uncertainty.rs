//! How far the figures of a launch may be off, from what differs within it. Launches differ by more: that is for comparisons.

use super::blocks::Block;
use crate::metrics::{Batches, Tally, latency_quantiles};
use crate::result::Uncertainty;

impl Uncertainty {
    /// From the full intervals of a launch that came to `total`.
    pub(super) fn of(blocks: &[Block], batches: &Batches, total: &Tally) -> Self {
        let error = |of: fn(&Block) -> Option<f64>| {
            relative_error(&blocks.iter().filter_map(of).collect::<Vec<_>>())
        };
        let (latency, _) = latency_quantiles(total);
        Self {
            throughput: error(|block| Some(block.throughput())),
            us_per_request: error(Block::us_per_request),
            p50_us: batches.interval(&latency, 0.5),
            p99_us: batches.interval(&latency, 0.99),
        }
    }
}

/// Relative standard error of a mean; `None` for fewer than two values.
fn relative_error(values: &[f64]) -> Option<f64> {
    let n = values.len() as f64;
    if n < 2.0 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean > 0.0).then(|| (squares / (n - 1.0) / n).sqrt() / mean)
}
