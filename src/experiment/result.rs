//! What a run found: plain values, complete enough to be judged, compared and rendered.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::{Answerings, InstanceUse, Uncertainty, Warning};
use crate::metrics::{Durations, ErrorKind, Tally, latency_quantiles, value_at};
use crate::process::machine::Fingerprint;
use crate::profile::{FunctionTable, Profile, Scale};
use crate::scenario::{Load, LoadModel};
use crate::tenant::{Expected, Told};

/// A run of a plan.
#[derive(Debug)]
pub struct RunResult {
    /// When it began.
    pub started_at: jiff::Timestamp,
    /// The machine it ran on.
    pub machine: Fingerprint,
    /// In the order of the plan.
    pub variants: Vec<VariantResult>,
    /// Whether it was ended before its time.
    pub interrupted: bool,
    /// What ended it before its time, other than the user.
    pub failure: Option<Failure>,
}

/// Why a run ended early.
#[derive(Debug, Clone)]
pub enum Failure {
    /// The target could not be started or reached, or it died.
    Target(String),
    /// telemload or its machine failed.
    Internal(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(message) | Self::Internal(message) => f.write_str(message),
        }
    }
}

/// One variant's results.
#[derive(Debug)]
pub struct VariantResult {
    /// Its name.
    pub name: String,
    /// What was loaded, for people.
    pub target: String,
    /// Phases that were at least begun, pooled over rounds.
    pub phases: Vec<PhaseResult>,
}

/// One phase of a variant, pooled over its rounds.
#[derive(Debug)]
pub struct PhaseResult {
    /// Its name.
    pub name: String,
    /// Its load.
    pub load: Load,
    /// Names of the requests, in the order of `tallies`.
    pub requests: Vec<String>,
    /// Counts by request.
    pub tallies: Vec<Tally>,
    /// The first failure of each kind, in words.
    pub exemplars: BTreeMap<ErrorKind, String>,
    /// Each launch's own figures.
    pub rounds: Vec<Round>,
    /// CPUs that the target may use.
    pub target_cpus: f64,
    /// Largest memory of the target within a window, bytes.
    pub peak_bytes: Option<u64>,
    /// Increase of what the target counts of itself over the windows, by name.
    pub counters: BTreeMap<&'static str, u64>,
    /// The highest value of its gauges at the ends of intervals, by name.
    pub peaks: BTreeMap<&'static str, u64>,
    /// What the target acknowledged, if requests say how that is called.
    pub acknowledged: Vec<AcknowledgedFile>,
    /// How the target ended in the middle of the load, the first time that it did.
    pub died: Option<String>,
    /// Every connection that was opened, those of warm-ups too: how long that took, TLS handshake included.
    pub opening: Durations,
    /// Requests that were sent again because the target had closed a kept connection without a byte of answer.
    pub resent: u64,
    /// Each instance of the target, where there are several.
    pub instances: Vec<InstanceUse>,
    /// What ran beside the target, in the order of the plan.
    pub services: Vec<ServiceUse>,
    /// What its load should cost a target that telemload knows.
    pub expected: Option<Expected>,
    /// The profile of the profiled phase.
    pub profile: Option<ProfileResult>,
    /// What a reader should know.
    pub warnings: Vec<Warning>,
}

/// What a service used within the windows.
#[derive(Debug, Clone)]
pub struct ServiceUse {
    /// Its name.
    pub name: String,
    /// CPU time, s; `None` if it is not known, for one that ended by itself.
    pub cpu_seconds: Option<f64>,
    /// Largest memory, bytes.
    pub peak_bytes: Option<u64>,
}

impl ServiceUse {
    /// CPU per OK response of the target, µs.
    pub fn us_per_request(&self, total: &Tally) -> Option<f64> {
        per(self.cpu_seconds? * 1e6, total.completed_ok as f64)
    }

    /// Adds what it used in a window.
    pub(super) fn add(&mut self, cpu_seconds: Option<f64>, peak_bytes: Option<u64>) {
        let both = self.cpu_seconds.zip(cpu_seconds);
        self.cpu_seconds = both.map(|(before, now)| before + now);
        self.peak_bytes = self.peak_bytes.max(peak_bytes);
    }
}

/// A file of ids of what a target acknowledged, of one phase of one launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcknowledgedFile {
    /// Its path within the run directory.
    pub file: PathBuf,
    /// Its lines.
    pub ids: u64,
    /// Where the target stored what it acknowledged, if that is known and outlives it.
    pub sink: Option<String>,
}

/// Figures of one launch of a variant's target.
#[derive(Debug, Clone)]
pub struct Round {
    /// Length of the window, s.
    pub seconds: f64,
    /// CPU of the target over the window, s; `None` if it is not known.
    pub target_cpu_seconds: Option<f64>,
    /// CPU of the generator, cores.
    pub generator_cores: f64,
    /// CPU of the generator's busiest worker, share of a core.
    pub busiest_worker: f64,
    /// The longest that one of the generator's workers waited for a CPU, share of the window.
    pub worker_wait: Option<f64>,
    /// The longest that one of them did not run within the window though it was due to, s: a sum of wake-ups more than 10 ms late.
    pub stopped_seconds: f64,
    /// How long a CPU limit of telemload's control group held it up within the window, s; `None` if that is not known.
    pub throttled_seconds: Option<f64>,
    /// Share of the machine's CPU time that its host took.
    pub steal_share: Option<f64>,
    /// By how much the two readings that tell the CPU of the target miss the ends of the window, share of it.
    pub missed_share: f64,
    /// For how much of the window the target answered, and until when.
    pub answerings: Answerings,
    /// The launch as a whole.
    pub whole: Estimates,
    /// How far that may be off.
    pub uncertainty: Uncertainty,
}

/// The figures that are compared; `None` where one is not known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimates {
    /// OK responses a second.
    pub throughput_rps: Option<f64>,
    /// CPU of the target per OK request, µs.
    pub us_per_request: Option<f64>,
    /// Median latency, µs.
    pub p50_us: Option<f64>,
    /// 99th percentile of latency, µs.
    pub p99_us: Option<f64>,
}

/// What the profiled phase found.
#[derive(Debug)]
pub struct ProfileResult {
    /// The profile, which a picture may be drawn of meanwhile.
    pub profile: Arc<Profile>,
    /// Samples a second that were asked for.
    pub hz: u32,
    /// CPU time in the profile by CPU time of the target while it was taken; `None` if that is not known.
    pub capture_ratio: Option<f64>,
    /// CPU of the target per OK request in the profiled phase, µs.
    pub us_per_request: Option<f64>,
    /// OK responses a second in the profiled phase.
    pub throughput_rps: f64,
    /// Share of the machine's CPU time that its host took in the profiled phase.
    pub steal_share: Option<f64>,
    /// Relative standard error of `us_per_request`, between slices, or between intervals if the slices are too few.
    pub us_error: f64,
    /// All functions.
    pub functions: FunctionTable,
}

impl ProfileResult {
    /// What shares are multiplied with to be CPU-µs per request.
    pub fn scale(&self) -> Option<Scale> {
        let factor = self.us_per_request.filter(|us| *us > 0.0)?;
        Some(Scale::cost(factor).known_to(self.us_error, self.functions.slices.len()))
    }
}

impl PhaseResult {
    /// All requests as one tally.
    pub fn total(&self) -> Tally {
        Tally::sum(&self.tallies)
    }

    /// Seconds of all windows.
    pub fn seconds(&self) -> f64 {
        // Not `sum`, which is -0.0 for no rounds.
        self.rounds
            .iter()
            .fold(0.0, |sum, round| sum + round.seconds)
    }

    /// OK responses completed per second of the windows.
    pub fn throughput_rps(&self, total: &Tally) -> f64 {
        per(total.completed_ok as f64, self.seconds()).unwrap_or(0.0)
    }

    /// CPU time of the target over all windows, s.
    pub fn target_cpu_seconds(&self) -> Option<f64> {
        self.rounds
            .iter()
            .map(|round| round.target_cpu_seconds)
            .sum()
    }

    /// CPU of the target, cores.
    pub fn target_cores(&self) -> Option<f64> {
        per(self.target_cpu_seconds()?, self.seconds())
    }

    /// CPU of the target per OK response, µs.
    pub fn us_per_request(&self, total: &Tally) -> Option<f64> {
        per(self.target_cpu_seconds()? * 1e6, total.completed_ok as f64)
    }

    /// CPU of a service, cores.
    pub fn service_cores(&self, service: &ServiceUse) -> Option<f64> {
        per(service.cpu_seconds?, self.seconds())
    }

    /// CPU of all services, cores; `None` if one is not known, or there is none.
    pub fn all_service_cores(&self) -> Option<f64> {
        let services = self.services.iter();
        services
            .map(|service| self.service_cores(service))
            .reduce(|sum, cores| Some(sum? + cores?))
            .flatten()
    }

    /// CPU of the generator, cores, weighted by the windows.
    pub fn generator_cores(&self) -> f64 {
        per(
            self.rounds
                .iter()
                .map(|round| round.generator_cores * round.seconds)
                .sum(),
            self.seconds(),
        )
        .unwrap_or(0.0)
    }

    /// Largest share of CPU time that the host took in any round.
    pub fn steal_share(&self) -> Option<f64> {
        worst(self.rounds.iter().map(|round| round.steal_share))
    }

    /// Largest share of a window in which a worker of the generator waited for a CPU, in any round.
    pub fn worker_wait(&self) -> Option<f64> {
        worst(self.rounds.iter().map(|round| round.worker_wait))
    }

    /// What is known of a target that telemload knows.
    pub fn told(&self, total: &Tally) -> Told<'_> {
        Told {
            counters: &self.counters,
            peaks: &self.peaks,
            seconds: self.seconds(),
            ok: total.completed_ok,
            expected: self.expected,
        }
    }

    /// Share of the scheduled requests that were sent in the window; 1 for a closed loop.
    pub fn sent_share(&self, total: &Tally) -> f64 {
        match self.load.model {
            LoadModel::Closed => 1.0,
            LoadModel::Open { .. } => total.scheduled_share().unwrap_or(1.0),
        }
    }
}

impl Round {
    /// How long the generator did not run within the window, s.
    pub(super) fn own_stop(&self) -> f64 {
        self.stopped_seconds + self.throttled_seconds.unwrap_or(0.0)
    }
}

impl Estimates {
    /// The figures of a stretch of `seconds`.
    pub(super) fn of(total: &Tally, seconds: f64, target_cpu_seconds: Option<f64>) -> Self {
        let latency = |quantile| {
            let (histogram, _) = latency_quantiles(total);
            (!histogram.is_empty()).then(|| value_at(&histogram, quantile))
        };
        Self {
            throughput_rps: per(total.completed_ok as f64, seconds),
            us_per_request: target_cpu_seconds
                .and_then(|cpu| per(cpu * 1e6, total.completed_ok as f64)),
            p50_us: latency(0.5),
            p99_us: latency(0.99),
        }
    }
}

fn worst(shares: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    shares.flatten().reduce(f64::max)
}

fn per(amount: f64, of: f64) -> Option<f64> {
    (of > 0.0).then(|| amount / of)
}
