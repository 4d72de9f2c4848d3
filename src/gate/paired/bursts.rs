//! Of how many bursts the tail of latencies is made. Requests of one moment share its fate, so that their number says too little.

use super::verdict::Bursts;
use crate::metrics::{Tally, latency_quantiles};
use crate::result::{ArmBlock, Block};

/// Bursts of both arms from which a percentile of the tail is judged.
pub(super) const ENOUGH: f64 = 20.0;

/// Whether a quantile (0 to 1) is made by the tail rather than by the middle of the distribution.
pub(super) fn is_tail(quantile: f64) -> bool {
    quantile > 0.75
}

/// The bursts above a quantile, by arm, in the blocks of some launches.
pub(super) fn of(quantile: f64, launches: &[Vec<&Block>]) -> Bursts {
    Bursts {
        base: of_arm(quantile, launches, |block| &block.arms.base),
        head: of_arm(quantile, launches, |block| &block.arms.head),
    }
}

/// Σ c / D of the requests c above the quantile in each block: D, their variance by their mean, is 1 of independent requests, and the
/// size of the bursts otherwise. No block has more bursts than the arm had turns in it.
fn of_arm(quantile: f64, launches: &[Vec<&Block>], arm: fn(&Block) -> &ArmBlock) -> f64 {
    let blocks = launches.iter().flatten();
    let open: Vec<(f64, Tally)> = blocks
        .filter_map(|block| arm(block).open.as_ref())
        .map(|turns| (f64::from(turns.count), Tally::sum(&turns.tallies)))
        .collect();
    let tallies: Vec<Tally> = open.iter().map(|(_, tally)| tally.clone()).collect();
    let (all, _) = latency_quantiles(&Tally::sum(&tallies));
    if all.is_empty() {
        return 0.0;
    }
    let limit = all.value_at_quantile(quantile);
    let counts: Vec<(f64, f64)> = open
        .iter()
        .map(|(turns, tally)| {
            let (latency, _) = latency_quantiles(tally);
            let above = latency.len() - latency.count_between(0, limit);
            (above as f64, *turns)
        })
        .collect();
    let blocks = counts.len() as f64;
    let sum: f64 = counts.iter().map(|(above, _)| above).sum();
    let mean = sum / blocks;
    if sum == 0.0 || counts.len() < 2 {
        return 0.0;
    }
    let squares: f64 = counts.iter().map(|(above, _)| (above - mean).powi(2)).sum();
    let dispersion = (squares / (blocks - 1.0) / mean).max(1.0);
    let at_most: f64 = counts.iter().map(|(above, turns)| above.min(*turns)).sum();
    (sum / dispersion).min(at_most)
}
