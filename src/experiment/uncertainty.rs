//! How far the figures of a launch may be off, from what differs within it, and what no launch shows: that it was measured at one time.

use super::blocks::Block;
use crate::metrics::{Batches, Tally, latency_quantiles};
use crate::result::{ASSUMED_LATENCY_TIME_SPREAD, RatioErrors, Tail, Uncertainty};
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
        let (latency, _) = latency_quantiles([total]);
        Self {
            throughput: nested_half(&rates).map(|half| half / Z95),
            us_per_request: nested_half(&spent).map(|half| half / Z95),
            p50_us: batches.interval(&latency, 0.5),
            p99_us: batches.interval(&latency, 0.99),
        }
    }
}

impl RatioErrors {
    /// From the intervals that both of two launches have which took turns: what drifts moves both alike.
    pub(super) fn of(base: &[Block], head: &[Block]) -> Self {
        let both = base.iter().filter_map(|base| {
            let other = head.iter().find(|head| head.begin == base.begin);
            Some((base, other.filter(|head| head.end == base.end)?))
        });
        let (mut rates, mut costs) = (Vec::new(), Vec::new());
        for (base, head) in both {
            rates.push(head.throughput() / base.throughput());
            let cost = |of: &Block| of.spent().map(|(rate, cores)| cores / rate);
            costs.extend(cost(head).zip(cost(base)).map(|(head, base)| head / base));
        }
        let error = |ratios: Vec<f64>| {
            let usable = ratios.into_iter().filter(|of| of.is_finite() && *of > 0.0);
            let weighted: Vec<_> = usable.map(|ratio| (ratio, 1.0)).collect();
            nested_half(&weighted).map(|half| half / Z95)
        };
        Self {
            throughput: error(rates),
            us_per_request: error(costs),
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
