//! Who is told how a run goes, and what of.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::timeline::Planned;
use crate::metrics::ErrorKind;
use crate::profile::Forecast;
use crate::result::PhaseResult;
use crate::scenario::Load;

/// Is told how a run goes; what it does with it is not the experiment's business.
pub trait Observer: Sync {
    /// A run begins that has planned these stretches of load.
    fn planned(&self, _stretches: &[Planned]) {}
    /// Hashes of secrets are computed: `total` of them.
    fn hashing(&self, total: u64);
    /// One of them is done.
    fn hashed(&self);
    /// A stretch of load begins.
    fn phase(&self, phase: &PhaseStart<'_>);
    /// An interval of it is over, of this variant: two may take turns.
    fn live(&self, variant: &str, live: &Live<'_>);
    /// Why what was found so far in a measured window ends the run; asked at most twice a second, with a phase as if it were over.
    fn hopeless(&self, _variant: &str, _found: &PhaseResult, _at: Duration) -> Option<String> {
        None
    }
    /// It is over, with what these launches found in it, by variant.
    fn phase_over(&self, found: &[(&str, &PhaseResult)]);
}

/// A stretch of load that begins.
#[derive(Debug, Clone, Copy)]
pub struct PhaseStart<'a> {
    /// The variant.
    pub variant: &'a str,
    /// The variant that has the other turns.
    pub with: Option<&'a str>,
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
    /// CPUs that the target may use.
    pub target_cpus: f64,
}

/// An interval of a window that is over. Intervals that workers report too late are left out.
#[derive(Debug, Clone, Copy)]
pub struct Live<'a> {
    /// When it began, since the start of the window.
    pub start: Duration,
    /// How long it was.
    pub length: Duration,
    /// OK responses that completed in it.
    pub completed_ok: u64,
    /// OK responses of what was due in it.
    pub ok: u64,
    /// Latency of what was due in it, lower bounds among it, ns.
    pub latency: &'a Histogram<u64>,
    /// Failures by kind, in the order of [`ErrorKind::ALL`].
    pub errors: [u64; ErrorKind::ALL.len()],
    /// CPU of the target, cores; `None` if it is not known.
    pub target_cores: Option<f64>,
    /// CPU of the generator with all its threads, cores.
    pub generator_cores: Option<f64>,
}
