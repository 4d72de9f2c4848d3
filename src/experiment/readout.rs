//! What the readings of target, machine and generator say of a stretch of load that is over, as one value. Pure.

use serde::{Deserialize, Serialize};

use super::mark::Cpu;
use super::watched::{Count, Published, Watched};
use crate::engine::End;
use crate::result::answering::Answerings;
use crate::result::{Estimates, InstanceUse, PhaseResult, ProcessUse, Round, Uncertainty};

/// What was read over a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Readout {
    /// Where the CPU of the target comes from.
    pub(super) cpu: Cpu,
    /// That CPU time, s, or why it is not known.
    pub(super) target_cpu: Result<f64, String>,
    pub(super) generator_cores: Option<f64>,
    pub(super) busiest_worker: Option<f64>,
    pub(super) worker_wait: Option<f64>,
    pub(super) stopped_seconds: f64,
    pub(super) throttled_seconds: Option<f64>,
    pub(super) steal_share: Option<f64>,
    pub(super) neighbour_cores: Option<f64>,
    pub(super) missed_share: Option<f64>,
    /// When a process that runs by itself was seen last before it ended, s since the start of the window.
    pub(super) process_ended: Option<f64>,
    pub(super) peak_bytes: Option<u64>,
    pub(super) services: Vec<ProcessUse>,
    /// By instance, where there are several.
    pub(super) instances: Vec<InstanceUse>,
    /// What the target published of itself, or why that is not known.
    pub(super) published: Result<Published, String>,
    pub(super) processes: Count,
    pub(super) metrics: Count,
}

/// What a readout needs beside the readings.
pub(super) struct Beside<'a> {
    pub(super) end: &'a End,
    /// Own time of the window.
    pub(super) seconds: f64,
    /// The target has ended in the middle of the load.
    pub(super) has_died: bool,
    /// CPU time of what took turns with it, s; `None` if it is not known.
    pub(super) others_used: Option<f64>,
    /// Where each instance listens, and what it answered.
    pub(super) instances: Vec<(&'a str, crate::metrics::Served)>,
}

impl Readout {
    pub(super) fn of(watched: &Watched, beside: &Beside<'_>) -> Self {
        let &Beside { end, seconds, .. } = beside;
        let target_cpu = watched.target_cpu_seconds(seconds, beside.has_died);
        let used = watched.used(target_cpu.as_ref().ok().copied(), seconds);
        let used = used.zip(beside.others_used);
        // A worker that has driven a load has used a CPU: zero is a window that is too short to tell.
        let known = |cores: f64| Some(cores).filter(|cores| *cores > 0.0);
        Self {
            cpu: watched.cpu(),
            target_cpu,
            generator_cores: watched.own_cores().or(known(end.generator_cores)),
            busiest_worker: known(end.busiest_worker),
            worker_wait: end.worker_wait,
            stopped_seconds: end.stopped_seconds,
            throttled_seconds: watched.throttled_seconds(),
            steal_share: watched.steal_share(),
            neighbour_cores: watched.neighbour_cores(used.map(|(own, others)| own + others)),
            missed_share: watched.missed_share(),
            process_ended: watched.process_ended(),
            peak_bytes: watched.peak_bytes(),
            services: watched.services(seconds),
            instances: watched.instances(&beside.instances, seconds),
            published: watched.published(),
            processes: watched.processes,
            metrics: watched.metrics,
        }
    }

    /// The figures of a launch, without how far they may be off.
    pub(super) fn figures(&self, found: &PhaseResult, seconds: f64) -> Round {
        let total = found.total();
        let cpu_seconds = self.target_cpu.as_ref().ok().copied();
        Round {
            number: 1,
            seconds,
            target_cpu_seconds: cpu_seconds,
            generator_cores: self.generator_cores,
            busiest_worker: self.busiest_worker,
            worker_wait: self.worker_wait,
            stopped_seconds: Some(self.stopped_seconds),
            throttled_seconds: self.throttled_seconds,
            steal_share: self.steal_share,
            neighbour_cores: self.neighbour_cores,
            missed_share: self.missed_share,
            answerings: Answerings::default(),
            whole: Estimates::of(&total, found.target_ok(&total), seconds, cpu_seconds),
            uncertainty: Uncertainty::default(),
            tails: Vec::new(),
            ratio_errors: None,
        }
    }
}
