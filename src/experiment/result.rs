//! What a run found: plain values, complete enough to be judged, compared and rendered.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::{InstanceUse, Late, Uncertainty};
use crate::metrics::{Durations, ErrorKind, Tally, latency_quantiles, value_at};
use crate::process::machine::Fingerprint;
use crate::profile::{FunctionTable, Profile, Scale};
use crate::scenario::{Load, LoadModel};

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
    /// Increase of the gateway's counters over the windows, by name.
    pub counters: BTreeMap<&'static str, u64>,
    /// The highest value of the gateway's gauges at the ends of intervals, by name.
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
    /// bcrypts a second that devices and TTL imply, for the bundled gateway.
    pub expected_bcrypt_rate: Option<BcryptRate>,
    /// The profile of the profiled phase.
    pub profile: Option<ProfileResult>,
    /// What a reader should know.
    pub warnings: Vec<Warning>,
}

/// bcrypts a second that devices, TTL and instances imply.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BcryptRate {
    /// If no instance computes what another one of its shared store has.
    pub least: f64,
    /// If each computes for itself, which is what requests lead to that come within the time of one bcrypt.
    pub most: f64,
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
    /// Where the bundled gateway stored what it acknowledged, if it outlives the gateway.
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
    /// Share of the machine's CPU time that its host took.
    pub steal_share: Option<f64>,
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
    /// The profile.
    pub profile: Profile,
    /// Samples a second that were asked for.
    pub hz: u32,
    /// CPU time in the profile by CPU time of the target while it was taken; `None` if that is not known.
    pub capture_ratio: Option<f64>,
    /// CPU of the target per OK request in the profiled phase, µs.
    pub us_per_request: Option<f64>,
    /// OK responses a second in the profiled phase.
    pub throughput_rps: f64,
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

/// How far a phase's figures are the target's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrustLevel {
    /// Nothing speaks against them.
    Trusted,
    /// Something disturbed the measurement.
    Suspect,
    /// The generator, not the target, set the pace.
    ClientLimited,
}

impl fmt::Display for TrustLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Trusted => "trusted",
            Self::Suspect => "suspect",
            Self::ClientLimited => "client-limited",
        })
    }
}

/// Trust with its reasons.
#[derive(Debug, Clone, PartialEq)]
pub struct Trust {
    /// The worst of all reasons.
    pub level: TrustLevel,
    /// Why it is not [`TrustLevel::Trusted`].
    pub reasons: Vec<String>,
}

/// What a reader should know about a phase; each names the remedy.
#[derive(Debug, Clone, PartialEq)]
pub enum Warning {
    /// The CPU of the target was not measured.
    NoTargetCpu(String),
    /// Fewer samples than percentiles need.
    FewRequests {
        /// OK responses.
        ok: u64,
    },
    /// The window shows no expiry of the cache.
    WindowShorterThanTtl {
        /// Seconds.
        window: f64,
        /// Seconds.
        ttl: f64,
    },
    /// The profile was not taken.
    NoProfile(String),
    /// The profile ended before its time.
    ShortProfile {
        /// Seconds that it has.
        seconds: u32,
        /// Why.
        why: String,
    },
    /// The profile saw too little or too much of the CPU time.
    CaptureRatio {
        /// CPU time in the profile by that of the target.
        ratio: f64,
        /// Share of the machine's CPU time that its host took meanwhile, if that is known.
        steal: Option<f64>,
    },
    /// The profile has few samples.
    FewSamples(u64),
    /// The gateway's counters could not be read.
    NoCounters(String),
    /// The gateway's counters could not be read at the end of the window.
    CountersEnd {
        /// When they were read last, s after its start.
        after: f64,
        /// Why not at the end.
        why: String,
    },
    /// The target's certificate was not checked.
    AnyCertificate,
    /// Connections that are closed may hold more local ports than there are.
    FewPorts {
        /// Ports that are held at a time, at worst.
        held: f64,
        /// Ports that there are.
        ports: u32,
    },
    /// Chance does not explain how unevenly the instances shared the OK responses.
    UnevenInstances(Vec<(String, f64)>),
    /// Readings of the target, or rows of the series, were late or missing.
    Late(Late),
    /// A service ended by itself: the target had to go on without it.
    ServiceEnded(String),
    /// The gateway reported a failure when it was stopped, such as acknowledged payloads that are lost.
    BadStop(String),
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTargetCpu(why) => write!(f, "the target's CPU is not known: {why}"),
            Self::FewRequests { ok } => write!(
                f,
                "only {ok} OK responses: p99 and above rest on a few of them; use a longer duration"
            ),
            Self::WindowShorterThanTtl { window, ttl } => {
                write!(
                    f,
                    "the window of {} is shorter than the cache's TTL of {} and shows no expiry; use a longer duration",
                    seconds(*window),
                    seconds(*ttl)
                )
            }
            Self::NoProfile(why) => write!(f, "no profile: {why}"),
            Self::ShortProfile { seconds, why } => {
                write!(f, "the profile has only the first {seconds} s: {why}")
            }
            Self::CaptureRatio { ratio, steal } => {
                let held = ratio * 100.0;
                write!(f, "the profile holds {held:.0} % of the target's CPU time: ")?;
                match steal {
                    _ if *ratio < 1.0 => {
                        f.write_str("shares are sound only if what is missing was lost at random")
                    }
                    Some(steal) if *steal > STEAL_LIMIT => write!(
                        f,
                        "the machine's host took {:.0} % of all CPU time meanwhile, which a sampler's clock counts and a process's CPU time does not; shares are sound if that hits all code alike, and a quieter machine makes sure",
                        steal * 100.0
                    ),
                    _ => f.write_str(
                        "its CPU time may lack processes that ended meanwhile; costs are then too small",
                    ),
                }
            }
            Self::FewSamples(samples) => write!(
                f,
                "the profile has {samples} samples: shares are rough; profile for longer"
            ),
            Self::NoCounters(why) => write!(f, "the gateway's counters are not known: {why}"),
            Self::CountersEnd { after, why } => write!(
                f,
                "the gateway's counters are those of the first {}: {why}",
                seconds(*after)
            ),
            Self::AnyCertificate => f.write_str(
                "the target's certificate was not checked (`insecure`): what answered may be anyone; name its authority with `tls.ca` or --cacert",
            ),
            Self::FewPorts { held, ports } => write!(
                f,
                "a connection for each request may hold {held:.0} local ports at this rate, for Linux keeps the port of a connection that this side closed first, and there are {ports}: what finds none fails as connect_failed; `sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"` gives more, `sysctl -w net.ipv4.tcp_tw_reuse=1` frees them after a second"
            ),
            Self::UnevenInstances(shares) => {
                let each = shares.iter().map(|(address, share)| {
                    format!("{} by {address}", crate::units::format_share(*share))
                });
                write!(
                    f,
                    "the instances answered unequal shares of the OK responses: {}; look at their failures and CPU",
                    each.collect::<Vec<_>>().join(", ")
                )
            }
            Self::Late(late) => write!(f, "{late}"),
            Self::ServiceEnded(words) => write!(
                f,
                "the figures hold a target without one of its services: {words}"
            ),
            Self::BadStop(why) => write!(f, "the gateway did not end well after the load: {why}"),
        }
    }
}

/// Steal above this share disturbs a measurement.
const STEAL_LIMIT: f64 = 0.02;
/// A worker above this share of a core may delay what it measures.
const BUSY_WORKER: f64 = 0.8;
/// A worker above this share of a core sets the pace.
const SATURATED_WORKER: f64 = 0.95;
/// A worker that waits for a CPU for more than this share of a window disturbs a measurement.
const WAIT_LIMIT: f64 = 0.1;
/// Dispatch lag above this at p99 disturbs an open loop, µs.
const LAG_LIMIT_US: f64 = 1_000.0;

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

    /// A counter's increase per second.
    pub fn counter_rate(&self, name: &str) -> Option<f64> {
        per(*self.counters.get(name)? as f64, self.seconds())
    }

    /// Cache hits by lookups.
    pub fn hit_rate(&self) -> Option<f64> {
        let (hits, misses) = (
            *self.counters.get("cache_hits")? as f64,
            *self.counters.get("cache_misses")? as f64,
        );
        per(hits, hits + misses)
    }

    /// Share of the scheduled requests that were sent in the window; 1 for a closed loop.
    pub fn sent_share(&self, total: &Tally) -> f64 {
        match self.load.model {
            LoadModel::Closed => 1.0,
            LoadModel::Open { .. } => total.scheduled_share().unwrap_or(1.0),
        }
    }

    /// How far the figures are the target's, and why not.
    pub fn trust(&self, total: &Tally) -> Trust {
        let mut reasons = Vec::new();
        let mut level = TrustLevel::Trusted;
        let mut because = |of: TrustLevel, reason: String| {
            level = level.max(of);
            reasons.push(reason);
        };
        let busiest = self
            .rounds
            .iter()
            .map(|round| round.busiest_worker)
            .fold(0.0, f64::max);
        if busiest >= SATURATED_WORKER {
            because(
                TrustLevel::ClientLimited,
                format!(
                    "a worker of the generator used {:.0} % of a core: the target may be faster",
                    busiest * 100.0
                ),
            );
        } else if busiest >= BUSY_WORKER {
            because(
                TrustLevel::Suspect,
                format!(
                    "a worker of the generator used {:.0} % of a core",
                    busiest * 100.0
                ),
            );
        }
        if matches!(self.load.model, LoadModel::Open { .. }) && !total.dispatch_lag.is_empty() {
            let lag = value_at(&total.dispatch_lag, 0.99);
            if lag > LAG_LIMIT_US {
                because(
                    TrustLevel::Suspect,
                    format!(
                        "the generator sent 1 % of requests more than {} late",
                        crate::units::format_us(lag)
                    ),
                );
            }
        }
        if let Some(steal) = self.steal_share()
            && steal > STEAL_LIMIT
        {
            because(
                TrustLevel::Suspect,
                format!(
                    "the machine's host took {:.1} % of its CPU time",
                    steal * 100.0
                ),
            );
        }
        if let Some(wait) = self.worker_wait()
            && wait > WAIT_LIMIT
        {
            because(
                TrustLevel::Suspect,
                format!(
                    "a worker of the generator waited for a CPU for {:.0} % of the window: latencies hold that too; leave it a core",
                    wait * 100.0
                ),
            );
        }
        Trust { level, reasons }
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

fn seconds(seconds: f64) -> String {
    crate::units::format_duration(Duration::from_secs_f64(seconds))
}

fn per(amount: f64, of: f64) -> Option<f64> {
    (of > 0.0).then(|| amount / of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_ratio_says_what_it_may_come_from() {
        let check = |ratio: f64, steal: Option<f64>, says: &str| {
            let said = Warning::CaptureRatio { ratio, steal }.to_string();
            assert!(said.contains(says), "{said}");
        };
        check(
            0.5,
            Some(0.3),
            "holds 50 % of the target's CPU time: shares are sound only if",
        );
        check(
            1.4,
            Some(0.17),
            "the machine's host took 17 % of all CPU time meanwhile",
        );
        check(1.4, Some(0.01), "may lack processes that ended");
        check(1.4, None, "may lack processes that ended");
    }
}
