//! The figures of one launch, which comparisons look at.

use super::per;
use crate::metrics::{Tally, latency_quantiles, value_at};

/// Figures of one launch of a variant's target.
#[derive(Debug, Clone, PartialEq)]
pub struct Round {
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
    /// By how much the two readings that tell the CPU of the target miss the ends of the window, share of it;
    /// `None` if there are not two.
    pub missed_share: Option<f64>,
    /// The launch as a whole.
    pub whole: Estimates,
    /// How far that may be off.
    pub uncertainty: Uncertainty,
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

/// How far each of [`Estimates`] may be off within its launch; `None` where nothing shows it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Uncertainty {
    /// Relative standard error of the throughput.
    pub throughput: Option<f64>,
    /// Relative standard error of the CPU per request.
    pub us_per_request: Option<f64>,
    /// 95 % interval of the median latency, µs.
    pub p50_us: Option<(f64, f64)>,
    /// 95 % interval of the 99th percentile of latency, µs.
    pub p99_us: Option<(f64, f64)>,
}

impl Estimates {
    /// The figures of a stretch of `seconds`.
    pub(crate) fn of(total: &Tally, seconds: f64, target_cpu_seconds: Option<f64>) -> Self {
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
