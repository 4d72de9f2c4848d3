//! Of how many bursts the tail of latencies is made. Requests of one moment share its fate, so that their number says too little.

use super::verdict::Bursts;
use crate::metrics::{bursts_in, latency_quantiles};
use crate::result::{ArmBlock, Block, Turns};

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

/// Runs of turns that hold what is above the quantile, as bursts of a run are counted. Where it lies in all turns alike, c / D of the
/// requests c above it: D, their variance by their mean from turn to turn, is 1 of independent requests, and the size of the bursts otherwise.
fn of_arm(quantile: f64, launches: &[Vec<&Block>], arm: fn(&Block) -> &ArmBlock) -> f64 {
    let blocks = launches.iter().flatten();
    let open: Vec<&Turns> = blocks
        .filter_map(|block| arm(block).open.as_ref())
        .collect();
    let (all, _) = latency_quantiles(open.iter().flat_map(|turns| &turns.tallies));
    if all.is_empty() {
        return 0.0;
    }
    let limit = all.value_at_quantile(quantile);
    let by_turn = open.iter().flat_map(|turns| &turns.by_turn);
    let counted: Vec<(f64, f64)> = by_turn.map(|turn| above(turn, limit)).collect();
    bursts_in(&counted).map_or_else(|| independent(&counted), |bursts| bursts as f64)
}

/// Requests of a turn that took longer than a limit, and all.
fn above(turn: &[(u64, u64)], limit: u64) -> (f64, f64) {
    let count = |of: &dyn Fn(u64) -> bool| {
        let turn = turn.iter().filter(|(value, _)| of(*value));
        turn.map(|(_, count)| count).sum::<u64>() as f64
    };
    (count(&|value| value > limit), count(&|_| true))
}

fn independent(counted: &[(f64, f64)]) -> f64 {
    let turns = counted.len() as f64;
    let sum: f64 = counted.iter().map(|(above, _)| above).sum();
    let mean = sum / turns;
    if sum == 0.0 || counted.len() < 2 {
        return 0.0;
    }
    let squares = counted.iter().map(|(above, _)| (above - mean).powi(2));
    let variance = squares.sum::<f64>() / (turns - 1.0);
    sum / (variance / mean).max(1.0)
}
