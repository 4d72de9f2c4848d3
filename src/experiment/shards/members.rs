//! What is told of each shard of a merged run. Pure.

use super::files::Extent;
use super::schedule::due;
use super::set::{Set, Used, phase};
use crate::result::{Failure, Lost, MergedShard, PhaseResult, Round, ShardStretch, ShardWindow};

/// One that is used.
pub(super) fn member(index: u32, used: &Used) -> MergedShard {
    let (result, shard) = (&used.found.result, &used.found.shard);
    let stretches = shard.stretches.iter().zip(&used.extents);
    let windows = stretches.filter_map(|(stretch, extent)| {
        let extent = extent.as_ref()?;
        let phase = phase(result, stretch)?;
        let round = phase.rounds.iter().find(|of| of.number == stretch.round)?;
        Some(window(stretch, phase, round, extent))
    });
    let failure = result.failure.as_ref().map(|of| match of {
        Failure::Target(words) | Failure::Internal(words) => words.clone(),
    });
    MergedShard {
        index,
        machine: Some(result.machine.clone()),
        clock_bound_s: shard.clock_bound.map(|bound| bound.as_secs_f64()),
        interrupted: result.interrupted,
        failure,
        lost: None,
        windows: windows.collect(),
    }
}

/// One that is not.
pub(super) fn lost(set: &Set, index: u32) -> MergedShard {
    let words = set.lost.get(&index).cloned().unwrap_or_default();
    let loads = set.stretches.iter().filter(|of| !of.profiled);
    let parts = loads.map(|stretch| {
        let mut used = set.used.values();
        let (load, seed) = used.find_map(|used| {
            let result = &used.found.result;
            Some((&phase(result, stretch)?.load, result.scenario.seed?))
        })?;
        due(load, seed, set.shard(index), stretch.workers)
    });
    let parts: Option<u64> = parts.sum();
    MergedShard {
        index,
        machine: None,
        clock_bound_s: None,
        interrupted: false,
        failure: None,
        lost: Some(Lost { words, due: parts }),
        windows: Vec::new(),
    }
}

fn window(
    stretch: &ShardStretch,
    phase: &PhaseResult,
    round: &Round,
    extent: &Extent,
) -> ShardWindow {
    let interval = |of: Option<(f64, f64)>| {
        of.map(|(low, high)| (low, Some(high).filter(|high| high.is_finite())))
    };
    let begun = stretch
        .begun_at
        .map(|begun| begun.duration_since(stretch.begins_at));
    let doubts = phase.trust.doubts.iter();
    ShardWindow {
        variant: stretch.variant.clone(),
        phase: stretch.phase.clone(),
        round: stretch.round,
        window_s: round.seconds,
        begin_error_s: begun.map(|late| late.as_secs_f64()),
        due: extent.due,
        ok: extent.ok,
        failed: extent.failed,
        throughput_rps: round.whole.throughput_rps,
        latency_p50_us: round.whole.p50_us,
        latency_p99_us: round.whole.p99_us,
        latency_p50_interval_us: interval(round.uncertainty.p50_us),
        latency_p99_interval_us: interval(round.uncertainty.p99_us),
        dispatch_lag_p99_us: extent.lag_p99_us,
        generator_cores: round.generator_cores,
        doubts: doubts.map(|doubt| doubt.cause.code().to_owned()).collect(),
        trust: phase.trust.level(),
        apart: false,
    }
}
