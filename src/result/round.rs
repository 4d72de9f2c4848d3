//! The figures of one launch, which comparisons look at.

use serde::{Deserialize, Serialize};

use super::{Answerings, RatioErrors, per};
use crate::metrics::{Tally, latency_quantiles, value_at};

/// Relative standard deviation that is assumed of throughput and CPU per request between measurements of one program at different times
/// of one run. The machine makes it: launches beside each other in time were seen to differ by 0.5 %, and windows of 10 s of one launch
/// by 5 to 9 %.
pub const ASSUMED_TIME_SPREAD: f64 = 0.05;

/// The same of percentiles of latency, which depend on where the scheduler puts threads too.
pub const ASSUMED_LATENCY_TIME_SPREAD: f64 = 0.10;

/// The same as [`ASSUMED_TIME_SPREAD`] between two launches that take turns, so that the machine is the same for both.
pub const ASSUMED_LAUNCH_SPREAD: f64 = 0.01;

/// The same of percentiles of latency.
pub const ASSUMED_LATENCY_LAUNCH_SPREAD: f64 = 0.03;

/// The same as [`ASSUMED_TIME_SPREAD`] between runs, which may be days apart.
pub const ASSUMED_RUN_SPREAD: f64 = 0.06;

/// The same of percentiles of latency.
pub const ASSUMED_LATENCY_RUN_SPREAD: f64 = 0.12;

/// Figures of one launch of a variant's target.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Round {
    /// Of which round it is, from 1.
    pub number: u32,
    /// Length of the window, s.
    pub seconds: f64,
    /// CPU of the target over the window, s; `None` if it is not known.
    pub target_cpu_seconds: Option<f64>,
    /// CPU of the generator, cores; `None` if the window is too short to tell.
    pub generator_cores: Option<f64>,
    /// CPU of the generator's busiest worker, share of a core; `None` if the window is too short to tell.
    pub busiest_worker: Option<f64>,
    /// The longest that one of the generator's workers waited for a CPU, share of the window.
    pub worker_wait: Option<f64>,
    /// The longest that one of them did not run within the window though it was due to, s: a sum of wake-ups more than 10 ms late.
    pub stopped_seconds: Option<f64>,
    /// How long a CPU limit of telemload's control group held it up within the window, s; `None` if that is not known.
    pub throttled_seconds: Option<f64>,
    /// Share of the machine's CPU time that its host took.
    pub steal_share: Option<f64>,
    /// CPU of processes that are none of the run, cores; 0 if a CPU or more was idle, and `None` if it is not known.
    pub neighbour_cores: Option<f64>,
    /// By how much the two readings that tell the CPU of the target miss the ends of the window, share of it;
    /// `None` if there are not two.
    pub missed_share: Option<f64>,
    /// For how much of the window the target answered, and until when.
    pub answerings: Answerings,
    /// The launch as a whole.
    pub whole: Estimates,
    /// How far that may be off.
    pub uncertainty: Uncertainty,
    /// At each limit that thresholds set to latencies.
    pub tails: Vec<Tail>,
    /// How far the ratio to the variant that it took turns with may be off, if it did.
    pub ratio_errors: Option<RatioErrors>,
}

/// How requests beyond a limit come together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tail {
    /// The limit, µs.
    pub limit_us: f64,
    /// How many times wider the interval of the part of requests beyond it is than if they were independent; at least 1.
    pub inflation: f64,
    /// Bursts that make the part beyond it; `None` if it lies at all times alike.
    #[serde(default)]
    pub bursts: Option<usize>,
}

/// The figures that are compared; `None` where one is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
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

/// Of each figure in [`Estimates`]; `None` where nothing shows it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Uncertainty {
    /// Half of the relative 95 % interval of the throughput, by 1.96: a standard error that few intervals make larger.
    pub throughput: Option<f64>,
    /// The same of the CPU per request.
    pub us_per_request: Option<f64>,
    /// 95 % interval of the median latency, µs.
    pub p50_us: Option<(f64, f64)>,
    /// 95 % interval of the 99th percentile of latency, µs.
    pub p99_us: Option<(f64, f64)>,
}

impl Round {
    /// How long the generator did not run within the window, s.
    pub(crate) fn own_stop(&self) -> f64 {
        self.stopped_seconds.unwrap_or(0.0) + self.throttled_seconds.unwrap_or(0.0)
    }
}

impl Estimates {
    /// The figures of a stretch of `seconds`; `target_ok` OK responses were the target's.
    pub(crate) fn of(
        total: &Tally,
        target_ok: u64,
        seconds: f64,
        target_cpu_seconds: Option<f64>,
    ) -> Self {
        let latency = |quantile| {
            let (histogram, _) = latency_quantiles([total]);
            (!histogram.is_empty()).then(|| value_at(&histogram, quantile))
        };
        Self {
            throughput_rps: per(total.completed_ok as f64, seconds),
            us_per_request: target_cpu_seconds.and_then(|cpu| per(cpu * 1e6, target_ok as f64)),
            p50_us: latency(0.5),
            p99_us: latency(0.99),
        }
    }
}
