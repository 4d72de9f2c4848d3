//! Who is told how a run goes, and what of.

use std::time::Duration;

use crate::profile::Forecast;
use crate::result::PhaseResult;
use crate::scenario::Load;

/// Is told how a run goes; what it does with it is not the experiment's business.
pub trait Observer: Sync {
    /// Hashes of secrets are computed: `total` of them.
    fn hashing(&self, total: u64);
    /// One of them is done.
    fn hashed(&self);
    /// A stretch of load begins.
    fn phase(&self, phase: &PhaseStart<'_>);
    /// An interval of it is over.
    fn live(&self, live: &Live);
    /// Why what was found so far in a measured window ends the run; asked at most twice a second, with a phase as if it were over.
    fn hopeless(&self, _variant: &str, _found: &PhaseResult, _at: Duration) -> Option<String> {
        None
    }
    /// It is over.
    fn phase_over(&self);
}

/// A stretch of load that begins.
#[derive(Debug, Clone, Copy)]
pub struct PhaseStart<'a> {
    /// The variant.
    pub variant: &'a str,
    /// The phase.
    pub phase: &'a str,
    /// Launch of the variant, from 1, and how many there will be.
    pub round: (u32, u32),
    /// Whether this is the profiled repetition of the phase.
    pub profiled: bool,
    /// How long its samples take, if these end it.
    pub forecast: Option<Forecast>,
    /// Its load.
    pub load: &'a Load,
    /// Warm-up and window; `None` if it ends with a number of requests.
    pub length: Option<Duration>,
}

/// Figures of the last interval.
#[derive(Debug, Clone, Copy, Default)]
pub struct Live {
    /// OK responses a second.
    pub throughput_rps: f64,
    /// Median latency, µs; `None` if there is none.
    pub p50_us: Option<f64>,
    /// 99th percentile of latency, µs.
    pub p99_us: Option<f64>,
    /// Failed requests.
    pub failed: u64,
    /// CPU of the target, cores.
    pub target_cores: Option<f64>,
}
