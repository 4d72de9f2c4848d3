//! The figures of a launch, as its workers ended and its target was read.

use super::watched::Watched;
use crate::engine::End;
use crate::result::answering::Answerings;
use crate::result::{Estimates, PhaseResult, Round, Uncertainty};

/// The figures of a launch, without how far they may be off.
pub(super) fn figures(
    found: &PhaseResult,
    cpu_seconds: Option<f64>,
    end: &End,
    watched: &Watched,
) -> Round {
    let (seconds, total) = (end.own.seconds(end.window), found.total());
    // A worker that has driven a load has used a CPU: zero is a window that is too short to tell.
    let used = |cores: f64| Some(cores).filter(|cores| *cores > 0.0);
    Round {
        number: 1,
        seconds,
        target_cpu_seconds: cpu_seconds,
        generator_cores: watched.own_cores().or(used(end.generator_cores)),
        busiest_worker: used(end.busiest_worker),
        worker_wait: end.worker_wait,
        stopped_seconds: Some(end.stopped_seconds),
        throttled_seconds: watched.throttled_seconds(),
        steal_share: watched.steal_share(),
        neighbour_cores: None,
        missed_share: watched.missed_share(),
        answerings: Answerings::default(),
        whole: Estimates::of(&total, found.target_ok(&total), seconds, cpu_seconds),
        uncertainty: Uncertainty::default(),
        tails: Vec::new(),
        ratio_errors: None,
    }
}
